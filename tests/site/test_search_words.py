"""The search of everybody by words: it finds what the slow one finds, newest first, whatever changes meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.folding import fold
from aggregator.model.scripts import has_words, words_in
from aggregator.site.find import find, find_newest
from aggregator.site.site import Site

TITLES = [
    "Tram", "A tram, again", "Trams", "x_tram", "tram_x", "C++ and tram", "Straßenbahn", "Трамвай", "трамваи", "路面電車が通る",
    "Café au lait", "Cafe &amp; tram", "tram-way", "naïve ＴＲＡＭ", "हिन्दी ट्राम", "ٱلترام", "e\u0301tram", "12 trams", "<b>tram</b>",
]  # fmt: skip
EXPRESSIONS = [
    "tram", "trams", "tram again", '"a tram"', "straßenbahn", "strassenbahn", "трамвай", "電車", "café", "C++", "x_tram",
    "tram OR трамвай", "tram -again", "title:tram", "text:note", "note tram", "topic:Solar", "topic:Solar tram", "ट्राम", "zebra",
    "age:<10d tram", '"tram-way"', "etram", "NOT tram", "source:pilot", "12",
]  # fmt: skip


def both(site: SiteFolder, text: str, now: int = NOW, limit: int = 50) -> tuple[list[str], list[str]]:
    """Return the titles that the slow and the quick search find."""
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        slow = find(config, index, text, now=now, limit=limit, for_everybody=True)
        quick = find_newest(config, index, text, now=now, limit=limit, may_go_on=lambda: True)
    return [one.title for one in slow.items], [one.title for one in quick.items]


@pytest.fixture
def searched(site: SiteFolder) -> SiteFolder:
    """A site that everybody may search."""
    site.settings["pages"] = {"search": True}
    for number, title in enumerate(TITLES):
        site.write(f"{number}.md", title=title, excerpt=f"Note {number}", topics=["Solar"] if number % 2 else [],
                   publishedDateTime=iso(NOW - number * 86_400), provider={"name": "Pilot"} if number == 3 else None)  # fmt: skip
    site.build()
    return site


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_words_find_what_a_look_at_every_item_finds(searched: SiteFolder, text: str) -> None:
    """In the same order; most of these find something."""
    slow, quick = both(searched, text)
    assert quick == slow
    assert slow or text in {"zebra", "12"} or text == "strassenbahn"


def test_what_changes_is_found_by_its_new_words_alone(searched: SiteFolder) -> None:
    """After an edit, a rename, a deletion, an embargo that ends, another rule, and a build from nothing."""
    searched.write("0.md", title="Ferry")
    (searched.seeds / "1.md").rename(searched.seeds / "other.md")
    (searched.seeds / "5.md").unlink()
    searched.write("later.md", title="Zebra tram", publishedDateTime=iso(NOW + 60))
    searched.write("poor.md", title="Zebra tram", quality=60)
    searched.build(now=NOW + 1)
    assert both(searched, "ferry", NOW + 1) == (["Ferry"], ["Ferry"])
    for text in ("tram", "zebra", '"a tram"'):
        slow, quick = both(searched, text, NOW + 1)
        assert quick == slow
    searched.settings["rules"] = {"min_quality": 70}
    searched.build(now=NOW + 61)
    assert both(searched, "zebra", NOW + 61) == (["Zebra tram"], ["Zebra tram"])
    searched.build(now=NOW + 62, fresh=True)
    for text in EXPRESSIONS:
        slow, quick = both(searched, text, NOW + 62)
        assert quick == slow, text


def test_a_daemons_turn_keeps_the_words(searched: SiteFolder) -> None:
    """Also one that looks at a few paths alone."""
    with Site(searched.config()) as living:
        living.take_full_turn(now=NOW)
        searched.write("0.md", title="Ferry")
        living.take_partial_turn(["0.md"], now=NOW + 1)
    assert both(searched, "ferry")[1] == ["Ferry"]
    assert "Tram" not in both(searched, "tram")[1]


def test_the_words_come_and_go_with_the_setting(searched: SiteFolder) -> None:
    """Without it there is no table, and whoever asks all the same gets the right answer."""
    searched.settings["pages"] = {"search": False}
    searched.build(now=NOW + 1)
    with closing(sqlite3.connect(searched.root / "state/index.db")) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master")]
    assert not [name for name in names if name == "word" or name.startswith("word_")]
    slow, quick = both(searched, "tram")
    assert quick == slow != []
    searched.settings["pages"] = {"search": True}
    searched.build(now=NOW + 2)
    slow, quick = both(searched, "tram")
    assert quick == slow


def test_a_search_ends_when_enough_is_found(searched: SiteFolder) -> None:
    """And says that there is more."""
    config = searched.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        found = find_newest(config, index, "note", now=NOW, limit=3, may_go_on=lambda: True)
    assert ([one.title for one in found.items], found.total) == (TITLES[:3], 4)


def test_a_search_may_be_ended_within_a_few_large_items(searched: SiteFolder) -> None:
    """A stranger's search is bounded in time, whatever the items weigh."""
    for number in range(8):
        searched.write(f"large{number}.md", "x" * 900_000, title="Heavy")
    searched.build(now=NOW + 1)
    config, asked = searched.config(), iter([True] * 4)
    with opened_read_only(config.state) as index:
        assert index is not None
        with pytest.raises(AggregatorError, match="too long"):
            find_newest(config, index, "heavy", now=NOW + 1, limit=50, may_go_on=lambda: next(asked, False))


LETTERS = st.text(alphabet="aZ_1 -é\u0301ßтр電が+\u0939\u094d'&", max_size=12)


@settings(max_examples=400, deadline=None)
@given(LETTERS, LETTERS, LETTERS)
def test_a_text_with_some_words_has_each_of_them(before: str, words: str, after: str) -> None:
    """Whatever the script: else a search would miss it."""
    words = fold(words)
    whole = fold(f"{before}{words}{after}")
    if words and has_words(whole, words):
        assert words_in(words) <= words_in(whole)
