"""Random histories of three files: the items are those of a build from nothing, and ids change only if they must.

Each history writes, deletes and moves files for a few turns. After each turn the visible seeds are compared with those of
an index that never saw anything else (G1, G6, G19), and each id with the one of the turn before (G8). The index alone is
driven, without folders and feeds, so that thousands of histories take minutes. `AGGREGATOR_HISTORIES` sets how many run
in each mode under `-m marathon`.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from support.site_folder import NOW, iso

from aggregator.config.loading import load
from aggregator.index.index import Index
from aggregator.index.intake import Intake
from aggregator.index.recognition import id_number
from aggregator.normalizer import rules
from aggregator.normalizer.reading import Task, read_batch
from aggregator.normalizer.stored import Outcome, unpack_outcomes
from aggregator.normalizer.stories import Telling, group

PATHS = ["a.md", "b.md", "c.md"]
MODES = ["plain", "alias", "ids", "held back", "all"]
CONFIG = load(
    b'{"site": {"url": "https://feeds.example.org/"}, "rules": {"min_quality": 50}}', path="/site/config.yaml"
)
POLICY = rules.policy_of(CONFIG)
TURNS = 10


class File(NamedTuple):
    """A seed as the watcher reads it."""

    path: str
    key: tuple[int, int, int, int, int]
    data: bytes
    reason: str = ""
    hint: str = ""


class Shown(NamedTuple):
    """A visible item: its id and the seed that stands for it."""

    id: str
    path: str


def drawn(lot: random.Random, mode: str) -> str:
    """Return a seed by lot: three links, and what the mode adds."""
    keys: dict[str, object] = {
        "title": "T",
        "webUrl": f"https://x.example/{lot.randrange(3)}",
        "publishedDateTime": iso(NOW - 1000 - lot.randrange(3) * 100),
    }
    if mode in {"alias", "all"}:
        keys |= {"originalUrl": f"https://x.example/{lot.randrange(3)}"} if lot.random() < 0.5 else {}
        keys |= {"ampWebUrl": f"https://x.example/{lot.randrange(4)}"} if lot.random() < 0.2 else {}
    if mode in {"ids", "all"} and lot.random() < 0.5:
        keys["id"] = lot.choice(["urn:x:1", "urn:x:2", "https://x.example/0"])
    if mode in {"held back", "all"}:
        keys |= {"published": False} if lot.random() < 0.25 else {}
        keys |= {"publishedDateTime": iso(NOW + lot.randrange(3) * 100)} if lot.random() < 0.2 else {}
        keys |= {"expires": iso(NOW + lot.randrange(1, 4) * 100)} if lot.random() < 0.2 else {}
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in keys.items()), "---", ""])


def outcomes(files: Mapping[str, str], now: int) -> list[Outcome]:
    """Return what becomes of each file."""
    read = [File(path, (1, 1, len(text), 1, 1), text.encode()) for path, text in sorted(files.items())]
    task = Task(tuple(file.path for file in read), tuple(b"" for _ in read), POLICY, "UTC", now)
    return unpack_outcomes(read_batch(lambda _paths, _limit: read, task))


class Memory:
    """An index, and the files that it knows."""

    def __init__(self, path: Path) -> None:
        for suffix in ("", "-wal", "-shm", ".sum"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        self.index = Index(str(path))
        self.files: dict[str, str] = {}

    def turn(self, files: Mapping[str, str], now: int) -> list[Shown]:
        """Take in what changed, and return what is visible."""
        changed = {path: text for path, text in files.items() if self.files.get(path) != text}
        with self.index.transaction():
            intake = Intake(self.index, policy=POLICY, settings=CONFIG.feed, now=now, keepalive=lambda: None)
            intake.remove(self.files.keys() - files.keys())
            intake.touch_due()
            if changed:
                intake.add(outcomes(changed, now))
            intake.finish()
        self.files = dict(files)
        feed = self.index.feeds.by_slug().get("all")
        rows = self.index.feeds.visible(feed.feed, now, None) if feed else []
        paths = {row.file: row.path for row in self.index.files.where("1")}
        return [Shown(row.id, paths[row.file]) for row in rows]


def steps(lot: random.Random, mode: str) -> Iterator[tuple[dict[str, str], int]]:
    """Yield the files and the moment of each turn."""
    files: dict[str, str] = {}
    now = NOW
    for _ in range(TURNS):
        for _ in range(lot.choice([1, 1, 1, 2])):
            path, kind = lot.choice(PATHS), lot.random()
            if kind < 0.6 or not files:
                files[path] = drawn(lot, mode)
            elif kind < 0.8:
                files.pop(path, None)
            elif path in files:
                files[lot.choice(PATHS)] = files.pop(path)
        if mode in {"held back", "all"} and lot.random() < 0.3:
            now += 100
        yield dict(files), now


class Story(NamedTuple):
    """What an accepted seed belongs to: the seeds of its story, the id that one of them chose, and all their keys."""

    paths: frozenset[str]
    own_id: str
    keys: frozenset[int]


def stories_of(files: Mapping[str, str], now: int) -> dict[str, Story]:
    """Return the story of each accepted seed, by path."""
    told = [
        Telling(one.path, one.draft.numbers, one.draft.id if one.draft.own else "")
        for one in outcomes(files, now)
        if one.draft is not None
    ]
    return {
        one.file: Story(
            frozenset(other.file for other in several), max(other.own_id for other in several),
            frozenset(key for other in several for key in other.keys),
        )
        for several in group(told)
        for one in several
    }  # fmt: skip


def chosen_ids(files: Mapping[str, str], now: int) -> set[str]:
    """Return the ids that visible seeds choose: each is an item of its own, whatever links they share."""
    drafts = [one.draft for one in outcomes(files, now) if one.draft is not None]
    return {draft.id for draft in drafts if draft.own and draft.starts <= now < draft.ends}


def must_change(old: str, new: str, story: Story, stories: Mapping[str, Story], seen: set[str]) -> bool:
    """Return whether an item must give up its id though the same seeds tell its story.

    So it is if a seed of another story says that link now, or if the new id is one that readers have `seen`: then the
    seed became an item that was there before.
    """
    return new in seen or any(id_number(old) in other.keys for other in stories.values() if other != story)


def play(number: int, mode: str, folder: Path) -> None:
    """Play one history."""
    lot = random.Random(f"{mode} {number}")
    main = Memory(folder / "main.db")
    before: dict[str, str] = {}
    seen: set[str] = set()
    stories: dict[str, Story] = {}
    try:
        for turn, (files, now) in enumerate(steps(lot, mode)):
            mine = main.turn(files, now)
            fresh = Memory(folder / "fresh.db")
            try:
                theirs = fresh.turn(files, now)
            finally:
                fresh.index.close()
            now_told = stories_of(files, now)
            where = f"{mode} {number}, turn {turn}"

            assert sorted(one.path for one in mine) == sorted(one.path for one in theirs), where
            assert len({one.id for one in mine}) == len(mine), where
            assert chosen_ids(files, now) <= {one.id for one in mine}, where
            for one in mine:
                old, story = before.get(one.path, one.id), now_told[one.path]
                same = stories.get(one.path, story)[:2] == story[:2]
                assert old == one.id or not same or must_change(old, one.id, story, now_told, seen), where
            before, stories = {one.path: one.id for one in mine}, now_told
            seen |= {one.id for one in mine}
    finally:
        main.index.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_any_history_shows_the_items_of_a_build_from_nothing(mode: str, tmp_path: Path) -> None:
    """A few histories in each mode; `test_many_histories` plays thousands."""
    for number in range(8):
        play(number, mode, tmp_path)


def test_seeds_with_ids_of_their_own_share_a_link(tmp_path: Path) -> None:
    """Two comments on one address are two items if each has an id, whichever comes first, in one turn or in two."""
    keys = 'title: T\nwebUrl: "https://x.example/0"\npublishedDateTime: 2026-05-01\n'
    both = {path: f"---\n{keys}id: urn:x:{path}\n---\n" for path in ("a.md", "b.md")}
    for turns in ([both], [{"a.md": both["a.md"]}, both], [{"b.md": both["b.md"]}, both]):
        memory = Memory(tmp_path / "main.db")
        try:
            shown = [memory.turn(files, NOW) for files in turns][-1]
        finally:
            memory.index.close()
        assert {(one.id, one.path) for one in shown} == {("urn:x:a.md", "a.md"), ("urn:x:b.md", "b.md")}


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("mode", MODES)
def test_more_histories(mode: str, tmp_path: Path) -> None:
    """The same with other lots."""
    for number in range(1_000, 1_080):
        play(number, mode, tmp_path)


@pytest.mark.marathon
@pytest.mark.timeout(0)
@pytest.mark.parametrize("mode", MODES)
def test_many_histories(mode: str, tmp_path: Path) -> None:
    """20,000 in each mode, or as many as `AGGREGATOR_HISTORIES` says."""
    for number in range(10_000, 10_000 + int(os.environ.get("AGGREGATOR_HISTORIES", "20000"))):
        play(number, mode, tmp_path)
