"""The words by which everybody finds an item: those of its title and of the summary made of its excerpt. Pure.

An expression that asks for some text chooses only items that have all its words (`model.scripts.has_words`), so these
tell what need not be looked at.
"""

from __future__ import annotations

from aggregator.model.expression.folding import fold
from aggregator.model.expression.tree import And, Node, Words
from aggregator.model.scripts import words_in
from aggregator.normalizer import text
from aggregator.normalizer.matching import Subject
from aggregator.normalizer.stored import unpack_seed

VERSION = "1"
"""Raise this whenever a seed has other words than before."""

_FIELDS = frozenset({"", "title", "text"})


def words_of_seed(packed: bytes) -> frozenset[str]:
    """Return the words of a packed seed, and of what may stand in for it."""
    seed = unpack_seed(packed)
    subject = Subject(seed, body=False)
    found = words_in(subject.title) | words_in(subject.text)
    for other in seed.related:
        found |= words_in(fold(other.title)) | words_in(fold(text.cut(text.plain(other.excerpt), text.SUMMARY_LENGTH)))
    return found


def needed_words(tree: Node) -> frozenset[str]:
    """Return words that everything has which an expression chooses; there may be none."""
    if isinstance(tree, And):
        return frozenset().union(*map(needed_words, tree.parts))
    if isinstance(tree, Words) and tree.field in _FIELDS:
        return words_in(fold(tree.text))
    return frozenset()
