"""Feeds, sites and published documents, as frozen values. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from aggregator.model.items import Item

SITE_FEED = "all"
"""The slug of the feed of everything."""

NAMED_FEEDS = {"tags": "tag-", "authors": "author-", "sources": "source-"}
"""The kinds of feeds that the names in seeds make, as the config calls them, each with what their slugs begin with."""

DAYS_COUNTED = 30
"""How many days a feed's bar chart shows."""

MANY_A_DAY = 1_000
"""The most items counted for one day, which limits the cost of a turn."""


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A feed without its items: its slug `[a-z0-9-]{1,64}`, title, description and position in the topic tree.

    `parent` is the parent topic's slug or "". `order` sorts it among its siblings. `topic` is true for the feed of a
    topic, false for `all` and feeds by query. `image` is a URL or "". `language` is a tag such as `de`, or "" for
    that of most of its items.
    """

    slug: str
    title: str
    description: str = ""
    parent: str = ""
    order: int = 0
    topic: bool = False
    image: str = ""
    language: str = ""


class ArchivePosition(msgspec.Struct, frozen=True, kw_only=True):
    """The position of documents in their feed's archive (RFC 5005 §4), by its folders, such as `2026-10`.

    `folder` is that of an archive page, or "" for the current documents. `prev` and `next` are the folders of the pages
    before and after it. `rest` is the newest page with items that the current documents do not show. "" means none.
    """

    folder: str = ""
    prev: str = ""
    next: str = ""
    rest: str = ""


class OlderItem(msgspec.Struct, frozen=True, kw_only=True):
    """The first item that the current documents of a feed do not show: its id, and the archive's folder that has it."""

    id: str
    folder: str


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a feed showed and that was withdrawn: its id, and when it was withdrawn (RFC 6721)."""

    id: str
    when: datetime


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and the items it shows, newest first; `updated` is the newest change among them (1970 if none).

    `archive_position` tells which archive page it is, if any. `months` are the folders of the archive, newest first.
    `older` is where somebody who has read the current documents reads on.
    """

    spec: FeedSpec
    items: tuple[Item, ...]
    updated: datetime
    archive_position: ArchivePosition = ArchivePosition()
    months: tuple[str, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    older: OlderItem | None = None


class FeedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the index page and the OPML file show of a feed: how many items it has, and its newest one.

    `daily` counts all items of the feed, also those beyond its limit, on each of the `DAYS_COUNTED` days (UTC, oldest
    first) up to the day of its newest item; at most `MANY_A_DAY` each. It is empty if there are no items.
    """

    spec: FeedSpec
    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    daily: tuple[int, ...] = ()
    newest_link: str = ""


WhoSearches = Literal["", "daemon", "static"]
"""Who answers searches of everybody: nobody, the daemon, or the browser with files of the site."""


class Podcast(msgspec.Struct, frozen=True, kw_only=True):
    """What directories of podcasts want to know of feeds with episodes.

    `category` is one of Apple's, "" if unknown; `explicit` is whether there is explicit language, None if unknown.
    """

    category: str = ""
    explicit: bool | None = None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes. `url` is absolute and ends with a slash, `language` is a tag such as `en-us`.

    `icon` and `hub` (the WebSub hub) are URLs or "". `accent` is the colour of links and buttons, as `#rrggbb`, or "".
    `collects` is true if it has a page of its sources, `searches` says who answers searches of everybody.
    """

    title: str
    url: str
    description: str = ""
    language: str = "en-us"
    author: str = ""
    icon: str = ""
    hub: str = ""
    collects: bool = False
    searches: WhoSearches = ""
    accent: str = ""
    podcast: Podcast = Podcast()

    def address(self, name: str) -> str:
        """Return the absolute URL of the document `name`, such as `all/rss.xml`."""
        return self.url + name.removesuffix("index.html")

    @property
    def search_path(self) -> str:
        """Where its pages are searched, relative to its top folder; "" if nowhere."""
        return {"": "", "daemon": "-/search", "static": "-/search/"}[self.searches]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A published file: its `name` relative to the feeds folder (`all/rss.xml`), media type and bytes.

    `encoded` are pairs of suffix (`.gz`) and the same bytes compressed, as far as they have been computed.
    """

    name: str
    media_type: str
    body: bytes
    encoded: tuple[tuple[str, bytes], ...] = ()
