"""Prepare a stored seed for the feeds, as an item with a summary and sanitised HTML. Pure.

Markdown and sanitising are expensive, so this is done only for items that a feed shows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

from aggregator.model.items import Image, Item, Related, Seed
from aggregator.normalizer import growth, links, text

EXCERPT_FROM_BODY = 300
"""How many characters of the body make the summary of a seed without an excerpt."""

BEGINNING = 20_000
"""How many characters of the body's HTML are tried first for that summary."""

MAX_PASSES = 5
"""How often HTML is sanitised at most until it no longer changes."""

_TAGS = frozenset([
    "a", "abbr", "b", "bdi", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del",
    "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "picture", "pre", "q", "rp", "rt", "ruby", "s", "samp",
    "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time",
    "tr", "u", "ul", "var", "wbr",
])  # fmt: skip
_WITHOUT_CONTENT = frozenset([
    "script", "style", "svg", "math", "object", "embed", "applet", "template", "noscript", "title", "textarea",
    "select", "option", "button", "audio", "video", "canvas", "noframes", "noembed", "xmp", "plaintext", "frame",
    "frameset",
])  # fmt: skip
_ATTRIBUTES = {
    "*": {"lang", "dir"}, "a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height"},
    "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}, "ol": {"start", "reversed"},
    "time": {"datetime"}, "abbr": {"title"}, "blockquote": {"cite"}, "q": {"cite"}, "del": {"cite"}, "ins": {"cite"},
}  # fmt: skip
_ADDRESSES = frozenset({"href", "src", "cite"})
_IFRAME = re.compile(r'<iframe(?: src="([^"<>]*)")?>.*?</iframe>', re.DOTALL)
_IMAGE_WITHOUT_SOURCE = re.compile(r'<img(?: (?!src=)[a-z]+="[^"<>]*")*>')
_PRE_BREAKS = re.compile(r"(<pre[^<>]*>)\n+")
_UNFINISHED = re.compile(r"(?:<[^<>]*|&[#a-zA-Z0-9]*)\Z")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z0-9]{2,8}))?(?:[-_]([A-Za-z0-9]{2,8}))?")


def item(
    seed: Seed, *, id: str, topics: Sequence[str], related: Sequence[Related], now: int,  # noqa: A002 - the field's own name
    content: Literal["full", "summary"] = "full",
) -> Item:  # fmt: skip
    """Return `seed` as feeds show it.

    `id` is the one that the index remembers, `topics` are the names to show, `related` the items to list. An
    `updatedDateTime` after `now` (seconds since 1970) is ignored.
    """
    body_html = _body(seed) if content == "full" or not seed.excerpt else ""
    summary = text.cut(text.plain(seed.excerpt), text.SUMMARY_LENGTH)
    if text.is_blank(summary):
        summary = text.cut(_beginning(body_html), EXCERPT_FROM_BODY)
        summary = "" if text.is_blank(summary) else summary
    changed = seed.updated if seed.updated is not None and seed.updated <= now else seed.published
    return Item(
        id=id, link=seed.link, title=seed.title, published=_datetime(seed.published),
        updated=_datetime(max(seed.published, changed)), summary=summary,
        content=_content(seed, body_html, summary, related) if content == "full" else "",
        author=seed.author or (seed.provider.name or seed.provider.domain if seed.provider else ""),
        topics=tuple(dict.fromkeys(topics)), tags=tuple(dict.fromkeys((*topics, *seed.tags))),
        image=seed.images[0] if seed.images else None, media=seed.media,
        provider=seed.provider, quality=seed.quality, heat=seed.heat, type=seed.type, language=_language(seed.locale),
        related=tuple(related),
    )  # fmt: skip


def visible_related(related: Sequence[Related], min_quality: int | None) -> tuple[Related, ...]:
    """Return the related items to list: those whose quality, if they have one, is at least `min_quality`."""
    return tuple(one for one in related if min_quality is None or one.quality is None or one.quality >= min_quality)


def sanitised(fragment: str, *, base: str, picture: Image | None = None, written: str = "") -> str:
    """Return an HTML fragment made safe: balanced, with allowed tags only, all URLs http(s) and absolute.

    URLs are resolved against `base`. An iframe becomes a linked thumbnail (`picture`, or the video's own) or a link.
    A fragment that would grow beyond what `growth` allows is shown as plain text: `written`, if the fragment was made
    from that, else the fragment itself.
    """
    written = written or fragment
    try:
        return _sanitised(text.multiline(fragment), base, picture, _Budget(growth.allowed(written)))
    except _TooMuchError:
        return _as_plain_text(written)


class _TooMuchError(Exception):
    """A field would become more HTML than it may."""


