"""What is shown of a document and what is held back: points 13 and 17 to 20, and that it comes from what is stored alone."""

from __future__ import annotations

import random
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.collecting import Planet, Post, posts, rss

from aggregator.collector import guards
from aggregator.collector.entries import Document, Entry, Person
from aggregator.collector.guards import Decision, decide
from aggregator.collector.state import Known, SourceState
from aggregator.model.sources import Source

NOW = 1_780_000_000
DAY = 86_400
URL = "https://blog.example.org/feed"
SOURCE = Source(url=URL)


def entry(number: int, **values) -> Entry:
    said = {
        "key": f"k{number}",
        "title": f"Garden notes {number}",
        "link": f"https://blog.example.org/{number}",
        "published": NOW + number * DAY,
    }
    return Entry(**said | {"digest": str(values or number)} | values)


class Memory:
    """What is stored of a source from document to document."""

    def __init__(self, source: Source = SOURCE) -> None:
        self.source = source
        self.state = SourceState(url=source.url)
        self.known: dict[str, Known] = {}
        self.aliases: dict[str, str] = {}
        self.shown: dict[str, Entry] = {}

    def take(
        self, *entries: Entry, now: int = NOW + 100 * DAY, url: str = URL, is_partial: bool = False, **values
    ) -> Decision:
        decision = decide(
            state=self.state, source=self.source, document=Document(format="atom", entries=entries, **values),
            known=self.known, aliases=self.aliases, url=url, now=now, is_partial=is_partial,
        )  # fmt: skip
        self.keep(decision)
        return decision

    def keep(self, decision: Decision) -> None:
        self.state = decision.state
        self.known |= {row.key: row for row in decision.known}
        self.aliases = dict(decision.aliases)
        for write in decision.writes:
            self.known[write.known.key] = msgspec.structs.replace(write.known, path="p")
            self.shown[write.known.key] = write.entry

    def held(self) -> dict[str, str]:
        return {key: row.held_by for key, row in self.known.items() if row.held_by}


def test_point_17_a_new_source_shows_its_newest_items_and_knows_the_rest() -> None:
    """Whatever their order in the document; what is known stays unseen, also when it is changed."""
    memory = Memory(Source(url=URL, first=3))
    memory.take(*(entry(number) for number in (4, 1, 9, 3, 7)))
    assert set(memory.shown) == {"k9", "k7", "k4"}
    memory.take(*(entry(number, title=f"Changed {number}") for number in (4, 1, 9, 3, 7)))
    assert memory.held() == {"k3": "first", "k1": "first"}


@pytest.mark.parametrize(("brought", "shown"), [(10, 10), (11, 3), (500, 3)])
def test_point_18_more_than_ten_and_more_than_thrice_the_usual_wait(brought: int, shown: int) -> None:
    """The newest three pass."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(5)))
    memory.take(*(entry(number) for number in range(brought + 5)), now=NOW + 900 * DAY)
    assert len(memory.shown) == 5 + shown
    assert {f"k{number}" for number in range(brought + 5 - min(3, shown), brought + 5)} <= set(memory.shown)


def test_point_18_what_is_usual_is_the_median_of_the_last_ten_polls_that_brought_any() -> None:
    """A source that brings eight each time may bring twenty-four, and not twenty-five."""
    for brought, is_flood in ((24, False), (25, True)):
        memory, last = Memory(), 5
        memory.take(*(entry(number) for number in range(last)))
        for _ in range(12):
            memory.take(*(entry(number) for number in range(last, last + 8)), now=NOW + 999 * DAY)
            memory.take(*(entry(number) for number in range(last, last + 8)), now=NOW + 999 * DAY)
            last += 8
        decision = memory.take(*(entry(number) for number in range(last, last + brought)), now=NOW + 999 * DAY)
        assert (decision.new == 3) is is_flood


def test_point_18_a_release_shows_all_that_waits_at_its_own_date() -> None:
    """Also what the source does not list any more; dates are those of the first sight."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(5)))
    memory.take(*(entry(number) for number in range(40)), now=NOW + 50 * DAY)
    memory.take(*(entry(number) for number in range(38, 42)), now=NOW + 60 * DAY)
    memory.keep(guards.release(state=memory.state, known=memory.known))
    assert memory.held() == {}
    assert [memory.shown[f"k{number}"].published for number in range(42)] == [
        NOW + number * DAY for number in range(42)
    ]


