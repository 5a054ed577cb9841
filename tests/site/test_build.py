"""The one-off build: time, rules, topics and queries; a turn costs as much as what changed."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.site import Site


def test_an_item_appears_at_its_moment_and_leaves_at_its_end(site: SiteFolder) -> None:
    """Only time passes between two builds; the file is not modified and not read."""
    site.write("a.md", publishedDateTime=iso(NOW + 60), expires=iso(NOW + 120))
    seen = []
    for moment in (NOW, NOW + 59, NOW + 60, NOW + 119, NOW + 120):
        site.build(now=moment)
        seen.append(len(site.ids()))
    assert seen == [0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("said", "shown"), [({"publishedDateTime": iso(NOW + 60)}, [0, 1]), ({"expires": iso(NOW + 60)}, [1, 0])]
)
@pytest.mark.parametrize("broken", [False, True])
def test_a_moment_counts_though_the_file_was_saved_again(
    site: SiteFolder, said: dict, shown: list[int], *, broken: bool
) -> None:
    """It appears and expires also if its file was saved with the same content, or can no longer be read."""
    site.write("a.md", **said)
    site.build()
    seen = [len(site.ids())]
    site.write("a.md", secured="a note", **said)
    if broken:
        site.write_text("a.md", "---\ntitle: [\n---\n")
    site.build(now=NOW + 60)
    assert [*seen, len(site.ids())] == shown


def test_the_turn_tells_the_next_due_moment(site: SiteFolder) -> None:
    """First the embargo, then the expiry, then nothing."""
    site.settings["feed"] = {"tombstones": None}
    site.write("a.md", publishedDateTime=iso(NOW + 60), expires=iso(NOW + 120))
    assert [site.build(now=moment).due for moment in (NOW, NOW + 60, NOW + 120)] == [NOW + 60, NOW + 120, None]


def test_when_the_clock_goes_back_the_feeds_are_those_of_that_time(site: SiteFolder) -> None:
    """An item that a wrong clock published is withdrawn again, an expired one comes back."""
    site.write("later.md", publishedDateTime=iso(NOW + 600))
    site.write("gone.md", expires=iso(NOW + 300))
    site.build(now=NOW + 3600)
    assert site.titles() == ["Item later"]
    site.build(now=NOW)
    assert site.titles() == ["Item gone"]


def test_max_age_takes_items_out_as_they_grow_old(site: SiteFolder) -> None:
    """An item leaves its feeds once it is older than max_age."""
    site.settings["rules"] = {"max_age": "1h"}
    site.write("a.md", publishedDateTime=iso(NOW - 3000))
    site.build(now=NOW)
    assert len(site.ids()) == 1
    assert site.build(now=NOW + 600).held == {"expired": 1}
    assert site.ids() == []


def test_an_update_in_the_future_is_not_told_before_its_time(site: SiteFolder) -> None:
    """No date in a feed lies in the future."""
    site.write("a.md", publishedDateTime=iso(NOW - 60), updatedDateTime=iso(NOW + 60))
    site.build(now=NOW)
    assert site.feed()[0]["date_modified"] == iso(NOW - 60)
    site.build(now=NOW + 60)
    assert site.feed()[0]["date_modified"] == iso(NOW + 60)


def many(site: SiteFolder, count: int = 120) -> None:
    for number in range(count):
        site.write(f"{number}.md", topics=[f"Topic {number % 12}"], publishedDateTime=iso(NOW - 60 * number))


def test_one_edit_renders_only_the_feeds_that_hold_the_item(site: SiteFolder) -> None:
    """Two of thirteen feeds are rendered; every other file keeps its inode and mtime."""
    many(site)
    site.build()
    before = site.file_identities()
    site.write("15.md", title="Changed", topics=["Topic 3"], publishedDateTime=iso(NOW - 60 * 15))
    turn = site.build()
    changed = {name for name, stamp in site.file_identities().items() if before[name] != stamp}
    assert turn.changed == 1
    assert turn.rendered == 2
    assert {name.split("/")[0] for name in changed} == {"all", "topic-3"}


def test_an_edit_beyond_the_limit_renders_no_current_document(site: SiteFolder) -> None:
    """An item that only archives show changes one page of each feed that has it."""
    site.settings["feed"] = {"limit": 3}
    many(site, 60)
    site.build()
    site.write("59.md", title="Changed", topics=["Topic 11"], publishedDateTime=iso(NOW - 60 * 59))
    turn = site.build()
    names = ("rss.xml", "atom.xml", "feed.json", "index.html")
    assert set(turn.written) == {f"{slug}/archive/2026-05/{name}" for slug in ("all", "topic-11") for name in names}
    assert turn.rendered == 0


def test_a_second_build_touches_nothing(site: SiteFolder) -> None:
    """No inode and no mtime changes, including the index page and the list of feeds."""
    many(site, 30)
    site.build()
    before = site.file_identities()
    turn = site.build()
    assert (turn.written, turn.rendered, site.file_identities() == before) == ((), 0, True)


@pytest.mark.parametrize("gone", ["nothing", "state", "index.db", "index.db.sum"])
def test_a_fresh_build_may_be_the_first(site: SiteFolder, gone: str) -> None:
    """On a new site, and after the index or the state folder was deleted: every item is published, and stays."""
    for number in range(3):
        site.write(f"{number}.md", topics=["T"], publishedDateTime=iso(NOW - number * 40 * 86_400))
    if gone != "nothing":
        site.build()
        lost = site.root / "state" if gone == "state" else site.root / "state" / gone
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    for options in ({"fresh": True}, {}, {"fresh": True}):
        turn = site.build(**options)
        assert (turn.items, turn.failed, len(site.ids()), len(site.ids("t"))) == (3, (), 3, 3)
    site.build(feeds="other", state="state2")
    assert site.documents() == site.documents("other")


def test_a_touched_file_and_a_new_secret_change_nothing(site: SiteFolder) -> None:
    """The same bytes with another mtime, or another `secured`, are the same item."""
    site.write("a.md", secured="one")
    site.build()
    before = site.file_identities()
    os.utime(site.seeds / "a.md")
    site.build()
    site.write("a.md", secured="two")
    assert site.build().read == 1
    assert site.file_identities() == before


@pytest.mark.parametrize(
    ("settings", "titles"),
    [
        ({"rules": {"min_quality": 90}}, ["high", "none"]),
        ({"rules": {"min_quality": 90, "require_quality": True}}, ["high"]),
        ({"rules": {"min_heat": 5}}, ["high", "none"]),
        ({"rules": {"block": {"titles": ["^hi"]}}}, ["low", "none"]),
        ({"rules": {"block": {"types": ["Video"]}}}, ["high", "low"]),
        ({"rules": {"allow": {"providers": ["example.net"]}}}, ["none"]),
    ],
)
def test_changed_rules_are_applied_without_reading_a_seed(site: SiteFolder, settings: dict, titles: list[str]) -> None:
    """Stored seeds are decided again, and the feeds equal those of a fresh build."""
    site.write("high.md", title="high", quality=95)
    site.write("low.md", title="low", quality=60, heat=-1)
    site.write("none.md", title="none", type="video", webUrl="https://sub.example.net/none")
    site.build()
    settings = {**settings, "feed": {"tombstones": None}}  # which a build with an empty state folder cannot know
    site.settings = settings
    os.utime(site.seeds / "high.md", (NOW, NOW))
    site.build()
    site.settings = {"rules": {"min_quality": 50}}
    site.build()
    site.settings = settings
    turn = site.build()
    assert sorted(site.titles()) == titles
    assert turn.added == turn.changed == turn.removed == 0
    site.build(feeds="other", state="state2")
    assert site.documents() == site.documents("other")


def test_a_parents_feed_holds_its_childrens_items_each_once(site: SiteFolder) -> None:
    """Items with both topics, only the child, or neither; a changed topic tree is followed."""
    site.write_topic("ai", name="AI")
    site.write_topic("vision", name="Vision", parent="AI")
    site.write("both.md", topics=["AI", "Vision"])
    site.write("child.md", topics=["Vision"])
    site.write("other.md", topics=["Sea"])
    site.build()
    assert sorted(site.titles("ai")) == ["Item both", "Item child"]
    site.write_topic("vision", name="Computer Vision", shortname="Vision")
    site.build()
    assert site.titles("ai") == ["Item both"]
    assert json.loads((site.feeds / "vision/feed.json").read_bytes())["title"].startswith("Computer Vision")


def test_seeds_without_topics_find_them_by_keyword(site: SiteFolder) -> None:
    """Whole words of title or excerpt, ignoring case; seeds with topics keep theirs."""
    site.write_topic("rail", name="Rail", keywords=["tram"])
    site.settings["topics"] = {"from_keywords": True}
    site.write("a.md", title="The TRAM is back")
    site.write("b.md", title="Trampolines")
    site.write("c.md", title="Tram again", topics=["Sea"])
    site.build()
    assert site.titles("rail") == ["The TRAM is back"]


def test_feeds_by_query_come_and_go_with_the_config(site: SiteFolder) -> None:
    """A query tightens the rules; a query that was removed leaves an empty feed until it is pruned."""
    site.write("good.md", quality=95, topics=["AI"])
    site.write("fair.md", quality=60, topics=["AI"])
    site.settings["feeds_by_query"] = [
        {"slug": "top", "title": "Top", "where": {"min_quality": 90, "any_topics": ["AI"]}}
    ]
    site.build()
    assert site.titles("top") == ["Item good"]
    del site.settings["feeds_by_query"]
    site.build()
    assert site.titles("top") == []
    assert site.build(prune=True).pruned == ("top",)
    assert "top" not in site.slugs()


def test_a_feed_that_loses_its_last_item_stays_until_it_is_pruned(site: SiteFolder) -> None:
    """No subscriber gets a 404, and the empty feed is still known if the state folder is lost."""
    site.write("a.md", topics=["AI"])
    site.build()
    site.write("a.md")
    site.build()
    assert site.titles("ai") == []
    site.build(state="elsewhere")
    assert site.titles("ai") == []
    site.build(state="elsewhere", prune=True)
    assert site.slugs() == {"all"}


def test_a_feed_is_called_what_most_visible_seeds_call_its_topic(site: SiteFolder) -> None:
    """Duplicates, which are not visible, do not count until they stand for the item."""
    site.write("a.md", topics=["open source"], quality=90)
    site.build()
    for name in ("b", "c"):
        site.write(f"{name}.md", webUrl="https://news.example.org/a", topics=["Open Source"], quality=60)
    site.build()
    titles = [title_of(site, "open-source")]
    (site.seeds / "a.md").unlink()
    site.build()
    titles.append(title_of(site, "open-source"))
    site.build(feeds="feeds", state="state2")
    titles.append(title_of(site, "open-source"))
    assert titles == ["open source", "Open Source", "Open Source"]


def test_an_empty_feed_keeps_its_name(site: SiteFolder) -> None:
    """It keeps the name that seeds used for its topic, also in a fresh build."""
    site.write("a.md", topics=["LLM news"])
    site.build()
    (site.seeds / "a.md").unlink()
    site.build()
    assert site.build(fresh=True).written == ()
    assert json.loads((site.feeds / "llm-news/feed.json").read_bytes())["title"] == "LLM news"


def test_two_topic_names_with_one_slug_are_named_both(site: SiteFolder) -> None:
    """One of them gets another slug, and the report says so; names that differ only in case are the same."""
    site.write("a.md", topics=["C++"])
    site.write("b.md", topics=["C#"])
    site.write("c.md", topics=["Sea"])
    site.write("d.md", topics=["sea"])
    notes = site.build().notes
    assert len(notes) == 1
    assert notes[0].startswith("topic 'C++' gets the slug 'c-plus-plus', since 'C#' has 'c' ")


@pytest.mark.slow
def test_notes_on_topics_with_one_slug_are_few(site: SiteFolder) -> None:
    """A few seeds with hundreds of spellings do not fill the log."""
    for seed in range(6):
        site.write(f"{seed}.md", topics=[f"T{topic}{'+' * seed}" for topic in range(60)])
    notes = site.build().notes
    assert len(notes) == 21
    assert notes[0].startswith("topic 'T0+' gets the slug 't0-plus', since 'T0' has 't0' ")
    assert notes[-1] == "… and 280 more topics get another slug"


@pytest.mark.parametrize("name", ["../../etc/x", "/abs", "%2e%2e", "\0", "-rf", "x" * 300, "日本語", "all", "."])
def test_no_topic_name_leads_out_of_the_feeds_folder(site: SiteFolder, name: str) -> None:
    """Whatever the name of a topic, its feed is a folder of plain letters in the feeds folder."""
    site.write("a.md", topics=[name])
    site.build()
    assert len(site.ids()) == 1
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(slug) <= 64 for slug in site.slugs())
    assert {path.name for path in site.root.iterdir()} == {"config", "seeds", "feeds", "state"}


def test_another_time_zone_reads_dates_without_offset_anew(site: SiteFolder) -> None:
    """A date without time is midnight in the configured zone."""
    site.write("a.md", publishedDateTime="2026-05-01")
    site.build()
    site.settings["timezone"] = "Asia/Tokyo"
    assert site.build().read == 1
    assert site.feed()[0]["date_published"] == "2026-04-30T15:00:00Z"


def test_related_items_are_listed_promoted_or_ignored(site: SiteFolder) -> None:
    """The best related item that passes replaces an item that does not; a removed item takes them along."""
    related = [
        {"title": f"Other {quality}", "webUrl": f"https://o.example.net/{quality}", "quality": quality}
        for quality in (20, 84, 60)
    ]
    site.write("a.md", published=False, topics=["AI"], related=related)
    site.write("b.md", removed=True, related=related)
    site.write("c.md", title="Shown", related=related)
    site.build()
    assert site.titles() == ["Shown"]
    assert "Other 84" in site.feed()[0]["content_html"]
    assert "Other 20" not in site.feed()[0]["content_html"]
    site.settings["related"] = "promote"
    site.build()
    assert site.titles("ai") == ["Other 84"]
    site.settings["related"] = "ignore"
    site.build()
    assert "Other" not in site.feed()[0]["content_html"]


def test_a_feed_by_query_may_be_named_like_the_topic_it_asks_for(site: SiteFolder) -> None:
    """The topic's own feed gets another slug, and the query refers to that one, also in what it excludes."""
    site.settings["feeds_by_query"] = [
        {"slug": "ai", "where": {"any_topics": ["AI"], "min_quality": 90}},
        {"slug": "rest", "where": {"not_topics": ["ai", "All"]}},
    ]
    site.write("best.md", topics=["AI"], quality=95)
    site.write("good.md", topics=["ai"], quality=60)
    site.write("sea.md", topics=["Sea"])
    site.write("all.md", topics=["All"])
    site.build()
    assert site.titles("ai") == ["Item best"]
    assert sorted(site.titles("ai-topic")) == ["Item best", "Item good"]
    assert site.titles("rest") == ["Item sea"]


