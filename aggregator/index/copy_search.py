"""The search for copies: texts that a turn added, changed or removed are compared with those there are.

Talks to the index. What makes two texts copies is decided in `normalizer.comparison`. The result depends on the
accepted seeds alone: in which order they came, and in how many turns, is irrelevant. It is imported if a site looks for
copies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.normalizer import identity
from aggregator.normalizer.comparison import copies
from aggregator.normalizer.comparison.clusters import Rank, representatives
from aggregator.normalizer.comparison.copies import COMMON, LEAST_KEYS, LEAST_SHARE, Text, unpack_text
from aggregator.normalizer.stored import pack_stored, without_checksum

KEPT_TEXTS = 2_000
"""How many texts are kept unpacked while others are compared with them."""


class StoredText(msgspec.Struct, frozen=True, array_like=True):
    """A text as the index holds it: its paragraphs that do not count, and the keys by which it is found."""

    text: Text
    common: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()


_stored = msgspec.msgpack.Decoder(StoredText)


class CopySearch:
    """Finds the copies among the files of an index; make one for each turn.

    Call `put` and `remove` for the files that change, then `find`.
    """

    def __init__(self, index: Index, keepalive: Callable[[], object]) -> None:
        self._index = index
        self._copies = index.copies
        self._keepalive = keepalive
        self._unread: set[int] = set()
        """Files whose keys may be other ones than before."""
        self._lonely: set[int] = set()
        """Files that were like one that is gone."""
        self._kept: dict[int, StoredText] = {}

    def put(self, texts: Mapping[int, bytes]) -> None:
        """Store the packed texts of accepted files."""
        found = {file: StoredText(unpack_text(without_checksum(packed))) for file, packed in texts.items()}
        before = self._texts(list(found))
        removed = [(one.key, file) for file, text in before.items() for one in text.text.paragraphs]
        added = [
            (one.key, file, identity.key_number(text.text.link))
            for file, text in found.items()
            for one in text.text.paragraphs
            if one.runs
        ]
        self._copies.put_paragraphs(removed, added)
        self._copies.put_texts(
            (file, pack_stored(msgspec.structs.replace(text, keys=before[file].keys if file in before else ())))
            for file, text in found.items()
        )
        self._forget(found)
        self._unread.update(found)
        self._count_paragraphs({key for key, _ in removed}, {key for key, _, _ in added})

    def remove(self, files: Sequence[int]) -> None:
        """Remove the texts of files that are gone, or held back."""
        before = self._texts(files)
        if not before:
            return
        gone = list(before)
        removed = [(one.key, file) for file, text in before.items() for one in text.text.paragraphs]
        self._lonely.update(other for pairs in self._copies.alike(gone).values() for other in pairs)
        self._copies.put_keys([(key, file) for file, text in before.items() for key in text.keys], ())
        self._copies.put_paragraphs(removed, ())
        self._copies.delete_texts(gone)
        self._forget(gone)
        self._unread.difference_update(gone)
        self._lonely.difference_update(gone)
        self._count_paragraphs({key for key, _ in removed}, set())

    def find(self) -> list[int]:
        """Compare what has changed; return the files of every group of which something changed."""
        unread, self._unread = sorted(self._unread), set()
        lonely, self._lonely = self._lonely, set()
        touched = lonely | set(unread)
        for files in chunks(unread):  # of a pair, the later one finds the earlier one
            self._keepalive()
            touched.update(self._compare(files, self._read(files)))
        return sorted(lonely.union(self._join(touched)))

    # -- what texts are found by

    def _count_paragraphs(self, removed: Collection[int], added: Collection[int]) -> None:
        """Note which paragraphs have become those of several items, or have ceased to be; read those items again."""
        both = sorted({*removed, *added})
        known = self._copies.common(both)
        several = self._copies.in_several([key for key in both if key not in known or key in removed], COMMON)
        fewer, more = known & set(removed) - several, several - known
        self._copies.put_common(fewer, is_common=False)
        self._copies.put_common(more, is_common=True)
        self._unread.update(self._copies.with_paragraphs(fewer | more))

    def _read(self, files: Sequence[int]) -> dict[int, StoredText]:
        """Make the keys of texts again; return the texts."""
        before = self._texts(files)
        every = {one.key for text in before.values() for one in text.text.paragraphs}
        known = self._copies.common(sorted(every))
        after: dict[int, StoredText] = {}
        for file, stored in before.items():
            text = stored.text
            common = tuple(sorted({one.key for one in text.paragraphs} & known))
            after[file] = StoredText(text, common, tuple(copies.keys_of(copies.runs_of(text, common))))
        self._copies.put_keys(
            [(key, file) for file, text in before.items() for key in text.keys],
            [(key, file) for file, text in after.items() for key in text.keys],
        )
        self._copies.put_texts((file, pack_stored(text)) for file, text in after.items() if text != before[file])
        self._kept.update(after)
        return after

    # -- which texts are alike

    def _compare(self, files: Sequence[int], texts: Mapping[int, StoredText]) -> set[int]:
        """Compare texts with those that they may be like; return what they were and are like."""
        found: list[tuple[int, int, int]] = []
        with_key = self._copies.with_keys(sorted({key for text in texts.values() for key in text.keys}))
        for file, text in texts.items():
            counts = Counter(chain.from_iterable(with_key[key] for key in text.keys if key in with_key))
            others = [one for one, count in counts.items() if count >= LEAST_KEYS and one != file]
            if others:
                found += self._alike(file, text, self._texts(others))
        near = {other for pairs in self._copies.alike(files).values() for other in pairs}
        self._copies.put_alike(files, found)
        return near | {other for _, other, _ in found}

    def _alike(self, file: int, text: StoredText, others: Mapping[int, StoredText]) -> Iterable[tuple[int, int, int]]:
        runs = copies.runs_of(text.text, text.common)
        for other, against in others.items():
            if copies.may_be_copies(text.text, against.text):
                share = copies.share(runs, copies.runs_of(against.text, against.common))
                if share >= LEAST_SHARE:
                    yield file, other, share

    def _texts(self, files: Sequence[int]) -> dict[int, StoredText]:
        missing = [file for file in files if file not in self._kept]
        if len(self._kept) > KEPT_TEXTS:
            self._kept.clear()
            missing = list(files)
        for file, packed in self._copies.texts(missing).items():
            self._kept[file] = _stored.decode(without_checksum(packed))
        return {file: self._kept[file] for file in files if file in self._kept}

    def _forget(self, files: Iterable[int]) -> None:
        for file in files:
            self._kept.pop(file, None)

    # -- which stands for which

    def _join(self, touched: Collection[int]) -> set[int]:
        """Let everything that is like what was touched, directly or by way of others, join its original.

        Return these files, and those that were alike.
        """
        alike: dict[int, dict[int, int]] = {}
        copied = self._copies.originals(sorted(touched))
        following = {*touched, *copied.values()}
        while following:
            found = self._copies.alike(sorted(following))
            alike |= {file: found.get(file, {}) for file in following}
            following = {other for pairs in found.values() for other in pairs} - alike.keys()
        concerned = sorted(file for file, pairs in alike.items() if pairs or file in copied or file in touched)
        before = self._copies.originals(concerned)
        lonely = [file for file in concerned if not alike[file]]
        joined = [file for file in concerned if alike[file]]
        after = representatives(ranks_of(self._index, joined), alike) | {file: file for file in lonely}
        self._copies.put_originals(concerned, [(one, other) for one, other in after.items() if one != other])
        return {*joined, *before, *before.values()}


def ranks_of(index: Index, files: Sequence[int]) -> dict[int, Rank]:
    """Return what ranks files among their copies."""
    return {file: rank for file, (_, rank) in sources_and_ranks(index, files).items()}


def sources_and_ranks(index: Index, files: Sequence[int]) -> dict[int, tuple[int, Rank]]:
    """Return the source of each file that has a text, as a number, and what ranks it among its copies."""
    found: dict[int, tuple[int, Rank]] = {}
    for chunk in chunks(files):
        rows: dict[int, FileRow] = {row.file: row for row in index.files.where(f"file IN ({marks(chunk)})", chunk)}
        for file, packed in index.copies.texts(chunk).items():
            stored, row = _stored.decode(without_checksum(packed)), rows[file]
            text, words = stored.text, copies.count_words(stored.text, stored.common)
            found[file] = text.source, Rank(-(row.quality or 0), -words, text.at, text.link, row.path)
    return found
