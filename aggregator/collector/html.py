"""HTML of upstream entries: absolute addresses, no tracking, plain text of it. Pure.

Nothing is parsed into a tree and written again: what need not change keeps its bytes. It is not made safe here, which
the normalizer does when it reads the seed. Every function takes time linear in the length of the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urljoin

from aggregator.model import urls

TRACKING = frozenset([
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "utm_name", "utm_reader",
    "utm_brand", "utm_social", "utm_social-type", "utm_place", "utm_pubreferrer", "utm_swu", "utm_viz_id",
    "utm_source_platform", "utm_creative_format", "utm_marketing_tactic", "fbclid", "gclid", "gclsrc", "dclid",
    "gbraid", "wbraid", "msclkid", "yclid", "ysclid", "twclid", "ttclid", "igshid", "li_fat_id", "mc_cid", "mc_eid",
    "_hsenc", "_hsmi", "__hstc", "__hssc", "__hsfp", "hsctatracking", "mkt_tok", "vero_id", "vero_conv", "oly_anon_id",
    "oly_enc_id", "wickedid", "rb_clickid", "s_cid", "ml_subscriber", "ml_subscriber_hash", "pk_campaign", "pk_kwd",
    "pk_source", "pk_medium", "pk_content", "mtm_campaign", "mtm_source", "mtm_medium", "mtm_content", "mtm_keyword",
    "piwik_campaign", "piwik_kwd", "at_campaign", "at_medium", "ga_source", "ga_medium", "ga_term", "ga_content",
    "ga_campaign", "ga_place", "__twitter_impression", "_openstat", "ncid", "sr_share", "guccounter",
])  # fmt: skip
"""The parameters of a query that tell a site where a reader came from, and nothing else; in lower case."""

SUMMARY_LENGTH = 300
TITLE_LENGTH = 80

_ADDRESSES = frozenset({"href", "src", "cite", "poster", "data-src", "data-lazy-src", "data-original"})
_SETS = frozenset({"srcset", "data-srcset", "data-lazy-srcset"})
_OPENING = re.compile(r"<(?:!--|([A-Za-z][^\s/>]*))")
_ATTRIBUTE = re.compile(r"[\s/]*+([^\s/>=\"'<][^\s/>=]*+)(?:\s*+=\s*+(\"[^\"]*\"|'[^']*'|[^\s>]++))?")
_TAG_END = re.compile(r"[\s/]*>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*+>|<![A-Za-z\[][^<>]*+>|<\?[^<>]*+>")
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt"
    r"|time|u|var|wbr)(?:\s[^<>]*+)?/?>",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<(?:(script|style|template|noscript|title)\b|!--)", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*+)?/?>")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_PIXELS = re.compile(r"\s*([01])(?:\.0+)?\s*(?:px)?\s*", re.IGNORECASE)
_STYLED_PIXELS = re.compile(r"(?:^|[;\s])(width|height)\s*:\s*[01](?:px)?\s*(?:!important)?\s*(?:;|$)", re.IGNORECASE)
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")
_CANDIDATE = re.compile(r"[\s,]*([^\s,]\S*)((?:\s+[^\s,]+)?\s*(?:,|$))")
_LONGEST_SET = 10_000
# Characters without a glyph that are neither spaces nor controls.
_INVISIBLE = frozenset(
    " \u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\ufffd"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_WHITE = re.compile(r"\s+")


class _Attribute(NamedTuple):
    name: str
    value: str
    start: int
    end: int
    begin: int
    """Where the attribute begins, with the blanks before it; `start` is where its value does."""


def absolute(fragment: str, base: str) -> str:
    """Return an HTML fragment with its addresses absolute, without pictures of one pixel and without tracking.

    Addresses resolve against `base`, an absolute URL, which `xml:base` in the fragment may change for what is in its
    element's tag. What cannot be resolved stays as it is.
    """
    parts, done = list[str](), 0
    for name, attributes, start, end in _tags(fragment):
        if name == "img" and _is_pixel(attributes):
            parts.append(fragment[done:start])
            done = end
            continue
        for attribute in attributes:
            value = _resolved(attribute, base)
            if value is not None:
                parts += (fragment[done : attribute.start], f'"{html.escape(value)}"')
                done = attribute.end
    return "".join([*parts, fragment[done:]]) if parts else fragment


def without_addresses(fragment: str, is_refused: Callable[[str], object]) -> str:
    """Return an HTML fragment whose addresses are absolute without those that are refused, nor pictures from there."""
    parts, done = list[str](), 0
    for name, attributes, start, end in _tags(fragment):
        refused = [one for one in attributes if any(map(is_refused, _addresses_in(one)))]
        is_picture = name == "img" and any(one.name == "src" for one in refused)
        cuts = [(start, end)] if is_picture else [(one.begin, one.end) for one in refused]
        for first, last in cuts:
            parts.append(fragment[done:first])
            done = last
    return "".join([*parts, fragment[done:]]) if parts else fragment


def _addresses_in(attribute: _Attribute) -> list[str]:
    if attribute.name in _SETS:
        return [found[1] for found in _CANDIDATE.finditer(attribute.value)]
    return [attribute.value] if attribute.name in _ADDRESSES else []


def _tags(fragment: str) -> Iterator[tuple[str, list[_Attribute], int, int]]:
    """Yield the opening tags: the name in lower case, the attributes, the start and the end."""
    position = 0
    while (found := _OPENING.search(fragment, position)) is not None:
        position = found.end()
        if found[1] is None:
            position = fragment.find("-->", position - 2)
            if position < 0:
                return
            continue
        attributes = []
        while (one := _ATTRIBUTE.match(fragment, position)) is not None:
            position = one.end()
            if one[2] is not None:
                value = one[2][1:-1] if one[2][0] in "\"'" and len(one[2]) > 1 else one[2]
                name = one[1].lower()
                attributes.append(_Attribute(name, html.unescape(value), one.start(2), one.end(2), one.start()))
        closing = _TAG_END.match(fragment, position)
        if closing is not None:
            position = closing.end()
            yield found[1].lower(), attributes, found.start(), position


def _is_pixel(attributes: list[_Attribute]) -> bool:
    said = {one.name: one.value for one in attributes}
    sized = {name for name in ("width", "height") if _PIXELS.fullmatch(said.get(name, ""))}
    styled = {name.lower() for name in _STYLED_PIXELS.findall(said.get("style", ""))}
    return {"width", "height"} <= sized | styled


def _resolved(attribute: _Attribute, base: str) -> str | None:
    """Return what an attribute's value becomes, or None if it stays."""
    if attribute.name in _SETS and len(attribute.value) <= _LONGEST_SET:
        found = _CANDIDATE.sub(lambda one: f"{_joined(one[1], base)}{one[2]} ", attribute.value).strip()
        return found if found != attribute.value else None
    if attribute.name not in _ADDRESSES:
        return None
    found = without_tracking(_joined(attribute.value, base))
    return found if found != attribute.value else None


