"""The search for other texts on the same event: items that a turn added, changed or removed are compared again.

Talks to the index. What makes two items cover one event is decided in `normalizer.comparison.coverage`. The result
depends on the accepted seeds alone: in which order they came, and in how many turns, is irrelevant. An item is compared
again too if a word of it has become rare for it, or has ceased to be. Copies of other items are left out, since they
would make the words of a report common. It is imported if a site looks for stories.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from aggregator.index.coverage import ITEMS, NAMED_DAY
from aggregator.index.database import chunks
from aggregator.index.index import Index
from aggregator.normalizer.comparison import coverage
from aggregator.normalizer.comparison.coverage import DAYS_AROUND, FEW, LEAST_RARE, Wording, unpack_wording
from aggregator.normalizer.stored import without_checksum

KEPT = 4_000
"""How many wordings are kept unpacked while others are compared with them."""

MOST_COUNTED = 200_000
"""After so many changed counts they are written, so that a build of a million items needs no more memory."""

_DAYS_APART = 2
_Sums = dict[int, int]


class CoverageSearch:
    """Finds what covers one event among the files of an index; make one for each turn.

    Call `put` and `remove` for the files that change, then `find`.
    """

    def __init__(self, index: Index, keepalive: Callable[[], object]) -> None:
        self._index = index
        self._coverage = index.coverage
        self._keepalive = keepalive
        self._is_first = index.filling
        self._has_compared = False
        self._new: set[int] = set()
        """Files that were put: those that list them must be told of their titles."""
        self.put_last: set[int] = set()
        """Files that were put before the last `find`: their windows and ranks may be other ones."""
        self._pending: set[int] = set()
        """Files of which it is open whether they count."""
        self._unread: set[int] = set()
        """Files that must be compared again."""
        self._touched: set[int] = set()
        """Files that covered an event with one that is gone or has changed."""
        self._counts: Counter[tuple[int, int]] = Counter()
        self._totals: Counter[int] = Counter()
        self._kept: dict[int, Wording] = {}
        self._sums: dict[int, _Sums] = {}
        self._most: dict[int, int] = {}
        self._newest: dict[int, frozenset[int]] = {}
        self._newest_before: dict[int, frozenset[int]] = {}
        """By the names of stories that files have or had, the newest items that named them before."""

    def put(self, wordings: Mapping[int, bytes]) -> None:
        """Store the packed wordings of accepted files."""
        self._uncount(list(wordings))
        self._coverage.put_wordings((file, 0, packed) for file, packed in wordings.items())
        for file in wordings:
            self._kept.pop(file, None)
        self._new.update(wordings)
        self._pending.update(wordings)

    def remove(self, files: Sequence[int]) -> None:
        """Remove the wordings of files that are gone, or held back."""
        known = list(self._coverage.wordings(files))
        if not known:
            return
        self._uncount(known)
        self._touched.update(other for pairs in self._coverage.covering(known).values() for other in pairs)
        self._coverage.delete_wordings(known)
        for several in (self._new, self._pending, self._unread, self._touched):
            several.difference_update(known)
        for file in known:
            self._kept.pop(file, None)

    def find(self, regrouped: Collection[int]) -> list[int]:
        """Compare what has changed; return the files of every event of which something changed.

        `regrouped` are files that may be copies now, or have ceased to be.
        """
        pending, self._pending = sorted(self._pending.union(regrouped)), set()
        for files in chunks(pending):
            self._keepalive()
            self._settle_copies(files)
        self._count()
        touched, self._touched = self._touched, set()
        self._sums, self._most, self._newest = {}, {}, {}
        before, self._newest_before = self._newest_before, {}
        for name, newest in before.items():
            self._unread |= newest ^ self._newest_named(name)
        unread, self._unread = sorted(self._unread), set()
        for files in chunks(unread):
            self._keepalive()
            touched.update(self._compare(files))
        self._has_compared |= bool(unread)
        self.put_last, self._new = self._new, set()
        return sorted(touched)

    # -- what counts

    def _uncount(self, files: Sequence[int]) -> None:
        """Let the wordings of files no longer count."""
        self._change([file for file, one in self._coverage.wordings(files).items() if one.counts], counts=False)

    def _settle_copies(self, files: Sequence[int]) -> None:
        """Let the wordings of files count, unless they are copies."""
        stored = self._coverage.wordings(files)
        copied = self._index.copies.originals(list(stored))
        self._change([file for file, one in stored.items() if one.counts and file in copied], counts=False)
        self._change([file for file, one in stored.items() if not one.counts and file not in copied], counts=True)

    def _change(self, files: Sequence[int], *, counts: bool) -> None:
        if not files:
            return
        wordings = self._wordings(files)
        step = 1 if counts else -1
        keys: list[tuple[int, int, int]] = []
        counted: dict[int, Counter[int]] = defaultdict(Counter)
        self._note_newest({one.name for one in wordings.values() if one.name})
        for file, one in wordings.items():
            day = one.day
            every = frozenset((*one.words, *one.addresses))
            keys += [(key, day, file) for key in every]
            counted[day].update(every)
            self._totals[day] += step
            if one.name:
                keys.append((one.name, NAMED_DAY, file))
        for day, several in counted.items():
            for key, count in several.items():
                self._counts[key, day] += step * count
        keys.sort()
        days = [(one.day, file) for file, one in wordings.items()]
        self._coverage.put_keys((), keys) if counts else self._coverage.put_keys(keys, ())
        self._coverage.put_days((), days) if counts else self._coverage.put_days(days, ())
        self._coverage.set_counts((int(counts), file) for file in wordings)
        self._unread.update(wordings)
        if len(self._counts) > MOST_COUNTED:
            self._count()

    def _note_newest(self, names: Iterable[int]) -> None:
        """Note, before it changes, which items that name a story are the newest: only these belong together."""
        for name in names:
            if name not in self._newest_before:
                self._newest_before[name] = self._newest_named(name)
                del self._newest[name]

    def _count(self) -> None:
        """Write the changed counts; let the items be compared again of which a word has become rare or common."""
        counts, self._counts = self._counts, Counter()
        totals, self._totals = self._totals, Counter()
        if not totals:
            return
        of_items = {(ITEMS, day): change for day, change in totals.items()}
        if self._is_first and not self._has_compared:  # every item will be
            self._coverage.add_counts({**counts, **of_items})
            return
        first, last = min(totals) - DAYS_AROUND, max(totals) + DAYS_AROUND
        by_key: dict[int, dict[int, int]] = defaultdict(dict)
        for (key, day), change in counts.items():
            by_key[key][day] = change
        most = {day: self._most_before_and_now(day, totals) for day in _around(totals)}
        for keys in chunks(sorted(by_key)):
            self._keepalive()
            before = self._coverage.counts(keys, first - DAYS_AROUND, last + DAYS_AROUND)
            for key in keys:
                for day in _crossed(before[key], by_key[key], most):
                    self._unread.update(self._coverage.with_key(key, day))
        self._coverage.add_counts({**counts, **of_items})
        for day, (then, now) in most.items():
            if then != now:
                self._unread.update(self._coverage.of_day(day))

    def _most_before_and_now(self, day: int, totals: Mapping[int, int]) -> tuple[int, int]:
        then = self._coverage.total(day - DAYS_AROUND, day + DAYS_AROUND)
        change = sum(totals.get(one, 0) for one in range(day - DAYS_AROUND, day + DAYS_AROUND + 1))
        return coverage.most_rare(then), coverage.most_rare(then + change)

    # -- what covers one event

    def _compare(self, files: Sequence[int]) -> set[int]:
        """Compare items with those that may cover an event with them; return those of which something is new."""
        stored = self._coverage.wordings(files)
        counting = [file for file, one in stored.items() if one.counts]
        found: list[tuple[int, int, int]] = []
        for _, several in _by_day(self._wordings(counting)):
            found += self._covering(several)
        before = self._coverage.covering(files)
        after: dict[int, dict[int, int]] = defaultdict(dict)
        for file, other, share in found:
            after[file][other] = share
        gone = {(file, other) for file in files for other in before[file].keys() - after[file].keys()}
        changed = {(file, other) for file in files for other in after[file] if other not in before[file]}
        again = ((file, other) for file in self._new.intersection(files) for other in after[file])
        self._coverage.put_covering(gone, (row for row in found if before[row[0]].get(row[1]) != row[2]))
        return {one for pair in (*gone, *changed, *again) for one in pair}

    def _covering(self, items: Mapping[int, Wording]) -> Iterator[tuple[int, int, int]]:
        """Yield the items that cover one event with items of one day: file, other file, share."""
        items = self._named(items)
        rare = self._rare(items)
        day = next(iter(items.values())).day
        sums = self._sums[day]
        keys = sorted({key for one in rare.values() for key in one if sums[key] > 1})  # others have it alone
        with_key = self._coverage.with_keys(keys, day - _DAYS_APART, day + _DAYS_APART)
        candidates = {file: self._candidates(file, one, rare[file], with_key) for file, one in items.items()}
        others = self._named(self._wordings(sorted({other for several in candidates.values() for other in several})))
        other_rare = self._rare(others)
        for file, several in candidates.items():
            one = items[file]
            for other in several:
                if other in others and (share := coverage.covered(one, others[other], rare[file], other_rare[other])):
                    yield file, other, share

    def _candidates(
        self, file: int, one: Wording, rare: Collection[int], with_key: Mapping[int, Sequence[int]]
    ) -> set[int]:
        """Return the items that have enough rare words in common with one, or an address, or name its story."""
        shared = Counter(chain.from_iterable(with_key[key] for key in rare if key in with_key))
        found = {other for other, count in shared.items() if count >= LEAST_RARE}
        found.update(other for key in one.addresses if key in rare for other in with_key.get(key, ()))
        if one.name:
            found |= self._newest_named(one.name)
        found.discard(file)
        return found

    def _named(self, items: Mapping[int, Wording]) -> dict[int, Wording]:
        """Return items, those that are not among the newest of the story that they name without its name."""
        return {
            file: msgspec.structs.replace(one, name=0) if one.name and file not in self._newest_named(one.name) else one
            for file, one in items.items()
        }

    def _newest_named(self, name: int) -> frozenset[int]:
        """Return the newest items that name a story; they are kept until it is looked for them again."""
        if name not in self._newest:
            files = self._coverage.with_key(name, NAMED_DAY)
            ordered = sorted(
                (-one.at, one.path, file) for some in chunks(files) for file, one in self._wordings(some).items()
            )
            self._newest[name] = frozenset(file for _, _, file in ordered[: coverage.MOST_NAMED])
        return self._newest[name]

    def _rare(self, items: Mapping[int, Wording]) -> dict[int, frozenset[int]]:
        """Return the rare words and addresses of items."""
        found: dict[int, frozenset[int]] = {}
        for day, several in _by_day(items):
            sums, most = self._sums_of(day, several.values()), self._most[day]
            found.update((file, coverage.rare_of(one, sums.__getitem__, most)) for file, one in several.items())
        return found

    def _sums_of(self, day: int, items: Iterable[Wording]) -> _Sums:
        """Return in how many items of the days around one the words of items stand; they are kept."""
        if day not in self._most:
            total = self._coverage.total(day - DAYS_AROUND, day + DAYS_AROUND)
            self._most[day], self._sums[day] = coverage.most_rare(total), {}
        known = self._sums[day]
        missing = sorted({key for one in items for key in (*one.words, *one.addresses) if key not in known})
        if missing:
            known.update(dict.fromkeys(missing, 0))
            known.update(self._coverage.sums(missing, day - DAYS_AROUND, day + DAYS_AROUND))
        return known

    def _wordings(self, files: Sequence[int]) -> dict[int, Wording]:
        if len(self._kept) > KEPT:
            self._kept.clear()
        missing = [file for file in files if file not in self._kept]
        for file, one in self._coverage.wordings(missing).items():
            self._kept[file] = unpack_wording(without_checksum(one.packed))
        return {file: self._kept[file] for file in files if file in self._kept}


def _around(days: Iterable[int]) -> set[int]:
    return {one for day in days for one in range(day - DAYS_AROUND, day + DAYS_AROUND + 1)}


def _by_day(items: Mapping[int, Wording]) -> list[tuple[int, dict[int, Wording]]]:
    found: dict[int, dict[int, Wording]] = defaultdict(dict)
    for file, one in items.items():
        found[one.day][file] = one
    return sorted(found.items())


def _crossed(
    before: Mapping[int, int], changes: Mapping[int, int], most: Mapping[int, tuple[int, int]]
) -> Iterator[int]:  # fmt: skip
    """Yield the days on which a key has become rare or common; `most` has for each how rare it was and is to be.

    An address is rare up to `FEW`, also if no word is.
    """
    for day in _around(changes):
        days = range(day - DAYS_AROUND, day + DAYS_AROUND + 1)
        then = sum(before.get(one, 0) for one in days)
        now = then + sum(changes.get(one, 0) for one in days)
        if then == now:
            continue
        most_then, most_now = most[day]
        is_crossed = (then <= most_then) != (now <= most_now)
        if is_crossed or (then <= max(FEW, most_then)) != (now <= max(FEW, most_now)):
            yield day
