"""Items per day -> a small bar chart: the path of an SVG and the sentence that says the same; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY, FeedSummary

HEIGHT = 9
"""The highest bar. One digit a day keeps the page of a site with hundreds of feeds small."""

COARSE = 3
"""How many heights bars have where hundreds of them share a page."""

LOW = 2
"""The fewest items a day that fill the height, so that a single one looks like little."""

_DAY = 86_400


def last_day(summaries: Sequence[FeedSummary]) -> datetime | None:
    """Give the day (UTC) of the newest item of all: there the bars of every feed end, so no clock is needed."""
    newest = max((one.newest_published for one in summaries if one.newest_published), default=None)
    return newest and newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def until(summary: FeedSummary, last: datetime | None) -> tuple[int, ...]:
    """Give a feed's items on each of the days that end with `last`, which is no day before its newest item."""
    if last is None or summary.newest_published is None or not summary.daily:
        return (0,) * DAYS_COUNTED
    later = int(last.timestamp()) // _DAY - int(summary.newest_published.timestamp()) // _DAY
    return (*summary.daily, *(0,) * later)[-DAYS_COUNTED:]


def merged(counts: Sequence[int], days: int) -> list[int]:
    """Give each of so many days the most of any of them: a path with fewer turns."""
    return [
        max(counts[start : start + days]) for start in range(0, len(counts), days) for _ in counts[start : start + days]
    ]


def path(counts: Sequence[int], height: int = HEIGHT, steps: int = 0) -> str:
    """Draw bars, each one unit wide, as the outline of an SVG path that stands on a line at `height`.

    Fewer `steps` than `height` (0 = as many) make more neighbours alike, and so the path shorter.
    """
    most, steps = max((*counts, LOW)), steps or height
    tops = (height - -(-count * steps // most) * height // steps for count in counts)
    drawn, pen = [f"M0 {height}"], height
    for top, run in groupby(tops):
        drawn.append(f"{_to(top, pen)}h{len(list(run))}")
        pen = top
    return "".join((*drawn, _to(height, pen)))


def _to(top: int, pen: int) -> str:
    return f"V{top}" if top != pen else ""


def sentence(counts: Sequence[int], *, brief: bool = False) -> str:
    """Say what the bars show."""
    total, days = sum(counts), len(counts)
    items = "1 item" if total == 1 else f"{total:,} items"
    if not total:
        return f"No items in {days} days"
    if MANY_A_DAY in counts:
        return f"More than {items} in {days} days"
    return f"{items} in {days} days" if brief else f"{items} in {days} days, at most {max(counts):,} a day"
