"""Copies: the same text elsewhere, such as a report of a news agency or a cross-post. Pure.

Two texts are copies if they have at least `LEAST_SHARE` of all their runs of three words in common (Jaccard), each has
at least `LEAST_WORDS` words, their sources differ, and so do their dates by at most `LONGEST_APART`. Paragraphs that a
source has in several items (`COMMON`) do not count.

Which texts are compared is decided by a MinHash: copies have the smallest numbers of their runs in common (Broder,
"On the resemblance and containment of documents", 1997, §5). The numbers are CRC-32 (ISO 3309) of the words in UTF-8,
which stay the same for ever, on any machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from sys import byteorder
from zlib import crc32

import msgspec

from aggregator.model.items import Seed
from aggregator.model.slugs import folded
from aggregator.normalizer import links
from aggregator.normalizer.comparison.words import paragraphs

LEAST_SHARE = 800
"""The smallest share of runs, in thousandths, that copies have in common."""

LEAST_WORDS = 40
"""How many words a text has at least that can be a copy."""

LONGEST_APART = 72 * 3600
"""How many seconds lie at most between the dates of copies."""

COMMON = 3
"""In how many items of a source a paragraph stands that says nothing about any of them."""

KEYS = 8
"""How many of its runs' numbers, the smallest, a text is found by."""

LEAST_KEYS = 3
"""How many of these two texts have in common at least that are compared."""

_RUN = 3


class Paragraph(msgspec.Struct, frozen=True, array_like=True):
    """A paragraph: its number within its source, how many words it has, and the numbers of its runs, 4 bytes each."""

    key: int
    words: int
    runs: bytes


class Text(msgspec.Struct, frozen=True, array_like=True):
    """What is compared of an item: its path, source (as a number) and date, the key of its link, and its paragraphs.

    `apart` are the paths of items of which it is no copy, as a person has said.
    """

    path: str
    source: int
    at: int
    link: str
    paragraphs: tuple[Paragraph, ...]
    apart: tuple[str, ...] = ()


pack = msgspec.msgpack.Encoder().encode
unpack_text = msgspec.msgpack.Decoder(Text).decode


def text_of(seed: Seed, path: str, apart: tuple[str, ...] = ()) -> Text:
    """Return what is compared of an accepted seed, or of the related item that replaces it.

    `path` is that of the seed, `apart` are those of seeds of which it is no copy.
    """
    source = source_of(seed)
    number = crc32(source.encode())
    found = (_paragraph(one, number) for one in paragraphs(seed.body or seed.excerpt))
    return Text(path, number, seed.published, links.alias(seed.link), tuple(found), apart)


def source_of(seed: Seed) -> str:
    """Return the source of a seed: the host of its provider, else the provider's name, else the host of its link."""
    provider = seed.provider
    domain = (provider and (folded(provider.domain) or folded(provider.name))) or links.host_of(seed.link)
    return domain.removeprefix("www.")


def _paragraph(words: list[str], source: int) -> Paragraph:
    encoded = " ".join(words).encode("utf-8", "replace").split(b" ")
    runs = array("I", map(crc32, map(b" ".join, zip(encoded, encoded[1:], encoded[2:], strict=False))))
    if byteorder == "big":
        runs.byteswap()
    # The index stores it, whose numbers have a sign.
    return Paragraph((source >> 1) << 32 | crc32(b" ".join(encoded)), len(words), runs.tobytes())


def count_words(text: Text, common: Collection[int]) -> int:
    """Return the number of a text's words, without those of the paragraphs `common`."""
    return sum(one.words for one in text.paragraphs if one.key not in common)


def runs_of(text: Text, common: Collection[int]) -> frozenset[int]:
    """Return the runs by which a text is compared, without those of the paragraphs `common`; few words have none."""
    if count_words(text, common) < LEAST_WORDS:
        return frozenset()
    return _unpack_runs(b"".join(one.runs for one in text.paragraphs if one.key not in common))


def _unpack_runs(packed: bytes) -> frozenset[int]:
    runs = array("I", packed)
    if byteorder == "big":
        runs.byteswap()
    return frozenset(runs)


def keys_of(runs: Collection[int]) -> list[int]:
    """Return the numbers by which a text is found: those of the runs with the smallest ones."""
    return sorted(runs)[:KEYS]


def share(runs: frozenset[int], others: frozenset[int]) -> int:
    """Return how many of all the runs of two texts both have, in thousandths, rounded down."""
    both = len(runs & others)
    return 1000 * both // (len(runs) + len(others) - both) if both else 0


def may_be_copies(one: Text, other: Text) -> bool:
    """Return whether sources, dates and people let two texts be copies."""
    if one.source == other.source or abs(one.at - other.at) > LONGEST_APART:
        return False
    return other.path not in one.apart and one.path not in other.apart


def copied(one: Text, other: Text, common: Collection[int] = ()) -> int:
    """Return the share of runs of two texts, in thousandths, or 0 if they are no copies."""
    if not may_be_copies(one, other):
        return 0
    found = share(runs_of(one, common), runs_of(other, common))
    return found if found >= LEAST_SHARE else 0
