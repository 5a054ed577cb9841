"""What feeds show in, the items that readers see out: each is prepared once for all the feeds that show it.

Reads the index; what an item looks like is decided in the normalizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aggregator.index.database import chunks
from aggregator.index.feeds import VisibleItem
from aggregator.index.index import Index
from aggregator.model.items import Item
from aggregator.normalizer.stored import whole
from aggregator.site.page_batches import StoredItem
from aggregator.site.preparing import Manner, prepare

KEPT_ITEMS = 2_000
KEPT_BYTES = 8 * 2**20
"""So many items are kept prepared, and of so many bytes as they are stored; in memory an item takes twice that."""

SHORTENED = "shown by its summary, since it takes more than a quarter of `feed.max_bytes`"


class Items:
    """The items of one index, shown in one manner.

    `notes` names the seeds whose items are left out because of a bug, and those that are shown by their summary.
    """

    def __init__(self, index: Index, manner: Manner) -> None:
        self._index = index
        self.manner = manner
        self._kept: dict[VisibleItem, tuple[Item | None, int]] = {}
        self._bytes = 0
        self.notes: list[str] = []

    def prepared(self, shown: Sequence[VisibleItem], now: int) -> tuple[Item | None, ...]:
        """Give the items of a feed, None for those left out; prepares what no feed has shown since it changed."""
        missing = [one for one in shown if one not in self._kept]
        for chunk in chunks(missing):
            stored = self._seeds(chunk)
            for one in chunk:
                self._keep(one, self._item(whole(stored[one.file], one.content), one, now), len(stored[one.file]))
        found = tuple(self._kept[one][0] for one in shown)
        if len(self._kept) > KEPT_ITEMS or self._bytes > KEPT_BYTES:
            self._forget_half()
        return found

    def _keep(self, shown: VisibleItem, item: Item | None, size: int) -> None:
        self._kept[shown] = item, size
        self._bytes += size

    def _forget_half(self) -> None:
        """The older half goes: pages of one month follow each other, and many of them show the same items."""
        for one in list(self._kept):
            if len(self._kept) <= KEPT_ITEMS // 2 and self._bytes <= KEPT_BYTES // 2:
                return
            self._bytes -= self._kept.pop(one)[1]

    def stored(self, shown: Iterable[VisibleItem]) -> list[StoredItem]:
        """Give what feeds show as it is handed to other processes."""
        every = list(shown)
        seeds = {file: seed for chunk in chunks(every) for file, seed in self._seeds(chunk).items()}
        return [StoredItem(one.file, seeds[one.file], one.content, one.verdict, one.id) for one in every]

    def leave_out(self, file: int, kind: str) -> None:
        """Note that the item of a file is left out, since preparing it raised an error of this kind."""
        self._note(file, f"left out because of a bug in this program ({kind})")

    def shorten(self, file: int) -> None:
        """Note that the item of a file is shown by its summary."""
        self._note(file, SHORTENED)

    def _note(self, file: int, words: str) -> None:
        note = f"{next(self._index.files.where('file=?', (file,))).path}: {words}"
        if note not in self.notes:
            self.notes.append(note)

    def _seeds(self, shown: Sequence[VisibleItem]) -> dict[int, bytes]:
        return self._index.files.seeds([one.file for one in shown])

    def _item(self, packed: bytes, shown: VisibleItem, now: int) -> Item | None:
        """Prepare an item; None where that fails, which leaves it out of its feeds."""
        try:
            return prepare(packed, shown.verdict, shown.id, self.manner, now)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one item meets must not harm the others
            self.leave_out(shown.file, type(error).__name__)
            return None
