"""Coverage: another text on the same event. Pure.

Two items of different sources, whose dates differ by at most `LONGEST_APART`, cover one event if

- they have at least `LEAST_RARE` rare words of title and excerpt in common, at least half of the rare words of the one
  that has fewer, and one of them is in a title: formulas such as "watch the recording here" are not; or
- both lead to one address elsewhere that few items lead to; or
- both name one story. Then neither source nor date counts.

A person may say that two items are not of one story; that wins. A word is rare for an item that stands in few of the
items of the days around it (`most_rare`). All words count the same: how rare a word is changes with each item that
comes, and whether it is rare seldom does. Weights changed nothing on the labelled pairs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from hashlib import blake2b
from itertools import islice, pairwise
from zlib import crc32

import msgspec

from aggregator.model.expression.folding import fold
from aggregator.model.items import Seed
from aggregator.normalizer import links, text
from aggregator.normalizer.comparison.copies import source_of
from aggregator.normalizer.comparison.words import words

LONGEST_APART = 48 * 3600
"""How many seconds lie at most between the dates of items on one event."""

LEAST_RARE = 3
"""How many rare words both have at least."""

LEAST_SHARE = 500
"""The smallest share of rare words that both have, in thousandths of those of the item that has fewer."""

DAYS_AROUND = 3
"""So many days before and after the day of an item (in UTC) its words are counted."""

FEWEST_ITEMS = 8
"""If there are fewer items in these days, no word is rare."""

FEW = 4
"""In how many items an address may stand, and a word if there are some dozen items."""

MOST = 50
"""In how many items a rare word stands at most, however many there are."""

MOST_WORDS = 32
"""How many words of an item are compared: its first ones."""

MOST_ADDRESSES = 20
"""How many addresses to which an item leads are compared: its first ones."""

MOST_NAMED = 100
"""How many items that name one story belong together: the newest ones."""

BEGINNING = 400
"""How many characters of the body are compared if there is no excerpt."""

DAY = 86_400
_PERCENT = 50
_SHORTEST = 3
_SEARCHED = 20_000
# Few steps: each one that is passed makes all items of a day be compared again.
_STEPS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 40, MOST)
_ADDRESS = re.compile(r"\]\((https?://[^\s()]+)|href=[\"'](https?://[^\s\"'<>]+)|<(https?://[^\s<>]+)>")


class Wording(msgspec.Struct, frozen=True, array_like=True):
    """What is compared of an item: its path, source (as a number), date, and the numbers of what it says.

    `title` are those of the words of the title, `words` of title and excerpt, `addresses` of where its text leads,
    `name` is that of the story that it names (0: none). `apart` are the paths of items that are of another story.
    """

    path: str
    source: int
    at: int
    title: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()
    name: int = 0
    apart: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """Its day, in days since 1970."""
        return self.at // DAY


unpack_wording = msgspec.msgpack.Decoder(Wording).decode


def wording_of(seed: Seed, path: str, said: Seed | None = None) -> Wording:
    """Return what is compared of an accepted seed, or of the related item that replaces it.

    `path` is that of the seed; `said` is the seed itself if another item replaces it.
    """
    title = list(map(number_of, words_of(seed.title)))
    excerpt = map(number_of, words_of(beginning(seed)))
    own = said or seed
    return Wording(
        path, number_of(source_of(seed)), seed.published,
        tuple(title[:MOST_WORDS]), tuple(islice(dict.fromkeys((*title, *excerpt)), MOST_WORDS)),
        tuple(number_of(f"\0{key}") for key in islice(addresses_of(seed), MOST_ADDRESSES)),
        name_of(own.story), own.not_story,
    )  # fmt: skip


def number_of(word: str) -> int:
    """Return the number of a word: CRC-32 (ISO 3309) of it in UTF-8, the same for ever on any machine."""
    return crc32(word.encode("utf-8", "replace"))


def name_of(story: str) -> int:
    """Return the number of the name of a story, 0 for none: of more bits, since one name is enough to join items."""
    folded = fold(story).encode("utf-8", "replace")
    return int.from_bytes(blake2b(folded, digest_size=7).digest()) if folded else 0


def beginning(seed: Seed) -> str:
    """Return the excerpt of a seed, else the beginning of its body as plain text."""
    if seed.excerpt.strip():
        return seed.excerpt
    return text.of_html(seed.body[: 4 * BEGINNING])[:BEGINNING] if seed.body else ""


def words_of(written: str) -> list[str]:
    """Return the words by which a title or excerpt is compared: of scripts without spaces, pairs of characters."""
    found = words(written)
    pairs = (one + other for one, other in pairwise(found) if _is_unspaced(one + other))
    return list(dict.fromkeys((*(word for word in found if len(word) >= _SHORTEST or word.isdigit()), *pairs)))


def _is_unspaced(pair: str) -> bool:
    # Two single characters, of which Thai is the first script without spaces.
    return len(pair) == 2 and ord(pair[0]) > 0x0E00 and ord(pair[1]) > 0x0E00


def addresses_of(seed: Seed) -> Iterator[str]:
    """Yield the keys of the addresses outside its own host to which a text leads, if they are no front pages."""
    if "http" not in seed.body:
        return
    own_host = links.host_of(seed.link)
    for found in _ADDRESS.finditer(seed.body, 0, _SEARCHED):
        try:
            address = links.canonical(found[1] or found[2] or found[3])
        except ValueError:
            continue
        key = links.alias(address).partition("#")[0]
        if "/" in key and links.host_of(address) != own_host:
            yield key


def most_rare(total: int) -> int:
    """Return in how many of `total` items of the days around one a word stands at most that is rare, 0 for none."""
    if total < FEWEST_ITEMS:
        return 0
    most = max(min(FEW, total // 4), total // _PERCENT)
    return max(step for step in _STEPS if step <= most)


def rare_of(one: Wording, count: Callable[[int], int], most: int) -> frozenset[int]:
    """Return the rare words of an item, and its rare addresses.

    `count` returns in how many items of the days around it a word, or an address, stands; `most` is `most_rare` of
    these days.
    """
    found = [word for word in one.words if count(word) <= most] if most else []
    return frozenset((*found, *(address for address in one.addresses if count(address) <= max(FEW, most))))


def may_cover(one: Wording, other: Wording) -> bool:
    """Return whether people, or sources and dates, let two items cover one event."""
    if one.path in other.apart or other.path in one.apart or one.path == other.path:
        return False
    if one.name and one.name == other.name:
        return True
    return one.source != other.source and abs(one.at - other.at) <= LONGEST_APART


def covered(one: Wording, other: Wording, rare: Collection[int], others: Collection[int]) -> int:
    """Return the share of rare words that two items have in common, in thousandths, or 0 if they cover no one event.

    `rare` and `others` are their rare words and addresses (`rare_of`). It is 1,000 if they name one story, or lead to
    one address.
    """
    if not may_cover(one, other):
        return 0
    if one.name and one.name == other.name:
        return 1000
    shared = frozenset(rare) & frozenset(others)
    if not shared.isdisjoint(one.addresses) and not shared.isdisjoint(other.addresses):
        return 1000
    both = shared.difference(one.addresses, other.addresses)
    if len(both) < LEAST_RARE or both.isdisjoint((*one.title, *other.title)):
        return 0
    least = min(len(frozenset(rare).difference(one.addresses)), len(frozenset(others).difference(other.addresses)))
    found = 1000 * len(both) // least
    return found if found >= LEAST_SHARE else 0
