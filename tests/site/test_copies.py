"""The same text from several sources: folded or listed, whatever the order in which it comes."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice

import msgspec
import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.normalizer.rules import policy_of
from aggregator.site.explain import explain

HOUR = 3600
REPORT = (
    "The harbour authority has closed the northern basin after an inspection found cracks in the quay wall that divers"
    " had missed in spring, and three ferries now leave from the old pier instead.\n\nEngineers will need eleven weeks for"
    " the repair, the authority said, and put the cost at 4.2 million. Passengers should allow twenty minutes more."
)


def site_of(site: SiteFolder, **stories: str) -> SiteFolder:
    site.settings["stories"] = {"copies": "fold", **stories}
    return site


def write(site: SiteFolder, source: str, *, at: int = -10 * HOUR, body: str = REPORT, **keys) -> None:
    """Write the report of a source, so many seconds from now."""
    keys = {"title": f"As {source} has it", "webUrl": f"https://{source}.example/report", **keys}
    site.write(f"{source}.md", body, publishedDateTime=iso(NOW + at), **keys)


def shown(site: SiteFolder, feed: str = "all") -> dict[str, list[str]]:
    """Return the sources that a feed shows, each with the copies that are listed with it."""
    items = json.loads((site.feeds / feed / "feed.json").read_text())["items"]
    listed = {one["url"]: list(one.get("_aggregator", {}).get("related", ())) for one in items}
    return {source_of(url): [source_of(one["url"]) for one in others] for url, others in listed.items()}


def source_of(url: str) -> str:
    found = re.match(r"https://(\w+)\.example/", url)
    assert found
    return found[1]


def ids(site: SiteFolder) -> dict[str, str]:
    items = json.loads((site.feeds / "all/feed.json").read_text())["items"]
    return {source_of(one["url"]): source_of(one["id"]) for one in items}


def test_copies_are_one_item(site: SiteFolder) -> None:
    """The best source stands for it, the others are listed with it; another text stays."""
    site_of(site)
    write(site, "north")
    write(site, "south", quality=80, at=-8 * HOUR)
    write(site, "west", at=-9 * HOUR)
    write(site, "other", body="Something else. " * 30)
    site.build()

    assert shown(site) == {"south": ["north", "west"], "other": []}


def test_copies_may_be_listed_alone(site: SiteFolder) -> None:
    """With `list` each is an item, with the others listed; with `off`, which is the default, nothing is."""
    site_of(site, copies="list")
    for name in ("north", "south", "west"):
        write(site, name)
    site.build()
    assert shown(site) == {"north": ["south", "west"], "south": ["north", "west"], "west": ["north", "south"]}

    site.settings.pop("stories")
    site.build()
    assert shown(site) == {"north": [], "south": [], "west": []}
    site_of(site)
    site.build()
    assert shown(site) == {"north": ["south", "west"]}
    site.settings["stories"] = {"copies": "off"}
    site.build()
    assert shown(site) == {"north": [], "south": [], "west": []}
    assert ids(site) == {"north": "north", "south": "south", "west": "west"}
    assert tombstones(site) == []


def tombstones(site: SiteFolder) -> list[str]:
    return re.findall(r'deleted-entry ref="https://(\w+)\.', (site.feeds / "all/atom.xml").read_text())


def test_the_next_steps_in_under_the_same_id(site: SiteFolder) -> None:
    """Readers who saw the item do not see it again; a better copy that comes later takes its place, not its id."""
    site_of(site)
    write(site, "north")
    site.build()
    write(site, "south", quality=90)
    site.build(NOW + 10)
    assert (shown(site), ids(site)) == ({"south": ["north"]}, {"south": "north"})

    (site.seeds / "north.md").unlink()
    site.build(NOW + 20)
    assert (shown(site), ids(site)) == ({"south": []}, {"south": "north"})

    write(site, "south", quality=90, title="Saved again")
    site.build(NOW + 30)
    assert ids(site) == {"south": "north"}
    write(site, "east", at=-HOUR)
    site.build(NOW + 40)
    (site.seeds / "south.md").unlink()
    site.build(NOW + 50)
    assert (shown(site), ids(site), tombstones(site)) == ({"east": []}, {"east": "north"}, [])


def test_what_is_no_copy_any_more_has_its_own_id_again(site: SiteFolder) -> None:
    """Both were seen before they were alike; the folded one is withdrawn, and comes back as it was."""
    site_of(site)
    write(site, "north")
    write(site, "south", body="Something else for now. " * 20)
    site.build()
    write(site, "south")
    site.build(NOW + 10)
    assert (shown(site), ids(site), tombstones(site)) == ({"north": ["south"]}, {"north": "north"}, ["south"])

    write(site, "south", body="Something else again. " * 20)
    site.build(NOW + 20)
    assert ids(site) == {"north": "north", "south": "south"}
    assert tombstones(site) == []
    with closing(sqlite3.connect(site.root / "state/index.db")) as db:
        assert db.execute("SELECT count(*) FROM withdrawn").fetchone() == (0,)


def test_what_is_not_published_yet_is_not_listed(site: SiteFolder) -> None:
    """An embargoed copy is named nowhere (G12); it is listed, or takes its place, at its moment, and leaves likewise."""
    site_of(site)
    write(site, "north", expires=iso(NOW + 3 * HOUR))
    write(site, "secret", quality=90, at=HOUR)
    write(site, "zlater", at=2 * HOUR)
    site.build()
    assert shown(site) == {"north": []}
    assert not any(b"secret" in body or b"zlater" in body for body in site.documents().values())

    site.build(NOW + HOUR)
    assert (shown(site), ids(site)) == ({"secret": ["north"]}, {"secret": "north"})
    site.build(NOW + 2 * HOUR)
    assert shown(site) == {"secret": ["north", "zlater"]}
    site.build(NOW + 3 * HOUR)
    assert shown(site) == {"secret": ["zlater"]}


def test_never_within_a_source_nor_after_three_days(site: SiteFolder) -> None:
    """A series of one source is left alone, and so is what comes again after 72 hours."""
    site_of(site)
    write(site, "north")
    write(site, "north2", webUrl="https://north.example/again", at=-9 * HOUR)
    write(site, "early", at=-83 * HOUR)
    site.build()

    assert len(site.feed()) == 3
    assert not any(shown(site).values())


def test_an_item_with_an_id_of_its_own_stays_an_item(site: SiteFolder) -> None:
    """It is listed with the others, and they with it."""
    site_of(site)
    write(site, "north")
    write(site, "south", id="urn:x:south", at=-9 * HOUR)
    write(site, "west", at=-8 * HOUR)
    site.build()

    assert shown(site) == {"north": ["south", "west"], "south": ["north", "west"]}


def test_paragraphs_of_a_source_do_not_count(site: SiteFolder) -> None:
    """Its notice stands in three of its items: then they are compared without it, those that came before too."""
    site_of(site)
    notice = "".join(f"Read more of us every {day}, at home and on the road, with pictures. " for day in "abcdefghij")
    write(site, "north")
    write(site, "south", body=f"{REPORT}\n\n{notice}", at=-9 * HOUR)
    write(site, "b", body="One more. " * 20 + f"\n\n{notice}", webUrl="https://south.example/b")
    site.build()
    assert len(site.feed()) == 3

    write(site, "c", body="Yet another. " * 20 + f"\n\n{notice}", webUrl="https://south.example/c")
    site.build(NOW + 10)
    assert shown(site)["north"] == ["south"]
    assert len(site.feed()) == 3

    (site.seeds / "c.md").unlink()
    site.build(NOW + 20)
    assert len(site.feed()) == 3
    assert not any(shown(site).values())


def test_a_chain_is_no_group(site: SiteFolder) -> None:
    """Who is like a copy and not like the original is an item of its own."""
    site_of(site)
    sentences = [
        f"Sentence {n} speaks of street {n} and of the {n}th house that stands there since {n + 1900}."
        for n in range(40)
    ]
    write(site, "north", body=" ".join(sentences[:38]), quality=90)
    write(site, "south", body=" ".join(sentences[2:]), quality=80)
    write(site, "west", body=" ".join([*sentences[6:], *sentences[:1]]), quality=70)
    site.build()

    assert len(shown(site)) in {1, 2}


SOURCES = ("north", "south", "west", "east", "hill", "coast")


class Dice:
    """A generator of numbers that gives the same ones for ever."""

    def __init__(self, seed: int) -> None:
        self._state = seed + 1

    def below(self, count: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 33) % count


def seeds_for(dice: Dice) -> list[tuple[str, dict]]:
    """Return the keys of a dozen seeds, of which many are copies, some with a notice, a link in common or an id."""
    notice = " ".join(f"Read more of us every {day}, at home and on the road." for day in "abcdefghij")
    found = []
    for number in range(12):
        source = SOURCES[dice.below(len(SOURCES))]
        text = [REPORT, REPORT.replace("Engineers", "Workers"), "Quite another report. " * 20, REPORT + " Bye. " * 30][
            dice.below(4)
        ]
        link = f"https://{source}.example/{number if dice.below(6) else 0}"
        keys = {
            "body": f"{text}\n\n{notice}" if dice.below(3) == 0 else text, "webUrl": link, "title": f"Number {number}",
            "at": -(number + 1) * 7 * HOUR - number,
        }  # fmt: skip
        if dice.below(3) == 0:
            keys["quality"] = 50 + dice.below(3)
        if dice.below(8) == 0:
            keys["id"] = f"urn:x:{number}"
        found.append((f"n{number:02}", keys))
    return found


def without_ids(site: SiteFolder, feeds: str = "feeds") -> list[dict]:
    return [{key: value for key, value in item.items() if key != "id"} for item in site.feed(feeds=feeds)]


def split(site: SiteFolder, number: int, *, after: int) -> None:
    """Write seeds in several turns, some of them twice or for a while, then build at `after`, and from nothing."""
    site_of(site, copies=("fold", "list")[number % 2])
    dice = Dice(number)
    wanted = seeds_for(dice)
    order = [wanted.pop(dice.below(len(wanted))) for _ in range(len(wanted))]
    offset = after - NOW
    rest = iter(order)
    turn = 0
    while several := list(islice(rest, 1 + dice.below(5))):
        for name, keys in several:
            write(site, name, **{**keys, "at": keys["at"] + offset})
        if dice.below(3) == 0:
            write(site, "gone", webUrl="https://gone.example/1", quality=99, at=offset - 11 * HOUR)
        turn += 1
        site.build(NOW + turn)
        (site.seeds / "gone.md").unlink(missing_ok=True)
        if dice.below(4) == 0:
            name, keys = several[0]
            write(site, name, **{**keys, "at": keys["at"] + offset, "body": "For a while another text. " * 9})
            site.build(NOW + turn)
            write(site, name, **{**keys, "at": keys["at"] + offset})
    site.build(after + 60)
    with opened_read_only(site.config().state) as index:
        index.check_rows()
    site.build(after + 60, feeds="fresh", state="fresh-state")


@pytest.mark.parametrize("number", [*range(4), *(pytest.param(one, marks=pytest.mark.slow) for one in range(4, 50))])
def test_turns_that_nobody_saw_leave_no_trace(site: SiteFolder, number: int) -> None:
    """While everything is embargoed, any split into turns, in any order, gives the bytes of a build from nothing."""
    split(site, number, after=NOW + 200 * HOUR)

    assert site.documents() == site.documents("fresh")


@pytest.mark.parametrize("number", [*range(4), *(pytest.param(one, marks=pytest.mark.slow) for one in range(4, 50))])
def test_only_ids_remember_the_turns(site: SiteFolder, number: int) -> None:
    """What readers saw between turns keeps its ids; who stands for whom, and what is listed, does not depend on it."""
    split(site, 100 + number, after=NOW)

    assert without_ids(site) == without_ids(site, "fresh")


def test_explain_names_the_evidence(site: SiteFolder) -> None:
    """Of a copy it says of what, and how much of the words; of the item that stands for it, which copies it has."""
    site_of(site)
    write(site, "north")
    write(site, "south", at=-8 * HOUR, body=REPORT.replace("eleven", "twelve"))
    write(site, "east", at=HOUR)
    site.build()
    with opened_read_only(site.config().state) as index:
        (copy,) = explain(site.config(), index, "south.md", now=NOW)
        (original,) = explain(site.config(), index, "north.md", now=NOW)

    assert copy.headline == "south.md: in no feed: north.md is shown instead (rule: copy)"
    assert [line for line in copy.details if "copy" in line] == [
        "copy of north.md: 89 % of 3-word runs, published 2 hours before this one"
    ]
    assert [line for line in original.details if "copy" in line] == [
        "its copy south.md: 89 % of 3-word runs, published 2 hours after this one"
    ]
    assert not any("east" in line or "the same item as" in line for line in (*copy.details, *original.details))


def test_every_format_and_page_marks_copies(site: SiteFolder) -> None:
    """JSON says `copy`, the content of all formats and the page say it in words; other related items are as before."""
    site_of(site)
    write(site, "north", related=[{"title": "Elsewhere", "webUrl": "https://elsewhere.example/1"}])
    write(site, "south", at=-8 * HOUR, provider={"name": "South & Sons"})
    site.build()
    (item,) = site.feed()
    page = (site.feeds / "all/index.html").read_text()

    assert item["_aggregator"]["related"] == [
        {"title": "Elsewhere", "url": "https://elsewhere.example/1"},
        {
            "title": "As south has it",
            "url": "https://south.example/report",
            "provider": {"name": "South & Sons"},
            "copy": True,
        },
    ]
    assert "(South &amp; Sons, the same text)" in item["content_html"]
    for name in ("rss.xml", "atom.xml"):
        assert "the same text" in (site.feeds / "all" / name).read_text()
    assert page.count("(the same text)") == 1


def test_a_seed_may_say_that_it_is_no_copy(site: SiteFolder) -> None:
    """`not_story` parts two items that are alike, also after they were one."""
    site_of(site)
    write(site, "north")
    write(site, "south")
    site.build()
    assert shown(site) == {"north": ["south"]}

    write(site, "south", not_story=["north.md"])
    site.build(NOW + 10)
    assert (shown(site), ids(site)) == ({"north": [], "south": []}, {"north": "north", "south": "south"})


def test_it_may_say_so_with_the_folder_before_the_path(site: SiteFolder) -> None:
    """As `check` names it."""
    site_of(site)
    write(site, "north")
    write(site, "south", not_story=["seeds/north.md"])
    site.build()
    assert shown(site) == {"north": [], "south": []}


ASK = """
import sys, aggregator
turn = aggregator.build(aggregator.load_config(sys.argv[1]), now=int(sys.argv[2]))
assert turn.read == 3, turn
found = [name for name in sys.modules if ".comparison" in name or "copy_" in name]
assert not found, found
"""


def test_who_does_not_ask_for_copies_pays_nothing(site: SiteFolder) -> None:
    """By default no module is imported, no row is written, and no verdict of before is decided again."""
    for name in ("north", "south", "west"):
        write(site, name)
    site.config()
    subprocess.run([sys.executable, "-c", ASK, str(site.root / "config/feeds.yaml"), str(NOW)], check=True)
    with closing(sqlite3.connect(site.root / "state/index.db")) as db:
        for table in ("text", "text_key", "paragraph", "common_paragraph", "alike", "copy"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    policy = policy_of(site.config())
    assert "copies" not in msgspec.to_builtins(policy)
    assert "copies" in msgspec.to_builtins(msgspec.structs.replace(policy, copies="fold"))


def test_a_site_of_one_source_keeps_its_bytes(site: SiteFolder) -> None:
    """Whatever it asks for."""
    for number in range(5):
        write(site, f"north{number}", webUrl=f"https://north.example/{number}", at=-number * HOUR)
    site.build()
    before = site.documents()
    for copies in ("list", "fold"):
        site_of(site, copies=copies)
        site.build(NOW + 10)
        assert site.documents() == before


def test_the_next_steps_in_under_an_id_that_a_seed_chose(site: SiteFolder) -> None:
    """Whatever the form of that id: readers see the same one as before."""
    site_of(site)
    write(site, "north", id="number 7", quality=90)
    write(site, "south")
    site.build()
    (before,) = site.ids()

    (site.seeds / "north.md").unlink()
    site.build(NOW + 10)
    assert (shown(site), site.ids()) == ({"south": []}, [before])


@pytest.mark.parametrize(
    "damage",
    [
        "copy SET original=(SELECT file FROM file WHERE path='other.md')", "copy SET sum=sum+1", "alike SET share=801",
        "text SET text=substr(text, 2)", "text_key SET file=77 WHERE file=1",
    ],
)  # fmt: skip
def test_a_damaged_row_folds_nothing_else(site: SiteFolder, damage: str) -> None:
    """It is noticed, and what the tables say is found again from the seeds."""
    site_of(site)
    write(site, "north")
    write(site, "other", body="Something else. " * 30)
    write(site, "south")
    site.build()
    before = site.documents()
    with closing(sqlite3.connect(site.root / "state/index.db")) as db:
        db.execute(f"UPDATE {damage}")
        db.commit()

    turn = site.build(NOW + 10)
    write(site, "other", body="Something else again. " * 30)
    site.build(NOW + 20)
    assert turn.read == 3
    assert site.documents().keys() == before.keys()
    assert shown(site) == {"north": ["south"], "other": []}


@pytest.mark.parametrize("copies", ["fold", "list"])
def test_a_copy_without_an_address_is_listed_with_that_of_its_page(site: SiteFolder, copies: str) -> None:
    """Items whose seeds have no link lead to each other's pages, also to that of a seed with an id of its own."""
    site.settings["pages"] = {"items": "own"}
    site_of(site, copies=copies)
    for name, keys in (("first", {}), ("second", {"id": "the second"})):
        provider = {"name": name, "domain": f"{name}.example"}
        write(site, name, webUrl=None, provider=provider, at=-10 * HOUR + len(keys), **keys)
    site.build()
    items = json.loads((site.feeds / "all/feed.json").read_text())["items"]
    listed = [one["url"] for item in items for one in item.get("_aggregator", {}).get("related", ())]
    pages = {
        f"https://feeds.example.org/{one.parent.relative_to(site.feeds)}/"
        for one in site.feeds.glob("items/*/*/*.html")
    }
    assert listed
    if copies == "list":
        assert set(listed) == {item["url"] for item in items} == pages


def test_a_folded_copy_without_an_address_is_not_listed(site: SiteFolder) -> None:
    """It has no page, since it is no item of its own, so there is nothing to which readers could be led."""
    site.settings["pages"] = {"items": "own"}
    site_of(site)
    write(site, "first", title="One title")
    write(site, "second", title="Another", webUrl=None, provider={"domain": "second.example"}, at=-9 * HOUR)
    write(site, "third", title="A third", at=-8 * HOUR)
    site.build()
    assert shown(site) == {"first": ["third"]}
    assert not list(site.feeds.glob("items/*/*/*.html"))
