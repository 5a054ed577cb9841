"""The daemon's inbox: messages from other threads and from signals come in, the work for one turn goes out.

Touches only a queue and the monotonic clock.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from aggregator.service.control import Reply, Request

CHECK_INTERVAL = 0.5
"""How often, in seconds, the daemon checks itself while nothing happens."""

IDLE_AFTER, IDLE_INTERVAL = 60.0, 4.0
"""After so many seconds without a message it checks less often: each check wakes a sleeping processor."""

SETTLE = 0.02
"""How long, in seconds, events must pause before the daemon acts on them."""

LONGEST_SETTLE = 0.03
"""How long, in seconds, it waits at most if they never pause: later events belong to the next turn."""

BURST, LONGEST_BURST = 100, 2.0
"""It goes on waiting, up to so many seconds, as long as each `LONGEST_SETTLE` brings so many new files.

A turn for a thousand files takes little longer than one for ten.
"""

AT_REST = 0.1
"""After so many seconds without events, the daemon acts at once on a file that is known to be complete."""

MANY, PAUSE = 1_000, 0.1
"""After so many files, only a pause of so many seconds ends a burst: their writer sometimes waits for the disk."""

MOST_QUEUED = 100_000
"""How many messages the queue holds, about 20 MB; further files become one request to scan everything."""

ARCHIVE_TIME = 1.0
"""How long, in seconds, a turn may write archive pages while no message waits."""

Kind = Literal["hint", "complete", "doubt", "regenerate", "scan", "due", "reload", "stop", "trigger"]


class Trigger(NamedTuple):
    """A regeneration that somebody asked for; `answer` is None if nobody waits for the reply."""

    request: Request
    answer: Future[Reply] | None


@dataclass
class Work:
    """What the next turn has to do; the `complete` among the `hints` are files that were closed or moved in last."""

    hints: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    everything: bool = False
    scan: bool = False
    due: bool = False
    reload: bool = False
    stop: bool = False
    triggers: list[Trigger] = field(default_factory=list)

    def add(self, kind: Kind, value: str | Trigger | None) -> None:
        """Add one message."""
        if isinstance(value, Trigger):
            self.triggers.append(value)
            self.everything = True
        elif kind == "complete" and value is not None:
            self.hints.add(value)
            self.complete.add(value)
        elif kind == "hint" and value is not None:
            self.hints.add(value)
            self.complete.discard(value)
        elif kind in {"doubt", "regenerate"}:
            self.everything = True
        else:
            setattr(self, kind, True)

    def __bool__(self) -> bool:
        return bool(self.hints or self.everything or self.scan or self.due or self.reload or self.triggers)

    @property
    def may_settle(self) -> bool:
        """Whether it consists of events alone, which may settle before the daemon acts on them."""
        return bool(self.hints) and not (self.everything or self.scan or self.due or self.reload or self.stop)

    @property
    def is_complete(self) -> bool:
        """Whether it consists of files that were closed or moved in, and of nothing that may be about to change."""
        return self.may_settle and self.hints == self.complete

    def reply(self, reply: Reply) -> None:
        """Answer everyone who waits for this turn and has no answer yet."""
        for _, answer in self.triggers:
            if answer is not None and not answer.done():
                answer.set_result(reply)


class Inbox:
    """Collects the messages for the daemon: `put` from any thread or signal handler, `gather` from the daemon's own."""

    def __init__(self, watchdog_seconds: float = 0.0) -> None:
        """Start empty; `watchdog_seconds` is how often a watchdog expects to be notified, 0 for never."""
        self._idle_interval = min(IDLE_INTERVAL, watchdog_seconds / 4 or IDLE_INTERVAL)
        self._last_message = self._last_event = time.monotonic()
        self._is_full = False
        # A SimpleQueue, since a signal handler may interrupt a put on the same thread.
        self._queue: queue.SimpleQueue[tuple[Kind, str | Trigger | None]] = queue.SimpleQueue()

    def put(self, kind: Kind, value: str | Trigger | None = None) -> None:
        """Add a message: `complete` is a hint to a file whose writer has closed it, or moved it in."""
        if kind in {"hint", "complete"} and self._queue.qsize() >= MOST_QUEUED:
            if self._is_full:
                return
            self._is_full, kind, value = True, "doubt", None
        self._queue.put((kind, value))

    def is_urgent(self, seconds: float) -> bool:
        """Return whether a turn that has written archive pages for `seconds` must leave the others to later turns.

        It must if a message waits. A turn writes one page in any case, so that an archive is finished however fast
        edits come.
        """
        return seconds > ARCHIVE_TIME or not self._queue.empty()

    def put_back(self, work: Work, *, most: int) -> None:
        """Queue again the part of `work` that needs no full scan: its events, if at most `most`, and what is due."""
        if len(work.hints) <= most:
            for hint in work.hints:
                self.put("hint", hint)
        self.put("due")

    def gather(self, patience: float = CHECK_INTERVAL) -> Work:
        """Wait up to `patience` seconds for a message, then for events to settle, and return the work for one turn.

        Messages other than events are returned at once. Without any for a minute it may wait longer.
        """
        work = Work()
        self._is_full = False  # before anything is taken out: whoever finds it full meanwhile adds a doubt of its own
        was_empty = self._queue.empty()  # a turn is no rest: what came meanwhile may go on coming
        if patience >= CHECK_INTERVAL and time.monotonic() - self._last_message > IDLE_AFTER:
            patience = max(patience, self._idle_interval)
        try:
            first = self._queue.get(timeout=patience)
            work.add(*first)
            if first[0] != "scan":  # scheduled scans come even if nothing happens
                self._last_message = time.monotonic()
            if self._settle(work, after_rest=was_empty and time.monotonic() - self._last_event > AT_REST):
                return work
            while True:
                work.add(*self._queue.get_nowait())
        except queue.Empty:
            return work
        finally:
            if work.hints:
                self._last_event = time.monotonic()

    def _settle(self, work: Work, *, after_rest: bool) -> bool:
        """Wait for the events that follow the first; raise `queue.Empty` once they pause.

        Return true if, after a rest, there are only files that are complete and nothing else has come: they need not
        wait, and what follows belongs to the next turn, which lets it settle. A deletion always settles, as the file
        may come back.
        """
        longest = time.monotonic() + LONGEST_BURST
        while work.may_settle:
            before = len(work.hints)
            ends = time.monotonic() + (PAUSE if before >= MANY else LONGEST_SETTLE)
            while work.may_settle and time.monotonic() < ends:
                if after_rest and work.is_complete and self._queue.empty():
                    return True
                work.add(*self._queue.get(timeout=PAUSE if len(work.hints) >= MANY else SETTLE))
            if len(work.hints) - before < BURST or time.monotonic() > longest:
                return False
        return False

    def refuse(self, reply: Reply) -> None:
        """Empty the queue and answer everyone who still waits."""
        work = Work()
        while not self._queue.empty():
            work.add(*self._queue.get_nowait())
        work.reply(reply)
