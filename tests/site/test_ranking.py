"""Feeds that are sorted by score: their order, when it changes, and what `explain` says of it."""

from __future__ import annotations

from typing import Any

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.site.explain import explain

DAY = 86_400


@pytest.fixture
def told(site: SiteFolder) -> SiteFolder:
    """Return a built site with a feed by score and one by date of the same items."""
    site.settings["feeds_by_query"] = [
        {"slug": "best", "sort": "score", "where": {"min_quality": 50}}, {"slug": "latest", "where": {"min_quality": 50}},
    ]  # fmt: skip
    site.settings["score"] = {"fresh": "-1/day", "words": {"breaking": "+5"}, "has_image": 3, "coverage": "+10 each"}
    site.write("old.md", title="Old and good", quality=90, publishedDateTime=iso(NOW - 20 * DAY))
    site.write("new.md", title="New", quality=60, publishedDateTime=iso(NOW - DAY))
    site.write("breaking.md", title="Breaking news", quality=60, publishedDateTime=iso(NOW - 2 * DAY))
    site.build()
    return site


def lines_of(site: SiteFolder, path: str) -> tuple[str, list[str]]:
    """Return the headline of an explanation and its details."""
    config = site.config()
    with opened_read_only(config.state) as index:
        (found,) = explain(config, index, path, now=NOW)
    return found.headline, list(found.details)


def test_the_best_score_comes_first(told: SiteFolder) -> None:
    """70 before 63 before 59; the feed by date keeps its order."""
    assert told.titles("best") == ["Old and good", "Breaking news", "New"]
    assert told.titles("latest") == ["New", "Breaking news", "Old and good"]
    assert "score: 63 = +60 quality +5 'breaking' in the title -2 fresh (2 days)" in lines_of(told, "breaking.md")[1]


@pytest.mark.parametrize("score", [{"fresh": "-2/day"}, {"fresh": -2}])
def test_another_score_sorts_again(told: SiteFolder, score: dict[str, Any]) -> None:
    """The next build has the new order, without any change of a seed."""
    told.settings["score"] = score
    told.build()
    assert told.titles("best") == ["New", "Breaking news", "Old and good"]
    del told.settings["score"]
    told.build()
    assert told.titles("best") == ["Old and good", "New", "Breaking news"]
    assert not [line for line in lines_of(told, "new.md")[1] if line.startswith("score")]


def test_an_edit_moves_an_item(told: SiteFolder) -> None:
    """An image brings points, a better one is first."""
    told.write("new.md", title="Breaking: new", quality=90, publishedDateTime=iso(NOW - DAY))
    told.build()
    assert told.titles("best") == ["Breaking: new", "Old and good", "Breaking news"]


def test_beyond_the_limit_are_the_worst_and_the_history_links_to_the_newest(told: SiteFolder) -> None:
    """The feed's link to its history leads to the month of the newest item that it does not show."""
    told.settings["feed"] = {"limit": 1}
    told.build()
    assert told.titles("best") == ["Old and good"]
    assert b"/best/archive/2026-05" in (told.feeds / "best/atom.xml").read_bytes()
    headline, details = lines_of(told, "new.md")
    assert headline.startswith("new.md: in 2 feeds: all, latest")
    assert "not in best: 2 better items come before it, and the feed ends after 1" in details


def test_what_is_listed_with_an_item_counts_as_coverage(told: SiteFolder) -> None:
    """Other texts on its event bring it as many points as `related` in its seed."""
    told.settings["stories"] = {"stories": "relate"}
    for number in range(3):
        told.write(
            f"s{number}.md", webUrl=f"https://s{number}.example/a", story="One", quality=60, title=f"Item {number}"
        )
    told.build()
    assert told.titles("best")[:4] == ["Item 2", "Item 1", "Item 0", "Old and good"]
    assert "score: 79 = +60 quality +20 coverage (2 related) -1 fresh (1 day)" in lines_of(told, "s1.md")[1]
