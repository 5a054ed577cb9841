"""A small bar chart of items per day: the path of an SVG, and the sentence that says the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY, FeedSummary

HEIGHT = 9
"""The height of the highest bar. Heights of one digit keep the page of a site with hundreds of feeds small."""

COARSE_HEIGHTS = 3
"""How many different heights bars have if hundreds of charts share a page."""

LEAST_FULL_HEIGHT = 2
"""The fewest items a day that fill the height, so that a single item looks like little."""

_DAY = 86_400


def last_day(summaries: Sequence[FeedSummary]) -> datetime | None:
    """Return the day (UTC) of the newest item of all feeds, with which every chart ends; None without items."""
    newest = max((one.newest_published for one in summaries if one.newest_published), default=None)
    return newest and newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def daily_counts(summary: FeedSummary, last: datetime | None) -> tuple[int, ...]:
    """Return a feed's items on each of the `DAYS_COUNTED` days that end with `last` (`last_day` of all feeds)."""
    if last is None or summary.newest_published is None or not summary.daily:
        return (0,) * DAYS_COUNTED
    later = int(last.timestamp()) // _DAY - int(summary.newest_published.timestamp()) // _DAY
    return (*summary.daily, *(0,) * later)[-DAYS_COUNTED:]


def merge_days(counts: Sequence[int], days: int) -> list[int]:
    """Return `counts` with each group of so many days set to its highest count: its path has fewer turns."""
    return [
        max(counts[start : start + days]) for start in range(0, len(counts), days) for _ in counts[start : start + days]
    ]


def svg_path(counts: Sequence[int], height: int = HEIGHT, steps: int = 0) -> str:
    """Return bars, each one unit wide, as the outline of an SVG path that stands on a line at `height`.

    Bars have at most `steps` different heights (0 = `height`): the fewer, the more neighbours are alike, and the
    shorter is the path.
    """
    most, steps = max((*counts, LEAST_FULL_HEIGHT)), steps or height
    tops = (height - -(-count * steps // most) * height // steps for count in counts)
    drawn, current = [f"M0 {height}"], height
    for top, run in groupby(tops):
        drawn.append(f"{_vertical(top, current)}h{len(list(run))}")
        current = top
    return "".join((*drawn, _vertical(height, current)))


def _vertical(top: int, current: int) -> str:
    return f"V{top}" if top != current else ""


def describe(counts: Sequence[int], *, brief: bool = False) -> str:
    """Return the sentence that says what the bars show; a `brief` one leaves out the most of a day."""
    total, days = sum(counts), len(counts)
    items = "1 item" if total == 1 else f"{total:,} items"
    if not total:
        return f"No items in {days} days"
    if MANY_A_DAY in counts:
        return f"More than {items} in {days} days"
    return f"{items} in {days} days" if brief else f"{items} in {days} days, at most {max(counts):,} a day"


def caption(counts: Sequence[int]) -> str:
    """Return the few words beside the bars."""
    return f"{'over ' if MANY_A_DAY in counts else ''}{sum(counts):,} in {len(counts)} days"
