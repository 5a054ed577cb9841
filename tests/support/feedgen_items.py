"""Items of RSS and entries of Atom as feedgen and lxml write them: what our own writer must equal, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from feedgen.feed import FeedGenerator
from lxml.etree import SubElement

from aggregator.model.items import Image, Item, Media, Person, Source
from aggregator.renderer import dates, wording
from aggregator.renderer.atom import _Key as AtomKey
from aggregator.renderer.media import (
    _CHAPTERS_TYPE,
    _TRANSCRIPT_TYPES,
    ITUNES_NS,
    LONGEST_PERSON,
    PODCAST_NS,
    is_episode,
)
from aggregator.renderer.rss import _as_html
from aggregator.renderer.wording import MEDIA_NS

_CONTENT_NS = "http://purl.org/rss/1.0/modules/content/"
_DC_NS = "http://purl.org/dc/elements/1.1/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PLAIN_TEXT = re.compile(rb"(<(?:title|description|category|dc:creator|source)(?: [^<>]*+)?+>)([^<&]*+&[^<]*+)")


def rss_item(item: Item, base: str) -> bytes:
    """Return an item of RSS; `base` is the site's URL."""
    channel = FeedGenerator()
    channel.register_extension("extra", _Namespaces, _ItemExtension, atom=False)
    channel.title("-")
    channel.description("-")
    channel.link(href="https://feeds.invalid/", rel="self")
    _add_item(channel.add_entry(order="append"), item, base)
    document = _PLAIN_TEXT.sub(
        lambda match: match[1] + match[2].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"),
        channel.rss_str(pretty=True),
    )
    return _cut(document, b"    <item>", b"</item>\n")


def atom_entry(key: AtomKey) -> bytes:
    """Return an entry of Atom."""
    feed = FeedGenerator()
    feed.register_extension("extra", _Namespaces, _EntryExtension, rss=False)
    feed.id("https://feeds.invalid/")
    feed.title("-")
    _add_entry(feed.add_entry(order="append"), key)
    return _cut(feed.atom_str(pretty=True), b"  <entry", b"</entry>\n")


def _cut(document: bytes, opening: bytes, closing: bytes) -> bytes:
    start = document.index(opening)
    return document[start : document.rindex(closing) + len(closing)]


class _Namespaces:
    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC_NS, "media": MEDIA_NS, "itunes": ITUNES_NS, "podcast": PODCAST_NS}

    def extend_rss(self, rss: Any) -> Any:
        return rss

    def extend_atom(self, feed: Any) -> Any:
        return feed


def _add_item(entry: Any, item: Item, base: str) -> None:
    entry.title(wording.headline(item))
    entry.link(href=item.link, rel="alternate")
    entry.guid(item.id, permalink=item.id == item.link)
    if item.summary:
        entry.description(_as_html(item.summary), isSummary=True)
    if item.content or not item.summary:
        entry.content(wording.content(item), type="html")
    entry.extra.has_content_only = not item.summary
    entry.extra.categories = wording.categories(item, base)
    entry.extra.creators = tuple(map(wording.person_name, wording.people(item)))
    entry.extra.published = dates.rfc822(item.published)
    entry.extra.people = wording.people(item) if is_episode(item) else ()
    entry.extra.image, entry.extra.media, entry.extra.source = item.image, item.media, item.source


class _ItemExtension:
    """What an item has beside feedgen's own elements.

    `has_content_only` is true if it has content but no summary: feedgen then writes the content as the description.
    """

    has_content_only = False
    categories: Sequence[tuple[str, str]] = ()
    creators: tuple[str, ...] = ()
    published = ""
    image: Image | None = None
    media: tuple[Media, ...] = ()
    source: Source | None = None
    people: Sequence[Person] = ()

    def extend_rss(self, item: Any) -> Any:
        """Add categories, pubDate, dc:creator, source and media elements; move content out of the description."""
        # feedgen checks each category, at five times the cost of writing it.
        for category, scheme in self.categories:
            SubElement(item, "category", {"domain": scheme}).text = category
        # feedgen's own pubDate switches the locale of the whole process back and forth for each item.
        SubElement(item, "pubDate").text = self.published
        if self.has_content_only:
            item.find("description").tag = f"{{{_CONTENT_NS}}}encoded"
        # Never beside `author`, which has to be an e-mail address (RSS 2.0).
        for creator in self.creators:
            SubElement(item, f"{{{_DC_NS}}}creator").text = creator
        if self.source and self.source.url:  # RSS 2.0, "source": the URL is required
            SubElement(item, "source", {"url": self.source.url}).text = wording.source_title(self.source)
        if self.image:
            add_picture(item, self.image)
        if self.media:
            add_enclosures(item, self.media)
            add_people(item, self.people)
        return item


def _add_entry(entry: Any, key: AtomKey) -> None:
    item, updated, language, base = key
    entry.id(item.id)
    entry.title(wording.headline(item))
    entry.link(href=item.link, rel="alternate")
    for person in wording.people(item):
        entry.author(_author(person))
    if item.summary:
        entry.summary(item.summary)
    if item.content or not item.summary:
        entry.content(wording.content(item), type="html")
    entry.extra.image, entry.extra.media = item.image, item.media
    entry.extra.source, entry.extra.link = item.source, item.link
    entry.extra.categories = wording.categories(item, base)
    entry.extra.updated = dates.rfc3339(updated)
    entry.extra.published = dates.rfc3339(item.published)
    entry.extra.language = language


