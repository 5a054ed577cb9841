"""The daemon's health: current problems and their age, threads, counters. Values only."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import msgspec

from aggregator.model.reports import HubStatus
from aggregator.model.words import quantity
from aggregator.service.heartbeat import Heartbeat

DURATIONS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds, in seconds, of the buckets in which turns are counted."""


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of the daemon; times are seconds since 1970, `problems` are current ones by what they concern.

    `warnings` are problems elsewhere, which do not make the daemon unhealthy.
    """

    healthy: bool
    problems: dict[str, str]
    problem_ages: dict[str, float]
    uptime: float
    backend: str
    overflows: int
    scanned: float
    turns: int
    threads: dict[str, bool]
    due: int | None
    regenerate: float | None
    warnings: dict[str, str] = {}
    websub: HubStatus | None = None
    serving: str = ""
    pid: int = 0
    turn_seconds: float = 0.0
    """How long all turns took together."""

    turns_within: tuple[int, ...] = (0,) * (len(DURATIONS) + 1)
    """The number of turns in each bucket of `DURATIONS`, and of longer ones; each turn is counted once."""


@dataclass
class Health:
    """Written by the daemon's thread alone, read by others; containers are replaced, never changed."""

    started: float
    problems: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    threads: dict[str, bool] = field(default_factory=dict)
    feeds: frozenset[str] = frozenset()
    backend: str = ""
    serving: str = ""
    pid: int = 0
    overflows: int = 0
    scanned: float = 0.0
    turns: int = 0
    index_failures: int = 0
    websub: HubStatus | None = None
    turn_seconds: float = 0.0
    turns_within: list[int] = field(default_factory=lambda: [0] * (len(DURATIONS) + 1))

    def count_turn(self, seconds: float) -> None:
        """Count one more turn, which took `seconds`."""
        self.turns += 1
        self.turn_seconds += seconds
        self.turns_within[bisect_left(DURATIONS, seconds)] += 1

    def set_problem(self, concern: str, problem: str, *, now: float) -> bool:
        """Set the problem of `concern`, "" for none, and return whether it has changed."""
        known = self.problems.get(concern, "")
        if problem and not known:
            self.since = {**self.since, concern: now}
        rest = {name: text for name, text in self.problems.items() if name != concern}
        self.problems = {**rest, concern: problem} if problem else rest
        return problem != known

    def summary(self) -> str:
        """Return one line for systemd's STATUS."""
        state = "; ".join(self.problems.values()) or "healthy"
        return f"{quantity(len(self.feeds), 'feed')}, {quantity(self.turns, 'turn')}, {state}"

    def status(
        self, now: float, *, due: int | None, regenerate: float | None, heartbeat: Heartbeat | None = None
    ) -> DaemonStatus:
        """Return the status at `now`.

        `due` and `regenerate` are the next due moment and scheduled regeneration. `heartbeat` tells whether the main
        thread is stuck, in which case nothing else here is up to date.
        """
        problems, since = dict(self.problems), dict(self.since)
        if heartbeat is not None and (stuck := heartbeat.problem()):
            problems = {"daemon": stuck, **problems}
            since["daemon"] = now - heartbeat.silence()
        # A hub that fails is only a warning: feeds are complete and served, and a restart would not help.
        trouble = self.websub.trouble(now) if self.websub is not None else ""
        dead = [name for name, alive in self.threads.items() if not alive]
        if dead:
            problems["threads"] = f"not running: {', '.join(dead)}"
        return DaemonStatus(
            healthy=not problems,
            problems=problems,
            problem_ages={name: now - since.get(name, now) for name in problems},
            uptime=now - self.started,
            backend=self.backend,
            overflows=self.overflows,
            scanned=self.scanned,
            turns=self.turns,
            threads=self.threads,
            due=due,
            regenerate=regenerate,
            serving=self.serving,
            pid=self.pid,
            turn_seconds=self.turn_seconds,
            turns_within=tuple(self.turns_within),
            warnings={"websub": trouble} if trouble else {},
            websub=self.websub,
        )
