"""Log lines for people at a terminal: a line an event, with times and paths, never a seed's text. Pure but for colour.

15:22:41 ✓ news/bench.md changed → all, open-maps (85 ms)
15:22:58 ⏰ lift.md is due → solar (12 ms)
15:23:10 ✗ news/x.md:3:14: this quote is never closed (end the text with `"`); the old version stays
15:23:31 ✓ news/x.md mended → all (40 ms)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

from aggregator.model.feeds import SITE_FEED
from aggregator.model.reports import Problem, Turn
from aggregator.model.slugs import SLUG
from aggregator.model.words import quantity

NAMED_PATHS, NAMED_FEEDS = 2, 4
"""How many seeds and how many feeds a line names."""

_GREEN, _YELLOW, _RED, _PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
_TEXTS = ("what", "reason", "problem", "error", "path", "address", "action")
"""The values of an event that are shown without their names."""


def turn_line(
    turn: Turn,
    *,
    paths: Collection[str] = (),
    due: str = "",
    mended: Collection[str] = (),
    broken: Collection[str] = (),
    reason: str = "",
) -> str | None:
    """Return the line of a turn, or None if there is nothing to tell: the problem of a broken seed has its own line.

    Args:
        turn: its report.
        paths: the seeds that events pointed to, if the turn was over them alone.
        due: the seed whose moment came, if that was the reason.
        mended: those of `paths` that had errors before it.
        broken: those that have errors now.
        reason: why the only seed of `paths` is in no feed, if that is so.
    """
    if paths and set(paths) <= set(broken) and not turn.written and not turn.failed:
        return None
    slugs = dict.fromkeys(name.partition("/")[0] for name in turn.written if name.count("/") == 1)
    feeds = sorted(filter(SLUG.fullmatch, slugs), key=lambda slug: (slug != SITE_FEED, slug))
    took = f"{turn.seconds * 1000:.0f} ms" if turn.seconds < 1 else f"{turn.seconds:.1f} s"
    target = f" → {_few(feeds, NAMED_FEEDS)}" if feeds else f"; no feed changes{reason and f': it {reason}'}"
    symbol = "✗" if turn.failed else "⏰" if due else "✓"
    return f"{symbol} {_what(turn, paths, due, mended)}{target} ({took})"


def _what(turn: Turn, paths: Collection[str], due: str, mended: Collection[str]) -> str:
    if due:
        return f"{due} is due"
    if paths:
        named = _few(sorted(paths), NAMED_PATHS)
        if mended and set(mended) >= set(paths):
            return f"{named} mended"
        kinds = {"added": turn.added, "changed": turn.changed, "removed": turn.removed}
        done = [word for word, count in kinds.items() if count]
        return f"{named} {done[0] if len(done) == 1 else 'changed'}"
    done = [f"{count:,} {word}" for count, word in (
        (turn.added, "added"), (turn.changed, "changed"), (turn.removed, "removed")
    ) if count]  # fmt: skip
    return ", ".join((quantity(turn.seeds, "seed"), *done))


def _few(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class PeopleFormatter(logging.Formatter):
    """Formats records as lines for people; with `colour`, red is wrong, yellow a warning, green done."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        line = getattr(record, "people", "") or _line(record)
        clean = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
        when = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{when} {self._coloured(clean)}"

    def _coloured(self, line: str) -> str:
        symbol, space, rest = line.partition(" ")
        colour = {"✓": _GREEN, "⏰": _GREEN, "!": _YELLOW, "✗": _RED}.get(symbol, "")
        return f"{colour}{symbol}{_PLAIN}{space}{rest}" if self._colour and colour else line


def _line(record: logging.LogRecord) -> str:
    values: dict[str, Any] = {key: value for key, value in getattr(record, "values", {}).items() if value}
    symbol = "✗" if record.levelno >= logging.ERROR else "!" if record.levelno >= logging.WARNING else "·"
    if record.exc_info and record.exc_info[0] is not None:
        values["error"] = record.exc_info[0].__name__
    texts = [str(values.pop(key)) for key in _TEXTS if key in values]
    rest = [f"{key} {value}" for key, value in values.items() if isinstance(value, str | int | float)]
    return f"{symbol} {record.getMessage()}" + (f": {', '.join((*texts, *rest))}" if texts or rest else "")


def problem_line(problem: Problem, *, last_good: bool) -> str:
    """Return the line of a problem in a seed; `last_good` if the last good version of the seed stays."""
    stays = "; the old version stays" if last_good else ""
    return f"{'!' if problem.warning else '✗'} {problem}{stays}"
