"""Which items stand for others: an item joins the best one that it resembles, never a chain of resemblances. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Rank(NamedTuple):
    """What ranks an item among its copies; the smallest one stands for the others.

    `worst` is minus the quality of its item, `shortest` minus the number of its words.
    """

    worst: int
    shortest: int
    at: int
    link: str
    path: str


def representatives(ranks: Mapping[int, Rank], alike: Mapping[int, Iterable[int]]) -> dict[int, int]:
    """Return for each item the one that it joins: itself, or the best one that stands for itself and is like it.

    `alike` has every pair both ways. The result depends on these two alone, not on their order.
    """
    found: dict[int, int] = {}
    for one in sorted(ranks, key=ranks.__getitem__):
        best = (other for other in alike.get(one, ()) if found.get(other) == other)
        found[one] = min(best, key=ranks.__getitem__, default=one)
    return found
