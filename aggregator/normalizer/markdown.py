"""Markdown rendered to HTML that is not yet sanitised. Pure.

It is CommonMark with the tables, strikethrough and bare addresses of GitHub Flavored Markdown, and with footnotes,
which are numbered and listed at the end. Headings get no ids: a link such as `#results` leads to the item's own page,
which has its own, and several items lie on one page of a reader.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from aggregator.model.urls import LONGEST_URL
from aggregator.normalizer import growth

MOST_BARE_ADDRESSES = 5_000
"""How many bare addresses of a body become links."""

FOOTNOTE_ID = re.compile(r"fn(?:ref)?-[0-9a-f]{8}-[0-9]{1,5}")
"""The ids of a footnote and of where it is referred to; the digits in the middle are those of the item."""

_DEFINITION = re.compile(r"^[ >\t]*(?:(?:[-+*]|[0-9]+[.)])[ \t]+)?\[\^[^\s\]]+\]:", re.MULTILINE)
# Bounded, since the plugin looks for the end of each "[^" in all of the text.
_REFERENCE = re.compile(r"\[\^[^\s\]]{1,200}\]")
# GFM §6.9, and after and before the letters and full-width marks of scripts without blanks.
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9_/:.@=&-])(?:https?://|www\.)[^\s<>\u3000-\u303f\uff01-\uff20\uff5b-\uff65\u2018-\u201f]++"
    r"|(?<![A-Za-z0-9_./:+-])(?P<mail>[A-Za-z0-9._+-]{1,64}+@[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++)",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:https?://)?+((?:[\w-]++\.)++[^\W_](?:[^\W_]|-)*+)(?::[0-9]{1,5})?(?=[/?#]|\Z)", re.IGNORECASE)
_HINTS = ("://", "www.", "WWW.", "@")
_AFTERWARDS = frozenset("?!.,:;*_~'\"]}|`")
_HTML_LINK = re.compile(r"<(/?)a[\s>]", re.IGNORECASE)


def rendered(body: str, *, page: str) -> str | None:
    """Return Markdown as HTML, or None if it would become more than it may (G21).

    The ids of footnotes are made from the address `page`, so that no two items have the same.
    """
    allowed = growth.allowed(body)
    if growth.completes_tables(body, allowed):
        return None
    parser = _with_footnotes() if "[^" in body and _DEFINITION.search(body) else _parser()
    env: dict[str, Any] = {"item": f"{zlib.crc32(page.encode()):08x}"}
    tokens = parser.parse(body, env)
    if growth.length_of_addresses(tokens) > allowed:
        return None
    html: str = parser.renderer.render(tokens, parser.options, env)
    return html


@cache
def _parser() -> MarkdownIt:
    return _new_parser()


def _new_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.core.ruler.after("inline", "bare_addresses", _link_bare_addresses)
    return parser


@cache
def _with_footnotes() -> MarkdownIt:
    from mdit_py_plugins.footnote import footnote_plugin  # noqa: PLC0415 - few bodies have footnotes
    from mdit_py_plugins.footnote.index import footnote_ref  # noqa: PLC0415

    def reference(state: StateInline, silent: bool) -> bool:
        return _REFERENCE.match(state.src, state.pos) is not None and footnote_ref(state, silent)

    parser = _new_parser()
    footnote_plugin(parser, inline=False)
    parser.inline.ruler.at("footnote_ref", reference)
    parser.add_render_rule("footnote_ref", _reference)
    parser.add_render_rule("footnote_block_open", lambda *_: "<hr>\n<ol>\n")
    parser.add_render_rule("footnote_block_close", lambda *_: "</ol>\n")
    parser.add_render_rule("footnote_open", _footnote)
    parser.add_render_rule("footnote_anchor", _way_back)
    return parser


def _reference(_: object, tokens: list[Token], index: int, __: object, env: dict[str, Any]) -> str:
    meta = tokens[index].meta
    name, number = f"{env['item']}-{meta['id'] + 1}", meta["id"] + 1
    own = "" if meta["subId"] else f' id="fnref-{name}"'
    return f'<sup><a href="#fn-{name}"{own}>{number}</a></sup>'


def _footnote(_: object, tokens: list[Token], index: int, __: object, env: dict[str, Any]) -> str:
    return f'<li id="fn-{env["item"]}-{tokens[index].meta["id"] + 1}">'


def _way_back(_: object, tokens: list[Token], index: int, __: object, env: dict[str, Any]) -> str:
    meta = tokens[index].meta
    return "" if meta["subId"] else f' <a href="#fnref-{env["item"]}-{meta["id"] + 1}">\u21a9\ufe0e</a>'


def _link_bare_addresses(state: StateCore) -> None:
    """Make links of addresses in text.

    It is not markdown-it's own rule, which copies all tokens of a paragraph for each link, and whose library takes
    longer to import than the parser.
    """
    budget = iter(range(MOST_BARE_ADDRESSES))
    for block in state.tokens:
        if block.children and any(hint in block.content for hint in _HINTS):
            block.children = list(_with_links(_joined(block.children), budget))


def _joined(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield tokens, of which text and entities beside each other are one; an escaped character stays apart."""
    text: Token | None = None
    for token in tokens:
        if token.type == "text" or (token.type == "text_special" and token.info == "entity"):
            if text is None:
                token.type, text = "text", token
            else:
                text.content += token.content
            continue
        if text is not None:
            yield text
            text = None
        yield token
    if text is not None:
        yield text


def _with_links(tokens: Iterable[Token], budget: Iterator[int]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth = max(0, depth + _enters_link(token))
        if token.type == "text" and not depth:
            yield from _split(token, budget)
        else:
            yield token


def _enters_link(token: Token) -> int:
    """Return 1 for the start of a link, -1 for its end, else 0."""
    if token.type == "link_open":
        return 1
    if token.type == "link_close":
        return -1
    tag = _HTML_LINK.match(token.content) if token.type == "html_inline" else None
    return 0 if tag is None else -1 if tag[1] else 1


def _split(token: Token, budget: Iterator[int]) -> Iterator[Token]:
    """Yield the tokens of a text, with links as long as the budget lasts."""
    text, done = token.content, 0
    for found in _ADDRESS.finditer(text):
        address = found[0][: _end(found[0])]
        target = _target(address, is_mail=found["mail"] is not None)
        if not target or next(budget, None) is None:
            continue
        yield from _text(text[done : found.start()], token.level)
        yield Token("link_open", "a", 1, attrs={"href": target}, level=token.level)
        yield from _text(address, token.level + 1)
        yield Token("link_close", "a", -1, level=token.level)
        done = found.start() + len(address)
    yield from _text(text[done:], token.level)


def _text(content: str, level: int) -> Iterator[Token]:
    if content:
        yield Token("text", "", 0, content=content, level=level)


def _target(address: str, *, is_mail: bool) -> str:
    if is_mail:
        return "" if address.endswith(("-", "_")) else f"mailto:{address}"
    host = _HOST.match(address) if len(address) <= LONGEST_URL else None
    if host is None or "_" in host[1].rsplit(".", 2)[-2]:
        return ""
    return address if address[:4].lower() == "http" else f"https://{address}"


def _end(address: str) -> int:
    """Return where an address ends before the punctuation and the parentheses of the sentence around it (GFM §6.9)."""
    end = len(address)
    unopened = address.count(")") - address.count("(")
    while end and (address[end - 1] in _AFTERWARDS or (address[end - 1] == ")" and unopened > 0)):
        unopened -= address[end - 1] == ")"
        end -= 1
    return end
