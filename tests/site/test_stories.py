"""Other texts on one event, from several sources: listed with each other, whatever the order in which they come."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from support.labelled_pairs import Dice
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.find import find
from aggregator.site.status import site_status

HOUR = 3600
DAY = 24 * HOUR
QUAY = (
    "Quay wall of Kirkholm cracked",
    "Divers found cracks in the northern quay at Kirkholm, says harbour master Halvorsen.",
)
FERRY = (
    "Kirkholm ferries leave from the old pier",
    "Harbour master Halvorsen closed the northern quay after divers found cracks.",
)
OTHERS = (
    ("Bakery opens on Mill Street", "Fresh rolls from five in the morning."), ("Chess club wins the cup", "The final lasted nine hours."),
    ("A warm winter ahead", "Meteorologists expect little snow."), ("New trams arrive", "They carry two hundred passengers each."),
    ("Library extends its hours", "Readers may stay until ten at night."), ("Choir looks for basses", "Rehearsals are on Tuesdays."),
    ("Owl seen in the town park", "Ornithologists are delighted."), ("School gets a garden", "Pupils plant beans and pumpkins."),
)  # fmt: skip

MORE = (
    ("Mayor opens bridge", "Cyclists cross first."), ("Museum buys a painting", "It shows three apples."), ("Potatoes dear", "Farmers blame drought."),
    ("Swimmers rescued", "Lifeguards were quick."), ("Theatre reopens", "Seats are red again."), ("Heron returns", "Children named it Karl."),
)  # fmt: skip


def site_of(site: SiteFolder, **stories: str) -> SiteFolder:
    """Return a site that looks for stories, with eight items on something else: then some words are rare."""
    site.settings["stories"] = {"stories": "relate", **stories}
    for number, said in enumerate(OTHERS):
        write(site, f"other{number}", said, at=-20 * HOUR)
    return site


def write(
    site: SiteFolder, source: str, said: tuple[str, str], *, at: int = -10 * HOUR, body: str = "", **keys
) -> None:
    """Write what a source says, so many seconds from now."""
    keys = {"title": said[0], "excerpt": said[1], "webUrl": f"https://{source}.example/report", **keys}
    site.write(f"{source}.md", body, publishedDateTime=iso(NOW + at), **keys)


def related(site: SiteFolder, feed: str = "all", feeds: str = "feeds") -> dict[str, list[str]]:
    """Return the sources that a feed shows, each with those that are listed with it, if there are any."""
    items = site.feed(feed, feeds)
    listed = {
        one["url"]: [host(each["url"]) for each in one.get("_aggregator", {}).get("related", ())] for one in items
    }
    return {host(url): found for url, found in listed.items() if found}


def host(url: str) -> str:
    return url.split("/")[2].removesuffix(".example")


def test_other_texts_on_one_event_are_listed_with_each_other(site: SiteFolder) -> None:
    """Each stays an item, in every format and on the pages, and is not called the same text."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", FERRY, provider={"name": "South & Sons"})
    site.build()
    assert related(site) == {"north": ["south"], "south": ["north"]}
    (item,) = (one for one in site.feed() if "north" in one["url"])
    assert item["_aggregator"]["related"] == [
        {"title": FERRY[0], "url": "https://south.example/report", "provider": {"name": "South & Sons"}}
    ]
    assert f'<a href="https://south.example/report">{FERRY[0]}</a> (South &amp; Sons)' in item["content_html"]
    for name in ("rss.xml", "atom.xml", "index.html"):
        document = (site.feeds / "all" / name).read_text()
        assert "Related coverage" in document
        assert "the same text" not in document


