"""Why an item and others cover one event, for `explain`. Reads the index; imported if a site looks for stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aggregator.index.coverage_lists import CoverageLists
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.items import Seed
from aggregator.model.words import in_words, quantity
from aggregator.normalizer import rules
from aggregator.normalizer.comparison import coverage
from aggregator.normalizer.comparison.coverage import DAYS_AROUND, Wording
from aggregator.normalizer.stored import is_in_feeds, unpack_seed, unpack_verdict, verified

MOST_NAMED = 5
"""How many other texts on the event of an item are named."""

MOST_WORDS = 6
"""How many rare words of both are named."""


class _Said(NamedTuple):
    """An item: the seed that acts for it, its wording, and its rare words and addresses."""

    seed: Seed
    wording: Wording
    rare: frozenset[int]


def story_lines(index: Index, row: FileRow, now: int) -> Iterator[str]:
    """Yield a line for each of a few other texts on the event of a file, with the evidence."""
    lists = CoverageLists(index, [row], now)
    others = [one for one in lists.others(row) if (one.starts or 0) <= now < (one.ends or 0)]
    shares = index.coverage.covering([row.file])[row.file] if others else {}
    for other in others[:MOST_NAMED]:
        one, another = _said(index, row), _said(index, other)
        why = ", ".join(_evidence(one, another, shares.get(other.file, 0)))
        yield f"one story with {other.path}: {why}, {_distance(one.wording.at - another.wording.at)}"
    if len(others) > MOST_NAMED:
        yield f"and {len(others) - MOST_NAMED} more of the same story"


def best_path(index: Index, row: FileRow, now: int) -> str:
    """Return the path of the best item of the event of a file that feeds show."""
    others = CoverageLists(index, [row], now).others(row)
    return next((one.path for one in others if is_in_feeds(one.entries, now)), "another one of its story")


def _evidence(one: _Said, other: _Said, share: int) -> Iterator[str]:
    if one.wording.name and one.wording.name == other.wording.name:
        yield f"both say `story: {one.seed.story or other.seed.story}`"
        return
    addresses = [key for key in coverage.addresses_of(one.seed) if key in set(coverage.addresses_of(other.seed))]
    if addresses and share == 1000:
        yield f"both lead to {addresses[0]}"
    both = one.rare & other.rare
    said = coverage.words_of(f"{one.seed.title}\n{coverage.beginning(one.seed)}")
    found = [word for word in said if coverage.number_of(word) in both]
    if found:
        more = " …" if len(found) > MOST_WORDS else ""
        words = f"{quantity(len(found), 'rare word')} of both ({', '.join(found[:MOST_WORDS])}{more})"
        yield words if addresses else f"{words}, {share // 10} %"
    elif not addresses:  # of a copy: its original has them
        yield "as the item that it is a copy of"


def _said(index: Index, row: FileRow) -> _Said:
    verdict = unpack_verdict(row.verdict)
    seed = unpack_seed(verified(index.files.seeds([row.file])[row.file], row.content or b""))
    acting = rules.effective_seed(seed, verdict)
    wording = coverage.wording_of(acting, row.path, seed)
    first, last = wording.day - DAYS_AROUND, wording.day + DAYS_AROUND
    counts = index.coverage.sums(_numbers(wording), first, last)
    rare = coverage.rare_of(wording, lambda key: counts.get(key, 0), index.coverage.total(first, last))
    return _Said(acting, wording, rare)


def _numbers(wording: Wording) -> Sequence[int]:
    return sorted({*wording.words, *wording.addresses})


def _distance(later: int) -> str:
    if later == 0:
        return "at the same time"
    return f"{in_words(abs(later))} {'later' if later > 0 else 'earlier'}"