def test_point_19_half_a_window_with_new_ids_is_the_same_items() -> None:
    """Their old ids are kept, for good; one less than half is new items."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(10)), now=NOW + 20 * DAY)
    changed = [entry(number, key=f"new{number}") if number < 5 else entry(number) for number in range(10)]
    for _ in range(3):
        decision = memory.take(*changed, now=NOW + 20 * DAY)
        assert decision.new == 0
        assert set(memory.shown) <= {f"k{number}" for number in range(10)}
    memory = Memory()
    memory.take(*(entry(number) for number in range(10)), now=NOW + 20 * DAY)
    changed = [entry(number, key=f"new{number}") if number < 4 else entry(number) for number in range(10)]
    assert memory.take(*changed, now=NOW + 20 * DAY).new == 4


def test_point_20_another_domain_without_a_shared_item_is_quarantined() -> None:
    """Another domain alone is none, if one item is the same."""
    for shared, is_hijack in ((0, True), (1, False)):
        memory = Memory()
        memory.take(*(entry(number) for number in range(3)))
        others = [
            entry(number, title=f"Casino {number}", link=f"https://x.example.com/{number}")
            for number in range(50 - shared, 53)
        ]
        mine = [entry(number) for number in range(shared)]
        memory.take(*mine, *others, url="https://x.example.com/feed")
        assert bool(memory.state.quarantine) is is_hijack


@pytest.mark.parametrize(
    ("kinship", "is_hijack"),
    [
        ({}, True),
        ({"authors": (Person(name="Ann"),)}, False),
        ({"title": "More about gardens and Notes"}, False),
        ({"link": "https://blog.example.org/other"}, False),
        ({"link": "https://blog.example.org/other", "published": NOW - 900 * DAY}, True),
    ],
)
def test_point_20_all_items_vanished_and_strangers_came(kinship, is_hijack: bool) -> None:
    """An author, a word of a title, or a host of links with dates that go on: the same hands."""
    memory = Memory()
    memory.take(*(entry(number, authors=(Person(name="Ann"),)) for number in range(3)))
    stranger = {"title": "Casino bonus", "link": "https://x.example.com/", "key": "c", "authors": (Person(name="Bob"),)}
    memory.take(entry(50, **stranger | kinship))
    assert bool(memory.state.quarantine) is is_hijack
    assert ("c" in memory.shown) is not is_hijack


def test_point_20_what_was_shown_stays_and_a_release_ends_it() -> None:
    """Nothing of the strangers is shown before, all that they list then is shown after."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(3)))
    memory.take(entry(50, title="Casino", link="https://x.example.com/"))
    assert set(memory.shown) == {"k0", "k1", "k2"}
    assert "Held back (hijack)" in guards.sentence(memory.known["k50"], memory.state)
    assert f"--release {URL}" in guards.sentence(memory.known["k50"], memory.state)
    memory.keep(guards.release(state=memory.state, known=memory.known))
    memory.take(
        entry(50, title="Casino", link="https://x.example.com/"),
        entry(51, title="Poker", link="https://x.example.com/2"),
    )
    assert set(memory.shown) == {"k0", "k1", "k2", "k50", "k51"}
    assert memory.state.quarantine == ""