def test_feeds_end_where_their_json_would_grow_too_large(site: SiteFolder) -> None:
    """The limit in bytes applies to all formats alike."""
    site.settings["feed"] = {"max_bytes": "20kB", "limit": None}
    for number in range(40):
        site.write(f"{number}.md", body="word " * 300)
    site.build()
    assert len((site.feeds / "all/feed.json").read_bytes()) <= 20_000
    assert (site.feeds / "all/rss.xml").read_bytes().count(b"<item>") == len(site.ids()) > 5


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_long_item_does_not_push_the_others_out(site: SiteFolder, jobs: int) -> None:
    """Only its summary is shown, and build and explain say so; its archive page has all of it."""
    site.settings["feed"] = {"max_bytes": "20kB", "tombstones": None}
    for number in range(9):
        site.write(f"{number}.md", body="word " * 50, publishedDateTime=iso(NOW - number))
    site.write("long.md", body="Lorem ipsum. " * 9_000, excerpt="In short.", publishedDateTime=iso(NOW - 4))
    turn = site.build(jobs=jobs)
    assert len(site.ids()) == 10
    long = next(item for item in site.feed() if item["title"] == "Item long")
    assert long["content_html"] == "<p>In short.</p>"
    assert b"Lorem" not in b"".join((site.feeds / "all" / name).read_bytes() for name in ("rss.xml", "atom.xml"))
    assert b"Lorem" in b"".join(path.read_bytes() for path in site.feeds.glob("all/archive/*/rss.xml"))
    why = "shown by its summary, since it takes more than a quarter of `feed.max_bytes`"
    assert turn.notes == (f"long.md: {why}",)
    with Site(site.config()) as opened:
        told = [explain(opened.config, opened.index, name, now=NOW)[0].details for name in ("long.md", "1.md")]
    assert [why in details for details in told] == [True, False]
    assert site.build().notes == ()


