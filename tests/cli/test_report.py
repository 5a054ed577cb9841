"""The lines of a turn's report."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from support.site_folder import NOW

from aggregator.cli import report
from aggregator.model import words as report_words
from aggregator.model.reports import FeedReport, Turn


def test_nouns_agree_with_their_number() -> None:
    """A count of one has a singular noun."""
    one = report.summary(Turn(now=NOW, seeds=1, items=1, feeds=(), written=("all/rss.xml",), seconds=1.0))
    assert one == "1 seed, 1 item, 0 feeds; 1 document written in 1.00 s"
    assert "2,000 seeds, 2 items" in report.summary(Turn(now=NOW, seeds=2_000, items=2))


@pytest.mark.parametrize("rule", report_words.RULES)
def test_the_words_of_each_rule_agree_with_one_seed(rule: str) -> None:
    """The verb of each rule is in the singular for one seed."""
    words = report_words.rule_words(rule, 1)
    assert not re.search(r"\b(are|come|have|expire|wait|tell|they|their)\b", words)
    assert words.startswith(("cannot", "is ", "comes ", "has ", "expires ", "waits ", "tells ", "duplicates "))
    assert report_words.rule_words(rule, 2) == report_words.RULES[rule]


def test_a_table_shows_titles_as_they_are() -> None:
    """Brackets are no markup, and control characters are escaped: topics are named by seeds."""
    feeds = (FeedReport(slug="odd", title="[/] [red]x\x1b\u202e", items=1, changed=False),)
    console = Console(file=io.StringIO(), width=100)
    console.print(report.feed_table(Turn(now=NOW, feeds=feeds)))
    assert "[/] [red]x\\x1b\\u202e" in console.file.getvalue()