def test_point_15_deleted_entries_are_withdrawn_and_come_back() -> None:
    """`at:deleted-entry` withdraws what was shown; the entry listed again is shown again."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(3)))
    decision = memory.take(entry(2), deleted=("k1", "nothing"))
    assert [(write.known.key, write.is_withdrawn) for write in decision.writes] == [("k1", True)]
    assert memory.take(entry(2), deleted=("k1",)).writes == ()
    decision = memory.take(entry(1), entry(2))
    assert [(write.known.key, write.is_withdrawn) for write in decision.writes] == [("k1", False)]


def test_a_partial_answer_says_nothing_of_what_it_lacks() -> None:
    """226 lists only what is new: neither a churn nor a hijack follows, and the window goes on."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(5)))
    decision = memory.take(entry(9, title="Strange"), is_partial=True)
    assert (decision.new, decision.state.quarantine, len(decision.state.window)) == (1, "", 6)


STRANGER = {"title": "Casino bonus", "link": "https://x.example.com/", "key": "c"}


@pytest.mark.parametrize("part", [{"is_partial": True}, {"is_cut": True}])
def test_point_20_a_part_of_a_document_is_no_evidence_that_it_is_the_same_feed(part) -> None:
    """A 226, or what was cut off, with nothing that is known waits; the next whole document of the feed shows it."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(5)))
    memory.take(entry(9, **STRANGER), **part)
    assert (memory.held(), memory.state.new_domain) == ({"c": "hijack"}, "example.org")
    assert "only a part of a document" in memory.state.quarantine
    memory.take(*(entry(number) for number in range(5)), **part)
    assert memory.state.quarantine, "a part ends it as little"
    decision = memory.take(*(entry(number) for number in range(2, 5)), entry(9, **STRANGER))
    assert (memory.held(), memory.state.quarantine, decision.new) == ({}, "", 1)
    assert memory.shown["c"].published == NOW + 9 * DAY


def quarantined(**before) -> Memory:
    """Return a source of ten items that is in other hands."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(10)), **before)
    memory.take(entry(50, **STRANGER), title="Casino", link="https://x.example.com/")
    assert memory.state.quarantine
    return memory


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(3)],
        [entry(3), entry(50, **STRANGER)],
        [entry(number) for number in range(4)],
        [entry(number, title=f"Casino {number}", link="https://x.example.com/") for number in range(10)],
    ],
    ids=["empty", "one old id", "one beside theirs", "less than half", "ids alone"],
)
def test_point_20_a_quarantine_ends_by_no_accident(entries) -> None:
    """What could be an accident does not end it, and nothing is shown or changed by it."""
    memory = quarantined()
    shown, title = dict(memory.shown), memory.state.title
    decision = memory.take(*entries, title="Casino")
    assert memory.state.quarantine
    assert (memory.shown, decision.writes, memory.state.title) == (shown, (), title)


def test_point_20_a_quarantine_ends_when_half_of_what_it_had_is_back() -> None:
    """By id, and with its link or title; what changed meanwhile is written then."""
    memory = quarantined()
    memory.take(entry(6, title="Changed meanwhile"), entry(50, **STRANGER))
    decision = memory.take(entry(6, title="Changed meanwhile"), *(entry(number) for number in (5, 7, 8, 9, 10)))
    assert memory.state.quarantine == ""
    assert [write.entry.title for write in decision.writes] == ["Garden notes 10", "Changed meanwhile"]
    assert memory.held()["c"] == "refused"


def test_point_20_a_source_in_quarantine_withdraws_nothing() -> None:
    """`at:deleted-entry` of others counts for nothing: with entries, without any, and in a part of a document."""
    keys = tuple(f"k{number}" for number in range(10))
    for entries in ([], [entry(50, **STRANGER)], [entry(1)]):
        memory = quarantined()
        assert memory.take(*entries, deleted=keys).writes == ()
        assert not any(row.is_withdrawn for row in memory.known.values())
    memory = Memory()
    memory.take(*(entry(number) for number in range(10)))
    assert memory.take(deleted=keys, url="https://parked.example.com/").writes == ()
    assert len(memory.take(deleted=keys).writes) == 5, "its own feed withdraws"


