"""Render a feed as an Atom 1.0 document (RFC 4287); all but its entries is written by feedgen. Pure.

What feedgen cannot write by itself is added by an extension: feedgen calls `extend_atom` with the feed it has built.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement

from aggregator.model.document_names import ATOM, MEDIA_TYPES, PAGE, content_type
from aggregator.model.feeds import Document, Feed, Site
from aggregator.model.items import Item, Media, Person, Source
from aggregator.renderer import dates, wording
from aggregator.renderer.elements import Element, markup
from aggregator.renderer.item_cache import ItemWriter, insert_items
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.media import picture

_TOMBSTONES_NS = "http://purl.org/atompub/tombstones/1.0"

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


def _entry(key: _Key) -> bytes:
    """Return an entry, which every feed shows in the same bytes."""
    language = {"xml:lang": key[2]} if key[2] else {}
    return markup([Element("entry", attributes=language, children=_elements(key))], depth=1)


_writer: ItemWriter[_Key] = ItemWriter(_entry)


def _generator(feed: Feed, site: Site) -> Any:
    generator = FeedGenerator()
    generator.register_extension("extra", _FeedExtension, rss=False)
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


def _elements(key: _Key) -> list[Element]:
    """Return what is in an entry."""
    item, moment, _, base = key
    updated = dates.rfc3339(moment)
    has_content = item.content or not item.summary
    return [
        Element("id", item.id),
        Element("title", wording.headline(item)),
        Element("updated", updated),
        *map(_author, wording.people(item)),
        *([Element("content", wording.content(item), {"type": "html"})] if has_content else ()),
        Element("link", attributes={"href": item.link, "rel": "alternate"}),
        *([Element("summary", item.summary)] if item.summary else ()),
        *(Element("category", attributes={"term": name, "scheme": scheme})
          for name, scheme in wording.categories(item, base)),
        Element("published", dates.rfc3339(item.published)),
        *map(_enclosure, item.media),
        *(picture(item.image) if item.image else ()),
        *(_origin(item.source, item.link, updated) if item.source else ()),
    ]  # fmt: skip


def _author(person: Person) -> Element:
    """Return an author (RFC 4287 §3.2): the name is required."""
    given = (("name", wording.person_name(person)), ("email", person.email), ("uri", person.url))
    return Element("author", children=[Element(name, text) for name, text in given if text])


def _origin(source: Source, link: str, updated: str) -> list[Element]:
    """Return a link to the original, and the feed that the entry was collected from (RFC 4287 §4.2.11).

    When that feed changed is not known, so its `updated` is that of the entry. Without any address there is no id.
    """
    via = Element("link", attributes={"href": source.original or link, "rel": "via"})
    id = source.id or source.url or source.link  # noqa: A001 - the element's name
    if not id:
        return [via]
    texts = (("id", id), ("title", wording.source_title(source)), ("updated", updated))
    links = [("alternate", source.link), ("self", source.url)]
    children = [Element(name, text) for name, text in texts]
    children += [Element("link", attributes={"href": href, "rel": rel}) for rel, href in links if href]
    return [via, Element("source", children=children)]


def _enclosure(media: Media) -> Element:
    """Return a link to a file of the item (RFC 4287 §4.2.7)."""
    optional = {"length": str(media.size) if media.size else "", "title": media.title}
    given = {name: value for name, value in optional.items() if value}
    return Element("link", attributes={"href": media.url, "rel": "enclosure", "type": media.type, **given})


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
