"""Items per day of a feed: what is counted, that it follows the seeds and the time, and what it costs."""

from __future__ import annotations

from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.feeds import _DAILY
from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY
from aggregator.site.site import Site

DAY = 86_400


def daily(site: SiteFolder, slug: str = "all") -> tuple[int, ...]:
    """Return the counts that the index has from an earlier build."""
    with Site(site.config()) as opened:
        return next(one.daily for one in opened.catalog.summaries() if one.spec.slug == slug)


def test_every_item_counts_on_the_day_it_was_published(site: SiteFolder) -> None:
    """Also items beyond the feed's limit; not those that are held back, embargoed, expired or older than 30 days."""
    site.settings["feed"] = {"limit": 1}
    for name, days, keys in (
        ("a", 0, {}), ("b", 0, {}), ("c", 3, {}), ("d", 29, {}), ("e", 30, {}), ("held", 1, {"quality": 1}),
        ("later", -1, {}), ("over", 1, {"expires": iso(NOW - 60)}),
    ):  # fmt: skip
        site.write(f"{name}.md", publishedDateTime=iso(NOW - days * DAY), **keys)
    site.build()
    counts = daily(site)
    assert len(counts) == DAYS_COUNTED
    assert {place - DAYS_COUNTED + 1: count for place, count in enumerate(counts) if count} == {0: 2, -3: 1, -29: 1}


def test_an_item_beyond_the_limit_moves_the_bars_alone(site: SiteFolder) -> None:
    """The feed's documents stay, the index page changes, as in a fresh build."""
    site.settings["feed"] = {"limit": 1}
    site.write("a.md")
    site.write("b.md", publishedDateTime=iso(NOW - 3 * DAY))
    site.build()
    site.write("c.md", publishedDateTime=iso(NOW - 4 * DAY))
    written = [name for name in site.build().written if "/archive/" not in name]
    assert written == ["index.html"]
    index = site.documents()["index.html"]
    site.build(feeds="fresh", state="fresh-state")
    assert index == site.documents("fresh")["index.html"]
    assert b"3 items in 30 days, at most 1 a day" in index


def test_time_moves_the_bars(site: SiteFolder) -> None:
    """Items that expire or become due are counted out or in, although no file changed."""
    site.settings["feed"] = {"limit": 1}
    site.write("a.md", publishedDateTime=iso(NOW - DAY))
    site.write("b.md", publishedDateTime=iso(NOW - 2 * DAY), expires=iso(NOW + 60))
    site.build()
    assert sum(daily(site)) == 2
    site.build(now=NOW + 61)
    assert sum(daily(site)) == 1


def test_a_feed_without_items_has_no_bars(site: SiteFolder) -> None:
    """It has no day to end with either."""
    site.build()
    assert daily(site) == ()


def test_counting_is_bounded(site: SiteFolder) -> None:
    """A day counts at most so many items, and the query uses the order of the feed's index."""
    with Site(site.config()) as opened, opened.index.transaction():
        feed = opened.index.feeds.add("all")
        opened.index.feeds.add_entries((feed, -NOW, 0, number, number, 0, NOW * 2) for number in range(MANY_A_DAY + 5))
        assert opened.index.feeds.daily_counts(feed, NOW, NOW) == (*(0,) * (DAYS_COUNTED - 1), MANY_A_DAY)
        plan = str(opened.index._db.execute(f"EXPLAIN QUERY PLAN {_DAILY}", (feed, -NOW, NOW, 9, 30)).fetchall())
    assert "SEARCH entry USING PRIMARY KEY (feed=? AND sort>? AND sort<?)" in plan
