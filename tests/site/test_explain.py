"""What `explain` and `status` say of seeds that time, another seed or an error keeps out of their feeds."""

from __future__ import annotations

from typing import Any

import pytest
from support.site_folder import NOW, SiteFolder, as_another_user, iso

from aggregator.config.settings import Config
from aggregator.index.index import opened_read_only
from aggregator.site.explain import Explanation, explain
from aggregator.site.status import site_status

DAY = 86_400
BROKEN = "---\ntitle: [\n---\n"


def asked(site: SiteFolder, target: str, now: int = NOW, config: Config | None = None) -> Explanation:
    """Return the explanation of one seed."""
    config = config or site.config()
    with opened_read_only(config.state) as index:
        (found,) = explain(config, index, target, now=now)
    return found


def stale(site: SiteFolder, now: int) -> tuple[str, ...]:
    """Return the seeds that the status lists as shown by their last good version."""
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        return site_status(config, index, now=now).stale


@pytest.fixture
def fresh(site: SiteFolder) -> SiteFolder:
    """Return the site with a feed of the items of the last three days."""
    site.settings["feeds_by_query"] = [{"slug": "fresh", "title": "F", "where": {"max_age": "3d"}}]
    return site


def test_a_query_by_age_says_when_an_item_became_too_old(fresh: SiteFolder) -> None:
    """An item that is older than the feed allows is no longer in it, built or not, and the day it left is named."""
    fresh.write("old.md", publishedDateTime=iso(NOW - 4 * DAY))
    why = f"not in fresh: older than 3d since {iso(NOW - DAY)}"
    new = asked(fresh, "old.md")
    assert (new.headline, why in new.details) == ("old.md: in all from the next build on", True)
    fresh.build()
    known = asked(fresh, "old.md")
    assert (known.headline, why in known.details) == ("old.md: in 1 feed: all", True)


def test_a_query_by_age_says_when_an_item_will_be_too_old(fresh: SiteFolder) -> None:
    """A young item leaves that feed at a time of its own, unless it leaves all feeds before."""
    fresh.write("new.md", publishedDateTime=iso(NOW - DAY))
    fresh.write("short.md", publishedDateTime=iso(NOW - DAY), expires=iso(NOW + DAY))
    fresh.build()
    known = asked(fresh, "new.md")
    assert known.headline == "new.md: in 2 feeds: all, fresh"
    assert f"leaves fresh at {iso(NOW + 2 * DAY)}, in 2 days" in known.details
    assert [line for line in asked(fresh, "short.md").details if "leaves" in line] == [
        f"leaves at {iso(NOW + DAY)}, in 1 day"
    ]


def test_an_item_that_never_grows_too_old_never_leaves(fresh: SiteFolder) -> None:
    """An item embargoed until 9999 would become too old after the last date of the calendar."""
    fresh.settings["rules"] = {"max_age": "365d"}
    fresh.write("a.md", publishedDateTime="9999-12-31")
    fresh.build()
    known = asked(fresh, "a.md")
    assert known.headline.startswith("a.md: in no feed yet: it appears at 9999-12-31T00:00:00Z")
    assert not any("leaves" in line for line in known.details)


def test_a_last_good_version_that_a_rule_holds_back_is_counted_there(site: SiteFolder) -> None:
    """Every seed is an item or held back: if a seed broke and then a new rule applies, that rule is the reason."""
    site.write("a.md", quality=60)
    site.build()
    site.write_text("a.md", BROKEN)
    site.build()
    site.settings["rules"] = {"min_quality": 70}
    turn = site.build()
    assert (turn.items, turn.held, turn.stale) == (0, {"quality": 1}, ())
    assert asked(site, "a.md").headline.endswith("in no feed: quality 60 is below min_quality 70 (rule: quality)")


def test_a_last_good_version_is_said_to_be_shown_only_while_it_is(site: SiteFolder) -> None:
    """After it has expired it is in no feed, and neither `explain` nor `status` says that it stays there."""
    site.write("a.md", expires=iso(NOW + DAY))
    site.write("b.md")
    site.build()
    site.write_text("a.md", BROKEN)
    assert site.build().stale == ("a.md",)
    stays = "a.md: cannot be read now, so its last good version stays in its feeds"
    assert (asked(site, "a.md").headline, stale(site, NOW)) == (stays, ("a.md",))
    later = NOW + 2 * DAY
    assert site.build(now=later).stale == ()
    assert site.titles() == ["Item b"]
    assert asked(site, "a.md", later).headline == (
        "a.md: cannot be read now, and its last good version is in no feed any more:"
        f" its time ended at {iso(NOW + DAY)} (rule: window, expires)"
    )
    assert stale(site, later) == ()


