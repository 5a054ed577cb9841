"""Feed -> Atom 1.0 document (RFC 4287), written by feedgen; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from feedgen.feed import FeedGenerator

from aggregator.model.feeds import Document, Feed, Site
from aggregator.model.items import Item
from aggregator.renderer import dates, wording
from aggregator.renderer.feedgen_atom import EntryWords, FeedWords
from aggregator.renderer.item_cache import ALONE, NOWHERE, Fragments, spliced
from aggregator.renderer.legal_text import writable

_Key = tuple[Item, datetime, str]


def render(feed: Feed, site: Site) -> Document:
    """Write `feed` as `<slug>/atom.xml`, or a page of its archive as `<slug>/archive/<folder>/atom.xml`."""
    media_type = f"{wording.MEDIA_TYPES[wording.ATOM]}; charset=utf-8"
    # Some readers take entries of one `updated` for one entry (RFC 4287 §4.2.15 leaves the order open).
    updated = dates.distinct([item.updated for item in feed.items])
    keys = [(item, stamp, wording.foreign(item, site)) for item, stamp in zip(feed.items, updated, strict=True)]
    body = spliced(writable(_head, feed, site), _fragments.of(keys), b"</feed>")
    name = wording.document(feed.spec, wording.ATOM, feed.place.folder)
    return Document(name=name, media_type=media_type, body=body)


def _head(feed: Feed, site: Site) -> bytes:
    """Write the feed without its entries."""
    generator = FeedGenerator()
    generator.register_extension("words", FeedWords, EntryWords, rss=False)
    _describe(generator, feed, site)
    document: bytes = generator.atom_str(pretty=True)
    return document


def _entries(keys: Sequence[_Key]) -> bytes:
    """Write entries as every feed shows them, within a feed of which nothing else is wanted."""
    generator = FeedGenerator()
    generator.register_extension("words", FeedWords, EntryWords, rss=False)
    _describe(generator, ALONE, NOWHERE)
    for item, updated, language in keys:
        _add(generator.add_entry(order="append"), item, updated, language)
    document: bytes = generator.atom_str(pretty=True)
    return document


_fragments: Fragments[_Key] = Fragments(_entries, b"  <entry", b"</entry>\n")


def _describe(generator: Any, feed: Feed, site: Site) -> None:
    spec = feed.spec
    page = wording.address(spec, site, wording.PAGE)
    generator.id(page)
    generator.title(wording.title(spec))
    generator.subtitle(wording.description(spec, site))
    author = site.author or site.title or page
    generator.author(name=author)  # §4.1.1: a feed without an author is invalid
    generator.link(href=page, rel="alternate", type=wording.MEDIA_TYPES[wording.PAGE])
    self_address = wording.address(spec, site, wording.ATOM, feed.place.folder)
    generator.link(href=self_address, rel="self", type=wording.MEDIA_TYPES[wording.ATOM])
    if site.hub and not feed.place.folder:  # a hub tells of the current document
        generator.link(href=site.hub, rel="hub")
    for relation, address in wording.chain(feed, site, wording.ATOM):
        generator.link(href=address, rel=relation)
    if icon := wording.icon(spec, site):
        generator.icon(icon)
    generator.generator(wording.GENERATOR)
    generator.language(site.language)
    generator.words.updated = dates.rfc3339(feed.updated)
    generator.words.archived = bool(feed.place.folder)
    generator.words.withdrawn_by = author
    generator.words.withdrawn = tuple((one.id, dates.rfc3339(one.when)) for one in feed.tombstones)


def _add(entry: Any, item: Item, updated: datetime, language: str) -> None:
    entry.id(item.id)
    entry.title(wording.headline(item))
    entry.link(href=item.link, rel="alternate")
    if credit := wording.credit(item):
        entry.author(name=credit)
    if item.summary:
        entry.summary(item.summary)
    if item.content:
        entry.content(item.content, type="html")
    entry.words.categories = item.tags
    entry.words.updated = dates.rfc3339(updated)
    entry.words.published = dates.rfc3339(item.published)
    entry.words.language = language
