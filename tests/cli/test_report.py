"""The words of a turn's report."""

from __future__ import annotations

import re

import pytest
from support.site_folder import NOW

from aggregator.cli import report
from aggregator.model import words as report_words
from aggregator.model.reports import Turn


def test_one_is_singular() -> None:
    """One seed, item, feed and document each, and no `s` behind the noun."""
    one = report.summary(Turn(now=NOW, seeds=1, items=1, feeds=(), written=("all/rss.xml",), seconds=1.0))
    assert one == "1 seed, 1 item, 0 feeds; 1 document written in 1.00 s"
    assert "2,000 seeds, 2 items" in report.summary(Turn(now=NOW, seeds=2_000, items=2))


@pytest.mark.parametrize("rule", report_words.RULES)
def test_one_seed_is_held_back_in_the_singular(rule: str) -> None:
    """What each rule says of a single seed agrees with it."""
    words = report_words.held_words(rule, 1)
    assert not re.search(r"\b(are|come|have|expire|wait|tell|they|their)\b", words)
    assert words.startswith(("cannot", "is ", "comes ", "has ", "expires ", "waits ", "tells "))
    assert report_words.held_words(rule, 2) == report_words.RULES[rule]