def test_it_is_off_unless_it_is_asked_for(site: SiteFolder) -> None:
    """And leaves nothing behind when it is switched off."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", FERRY)
    site.settings.pop("stories")
    site.build()
    plain = site.documents()
    site.settings["stories"] = {"stories": "relate"}
    site.build()
    assert related(site)
    site.settings.pop("stories")
    site.build()
    assert related(site) == {}
    assert {
        name for name, body in site.documents().items() if plain.get(name) != body and name.endswith(".json")
    } == set()
    with opened_read_only(site.config().state) as index:
        assert index is not None
        assert index.coverage.is_empty()


def test_sources_and_dates_must_allow_it(site: SiteFolder) -> None:
    """Never within a source, nor after 48 hours."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "north2", FERRY, webUrl="https://north.example/again")
    write(site, "early", FERRY, at=-10 * HOUR - 48 * HOUR - 1)
    site.build()
    assert related(site) == {}
    write(site, "early", FERRY, at=-10 * HOUR - 48 * HOUR)
    site.build()
    assert related(site)["early"] == ["north"]


def test_one_address_elsewhere_is_enough(site: SiteFolder) -> None:
    """If few items lead to it, and it is no front page."""
    site_of(site)
    for number in range(3):
        write(
            site,
            f"s{number}",
            MORE[number],
            body="See [the report](https://agency.example/2026/report?utm_source=x).",
            at=-HOUR,
        )
    site.build()
    assert related(site) == {"s0": ["s1", "s2"], "s1": ["s0", "s2"], "s2": ["s0", "s1"]}
    for number in range(3, 6):
        write(site, f"s{number}", MORE[number], body="<https://agency.example/2026/report/>", at=-HOUR)
    site.build(NOW + 10)
    assert related(site) == {}
    (site.seeds / "s5.md").unlink()
    (site.seeds / "s4.md").unlink()
    site.build(NOW + 20)
    assert len(related(site)) == 4


def test_people_join_and_part(site: SiteFolder) -> None:
    """`story` joins whatever the texts, sources and dates; `not_story` parts, and wins."""
    site_of(site)
    write(site, "north", QUAY, story="Old Pier")
    write(site, "south", FERRY, not_story=["north.md"], story="old pier")
    write(site, "late", OTHERS[0], at=-400 * HOUR, story="OLD  PIER")
    site.build()
    assert related(site) == {"late": ["north", "south"], "north": ["late"], "south": ["late"]}
    write(site, "late", OTHERS[0], at=-400 * HOUR, story="Another")
    write(site, "south", FERRY)
    site.build(NOW + 10)
    assert related(site) == {"north": ["south"], "south": ["north"]}


def test_only_equal_names_join(site: SiteFolder) -> None:
    """Case is no difference; words of one CRC-32 are two names."""
    site_of(site)
    for name, story in {"a": "Plumless", "b": "buckeroo", "c": "PLUMLESS"}.items():
        write(site, name, MORE["abc".index(name)], story=story)
    site.build()
    assert related(site) == {"a": ["c"], "c": ["a"]}


@pytest.mark.parametrize("written", ["seeds/north.md", "./north.md", "../site/seeds/north.md"])
def test_people_part_by_the_path_as_messages_have_it(site: SiteFolder, written: str) -> None:
    """With the folder of seeds before it, from wherever the command was called."""
    site_of(site)
    write(site, "north", QUAY)
    written = written.replace("site", site.root.name)
    write(site, "south", FERRY, not_story=[written])
    site.build()
    assert related(site) == {}
    assert check(site.config(), now=NOW).problems == ()


def test_a_path_of_no_seed_in_not_story_is_a_warning(site: SiteFolder) -> None:
    """At its line, with the seed that was probably meant."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", FERRY, not_story=["old/north.md", "zz.md", "north.md"])
    found = [(one.path, one.message, one.hint, one.warning) for one in check(site.config(), now=NOW).problems]
    assert found == [
        ("south.md", "not_story: there is no seed `old/north.md`, so this has no effect", "did you mean `north.md`?", True),
        ("south.md", "not_story: there is no seed `zz.md`, so this has no effect", "write its path as messages name it, or remove it", True),
    ]  # fmt: skip
    assert check(site.config(), now=NOW).problems[0].line > 1


def test_explain_names_the_evidence(site: SiteFolder) -> None:
    """Words, an address, or a name; with the share and how long lies between them."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", FERRY, at=-8 * HOUR)
    write(site, "east", MORE[1], story="x", body="[a](https://agency.example/1)")
    write(site, "west", MORE[2], story="X", at=-9 * HOUR)
    write(site, "hill", MORE[3], body="[a](https://agency.example/1)")
    site.build()

    def lines(name: str) -> list[str]:
        with opened_read_only(site.config().state) as index:
            (found,) = explain(site.config(), index, name, now=NOW)
        return [line for line in found.details if "story" in line]

    assert lines("south.md") == [
        "one story with north.md: 9 rare words of both (kirkholm, harbour, master, halvorsen, northern, quay …), 75 % of the 12 of the one that has fewer, published 2 hours before this one"
    ]
    assert lines("west.md") == ["one story with east.md: both say `story: X`, published 1 hour before this one"]
    assert lines("hill.md") == ["one story with east.md: both lead to agency.example/1, published at the same time"]
    assert lines("other5.md") == []


