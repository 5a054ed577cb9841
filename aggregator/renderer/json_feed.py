"""Render a feed as a JSON Feed 1.1 document, and count how many items fit into one. Pure.

https://www.jsonfeed.org/version/1.1/. What that has no field for (quality, heat, source, related coverage) goes into
the extension object `_aggregator`; its `about` points to the index page, which explains it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aggregator.model.document_names import JSON, PAGE, content_type
from aggregator.model.feeds import ArchivePosition, Document, Feed, FeedSpec, Site
from aggregator.model.items import Item, Media, Person, Provider, Related, Source
from aggregator.renderer import dates, wording
from aggregator.renderer.item_cache import ItemCache
from aggregator.renderer.legal_text import with_legal_text

VERSION = "https://jsonfeed.org/version/1.1"
ABOUT_ANCHOR = "#json-extension"
CURRENT = ArchivePosition()

SHARES = 4
"""An item that takes more than a quarter of a document shows its summary only, to leave room for others."""


class _Json(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON object. Fields that are None are left out; fields without a default never are."""


class _Author(_Json, frozen=True, kw_only=True):
    name: str
    url: str | None = None


class _Hub(_Json, frozen=True, kw_only=True):
    type: str
    url: str


class _Provider(_Json, frozen=True, kw_only=True):
    name: str | None = None
    domain: str | None = None
    icon: str | None = None


class _Source(_Json, frozen=True, kw_only=True):
    url: str | None = None
    title: str | None = None
    link: str | None = None
    id: str | None = None


class _Related(_Json, frozen=True, kw_only=True):
    title: str
    url: str
    provider: _Provider | None = None


class _ItemExtension(_Json, frozen=True, kw_only=True):
    quality: int | None = None
    heat: int | None = None
    provider: _Provider | None = None
    related: tuple[_Related, ...] | None = None
    source: _Source | None = None


class _About(_Json, frozen=True, kw_only=True):
    about: str


class _Attachment(_Json, frozen=True, kw_only=True):
    url: str
    mime_type: str
    title: str | None = None
    size_in_bytes: int | None = None
    duration_in_seconds: int | None = None


class _Item(_Json, frozen=True, kw_only=True):
    id: str
    url: str
    title: str
    content_html: str
    summary: str | None = None
    image: str | None = None
    date_published: str
    date_modified: str
    authors: tuple[_Author, ...] | None = None
    tags: tuple[str, ...] | None = None
    language: str | None = None
    attachments: tuple[_Attachment, ...] | None = None
    extension: _ItemExtension | None = msgspec.field(default=None, name="_aggregator")


class _Feed(_Json, frozen=True, kw_only=True):
    version: str
    title: str
    home_page_url: str
    feed_url: str
    next_url: str | None = None
    description: str
    icon: str | None = None
    language: str | None = None
    authors: tuple[_Author, ...] | None = None
    hubs: tuple[_Hub, ...] | None = None
    extension: _About = msgspec.field(name="_aggregator")
    items: tuple[msgspec.Raw, ...]


def render(feed: Feed, site: Site) -> Document:
    """Return `feed` as `<slug>/feed.json`, or a page of its archive as `<slug>/archive/<folder>/feed.json`."""
    items = tuple(msgspec.Raw(_item(item, site)) for item in feed.items)
    body = with_legal_text(_body, feed.spec, feed.archive_position, site, items)
    name = wording.document_name(feed.spec, JSON, feed.archive_position.folder)
    return Document(name=name, media_type=content_type(JSON), body=body)


def is_long(item: Item, site: Site, max_bytes: int) -> bool:
    """Return whether an item takes more than its share of a document of at most `max_bytes`."""
    # Content that is long by itself is not rendered: the result would fill the cache.
    return len(item.content) * SHARES > max_bytes or len(_item(item, site)) * SHARES > max_bytes


