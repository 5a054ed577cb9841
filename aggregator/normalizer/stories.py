"""Which seeds are one item, and which remembered id that item keeps. Pure.

Seeds that share a key (a link, a copy of it, an id of their own) are one story, and so are those that a third seed
joins: a story is a connected component of what the seeds say now. Two seeds that chose different ids are never one
story, even if they share a link; a seed without an id that could belong to several of those goes to the first id.

What was remembered decides only which id a story has. A story is recognised, in this order, by an id that a seed chose,
by the link that is its id if readers have seen it, by the seeds that told it before, by any remembered link, and by a
path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Telling(NamedTuple):
    """What one accepted seed says: the numbers of its keys, and the id it chose ("" for none)."""

    file: str
    keys: tuple[int, ...]
    own_id: str


class Claim(NamedTuple):
    """Why a group of seeds may continue a remembered story. The smallest claim is the strongest.

    `rank` counts from the strongest evidence; `unseen` is true unless readers see one of the seeds now; `unfinal` is
    true unless readers have seen the story's id.
    """

    rank: int
    unseen: bool
    unfinal: bool
    story: int
    group: int


def group(tellings: Iterable[Telling]) -> list[list[Telling]]:
    """Divide seeds into stories, each with its seeds by file; the result depends on the set of seeds alone."""
    told = sorted(tellings)
    chosen: dict[str, list[Telling]] = defaultdict(list)
    speakers: dict[int, set[str]] = defaultdict(set)
    for one in told:
        if one.own_id:
            chosen[one.own_id].append(one)
            for key in one.keys:
                speakers[key].add(one.own_id)
    found = []
    for component in _components([one for one in told if not one.own_id]):
        ids = {own_id for one in component for key in one.keys for own_id in speakers.get(key, ())}
        if ids:
            chosen[min(ids)] += component
        else:
            found.append(component)
    return sorted(sorted(one) for one in (*found, *chosen.values()))


def _components(told: Sequence[Telling]) -> Iterable[list[Telling]]:
    """Join seeds that share a key, directly or by way of others (union-find)."""
    parent = list(range(len(told)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    first: dict[int, int] = {}
    for number, one in enumerate(told):
        for key in one.keys:
            parent[root(number)] = root(first.setdefault(key, number))
    joined: dict[int, list[Telling]] = defaultdict(list)
    for number, one in enumerate(told):
        joined[root(number)].append(one)
    return joined.values()


def assign(claims: Iterable[Claim]) -> dict[int, int]:
    """Return the story that each group continues, by the group's number; a group without one is a new story."""
    stories: dict[int, int] = {}
    taken: set[int] = set()
    for claim in sorted(claims):
        if claim.group not in stories and claim.story not in taken:
            stories[claim.group] = claim.story
            taken.add(claim.story)
    return stories