@pytest.mark.parametrize("has_changed", [False, True])
def test_point_20_ids_alone_do_not_make_strangers_the_same_feed(has_changed: bool) -> None:
    """Feeds whose ids are 1, 2, 3, perhaps only since a churn: those of others change no item."""
    memory = Memory()
    if has_changed:
        memory.take(*(entry(number) for number in range(3)))
    memory.take(*(entry(number, key=str(number)) for number in range(3)))
    strange = {"title": "Casino", "link": "https://x.example.com/"}
    decision = memory.take(*(entry(number, key=str(number), **strange) for number in range(3)))
    assert decision.writes == ()
    assert memory.state.quarantine


def test_point_20_what_was_refused_and_is_listed_again_waits_again() -> None:
    """A false alarm that comes twice loses nothing: a release shows what the source lists then."""
    memory = quarantined()
    memory.take(*(entry(number) for number in range(10)))
    assert memory.held()["c"] == "refused"
    memory.take(entry(50, **STRANGER))
    assert memory.held()["c"] == "hijack"
    memory.keep(guards.release(state=memory.state, known=memory.known))
    assert memory.shown["c"].published == NOW + 50 * DAY
    assert guards.release(state=memory.state, known=memory.known).writes == ()


def test_point_20_a_lost_state_does_not_lift_the_guard() -> None:
    """What is known from the seeds stands for what the source was: its own feed goes on, a stranger's waits."""
    recovered = {
        f"?{number}": Known(
            key=f"?{number}", seen_at=NOW, date=NOW + number * DAY, title=f"Garden notes {number}",
            link=f"https://blog.example.org/{number}", path="p",
        )
        for number in range(30)
    }  # fmt: skip
    for entries, url, is_held in (
        ([entry(50, **STRANGER)], URL, True),
        ([entry(50, **STRANGER)], "https://x.example.com/feed", True),
        ([entry(29), entry(50, **STRANGER)], "https://x.example.com/feed", False),
        ([entry(50, title="Another subject")], URL, False),
    ):
        memory = Memory()
        memory.known = dict(recovered)
        memory.take(*entries, url=url)
        assert bool(memory.state.quarantine) is is_held
        assert (memory.held().get(entries[-1].key, "") == "hijack") is is_held
    memory = Memory()
    memory.known = dict(recovered)
    memory.take(entry(50, **STRANGER))
    for number in range(20, 30):  # as `recognised` does when they are listed again
        memory.known[f"k{number}"] = msgspec.structs.replace(memory.known.pop(f"?{number}"), key=f"k{number}")
    memory.take(*(entry(number) for number in range(18, 30)))
    assert memory.state.quarantine == ""
    assert memory.held() == {"c": "refused", "k18": "older", "k19": "older"}


def test_point_17_a_first_document_that_was_cut_off_is_not_all_that_the_source_had() -> None:
    """What the whole one has besides is what a new source has: shown up to `first`, the rest is known."""
    memory = Memory(Source(url=URL, first=3))
    memory.take(entry(9), entry(8), is_cut=True)
    memory.take(entry(9), is_cut=True)
    memory.take(*(entry(number) for number in range(11)))
    assert set(memory.shown) == {"k10", "k9", "k8", "k7"}
    assert set(memory.held().values()) == {"first"}
    memory.take(*(entry(number) for number in range(12)))
    assert "k11" in memory.shown


def test_other_settings_write_the_seeds_again() -> None:
    """A topic that is added to a source is that of its listed items with the next document."""
    memory = Memory()
    memory.take(*(entry(number) for number in range(3)))
    assert memory.take(*(entry(number) for number in range(3))).writes == ()
    memory.source = Source(url=URL, topics=("Energy",), every=60, position="x:1:1")
    assert len(memory.take(*(entry(number) for number in range(3))).writes) == 3


