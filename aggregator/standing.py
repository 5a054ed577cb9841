"""How a site stands, from its index: feeds, items, problems, the next due moment, the last turns. Reads the index."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from aggregator.config import Config
from aggregator.health import DaemonStatus
from aggregator.index import Index
from aggregator.model import HubStatus, PastTurn, Problem
from aggregator.outcome import is_in_feeds, unpack_problems
from aggregator.pipeline import Pipeline
from aggregator.places import seeds_in
from aggregator.publisher.websub import hub_status
from aggregator.report import RULES, SHOWN_PROBLEMS, counted, distance, held_words, moment, stale_lines
from aggregator.version import VERSION

EXAMPLES = 20
"""How many of the seeds that a rule holds back are named."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a site stands; `due` is the next moment at which a feed changes by itself, `due_path` whose.

    It is "" where a withdrawal has then been said for long enough.
    `examples` names some seeds for each rule in `held`, at most `EXAMPLES`. `problems` are errors first; `changed` says
    when the files of the first `SHOWN_PROBLEMS` were last written, in seconds since 1970. `newest` is when the newest
    item that is shown was published.
    """

    now: int
    seeds: int
    items: int
    feeds: dict[str, int]
    held: dict[str, int]
    stale: tuple[str, ...]
    problems: tuple[Problem, ...]
    due: int | None
    due_path: str
    turns: tuple[PastTurn, ...]
    newest: int | None = None
    examples: dict[str, tuple[str, ...]] = {}
    changed: dict[str, int] = {}
    websub: HubStatus | None = None

    def lines(self) -> Iterator[str]:
        """Give it as lines for a person."""
        yield f"{counted(self.seeds, 'seed')}, {counted(self.items, 'item')}, {counted(len(self.feeds), 'feed')}"
        yield from (f"{count:>7,} {'item ' if count == 1 else 'items'}  {slug}" for slug, count in self.feeds.items())
        for rule in RULES:
            if count := self.held.get(rule):
                seeds = "seed " if count == 1 else "seeds"
                yield f"{count:>7,} {seeds}  {held_words(rule, count)} ({rule})"
        if self.due is not None:
            whose = self.due_path or "a withdrawal that has been said for long enough"
            yield f"next due: {moment(self.due)}, in {distance(max(0, self.due - self.now))}: {whose}"
        for turn in self.turns[:5]:
            yield f"turn {moment(turn.now)}: {turn.seconds:.2f} s, {turn.read:,} read, {turn.written:,} written"
        yield from _hub_lines(self.websub, self.now)
        yield from stale_lines(self.stale)
        yield from map(str, self.problems[:SHOWN_PROBLEMS])


def standing(config: Config, index: Index, *, now: int) -> Standing:
    """Say how the site of `config` stands at `now` (seconds since 1970)."""
    pipeline = Pipeline(config, index, seeds_in(config.seeds).reader, version=VERSION)
    problems = [problem for _, _, packed in index.problems() for problem in unpack_problems(packed)]
    problems.sort(key=lambda problem: problem.warning)
    held = {**index.overview.held(), **index.overview.waiting(now)}
    due = index.next_due()
    summaries = pipeline.summaries()
    newest = [summary.newest_published for summary in summaries if summary.newest_published]
    return Standing(
        now=now,
        seeds=index.count_files(),
        items=index.overview.count_items(now),
        feeds={summary.spec.slug: summary.count for summary in summaries},
        held=held,
        stale=tuple(path for path, shown in index.overview.stale() if is_in_feeds(shown, now)),
        problems=tuple(problems),
        due=due[0] if due else None,
        due_path=due[1] if due else "",
        turns=pipeline.past_turns(),
        newest=int(max(newest).timestamp()) if newest else None,
        examples={rule: _examples(index, rule, now) for rule in held},
        changed=index.changed([problem.path for problem in problems[:SHOWN_PROBLEMS]]),
        websub=hub_status(config),
    )


def _examples(index: Index, rule: str, now: int) -> tuple[str, ...]:
    if rule != "duplicate":
        return index.overview.held_paths(rule, now, EXAMPLES)
    hidden = (row.path for row in index.sharing(now) if not is_in_feeds(row.shown, now))
    return tuple(islice(hidden, EXAMPLES))


def _hub_lines(hub: HubStatus | None, now: int) -> Iterator[str]:
    if hub is None:
        return
    told = f"last told {moment(int(hub.succeeded))}" if hub.succeeded is not None else "never told yet"
    waiting = f"{counted(hub.waiting, 'document')} {'waits' if hub.waiting == 1 else 'wait'}"
    later = f", next try in {distance(max(0, int(hub.next_try) - now))}" if hub.waiting and hub.next_try else ""
    yield f"hub {hub.url}: {told}, {waiting} to be told{later}"
    if hub.failed is not None:
        yield f"  last failure {moment(int(hub.failed))}: {hub.reason}"
    if trouble := hub.trouble(now):
        yield f"  {trouble}"


def daemon_lines(told: Any) -> Iterator[str]:
    """Give what a running daemon told of itself as lines for a person; `told` is None where none runs."""
    if told is None:
        yield "no daemon runs (`aggregator run` starts one)"
        return
    status = msgspec.convert(told, DaemonStatus)
    how = "healthy" if status.healthy else "NOT HEALTHY"
    overflows = f", {counted(status.overflows, 'overflow')}" if status.overflows else ""
    life = f"up {distance(int(status.uptime))}, {counted(status.turns, 'turn')}"
    yield f"daemon: process {status.pid}, {how}, {life}, watcher {status.backend}{overflows}"
    for concern, problem in status.problems.items():
        yield f"  {concern}: {problem} (for {distance(int(status.problem_ages[concern]))})"
    yield from (f"  warning: {warning}" for warning in status.warnings.values())
    yield f"  last look at everything: {moment(int(status.scanned))}"
    if status.regenerate is not None:
        yield f"  next regeneration: {moment(int(status.regenerate))}"
    if status.serving:
        yield f"  serving: {status.serving}"
    threads = ", ".join(f"{name} {'lives' if alive else 'is dead'}" for name, alive in status.threads.items())
    yield f"  threads: {threads}"