def said_of(site: SiteFolder, name: str) -> list[str]:
    """Return what `explain` says of the story of a seed."""
    with opened_read_only(site.config().state) as index:
        (found,) = explain(site.config(), index, name, now=NOW)
    return [line for line in found.details if "story" in line or "copy" in line]


def test_of_a_copy_explain_names_the_evidence_of_its_original(site: SiteFolder) -> None:
    """With the same share for both, and each time as that of the other item."""
    site_of(site, copies="fold")
    body = " ".join(f"Diver number {n} saw a crack of {n} inches." for n in range(40))
    write(site, "north", QUAY, body=body)
    write(site, "nearby", QUAY, body=body, at=-9 * HOUR)
    write(site, "south", FERRY, at=-3 * HOUR)
    site.build()
    words = "rare words of both (quay, kirkholm, divers, found, cracks, northern …), 75 % of the 12 of the one that has fewer"
    assert [said_of(site, "north.md"), said_of(site, "nearby.md")] == [
        [
            "its copy nearby.md: 100 % of 3-word runs, published 1 hour after this one",
            f"one story with south.md: 9 {words}, published 7 hours after this one",
        ],
        [
            "copy of north.md: 100 % of 3-word runs, published 1 hour before this one",
            f"one story with south.md, as north.md is, of which this is a copy: 9 {words}, published 6 hours after this one",
        ],
    ]


