"""RSS, RDF and Atom become a `Document`. Pure.

feedparser knows the formats; `outline` gives it a document that holds the newest entries alone, and knows the
extensions. Its own sanitising and resolving are off: they take 50 times as long as what does it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin

import msgspec

from aggregator.collector import html, mending, outline
from aggregator.collector.dates import moment
from aggregator.collector.drafts import MOST_TAKEN, Draft, document_entries, media_of, people
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.outline import Extension, Outline, Span
from aggregator.model.items import Media

_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_LONGEST_HINT = 31 * 86_400
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_FEEDS = frozenset({"rss", "feed", "RDF", "rdf", "channel"})
_NAMES = {
    "rss090": "RSS 0.90", "rss091n": "RSS 0.91", "rss091u": "RSS 0.91", "rss092": "RSS 0.92", "rss093": "RSS 0.93",
    "rss094": "RSS 0.94", "rss10": "RSS 1.0", "rss20": "RSS 2.0", "rss": "RSS", "atom03": "Atom 0.3",
    "atom10": "Atom 1.0", "atom": "Atom", "atom01": "Atom 0.1", "atom02": "Atom 0.2",
}  # fmt: skip


_MAIL = re.compile(r"[\w.+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)++")


class _Stream:
    """What feedparser reads from: it would take bytes for the name of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        return self._data


def parse_xml(text: str, *, url: str) -> Document | NoDocument:
    """Return the document that text in XML holds, or why it holds none; relative addresses resolve against `url`."""
    try:
        found = _well_formed(text)
    except ValueError as error:
        return NoDocument(reason=f"is no feed: {error}")
    if isinstance(found, NoDocument):
        return found
    data, shape = found
    if shape.root not in _FEEDS:
        return NoDocument(reason=f"is XML, but no feed: its root element is <{html.cut(shape.root, 40)}>")
    kept = newest(shape.entries)
    parsed = _parsed(outline.shortened(data, shape, kept))
    if parsed is None or len(parsed["entries"]) != len(kept):
        parsed, kept = _one_by_one(data, shape, kept)
    return _document(parsed, shape, kept, url)


def _well_formed(text: str) -> tuple[bytes, Outline] | NoDocument:
    """Return a document's bytes and outline, mended if it is not well-formed."""
    text, entities = mending.without_prolog(text)
    data = text.encode()
    first = shape = outline.outline(data)
    if first.error and len(data) > mending.LARGEST:
        return NoDocument(reason=f"is not well-formed: {first.error} in line {first.line} (and too long to be mended)")
    forms = mending.mended(text, entities)
    while shape.error:
        form = next(forms, None)
        if form is None:
            return NoDocument(reason=f"is not well-formed: {first.error} in line {first.line}")
        data = form.encode()
        shape = outline.outline(data)
    if first.error and not shape.is_cut:
        _find_the_cut(text, shape)
    return data, shape


def _find_the_cut(text: str, shape: Outline) -> None:
    """Note whether a document that was mended ends too early, and leave out the entry that this cuts."""
    tail = text.rstrip()[-1_000:]
    if f"{shape.root}>" in tail.rpartition("</")[2] or f"</{shape.root}" in tail:
        return
    shape.is_cut = True
    for name in ("item", "entry"):
        if text.rfind(f"<{name}") > text.rfind(f"</{name}") and shape.entries:
            last = shape.entries.pop()
            shape.cuts.append((last.start, last.end, b""))


def newest(entries: list[Span]) -> list[Span]:
    """Return the newest `MOST_TAKEN` entries in the document's order; those without a date stand last."""
    if len(entries) <= MOST_TAKEN:
        return entries
    dates = [moment(outline.raw_date(one.extension), is_quick=True) for one in entries]
    order = sorted(range(len(entries)), key=lambda index: (-(dates[index] or -1), index))
    return [entries[index] for index in sorted(order[:MOST_TAKEN])]


