"""What a reader sees of an item: a stored `Seed` in, an `Item` with a summary and sanitised HTML out; pure.

This is the expensive part (Markdown, sanitising), so it is done only for items that a feed shows.
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
"""How many characters of the body make a summary where a seed has no excerpt."""

LONG_BEGINNING = 20_000
"""How many characters of HTML are first looked at for that."""

MOST_READINGS = 5
"""How often HTML is sanitised until it stays as it is."""

DEEPEST = 500
"""How many elements may be open in each other: a parser's time grows with the square of that."""

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
# One tag as a parser reads it (HTML standard §13.2.5.32 to 39), with more attributes than anybody writes.
_MANY_ATTRIBUTES = re.compile(
    r"""<[a-zA-Z][^\s/>]*+
    (?:[\s/]*+ [^\s/>][^\s/>=]*+ (?:\s*+=\s*+ (?:"[^"]*+" | '[^']*+' | [^\s>"'][^\s>]*+)?+)?+){200}""",
    re.VERBOSE,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_NEVER_DEEP = frozenset([
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p",
    "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
])  # fmt: skip
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z0-9]{2,8}))?(?:[-_]([A-Za-z0-9]{2,8}))?")


def item(
    seed: Seed, *, id: str, topics: Sequence[str], related: Sequence[Related], now: int,  # noqa: A002 - the field's own name
    content: Literal["full", "summary"] = "full",
) -> Item:  # fmt: skip
    """Prepare `seed` for the feeds.

    `id` is what the index remembers, `topics` the names to show, `related` those that may be listed; `now` (seconds
    since 1970) keeps an `updatedDateTime` that lies in the future out of the feeds until it has come.
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


def listed(related: Sequence[Related], min_quality: int | None) -> tuple[Related, ...]:
    """Give the related items that may be shown: those whose quality, if they have one, reaches `min_quality`."""
    return tuple(one for one in related if min_quality is None or one.quality is None or one.quality >= min_quality)


def sanitised(fragment: str, *, base: str, picture: Image | None = None, written: str = "") -> str:
    """Make an HTML fragment safe: balanced, allowed tags only, absolute http(s) URLs resolved against `base`.

    An iframe becomes a linked thumbnail: `picture`, or the video's own, or a link in words. What would be nested more
    than `DEEPEST` deep, or has hundreds of attributes, is no text that anybody wrote, and is shown as it was typed:
    as `written`, if the fragment was made of that.
    """
    fragment = text.multiline(fragment)
    if _is_too_deep(fragment) or _MANY_ATTRIBUTES.search(fragment):
        return _as_typed(written or fragment)
    if "<iframe" in fragment.lower():
        # Two passes: the first only makes iframes recognisable, the second sanitises whatever came of it.
        framed = _clean(fragment, base, tags=_TAGS | {"iframe"}, attributes={**_ATTRIBUTES, "iframe": {"src"}})
        fragment = _IFRAME.sub(lambda frame: _thumbnail(html.unescape(frame[1] or ""), picture), framed)
    cleaned = _settled(fragment, base)
    return text.multiline(cleaned).strip()


def _as_typed(written: str) -> str:
    return f"<pre>{html.escape(text.multiline(written).strip(), quote=False)}</pre>"


def _is_too_deep(fragment: str) -> bool:
    """Say whether more elements are opened in each other than is sane; those that end by themselves do not count."""
    if fragment.count("<") <= DEEPEST:
        return False
    depth = 0
    for closing, name in _TAG.findall(fragment):
        if name.lower() not in _NEVER_DEEP:
            depth = max(0, depth + (-1 if closing else 1))
            if depth > DEEPEST:
                return True
    return False


def _settled(fragment: str, base: str) -> str:
    """Sanitise until it stays as it is: what a reader parses must be what was looked at.

    Most stays at once. Headings in headings and what stands between the parts of a table move when they are read again
    (HTML standard §13.2.6.4), and a reader eats the line break right behind <pre> (§13.1.2.5).
    """
    for _ in range(MOST_READINGS):
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
            return None  # `_IFRAME` knows no other
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
        return _as_typed(seed.body)
    return sanitised(_markdown().render(seed.body), base=seed.link, written=seed.body) if seed.body else ""


def _embed(seed: Seed) -> str:
    if text.is_overmarked(seed.embed):
        return _as_typed(seed.embed)
    picture = seed.images[0] if seed.images else None
    return sanitised(seed.embed, base=seed.link, picture=picture) if seed.embed else ""


def _beginning(body_html: str) -> str:
    """Give the body's text, or at least as much of it as a summary takes; a long one is not read to its end."""
    words = text.plain(_UNFINISHED.sub("", body_html[:LONG_BEGINNING]))
    return words if len(words) > EXCERPT_FROM_BODY else text.plain(body_html)


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
    shown = f'<img src="{html.escape(source)}" alt="{html.escape(words)}">' if source else html.escape(words)
    return f'<p><a href="{html.escape(target)}">{shown}</a></p>'


def _language(locale: str) -> str:
    """Give a BCP 47 tag of a locale as people write it (`pt_BR`, `de`), or ""."""
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