@pytest.mark.slow
def test_a_large_build_in_processes_gives_the_same_bytes(site: SiteFolder) -> None:
    """It makes no difference whether two processes parse or this one."""
    many(site, 600)
    site.build(jobs=1)
    site.build(feeds="other", state="state2", jobs=2)
    assert site.documents() == site.documents("other")


@pytest.mark.parametrize("edited", [False, True])
def test_a_file_that_changes_with_the_rules_is_what_it_is_now(site: SiteFolder, *, edited: bool) -> None:
    """It is deleted or rewritten in the turn whose rules accept its old version: that is neither shown nor kept."""
    site.write("a.md", quality=60)
    site.write("b.md")
    site.build()
    site.write("a.md", quality=20, title="Old", webUrl="https://news.example.org/moved")
    site.build()
    site.settings["rules"] = {"min_quality": 10}
    if edited:
        site.write("a.md", quality=20, title="New", webUrl="https://news.example.org/moved-again")
    else:
        (site.seeds / "a.md").unlink()
    turn = site.build()
    assert sorted(site.titles()) == (["Item b", "New"] if edited else ["Item b"])
    assert turn.notes == ()


def test_a_page_that_could_not_be_written_is_tried_again(site: SiteFolder) -> None:
    """Every turn reports the failure until the index page can be written."""
    site.write("a.md")
    (site.feeds / "index.html/in-the-way").mkdir(parents=True)
    for _ in range(2):
        (failed,) = site.build().failed
        assert failed.startswith("index.html: ")
    (site.feeds / "index.html/in-the-way").rmdir()
    (site.feeds / "index.html").rmdir()
    assert "index.html" in site.build().written
    assert site.build().written == ()


