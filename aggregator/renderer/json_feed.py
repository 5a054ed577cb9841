"""Feed -> JSON Feed 1.1 document, and how many items fit into one; pure.

https://www.jsonfeed.org/version/1.1/. What that cannot hold (quality, heat, source, related coverage) goes into the
extension object `_aggregator`, explained where its `about` points: on the index page.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import msgspec

from aggregator.model.document_names import JSON, PAGE, content_type
from aggregator.model.feeds import Document, Feed, FeedSpec, Place, Site
from aggregator.model.items import Item, Provider, Related
from aggregator.renderer import dates, wording
from aggregator.renderer.item_cache import Kept
from aggregator.renderer.legal_text import writable

VERSION = "https://jsonfeed.org/version/1.1"
ABOUT_ANCHOR = "#json-extension"
NOWHERE = Place()

SHARES = 4
"""An item that takes more than one in so many parts of a feed is shown by its summary: it must not empty the feed."""


class _Json(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object of the format. Fields that are None are left out; those without a default never are."""


class _Author(_Json, frozen=True, kw_only=True):
    name: str


class _Hub(_Json, frozen=True, kw_only=True):
    type: str
    url: str


class _Provider(_Json, frozen=True, kw_only=True):
    name: str | None = None
    domain: str | None = None
    icon: str | None = None


class _Related(_Json, frozen=True, kw_only=True):
    title: str
    url: str
    provider: _Provider | None = None


class _ItemExtension(_Json, frozen=True, kw_only=True):
    quality: int | None = None
    heat: int | None = None
    provider: _Provider | None = None
    related: tuple[_Related, ...] | None = None


class _About(_Json, frozen=True, kw_only=True):
    about: str


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
    """Write `feed` as `<slug>/feed.json`, or a page of its archive as `<slug>/archive/<folder>/feed.json`."""
    items = tuple(msgspec.Raw(_written(item, site)) for item in feed.items)
    body = writable(_body, feed.spec, feed.place, site, items)
    name = wording.document(feed.spec, JSON, feed.place.folder)
    return Document(name=name, media_type=content_type(JSON), body=body)


def is_long(item: Item, site: Site, max_bytes: int) -> bool:
    """Say whether an item takes more of a document of at most `max_bytes` than is fair to those after it."""
    # What is long anyhow is not even written: that would be kept.
    return len(item.content) * SHARES > max_bytes or len(_written(item, site)) * SHARES > max_bytes


def fitting(
    items: Iterable[Item], spec: FeedSpec, site: Site, max_bytes: int, *, place: Place = NOWHERE
) -> tuple[Item, ...]:
    """Give as many of the first `items` as a document of at most `max_bytes` holds, with the link of `place`.

    In place of a long one (`is_long`) its summary is shown.
    """
    room = max_bytes - len(writable(_body, spec, place, site, ()))
    found: list[Item] = []
    for item in items:
        shown = msgspec.structs.replace(item, content="", related=()) if is_long(item, site, max_bytes) else item
        room -= len(_written(shown, site)) + bool(found)  # a comma
        if room < 0:
            break
        found.append(shown)
    return tuple(found)


def _body(spec: FeedSpec, place: Place, site: Site, items: tuple[msgspec.Raw, ...]) -> bytes:
    following = place.prev if place.folder else place.rest
    return msgspec.json.encode(
        _Feed(
            version=VERSION,
            title=wording.title(spec),
            home_page_url=wording.address(spec, site, PAGE),
            feed_url=wording.address(spec, site, JSON, place.folder),
            next_url=wording.address(spec, site, JSON, following) if following else None,
            description=wording.description(spec, site),
            icon=wording.icon(spec, site) or None,
            language=site.language or None,
            authors=_authors(site.author),
            hubs=(_Hub(type="WebSub", url=site.hub),) if site.hub and not place.folder else None,
            extension=_About(about=site.address(PAGE) + ABOUT_ANCHOR),
            items=items,
        )
    )


def _written(item: Item, site: Site) -> bytes:
    """Write an item as every feed shows it, once for all of them."""
    key = item, wording.foreign(item, site)
    written = _kept.get(key)
    if written is None:
        written = writable(_encoded, *key)
        _kept.put(key, written)
    return written


_kept: Kept[tuple[Item, str]] = Kept()


def _encoded(item: Item, language: str) -> bytes:
    return msgspec.json.encode(
        _Item(
            id=item.id,
            url=item.link,
            title=wording.headline(item),
            # The format requires content; without any, the summary says what there is to say.
            content_html=item.content or f"<p>{escape(item.summary or wording.headline(item), quote=False)}</p>",
            summary=item.summary or None,
            image=item.image.url if item.image else None,
            date_published=dates.rfc3339(item.published),
            date_modified=dates.rfc3339(item.updated),
            authors=_authors(wording.credit(item)),
            tags=item.tags or None,
            language=language or None,
            extension=_extension(item),
        )
    )


def _authors(name: str) -> tuple[_Author, ...] | None:
    return (_Author(name=name),) if name else None


def _extension(item: Item) -> _ItemExtension | None:
    extension = _ItemExtension(
        quality=item.quality,
        heat=item.heat,
        provider=_provider(item.provider),
        related=tuple(map(_related, item.related)) or None,
    )
    return None if extension == _ItemExtension() else extension


def _related(related: Related) -> _Related:
    return _Related(title=related.title or related.link, url=related.link, provider=_provider(related.provider))


def _provider(provider: Provider | None) -> _Provider | None:
    if provider is None or provider == Provider():
        return None
    return _Provider(name=provider.name or None, domain=provider.domain or None, icon=provider.icon or None)
