"""Copies do not depend on the order in which the files of a turn are taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.labelled_pairs import Dice, pairs

from aggregator.config.settings import Config, FeedSettings, SiteSettings, StorySettings
from aggregator.index.index import Index
from aggregator.index.intake import Intake
from aggregator.model.items import Copy
from aggregator.normalizer.reading import apply_rules
from aggregator.normalizer.rules import policy_of
from aggregator.normalizer.stored import Outcome, unpack_entries, unpack_verdict

NOW = 1_790_000_000
POLICY = policy_of(Config(site=SiteSettings(url="https://f.example/"), stories=StorySettings(copies="fold")))


def outcomes() -> list[Outcome]:
    """Return a few dozen items, half of them copies, some of one link."""
    seeds = [seed for pair in pairs()[:60] for seed in (pair.one, pair.other)]
    numbered = enumerate(seeds)
    return [apply_rules(f"{n:03}.md", (1, n, 1, 1, 1), b"%d" % n, seed, POLICY, NOW) for n, seed in numbered]


def taken_in(
    folder: Path, several: list[Outcome], batch: int
) -> list[tuple[str, str, list[tuple[str, int, int]], tuple[Copy, ...]]]:
    """Return what an index has of each file, in the order of their paths: its story's id, windows and copies."""
    index = Index(str(folder / "index.db"))
    with index.transaction():
        intake = Intake(index, policy=POLICY, settings=FeedSettings(), now=NOW, keepalive=bool)
        for start in range(0, len(several), batch):
            intake.add(several[start : start + batch])
        intake.finish()
    slugs = {row.feed: row.slug for row in index.feeds.by_slug().values()}
    found = []
    for row in index.files.where("1 ORDER BY path"):
        assert row.story is not None
        windows = unpack_entries(row.entries)[3] if row.entries else ()
        shown = sorted((slugs[feed], starts, ends) for feed, starts, ends in windows)
        listed = unpack_verdict(row.verdict).copies if shown else ()
        found.append((row.path, index.stories.get([row.story])[row.story].id, shown, listed))
    index.close()
    return found


@pytest.mark.parametrize("numbers", [range(3), pytest.param(range(3, 20), marks=pytest.mark.slow)])
def test_the_order_of_a_turn_is_irrelevant(numbers: range, tmp_path: Path) -> None:
    """Twenty shuffles, in batches of any size, give the same ids, items and lists of copies."""
    every, dice = outcomes(), Dice(1)
    (tmp_path / "first").mkdir()
    expected = taken_in(tmp_path / "first", every, 250)
    assert sum(not shown for _, _, shown, _ in expected) > 10
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        assert taken_in(folder, dice.some_of(every, len(every)), 1 + dice.below(50)) == expected
