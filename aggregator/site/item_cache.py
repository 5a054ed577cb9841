"""The items that feeds show, each prepared once for all feeds that show it. Reads the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aggregator.index.database import chunks
from aggregator.index.feeds import VisibleItem
from aggregator.index.index import Index
from aggregator.model.errors import cause_of
from aggregator.model.items import Item, Seed
from aggregator.normalizer.stored import unpack_seed, unpack_verdict, verified
from aggregator.site.display_settings import DisplaySettings
from aggregator.site.render_jobs import StoredItem, prepare

KEPT_ITEMS = 2_000
KEPT_BYTES = 8 * 2**20
"""The most items that are kept prepared, and the most bytes of their stored form; in memory they take twice that."""

SHORTENED = "shown by its summary, since it takes more than a quarter of `feed.max_bytes`"


class ItemCache:
    """The items of one index as `settings` want them shown.

    `notes` names the seeds whose items are left out because of a bug or for want of memory, and those of which only the
    summary is shown.
    """

    def __init__(self, index: Index, settings: DisplaySettings) -> None:
        self._index = index
        self.settings = settings
        self._kept: dict[VisibleItem, tuple[Item | None, int]] = {}
        self._bytes = 0
        self.notes: list[str] = []

    def prepared(self, visible: Sequence[VisibleItem], now: int) -> tuple[Item | None, ...]:
        """Return the items of a feed, None for those left out; `now` is in seconds since 1970.

        Raises:
            msgspec.DecodeError: if a stored seed is damaged.
        """
        missing = [one for one in visible if one not in self._kept]
        for chunk in chunks(missing):
            stored = self._seeds(chunk)
            for one in chunk:
                seed = unpack_seed(verified(stored[one.file], one.content))
                self._keep(one, self._item(seed, one, now), len(stored[one.file]))
        found = tuple(self._kept[one][0] for one in visible)
        if len(self._kept) > KEPT_ITEMS or self._bytes > KEPT_BYTES:
            self._drop_older_half()
        return found

    def _keep(self, visible: VisibleItem, item: Item | None, size: int) -> None:
        self._kept[visible] = item, size
        self._bytes += size

    def _drop_older_half(self) -> None:
        # The newer half is likely needed again: pages of one month follow each other and share many items.
        for one in list(self._kept):
            if len(self._kept) <= KEPT_ITEMS // 2 and self._bytes <= KEPT_BYTES // 2:
                return
            self._bytes -= self._kept.pop(one)[1]

    def stored(self, visible: Iterable[VisibleItem]) -> list[StoredItem]:
        """Return items in the form in which other processes get them."""
        every = list(visible)
        seeds = {file: seed for chunk in chunks(every) for file, seed in self._seeds(chunk).items()}
        return [StoredItem(one.file, seeds[one.file], one.content, one.verdict, one.id) for one in every]

    def note_left_out(self, file: int, kind: str) -> None:
        """Note that the item of a file is left out, since preparing it raised an exception of this type."""
        self._note(file, f"left out {cause_of(kind)}")

    def note_shortened(self, file: int) -> None:
        """Note that only the summary of a file's item is shown."""
        self._note(file, SHORTENED)

    def _note(self, file: int, words: str) -> None:
        note = f"{next(self._index.files.where('file=?', (file,))).path}: {words}"
        if note not in self.notes:
            self.notes.append(note)

    def _seeds(self, visible: Sequence[VisibleItem]) -> dict[int, bytes]:
        return self._index.files.seeds([one.file for one in visible])

    def _item(self, seed: Seed, visible: VisibleItem, now: int) -> Item | None:
        verdict = unpack_verdict(visible.verdict)
        try:
            return prepare(seed, verdict, visible.id, self.settings, now)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one item meets must not harm the others
            self.note_left_out(visible.file, type(error).__name__)
            return None
