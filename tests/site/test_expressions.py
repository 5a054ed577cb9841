"""Rules and feeds by query with expressions, from a seed to the feeds of a site."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only

DAY = 86_400


@pytest.fixture
def told(site: SiteFolder) -> SiteFolder:
    """Return a built site with a young and an older item, and a feed of what is young or good."""
    site.settings["rules"] = {"block": "title:sponsored OR (age:>=5d quality:<90)"}
    site.settings["feeds_by_query"] = [{"slug": "fresh", "where": "age:<3d OR quality:>=90"}]
    site.write("young.md", title="Young", quality=70, publishedDateTime=iso(NOW - DAY))
    site.write("older.md", title="Older", quality=70, publishedDateTime=iso(NOW - 4 * DAY))
    site.write("good.md", title="Good", quality=95, publishedDateTime=iso(NOW - 40 * DAY))
    site.write("bad.md", title="Sponsored: bad", quality=99)
    site.build()
    return site


def test_expressions_decide_what_feeds_show(told: SiteFolder) -> None:
    """As the same conditions would as keys."""
    assert told.titles() == ["Young", "Older", "Good"]
    assert told.titles("fresh") == ["Young", "Good"]


def test_an_age_ends_an_items_time_at_its_second(told: SiteFolder) -> None:
    """The moment is due, so a daemon wakes for it; a second before nothing has changed."""
    with opened_read_only(told.config().state) as index:
        assert index is not None
        assert index.next_due() == (NOW + DAY, "older.md")
    told.build(now=NOW + DAY - 1)
    assert told.titles() == ["Young", "Older", "Good"]
    told.build(now=NOW + DAY)
    assert told.titles() == ["Young", "Good"]
    told.build(now=NOW + 2 * DAY)
    assert (told.titles(), told.titles("fresh")) == (["Young", "Good"], ["Good"])


def test_who_leaves_by_age_is_not_announced_as_withdrawn(told: SiteFolder) -> None:
    """As with `max_age`: readers keep what is merely old. What a changed rule takes away is announced."""
    told.build(now=NOW + DAY)
    assert b"deleted-entry" not in (told.feeds / "all/atom.xml").read_bytes()
    told.settings["rules"] = {"block": "title:young"}
    told.build(now=NOW + DAY)
    assert b"deleted-entry" in (told.feeds / "all/atom.xml").read_bytes()


def test_a_changed_expression_or_search_counts_at_the_next_build(told: SiteFolder) -> None:
    """Also of a search that a feed names."""
    told.settings["searches"] = {"mine": "title:young"}
    told.settings["feeds_by_query"] = [{"slug": "fresh", "where": "search:mine"}]
    told.build()
    assert told.titles("fresh") == ["Young"]
    told.settings["searches"] = {"mine": "-title:young"}
    told.build()
    assert told.titles("fresh") == ["Older", "Good"]
