"""What an upstream document holds, in whatever format it is written: its head and its entries. Pure."""

from __future__ import annotations

import msgspec

from aggregator.model.items import Media


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An author: the name, the e-mail address and the page, each "" if unknown."""

    name: str = ""
    email: str = ""
    url: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of an upstream document. Its text is not sanitised: the normalizer does that when it reads the seed.

    `key` is its identity inside its source: its id, else its link, else a hash of title and date. `link` is an absolute
    http(s) URL or "". `published` and `updated` are seconds since 1970, UTC, as the document says them (they may lie in
    the future), or None. `title` and `summary` are plain text, `content` is an HTML fragment whose addresses are
    absolute; `digest` is that of all that is shown.
    """

    key: str
    title: str
    link: str = ""
    published: int | None = None
    updated: int | None = None
    summary: str = ""
    content: str = ""
    authors: tuple[Person, ...] = ()
    categories: tuple[str, ...] = ()
    language: str = ""
    image: str = ""
    media: tuple[Media, ...] = ()
    digest: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream feed document.

    `link` is its home page, `hubs` and `topic` are for WebSub (W3C WebSub §4): the hubs it names and its own address.
    `interval` is the longest of RSS `ttl` and `sy:updatePeriod` in seconds, 0 if neither is said; `skip_hours` (0 to
    23, UTC) and `skip_days` (0 = Monday) are those of RSS 2.0. `entries` are in the order of the document, each key
    once; `deleted` are the keys of `at:deleted-entry` (RFC 6721). `is_cut` is true if the document ends too early.
    """

    format: str
    title: str = ""
    link: str = ""
    id: str = ""
    language: str = ""
    authors: tuple[Person, ...] = ()
    icon: str = ""
    hubs: tuple[str, ...] = ()
    topic: str = ""
    interval: int = 0
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    entries: tuple[Entry, ...] = ()
    deleted: tuple[str, ...] = ()
    is_cut: bool = False


class NoDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Why bytes are no feed: a sentence for people, and the feeds that an HTML page names in its head, absolute."""

    reason: str
    feeds: tuple[str, ...] = ()
