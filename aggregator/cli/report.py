"""What a turn did, as lines for a person: plain text, or a table where there is a terminal; prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aggregator.model.reports import HubStatus, Problem, Turn

if TYPE_CHECKING:
    from rich.table import Table
from typing import Any

import msgspec

from aggregator.model.words import RULES, SHOWN_PROBLEMS, counted, distance, held_words, moment
from aggregator.service.health import DaemonStatus
from aggregator.site.status import SiteStatus

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

STAGES = {
    "scan": "walking the seeds folder",
    "read": "reading, parsing and applying the rules, or waiting for the processes that do",
    "intake": "bringing the index up to date",
    "feeds": "rendering feeds and their pages",
    "archives": "rendering archives, or waiting for the processes that do",
    "write": "waiting for files to be written",
}
"""What each stage of a turn is."""


def summary(turn: Turn) -> str:
    """Say in one line what a turn did."""
    seen = counted(turn.seeds, "seed"), counted(turn.items, "item"), counted(len(turn.feeds), "feed")
    done = [
        f"{count:,} {word}"
        for count, word in ((turn.added, "added"), (turn.changed, "changed"), (turn.removed, "removed"))
        if count
    ]
    wrote = f"{counted(len(turn.written), 'document')} written" if turn.written else "nothing to write"
    return f"{', '.join(seen)}; {', '.join((*done, wrote))} in {turn.seconds:.2f} s"


def stage_lines(turn: Turn) -> Iterator[str]:
    """Say where a turn's time went: a line a stage, with seconds and share, then what no stage accounts for."""
    spent = {stage: turn.stages.get(stage, 0.0) for stage in STAGES}
    rest = max(0.0, turn.seconds - sum(spent.values()))
    for stage, seconds in (*spent.items(), ("other", rest)):
        words = STAGES.get(stage, "everything else")
        yield f"{seconds:>8.2f} s {seconds / (turn.seconds or 1):>5.0%}  {stage:<9} {words}"


def held_back(turn: Turn) -> Iterator[str]:
    """Say how many seeds each rule holds back, in the order of the rules."""
    for rule in RULES:
        if count := turn.held.get(rule):
            yield f"{count:>7,} {held_words(rule, count)} ({rule})"


def feed_lines(turn: Turn) -> Iterator[str]:
    """Give a line for each feed: what changed, how many items, slug and title."""
    for feed in turn.feeds:
        yield f"{'*' if feed.changed else ' '} {feed.items:>6,}  {feed.slug:<30}  {feed.title}"


def feed_table(turn: Turn) -> Table:
    """Give the same as a table for a terminal."""
    from rich.table import Table  # noqa: PLC0415 - 60 ms, only for terminals

    table = Table("feed", "title", box=None, header_style="bold", pad_edge=False)
    table.add_column("items", justify="right")
    table.add_column("")
    for feed in turn.feeds:
        table.add_row(feed.slug, feed.title, f"{feed.items:,}", "[green]changed[/]" if feed.changed else "")
    return table


def trouble(turn: Turn, folder: str = "") -> Iterator[str]:
    """Give everything that needs a hand, the gravest first; seeds are named from `folder` on."""
    yield from (f"not written: {failure}" for failure in turn.failures())
    yield from (f"note: {note}" for note in turn.notes)
    yield from stale_lines(turn.stale, folder)
    yield from problem_lines(turn.problems, folder)


def stale_lines(stale: tuple[str, ...], folder: str = "") -> Iterator[str]:
    """Say which broken files still show their last good version, at most `SHOWN_PROBLEMS` of them."""
    yield from (
        f"stale: {located(path, folder)}: its last good version is still shown" for path in stale[:SHOWN_PROBLEMS]
    )
    if len(stale) > SHOWN_PROBLEMS:
        yield f"… and {len(stale) - SHOWN_PROBLEMS:,} more whose last good version is still shown"


def problem_lines(problems: tuple[Problem, ...], folder: str = "") -> Iterator[str]:
    """Give problems line by line, errors first, at most `SHOWN_PROBLEMS`; seeds are named from `folder` on."""
    ordered = sorted(problems, key=lambda problem: problem.warning)
    yield from (located(str(problem), folder) for problem in ordered[:SHOWN_PROBLEMS])
    if len(ordered) > SHOWN_PROBLEMS:
        yield f"… and {len(ordered) - SHOWN_PROBLEMS:,} more (`aggregator check` lists them all)"


def located(line: str, folder: str) -> str:
    """Put `folder` before a line that begins with a seed's path, so that a terminal or an editor can open it."""
    return f"{folder}/{line}" if folder else line


def on_one_line(line: str) -> str:
    """Spell out what would steer a terminal or begin another line: names of files may hold it."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], line)


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


def status_lines(found: SiteStatus) -> Iterator[str]:
    """Return how a site stands as lines for a person."""
    yield f"{counted(found.seeds, 'seed')}, {counted(found.items, 'item')}, {counted(len(found.feeds), 'feed')}"
    yield from (f"{count:>7,} {'item ' if count == 1 else 'items'}  {slug}" for slug, count in found.feeds.items())
    for rule in RULES:
        if count := found.held.get(rule):
            seeds = "seed " if count == 1 else "seeds"
            yield f"{count:>7,} {seeds}  {held_words(rule, count)} ({rule})"
    if found.due is not None:
        whose = found.due_path or "a withdrawal that has been said for long enough"
        yield f"next due: {moment(found.due)}, in {distance(max(0, found.due - found.now))}: {whose}"
    for turn in found.turns[:5]:
        yield f"turn {moment(turn.now)}: {turn.seconds:.2f} s, {turn.read:,} read, {turn.written:,} written"
    yield from _hub_lines(found.websub, found.now)
    yield from stale_lines(found.stale)
    yield from map(str, found.problems[:SHOWN_PROBLEMS])


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
