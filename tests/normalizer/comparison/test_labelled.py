"""Copies and coverage on a labelled set of 500 pairs, with everything that looks like one and is none."""

from __future__ import annotations

from collections import Counter
from functools import cache

from support.labelled_pairs import Pair, pairs

from aggregator.normalizer.comparison import copies, coverage


@cache
def found() -> list[tuple[Pair, str]]:
    """Return each pair with the relation that the program sees in it."""
    every = pairs()
    wordings = [coverage.wording_of(seed, "x.md") for pair in every for seed in (pair.one, pair.other)]
    counts = Counter(word for one in wordings for word in {*one.words, *one.addresses})
    return [(pair, relation_of(pair, counts, len(wordings))) for pair in every]


def relation_of(pair: Pair, counts: Counter[int], total: int) -> str:
    """Return the relation, as copies are looked for first, by their keys."""
    one, other = copies.text_of(pair.one, "a.md"), copies.text_of(pair.other, "b.md")
    keys = [set(copies.keys_of(copies.runs_of(text, ()))) for text in (one, other)]
    if len(keys[0] & keys[1]) >= copies.LEAST_KEYS and copies.copied(one, other):
        return "copy"
    first, second = coverage.wording_of(pair.one, "a.md"), coverage.wording_of(pair.other, "b.md")
    rare = [coverage.rare_of(said, counts.__getitem__, coverage.most_rare(total)) for said in (first, second)]
    return "story" if coverage.covered(first, second, *rare) else "none"


def quality(relation: str) -> tuple[float, float, list[str]]:
    """Return precision and recall of a relation, and the pairs that are not as they should be."""
    told = [pair for pair, seen in found() if seen == relation]
    right = [pair for pair in told if pair.relation == relation]
    wanted = [pair for pair, _ in found() if pair.relation == relation]
    wrong = [f"{pair.name}: {pair.relation}, seen as {seen}" for pair, seen in found() if pair.relation != seen]
    return len(right) / len(told), len(right) / len(wanted), wrong


def test_the_set_is_large() -> None:
    """There are 500 pairs, of each relation enough to count."""
    counts = Counter(pair.relation for pair, _ in found())

    assert counts.total() == 500
    assert min(counts.values()) >= 130
    assert len({pair.name for pair, _ in found()}) == 500


def test_copies_are_found_and_nothing_else() -> None:
    """Of what is called a copy 98 % are one, and 90 % of all copies are found."""
    precision, recall, wrong = quality("copy")

    assert precision >= 0.98, wrong
    assert recall >= 0.90, wrong


def test_coverage_of_one_event_is_found_and_little_else() -> None:
    """Of what is called another text on one event 90 % are one, and 60 % of all are found."""
    precision, recall, wrong = quality("story")

    assert precision >= 0.90, wrong
    assert recall >= 0.60, wrong
