"""What a turn did, as lines for a person: plain text, or a table where there is a terminal; prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aggregator.model import Problem, Turn

if TYPE_CHECKING:
    from rich.table import Table

RULES = {
    "readable": "cannot be read",
    "valid": "are not valid",
    "state": "are unpublished, removed or deleted",
    "quality": "are below the quality asked for",
    "heat": "are below the heat asked for",
    "provider": "come from a provider that is not wanted",
    "type": "are of a type that is not wanted",
    "title": "have a title that is not wanted",
    "window": "expire before they appear",
    "embargo": "wait for their moment",
    "expired": "have expired or are too old",
    "duplicate": "tell a story that another seed stands for",
}
"""What each rule says of the seeds it holds back, in the order in which the rules apply."""

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_OF_ONE = (
    ("are ", "is "),
    ("come ", "comes "),
    ("have ", "has "),
    ("expire before they appear", "expires before it appears"),
    ("wait for their", "waits for its"),
    ("tell ", "tells "),
)

STAGES = {
    "scan": "walking the seeds folder",
    "read": "reading, parsing and applying the rules, or waiting for the processes that do",
    "intake": "bringing the index up to date",
    "feeds": "rendering feeds and their pages",
    "archives": "rendering archives, or waiting for the processes that do",
    "write": "waiting for files to be written",
}
"""What each stage of a turn is."""

SHOWN_PROBLEMS = 50


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


def held_words(rule: str, count: int) -> str:
    """Say what a rule says of `count` seeds."""
    words = RULES[rule]
    for many, one in _OF_ONE if count == 1 else ():
        words = words.replace(many, one)
    return words


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


def counted(count: int, word: str) -> str:
    """Give a number with its noun: `1 seed`, `2 seeds`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def moment(seconds: int) -> str:
    """Write a moment as feeds do: 2026-11-23T10:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def distance(seconds: int) -> str:
    """Say how long something is in words: `3 days`."""
    for size, word in ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return counted(count, word)
    return counted(seconds, "second")
