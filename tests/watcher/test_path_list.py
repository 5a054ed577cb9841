"""A list of many paths in little memory."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from aggregator.watcher.path_list import PathList

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(NAMES), st.integers(1, 3))
def test_paths_keep_their_order(names: list[str], times: int) -> None:
    """In each iteration, however many."""
    paths = PathList(names * 1_000 * times if len(names) < 10 else names)
    wanted = names * 1_000 * times if len(names) < 10 else names
    assert len(paths) == len(wanted)
    assert list(paths) == list(paths) == wanted


def test_a_path_is_found_among_many() -> None:
    """At any position; a path that was not added is not found."""
    paths = PathList(f"{number}.md" for number in range(10_000))
    assert "1.md" in paths
    assert "9999.md" in paths
    assert "10000.md" not in paths


def test_many_paths_take_a_tenth_of_their_texts() -> None:
    """A hundred thousand that share their folders."""
    names = [f"{number // 1000:04}/2026-11-01-story-{number}.md" for number in range(100_000)]
    held = sum(sys.getsizeof(one) for one in PathList(names)._packed)
    assert held * 10 < sum(map(sys.getsizeof, names))
