"""The lines of a turn's report."""

from __future__ import annotations

import re

import msgspec
import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.cli import report
from aggregator.model import words as report_words
from aggregator.model.reports import FeedReport, PastTurn, Problem, Turn
from aggregator.model.words import LISTED_PROBLEMS
from aggregator.service.health import Health
from aggregator.service.http import metrics
from aggregator.service.http.status_view import status_view
from aggregator.site.status import SiteStatus


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
    assert list(report.feed_table(feeds, colour=False)) == [
        "feed   items  title",
        "odd       1  [/] [red]x\\x1b\\u202e",
    ]


def test_a_table_is_in_colour_or_in_none() -> None:
    """What changed is green, and without the colours the lines are the same."""
    feeds = (FeedReport(slug="a-long-name", title="A", items=12_345, changed=True),)
    plain, painted = (list(report.feed_table(feeds, colour=colour)) for colour in (False, True))
    assert plain == ["feed          items           title", "a-long-name  12,345  changed  A"]
    assert "\x1b[32mchanged\x1b[0m" in painted[1]
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in painted] == plain


def test_a_build_lists_what_changed(site: SiteFolder) -> None:
    """Feeds that did not change are listed only if all are asked for."""
    site.write("a.md", topics=["Sea"])
    site.write("b.md", topics=["Sky"])
    site.build()
    site.write("a.md", topics=["Sea"], title="Changed")
    turn = site.build()
    assert {feed.slug for feed in report.listed_feeds(turn, everything=False)} == {"all", "sea"}
    assert {feed.slug for feed in report.listed_feeds(turn, everything=True)} == {"all", "sea", "sky"}
    assert report.listed_feeds(site.build(), everything=False) == []


def test_before_the_first_turn_no_scan_was_in_1970() -> None:
    """The status says that none was done yet, and there is no such metric, which would raise an alarm."""
    health, now = Health(started=NOW - 2.0, backend="native"), float(NOW)
    status = health.status(now, due=None, regenerate=None)
    lines = list(report.daemon_lines(msgspec.to_builtins(status), now))
    assert lines[1] == "  last full scan: not yet done"
    measured = metrics.Measured(now=now, requests={}, listeners=0, cached=0, standing=None, daemon=status)
    assert b"aggregator_last_scan" not in metrics.render(measured)
    health.scanned = NOW - 1.0
    later = msgspec.structs.replace(measured, daemon=health.status(now, due=None, regenerate=None))
    assert b"aggregator_last_scan" in metrics.render(later)


def test_a_status_begins_with_what_is_wrong() -> None:
    """Problems come before counts, times are relative, and at most ten feeds are listed."""
    found = SiteStatus(
        now=NOW, seeds=1, items=1, feeds={f"feed-{number}": 1 for number in range(12)}, held={}, stale=("a.md",),
        problems=(Problem(path="a.md", line=2, column=1, message="is wrong"),), due=None, due_path="",
        turns=(PastTurn(now=NOW - 7200, seconds=1, read=1, written=1),), folder_problem="seeds: missing",
    )  # fmt: skip
    assert list(report.status_lines(found, {"": "seeds"}))[1:3] == [
        "stale: seeds/a.md: its last good version is still published",
        "seeds/a.md:2:1: is wrong",
    ]
    lines = list(report.status_lines(found))
    assert lines[:3] == [
        "seeds: missing",
        "stale: a.md: its last good version is still published",
        "a.md:2:1: is wrong",
    ]
    assert lines[3] == "1 seed, 1 item, 12 feeds"
    assert sum("feed-" in line for line in lines) == 10
    assert "        … and 2 more feeds (`--json` lists them all)" in lines
    assert "turn 2 hours ago: 1.00 s, 1 read, 1 written" in lines


def test_quarantined_sources_are_named_as_dead_ones_are() -> None:
    """In the status and on its page; the command can be pasted into a shell."""
    found = SiteStatus(
        now=NOW, seeds=0, items=0, feeds={}, held={}, stale=(), problems=(), due=None, due_path="", turns=(),
        sources={"quarantined": 1}, quarantined_sources=("https://blog.example/feed?a",),
    )  # fmt: skip
    url = "https://blog.example/feed?a"
    assert next(report.status_lines(found)) == f"quarantined source: {url} (`aggregator explain '{url}'` says more)"
    assert dict(status_view(found, None).sources)["Quarantined sources"] == url


def test_dead_sources_are_named_and_the_states_counted() -> None:
    """In the status before the counts, on the status page, and in the metrics, where every state has a number."""
    found = SiteStatus(
        now=NOW, seeds=0, items=0, feeds={}, held={}, stale=(), problems=(), due=None, due_path="", turns=(),
        sources={"ok": 3, "dead": LISTED_PROBLEMS + 5}, dead_sources=tuple(f"https://{n}.example.org/feed" for n in range(LISTED_PROBLEMS + 5)),
    )  # fmt: skip
    lines = list(report.status_lines(found))
    assert (
        lines[0]
        == "dead source: https://0.example.org/feed (`aggregator explain https://0.example.org/feed` says more)"
    )
    assert lines[LISTED_PROBLEMS] == "… and 5 more dead sources (`aggregator sources` lists them all)"
    assert "58 sources: 3 ok, 55 dead" in lines
    facts = dict(status_view(found, None).sources)
    assert facts["Sources"] == "58 sources: 3 ok, 55 dead"
    assert facts["Dead sources"].startswith("https://0.example.org/feed, ")
    assert facts["Dead sources"].endswith(" and 5 more")
    measured = metrics.Measured(now=NOW, requests={}, listeners=0, cached=0, standing=found, daemon=None)
    text = metrics.render(measured).decode()
    assert 'aggregator_sources{state="dead"} 55.0' in text
    assert 'aggregator_sources{state="quarantined"} 0.0' in text
    assert 'aggregator_dead_source{source="https://24.example.org/feed"} 1.0' in text
    without = msgspec.structs.replace(found, sources={}, dead_sources=())
    assert b"source" not in metrics.render(msgspec.structs.replace(measured, standing=without))
