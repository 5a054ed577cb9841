"""Trying a rule or a config: what it says would come and go is what a build then does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.expressions import random_site
from support.labelled_pairs import pairs
from support.site_folder import NOW, SiteFolder, iso

from aggregator.config.settings import Config
from aggregator.index.index import Index, opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.errors import ExpressionError
from aggregator.site.trial import FeedTrial, try_config

DAY = 86_400
Stories = dict[str, set[int]]
"""By feed, the stories that it shows."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SiteFolder:
    """Return a built site of seeds of every kind, some of which tell one story."""
    site = SiteFolder(tmp_path_factory.mktemp("built"))
    random_site(site, 200, seed=3)
    site.build()
    return site


@pytest.fixture
def varied(built: SiteFolder, tmp_path: Path) -> SiteFolder:
    """Return a copy of that site."""
    for folder in ("seeds", "config", "state"):
        shutil.copytree(built.root / folder, tmp_path / "site" / folder)
    copy = SiteFolder.__new__(SiteFolder)
    copy.root, copy.seeds, copy.feeds = tmp_path / "site", tmp_path / "site/seeds", tmp_path / "site/feeds"
    copy.settings = json.loads(json.dumps(built.settings))
    return copy


def shown(index: Index) -> Stories:
    """Return the stories that each feed shows."""
    stories = {row.file: row.story for row in index.files.where("story IS NOT NULL")}
    return {slug: {stories[file] for file in index.search.in_feed(slug, NOW)} for slug in index.feeds.by_slug()}


def tried(
    site: SiteFolder, *, usual: Config | None = None, expression: str = "", use: str = "block"
) -> list[FeedTrial]:  # fmt: skip
    """Return what the site's index says would change with its config, beside the `usual` one if that is another."""
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        return try_config(index, usual or config, config, expression=expression, use=use, now=NOW, limit=10_000)


def stories_at(index: Index, trials: list[FeedTrial], *, going: bool) -> Stories:
    """Return the stories of the items that come to feeds or go from them, by feed."""
    rows = {row.path: row.story for row in index.files.where("story IS NOT NULL")}
    made = {one.slug: {rows[item.path] for item in (one.going if going else one.coming)} for one in trials}
    return {slug: stories for slug, stories in made.items() if stories}


def differences(one: Stories, other: Stories) -> Stories:
    """Return what `one` has and `other` has not, by feed."""
    return {slug: more for slug in one if (more := one[slug] - other.get(slug, set()))}


def assert_a_build_does(site: SiteFolder, trials: list[FeedTrial]) -> None:
    """Build; the items that come and go then, feed by feed, are those of the trials."""
    state = site.config().state
    with opened_read_only(state) as index:
        assert index is not None
        before, going = shown(index), stories_at(index, trials, going=True)
    site.build()
    with opened_read_only(state) as index:
        assert index is not None
        after, coming = shown(index), stories_at(index, trials, going=False)
    assert (going, coming) == (differences(before, after), differences(after, before))
    for one in trials:
        assert (one.now, one.come, one.go) == (len(before.get(one.slug, ())), len(one.coming), len(one.going))
        assert one.now + one.come - one.go == len(after.get(one.slug, ()))


RULES: list[dict[str, Any]] = [
    {"rules": {"min_quality": 60, "block": "title:sponsored type:video"}},
    {"rules": {"require_quality": True, "min_heat": 0}},
    {"rules": {"block": "title:harbour OR age:>=9d"}},
    {"rules": {"min_quality": 20, "block": "title:sponsored type:video", "allow": "topic:Sea OR has:image"}},
    {"rules": {"max_age": "10d", "allow": {"providers": ["example.net"], "types": ["Article"], "titles": ["(?i)r"]}}},
    {"rules": {"block": {"providers": ["Spam & Co"], "titles": ["^H", "pump$"], "types": ["video"]}}},
    {
        "feeds_by_query": [
            {"slug": "good", "where": {"min_quality": 80}},
            {"slug": "new", "where": "search:mine age:<5d"},
        ]
    },
    {"rules": {"min_quality": 85}, "feeds_by_query": [{"slug": "sea", "where": "topic:Sea"}], "searches": {}},
    {"searches": {"mine": "has:topic"}, "feeds_by_query": [{"slug": "sea", "where": "search:mine"}]},
    {"related": "promote", "rules": {}},
    {"topics": {"from_keywords": True}, "rules": {"block": "-path:sub/"}},
    {"searches": {}, "feeds_by_query": [{"slug": "fresh", "where": "age:<5d"}]},
    {"searches": {}, "feeds_by_query": [{"slug": "c", "where": "age:<5d"}]},
]


