"""The vocabulary: what a seed, an item, a feed and a document are.

Plain frozen values, handed from stage to stage; nothing here touches the world. Times inside are whole seconds since
1970 in UTC (`int`) where they are stored and compared, aware `datetime` in UTC where they are rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

FOREVER = 2**62
"""The end of a window that has none, in seconds since 1970."""

SITE_FEED = "all"
"""The slug of the feed of everything."""

DAYS_COUNTED = 30
"""How many days a feed's bars show."""

MANY_A_DAY = 1_000
"""The most items that are counted for one day, which bounds what a turn costs."""

HUB_PATIENCE = 600.0
"""How long, in seconds, a hub may be down before anybody need know: such outages pass, and no ping is lost in one."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What is wrong with a file, where, and what to write instead.

    `path` is relative to the seeds folder, or the config file's own path. `line` and `column` count from 1; 0 means
    the file as a whole. A `warning` leaves the item in its feeds.
    """

    path: str
    line: int = 0
    column: int = 0
    message: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        """Give `path:line:column: message (hint)`."""
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        kind = "warning: " if self.warning else ""
        return f"{place}: {kind}{self.message}" + (f" ({self.hint})" if self.hint else "")


class Image(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A picture: an absolute http(s) URL, its size in pixels (0 = unknown) and its plain-text title."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""


class Provider(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The source of an item: its plain-text name, its host name and its logo, each "" when unknown."""

    name: str = ""
    domain: str = ""
    icon: str = ""


class Related(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The same story elsewhere, as a seed lists it; with `related: promote` it can stand in for the seed."""

    title: str
    link: str
    aliases: tuple[str, ...] = ()
    excerpt: str = ""
    published: int | None = None
    quality: int | None = None
    type: str = ""
    provider: Provider | None = None
    images: tuple[Image, ...] = ()


class Seed(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A seed that could be read: typed, its title and links clean, its content not yet prepared.

    This is what the index stores, so it holds nothing private (`secured` never comes this far) and nothing that
    depends on the rules. `published`, `updated` and `expires` are seconds since 1970, UTC.
    """

    title: str
    link: str
    published: int
    updated: int | None = None
    expires: int | None = None
    aliases: tuple[str, ...] = ()
    id: str = ""
    excerpt: str = ""
    body: str = ""
    embed: str = ""
    shown: bool = True
    removed: bool = False
    deleted: bool = False
    quality: int | None = None
    heat: int | None = None
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    category: str = ""
    type: str = ""
    locale: str = ""
    provider: Provider | None = None
    author: str = ""
    images: tuple[Image, ...] = ()
    related: tuple[Related, ...] = ()


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that could not be read, and why.

    `withdrawn` is true when its text, broken as it is, still says `published: false`, `removed: true` or
    `deleted: true`: then its last good version must go too.
    """

    path: str
    problems: tuple[Problem, ...]
    withdrawn: bool = False


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item as every format shows it: all text and URLs clean, all HTML sanitised.

    `id` and `link` are canonical ASCII URLs (or `id` the seed's own). `title` and `summary` are plain text, `content`
    is an HTML fragment with absolute URLs. `tags` are the names in `topics`, then further tags. `language` is a BCP 47
    tag or "".
    """

    id: str
    link: str
    title: str
    published: datetime
    updated: datetime
    summary: str = ""
    content: str = ""
    author: str = ""
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    image: Image | None = None
    provider: Provider | None = None
    quality: int | None = None
    heat: int | None = None
    type: str = ""
    language: str = ""
    related: tuple[Related, ...] = ()


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


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a turn's report: how many items a feed shows, and whether any of its documents changed."""

    slug: str
    title: str
    items: int
    changed: bool


class PastTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that was: when (seconds since 1970), how long it took (seconds), how many files it read and wrote."""

    now: int
    seconds: float
    read: int
    written: int


SAID_ALIKE = 3
"""Of so many documents that fail alike, each is named."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn did; `now` in seconds since 1970, `seconds` how long it took.

    `doubt` says why the whole folder must be looked at before what is gone is withdrawn. `held` counts seeds by the
    rule that holds them back. `failed` are documents that could not be written; the turn that follows tries them again.
    `unfinished` says that it has pages of archives to write, for which this one had no time. `notes` are remarks on the
    site as a whole (a rebuilt index, two topics with one slug). `stages` says for how many of the `seconds` what was
    done here or waited for.
    """

    now: int
    seconds: float = 0.0
    seeds: int = 0
    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    items: int = 0
    rendered: int = 0
    written: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    feeds: tuple[FeedReport, ...] = ()
    held: dict[str, int] = {}
    stale: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    doubt: str = ""
    due: int | None = None
    unfinished: bool = False
    stages: dict[str, float] = {}

    def failures(self) -> Iterator[str]:
        """Give `failed` for people: what a full disk does to every document is said of a few, then counted."""
        reasons: dict[str, list[str]] = {}
        for failure in self.failed:
            reasons.setdefault(failure.partition(": ")[2], []).append(failure)
        for reason, alike in reasons.items():
            yield from alike[:SAID_ALIKE]
            if len(alike) > SAID_ALIKE:
                yield f"… and {len(alike) - SAID_ALIKE:,} more: {reason}"


class HubStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the WebSub hub; times in seconds since 1970, None where it never was or will not be.

    `waiting` counts the documents of which the hub is still to be told, `refused` names those it did not want to hear
    of. `failing_since` is when it began to be down, `reason` what went wrong last.
    """

    url: str
    waiting: int = 0
    refused: tuple[str, ...] = ()
    failing_since: float | None = None
    succeeded: float | None = None
    failed: float | None = None
    reason: str = ""
    next_try: float | None = None

    def trouble(self, now: float) -> str:
        """Say what somebody should look at, "" for nothing; a hub may be down for a while before it is named."""
        if self.refused:
            some = ", ".join(self.refused[:3]) + (" …" if len(self.refused) > 3 else "")
            return (
                f"the hub refuses {len(self.refused)} of our documents ({some}): {self.reason} (ask who runs it, or"
                " correct `websub.hub`)"
            )
        if self.failing_since is not None and now - self.failing_since >= HUB_PATIENCE:
            return f"the hub is not reached: {self.reason}; documents to tell it of: {self.waiting}"
        return ""
