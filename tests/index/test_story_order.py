"""Stories do not depend on the order in which files come, nor on how they are divided into batches and turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.labelled_pairs import Dice, pairs

from aggregator.config.settings import Config, FeedSettings, SiteSettings, StorySettings
from aggregator.index.index import Index
from aggregator.index.intake import Intake
from aggregator.normalizer.comparison import coverage as coverage_rules
from aggregator.normalizer.reading import apply_rules
from aggregator.normalizer.rules import Policy, policy_of
from aggregator.normalizer.stored import Outcome, unpack_entries, unpack_seed, unpack_verdict

NOW = 1_790_000_000
COUNT = 60


def policy_for(stories: str) -> Policy:
    """Return a policy that folds copies and looks for stories."""
    kept: Any = StorySettings(copies="fold", stories=stories)  # type: ignore[arg-type]
    return policy_of(Config(site=SiteSettings(url="https://f.example/"), stories=kept))


@cache
def outcomes(stories: str) -> list[Outcome]:
    """Return items of which many tell of one event, and some are copies."""
    seeds = [seed for pair in pairs()[150:180] for seed in (pair.one, pair.other)]
    policy = policy_for(stories)
    numbered = enumerate(seeds)
    return [apply_rules(f"{n:03}.md", (1, n, 1, 1, 1), b"%d" % n, seed, policy, NOW) for n, seed in numbered]


def taken_in(stories: str, turns: list[list[list[Outcome]]], gone: list[str]) -> list[tuple[Any, ...]]:
    """Return what an index has of each file after some turns of batches, in the order of their paths."""
    policy = policy_for(stories)
    with tempfile.TemporaryDirectory() as folder:
        index = Index(str(Path(folder) / "index.db"))
        for turn in turns:
            with index.transaction():
                intake = Intake(index, policy=policy, settings=FeedSettings(), now=NOW, keepalive=bool)
                for batch in turn:
                    intake.add(batch)
                intake.finish()
        with index.transaction():
            intake = Intake(index, policy=policy, settings=FeedSettings(), now=NOW, keepalive=bool)
            intake.remove(gone)
            intake.finish()
        index.check_rows()
        slugs = {row.feed: row.slug for row in index.feeds.by_slug().values()}
        found = []
        for row in index.files.where("1 ORDER BY path"):
            windows = unpack_entries(row.entries)[3] if row.entries else ()
            shown = sorted((slugs[feed], starts, ends) for feed, starts, ends in windows)
            verdict = unpack_verdict(row.verdict)
            found.append((row.path, shown, verdict.copies if shown else (), verdict.coverage if shown else ()))
        index.close()
        return found


@cache
def at_once(stories: str) -> list[tuple[Any, ...]]:
    """Return what an index has if all comes in one batch."""
    return taken_in(stories, [[outcomes(stories)]], [])


def divided(items: list[Outcome], sizes: list[int]) -> list[list[Outcome]]:
    """Return items in pieces of these sizes, and the rest."""
    found, at = [], 0
    for size in sizes:
        found.append(items[at : at + size])
        at += size
    return [*(one for one in found if one), items[at:]]


def compare(stories: str, order: list[int], batches: list[int], turns: list[int], extra: int) -> None:
    every = [outcomes(stories)[number] for number in order]
    batched = [divided(turn, batches) for turn in divided(every, turns)]
    if extra:  # others, which go again
        batched[0].append(list(map(elsewhere, every[:extra])))
    assert taken_in(stories, batched, [f"x{one.path}" for one in every[:extra]]) == at_once(stories)


def elsewhere(outcome: Outcome) -> Outcome:
    """Return the outcome of a like seed with another link, at another path."""
    seed, path = unpack_seed(outcome.seed or b""), f"x{outcome.path}"
    other = msgspec.structs.replace(seed, link=f"{seed.link}/again")
    return apply_rules(path, (1, crc32(path.encode()), 1, 1, 1), path.encode(), other, policy_for("one"), NOW)


ORDERS = st.permutations(range(COUNT))
SIZES = st.lists(st.integers(0, 30), max_size=4)


@settings(max_examples=6, deadline=None)
@given(ORDERS, SIZES, SIZES, st.integers(0, 12), st.sampled_from(["relate", "one"]))
def test_the_order_of_arrival_is_irrelevant(order, batches, turns, extra, stories) -> None:
    """Any order, any batches, any turns, and whatever came for a while: the same items, lists and windows."""
    compare(stories, order, batches, turns, extra)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(ORDERS, SIZES, SIZES, st.integers(0, 12), st.sampled_from(["relate", "one"]))
def test_the_order_of_arrival_is_irrelevant_for_many(order, batches, turns, extra, stories) -> None:
    """So it is for more of them."""
    compare(stories, order, batches, turns, extra)


def named(count: int, *, apart: int, said: Callable[[int], str]) -> list[Outcome]:
    """Return items of as many sources that all name one story, so many seconds apart."""
    like, policy, found = pairs()[150].one, policy_for("relate"), []
    for n in range(count):
        seed = msgspec.structs.replace(
            like, title=said(n), excerpt="", body="", link=f"https://s{n}.example/", aliases=(), story="Quay",
            published=NOW - n * apart,
        )  # fmt: skip
        path = f"{n:05}.md"
        found.append(apply_rules(path, (1, n, 1, 1, 1), path.encode(), seed, policy, NOW))
    return found


@pytest.mark.parametrize("number", range(3))
def test_of_many_items_that_name_a_story_the_newest_belong_together(number) -> None:
    """In whatever order they come; the older ones are compared as if they named none."""
    dice = Dice(number)
    events = [dice.below(16) for _ in range(130)]
    words = ["quay", "divers", "cracks", "ferry", "pier", "harbour"]
    items = named(130, apart=2 * 3600, said=lambda n: " ".join(f"{one}{events[n]}" for one in words[n % 3 :][:4]))
    wanted = taken_in("relate", [[items]], [])
    assert all(coverage for _, _, _, coverage in wanted[: coverage_rules.MOST_NAMED])
    shuffled = dice.some_of(items, len(items))
    assert taken_in("relate", [[shuffled[:50]], [shuffled[50:90], shuffled[90:]]], []) == wanted
    old_last = [[items[40:]], [items[:40]]]
    assert taken_in("relate", old_last, []) == wanted
    rest = taken_in("relate", [[items]], ["00001.md"])
    assert taken_in("relate", [[shuffled]], ["00001.md"]) == rest


def test_a_name_that_thousands_of_items_have_costs_little() -> None:
    """The time grows with their number, not with its square."""
    items = named(5_000, apart=60, said=lambda n: f"Report {n}")
    start = time.process_time()
    taken_in("relate", [divided(items[:-1], [250] * 19), [items[-1:]]], [])
    assert time.process_time() - start < 20


def test_there_are_stories_to_find() -> None:
    """Many items list others, and with `one` some are in no feed at all."""
    assert sum(bool(coverage) for _, _, _, coverage in at_once("relate")) > 15
    assert sum(not shown for _, shown, _, _ in at_once("one")) > sum(not shown for _, shown, _, _ in at_once("relate"))
