"""Which item of an event each feed shows, and when: of those whose windows are open the best one that no better hides.

Talks to the index. An item is hidden in a feed while the feed shows a better one that covers the same event, and that
is not hidden itself: never by way of a chain. It depends on better items alone, so a change is followed from the better
to the worse, and no farther. An item whose link is its own page is never hidden: its page would go with it, and what
others list leads there. It is imported if a site shows one item for each story.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from aggregator.index.coverage import Hidden
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.item_pages import is_own
from aggregator.normalizer.identity import without
from aggregator.normalizer.stored import unpack_verdict

Rank = tuple[int, int, str]
"""What ranks an item among those of its event; the smallest is the best."""


def rank_of(row: FileRow) -> Rank:
    """Return the rank of an accepted file: the best quality, then the earliest, then by path."""
    return -(row.quality or 0), row.starts or 0, row.path


class _Item(NamedTuple):
    """An accepted file: its rank, its item, its windows by the slug of a feed, and what covers its event.

    It `stays` if its link is its own page.
    """

    rank: Rank
    story: int
    windows: dict[str, tuple[int, int]]
    others: Mapping[int, int]
    stays: bool


class CoverageGroups:
    """Keeps when items are hidden in line with what covers one event, on the site with a URL."""

    def __init__(self, index: Index, site: str) -> None:
        self._index = index
        self._site = site
        self._items: dict[int, _Item] = {}
        self._hidden: dict[int, Hidden] = {}

    def hide(self, changed: Collection[int]) -> list[int]:
        """Return the files that are hidden at other times than before.

        `changed` are files of which something is new: what covers their event, or their ranks and windows.
        """
        files = sorted(changed)
        covering = self._index.coverage.covering(files)
        near = (other for pairs in covering.values() for other in pairs)
        self._know({*covering, *near, *self._index.coverage.hidden(files)})
        waiting = [(one.rank, file) for file, one in self._items.items()]
        heapify(waiting)
        queued, found = set(self._items), list[int]()
        while waiting:
            rank, file = heappop(waiting)
            queued.discard(file)
            self._know(self._items[file].others)
            hidden = self._hidden_by_better(self._items[file])
            if hidden == self._hidden[file]:
                continue
            self._hidden[file] = hidden
            found.append(file)
            for other in self._items[file].others:
                if other in self._items and other not in queued and self._items[other].rank > rank:
                    queued.add(other)
                    heappush(waiting, (self._items[other].rank, other))
        self._index.coverage.put_hidden((file, self._hidden[file]) for file in found)
        return found

    def _hidden_by_better(self, one: _Item) -> Hidden:
        """Return when feeds show better items than one, within its own windows."""
        if one.stays:
            return ()
        taken: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for file in one.others:
            other = self._items.get(file)
            if other is not None and other.rank < one.rank and other.story != one.story:
                for slug in one.windows.keys() & other.windows.keys():
                    hidden = [(starts, ends) for name, starts, ends in self._hidden[file] if name == slug]
                    taken[slug] += without(*other.windows[slug], hidden)
        found = []
        for slug, several in taken.items():
            starts, ends = one.windows[slug]
            shown = without(starts, ends, several)
            found += [(slug, *window) for window in without(starts, ends, shown)]
        return tuple(sorted(found))

    def _know(self, files: Iterable[int]) -> None:
        """Read what is needed of files that are not known yet."""
        missing = sorted(set(files) - self._items.keys())
        if not missing:
            return
        covering, hidden = self._index.coverage.covering(missing), self._index.coverage.hidden(missing)
        for chunk in chunks(missing):
            for row in self._index.files.where(f"file IN ({marks(chunk)}) AND story IS NOT NULL", chunk):
                verdict = unpack_verdict(row.verdict)
                windows = {slug: (verdict.starts, ends) for slug, ends in verdict.feeds if verdict.starts < ends}
                stays = bool(self._site) and is_own(verdict.link, self._site)
                self._items[row.file] = _Item(rank_of(row), row.story or 0, windows, covering.get(row.file, {}), stays)
                self._hidden[row.file] = hidden.get(row.file, ())