def _author(person: Person) -> dict[str, str]:
    """Return an author as feedgen takes it (RFC 4287 §3.2): the name is required."""
    given = {"name": wording.person_name(person), "email": person.email, "uri": person.url}
    return {key: value for key, value in given.items() if value}


class _EntryExtension:
    """What an entry has beside feedgen's own elements.

    Categories, dates, its picture and files, and its language if it is not the feed's.
    """

    categories: Sequence[tuple[str, str]] = ()
    updated = ""
    published = ""
    language = ""
    image: Image | None = None
    media: tuple[Media, ...] = ()
    source: Source | None = None
    link = ""

    def extend_atom(self, entry: Any) -> Any:
        """Add categories, dates and the language, and the links' `rel`, which feedgen loses."""
        entry.find("updated").text = self.updated
        # feedgen checks each category, at five times the cost of writing it.
        for category, scheme in self.categories:
            SubElement(entry, "category", {"term": category, "scheme": scheme})
        SubElement(entry, "published").text = self.published
        for link in entry.iterfind("link"):
            link.set("rel", "alternate")
        for media in self.media:
            _add_enclosure(entry, media)
        if self.image:
            add_picture(entry, self.image)
        if self.source:
            _add_source(entry, self.source, self.link, self.updated)
        if self.language:
            entry.set(_XML_LANG, self.language)
        return entry


def _add_source(entry: Any, source: Source, link: str, updated: str) -> None:
    """Add the feed that the entry was collected from (RFC 4287 §4.2.11), and a link to the original.

    When that feed changed is not known, so its `updated` is that of the entry. Without any address there is no id.
    """
    SubElement(entry, "link", {"href": source.original or link, "rel": "via"})
    id = source.id or source.url or source.link  # noqa: A001 - the element's name
    if not id:
        return
    element = SubElement(entry, "source")
    for name, value in (("id", id), ("title", wording.source_title(source)), ("updated", updated)):
        SubElement(element, name).text = value
    if source.link:
        SubElement(element, "link", {"href": source.link, "rel": "alternate"})
    if source.url:
        SubElement(element, "link", {"href": source.url, "rel": "self"})


def _add_enclosure(entry: Any, media: Media) -> None:
    """Add a link to a file of the item (RFC 4287 §4.2.7)."""
    optional = {"length": str(media.size) if media.size else "", "title": media.title}
    given = {name: value for name, value in optional.items() if value}
    SubElement(entry, "link", {"href": media.url, "rel": "enclosure", "type": media.type, **given})


def add_picture(parent: Any, image: Image) -> None:
    """Add a picture as `media:content`, for readers that show it, and as `media:thumbnail`, for those that list it."""
    size = {name: str(pixels) for name, pixels in (("width", image.width), ("height", image.height)) if pixels > 0}
    content = SubElement(parent, f"{{{MEDIA_NS}}}content", {"url": image.url, "medium": "image", **size})
    if image.title:
        SubElement(content, f"{{{MEDIA_NS}}}title", {"type": "plain"}).text = image.title
    SubElement(parent, f"{{{MEDIA_NS}}}thumbnail", {"url": image.url, **size})


def add_people(item: Any, people: Iterable[Person]) -> None:
    """Add whom an episode is by (podcasting2.org/docs, "person")."""
    for person in people:
        page = {"href": person.url} if person.url else {}
        name = wording.shorten(wording.person_name(person), LONGEST_PERSON)
        SubElement(item, f"{{{PODCAST_NS}}}person", page).text = name


def add_enclosures(item: Any, media: tuple[Media, ...]) -> None:
    """Add the files of an item of RSS: the first as its enclosure, as many readers take one alone, others beside it.

    RSS 2.0, "enclosure": url, length (0 if unknown) and type are required.
    """
    for number, one in enumerate(media):
        if number == 0:
            SubElement(item, "enclosure", {"url": one.url, "length": str(one.size), "type": one.type})
            _add_episode(item, one)
        else:
            optional = {"fileSize": one.size, "duration": one.seconds}
            given = {name: str(value) for name, value in optional.items() if value}
            content = SubElement(item, f"{{{MEDIA_NS}}}content", {"url": one.url, "type": one.type, **given})
            if one.title:
                SubElement(content, f"{{{MEDIA_NS}}}title", {"type": "plain"}).text = one.title


def _add_episode(item: Any, media: Media) -> None:
    """Add what players of podcasts show of an enclosure."""
    if media.seconds:
        SubElement(item, f"{{{ITUNES_NS}}}duration").text = str(media.seconds)
    if media.transcript:
        kind = _TRANSCRIPT_TYPES.get(media.transcript.rpartition(".")[2].lower(), "text/html")
        SubElement(item, f"{{{PODCAST_NS}}}transcript", {"url": media.transcript, "type": kind})
    if media.chapters:
        SubElement(item, f"{{{PODCAST_NS}}}chapters", {"url": media.chapters, "type": _CHAPTERS_TYPE})
