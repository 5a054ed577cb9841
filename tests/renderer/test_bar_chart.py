"""Items per day as bars: the day they end with, their heights, and the sentence that says the same."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY
from aggregator.renderer import bar_chart

LAST = datetime(2026, 10, 3, tzinfo=UTC)
DAILY = tuple(range(DAYS_COUNTED))


@pytest.mark.parametrize(("days", "expected"), [(0, DAILY), (3, (*DAILY[3:], 0, 0, 0)), (400, (0,) * DAYS_COUNTED)])
def test_bars_end_with_the_site(summarise, days, expected):
    """Counts move left by the days from the feed's newest item to the site's."""
    one = msgspec.structs.replace(summarise("a", "A"), newest_published=LAST - timedelta(days=days), daily=DAILY)

    assert bar_chart.daily_counts(one, LAST) == expected


def test_the_last_day_comes_from_the_items(summarise):
    """It is the day of the newest item in UTC, or None without items."""
    evening = datetime(2026, 10, 3, 23, 30, tzinfo=UTC).astimezone()
    one = msgspec.structs.replace(summarise("a", "A"), newest_published=evening)

    assert bar_chart.last_day([one, summarise("b", "B", count=0)]) == LAST
    assert bar_chart.last_day([summarise("b", "B", count=0)]) is None


def test_path():
    """The highest bar fills the height, one item is visible, equal neighbours are one line."""
    assert bar_chart.svg_path([0, 0, 1, 100, 100, 0]) == "M0 9h2V8h1V0h2V9h1"
    assert bar_chart.svg_path([1, 1]) == "M0 9V4h2V9"
    assert bar_chart.svg_path([0, 0]) == "M0 9h2"
    assert bar_chart.svg_path([]) == "M0 9"
    assert bar_chart.svg_path([1, 2, 3, 6], steps=bar_chart.COARSE_HEIGHTS) == "M0 9V6h2V3h1V0h1V9"


def test_merged():
    """A bar for several days is as high as the highest of them; the last group may be shorter."""
    assert bar_chart.merge_days([0, 2, 1, 0, 0, 0, 4], 3) == [2, 2, 2, 0, 0, 0, 4]
    assert bar_chart.merge_days([3, 1, 2], 1) == [3, 1, 2]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ([0, 0], "No items in 2 days"),
        ([0, 1], "1 item in 2 days, at most 1 a day"),
        ([900, 300], "1,200 items in 2 days, at most 900 a day"),
        ([MANY_A_DAY, 0], "More than 1,000 items in 2 days"),
    ],
)
def test_sentence(counts, sentence):
    """The sentence has the sum and the most of a day, or says that counting stopped."""
    assert bar_chart.describe(counts) == sentence


def test_brief_sentence():
    """If hundreds of cards share a page, it has only the sum."""
    assert bar_chart.describe([2, 3], brief=True) == "5 items in 2 days"