@pytest.mark.parametrize("changed", RULES, ids=str)
@pytest.mark.parametrize("edited", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["other", "edited"])
def test_a_build_does_what_was_tried(varied: SiteFolder, changed: dict[str, Any], edited: bool) -> None:
    """The items that come and go, feed by feed, are those of a build with the other config.

    It may be another file, or the site's own that was edited since the last build.
    """
    usual = varied.config()
    varied.settings |= changed
    trials = tried(varied, usual=None if edited else usual)
    assert trials
    assert_a_build_does(varied, trials)


EXPRESSIONS = [
    ("title:sponsored", "block"), ("quality:<60 OR -has:quality", "block"), ("age:>=4d -topic:Sea", "block"), ("topic:Sea OR /har/i", "allow"),
    ("age:<4d search:mine", "allow"), ("source:example.net -lang:en", "sea"), ("topic:C has:image", "fresh"), ("search:good path:sub/", "good"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "use"), EXPRESSIONS)
def test_an_expression_does_what_was_tried(varied: SiteFolder, expression: str, use: str) -> None:
    """So is one more expression that blocks or allows, or the one of a feed; a search and a feed see the old `good`."""
    trials = tried(varied, expression=expression, use=use) if "search:good" not in expression else []
    if use in {"block", "allow"}:
        old = varied.settings["rules"].get(use)
        matched = expression if old is None else f"({old}) OR ({expression})"
        varied.settings["rules"] = {**varied.settings["rules"], use: matched}
    elif trials:
        queries = [one for one in varied.settings["feeds_by_query"] if one["slug"] != use]
        varied.settings["feeds_by_query"] = [*queries, {"slug": use, "where": expression}]
    else:
        with pytest.raises(ExpressionError, match="leads back to itself: good → good"):
            tried(varied, expression=expression, use=use)
        return
    assert trials
    assert_a_build_does(varied, trials)


def grouped(site: SiteFolder, copies: str, stories: str) -> SiteFolder:
    """Return a built site of which many items are copies, or tell of one event."""
    site.settings |= {
        "stories": {"copies": copies, "stories": stories}, "rules": {"min_quality": 20, "block": "title:sponsored"},
        "feeds_by_query": [{"slug": "good", "where": {"min_quality": 60}}, {"slug": "sea", "where": "topic:Sea"}],
    }  # fmt: skip
    every = [one for pair in pairs()[:40] + pairs()[170:210] for one in (pair.one, pair.other)]
    for number, seed in enumerate(every):
        site.write(
            f"{number:03}.md", seed.body, title=seed.title, excerpt=seed.excerpt or None, webUrl=f"{seed.link}-{number}",
            publishedDateTime=iso(NOW - 5 * DAY + seed.published % (4 * DAY)), provider={"domain": seed.provider.domain},
            quality=(10, 50, 70, 90)[number * 7 % 4], topics=[("Sea", "Land")[number * 5 % 2]],
        )  # fmt: skip
    site.build()
    return site


GROUPED: list[dict[str, Any]] = [
    {"rules": {"min_quality": 60, "block": "title:sponsored"}}, {"rules": {}}, {"rules": {"block": "quality:>=90"}},
    {"rules": {"min_quality": 20, "block": "title:sponsored", "allow": "topic:Sea"}}, {"rules": {"max_age": "4d"}},
    {"feeds_by_query": [{"slug": "good", "where": "quality:>=50"}, {"slug": "land", "where": "-topic:Sea"}]},
    {"rules": {"min_quality": 60}, "feeds_by_query": [{"slug": "sea", "where": "topic:Land"}]},
    {"stories": {"copies": "off"}}, {"stories": {"copies": "fold", "stories": "one"}}, {"stories": {"copies": "list", "stories": "relate"}},
]  # fmt: skip


