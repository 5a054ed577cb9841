"""The words by which everybody finds an item: those of its title and of the summary made of its excerpt. Pure.

An expression that asks for some text chooses only items that have all its words (`model.scripts.has_words`), so these
tell what need not be looked at.
"""

from __future__ import annotations

from aggregator.model.expression.folding import fold
from aggregator.model.expression.tree import And, Node, Or, Words
from aggregator.model.scripts import words_in
from aggregator.normalizer import text
from aggregator.normalizer.matching import Subject
from aggregator.normalizer.stored import unpack_seed

VERSION = "1"
"""Raise this whenever a seed has other words than before."""

MOST_SETS = 64
"""An expression that would need more sets of words is looked up by fewer words."""

_FIELDS = frozenset({"", "title", "text"})


def words_of_seed(packed: bytes) -> frozenset[str]:
    """Return the words of a packed seed, and of what may stand in for it."""
    seed = unpack_seed(packed)
    subject = Subject(seed, body=False)
    found = words_in(subject.title) | words_in(subject.text)
    for other in seed.related:
        found |= words_in(fold(other.title)) | words_in(fold(text.cut(text.plain(other.excerpt), text.SUMMARY_LENGTH)))
    return found


def needed_words(tree: Node) -> tuple[frozenset[str], ...]:
    """Return sets of words, of which one is in everything that an expression chooses; none if that may be anything."""
    if isinstance(tree, Or):
        several = [needed_words(part) for part in tree.parts]
        return tuple(words for one in several for words in one) if all(several) else ()
    if isinstance(tree, And):
        found: tuple[frozenset[str], ...] = ()
        for part in tree.parts:
            found = _both(found, needed_words(part))
        return found
    if isinstance(tree, Words) and tree.field in _FIELDS and (words := words_in(fold(tree.text))):
        return (words,)
    return ()


def _both(some: tuple[frozenset[str], ...], others: tuple[frozenset[str], ...]) -> tuple[frozenset[str], ...]:
    if not (some and others) or len(some) * len(others) > MOST_SETS:
        return some or others
    return tuple(one | other for one in some for other in others)
