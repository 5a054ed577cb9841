"""How the daemon does: what is wrong now and since when, its threads, its counts. Values only."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import msgspec

from aggregator.model.reports import HubStatus

DURATIONS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds, in seconds, by which turns are counted."""


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon does; times are seconds since 1970, `problems` are what is wrong now, by what it concerns.

    `warnings` are likewise, of what is wrong elsewhere and does not make it unhealthy.
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
    """How many turns took at most so long, by the bounds in `DURATIONS`, and how many longer; each counted once."""


@dataclass
class Health:
    """Kept by the daemon's one thread, read by others; each value is replaced whole."""

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

    def took(self, seconds: float) -> None:
        """Count one more turn."""
        self.turns += 1
        self.turn_seconds += seconds
        self.turns_within[bisect_left(DURATIONS, seconds)] += 1

    def set(self, concern: str, problem: str, *, now: float) -> bool:
        """Note what is wrong with one thing, "" if nothing is; says whether that is new."""
        known = self.problems.get(concern, "")
        if problem and not known:
            self.since = {**self.since, concern: now}
        rest = {name: text for name, text in self.problems.items() if name != concern}
        self.problems = {**rest, concern: problem} if problem else rest
        return problem != known

    def status(self, now: float, *, due: int | None, regenerate: float | None) -> DaemonStatus:
        """Say how things are at `now`."""
        problems = dict(self.problems)
        # Feeds are whole and served without a hub, and a restart would not mend it: that is no ill health of ours.
        trouble = self.websub.trouble(now) if self.websub is not None else ""
        dead = [name for name, alive in self.threads.items() if not alive]
        if dead:
            problems["threads"] = f"not alive: {', '.join(dead)}"
        return DaemonStatus(
            healthy=not problems,
            problems=problems,
            problem_ages={name: now - self.since.get(name, now) for name in problems},
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
