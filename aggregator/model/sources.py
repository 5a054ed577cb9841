"""Sources: the upstream feeds that the collector asks, as the config lists them. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

Content = Literal["full", "summary", "link", "page"]
"""What of an entry becomes the content of its item: all, its summary, nothing but the link, or the text of its page."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream feed, with every default of the config filled in.

    `url` is the address as it is listed, of a feed or of a page that names one; it identifies the source, also after
    another address was adopted. `address` is where it lies if that was written into the list, else "". `name` is ""
    for the feed's own title. `categories` says what the entry's categories become. `quality` is the score of each item,
    None for none. `every` is the interval between two polls in seconds, None for one that follows how often the source
    publishes. `first` is how many items a new source shows. `private` allows a loopback or private address,
    `conditional=False` marks a server whose 304s lie. `on_gone` says whether a 410 withdraws the items. `position` is
    the place of the entry in the config (`file:line:col`), for messages.
    """

    url: str
    address: str = ""
    name: str = ""
    topics: tuple[str, ...] = ()
    categories: Literal["topics", "tags", "ignore"] = "tags"
    quality: int | None = None
    every: int | None = None
    first: int = 5
    content: Content = "full"
    private: bool = False
    conditional: bool = True
    on_gone: Literal["keep", "withdraw"] = "keep"
    position: str = ""


class SourceList(msgspec.Struct, frozen=True, kw_only=True):
    """A living list of sources, in OPML: a URL that is read as a source is, or the path of a file.

    What it lists has the settings of `defaults`, whose `url` is "". `private` of those says whether it, and what it
    lists, may lie at a private address.
    """

    location: str
    defaults: Source


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source, as `aggregator sources --json` prints it.

    Times are RFC 3339 in UTC, or None. `state` is `new`, `ok`, `failing`, `quarantined`, `gone` or `dead`.
    `last_status` is the HTTP status of the last answer, None if there was none. `next` is when it is asked again, and
    `why` says why then. `redirect` is the address that will be adopted, `quarantine` the reason for one, `error` what
    failed last, each "" if there is none. `held` is how many entries wait for a release.
    """

    url: str
    name: str
    state: Literal["new", "ok", "failing", "quarantined", "gone", "dead"]
    last_success: str | None
    last_status: int | None
    next: str | None
    why: str
    items_per_month: float
    redirect: str = ""
    quarantine: str = ""
    error: str = ""
    held: int = 0
