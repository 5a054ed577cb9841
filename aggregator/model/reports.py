"""What turns and checks report: problems, rows of feeds, turns, and the state of the hub, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import msgspec

HUB_PATIENCE = 600.0
"""How long a hub may be down before it is reported, in seconds. Short outages pass, and no ping is lost."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What is wrong with a file, its position, and what to write instead.

    `path` is relative to the seeds folder, or that of a config file. `line` and `column` count from 1; 0 means the
    whole file. An item with a `warning` stays in its feeds.
    """

    path: str
    line: int = 0
    column: int = 0
    message: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        position = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        kind = "warning: " if self.warning else ""
        return f"{position}: {kind}{self.message}" + (f" ({self.hint})" if self.hint else "")


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a turn's report: how many items a feed shows, and whether any of its documents changed."""

    slug: str
    title: str
    items: int
    changed: bool


EventKind = Literal["published", "edited", "withdrawn", "lifted", "expired", "refused", "mended"]
"""What can happen to an item: `lifted` means that its embargo ended, `refused` that its seed broke."""

Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970, up to the year 9999."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to a seed's item: when, in which feeds (slugs), and what held it back.

    `more_feeds` counts feeds that are not named. `rule` holds back what was withdrawn ("" = the file is gone), refused
    or mended. `line` and `column` are where a refused seed is broken. Without a `path` it stands for `count` seeds.
    """

    when: Moment
    kind: EventKind
    path: str = ""
    feeds: tuple[str, ...] = ()
    more_feeds: Count = 0
    rule: str = ""
    line: Count = 0
    column: Count = 0
    count: Count = 1


class PastTurn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A past turn: when it was (seconds since 1970), how long it took (seconds), how many files it read and wrote.

    `events` are what happened in it.
    """

    now: Moment
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    read: Count
    written: Count
    events: tuple[Event, ...] = ()


class Check(NamedTuple):
    """A rule (a key of `words.RULES`) that a seed passed or failed, and the value and the bound in words."""

    rule: str
    passed: bool
    words: str


class Fact(NamedTuple):
    """What is known of an item: a name, and values, each with its URL relative to the site or "".

    `line` says the same in a line of text.
    """

    name: str
    values: tuple[tuple[str, str], ...]
    line: str = ""


SIMILAR_FAILURES = 3
"""How many documents that fail for the same reason are named."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn did; `now` in seconds since 1970, `seconds` is its duration.

    `doubt` is why the whole folder must be scanned before missing seeds are withdrawn, or "". `held` counts seeds by
    the rule that holds them back. `stale` are seeds whose last good version is still published. `failed` are documents
    that could not be written; the next turn tries them again. `due` is when a feed changes by itself next. `unfinished`
    means that archive pages are left for the next turn. `notes` are remarks about the whole site (a rebuilt index, two
    topics with one slug). `stages` maps what was done to its seconds. `doubted` says of which of several roots what was
    found was not believed, and why: nothing of them was withdrawn.
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
    doubted: tuple[str, ...] = ()
    due: int | None = None
    unfinished: bool = False
    stages: dict[str, float] = {}

    def failures(self) -> Iterator[str]:
        """Yield `failed` for people: of many documents with one reason, such as a full disk, few are named."""
        by_reason: dict[str, list[str]] = {}
        for failure in self.failed:
            by_reason.setdefault(failure.partition(": ")[2], []).append(failure)
        for reason, failures in by_reason.items():
            yield from failures[:SIMILAR_FAILURES]
            if len(failures) > SIMILAR_FAILURES:
                yield f"… and {len(failures) - SIMILAR_FAILURES:,} more: {reason}"


class HubStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the WebSub hub; times in seconds since 1970, None for never.

    `waiting` counts the documents about which the hub is still to be notified; `refused` names those it rejected.
    `succeeded` and `failed` are the times of the last success and failure, `reason` is what failed last.
    `failing_since` is when the outage began.
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
        """Return what needs attention at `now`, or ""; a short outage does not."""
        if self.refused:
            some = ", ".join(self.refused[:3]) + (" …" if len(self.refused) > 3 else "")
            return (
                f"the hub refuses {len(self.refused)} of our documents ({some}): {self.reason} (ask its operator, or"
                " correct `websub.hub`)"
            )
        if self.failing_since is not None and now - self.failing_since >= HUB_PATIENCE:
            return f"the hub cannot be reached: {self.reason}; notifications waiting: {self.waiting}"
        return ""
