"""What is remembered of a source and of its entries, as `sources.db` stores it. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from aggregator.collector.entries import Document, Entry

Outcome = Literal["", "begun", "document", "unchanged", "failed", "refused", "gone"]
"""How the last poll ended: "" if there was none, `begun` if it did not end (yet)."""

Held = Literal["", "first", "flood", "hijack", "refused", "older"]
"""Which guard keeps an entry from being shown."""


class Validators(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `ETag` and `Last-Modified` of an address, as it sent them, each "" if it sent none."""

    etag: str = ""
    last_modified: str = ""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A permanent redirect to the same feed: where to, when it was seen first, and how often."""

    target: str
    first_at: int
    count: int


class SourceState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a source. Times are seconds since 1970, 0 for never; spans are seconds.

    `address` is what is asked instead of `url`: an adopted redirect, or the feed that the page at `page_at` names
    (`is_discovered`); `trial` is a feed that a page names in the place of one which was a feed, until that turns out to
    be the same.
    `validators` are those of each address. `planned_at` is when the last poll was due, `asked_at` when it began,
    `answered_at` when it ended. `next_at` is when the next is due and `why` the reason, in words. `hint_until` is the
    earliest moment that the last answer allows, `hint` its distance from the answer, `hint_why` its name; `max_age` is
    the answer's `Cache-Control: max-age` less `Age`, None if it has none. `retry_until` is that of `Retry-After`.
    `barred` is the address that only a private source may have, if the last poll met one; `planned_for` and
    `planned_by` are the listed address and the settings that the next poll was planned with.
    `gap` is the median time between two items, None if unknown. `head` is the last document without its entries, `body`
    its digest, `no_feed` why what `no_feed_at` sent since is none, `window` the keys of its entries (first keys, after
    a churn), `domain` the registrable domain it came from. `counts` are the numbers of new items of the last polls that
    brought any. `quarantine` is why nothing new is taken over; `new_domain` and `new_head` become the domain and the
    head if a person ends that, and `own_window` is what it listed before. `began_in_part` is true while it never sent a
    document that was whole, `is_new` if it had no seeds when its first document came. `pushed_until` is until when its
    WebSub hub pushes.
    """

    url: str
    added_at: int = 0
    address: str = ""
    page_at: str = ""
    is_discovered: bool = False
    trial: str = ""
    validators: dict[str, Validators] = {}
    planned_at: int = 0
    asked_at: int = 0
    answered_at: int = 0
    succeeded_at: int = 0
    failing_since: int = 0
    outcome: Outcome = ""
    status: int = 0
    error: str = ""
    failures: int = 0
    refusals: int = 0
    next_at: int = 0
    why: str = ""
    barred: str = ""
    planned_for: str = ""
    planned_by: str = ""
    hint: int = 0
    hint_until: int = 0
    hint_why: str = ""
    max_age: int | None = None
    retry_until: int = 0
    interval: int = 0
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    gap: int | None = None
    redirect: Sighting | None = None
    adopted: str = ""
    title: str = ""
    head: Document | None = None
    body: str = ""
    no_feed: str = ""
    no_feed_at: str = ""
    window: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    domain: str = ""
    quarantine: str = ""
    quarantined_at: int = 0
    new_domain: str = ""
    new_head: Document | None = None
    own_window: tuple[str, ...] = ()
    began_in_part: bool = False
    is_new: bool = False
    pushed_until: int = 0
    hubs: tuple[str, ...] = ()
    topic: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry that was seen in a source. `key` is its first key, whatever the source calls it now.

    `date` is its date in seconds since 1970, which never moves. `held_by` is the guard that keeps it back, "" if it is
    shown; `entry` is what will be shown on a release. `path` is that of its seed below the folder of seeds, "" if none
    was written. `is_withdrawn` is true if the source deleted it.
    """

    key: str
    seen_at: int
    date: int
    digest: str = ""
    title: str = ""
    link: str = ""
    authors: tuple[str, ...] = ()
    held_by: Held = ""
    entry: Entry | None = None
    path: str = ""
    is_withdrawn: bool = False
    note: str = ""


class Cooling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A registrable domain that is left alone until a time, why, and how often it asked for that in a row."""

    domain: str
    until: int
    why: str
    refusals: int = 0


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document that was received and is not taken in yet.

    It is stored together with its validators: if the process dies before its entries are written, the next one goes on
    with it, as the server will only say that nothing has changed. `attempts` is how often that was begun. `is_partial`
    is true for a 226 (RFC 3229), which lists only what is new. `hubs` and `topic` are those of its `Link` header.
    `trial` is the address that was asked if that was the one of `SourceState.trial`.
    """

    url: str
    content_type: str
    body: bytes
    received_at: int
    permanent: str = ""
    is_partial: bool = False
    hubs: tuple[str, ...] = ()
    topic: str = ""
    attempts: int = 0
    trial: str = ""
