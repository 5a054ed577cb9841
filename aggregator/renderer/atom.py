"""Render a feed as an Atom 1.0 document (RFC 4287), written by feedgen. Pure.

What feedgen cannot write by itself is added by extensions: feedgen calls `extend_atom` with each element it has built.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement

from aggregator.model.document_names import ATOM, MEDIA_TYPES, PAGE, content_type
from aggregator.model.feeds import Document, Feed, Site
from aggregator.model.items import Image, Item, Media, Person, Source
from aggregator.renderer import dates, wording
from aggregator.renderer.item_cache import DUMMY_FEED, DUMMY_SITE, ItemWriter, insert_items
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.media import add_picture

_TOMBSTONES_NS = "http://purl.org/atompub/tombstones/1.0"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_Key = tuple[Item, datetime, str, str]
"""What an entry is written from: the item, its `updated`, its language ("" = the feed's), and the site's URL."""


def render(feed: Feed, site: Site) -> Document:
    """Return `feed` as `<slug>/atom.xml`, or a page of its archive as `<slug>/archive/<folder>/atom.xml`."""
    # Some readers take two entries with the same `updated` for one (RFC 4287 §4.2.15 leaves their order open).
    updated = dates.unique_moments([(item.updated, item.id) for item in feed.items])
    keys = [
        (item, moment, wording.language_if_different(item, site), site.url)
        for item, moment in zip(feed.items, updated, strict=True)
    ]
    entries = _writer.write(keys)
    # The newest change, within its second moved by any change: also by that of an older entry.
    changed = dates.with_fraction(feed.updated, b"".join(entries)) if entries else feed.updated
    head = with_legal_text(_head, msgspec.structs.replace(feed, updated=changed), site)
    body = insert_items(head, entries, b"</feed>")
    name = wording.document_name(feed.spec, ATOM, feed.archive_position.folder)
    return Document(name=name, media_type=content_type(ATOM), body=body)


def _head(feed: Feed, site: Site) -> bytes:
    """Return the document without its entries."""
    document: bytes = _generator(feed, site).atom_str(pretty=True)
    return document


def _entries(keys: Sequence[_Key]) -> bytes:
    """Return a document of entries, from which they are cut out: every feed shows them in the same bytes."""
    generator = _generator(DUMMY_FEED, DUMMY_SITE)
    for key in keys:
        _add_entry(generator.add_entry(order="append"), key)
    document: bytes = generator.atom_str(pretty=True)
    return document


_writer: ItemWriter[_Key] = ItemWriter(_entries, b"  <entry", b"</entry>\n")


def _generator(feed: Feed, site: Site) -> Any:
    generator = FeedGenerator()
    generator.register_extension("extra", _FeedExtension, _EntryExtension, rss=False)
    spec, folder = feed.spec, feed.archive_position.folder
    page = wording.document_url(spec, site, PAGE)
    generator.id(page)
    generator.title(wording.title(spec))
    generator.subtitle(wording.description(spec, site))
    author = site.author or site.title or page
    generator.author(name=author)  # §4.1.1: a feed without an author is invalid
    _add_links(generator, feed, site, page)
    if icon := wording.icon_url(spec, site):
        generator.icon(icon)
    generator.generator(wording.GENERATOR)
    generator.language(site.language)
    generator.extra.updated = dates.rfc3339(feed.updated)
    generator.extra.archived, generator.extra.complete = bool(folder), wording.is_complete(feed)
    generator.extra.withdrawn_by = author
    generator.extra.withdrawn = tuple((one.id, dates.rfc3339(one.when)) for one in feed.tombstones)
    return generator


def _add_links(generator: Any, feed: Feed, site: Site, page: str) -> None:
    folder = feed.archive_position.folder
    generator.link(href=page, rel="alternate", type=MEDIA_TYPES[PAGE])
    generator.link(href=wording.document_url(feed.spec, site, ATOM, folder), rel="self", type=MEDIA_TYPES[ATOM])
    if site.hub and not folder:  # a hub announces the current document only
        generator.link(href=site.hub, rel="hub")
    for relation, address in wording.archive_links(feed, site, ATOM):
        generator.link(href=address, rel=relation)


def _add_entry(entry: Any, key: _Key) -> None:
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


class _FeedExtension:
    """What the feed has beside feedgen's own elements.

    `updated` is text, because feedgen writes UTC as an offset of zero hours. `archived` is true for a page of an
    archive (RFC 5005 §4), `complete` for its only page (§2). `withdrawn` are pairs of an id and a moment,
    `withdrawn_by` is who did it (RFC 6721 §3).
    """

    updated = ""
    archived = False
    complete = False
    withdrawn: tuple[tuple[str, str], ...] = ()
    withdrawn_by = ""

    def extend_ns(self) -> dict[str, str]:
        """Return the namespace prefixes that are used; Atom is the default namespace."""
        history = {"fh": wording.HISTORY_NS} if self.archived else {}
        tombstones = {"at": _TOMBSTONES_NS} if self.withdrawn else {}
        return {"media": wording.MEDIA_NS, **history, **tombstones}

    def extend_atom(self, feed: Any) -> Any:
        """Set the date, and add fh:archive and the tombstones."""
        feed.find("updated").text = self.updated
        if self.archived:
            SubElement(feed, f"{{{wording.HISTORY_NS}}}archive")
        if self.complete:
            SubElement(feed, f"{{{wording.HISTORY_NS}}}complete")
        for ref, when in self.withdrawn:
            tombstone = SubElement(feed, f"{{{_TOMBSTONES_NS}}}deleted-entry", {"ref": ref, "when": when})
            SubElement(SubElement(tombstone, f"{{{_TOMBSTONES_NS}}}by"), "name").text = self.withdrawn_by
        return feed


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
