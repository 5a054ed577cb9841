"""Prepare a stored seed for the feeds, as an item with a summary and sanitised HTML. Pure.

Markdown and sanitising are expensive, so this is done only for items that a feed shows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

from aggregator.model.items import Image, Item, Related, Seed
from aggregator.normalizer import links, text

EXCERPT_FROM_BODY = 300
"""How many characters of the body make the summary of a seed without an excerpt."""

BEGINNING = 20_000
"""How many characters of the body's HTML are tried first for that summary."""

MAX_PASSES = 5
"""How often HTML is sanitised at most until it no longer changes."""

MAX_DEPTH = 500
"""How deep elements may be nested: a parser's time grows with the square of the depth."""

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
# A tag as an HTML parser reads it (HTML standard §13.2.5.32 to 39), with more attributes than anybody writes.
_MANY_ATTRIBUTES = re.compile(
    r"""<[a-zA-Z][^\s/>]*+
    (?:[\s/]*+ [^\s/>][^\s/>=]*+ (?:\s*+=\s*+ (?:"[^"]*+" | '[^']*+' | [^\s>"'][^\s>]*+)?+)?+){200}""",
    re.VERBOSE,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_SELF_CLOSING = frozenset([
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p",
    "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
])  # fmt: skip
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
        image=seed.images[0] if seed.images else None,
        provider=seed.provider, quality=seed.quality, heat=seed.heat, type=seed.type, language=_language(seed.locale),
        related=tuple(related),
    )  # fmt: skip


def visible_related(related: Sequence[Related], min_quality: int | None) -> tuple[Related, ...]:
    """Return the related items to list: those whose quality, if they have one, is at least `min_quality`."""
    return tuple(one for one in related if min_quality is None or one.quality is None or one.quality >= min_quality)


def sanitised(fragment: str, *, base: str, picture: Image | None = None, written: str = "") -> str:
    """Return an HTML fragment made safe: balanced, with allowed tags only, all URLs http(s) and absolute.

    URLs are resolved against `base`. An iframe becomes a linked thumbnail (`picture`, or the video's own) or a link.
    A fragment that is nested more than `MAX_DEPTH` deep, or has a tag of hundreds of attributes, is shown as plain
    text: `written`, if the fragment was made from that, else the fragment itself.
    """
    fragment = text.multiline(fragment)
    if _is_too_deep(fragment) or _MANY_ATTRIBUTES.search(fragment):
        return _as_plain_text(written or fragment)
    if "<iframe" in fragment.lower():
        # Two passes: the first makes iframes recognisable, the second sanitises the result.
        framed = _clean(fragment, base, tags=_TAGS | {"iframe"}, attributes={**_ATTRIBUTES, "iframe": {"src"}})
        fragment = _IFRAME.sub(lambda frame: _thumbnail(html.unescape(frame[1] or ""), picture), framed)
    cleaned = _sanitised_until_stable(fragment, base)
    return text.multiline(cleaned).strip()


def _as_plain_text(written: str) -> str:
    return f"<pre>{html.escape(text.multiline(written).strip(), quote=False)}</pre>"


def _is_too_deep(fragment: str) -> bool:
    """Return whether elements are nested more than `MAX_DEPTH` deep, without those that close by themselves."""
    if fragment.count("<") <= MAX_DEPTH:
        return False
    depth = 0
    for closing, name in _TAG.findall(fragment):
        if name.lower() not in _SELF_CLOSING:
            depth = max(0, depth + (-1 if closing else 1))
            if depth > MAX_DEPTH:
                return True
    return False


def _sanitised_until_stable(fragment: str, base: str) -> str:
    """Return the fragment sanitised until it no longer changes: what a reader parses must be what was checked.

    Most fragments need one pass. Headings in headings and text between the parts of a table move when they are parsed
    again (HTML standard §13.2.6.4), and a parser drops the line break right after <pre> (§13.1.2.5).
    """
    for _ in range(MAX_PASSES):
        before = fragment
        fragment = _clean(fragment, base, tags=_TAGS, attributes=_ATTRIBUTES)
        fragment = _PRE_BREAKS.sub(r"\1", _IMAGE_WITHOUT_SOURCE.sub("", fragment))
        if fragment == before:
            break
    return fragment


def _clean(fragment: str, base: str, *, tags: frozenset[str], attributes: dict[str, set[str]]) -> str:
    return nh3.clean(
        fragment, tags=set(tags), clean_content_tags=set(_WITHOUT_CONTENT), attributes=attributes,
        attribute_filter=_attribute_filter(base), link_rel=None, url_schemes={"http", "https"},
    )  # fmt: skip


def _attribute_filter(base: str) -> Callable[[str, str, str], str | None]:
    def keep(tag: str, name: str, value: str) -> str | None:
        if tag == "iframe" and name != "src":
            return None  # `_IFRAME` matches no other
        if name in _ADDRESSES:
            try:
                return links.canonical(value, base, entities=False)
            except ValueError:
                return None
        if name in {"width", "height", "colspan", "rowspan", "start"}:
            return value if value.isascii() and value.isdigit() and len(value) < 6 else None
        return value

    return keep


def _body(seed: Seed) -> str:
    if text.is_overmarked(seed.body):
        return _as_plain_text(seed.body)
    return sanitised(_markdown().render(seed.body), base=seed.link, written=seed.body) if seed.body else ""


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


def _thumbnail(address: str, picture: Image | None) -> str:
    if not address:
        return ""
    video = links.youtube_id(address)
    target = f"https://www.youtube.com/watch?v={video}" if video else address
    source = picture.url if picture else f"https://i.ytimg.com/vi/{video}/hqdefault.jpg" if video else ""
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
