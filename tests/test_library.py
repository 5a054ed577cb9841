"""The library as programs use it: its public names only."""

from __future__ import annotations

import time

import pytest
from support.site_folder import NOW, SiteFolder

import aggregator


def test_two_calls_build_the_feeds_of_a_folder(site: SiteFolder) -> None:
    """`load_config` and `build` write the feeds, and the turn reports them."""
    site.write("a.md", topics=["AI"])
    site.config()
    turn = aggregator.build(aggregator.load_config(site.root / "config/feeds.yaml"))
    assert isinstance(turn, aggregator.Turn)
    assert (turn.items, turn.seeds, turn.added) == (1, 1, 1)
    assert [(feed.slug, feed.items, feed.changed) for feed in turn.feeds] == [("all", 1, True), ("ai", 1, True)]
    assert {"all/rss.xml", "ai/feed.json", "index.html", "feeds.opml"} <= set(turn.written)
    assert abs(turn.now - time.time()) < 60


def test_progress_is_reported_up_to_the_last_file(site: SiteFolder) -> None:
    """Each call has the files read and the total; in the last call they are equal."""
    for number in range(600):
        site.write(f"{number}.md")
    calls: list[tuple[int, int]] = []
    site.build(progress=lambda done, of: calls.append((done, of)))
    assert calls == sorted(calls)
    assert calls[-1] == (600, 600)
    assert len(calls) > 1


def test_problems_are_values_with_a_line_and_a_hint(site: SiteFolder) -> None:
    """Programs can format them; as text they begin with file:line:column."""
    site.write_text("a.md", "---\ntitle: Foo: bar\n---\n")
    turn = site.build()
    assert all(isinstance(problem, aggregator.Problem) for problem in turn.problems)
    problem = turn.problems[0]
    assert (problem.path, problem.line, problem.warning) == ("a.md", 2, False)
    assert str(problem).startswith(f"a.md:2:{problem.column}: ")


def test_every_error_is_an_aggregator_error(site: SiteFolder) -> None:
    """`except AggregatorError` catches all; `ConfigError` has all problems."""
    for error in (aggregator.ConfigError, aggregator.FolderError, aggregator.LockedError, aggregator.PublishError):
        assert issubclass(error, aggregator.AggregatorError)
    with pytest.raises(aggregator.ConfigError, match="aggregator init"):
        aggregator.load_config(site.root / "nowhere.yaml")
    (site.root / "config/feeds.yaml").write_text("site: {titel: x}\nrules: {min_quality: high}\n")
    with pytest.raises(aggregator.ConfigError) as caught:
        aggregator.load_config(site.root / "config/feeds.yaml")
    assert len(caught.value.problems) >= 3
    site.seeds.rmdir()
    with pytest.raises(aggregator.ConfigError, match="the seeds folder is missing"):
        site.build()


def test_a_build_is_for_the_given_time(site: SiteFolder) -> None:
    """`now` is a parameter, so that programs can build the feeds of another time."""
    site.write("a.md")
    assert site.build(now=NOW - 10 * 86_400).items == 0
    assert site.build(now=NOW).items == 1


def test_nothing_is_printed_and_no_logger_is_set_up(site: SiteFolder, capfd: pytest.CaptureFixture[str]) -> None:
    """The library does not change the output and logging of its host."""
    site.write_text("a.md", "broken")
    site.build()
    assert capfd.readouterr() == ("", "")