def _joined(address: str, base: str) -> str:
    stripped = address.strip()
    if not stripped or _SCHEME.match(stripped):
        return address
    try:
        return urljoin(base, stripped)
    except ValueError:
        return address


def without_tracking(address: str) -> str:
    """Return an address without the parameters of its query that are in `TRACKING`."""
    if "?" not in address:
        return address
    before, _, rest = address.partition("?")
    query, hash_sign, fragment = rest.partition("#")
    kept = [one for one in query.split("&") if one.partition("=")[0].lower() not in TRACKING]
    if len(kept) == query.count("&") + 1:
        return address
    return before + ("?" if kept else "") + "&".join(kept) + hash_sign + fragment


def address_of(address: str, base: str) -> str:
    """Return the canonical URL of an address without tracking, resolved against `base`, or "" if it is none."""
    try:
        return without_tracking(urls.canonical(without_tracking(address), base))
    except ValueError:
        return ""


def plain(fragment: str) -> str:
    """Return the text of HTML on one line: without tags, scripts and comments, its entities decoded once."""
    text = _without_hidden(fragment)
    text = _TAG.sub(" ", _INLINE.sub("", text)) if "<" in text else text
    return _WHITE.sub(" ", html.unescape(text)).strip()


def alternative(fragment: str) -> str:
    """Return the first text that stands for a picture in HTML, or ""."""
    said = (
        one.value
        for name, attributes, _, _ in _tags(fragment)
        if name == "img"
        for one in attributes
        if one.name in {"alt", "title"}
    )
    return next((one_line(text) for text in said if not is_blank(text)), "")


def loosely_plain(text: str) -> str:
    """Return text that may or may not be HTML, as titles of RSS are, on one line.

    Tags that format are dropped, other words in angle brackets stay (`Vec<T>`), entities are decoded once.
    """
    return _WHITE.sub(" ", html.unescape(_INLINE.sub("", text))).strip()


def one_line(text: str) -> str:
    """Return plain text on one line."""
    return _WHITE.sub(" ", text).strip()


def _without_hidden(fragment: str) -> str:
    parts, position = list[str](), 0
    while (found := _HIDDEN.search(fragment, position)) is not None:
        parts.append(fragment[position : found.start()])
        closing = rf"</{found[1]}\s*+>" if found[1] else "-->"
        end = re.compile(closing, re.IGNORECASE).search(fragment, found.end())
        if end is None:
            return "".join(parts)
        position = end.end()
    return "".join([*parts, fragment[position:]])


def from_text(text: str) -> str:
    """Return plain text as HTML: its paragraphs, and its line breaks in them."""
    return paragraphs(html.escape(text, quote=False))


def from_loose(text: str) -> str:
    """Return text that may or may not be HTML, as descriptions of RSS are, as HTML."""
    return text if _ANY_TAG.search(text) else paragraphs(text)


def paragraphs(text: str) -> str:
    """Return HTML without tags as paragraphs, which blank lines separate."""
    if not text.strip():
        return ""
    return "\n".join(f"<p>{one.strip()}</p>" for one in _BLANK_LINES.split(text.strip()))


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen."""
    return not any(sign.isprintable() and sign not in _INVISIBLE for sign in text)


def cut(text: str, length: int) -> str:
    """Return plain text of at most `length` characters, cut between words."""
    if len(text) <= length:
        return text
    short = text[: length - 1]
    words, _, _ = short.rpartition(" ")
    return (words if len(words) > length // 2 else short).rstrip(" ,;:-") + "…"
