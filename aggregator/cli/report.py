"""Turns, problems and status as lines of text for a terminal. Prints nothing. Pure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from aggregator.model.reports import FeedReport, HubStatus, Problem, Turn
from aggregator.model.source_words import states_line
from aggregator.model.words import LISTED_PROBLEMS, RULES, escape_controls, in_words, quantity, rule_words, utc_time

if TYPE_CHECKING:
    from aggregator.site.status import SiteStatus

LISTED_FEEDS = 10
"""The most feeds that `status` lists."""

STAGES = {
    "scan": "scanning the seeds folder",
    "read": "reading, parsing and applying the rules, or waiting for worker processes",
    "intake": "updating the index",
    "feeds": "rendering feeds and their pages",
    "items": "rendering pages of items, or waiting for worker processes",
    "archives": "rendering archives, or waiting for worker processes",
    "write": "waiting for files to be written",
    "search": "making the files of a static search",
}
"""The stages of a turn and what each does."""


def summary(turn: Turn, *, fresh: bool = False) -> str:
    """Return one line that sums up a turn; one that was `fresh` read everything again, whatever it had known."""
    seen = quantity(turn.seeds, "seed"), quantity(turn.items, "item"), quantity(len(turn.feeds), "feed")
    done = [
        f"{count:,} {word}"
        for count, word in ((turn.read, "read again"),) * fresh + _changes(turn) * (not fresh)
        if count
    ]
    nothing = "nothing written" if turn.failed else "nothing to write"
    wrote = f"{quantity(len(turn.written), 'document')} written" if turn.written else nothing
    return f"{', '.join(seen)}; {', '.join((*done, wrote))} in {turn.seconds:.2f} s"


def _changes(turn: Turn) -> tuple[tuple[int, str], ...]:
    return (turn.added, "added"), (turn.changed, "changed"), (turn.removed, "removed")


def stage_lines(turn: Turn) -> Iterator[str]:
    """Yield a line for each stage of a turn with its seconds and share, and one for the rest."""
    spent = {stage: turn.stages.get(stage, 0.0) for stage in STAGES}
    rest = max(0.0, turn.seconds - sum(spent.values()))
    for stage, seconds in (*spent.items(), ("other", rest)):
        share = seconds / (turn.seconds or 1)
        yield f"{seconds:>8.2f} s {share:>5.0%}  {stage:<9} {STAGES.get(stage, 'everything else')}"


def held_back_lines(turn: Turn) -> Iterator[str]:
    """Yield how many seeds each rule holds back, in the order of the rules."""
    for rule in RULES:
        if count := turn.held.get(rule):
            yield f"{count:>7,} {rule_words(rule, count)} (rule: {rule})"


def listed_feeds(turn: Turn, *, everything: bool) -> list[FeedReport]:
    """Return the feeds that a report lists: those that changed, or all."""
    return [feed for feed in turn.feeds if feed.changed or everything]


def feed_lines(feeds: Iterable[FeedReport]) -> Iterator[str]:
    """Yield a line for each feed: `*` if it changed, number of items, slug and title."""
    for feed in feeds:
        yield f"{'*' if feed.changed else ' '} {feed.items:>6,}  {feed.slug:<30}  {feed.title}"


def feed_table(feeds: Iterable[FeedReport], *, colour: bool) -> Iterator[str]:
    """Yield the same as a table for a terminal; titles come last, since their width is not known."""
    listed = list(feeds)
    width = max((len(feed.slug) for feed in listed), default=4)
    bold, green, plain = ("\x1b[1m", "\x1b[32m", "\x1b[0m") if colour else ("", "", "")
    gap = " " * 9 if any(feed.changed for feed in listed) else ""
    yield f"{bold}{'feed':<{width}} {'items':>7}{gap}  title{plain}"
    for feed in listed:
        changed = f"  {green}changed{plain}" if feed.changed else gap
        yield f"{feed.slug:<{width}} {feed.items:>7,}{changed}  {escape_controls(feed.title)}"


Folders = Mapping[str, str]
"""The folders of seeds, by what the paths of their seeds begin with."""

NO_FOLDERS: Folders = {}


def problem_lines(turn: Turn, folders: Folders = NO_FOLDERS) -> Iterator[str]:
    """Yield everything that needs attention, the most severe first; paths of seeds begin with their folders."""
    yield from (f"not written: {failure}" for failure in turn.failures())
    yield from (f"not believed: {doubt}" for doubt in turn.doubted)
    yield from (f"note: {note}" for note in turn.notes)
    yield from stale_lines(turn.stale, folders)
    yield from _seed_problem_lines(turn.problems, folders)


def stale_lines(stale: tuple[str, ...], folders: Folders = NO_FOLDERS) -> Iterator[str]:
    """Yield the broken files whose last good version is still published, at most `LISTED_PROBLEMS` of them."""
    for path in stale[:LISTED_PROBLEMS]:
        yield f"stale: {in_folder(path, folders)}: its last good version is still published"
    if len(stale) > LISTED_PROBLEMS:
        yield f"… and {len(stale) - LISTED_PROBLEMS:,} more whose last good version is still published"


def _seed_problem_lines(problems: tuple[Problem, ...], folders: Folders) -> Iterator[str]:
    ordered = sorted(problems, key=lambda problem: problem.warning)
    yield from (in_folder(str(problem), folders) for problem in ordered[:LISTED_PROBLEMS])
    if len(ordered) > LISTED_PROBLEMS:
        yield f"… and {len(ordered) - LISTED_PROBLEMS:,} more (`aggregator check` lists them all)"


def in_folder(line: str, folders: Folders) -> str:
    """Return a line that begins with a seed's path with its folder in it, so that an editor can open the path."""
    for prefix, folder in folders.items():
        if line.startswith(prefix):
            return f"{folder}/{line[len(prefix) :]}"
    return line


