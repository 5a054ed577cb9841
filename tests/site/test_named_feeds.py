"""Feeds of tags, authors and sources: those with enough items, at most so many, without archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.config.settings import NamedFeeds
from aggregator.index.index import opened_read_only
from aggregator.model.errors import ConfigError
from aggregator.site.explain import explain


def slugs(site: SiteFolder, *prefixes: str) -> list[str]:
    return sorted(
        one.name for one in site.feeds.iterdir() if one.name.startswith(prefixes or ("tag-", "author-", "source-"))
    )


def titles(site: SiteFolder, feed: str) -> list[str]:
    read: dict[str, Any] = json.loads((site.feeds / feed / "feed.json").read_bytes())
    return [item["title"] for item in read["items"]]


def documents(site: SiteFolder, feed: str) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (site.feeds / feed).iterdir()}


def test_there_are_none_by_default(site: SiteFolder) -> None:
    """Tags, authors and sources make no feeds unless the config asks for them."""
    for number in range(5):
        site.write(f"{number}.md", tags=["x"], author="Ann", source="E")
    site.build()
    assert slugs(site) == []


def test_names_with_enough_items_have_feeds(site: SiteFolder) -> None:
    """Named as most items spell them, in every format, on the index page and in the OPML; none has an archive."""
    site.settings["feed"] = {"tags": 2, "authors": {"min": 2}, "sources": 2, "archives": True}
    site.write("1.md", tags=["C++", "Rare"], author="Ann Lee", source={"title": "E & F"})
    site.write("2.md", tags=["c++", "C"], authors=[{"name": "Ann Lee"}, {"name": "Bob"}], provider={"name": "E & F"})
    site.write("3.md", tags=["C++"], author="Bob", provider={"domain": "g.example"})
    site.write("later.md", tags=["Rare"], publishedDateTime=iso(NOW + 86_400))
    site.build()
    assert slugs(site) == ["author-ann-lee", "author-bob", "source-e-and-f", "tag-c-plus-plus"]
    assert titles(site, "tag-c-plus-plus") == ["Item 3", "Item 2", "Item 1"]
    assert titles(site, "author-bob") == ["Item 3", "Item 2"]
    assert json.loads((site.feeds / "tag-c-plus-plus/feed.json").read_bytes())["title"] == "Tag: C++"
    for list_of_all in ("index.html", "feeds.opml"):
        text = (site.feeds / list_of_all).read_text()
        assert all(words in text for words in ("Tag: C++", "Author: Ann Lee", "Source: E &amp; F", "tag-c-plus-plus/"))
        assert "Rare" not in text
    assert not list(site.feeds.glob("tag-*/archive"))
    assert list(site.feeds.glob("all/archive/*"))
    site.build(now=NOW + 86_401)
    assert "tag-rare" in slugs(site)


def test_one_more_item_makes_a_feed_and_no_edit_takes_it_away(site: SiteFolder) -> None:
    """As with topics, a subscriber never meets a 404; `--prune` removes it. What is shown is that of a fresh build."""
    site.settings["feed"] = {"tags": 2}
    site.write("1.md", tags=["x", "y"])
    site.build()
    assert slugs(site) == []
    site.write("2.md", tags=["x"])
    site.build()
    assert slugs(site) == ["tag-x"]
    site.write("2.md", tags=["y"])
    site.build()
    assert (slugs(site), titles(site, "tag-x")) == (["tag-x", "tag-y"], ["Item 1"])
    kept = documents(site, "tag-y")
    assert not site.build().written
    site.build(prune=True)
    assert (slugs(site), documents(site, "tag-y")) == (["tag-y"], kept)
    site.build(fresh=True)
    assert (slugs(site), documents(site, "tag-y")) == (["tag-y"], kept)
    site.write("3.md", tags=["x"])
    site.build()
    assert slugs(site) == ["tag-x", "tag-y"]


def test_at_most_so_many(site: SiteFolder) -> None:
    """Those with the most items; of two with as many, the first of the alphabet. Another number applies at once."""
    site.settings["feed"] = {"tags": {"min": 1, "max": 2}}
    for number, tags in enumerate([["a", "b", "c"], ["b", "c"], ["c", "d"]]):
        site.write(f"{number}.md", tags=tags)
    site.build()
    assert slugs(site) == ["tag-b", "tag-c"]
    site.settings["feed"] = {"tags": 1}
    site.build()
    assert slugs(site) == ["tag-a", "tag-b", "tag-c", "tag-d"]
    site.settings["feed"] = {}
    site.build(prune=True)
    assert slugs(site) == []


def test_topics_never_share_a_feed_with_names(site: SiteFolder) -> None:
    """A topic whose slug would begin like that of a tag has another one while there are feeds of tags."""
    (site.root / "config/topics/x.yaml").write_text("name: Tag X\n")
    site.settings["feed"] = {"tags": 1}
    site.write("1.md", topics=["Tag X", "Tag Y"], tags=["other"])
    site.write("2.md", tags=["X", "Y"])
    site.build()
    assert slugs(site, "tag-", "topic-") == ["tag-other", "tag-x", "tag-y", "topic-tag-x", "topic-tag-y"]
    assert (titles(site, "tag-x"), titles(site, "topic-tag-x")) == (["Item 2"], ["Item 1"])
    assert json.loads((site.feeds / "topic-tag-x/feed.json").read_bytes())["title"] == "Tag X"
    site.settings["feeds_by_query"] = [{"slug": "tag-z"}]
    with pytest.raises(ConfigError, match=r"`tag-z` begins like the feeds of `feed.tags`"):
        site.config()


def test_explain_names_the_feeds_that_there_are(site: SiteFolder) -> None:
    """Not those with too few items."""
    site.settings["feed"] = {"tags": 2, "authors": 2}
    site.write("1.md", tags=["x", "rare"], author="Ann")
    site.write("2.md", tags=["x"])
    site.build()
    with opened_read_only(site.config().state) as index:
        (found,) = explain(site.config(), index, "1.md", now=NOW)
    assert found.headline == "1.md: in 2 feeds: all, tag-x"


def test_the_numbers_in_the_config(site: SiteFolder) -> None:
    """A number, or a mapping; a bad one is named with its place."""
    site.settings["feed"] = {"tags": 3, "authors": {"min": 4, "max": 5}, "sources": None}
    found = site.config().feed
    assert (found.tags, found.authors, found.sources) == (NamedFeeds(min=3), NamedFeeds(min=4, max=5), NamedFeeds())
    for bad in (-1, "many", {"least": 3}, [3]):
        site.settings["feed"] = {"tags": bad}
        with pytest.raises(ConfigError, match=r"feed\.tags"):
            site.config()


def test_incremental_equals_fresh(site: SiteFolder, tmp_path: Path) -> None:
    """Whatever the order in which seeds come and go, the feeds that a fresh build has are the same."""
    site.settings["feed"] = {"tags": {"min": 2, "max": 3}, "authors": 2}
    for number in range(12):
        site.write(f"{number}.md", tags=[f"t{number % 4}", f"t{number % 3}"], author=f"A{number % 5}")
        if number % 5 == 4:
            (site.seeds / f"{number - 3}.md").unlink()
        site.build()
    other = SiteFolder(tmp_path / "other")
    other.settings.update(site.settings)
    for seed in site.seeds.iterdir():
        (other.seeds / seed.name).write_bytes(seed.read_bytes())
    other.build()
    assert slugs(other)
    for feed in slugs(other):
        mine, fresh = documents(site, feed), documents(other, feed)
        assert mine["feed.json"] == fresh["feed.json"], feed
        assert mine["rss.xml"] == fresh["rss.xml"], feed
