"""Reasons to look: messages from other threads and from signals in, what one turn is taken for out.

Touches nothing but a queue and the clock that never goes back.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from aggregator.service.control import Reply, Request

TICK = 0.5
"""How often, in seconds, everything is looked after when nothing happens."""

RESTING, LAZY = 60.0, 4.0
"""After so many seconds without any reason it is so often: each time a processor that sleeps is woken."""

SETTLE = 0.02
"""How long, in seconds, events must pause before they are acted on."""

LONGEST_SETTLE = 0.03
"""How long, in seconds, they are waited for where they never pause: what comes meanwhile is the next turn's."""

BURST, LONGEST_BURST = 100, 2.0
"""While so many new files are told of in each `LONGEST_SETTLE`, they are waited for, up to so many seconds.

A turn for a thousand files takes little longer than one for ten.
"""

MANY, PAUSE = 1_000, 0.1
"""After so many files a pause of so many seconds ends a burst: whoever writes thousands waits for the disk at times."""

MOST_WAITING = 100_000
"""So many reasons may wait, some 20 MB; of further files only that there are some is kept: all is looked at then."""

PATIENCE, PRESSED = 1.0, 0.1
"""How long, in seconds, pages of archives may be written at a stretch, and while something else waits.

Not at once even then: where edits never pause, archives would never be brought up to date.
"""

Kind = Literal["hint", "doubt", "regenerate", "scan", "due", "reload", "stop", "trigger"]


class Trigger(NamedTuple):
    """A regeneration that somebody asked for; `answer` is None where nobody waits for one."""

    request: Request
    answer: Future[Reply] | None


@dataclass
class Work:
    """What the next turn is taken for."""

    hints: set[str] = field(default_factory=set)
    everything: bool = False
    scan: bool = False
    due: bool = False
    reload: bool = False
    stop: bool = False
    triggers: list[Trigger] = field(default_factory=list)

    def add(self, kind: Kind, value: str | Trigger | None) -> None:
        """Take in one more reason."""
        if isinstance(value, Trigger):
            self.triggers.append(value)
            self.everything = True
        elif kind == "hint" and value is not None:
            self.hints.add(value)
        elif kind in {"doubt", "regenerate"}:
            self.everything = True
        else:
            setattr(self, kind, True)

    def __bool__(self) -> bool:
        return bool(self.hints or self.everything or self.scan or self.due or self.reload or self.triggers)

    @property
    def is_patient(self) -> bool:
        """Only events: they may settle before they are acted on."""
        return bool(self.hints) and not (self.everything or self.scan or self.due or self.reload or self.stop)

    def reply(self, reply: Reply) -> None:
        """Answer everyone who waits for this turn and has no answer yet."""
        for _, answer in self.triggers:
            if answer is not None and not answer.done():
                answer.set_result(reply)


class Inbox:
    """Where every reason to look arrives: `put` from any thread or signal handler, `gather` from the daemon's own."""

    def __init__(self, supervisor_seconds: float = 0.0) -> None:
        """Begin empty; `supervisor_seconds` is how often somebody wants to hear from us, 0 for never."""
        self._lazy = min(LAZY, supervisor_seconds / 4 or LAZY)
        self._busy = time.monotonic()
        self._is_full = False
        # A SimpleQueue, since a signal handler may interrupt a put on the same thread.
        self._queue: queue.SimpleQueue[tuple[Kind, str | Trigger | None]] = queue.SimpleQueue()

    def put(self, kind: Kind, value: str | Trigger | None = None) -> None:
        """Add a reason."""
        if kind == "hint" and self._queue.qsize() >= MOST_WAITING:
            if self._is_full:
                return
            self._is_full, kind, value = True, "doubt", None
        self._queue.put((kind, value))

    def presses(self, seconds: float) -> bool:
        """Say whether a turn that has written pages of archives for so many seconds leaves the others to the next."""
        return seconds > (PATIENCE if self._queue.empty() else PRESSED)

    def put_back(self, work: Work, *, most: int) -> None:
        """Have the next turn do what needs no look at everything: the events, if at most `most`, and what is due."""
        if len(work.hints) <= most:
            for hint in work.hints:
                self.put("hint", hint)
        self.put("due")

    def gather(self, patience: float = TICK) -> Work:
        """Wait a tick at most for a reason to look, then for events to settle; anything else is acted on at once."""
        work = Work()
        self._is_full = False  # before anything is taken out: who finds it full meanwhile adds a doubt of its own
        if patience >= TICK and time.monotonic() - self._busy > RESTING:
            patience = max(patience, self._lazy)
        try:
            first = self._queue.get(timeout=patience)
            work.add(*first)
            if first[0] != "scan":  # which comes however little happens
                self._busy = time.monotonic()
            self._settle(work)
            while True:
                work.add(*self._queue.get_nowait())
        except queue.Empty:
            return work

    def _settle(self, work: Work) -> None:
        """Wait for what comes with the first event; raises `queue.Empty` once events pause."""
        longest = time.monotonic() + LONGEST_BURST
        while work.is_patient:
            known = len(work.hints)
            ends = time.monotonic() + (PAUSE if known >= MANY else LONGEST_SETTLE)
            while work.is_patient and time.monotonic() < ends:
                work.add(*self._queue.get(timeout=PAUSE if len(work.hints) >= MANY else SETTLE))
            if len(work.hints) - known < BURST or time.monotonic() > longest:
                return

    def refuse(self, reply: Reply) -> None:
        """Answer those who still wait: no turn will come."""
        work = Work()
        while not self._queue.empty():
            work.add(*self._queue.get_nowait())
        work.reply(reply)
