"""Coverage: another text on the same event. Pure.

Two items cover one event if title and excerpt have at least `LEAST_RARE` rare words in common, and these weigh at least
half of the rare words of the one whose words weigh less, and one of them is in a title: formulas such as "watch the
recording here" are not; or if both lead to one address elsewhere that few items lead to. Their
sources differ, and their dates by at most `LONGEST_APART`. A word is rare that stands in at most 2 % of the items of
those days, and in at most `FEW` if there are not many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from aggregator.normalizer import links
from aggregator.normalizer.comparison.words import words

LONGEST_APART = 48 * 3600
"""How many seconds lie at most between the dates of items on one event."""

LEAST_RARE = 3
"""How many rare words both have at least."""

LEAST_SHARE = 500
"""The smallest share of the weight of rare words that both have, in thousandths."""

FEW = 4
"""In how many items a word may stand however few there are."""

_PERCENT = 50
_SHORTEST = 3
_ADDRESS = re.compile(r"\]\((https?://[^\s()]+)|href=[\"'](https?://[^\s\"'<>]+)|<(https?://[^\s<>]+)>")


class Wording(NamedTuple):
    """What is compared of an item: source, date, words of the title, of title and excerpt, and where its text leads."""

    source: str
    at: int
    title: frozenset[str]
    words: frozenset[str]
    addresses: frozenset[str] = frozenset()


class Shared(NamedTuple):
    """Why two items cover one event: the rare words of both, their share in thousandths, and the addresses of both."""

    words: tuple[str, ...]
    share: int
    addresses: tuple[str, ...] = ()


def words_of(written: str) -> frozenset[str]:
    """Return the words by which a title or excerpt is compared: of scripts without spaces, pairs of characters."""
    found = words(written)
    pairs = (one + other for one, other in pairwise(found) if _is_unspaced(one + other))
    return frozenset((*(word for word in found if len(word) >= _SHORTEST or word.isdigit()), *pairs))


def _is_unspaced(pair: str) -> bool:
    # Two single characters, of which Thai is the first script without spaces.
    return len(pair) == 2 and ord(pair[0]) > 0x0E00 and ord(pair[1]) > 0x0E00


def addresses_of(written: str, own_host: str) -> frozenset[str]:
    """Return the keys of the addresses outside its own host to which a text leads, if they are no front pages."""
    return frozenset(_addresses(written, own_host))


def _addresses(written: str, own_host: str) -> Iterator[str]:
    for found in _ADDRESS.finditer(written):
        try:
            address = links.canonical(found[1] or found[2] or found[3])
        except ValueError:
            continue
        key = links.alias(address).partition("#")[0]
        if "/" in key and links.host_of(address) != own_host:
            yield key


def is_rare(count: int, total: int) -> bool:
    """Return whether a word that stands in `count` of `total` items of those days is rare."""
    return count <= max(FEW, total // _PERCENT)


def covered(one: Wording, other: Wording, count: Callable[[str], int], total: int) -> Shared | None:
    """Return why two items cover one event, or None if they do not.

    `count` returns in how many of the `total` items of those days a word, or an address, stands.
    """
    if one.source == other.source or abs(one.at - other.at) > LONGEST_APART:
        return None
    addresses = tuple(sorted(key for key in one.addresses & other.addresses if is_rare(count(key), total)))
    weights = _weights(one.words, count, total), _weights(other.words, count, total)
    both = sorted(weights[0].keys() & weights[1].keys())
    least = min(sum(weights[0].values()), sum(weights[1].values()))
    found = 1000 * sum(weights[0][word] for word in both) // least if least else 0
    is_named = not (one.title | other.title).isdisjoint(both)
    if addresses or (len(both) >= LEAST_RARE and found >= LEAST_SHARE and is_named):
        return Shared(tuple(both), found, addresses)
    return None


def _weights(said: Collection[str], count: Callable[[str], int], total: int) -> Mapping[str, int]:
    """Return the rare words with their weights: whole numbers, since logarithms differ between machines."""
    counts = ((word, max(1, count(word))) for word in said)
    return {word: (total // number).bit_length() + 1 for word, number in counts if is_rare(number, total)}
