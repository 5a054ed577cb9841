"""The history in the state folder: what happened to items, bounded, private, and of no consequence if it is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.model.reports import Event, PastTurn
from aggregator.site import history
from aggregator.site.history import History
from aggregator.site.status import SHOWN_EVENTS, SiteStatus, site_status

CANARY = "Heliotrope"
BROKEN = "---\ntitle: Foo: bar\n---\n"


def status(site: SiteFolder, now: int = NOW) -> SiteStatus:
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        return site_status(config, index, now=now)


def told(site: SiteFolder) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return kind, path, feeds and rule of each event, oldest first."""
    turns = reversed(History(str(site.root / "state")).turns())
    return [(one.kind, one.path, one.feeds, one.rule) for turn in turns for one in turn.events]


def happened(site: SiteFolder, now: int = NOW) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Build the site, and return only what happened in that turn."""
    before = len(told(site)) if (site.root / "state/index.db").exists() else 0
    site.build(now=now)
    return told(site)[before:]


def file_of(site: SiteFolder) -> Path:
    return site.root / "state/history.jsonl"


def test_a_new_item_was_published_and_a_changed_one_edited(site: SiteFolder) -> None:
    """Each with the feeds that show it; a save that changes nothing is no event."""
    site.write("a.md", topics=["Solar"])
    assert happened(site) == [("published", "a.md", ("all", "solar"), "")]
    site.write("a.md", topics=["Solar"], excerpt="More.")
    assert happened(site) == [("edited", "a.md", ("all", "solar"), "")]
    site.write("a.md", topics=["Solar"], excerpt="More.")
    assert happened(site) == []


def test_a_renamed_file_is_no_event(site: SiteFolder) -> None:
    """Readers see what they saw before."""
    path = site.write("a.md", topics=["Solar"])
    happened(site)
    path.rename(site.seeds / "b.md")
    assert happened(site) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"published": False}, "state"), ({"quality": 1}, "quality"), ({"publishedDateTime": iso(NOW + 60)}, "embargo")],
)
def test_a_withdrawn_item_has_the_rule_that_holds_it_back(site: SiteFolder, change: dict[str, Any], rule: str) -> None:
    """It names the feeds that it has left."""
    site.write("a.md", topics=["Solar"])
    happened(site)
    site.write("a.md", topics=["Solar"], **change)
    assert happened(site) == [("withdrawn", "a.md", ("all", "solar"), rule)]
    site.write("a.md", topics=["Solar"])
    assert happened(site) == [("published", "a.md", ("all", "solar"), "")]


def test_a_deleted_file_was_withdrawn_by_no_rule(site: SiteFolder) -> None:
    """Its path is known though it is gone."""
    path = site.write("a.md")
    happened(site)
    path.unlink()
    assert happened(site) == [("withdrawn", "a.md", ("all",), "")]


def test_time_lifts_an_embargo_and_ends_an_item(site: SiteFolder) -> None:
    """Without anybody touching the file; before its time, an embargoed item is no event."""
    site.write("a.md", publishedDateTime=iso(NOW + 60), expires=iso(NOW + 120))
    assert happened(site) == []
    assert happened(site, now=NOW + 61) == [("lifted", "a.md", ("all",), "")]
    assert happened(site, now=NOW + 121) == [("expired", "a.md", ("all",), "")]


def test_an_embargo_that_an_editor_ends_was_published(site: SiteFolder) -> None:
    """By the edit, not by time."""
    site.write("a.md", publishedDateTime=iso(NOW + 60))
    happened(site)
    site.write("a.md", publishedDateTime=iso(NOW - 60))
    assert happened(site) == [("published", "a.md", ("all",), "")]


def test_a_broken_seed_was_refused_once_and_then_mended(site: SiteFolder) -> None:
    """With the feeds in which its last good version stays, and where it is broken."""
    site.write("a.md", excerpt="Old.")
    happened(site)
    site.write_text("a.md", BROKEN)
    assert [one[:3] for one in happened(site)] == [("refused", "a.md", ("all",))]
    assert status(site).events[0].line == 2
    site.write_text("a.md", f"{BROKEN}\n")
    assert happened(site) == []
    site.write("a.md", excerpt="New.")
    assert happened(site) == [("mended", "a.md", ("all",), "")]


def test_a_new_broken_seed_is_in_no_feed_until_it_is_mended(site: SiteFolder) -> None:
    """Then it is one event, not also a publication; a seed mended into a draft names what holds it back."""
    site.write_text("a.md", BROKEN)
    site.write_text("b.md", BROKEN)
    assert [one[:3] for one in happened(site)] == [("refused", "a.md", ()), ("refused", "b.md", ())]
    site.write("a.md")
    site.write("b.md", published=False)
    assert happened(site) == [("mended", "a.md", ("all",), ""), ("mended", "b.md", (), "state")]


def test_changed_rules_withdraw_and_publish(site: SiteFolder) -> None:
    """Though no file changed."""
    site.write("a.md", quality=60)
    site.write("b.md", quality=90)
    happened(site)
    site.settings["rules"] = {"min_quality": 80}
    assert happened(site) == [("withdrawn", "a.md", ("all",), "quality")]
    site.settings["rules"] = {"min_quality": 50}
    assert happened(site) == [("published", "a.md", ("all",), "")]


def test_what_many_seeds_do_at_once_is_named_for_some_and_counted_for_the_others(site: SiteFolder) -> None:
    """So that one turn does not fill the history."""
    for number in range(25):
        site.write(f"{number:02}.md")
    site.build()
    events = status(site).events
    assert [one.path for one in events] == [f"{number:02}.md" for number in range(10)] + [""]
    assert (events[-1].kind, events[-1].count) == ("published", 15)


def test_a_build_from_nothing_publishes_nothing_again(site: SiteFolder) -> None:
    """Readers saw it all before."""
    site.write("a.md")
    site.build()
    site.build(now=NOW + 1, fresh=True)
    assert told(site) == [("published", "a.md", ("all",), "")]


def test_two_seeds_of_one_story_are_one_item(site: SiteFolder) -> None:
    """When one takes over from the other readers see an edit, and nothing if the other is only hidden."""
    old = {"webUrl": "https://news.example.org/x", "publishedDateTime": iso(NOW - 90_000), "excerpt": "Old."}
    site.write("a.md", webUrl="https://news.example.org/x")
    happened(site)
    site.write("b.md", **old)
    assert happened(site) == []
    (site.seeds / "a.md").unlink()
    assert happened(site) == [("edited", "b.md", ("all",), "")]


def test_two_new_seeds_of_one_story_are_one_new_item(site: SiteFolder) -> None:
    """In whichever order they are read, in a first build and later."""
    for names in ("ab", "dc"):
        for age, name in enumerate(names):
            link, day = f"https://news.example.org/{names}", iso(NOW - 90_000 - age)
            site.write(f"{name}.md", webUrl=link, publishedDateTime=day)
        assert happened(site) == [("published", f"{names[0]}.md", ("all",), "")]


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"\n\n\n", b"\xff\xfe\0garbage", b"[" * 100_000, b'\n{"now":1e99}', b'\n{"now":-5,"seconds":1,"read":0,"written":0}',
        b'\n{"now":1,"seconds":NaN,"read":0,"written":0}', b'\n{"now":1,"seconds":1,"read":0,"written":0,"events":[{"when":1,"kind":"x"}]}',
    ],
)  # fmt: skip
def test_a_damaged_history_harms_nothing(site: SiteFolder, damage: bytes) -> None:
    """What can be read stays, and the next turn is added (G7)."""
    site.write("a.md")
    site.build()
    file_of(site).write_bytes(damage + file_of(site).read_bytes()[:-20])
    site.write("b.md")
    site.build()
    assert told(site) == [("published", "b.md", ("all",), "")]
    assert sorted(site.titles()) == ["Item a", "Item b"]


@pytest.mark.parametrize("instead", ["nothing", "folder", "pipe", "link"])
def test_a_history_that_cannot_be_used_harms_nothing(site: SiteFolder, instead: str) -> None:
    """It is deleted, or something else is in its place: that is not followed, and nobody waits for it."""
    site.write("a.md")
    site.build()
    file_of(site).unlink()
    other = site.root / "other"
    other.write_text("mine")
    if instead == "folder":
        file_of(site).mkdir()
    elif instead == "pipe":
        os.mkfifo(file_of(site))
    elif instead == "link":
        file_of(site).symlink_to(other)
    site.write("b.md")
    site.build()
    assert sorted(site.titles()) == ["Item a", "Item b"]
    assert len(status(site).events) == (instead == "nothing")
    assert other.read_text() == "mine"


def test_the_history_is_bounded_and_keeps_what_happened(tmp_path: Path) -> None:
    """Turns without events push out no events, and the file stays below its limit."""
    kept = History(str(tmp_path))
    path = tmp_path / "history.jsonl"
    for number in range(200):
        event = Event(when=number, kind="edited", path="x" * 4_000, feeds=("all",))
        kept.add(PastTurn(now=number, seconds=0.01, read=1, written=4, events=(event,)))
        assert path.stat().st_size <= history.MAX_BYTES
    for number in range(200, 5_000):
        kept.add(PastTurn(now=number, seconds=0.01, read=1, written=4))
    turns = kept.turns()
    assert path.stat().st_size <= history.MAX_BYTES
    assert turns[0].now == 4_999
    assert len([turn for turn in turns if turn.events]) >= 30
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_history_that_cannot_be_shortened_grows_no_further(tmp_path: Path) -> None:
    """Something is in the way of the file that replaces it, for example."""
    kept = History(str(tmp_path))
    path = tmp_path / "history.jsonl"
    (tmp_path / "history.jsonl.again").mkdir()
    for number in range(200):
        event = Event(when=number, kind="edited", path="x" * 4_000, feeds=("all",))
        kept.add(PastTurn(now=number, seconds=0.01, read=1, written=4, events=(event,)))
    assert path.stat().st_size <= history.MAX_BYTES
    (tmp_path / "history.jsonl.again").rmdir()
    kept.add(PastTurn(now=200, seconds=0.01, read=1, written=4))
    assert kept.turns()[0].now == 200


def test_a_turn_that_is_too_long_is_kept_without_its_events(tmp_path: Path) -> None:
    """However much happened in it, the history stays within its bound and keeps the other turns."""
    kept = History(str(tmp_path))
    kept.add(PastTurn(now=1, seconds=0.01, read=1, written=4))
    events = tuple(Event(when=2, kind="edited", path="x" * 4_000, feeds=("all",)) for _ in range(80))
    kept.add(PastTurn(now=2, seconds=0.01, read=80, written=4, events=events))
    assert [(one.now, one.read, one.events) for one in kept.turns()] == [(2, 80, ()), (1, 1, ())]


@pytest.mark.parametrize("instead", ["file", "folder", "pipe", "link"])
def test_reading_and_adding_leaves_no_file_open(tmp_path: Path, instead: str) -> None:
    """Whatever lies where the history should be: a daemon reads it for every look at its status."""
    path = tmp_path / "history.jsonl"
    if instead == "folder":
        path.mkdir()
    elif instead == "pipe":
        os.mkfifo(path)
    elif instead == "link":
        path.symlink_to(tmp_path / "other")
    kept = History(str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        kept.add(PastTurn(now=number, seconds=0.01, read=1, written=4))
        assert len(kept.turns()) == (number + 1 if instead == "file" else 0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_private_is_in_the_history(site: SiteFolder) -> None:
    """Neither `secured` nor a text of any seed, whatever happens to it (G12)."""
    texts = {"title": CANARY, "excerpt": CANARY, "secured": CANARY, "webUrl": f"https://x.example.org/{CANARY}"}
    for number in range(3):
        site.write("a.md", CANARY, topics=["Solar"], **texts)
        site.write("b.md", published=bool(number % 2), **{**texts, "webUrl": "https://x.example.org/b"})
        site.write("c.md", publishedDateTime=iso(NOW + number + 1), **{**texts, "webUrl": "https://x.example.org/c"})
        site.build(now=NOW + 2 * number)
        site.write_text("a.md", f"---\ntitle: {CANARY}: {CANARY}\n---\n")
        site.build(now=NOW + 2 * number + 1)
    assert len(status(site).events) > 5
    assert CANARY not in file_of(site).read_text()


@pytest.mark.slow
def test_the_status_shows_the_last_events(site: SiteFolder) -> None:
    """Newest first, so many at most."""
    for number in range(SHOWN_EVENTS + 5):
        site.write("a.md", excerpt=str(number))
        site.build(now=NOW + number)
    events = status(site).events
    assert len(events) == SHOWN_EVENTS
    assert [one.when for one in events[:2]] == [NOW + SHOWN_EVENTS + 4, NOW + SHOWN_EVENTS + 3]


def test_what_is_coming_up(site: SiteFolder) -> None:
    """Embargoes and expiries, soonest first, each with its moment, and the items of each day."""
    site.write("later.md", publishedDateTime=iso(NOW + 120))
    site.write("soon.md", publishedDateTime=iso(NOW + 60), expires=iso(NOW + 90))
    site.write("over.md", expires=iso(NOW + 30))
    site.write("old.md", expires=iso(NOW - 30))
    site.write("draft.md", published=False, publishedDateTime=iso(NOW + 60))
    site.build()
    found = status(site)
    assert found.appearing == (("soon.md", NOW + 60), ("later.md", NOW + 120))
    assert found.leaving == (("over.md", NOW + 30),)
    assert (len(found.daily), found.daily[-2], sum(found.daily)) == (30, 1, 1)
    assert [(one.slug, one.items, one.newest) for one in found.newest_of] == [("all", 1, NOW - 86_400)]