def github_line(problem: Problem, folders: Folders) -> str:
    """Return a problem as an annotation of GitHub Actions (workflow commands, `::error file=…::message`)."""

    def escaped(text: str, characters: str) -> str:
        return "".join(f"%{ord(one):02X}" if one in characters else one for one in text)

    in_value, in_text = "%\r\n:,", "%\r\n"
    path = os.path.relpath(in_folder(problem.path, folders))
    where = {"file": path, "line": problem.line, "col": problem.column}
    values = ",".join(f"{key}={escaped(str(value), in_value)}" for key, value in where.items() if value)
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    return f"::{'warning' if problem.warning else 'error'} {values}::{escaped(text, in_text)}"


def daemon_lines(reply: Any, now: float) -> Iterator[str]:
    """Yield the status of a daemon at `now`; `reply` is its answer as builtin types, or None if none runs."""
    if reply is None:
        yield "no daemon runs (`aggregator run` starts one)"
        return
    from aggregator.service.health import DaemonStatus  # noqa: PLC0415 - only of the daemon

    status = msgspec.convert(reply, DaemonStatus)
    health = "healthy" if status.healthy else "NOT HEALTHY"
    activity = f"up {in_words(int(status.uptime))}, {quantity(status.turns, 'turn')}"
    overflows = f", {quantity(status.overflows, 'overflow')}" if status.overflows else ""
    yield f"daemon: process {status.pid}, {health}, {activity}, watcher {status.backend}{overflows}"
    for concern, problem in status.problems.items():
        yield f"  {concern}: {problem} (for {in_words(int(status.problem_ages[concern]))})"
    yield from (f"  warning: {warning}" for warning in status.warnings.values())
    scanned = f"{in_words(max(0, int(now - status.scanned)))} ago" if status.scanned else "not yet done"
    yield f"  last full scan: {scanned}"
    if status.regenerate is not None:
        yield f"  next regeneration: {utc_time(int(status.regenerate))}"
    if status.serving:
        yield f"  serving: {status.serving}"
    if not all(status.threads.values()):
        yield "  threads: " + ", ".join(f"{name} {'alive' if one else 'DEAD'}" for name, one in status.threads.items())


def trouble_lines(found: SiteStatus, folders: Folders = NO_FOLDERS) -> Iterator[str]:
    """Yield what needs attention in a site: a missing folder, last good versions, seeds with problems.

    Paths of seeds begin with their folder in `folders`.
    """
    if found.folder_problem:
        yield found.folder_problem
    yield from stale_lines(found.stale, folders)
    yield from (in_folder(str(problem), folders) for problem in found.problems[:LISTED_PROBLEMS])
    yield from _source_lines(found.dead_sources, "dead source")
    yield from _source_lines(found.quarantined_sources, "quarantined source")


def _source_lines(urls: Sequence[str], what: str) -> Iterator[str]:
    """Yield the first of some sources that somebody should look at, and how many more there are."""
    for url in urls[:LISTED_PROBLEMS]:
        yield f"{what}: {url} (`aggregator explain {shlex.quote(url)}` says more)"
    if len(urls) > LISTED_PROBLEMS:
        more = quantity(len(urls) - LISTED_PROBLEMS, f"more {what}")
        yield f"… and {more} (`aggregator sources` lists them all)"


def status_lines(found: SiteStatus, folders: Folders = NO_FOLDERS) -> Iterator[str]:
    """Yield the status of a site: what needs attention, counts, feeds, rules, the next change, turns, hub.

    Paths of seeds with problems begin with their folder in `folders`.
    """
    yield from trouble_lines(found, folders)
    yield f"{quantity(found.seeds, 'seed')}, {quantity(found.items, 'item')}, {quantity(len(found.feeds), 'feed')}"
    for slug, items in islice(found.feeds.items(), LISTED_FEEDS):
        yield f"{items:>7,} {'item ' if items == 1 else 'items'}  {slug}"
    if len(found.feeds) > LISTED_FEEDS:
        yield f"        … and {quantity(len(found.feeds) - LISTED_FEEDS, 'more feed')} (`--json` lists them all)"
    for rule in RULES:
        if count := found.held.get(rule):
            seeds = "seed " if count == 1 else "seeds"
            yield f"{count:>7,} {seeds}  {rule_words(rule, count)} (rule: {rule})"
    if found.due is not None:
        what = found.due_path or "a tombstone expires"
        yield f"next due: {utc_time(found.due)}, in {in_words(max(0, found.due - found.now))}: {what}"
    for turn in found.turns[:5]:
        ago = in_words(max(0, found.now - turn.now))
        yield f"turn {ago} ago: {turn.seconds:.2f} s, {turn.read:,} read, {turn.written:,} written"
    if found.sources:
        yield states_line(found.sources)
    yield from _hub_lines(found.websub, found.now)


def _hub_lines(hub: HubStatus | None, now: int) -> Iterator[str]:
    if hub is None:
        return
    pinged = f"last pinged {utc_time(int(hub.succeeded))}" if hub.succeeded is not None else "never pinged"
    retry = f", next attempt in {in_words(max(0, int(hub.next_try) - now))}" if hub.waiting and hub.next_try else ""
    yield f"hub {hub.url}: {pinged}, {quantity(hub.waiting, 'document')} waiting{retry}"
    if hub.failed is not None:
        yield f"  last failure {utc_time(int(hub.failed))}: {hub.reason}"
    if trouble := hub.trouble(now):
        yield f"  {trouble}"