def test_a_last_good_version_behind_another_seed_is_not_said_to_be_shown(site: SiteFolder) -> None:
    """A newer seed of the same item is shown instead of the broken one, and is named."""
    site.write("a.md", webUrl="https://news.example.org/one")
    site.build()
    site.write_text("a.md", BROKEN)
    site.write("b.md", webUrl="https://news.example.org/one", publishedDateTime=iso(NOW - 60))
    site.build()
    assert site.titles() == ["Item b"]
    assert asked(site, "a.md").headline == (
        "a.md: cannot be read now, and its last good version is in no feed: b.md is shown instead (rule: duplicate)"
    )
    assert stale(site, NOW) == ()


def test_a_last_good_version_that_changed_rules_hold_back_is_not_said_to_be_shown(site: SiteFolder) -> None:
    """The rule is named."""
    site.write("a.md", quality=60)
    site.build()
    site.write_text("a.md", BROKEN)
    site.build()
    site.settings["rules"] = {"min_quality": 70}
    site.build()
    assert asked(site, "a.md").headline == (
        "a.md: cannot be read now, and its last good version is in no feed:"
        " quality 60 is below min_quality 70 (rule: quality)"
    )
    assert stale(site, NOW) == ()


def test_a_file_that_broke_since_the_last_build_stays_unless_it_says_otherwise(site: SiteFolder) -> None:
    """The explanation says what the next build will do."""
    site.write("a.md")
    site.build()
    site.write_text("a.md", BROKEN)
    assert "its last good version stays in its feeds" in asked(site, "a.md").headline
    site.write_text("a.md", BROKEN.replace("title", "published: false\ntitle"))
    assert "says that it is withdrawn; the next build takes its item out" in asked(site, "a.md").headline
    site.build()
    assert "in no feed: " in asked(site, "a.md").headline


def test_a_new_seed_whose_time_is_over_was_in_no_feed(site: SiteFolder) -> None:
    """An item that is too old or expired is in no feed until a build; one that was shown stays until then."""
    site.settings["rules"] = {"max_age": "30d"}
    site.write("aged.md", publishedDateTime=iso(NOW - 31 * DAY))
    site.write("expired.md", publishedDateTime=iso(NOW - 2 * DAY), expires=iso(NOW - DAY))
    ended = f"in no feed: its time ended at {iso(NOW - DAY)}"
    assert asked(site, "aged.md").headline == f"aged.md: {ended} (rule: window, max_age)"
    assert asked(site, "expired.md").headline == f"expired.md: {ended} (rule: window, expires)"
    site.write("shown.md")
    site.build()
    site.write("shown.md", expires=iso(NOW - 60))
    over = f"its time ended at {iso(NOW - 60)} (rule: window, expires)"
    assert asked(site, "shown.md").headline == f"shown.md: in all until the next build: {over}"


@pytest.mark.parametrize("target", ["sub/a.md", "https://news.example.org/a", "{seeds}/sub/a.md"])
def test_a_seed_in_a_folder_that_cannot_be_entered_stays_in_its_feeds(site: SiteFolder, target: str) -> None:
    """The build keeps it, and `explain` says so, for its path and for its link."""
    site.write("sub/a.md")
    site.write("b.md")
    site.build()
    (site.seeds / "sub").chmod(0o700)
    config, target = site.config(), target.format(seeds=site.seeds)
    told = as_another_user(site, lambda: asked(site, target, config=config).headline)
    assert told == repr("sub/a.md: cannot be read now, so its last good version stays in its feeds")


def test_nothing_is_known_of_a_name_that_holds_nul(site: SiteFolder) -> None:
    """It can be requested over HTTP, but no file, link or id has such a name."""
    site.write("a.md")
    site.build()
    config = site.config()
    with opened_read_only(config.state) as index:
        assert [explain(config, index, target, now=NOW) for target in ("a\0b/c", "\0", "a.md\0")] == [[], [], []]


def test_a_draft_in_another_spelling_names_its_key(site: SiteFolder) -> None:
    """`explain` says which key holds an item back."""
    site.write("a.md", is_draft=True)
    site.write("b.md", params={"draft": True})
    site.write("c.md", published=False, draft=True)
    site.build()

    assert asked(site, "a.md").headline == "a.md: in no feed: `is_draft` holds it back (rule: state)"
    assert asked(site, "b.md").headline == "b.md: in no feed: `params.draft` holds it back (rule: state)"
    assert asked(site, "c.md").headline == "c.md: in no feed: published: false (rule: state)"