def test_what_is_pruned_is_no_longer_reported(site: SiteFolder) -> None:
    """The report is of the site after the feed was removed."""
    site.write("a.md", topics=["AI"])
    site.build()
    (site.seeds / "a.md").unlink()
    turn = site.build(prune=True)
    assert (turn.pruned, [feed.slug for feed in turn.feeds]) == (("ai",), ["all"])
    assert "feeds.opml" in turn.written


def test_a_file_that_can_never_be_read_is_no_change_in_every_turn(site: SiteFolder) -> None:
    """It is counted once."""
    site.write("a.md")
    (site.seeds / "b.md").symlink_to("nowhere.md")
    assert site.build().added == 2
    turn = site.build()
    assert (turn.added, turn.changed, turn.removed, turn.written) == (0, 0, 0, ())


def test_only_visible_seeds_name_a_topic(site: SiteFolder) -> None:
    """An embargoed or unpublished seed renames no feed until its time; then it does, once due."""
    site.write("a.md", topics=["C-Sea"])
    for number in range(3):
        site.write(f"later{number}.md", topics=["C Sea"], publishedDateTime=iso(NOW + 60))
        site.write(f"draft{number}.md", topics=["C.Sea"], published=False)
    site.write("over.md", topics=["C/Sea"], expires=iso(NOW - 60))
    assert site.build().notes == ()
    assert title_of(site, "c-sea") == "C-Sea"
    assert b"C Sea" not in b"".join(site.documents().values())

    turn = site.build(now=NOW + 60)
    assert title_of(site, "c-sea") == "C Sea"
    assert turn.notes == ()


