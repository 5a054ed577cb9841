"""Prepare a stored seed for the feeds, as an item with a summary and sanitised HTML. Pure.

Markdown and sanitising are expensive, so this is done only for items that a feed shows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Literal, NamedTuple

import nh3

from aggregator.model.items import Image, Item, Related, Seed
from aggregator.normalizer import growth, links, markdown, media, summaries, text

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
    "*": {"lang", "dir"}, "a": {"href", "title", "id"}, "li": {"id"}, "img": {"src", "alt", "title", "width", "height"},
    "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}, "ol": {"start", "reversed"},
    "time": {"datetime"}, "abbr": {"title"}, "blockquote": {"cite"}, "q": {"cite"}, "del": {"cite"}, "ins": {"cite"},
}  # fmt: skip
_MEDIA_ATTRIBUTES = {**_ATTRIBUTES, **media.ATTRIBUTES, "img": _ATTRIBUTES["img"] | media.IMAGE_ATTRIBUTES}
_ADDRESSES = frozenset({"href", "src", "cite", "poster"})
_NUMBERS = frozenset({"width", "height", "colspan", "rowspan", "start"})
_SCHEMES = {"http", "https", "mailto", "tel"}
_IMAGE_WITHOUT_SOURCE = re.compile(r'<img(?: (?!src=)[a-z]+="[^"<>]*")*>')
_TAG = re.compile(r"<[^<>]*>")
_PRE_BREAKS = re.compile(r"(<pre[^<>]*>)\n+")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z0-9]{2,8}))?(?:[-_]([A-Za-z0-9]{2,8}))?")


def item(
    seed: Seed, *, id: str, topics: Sequence[str], related: Sequence[Related], now: int,  # noqa: A002 - the field's own name
    content: Literal["full", "summary"] = "full",
) -> Item:  # fmt: skip
    """Return `seed` as feeds show it.

    `id` is the one that the index remembers, `topics` are the names to show, `related` the items to list. An
    `updatedDateTime` after `now` (seconds since 1970) is ignored.
    """
    body = _body(seed) if content == "full" or not seed.excerpt else _NO_BODY
    summary = text.cut(text.plain(seed.excerpt), text.SUMMARY_LENGTH)
    if text.is_blank(summary):
        summary = body.excerpt or summaries.summary(body.html)
    embed = _embed(seed) if content == "full" else ""
    changed = seed.updated if seed.updated is not None and seed.updated <= now else seed.published
    return Item(
        id=id, link=seed.link, title=seed.title, published=_datetime(seed.published),
        updated=_datetime(max(seed.published, changed)), summary=summary,
        content=_content(embed, body.html, summary, related) if content == "full" else "",
        author=seed.author or (seed.provider.name or seed.provider.domain if seed.provider else ""),
        topics=tuple(dict.fromkeys(topics)), tags=tuple(dict.fromkeys((*topics, *seed.tags))),
        image=seed.images[0] if seed.images else None, media=seed.media,
        provider=seed.provider, quality=seed.quality, heat=seed.heat, type=seed.type, language=language(seed.locale),
        related=tuple(related), authors=seed.authors, source=seed.source,
        has_more=content == "full" and _tells_more(embed, body.html, summary),
    )  # fmt: skip


def _tells_more(embed: str, body: str, summary: str) -> bool:
    """Return whether an embed and a body (HTML) tell more than a summary (plain text), by their letters."""
    if embed or "<img" in body or len(body) > 3 * len(summary) + 300:
        return bool(embed or body)
    letters = "".join(html.unescape(_TAG.sub("", body)).split())
    return len(letters) > len("".join(summary.split()))


def visible_related(related: Sequence[Related], min_quality: int | None) -> tuple[Related, ...]:
    """Return the related items to list: those whose quality, if they have one, is at least `min_quality`."""
    return tuple(one for one in related if min_quality is None or one.quality is None or one.quality >= min_quality)


def sanitised(
    fragment: str, *, base: str, page: str = "", picture: Image | None = None, written: str = ""
) -> str:  # fmt: skip
    """Return an HTML fragment made safe: balanced, with allowed tags only, and absolute addresses.

    URLs are http(s), and resolved against `base`; those that begin with `#` are places on `page` (`base` if it is "").
    Links may also be `mailto:` and `tel:`. An iframe becomes a linked thumbnail (`picture`, or the video's own) or a
    link, and so do films and sounds. A fragment that would grow beyond what `growth` allows is shown as plain text:
    `written`, if the fragment was made from that, else the fragment itself.
    """
    written = written or fragment
    try:
        return _sanitised(text.multiline(fragment), picture, _Field(growth.allowed(written), base, page or base))
    except _TooMuchError:
        return _as_plain_text(written)


class _TooMuchError(Exception):
    """A field would become more HTML than it may."""


class _Field:
    """What a field may become, and what its addresses have become: the attribute filter cannot raise an exception."""

    def __init__(self, allowed: int, base: str, page: str) -> None:
        self._allowed = allowed
        self._base = base
        self._page = page
        self._addresses = 0

    def begin(self) -> None:
        self._addresses = 0

    def address(self, written: str) -> str | None:
        """Return the canonical form of an address and count it; None if it is not valid, or there are too many."""
        try:
            return self.spend(
                links.canonical(written, self._page if written.startswith("#") else self._base, entities=False)
            )
        except ValueError:
            return None

    def spend(self, address: str) -> str | None:
        """Count an address; return None instead of it if there are too many."""
        self._addresses += len(address)
        return address if self._addresses <= self._allowed else None

    def check(self, fragment: str) -> None:
        """Raise `_TooMuchError` if a fragment is too long, or had too many addresses."""
        if max(len(fragment), self._addresses) > self._allowed:
            raise _TooMuchError


_FIELD: ContextVar[_Field] = ContextVar("field")
"""The field that is being sanitised, for the attribute filter: the sanitiser is shared by threads."""


def _as_plain_text(written: str) -> str:
    return f"<pre>{html.escape(text.multiline(written).strip(), quote=False)}</pre>"


def _sanitised(fragment: str, picture: Image | None, field: _Field) -> str:
    if media.may_be_in(fragment):
        # Two passes: the first makes media recognisable, the second sanitises the result.
        recognisable = _clean(fragment, field, with_media=True)
        field.begin()
        fragment = media.as_links(recognisable, picture, field.spend)
        field.check(fragment)
    cleaned = _sanitised_until_stable(fragment, field)
    return text.multiline(cleaned).strip()


def _sanitised_until_stable(fragment: str, field: _Field) -> str:
    """Return the fragment sanitised until it no longer changes: what a reader parses must be what was checked.

    Most fragments need one pass. Headings in headings and text between the parts of a table move when they are parsed
    again (HTML standard §13.2.6.4), and a parser drops the line break right after <pre> (§13.1.2.5). What still
    changes after `MAX_PASSES` may be anything to a reader.
    """
    for _ in range(MAX_PASSES):
        before = fragment
        fragment = _clean(fragment, field)
        fragment = _PRE_BREAKS.sub(r"\1", _IMAGE_WITHOUT_SOURCE.sub("", fragment))
        field.check(fragment)
        if fragment == before:
            return fragment
    raise _TooMuchError


def _clean(fragment: str, field: _Field, *, with_media: bool = False) -> str:
    if not growth.is_parsed_cheaply(fragment):
        raise _TooMuchError
    field.begin()
    token = _FIELD.set(field)
    try:
        return _cleaner(with_media=with_media).clean(fragment)
    finally:
        _FIELD.reset(token)


@cache
def _cleaner(*, with_media: bool) -> nh3.Cleaner:
    """Return a sanitiser: to make one takes twenty times as long as to use it."""
    tags = _TAGS | media.ATTRIBUTES.keys() if with_media else _TAGS
    return nh3.Cleaner(
        tags=set(tags), clean_content_tags=set(_WITHOUT_CONTENT - tags), link_rel=None, url_schemes=_SCHEMES,
        attributes=_MEDIA_ATTRIBUTES if with_media else _ATTRIBUTES, attribute_filter=_kept,
    )  # fmt: skip


def _kept(tag: str, name: str, value: str) -> str | None:
    """Return an attribute's value as it stays, or None if it goes."""
    if tag in media.ATTRIBUTES and name not in media.ATTRIBUTES[tag]:
        return None  # `media` recognises no other
    if name in _ADDRESSES:
        field = _FIELD.get()
        contact = "" if name != "href" or value.startswith("http") else links.contact(value)
        return field.spend(contact) if contact else field.address(value)
    if name in _NUMBERS:
        return value if value.isascii() and value.isdigit() and len(value) < 6 else None
    if name == "id":
        return value if markdown.FOOTNOTE_ID.fullmatch(value) else None
    return value


class _Body(NamedTuple):
    """A body as sanitised HTML, and the excerpt that it marks itself; "" each if there is none that can be seen."""

    html: str
    excerpt: str


_NO_BODY = _Body("", "")


def _body(seed: Seed) -> _Body:
    if not seed.body:
        return _NO_BODY
    found = _rendered(seed)
    if found is None:
        return _Body(_as_plain_text(seed.body), "")
    html = _sanitised_body(seed, found)
    if summaries.is_hollow(html):
        return _NO_BODY
    excerpt, end, _ = found.partition(summaries.EXCERPT_END)
    return _Body(html, summaries.marked(_sanitised_body(seed, excerpt)) if end else "")


def _rendered(seed: Seed) -> str | None:
    """Return a body as HTML that is not sanitised, or None if it would become more than it may."""
    if text.is_overmarked(seed.body, is_html=seed.markup == "html"):
        return None
    return seed.body if seed.markup == "html" else markdown.rendered(seed.body, page=seed.link)


def _sanitised_body(seed: Seed, fragment: str) -> str:
    return sanitised(fragment, base=seed.base or seed.link, page=seed.link, written=seed.body)


def _embed(seed: Seed) -> str:
    if text.is_overmarked(seed.embed):
        return _as_plain_text(seed.embed)
    picture = seed.images[0] if seed.images else None
    return sanitised(seed.embed, base=seed.link, picture=picture) if seed.embed else ""


def _content(embed: str, body_html: str, summary: str, related: Sequence[Related]) -> str:
    main = body_html or (f"<p>{html.escape(summary, quote=False)}</p>" if summary else "")
    return "\n".join(part for part in (embed, main, _coverage(related)) if part)


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
    if one.is_copy:
        return f" ({html.escape(name or links.host_of(one.link), quote=False)}, the same text)"
    return f" ({html.escape(name, quote=False)})" if name else ""


def language(locale: str) -> str:
    """Return the BCP 47 tag of a locale as people write it (`pt_BR`, `de`), or ""."""
    match = _LANGUAGE.fullmatch(locale)
    if match is None:
        return ""
    subtags = [part.title() if len(part) == 4 else part.upper() for part in match.groups()[1:] if part]
    return "-".join([match[1].lower(), *subtags])


def _datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
