"""Plots of the status page: items a day, and how long turns took on a logarithmic axis. Pure: numbers in, marks out.

A plot is stretched to the width of the page, so it holds no text: its labels are HTML beside it, and every column says
its value when it is pointed at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from aggregator.model.feeds import MANY_A_DAY
from aggregator.model.reports import PastTurn
from aggregator.model.words import quantity
from aggregator.renderer.dates import from_seconds, in_words, short_date

HEIGHT = 100
"""The height of every plot, in units of its own."""

_SHORTEST = 0.001


class Mark(msgspec.Struct, frozen=True):
    """A mark of a plot: `x` counts columns from the left, `y` units from the top, `words` say its value."""

    x: float
    y: float
    words: str


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A plot: its marks, the labels of the vertical axis from the top, when it begins and ends, and what it says.

    `first` and `last` are in seconds since 1970.
    """

    marks: tuple[Mark, ...]
    labels: tuple[str, ...]
    first: int
    last: int
    sentence: str


def items_a_day(counts: Sequence[int], now: int) -> Plot | None:
    """Return the plot of the items of each day up to `now` (seconds since 1970), None without any."""
    if not any(counts):
        return None
    most = max(counts)
    days = [from_seconds(now) - timedelta(days=len(counts) - 1 - number) for number in range(len(counts))]
    marks = tuple(
        Mark(number, HEIGHT - HEIGHT * count / most, f"{_many(count)} on {short_date(day)}")
        for number, (count, day) in enumerate(zip(counts, days, strict=True))
    )
    busiest = f"{short_date(days[counts.index(most)])}" if most > 1 else ""
    total = f"{'More than ' if MANY_A_DAY in counts else ''}{quantity(sum(counts), 'item')} in {len(counts)} days"
    return Plot(
        marks=marks, labels=(_number(most), "0"), first=int(days[0].timestamp()), last=now,
        sentence=f"{total}{busiest and f', at most {_number(most)} a day ({busiest})'}",
    )  # fmt: skip


def turns(past: Sequence[PastTurn]) -> Plot | None:
    """Return the plot of how long turns took, None without any; `past` begins with the newest."""
    if not past:
        return None
    seconds = [max(turn.seconds, _SHORTEST) for turn in reversed(past)]
    lowest = math.floor(math.log10(min(seconds)) + 1e-9)
    highest = max(lowest + 1, math.ceil(math.log10(max(seconds)) - 1e-9))
    span = highest - lowest
    marks = tuple(
        Mark(number, HEIGHT * (highest - math.log10(one)) / span, _turn_words(turn))
        for number, (turn, one) in enumerate(zip(reversed(past), seconds, strict=True))
    )
    labels = tuple(took(10.0**power) for power in range(highest, lowest - 1, -1))
    return Plot(marks=marks, labels=labels, first=past[-1].now, last=past[0].now, sentence=_turns_sentence(past))


def _turn_words(turn: PastTurn) -> str:
    done = f"{quantity(turn.read, 'file')} read, {quantity(turn.written, 'document')} written"
    return f"{took(turn.seconds)} on {in_words(from_seconds(turn.now))}: {done}"


def _turns_sentence(past: Sequence[PastTurn]) -> str:
    seconds = sorted(turn.seconds for turn in past)
    if len(past) == 1:
        return f"The last turn took {took(seconds[0])}"
    middle = seconds[(len(seconds) - 1) // 2]
    return (
        f"The last {len(past)} turns took {took(seconds[0])} to {took(seconds[-1])}, half of them at most"
        f" {took(middle)}"
    )


def took(seconds: float) -> str:
    """Return a duration with two figures: `4.2 ms`, `85 ms`, `1.2 s`."""
    value, unit = (seconds * 1000, "ms") if seconds < 0.9995 else (seconds, "s")
    return f"{value:,.0f} {unit}" if value >= 9.95 or value == round(value) else f"{value:.1f} {unit}"


def _number(count: int) -> str:
    return f"{count:,}{'+' if count >= MANY_A_DAY else ''}"


def _many(count: int) -> str:
    return f"{_number(count)} item{'' if count == 1 else 's'}"