class _Budget:
    """What a field may become, and what its addresses have become: the attribute filter cannot raise an exception."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._addresses = 0

    def begin(self) -> None:
        self._addresses = 0

    def spend(self, address: str) -> str | None:
        """Count an address; return None instead of it if there are too many."""
        self._addresses += len(address)
        return address if self._addresses <= self._allowed else None

    def check(self, fragment: str) -> None:
        """Raise `_TooMuchError` if a fragment is too long, or had too many addresses."""
        if max(len(fragment), self._addresses) > self._allowed:
            raise _TooMuchError


def _as_plain_text(written: str) -> str:
    return f"<pre>{html.escape(text.multiline(written).strip(), quote=False)}</pre>"


def _sanitised(fragment: str, base: str, picture: Image | None, budget: _Budget) -> str:
    if "<iframe" in fragment.lower():
        # Two passes: the first makes iframes recognisable, the second sanitises the result.
        framed = _clean(fragment, base, budget, tags=_TAGS | {"iframe"}, attributes={**_ATTRIBUTES, "iframe": {"src"}})
        budget.begin()
        fragment = _IFRAME.sub(lambda frame: _thumbnail(html.unescape(frame[1] or ""), picture, budget), framed)
        budget.check(fragment)
    cleaned = _sanitised_until_stable(fragment, base, budget)
    return text.multiline(cleaned).strip()


def _sanitised_until_stable(fragment: str, base: str, budget: _Budget) -> str:
    """Return the fragment sanitised until it no longer changes: what a reader parses must be what was checked.

    Most fragments need one pass. Headings in headings and text between the parts of a table move when they are parsed
    again (HTML standard §13.2.6.4), and a parser drops the line break right after <pre> (§13.1.2.5). What still
    changes after `MAX_PASSES` may be anything to a reader.
    """
    for _ in range(MAX_PASSES):
        before = fragment
        fragment = _clean(fragment, base, budget, tags=_TAGS, attributes=_ATTRIBUTES)
        fragment = _PRE_BREAKS.sub(r"\1", _IMAGE_WITHOUT_SOURCE.sub("", fragment))
        budget.check(fragment)
        if fragment == before:
            return fragment
    raise _TooMuchError


def _clean(
    fragment: str, base: str, budget: _Budget, *, tags: frozenset[str], attributes: dict[str, set[str]]
) -> str:  # fmt: skip
    if not growth.is_parsed_cheaply(fragment):
        raise _TooMuchError
    budget.begin()
    return nh3.clean(
        fragment, tags=set(tags), clean_content_tags=set(_WITHOUT_CONTENT), attributes=attributes,
        attribute_filter=_attribute_filter(base, budget), link_rel=None, url_schemes={"http", "https"},
    )  # fmt: skip


def _attribute_filter(base: str, budget: _Budget) -> Callable[[str, str, str], str | None]:
    def keep(tag: str, name: str, value: str) -> str | None:
        if tag == "iframe" and name != "src":
            return None  # `_IFRAME` matches no other
        if name in _ADDRESSES:
            try:
                return budget.spend(links.canonical(value, base, entities=False))
            except ValueError:
                return None
        if name in {"width", "height", "colspan", "rowspan", "start"}:
            return value if value.isascii() and value.isdigit() and len(value) < 6 else None
        return value

    return keep


def _body(seed: Seed) -> str:
    if not seed.body:
        return ""
    rendered = None if text.is_overmarked(seed.body) else _rendered(seed.body)
    if rendered is None:
        return _as_plain_text(seed.body)
    return sanitised(rendered, base=seed.base or seed.link, written=seed.body)


def _rendered(body: str) -> str | None:
    """Return Markdown as HTML, or None if it would become more than it may."""
    allowed = growth.allowed(body)
    if growth.completes_tables(body, allowed):
        return None
    markdown, env = _markdown(), dict[str, Any]()
    tokens = markdown.parse(body, env)
    if growth.length_of_addresses(tokens) > allowed:
        return None
    rendered: str = markdown.renderer.render(tokens, markdown.options, env)
    return rendered


def _embed(seed: Seed) -> str:
    if text.is_overmarked(seed.embed):
        return _as_plain_text(seed.embed)
    picture = seed.images[0] if seed.images else None
    return sanitised(seed.embed, base=seed.link, picture=picture) if seed.embed else ""


def _beginning(body_html: str) -> str:
    """Return the body's text, or enough of it for a summary: a long body is not read to its end."""
    beginning = text.plain(_UNFINISHED.sub("", body_html[:BEGINNING]))
    return beginning if len(beginning) > EXCERPT_FROM_BODY else text.plain(body_html)


def _content(seed: Seed, body_html: str, summary: str, related: Sequence[Related]) -> str:
    main = body_html or (f"<p>{html.escape(summary, quote=False)}</p>" if summary else "")
    return "\n".join(part for part in (_embed(seed), main, _coverage(related)) if part)


def _coverage(related: Sequence[Related]) -> str:
    if not related:
        return ""
    rows = "".join(
        f'<li><a href="{html.escape(one.link)}">{html.escape(one.title, quote=False)}</a>{_source(one)}</li>'
        for one in related
    )
    return f"<h4>Related coverage</h4><ul>{rows}</ul>"


def _source(one: Related) -> str:
    name = one.provider.name or one.provider.domain if one.provider else ""
    return f" ({html.escape(name, quote=False)})" if name else ""


def _thumbnail(address: str, picture: Image | None, budget: _Budget) -> str:
    if not address:
        return ""
    video = links.youtube_id(address)
    target = f"https://www.youtube.com/watch?v={video}" if video else address
    source = picture.url if picture else f"https://i.ytimg.com/vi/{video}/hqdefault.jpg" if video else ""
    if budget.spend(target + source) is None:
        return ""
    words = f"Watch on {urlsplit(target).hostname}"
    inner = f'<img src="{html.escape(source)}" alt="{html.escape(words)}">' if source else html.escape(words)
    return f'<p><a href="{html.escape(target)}">{inner}</a></p>'


def _language(locale: str) -> str:
    """Return the BCP 47 tag of a locale as people write it (`pt_BR`, `de`), or ""."""
    match = _LANGUAGE.fullmatch(locale)
    if match is None:
        return ""
    subtags = [part.title() if len(part) == 4 else part.upper() for part in match.groups()[1:] if part]
    return "-".join([match[1].lower(), *subtags])


def _datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
