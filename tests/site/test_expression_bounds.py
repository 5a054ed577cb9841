"""Expressions with the largest ages and the most conditions: an answer or a message, never a failure."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.errors import ExpressionError
from aggregator.site.explain import explain
from aggregator.site.find import find
from aggregator.site.trial import try_config

EXTREMES = [
    "age:<3660000d", "age:>3660000d", "age:>=0s", "age:<0s", "published:>9998", "published:<1000", "updated:>9998", "updated:<1000",
    "quality:>1000000000000000", "quality:<-1000000000000000", "heat:..1000000000000000", "-age:<3660000d", "-published:>9998",
]  # fmt: skip


@pytest.mark.parametrize("text", EXTREMES)
def test_the_farthest_bounds_are_answered(site: SiteFolder, text: str) -> None:
    """By a search, by rules and by the explanation of an item; nothing is beyond what SQLite or a date can hold."""
    site.write("a.md", quality=70, heat=1)
    site.write("old.md", publishedDateTime="1000-01-01T00:00:00Z", quality=70)
    site.write("far.md", publishedDateTime="9999-12-31T23:59:59Z", quality=70)
    for rules in ({}, {"block": text}, {"allow": text}):
        site.settings["rules"] = rules
        try:
            config = site.config()
        except AggregatorError:
            continue  # an age may only end the time of an item
        site.build()
        with opened_read_only(config.state) as index:
            assert index is not None
            for name in ("a.md", "old.md", "far.md"):
                assert explain(config, index, name, now=NOW)
            find(config, index, text, now=NOW, limit=None, everything=True)
            for use in ("block", "allow", "new"):
                try:
                    try_config(index, config, config, expression=text, use=use, now=NOW, limit=5)
                except ExpressionError:
                    continue


def test_searches_that_name_each_other_twice_are_refused(site: SiteFolder) -> None:
    """Forty of them would stand for a million million conditions; the message says where, and comes at once."""
    site.settings["searches"] = {
        "s0": "a OR b",
        **{f"s{n}": f"search:s{n - 1} OR search:s{n - 1}" for n in range(1, 41)},
    }
    site.settings["rules"] = {"block": "search:s40"}
    with pytest.raises(AggregatorError, match=r"searches\.s\d+: .*stands for more than 1,000 conditions"):
        site.config()


def test_what_searches_stand_for_is_bounded_in_a_question_too(site: SiteFolder) -> None:
    """Each is within the bound, all together are not."""
    site.settings["searches"] = {"much": " OR ".join(f"w{n}" for n in range(90))}
    site.write("a.md")
    site.build()
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        assert find(config, index, "search:much OR item", now=NOW, limit=5).total == 1
        with pytest.raises(ExpressionError, match="more than 1,000 conditions"):
            find(config, index, "search:much " * 12, now=NOW, limit=5)


def test_a_feed_with_very_many_topics_can_be_searched(site: SiteFolder) -> None:
    """SQLite takes no condition that is nested too deeply, so a long list is no deep one."""
    topics = [f"Topic {n}" for n in range(900)]
    site.settings["feeds_by_query"] = [{"slug": "many", "where": {"any_topics": topics}}]
    site.write("a.md", topics=["Topic 7"])
    site.write("b.md", topics=["Another"], publishedDateTime=iso(NOW - 9))
    site.build()
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        for text in ("search:many", "-search:many"):
            assert find(config, index, text, now=NOW, limit=5).total == 1
        assert find(config, index, "search:many", now=NOW, limit=5, for_everybody=True).total == 1