def _parsed(data: bytes) -> Mapping[str, Any] | None:
    """Return what feedparser reads in a document, or None if it fails at it."""
    import feedparser  # noqa: PLC0415 - a site without sources does not need it

    try:
        found: Mapping[str, Any] = feedparser.parse(
            _Stream(b'<?xml version="1.0" encoding="utf-8"?>' + data), sanitize_html=False, resolve_relative_uris=False,
            response_headers={"content-type": "application/xml; charset=utf-8"},
        )  # fmt: skip
    except Exception:  # noqa: BLE001 - elements in unusual places make it raise whatever an index or a key raises
        return None
    return found


def _one_by_one(data: bytes, shape: Outline, kept: list[Span]) -> tuple[Mapping[str, Any], list[Span]]:
    """Return what feedparser reads in a document if it gets each entry alone, and the entries that it can read."""
    head = _parsed(outline.shortened(data, shape, [])) or {"feed": {}, "version": ""}
    read, entries = list[Span](), list[Any]()
    for one in kept:
        parsed = _parsed(outline.shortened(data, shape, [one]))
        if parsed is not None and len(parsed["entries"]) == 1:
            read.append(one)
            entries += parsed["entries"]
    return {**head, "entries": entries}, read


def _document(parsed: Mapping[str, Any], shape: Outline, kept: list[Span], url: str) -> Document:
    feed = parsed["feed"]
    version = parsed.get("version") or ("rss" if shape.root != "feed" else "atom")
    links = _dicts(feed, "links")
    home = next((one for one in links if one.get("rel") == "alternate" and _is_html(one)), {}).get("href")
    link = html.address_of(_text(feed, "link") or str(home or ""), url)
    authors = people(_people(shape.feed), url)
    language = html.cut(_text(feed, "language"), 40)
    is_atom = version.startswith("atom")
    drafts = [
        _draft(entry, span, is_atom=is_atom, url=url) for entry, span in zip(parsed["entries"], kept, strict=False)
    ]
    image = feed.get("image")
    icon = _text(feed, "icon") or _text(feed, "logo") or (_text(image, "href") if isinstance(image, Mapping) else "")
    icon = icon or _first(outline.attributes_of(shape.feed, "itunes:image"), "href")
    title = _title(feed, shape.feed, is_atom=is_atom)
    return Document(
        format=_NAMES.get(version, "RSS"), title=title, link=link, id=_text(feed, "id"),
        language=language, authors=authors, icon=html.address_of(icon, url) if icon else "",
        hubs=_related(links, "hub", url), topic=next(iter(_related(links, "self", url)), ""),
        interval=_interval(shape.feed), skip_hours=frozenset(shape.skip_hours), skip_days=frozenset(shape.skip_days),
        entries=document_entries(drafts, url=url, authors=authors if is_atom else ()),
        deleted=tuple(dict.fromkeys(shape.deleted)), is_cut=shape.is_cut,
    )  # fmt: skip