def test_a_topic_is_named_by_what_is_visible_after_an_expiry_and_new_rules(site: SiteFolder) -> None:
    """What expires or fails new rules names a topic no longer, as in a build from nothing."""
    site.write("a.md", topics=["C-Sea"], quality=90)
    for number in range(2):
        site.write(f"b{number}.md", topics=["C Sea"], quality=60, expires=iso(NOW + 60))
    site.build()
    assert title_of(site, "c-sea") == "C Sea"
    site.build(now=NOW + 60)
    assert title_of(site, "c-sea") == "C-Sea"
    site.build(now=NOW)
    assert title_of(site, "c-sea") == "C Sea"
    (site.seeds / "b1.md").unlink()
    site.settings["rules"] = {"min_quality": 70}
    assert site.build(now=NOW).notes == ()
    assert title_of(site, "c-sea") == "C-Sea"
    site.settings["rules"] = {"min_quality": 50}
    site.build(now=NOW)
    assert title_of(site, "c-sea") == "C Sea"


def test_check_names_no_topic_of_an_embargoed_seed(site: SiteFolder) -> None:
    """Its log may be public."""
    site.write("a.md", topics=["C-Sea"])
    site.write("b.md", topics=["C/Sea"], publishedDateTime=iso(NOW + 60))
    assert check(site.config(), now=NOW).problems == ()
    assert len(check(site.config(), now=NOW + 60).problems) == 1


def title_of(site: SiteFolder, slug: str) -> str:
    """Return the title of a feed."""
    return str(json.loads((site.feeds / slug / "feed.json").read_bytes())["title"])
