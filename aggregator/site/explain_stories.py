"""Why an item and others cover one event, for `explain`. Reads the index; imported if a site looks for stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from aggregator.index.coverage_lists import CoverageLists
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.items import Seed
from aggregator.model.words import quantity, than_this_one
from aggregator.normalizer import rules
from aggregator.normalizer.comparison import coverage
from aggregator.normalizer.comparison.coverage import DAYS_AROUND, LEAST_RARE, LEAST_SHARE, LONGEST_APART, Wording
from aggregator.normalizer.stored import is_in_feeds, unpack_seed, unpack_verdict, verified

MOST_NAMED = 5
"""How many other texts on the event of an item are named."""

MOST_WORDS = 6
"""How many rare words of both are named."""


LEAST_NAMED = 2
"""How many rare words an item has in common at least with the one that is named as nearest to its event."""


class _Said(NamedTuple):
    """An item: the seed that acts for it, its wording, and its rare words and addresses."""

    seed: Seed
    wording: Wording
    rare: frozenset[int]


def story_lines(index: Index, row: FileRow, now: int) -> Iterator[str]:
    """Yield a line for each of a few other texts on the event of a file, with the evidence; else for the nearest one.

    Of a copy, the words of its original are compared.
    """
    lists = CoverageLists(index, [row], now)
    others = [one for one in lists.others(row) if _is_open(one, now)]
    compared = _original_of(index, row)
    by = "" if compared.file == row.file else f", as {compared.path} is, of which this is a copy"
    this, one = _said(index, row), _said(index, compared)
    for other in others[:MOST_NAMED]:
        another = _said(index, other)
        why = ", ".join(_evidence(one, another))
        yield f"one story with {other.path}{by}: {why}, {than_this_one(another.wording.at - this.wording.at)}"
    if len(others) > MOST_NAMED:
        yield f"and {len(others) - MOST_NAMED} more of the same story"
    if not others:
        yield from _nearest(index, compared, one, now)


def _is_open(row: FileRow, now: int) -> bool:
    return (row.starts or 0) <= now < (row.ends or 0)


def _original_of(index: Index, row: FileRow) -> FileRow:
    """Return the file of which one is a copy, else itself."""
    original = index.copies.originals([row.file]).get(row.file, row.file)
    return next(iter(index.files.where("file=?", (original,))), row)


def _nearest(index: Index, row: FileRow, one: _Said, now: int) -> Iterator[str]:
    """Yield a line for the item with most rare words of one that is not of its story, and why it is not."""
    first, last = one.wording.day - DAYS_AROUND, one.wording.day + DAYS_AROUND
    with_key = index.coverage.with_keys(sorted(one.rare), first, last)
    counted = Counter(chain.from_iterable(with_key.values()))
    order = sorted(counted, key=lambda file: (-counted[file], file))
    for file in order[:MOST_NAMED]:
        for other in index.files.where("file=?", (file,)):
            if _is_open(other, now) and other.story not in {None, row.story}:
                another = _said(index, other)
                if len(_both(one, another)) >= LEAST_NAMED:
                    yield f"not one story with {other.path}: {_words(one, another)}; {_why_not(one, another)}"
                    return


def _why_not(one: _Said, other: _Said) -> str:
    """Return why two items that have rare words in common are not of one story."""
    if one.wording.path in other.wording.apart or other.wording.path in one.wording.apart:
        return "`not_story` parts them"
    if one.wording.source == other.wording.source:
        return "both are from one source"
    if abs(one.wording.at - other.wording.at) > LONGEST_APART:
        return f"they were published more than {LONGEST_APART // 3600} hours apart"
    if len(_both(one, other)) < LEAST_RARE:
        return f"at least {LEAST_RARE} are needed"
    if _share(one, other) < LEAST_SHARE:
        return f"at least {LEAST_SHARE // 10} % are needed"
    return "none of them is in a title"


def best_path(index: Index, row: FileRow, now: int) -> str:
    """Return the path of the best item of the event of a file that feeds show."""
    others = CoverageLists(index, [row], now).others(row)
    return next((one.path for one in others if is_in_feeds(one.entries, now)), "another one of its story")


def _evidence(one: _Said, other: _Said) -> Iterator[str]:
    if one.wording.name and one.wording.name == other.wording.name:
        yield f"both say `story: {one.seed.story or other.seed.story}`"
        return
    both = one.rare & other.rare
    addresses = [key for key in coverage.addresses_of(one.seed) if coverage.number_of(f"\0{key}") in both]
    if addresses:
        yield f"both lead to {addresses[0]}"
    if words := _words(one, other):
        yield words
    elif not addresses:  # since the last build, what is rare has changed
        yield "they had rare words in common"


def _words(one: _Said, other: _Said) -> str:
    """Return the rare words of both, and their share of those of the one that has fewer; "" if there are none."""
    both = _both(one, other)
    said = coverage.words_of(f"{one.seed.title}\n{coverage.beginning(one.seed)}")
    found = [word for word in said if coverage.number_of(word) in both]
    if not found:
        return ""
    more = " …" if len(found) > MOST_WORDS else ""
    words = f"{quantity(len(found), 'rare word')} of both ({', '.join(found[:MOST_WORDS])}{more})"
    return f"{words}, {_share(one, other) // 10} % of the {_fewer(one, other)} of the one that has fewer"


def _both(one: _Said, other: _Said) -> frozenset[int]:
    return (one.rare & other.rare).difference(one.wording.addresses, other.wording.addresses)


def _fewer(one: _Said, other: _Said) -> int:
    return min(len(said.rare.difference(said.wording.addresses)) for said in (one, other))


def _share(one: _Said, other: _Said) -> int:
    """Return the share of rare words of both, in thousandths."""
    return 1000 * len(_both(one, other)) // (_fewer(one, other) or 1)


def _said(index: Index, row: FileRow) -> _Said:
    verdict = unpack_verdict(row.verdict)
    seed = unpack_seed(verified(index.files.seeds([row.file])[row.file], row.content or b""))
    acting = rules.effective_seed(seed, verdict)
    wording = coverage.wording_of(acting, row.path, seed)
    first, last = wording.day - DAYS_AROUND, wording.day + DAYS_AROUND
    counts = index.coverage.sums(_numbers(wording), first, last)
    most = coverage.most_rare(index.coverage.total(first, last))
    rare = coverage.rare_of(wording, lambda key: counts.get(key, 0), most)
    return _Said(acting, wording, rare)


def _numbers(wording: Wording) -> Sequence[int]:
    return sorted({*wording.words, *wording.addresses})