def items_that_fit(
    items: Iterable[Item], spec: FeedSpec, site: Site, max_bytes: int, *, place: ArchivePosition = CURRENT
) -> tuple[Item, ...]:
    """Return as many of the first `items` as fit into a document of at most `max_bytes`; long ones lose their content.

    The document is that of `place` in the feed's archive, whose link takes some of the bytes.
    """
    room = max_bytes - len(with_legal_text(_body, spec, place, site, ()))
    found: list[Item] = []
    for item in items:
        fitted = msgspec.structs.replace(item, content="", related=()) if is_long(item, site, max_bytes) else item
        room -= len(_item(fitted, site)) + bool(found)  # a comma
        if room < 0:
            break
        found.append(fitted)
    return tuple(found)


def _body(spec: FeedSpec, place: ArchivePosition, site: Site, items: tuple[msgspec.Raw, ...]) -> bytes:
    following = place.prev if place.folder else place.rest
    return msgspec.json.encode(
        _Feed(
            version=VERSION,
            title=wording.title(spec),
            home_page_url=wording.document_url(spec, site, PAGE),
            feed_url=wording.document_url(spec, site, JSON, place.folder),
            next_url=wording.document_url(spec, site, JSON, following) if following else None,
            description=wording.description(spec, site),
            icon=wording.icon_url(spec, site) or None,
            language=site.language or None,
            authors=_authors(site.author),
            hubs=(_Hub(type="WebSub", url=site.hub),) if site.hub and not place.folder else None,
            extension=_About(about=site.address(PAGE) + ABOUT_ANCHOR),
            items=items,
        )
    )


def _item(item: Item, site: Site) -> bytes:
    """Return an item as every feed shows it, rendered now or before."""
    key = item, wording.language_if_different(item, site)
    rendered = _cache.get(key)
    if rendered is None:
        rendered = with_legal_text(_encoded, *key)
        _cache.put(key, rendered)
    return rendered


_cache: ItemCache[tuple[Item, str]] = ItemCache()


def _encoded(item: Item, language: str) -> bytes:
    return msgspec.json.encode(
        _Item(
            id=item.id,
            url=item.link,
            title=wording.headline(item),
            content_html=wording.content(item),  # the format requires it
            summary=item.summary or None,
            image=item.image.url if item.image else None,
            date_published=dates.rfc3339(item.published),
            date_modified=dates.rfc3339(item.updated),
            authors=tuple(map(_author, wording.people(item))) or None,
            tags=item.tags or None,
            language=language or None,
            attachments=tuple(map(_attachment, item.media)) or None,
            extension=_extension(item),
        )
    )


def _attachment(media: Media) -> _Attachment:
    return _Attachment(
        url=media.url, mime_type=media.type, title=media.title or None, size_in_bytes=media.size or None,
        duration_in_seconds=media.seconds or None,
    )  # fmt: skip


def _author(person: Person) -> _Author:
    """Return an author; the format has no field for an e-mail address, but takes one for the URL ("authors")."""
    url = person.url or (f"mailto:{person.email}" if person.email else "")
    return _Author(name=wording.person_name(person), url=url or None)


def _authors(name: str) -> tuple[_Author, ...] | None:
    return (_Author(name=name),) if name else None


def _extension(item: Item) -> _ItemExtension | None:
    extension = _ItemExtension(
        quality=item.quality,
        heat=item.heat,
        provider=_provider(item.provider),
        related=tuple(map(_related, item.related)) or None,
        source=_source(item.source),
    )
    return None if extension == _ItemExtension() else extension


def _related(related: Related) -> _Related:
    return _Related(title=related.title or related.link, url=related.link, provider=_provider(related.provider))


def _source(source: Source | None) -> _Source | None:
    if source is None:
        return None
    return _Source(url=source.url or None, title=source.title or None, link=source.link or None, id=source.id or None)


def _provider(provider: Provider | None) -> _Provider | None:
    if provider is None or provider == Provider():
        return None
    return _Provider(name=provider.name or None, domain=provider.domain or None, icon=provider.icon or None)