def _interval(feed: Extension) -> int:
    """Return the longest interval that a feed asks for in seconds, 0 if it asks for none, of at most 31 days."""
    ttl = feed.texts.get("ttl", "")
    minutes = int(ttl) if ttl.isdecimal() and len(ttl) < 9 else 0
    period = _PERIODS.get(feed.texts.get("sy:updatePeriod", "").lower(), 0)
    frequency = feed.texts.get("sy:updateFrequency", "1")
    times = int(frequency) if frequency.isdecimal() and 0 < len(frequency) < 9 else 1
    return min(max(minutes * 60, period // max(times, 1)), _LONGEST_HINT)


def _draft(entry: Mapping[str, Any], span: Span, *, is_atom: bool, url: str) -> Draft:
    extension = span.extension
    links = _dicts(entry, "links")
    alternates = [one for one in links if one.get("rel") == "alternate" and one.get("href")]
    key = _text(entry, "id").strip()
    link = extension.texts.get("feedburner:origLink") or _text(entry, "link")
    link = link or (str(alternates[0]["href"]) if alternates else "")
    if link == key and not link.lower().startswith(("http://", "https://")):
        link = ""  # a guid that is no address, though `isPermaLink` says so
    markup, base, language = _inline(extension, "content", "body", "encoded") or _markup(entry, is_atom=is_atom)
    described = _inline(extension, "summary", "description")
    summary = html.plain(described[0]) if described else _summary(entry, is_atom=is_atom)
    if not markup:
        summary = ""
        markup, base, language = described or _described(entry, is_atom=is_atom)
    texts = extension.texts
    fallback = texts.get("itunes:summary") or texts.get("media:description") or texts.get("itunes:subtitle") or ""
    title = html.loosely_plain(texts.get("itunes:title") or texts.get("media:title") or "")
    tags = [tag.get("label") or tag.get("term") for tag in _dicts(entry, "tags")]
    return Draft(
        id=key, link=link, title=_title(entry, extension, is_atom=is_atom) or title,
        published=_date(entry, "published", "created"), updated=_date(entry, "updated"),
        raw_date=outline.raw_date(extension), summary=summary or html.plain(fallback if not markup else ""),
        content=markup or html.from_loose(fallback), base=urljoin_safely(url, base),
        authors=_people(extension) or [{"name": texts.get("itunes:author", "")}],
        categories=[one for one in tags if isinstance(one, str)],
        language=language or _text(entry, "language"), images=_images(extension), media=_media(extension, url),
    )  # fmt: skip


def urljoin_safely(url: str, base: str) -> str:
    """Return `base` resolved against `url`, or `url` if that cannot be done; "" if there is no base."""
    if not base:
        return ""
    try:
        return urljoin(url, base)
    except ValueError:
        return url


def _inline(extension: Extension, *names: str) -> tuple[str, str, str] | None:
    """Return the first of some elements whose HTML is not escaped, the base of its addresses, and no language."""
    found = next((extension.markup[name] for name in names if name in extension.markup), None)
    return None if found is None else (*found, "")


def _markup(entry: Mapping[str, Any], *, is_atom: bool) -> tuple[str, str, str]:
    """Return the content of an entry as HTML, the base of its addresses and its language; "" each if unknown."""
    found = [one for one in _dicts(entry, "content") if _text(one, "value").strip()]
    texts = [one for one in found if (one.get("type") or "").startswith("text/") or _is_html(one)]
    if not texts:
        return "", "", ""
    best = next((one for one in texts if _is_html(one)), texts[0])
    return _as_html(best, is_atom=is_atom), _text(best, "base"), _text(best, "language")


def _described(entry: Mapping[str, Any], *, is_atom: bool) -> tuple[str, str, str]:
    detail = entry.get("summary_detail")
    if not isinstance(detail, Mapping) or not _text(detail, "value").strip():
        return "", "", ""
    return _as_html(detail, is_atom=is_atom), _text(detail, "base"), _text(detail, "language")


def _as_html(detail: Mapping[str, Any], *, is_atom: bool) -> str:
    value = _text(detail, "value")
    if not is_atom:
        return html.from_loose(value)
    return value if _is_html(detail) else html.from_text(value)


def _summary(entry: Mapping[str, Any], *, is_atom: bool) -> str:
    detail = entry.get("summary_detail")
    if not isinstance(detail, Mapping):
        return ""
    value = _text(detail, "value")
    return html.plain(value) if _is_html(detail) or not is_atom else html.one_line(value)


def _title(holder: Mapping[str, Any], extension: Extension, *, is_atom: bool) -> str:
    if "title" in extension.markup:
        return html.plain(extension.markup["title"][0])
    detail = holder.get("title_detail")
    value = _text(holder, "title")
    if not is_atom or not isinstance(detail, Mapping):
        return html.loosely_plain(value)
    return html.plain(value) if _is_html(detail) else html.one_line(value)


def _date(entry: Mapping[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := moment(_text(entry, name))) is not None), None)


def _people(extension: Extension) -> list[dict[str, str]]:
    """Return the authors that an entry or a feed names, in the forms of RSS, of Dublin Core and of Atom."""
    found = outline.attributes_of(extension, "author")
    return [one if one.get("name") or one.get("email") else _named(one.get("text", ""), one) for one in found]


def _named(text: str, other: Mapping[str, str]) -> dict[str, str]:
    """Return the person of a text such as `ann@example.org (Ann)` or `Ann <ann@example.org>`."""
    mail = _MAIL.search(text)
    if mail is None:
        return {"name": text, **other}
    name = (text[: mail.start()] + text[mail.end() :]).replace("mailto:", "").strip(" ()<>,;")
    return {"name": name, "email": mail[0], **other}


def _images(extension: Extension) -> list[str]:
    """Return the addresses of an entry's pictures, the likeliest first."""
    found = [one.get("href") or one.get("url") for one in outline.attributes_of(extension, "itunes:image")]
    contents = outline.attributes_of(extension, "media:content")
    found += [one.get("url") for one in contents if one.get("medium") == "image" or _type(one).startswith("image/")]
    found += [one.get("url") for one in outline.attributes_of(extension, "media:thumbnail")]
    enclosures = outline.attributes_of(extension, "enclosure")
    found += [one.get("url") or one.get("href") for one in enclosures if _type(one).startswith("image/")]
    return [one for one in found if one]


def _type(attributes: Mapping[str, Any]) -> str:
    return str(attributes.get("type") or "").strip().lower()


def _media(extension: Extension, url: str) -> list[Media]:
    """Return the files of an entry: its enclosures, and what Media RSS has that is no picture; of a group the first."""
    found, groups = list[Media](), set[str]()
    transcripts = outline.attributes_of(extension, "podcast:transcript")
    transcript = html.address_of(_first(transcripts, "url"), url)
    chapters = html.address_of(_first(outline.attributes_of(extension, "podcast:chapters"), "url"), url)
    duration = extension.texts.get("itunes:duration", "")
    for one in outline.attributes_of(extension, "enclosure"):
        made = media_of(
            one.get("url") or one.get("href") or "", one.get("type"), one.get("length"), duration, one.get("title"), url
        )
        if made is not None:
            found.append(msgspec.structs.replace(made, transcript=transcript, chapters=chapters) if not found else made)
    for one in outline.attributes_of(extension, "media:content"):
        group = one.get("group", "")
        if group in groups or one.get("medium") in {"image", "document"} or _type(one).startswith("image/"):
            continue
        made = media_of(one.get("url", ""), one.get("type"), one.get("fileSize"), one.get("duration"), "", url)
        is_file = made is not None and made.type.startswith(("audio/", "video/"))
        if made is not None and is_file:
            found.append(made)
            groups |= {group} if group else set()
    return found


def _related(links: Iterable[Mapping[str, Any]], relation: str, url: str) -> tuple[str, ...]:
    named = [one for one in links if relation in str(one.get("rel") or "").lower().split()]
    found = [html.address_of(str(one.get("href") or ""), url) for one in named if one.get("href")]
    return tuple(dict.fromkeys(one for one in found if one))


def _first(attributes: list[dict[str, Any]], name: str) -> str:
    return next((str(one[name]) for one in attributes if one.get(name)), "")


def _is_html(detail: Mapping[str, Any]) -> bool:
    return (detail.get("type") or "text/html") in _HTML_TYPES


def _text(holder: Mapping[str, Any], name: str) -> str:
    # As a plain dictionary: feedparser's own look-up takes one date for another.
    value = dict.get(holder, name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""


def _dicts(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = dict.get(holder, name) if isinstance(holder, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
