"""What a feed, a site and a published document are: frozen values. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from aggregator.model.items import Item

SITE_FEED = "all"
"""The slug of the feed of everything."""

DAYS_COUNTED = 30
"""How many days a feed's bars show."""

MANY_A_DAY = 1_000
"""The most items that are counted for one day, which bounds what a turn costs."""


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed is, whatever it holds: its slug `[a-z0-9-]{1,64}`, title, description and place in the topic tree.

    `parent` is the parent topic's slug or "". `order` places it among its siblings. `topic` is true for feeds of a
    topic, false for `all` and feeds by query.
    """

    slug: str
    title: str
    description: str = ""
    parent: str = ""
    order: int = 0
    topic: bool = False
    image: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where documents stand in their feed's archive (RFC 5005 §4), by the names of folders in it, such as `2026-10`.

    `folder` is "" for the current documents, else that of a page; `prev` and `next` are those of the pages before and
    after it, `rest` that of the newest month with items that current documents do not show; each "" for none.
    """

    folder: str = ""
    prev: str = ""
    next: str = ""
    rest: str = ""


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a feed showed and that was withdrawn: its id and when (RFC 6721)."""

    id: str
    when: datetime


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and the items it shows now, newest first; `updated` is the newest change among them (1970 if none).

    It may be one page of the feed's archive, by `place`; `months` are the folders of its months, newest first.
    """

    spec: FeedSpec
    items: tuple[Item, ...]
    updated: datetime
    place: Place = Place()
    months: tuple[str, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()


class FeedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the index page and the OPML file say of a feed: how many items it shows and its newest one.

    `daily` counts the feed's items, shown here or beyond its limit, on each of the `DAYS_COUNTED` days (UTC, oldest
    first) that end with the day of its newest one; at most `MANY_A_DAY` each. It is empty where there is no item.
    """

    spec: FeedSpec
    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    daily: tuple[int, ...] = ()


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes: `url` is absolute and ends with a slash; `language` is a tag such as `en-us`; `hub` may be ""."""

    title: str
    url: str
    description: str = ""
    language: str = "en-us"
    author: str = ""
    icon: str = ""
    hub: str = ""

    def address(self, name: str) -> str:
        """Give the absolute URL of the published document `name`, such as `all/rss.xml`."""
        return self.url + name.removesuffix("index.html")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A published file: `name` relative to the feeds folder (`all/rss.xml`), its media type and its bytes.

    `encoded` are the same bytes compressed, by the end of their files' names (`.gz`), as far as they are at hand.
    """

    name: str
    media_type: str
    body: bytes
    encoded: tuple[tuple[str, bytes], ...] = ()
