"""What feeds show in, the items that readers see out: each is prepared once for all the feeds that show it.

Reads the index; what an item looks like is decided in the normalizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from aggregator.index import Index, Shown
from aggregator.intake import chunks
from aggregator.model import Item
from aggregator.outcome import whole
from aggregator.page_batches import StoredItem
from aggregator.preparing import Manner, prepare

KEPT_ITEMS = 2_000

SHORTENED = "shown by its summary, since it takes more than a quarter of `feed.max_bytes`"


class Items:
    """The items of one index, shown in one manner.

    `notes` names the seeds whose items are left out because of a bug, and those that are shown by their summary.
    """

    def __init__(self, index: Index, manner: Manner) -> None:
        self._index = index
        self.manner = manner
        self._kept: dict[Shown, Item | None] = {}
        self.notes: list[str] = []

    def prepared(self, shown: Sequence[Shown], now: int) -> tuple[Item | None, ...]:
        """Give the items of a feed, None for those left out; prepares what no feed has shown since it changed."""
        missing = [one for one in shown if one not in self._kept]
        if len(self._kept) + len(missing) > KEPT_ITEMS:
            # The older half goes: pages of one month follow each other, and many of them show the same items.
            kept = dict(islice(self._kept.items(), len(self._kept) // 2, None))
            self._kept = kept | {one: self._kept[one] for one in shown if one in self._kept}
        for chunk in chunks(missing, 500):
            stored = self._seeds(chunk)
            for one in chunk:
                self._kept[one] = self._item(whole(stored[one.file], one.content), one, now)
        return tuple(self._kept[one] for one in shown)

    def stored(self, shown: Iterable[Shown]) -> list[StoredItem]:
        """Give what feeds show as it is handed to other processes."""
        every = list(shown)
        seeds = {file: seed for chunk in chunks(every, 500) for file, seed in self._seeds(chunk).items()}
        return [StoredItem(one.file, seeds[one.file], one.content, one.verdict, one.id) for one in every]

    def leave_out(self, file: int, kind: str) -> None:
        """Note that the item of a file is left out, since preparing it raised an error of this kind."""
        self._note(file, f"left out because of a bug in this program ({kind})")

    def shorten(self, file: int) -> None:
        """Note that the item of a file is shown by its summary."""
        self._note(file, SHORTENED)

    def _note(self, file: int, words: str) -> None:
        note = f"{next(self._index.files('file=?', (file,))).path}: {words}"
        if note not in self.notes:
            self.notes.append(note)

    def _seeds(self, shown: Sequence[Shown]) -> dict[int, bytes]:
        return self._index.seeds([one.file for one in shown])

    def _item(self, packed: bytes, shown: Shown, now: int) -> Item | None:
        """Prepare an item; None where that fails, which leaves it out of its feeds."""
        try:
            return prepare(packed, shown.verdict, shown.id, self.manner, now)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one item meets must not harm the others
            self.leave_out(shown.file, type(error).__name__)
            return None