def test_ten_thousand_entries_are_seen_and_the_newest_500_taken_in_a_moment() -> None:
    """In the order of the document; what is beyond is not looked at."""
    memory = Memory()
    entries = [entry(number, published=NOW - number) for number in range(12_000)]
    random.Random(1).shuffle(entries)
    began = time.process_time()
    memory.take(*entries)
    assert time.process_time() - began < 5
    seen = sorted(one.published for one in entries[:10_000])[-500:]
    assert sorted(row.date for row in memory.known.values()) == seen


WINDOWS = st.lists(st.lists(st.integers(0, 60), max_size=25, unique=True), min_size=1, max_size=6)


@settings(max_examples=60)
@given(WINDOWS, st.lists(st.integers(0, 50), min_size=6, max_size=6), st.booleans())
def test_the_same_documents_give_the_same_seeds_whenever_they_were_received(windows, waits, has_new_ids: bool) -> None:
    """Nothing follows from the moment at which something was noticed: not what is shown, not what is held, not a date."""
    found = []
    for gaps in (waits, [0] * 6):
        memory, now = Memory(), NOW + 61 * DAY
        for place, window in enumerate(windows):
            now += gaps[place]
            suffix = f"-{place}" if has_new_ids else ""
            memory.take(*(entry(number, key=f"k{number}{suffix}") for number in window), now=now)
        found.append((memory.shown, memory.held(), memory.state.quarantine))
    assert found[0] == found[1]


@settings(max_examples=60)
@given(WINDOWS)
def test_nothing_is_shown_twice_and_nothing_is_lost(windows) -> None:
    """After a release each entry that was ever listed is shown under one key, but what was older than the first five."""
    memory = Memory()
    for window in windows:
        memory.take(*(entry(number) for number in window))
    memory.keep(guards.release(state=memory.state, known=memory.known))
    listed = {f"k{number}" for window in windows for number in window}
    assert set(memory.shown) | set(memory.held()) == listed
    assert not set(memory.shown) & set(memory.held())
    assert set(memory.held().values()) <= {"first"}
    assert memory.state.quarantine == ""


def test_sources_are_polled_in_any_order_with_the_same_seeds(planet: Planet, tmp_path, clock) -> None:
    """Four sources, polled alone or together, in six orders: the same bytes."""
    start = clock.time
    results = set()
    for order in range(6):
        (tmp_path / str(order)).mkdir()
        with Planet(tmp_path / str(order), type(clock)(start)) as one:
            for number in range(4):
                one.add(f"blog{number}.example")
                one.server.port = one.server.port
                one.answers_with(rss(posts(4, newest=start - number, name=f"s{number}p")), f"blog{number}.example")
            urls = [source.url for source in one.sources]
            random.Random(order).shuffle(urls)
            for url in urls if order % 2 else urls[:2]:
                one.poll(url)
                one.clock.move(order)
            one.poll()
            seeds = {
                path.partition("/")[2]: data.replace(str(one.server.port).encode(), b"")
                for path, data in one.seeds().items()
            }
            results.add(frozenset((path.rpartition("-")[0], without_ids(data)) for path, data in seeds.items()))
    assert len(results) == 1
    assert len(next(iter(results))) == 16


def without_ids(data: bytes) -> bytes:
    """Return a seed without what follows from the port of the test's server."""
    return b"\n".join(line for line in data.split(b"\n") if not line.startswith((b"# collected", b"id: ")))


def test_a_known_entry_keeps_its_path_and_date_whatever_changes(planet: Planet) -> None:
    """Its title, link, date and text are another: the same file, in the same place."""
    planet.add()
    planet.answers_with(rss([Post("one", planet.clock.time - DAY)]))
    planet.next_poll()
    before = planet.seeds()
    planet.answers_with(
        rss([Post("one", planet.clock.time + DAY, title="Other", link="https://elsewhere.example/", text="New")])
    )
    planet.next_poll()
    after = planet.seeds()
    assert before.keys() == after.keys()
    assert before != after
    assert b"New" in next(iter(after.values()))