def test_explain_names_what_is_nearest_and_why_it_is_not_of_one_story(site: SiteFolder) -> None:
    """If nothing is of its story: too few words, too small a share, dates, one source, or a person."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", ("Kirkholm elects a harbour board", "Voters chose seven members for nine years."))
    site.build()
    assert said_of(site, "other5.md") == []
    (line,) = said_of(site, "south.md")
    assert line == (
        "not one story with north.md: 2 rare words of both (kirkholm, harbour), 18 % of the 11 of the one that has fewer;"
        " at least 3 are needed"
    )
    write(site, "south", FERRY, not_story=["north.md"])
    site.build(NOW + 10)
    (line,) = said_of(site, "south.md")
    assert line.startswith("not one story with north.md: 9 rare words of both (")
    assert line.endswith("; `not_story` parts them")
    write(site, "south", FERRY, webUrl="https://north.example/2")
    site.build(NOW + 20)
    (line,) = said_of(site, "south.md")
    assert line.endswith("; both are from one source")


def test_what_is_not_published_yet_is_not_listed(site: SiteFolder) -> None:
    """An embargoed text is named nowhere (G12); it is listed at its moment, and no more when it has expired."""
    site_of(site)
    write(site, "north", QUAY, expires=iso(NOW + 3 * HOUR))
    write(site, "secret", FERRY, at=HOUR)
    write(site, "held", FERRY, quality=1)
    write(site, "draft", FERRY, published=False)
    site.build()
    assert related(site) == {}
    assert not any(b"secret" in body or b"//held" in body for body in site.documents().values())
    site.build(NOW + HOUR)
    assert related(site) == {"north": ["secret"], "secret": ["north"]}
    site.build(NOW + 3 * HOUR)
    assert related(site) == {}


def test_a_change_of_one_is_seen_with_the_other(site: SiteFolder) -> None:
    """Its title, its removal, its being held back, and that it tells the same item as the other."""
    site_of(site)
    write(site, "north", QUAY)
    write(site, "south", FERRY)
    site.build()
    write(site, "south", (f"{FERRY[0]} now", FERRY[1]))
    site.build(NOW + 1)
    (item,) = (one for one in site.feed() if "north" in one["url"])
    assert item["_aggregator"]["related"][0]["title"] == f"{FERRY[0]} now"
    write(site, "south", FERRY, quality=1)
    site.build(NOW + 2)
    assert related(site) == {}
    write(site, "south", FERRY)
    site.build(NOW + 3)
    assert related(site) == {"north": ["south"], "south": ["north"]}
    write(site, "south", FERRY, webUrl="https://north.example/report", provider={"domain": "south.example"})
    site.build(NOW + 4)
    assert related(site) == {}
    write(site, "south", FERRY)
    site.build(NOW + 5)
    (site.seeds / "north.md").unlink()
    site.build(NOW + 6)
    assert related(site) == {}


REPORT = " ".join(f"{QUAY[1]} Sentence {n} tells of street {n} in Kirkholm and its {n} houses." for n in range(9))


@pytest.mark.parametrize("copies", ["fold", "list"])
def test_copies_count_as_one_text(site: SiteFolder, copies: str) -> None:
    """However many sources print a report, its words stay rare, and another text on the event is listed with each."""
    site_of(site, copies=copies)
    names = [f"c{number}" for number in range(7)]
    for name in names:
        write(site, name, QUAY, body=REPORT)
    write(site, "south", FERRY)
    site.build()
    found = related(site)
    assert found["south"] == ["c0"]
    assert found["c0"][-1] == "south"
    assert found.keys() == ({"c0", "south"} if copies == "fold" else {*names, "south"})


def shown(site: SiteFolder, feed: str = "all") -> list[str]:
    """Return the sources in a feed that tell of the event, in the order of their names."""
    return sorted(name for one in site.feed(feed) if not (name := host(one["url"])).startswith("other"))


def test_a_feed_may_show_one_item_for_each_story(site: SiteFolder) -> None:
    """The best, then the earliest; another feed that does not hold that shows the next."""
    site_of(site, stories="one")
    write(site, "north", QUAY, topics=["Sea"])
    write(site, "south", FERRY, topics=["Sea", "Ships"], at=-9 * HOUR)
    site.build()
    assert (shown(site), shown(site, "sea"), shown(site, "ships")) == (["north"], ["north"], ["south"])
    assert related(site) == {"north": ["south"]}
    write(site, "south", FERRY, topics=["Sea", "Ships"], at=-9 * HOUR, quality=70)
    site.build(NOW + 1)
    assert (shown(site), related(site)) == (["south"], {"south": ["north"]})
    with opened_read_only(site.config().state) as index:
        (found,) = explain(site.config(), index, "north.md", now=NOW + 1)
    assert found.headline == "north.md: in no feed: south.md is shown instead (rule: story)"
    assert found.checks[-1][:2] == ("story", False)
    site.settings["stories"] = {"stories": "relate"}
    site.build(NOW + 2)
    assert shown(site) == ["north", "south"]


def test_items_that_a_better_one_hides_are_counted_by_rule(site: SiteFolder) -> None:
    """In `build`, `status` and `find` as in `explain`, beside copies and duplicates; one that some feed shows is none."""
    site_of(site, stories="one", copies="fold")
    body = " ".join(f"Diver number {n} saw a crack of {n} inches." for n in range(40))
    write(site, "north", QUAY, body=body)
    write(site, "nearby", QUAY, body=body, at=-9 * HOUR)
    write(site, "south", FERRY, at=-3 * HOUR)
    write(site, "again", FERRY, at=-20 * HOUR, webUrl="https://other1.example/report")
    turn = site.build()
    assert len(site.feed()) == turn.items
    assert turn.held == {"story": 1, "copy": 1, "duplicate": 1}
    with opened_read_only(site.config().state) as index:
        assert index is not None
        found = site_status(site.config(), index, now=NOW)
        listed = {
            one.path: one.detail
            for one in find(site.config(), index, "kirkholm", now=NOW, limit=None, everything=True).items
        }
    assert (found.items, found.held) == (turn.items, turn.held)
    assert (found.examples["story"], found.examples["copy"]) == (("south.md",), ("nearby.md",))
    assert listed["south.md"] == "tells of an event of which another item is shown (rule: story)"
    assert listed["nearby.md"] == "is a copy of another item (rule: copy)"
    site.settings["stories"] = {"stories": "relate", "copies": "fold"}
    assert site.build(NOW + 1).held == {"copy": 1, "duplicate": 1}


def test_when_it_goes_the_next_one_comes(site: SiteFolder) -> None:
    """By its end, an embargo that lifts, its removal, or a rule; each under its own id."""
    site_of(site, stories="one")
    for number, said in enumerate(MORE):
        write(site, f"other1{number}", said)
    write(site, "north", QUAY, expires=iso(NOW + 2 * HOUR), quality=90)
    write(site, "south", FERRY)
    write(site, "early", QUAY, at=HOUR, quality=95)
    site.build()
    assert shown(site) == ["north"]
    site.build(NOW + HOUR)
    assert shown(site) == ["early"]
    write(site, "early", QUAY, at=HOUR, quality=1)
    site.build(NOW + HOUR + 1)
    assert shown(site) == ["north"]
    site.build(NOW + 2 * HOUR)
    assert shown(site) == ["south"]
    assert "https://south.example/report" in site.ids()


def test_items_that_become_one_do_not_hide_each_other(site: SiteFolder) -> None:
    """A seed that has the links of both makes them one item, which stays in the feeds; without it they part again."""
    site_of(site, stories="one")
    write(site, "north", QUAY, quality=90)
    write(site, "south", FERRY, quality=60, updatedDateTime=iso(NOW - 60))
    site.build()
    assert shown(site) == ["north"]
    links = {"webUrl": "https://north.example/report", "originalUrl": "https://south.example/report"}
    site.write("both.md", title="Quay", publishedDateTime=iso(NOW - 200 * HOUR), quality=51, **links)
    site.build(NOW + 1)
    site.build(NOW + 1, feeds="fresh", state="fresh-state")
    assert shown(site) == ["south"]
    assert [one["url"] for one in site.feed()] == [one["url"] for one in site.feed(feeds="fresh")]
    (site.seeds / "both.md").unlink()
    site.build(NOW + 2)
    assert shown(site) == ["north"]


def test_an_item_that_is_nowhere_else_stays(site: SiteFolder) -> None:
    """Its page would go with it, and what lists it would lead nowhere."""
    site_of(site, stories="one")
    site.settings["pages"] = {"items": "own"}
    write(site, "north", QUAY, quality=90)
    write(site, "south", FERRY, webUrl=None, provider={"name": "South & Sons"})
    site.build()
    by_link = {one["url"]: one for one in site.feed() if "other" not in one["url"]}
    (page,) = by_link.keys() - {"https://north.example/report"}
    assert [one["url"] for one in by_link["https://north.example/report"]["_aggregator"]["related"]] == [page]
    assert (site.feeds / page.removeprefix("https://feeds.example.org/") / "index.html").exists()


# -- the order of arrival

SOURCES = ("north", "south", "west", "east", "hill", "coast")
EVENTS = [
    [f"{word}{event}" for word in ("quay", "divers", "ferry", "pier", "harbour", "weeks", "repair", "cracks")]
    for event in "abcdefg"
]


def seeds_for(dice: Dice, count: int = 26) -> list[tuple[str, dict]]:
    """Return the keys of some seeds on few events, with words in common, names of stories, links and copies."""
    found = []
    for number in range(count):
        source, words = dice.one_of(SOURCES), dice.some_of(dice.one_of(EVENTS), 6)
        keys = {
            "said": (" ".join(words[:3]), f"{' '.join(words[3:])} told {number % 5}"), "at": -(1 + dice.below(90)) * HOUR,
            "webUrl": f"https://{source}.example/{number if dice.below(8) else 0}",
        }  # fmt: skip
        extra = dice.below(10)
        if extra == 0:
            keys["story"] = dice.one_of(["a", "b"])
        if extra == 1:
            keys["not_story"] = [f"n{dice.below(count):02}.md"]
        if extra in {2, 3}:
            keys["body"] = f"[see](https://agency.example/{dice.below(3)})"
        if extra in {4, 5}:
            keys["body"] = REPORT
        if extra == 6:
            keys["quality"] = 50 + dice.below(3)
        if extra == 7:
            keys["expires"] = iso(NOW + dice.below(3) * HOUR + 30)
        if dice.below(3) == 0:
            keys["topics"] = [dice.one_of(["Sea", "Land"])]
        found.append((f"n{number:02}", keys))
    return found


def put(site: SiteFolder, name: str, keys: dict, offset: int = 0) -> None:
    keys = dict(keys)
    write(site, name, keys.pop("said"), **{**keys, "at": keys["at"] + offset})


def in_turns(site: SiteFolder, number: int, *, after: int) -> None:
    """Write seeds in several turns, some of them twice or for a while, then build at `after`, and from nothing."""
    stories = ("relate", "one")[number % 2]
    site.settings["stories"] = {"stories": stories, "copies": ("off", "fold", "list")[number % 3]}
    dice = Dice(number)
    wanted = seeds_for(dice)
    offset = after - NOW
    rest = iter(dice.some_of(wanted, len(wanted)))
    turn = 0
    while several := list(islice(rest, 1 + dice.below(7))):
        for name, keys in several:
            put(site, name, keys, offset)
        if dice.below(3) == 0:
            put(site, "gone", {"said": QUAY, "at": -90 * HOUR, "story": "a"}, offset)
        turn += 1
        site.build(NOW + turn)
        (site.seeds / "gone.md").unlink(missing_ok=True)
        if dice.below(3) == 0:
            name, keys = several[0]
            put(site, name, {**keys, "said": FERRY, "at": -100 * HOUR}, offset)
            site.build(NOW + turn)
            put(site, name, keys, offset)
    site.build(after + 60)
    with opened_read_only(site.config().state) as index:
        assert index is not None
        index.check_rows()
    site.build(after + 60, feeds="fresh", state="fresh-state")


@pytest.mark.parametrize("number", [*range(3), *(pytest.param(one, marks=pytest.mark.slow) for one in range(3, 50))])
def test_turns_that_nobody_saw_leave_no_trace(site: SiteFolder, number: int) -> None:
    """While everything is embargoed, any split into turns, in any order, gives the bytes of a build from nothing."""
    in_turns(site, number, after=NOW + 400 * HOUR)
    assert site.documents() == site.documents("fresh")
    assert related(site)


@pytest.mark.parametrize("number", [*range(3), *(pytest.param(one, marks=pytest.mark.slow) for one in range(3, 50))])
def test_only_ids_remember_the_turns(site: SiteFolder, number: int) -> None:
    """What is listed with what does not depend on the turns, nor on what readers saw between them."""
    in_turns(site, 100 + number, after=NOW)
    without_ids = [[{**one, "id": ""} for one in site.feed(feeds=feeds)] for feeds in ("feeds", "fresh")]
    assert without_ids[0] == without_ids[1]


ASK = """
import sys, aggregator
turn = aggregator.build(aggregator.load_config(sys.argv[1]), now=int(sys.argv[2]))
found = [name for name in sys.modules if ".comparison" in name or "coverage_" in name]
assert not found, found
"""


def test_who_does_not_ask_for_stories_pays_nothing(site: SiteFolder) -> None:
    """No module is imported, and no row is written."""
    write(site, "north", QUAY)
    site.config()
    subprocess.run([sys.executable, "-c", ASK, str(site.root / "config/feeds.yaml"), str(NOW)], check=True)
    with opened_read_only(site.config().state) as index:
        assert index is not None
        assert index.coverage.is_empty()


CASES = Path(__file__).parents[1] / "cases/stories/events"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_case(site: SiteFolder, case: Path) -> None:
    """A case has items, and which of them are listed with which."""
    told = json.loads(case.read_text())
    site_of(site)
    for name, (title, excerpt, hours) in told["items"].items():
        write(site, name, (title, excerpt), at=-hours * HOUR)
    site.build()
    assert {name: sorted(others) for name, others in related(site).items()} == told["related"]