@pytest.mark.parametrize("changed", GROUPED, ids=str)
@pytest.mark.parametrize(
    "groups",
    [("fold", "one"), *(pytest.param(one, marks=pytest.mark.slow) for one in (("fold", "off"), ("list", "relate")))],
    ids=str,
)
def test_a_build_does_what_was_tried_with_copies_and_stories(
    site: SiteFolder, changed: dict[str, Any], groups: tuple[str, str]
) -> None:  # fmt: skip
    """Who stands for others then is taken into account: the copy that steps in, and the one that is folded."""
    grouped(site, *groups)
    usual = site.config()
    site.settings |= changed
    assert_a_build_does(site, tried(site, usual=usual))


def test_an_expression_that_is_too_large_with_that_of_the_config_is_refused(site: SiteFolder) -> None:
    """The message says that it is the two together."""
    site.settings["rules"] = {"block": " OR ".join(f"w{n}" for n in range(80))}
    site.build()
    with pytest.raises(
        AggregatorError, match=r"together with the expression of `rules.block`: has more than 100 conditions"
    ):
        tried(site, expression=" OR ".join(f"v{n}" for n in range(80)))


def test_trying_changes_nothing(varied: SiteFolder) -> None:
    """Neither the state nor a feed is touched."""

    def files() -> dict[Path, bytes]:
        # SQLite makes its `-shm` and `-wal` for whoever reads.
        found = (path for path in varied.root.rglob("*") if path.is_file() and "index.db-" not in path.name)
        return {path: path.read_bytes() for path in found}

    before = files()
    assert tried(varied, expression="title:harbour")
    assert files() == before


def test_another_seed_that_steps_in_is_no_change(site: SiteFolder) -> None:
    """If the seed that stands for an item is blocked and another one tells it, the item stays."""
    for name in ("new", "old"):
        site.write(
            f"{name}.md",
            title=f"Told by {name}",
            webUrl="https://news.example.org/one",
            publishedDateTime=iso(NOW - DAY * len(name)),
        )
    site.write("new.md", title="Told by new", webUrl="https://news.example.org/one", updatedDateTime=iso(NOW - 9))
    site.build()
    assert tried(site, expression="title:new") == []
    (one,) = tried(site, expression="title:told")
    assert (one.slug, one.go) == ("all", 1)


def test_what_was_held_back_may_come(site: SiteFolder) -> None:
    """Items of other states do not: neither a draft nor an embargoed one."""
    site.settings["rules"] = {"block": "title:poor"}
    site.write("poor.md", title="Poor")
    site.write("draft.md", title="Poor draft", published=False)
    site.write("later.md", title="Poor later", publishedDateTime=iso(NOW + DAY))
    site.build()
    usual = site.config()
    site.settings["rules"] = {}
    with opened_read_only(usual.state) as index:
        assert index is not None
        (one,) = try_config(index, usual, site.config(), expression="", use="block", now=NOW, limit=5)
    assert ([item.path for item in one.coming], one.come, one.go) == (["poor.md"], 1, 0)


@pytest.mark.parametrize("use", ["all", "Not a slug", "energy"])
def test_only_a_feed_by_query_has_a_condition(varied: SiteFolder, use: str) -> None:
    """The feed of everything, a topic's and a wrong slug are refused."""
    with pytest.raises(AggregatorError, match="--as"):
        tried(varied, expression="a", use=use)


@pytest.mark.parametrize(
    ("expression", "use"), [("is:held", "block"), ("age:<3d", "block"), ("search:none", "sea"), ("(", "allow")]
)
def test_what_no_rule_may_say_is_a_mistake(varied: SiteFolder, expression: str, use: str) -> None:
    """As in the config, with its place."""
    with pytest.raises(ExpressionError):
        tried(varied, expression=expression, use=use)