def test_two_seeds_of_one_link_name_each_other(site: SiteFolder) -> None:
    """Both explanations say which file is the other one, and what to write if they are two items."""
    site.write("a.md", webUrl="https://x.example/")
    site.write("b.md", webUrl="https://x.example/", publishedDateTime=iso(NOW - DAY // 2))
    site.write("later.md", webUrl="https://x.example/", publishedDateTime=iso(NOW + DAY))
    site.build()

    shown, hidden = asked(site, "b.md"), asked(site, "a.md")
    assert hidden.headline == "a.md: in no feed: b.md is shown instead (rule: duplicate)"
    assert any(line.startswith("the same item as b.md: ") and "`id: tag:" in line for line in hidden.details)
    assert any(line.startswith("the same item as a.md: ") for line in shown.details)


def checks(explanation: Explanation) -> list[tuple[str, bool, str]]:
    return [(one.rule, one.passed, one.words) for one in explanation.checks]


def test_the_rules_of_a_visible_item_say_what_it_has_and_what_is_asked(site: SiteFolder) -> None:
    """All of them pass, in their order; the item, its feeds and its months are linked."""
    site.settings["rules"] = {"min_quality": 50, "block": {"types": ["ad"]}}
    site.write("a.md", quality=70, type="story", expires=iso(NOW + 60), topics=["Solar"])
    site.build()
    found = asked(site, "a.md")
    assert checks(found) == [
        ("readable", True, "the file can be read"),
        ("valid", True, "its keys are valid"),
        ("state", True, "published, neither removed nor deleted"),
        ("quality", True, "quality 70, min_quality is 50"),
        ("heat", True, "no heat, no min_heat is set"),
        ("provider", True, "all are allowed"),
        ("type", True, "story: not among those blocked"),
        ("title", True, "all are allowed"),
        ("match", True, "no expression is set"),
        ("window", True, f"appeared {iso(NOW - 86_400)}, leaves at {iso(NOW + 60)}"),
        ("duplicate", True, "it stands for its story"),
    ]
    facts = {fact.name: fact.values for fact in found.facts}
    assert facts["Feeds"] == (("all", "all/"), ("solar", "solar/"))
    assert facts["Item"] == (("https://news.example.org/a", "https://news.example.org/a"),)
    assert all((site.feeds / address / "index.html").exists() for _, address in facts["Months"])
    assert {fact.line for fact in found.facts} - {""} <= set(found.details)


@pytest.mark.parametrize(
    ("keys", "rule", "words"),
    [
        ({"published": False}, "state", "published: false"),
        ({"quality": 10}, "quality", "quality 10 is below min_quality 50"),
        ({"heat": -5}, "heat", "heat -5 is below min_heat 0"),
        ({"type": "ad"}, "type", "type 'ad' is blocked"),
        ({"publishedDateTime": iso(NOW + 60)}, "window", f"it appears at {iso(NOW + 60)}"),
        ({"expires": iso(NOW - 60)}, "window", f"its time ended at {iso(NOW - 60)} (rule: window, expires)"),
    ],
)
def test_the_rules_end_with_the_one_that_failed(site: SiteFolder, keys: dict[str, Any], rule: str, words: str) -> None:
    """With the value and the bound; of what is not published nothing else is told."""
    site.settings["rules"] = {"min_quality": 50, "min_heat": 0, "block": {"types": ["ad"]}}
    site.write("a.md", **keys)
    site.build()
    found = asked(site, "a.md")
    assert checks(found)[-1] == (rule, False, words)
    assert {(passed, said) for _, passed, said in checks(found)[:-1]} == {(True, "")}
    assert found.facts == ()


def test_the_rules_of_a_broken_seed_and_of_a_duplicate(site: SiteFolder) -> None:
    """A broken one ends where it cannot be read; a duplicate names the seed that is shown."""
    site.write_text("broken.md", "---\ntitle: Foo: bar\n---\n")
    site.write("a.md", webUrl="https://news.example.org/x")
    site.write("b.md", webUrl="https://news.example.org/x", publishedDateTime=iso(NOW - 90_000))
    site.build()
    (failed,) = [one for one in asked(site, "broken.md").checks if not one.passed]
    assert failed.words.startswith("line 2, column 11: ")
    assert checks(asked(site, "b.md"))[-1] == ("duplicate", False, "a.md is shown instead")
