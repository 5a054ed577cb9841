"""The vocabulary: what a seed, an item, a feed and a document are.

Plain frozen values, handed from stage to stage; nothing here touches the world. Times inside are whole seconds since
1970 in UTC (`int`) where they are stored and compared, aware `datetime` in UTC where they are rendered.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

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
