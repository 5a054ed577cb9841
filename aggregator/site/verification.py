"""Verifies that published documents still hold what was written, whatever their dates say. Reads index and documents.

A disk may lose a bit without any trace in a file's size or dates. Each document lies there three times, as it is and in
two encodings with checksums, so that damage of one shows by reading; then the document is rendered again. All of them
are verified within `ROUND`, a few at a time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from aggregator.index.index import Index
from aggregator.model.archive_layout import folder_of
from aggregator.model.document_names import FEED_DOCUMENTS, SITE_DOCUMENTS
from aggregator.site.foreign_files import document_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aggregator.publisher.destination import Destination

ROUND = 86_400.0
"""Within so many seconds each document is verified once: a day's work is 0.01 % of a core for 30,000 documents."""

LONGEST = 0.1
"""How long, in seconds, documents are verified at once at most: an edit may be waiting."""

COUNTED_EVERY = 3600.0
"""How often, in seconds, the documents are counted and the position in the round is stored."""

_KEY = "verified"
_SITE, _FEED, _PAGE, _ITEM = 0, 1, 2, 3
_BEGIN = (_SITE, 0, 0, 0)


class Verification:
    """Verifies documents in turn: those of the site, of feeds, archives and items; times are in seconds."""

    def __init__(self, index: Index, writer: Destination) -> None:
        self._index = index
        self._writer = writer
        self._position = _BEGIN
        self._total = 0
        self._owed = 0.0
        self._until_count = 0.0

    def run(self, elapsed: float) -> list[str]:
        """Verify the share of `elapsed` seconds; return the names of damaged documents, which the next turn renders."""
        ends = time.monotonic() + LONGEST
        self._until_count -= elapsed
        if self._until_count <= 0 or not self._total:
            self._count()
        self._owed = min(self._total, self._owed + self._total * elapsed / ROUND)
        damaged: list[str] = []
        while self._owed > 0 and time.monotonic() < ends:
            self._owed -= 1
            damaged += self._verify_next()
        return damaged

    def _count(self) -> None:
        """Count what there is to verify; store how far this round has come, or continue that of an earlier run."""
        if self._total:
            self._index.set_meta(_KEY, msgspec.msgpack.encode(self._position))
        elif stored := self._index.meta(_KEY):
            self._position = msgspec.msgpack.decode(stored, type=tuple[int, int, int, int])
        # One for the documents of the site, and one for the step that ends the round.
        counts = (one.count_written() for one in (self._index.feeds, self._index.archive_pages, self._index.item_pages))
        self._total = 2 + sum(counts)
        self._until_count = COUNTED_EVERY

    def _verify_next(self) -> list[str]:
        """Verify the documents of the next feed or page."""
        kind, feed, month, last = self._position
        if kind == _SITE:
            self._position = (_FEED, -1, 0, 0)
            return self._verify_site()
        if kind == _FEED:
            return self._verify_feed(feed)
        if kind == _ITEM:
            return self._verify_item(feed)
        return self._verify_page(feed, month, last)

    def _verify_site(self) -> list[str]:
        damaged = self._damaged(SITE_DOCUMENTS)
        if damaged and (known := self._index.meta("site")):
            # Another identity than that on disk: the next turn writes them, and takes it for a foreign change.
            self._index.set_meta("site", known + b" damaged")
        return damaged

    def _verify_feed(self, feed: int) -> list[str]:
        found = self._index.feeds.written_after(feed)
        if found is None:
            return self._verify_page(-1, 0, 0)
        number, slug = found
        self._position = (_FEED, number, 0, 0)
        damaged = self._damaged(f"{slug}/{name}" for name in FEED_DOCUMENTS)
        if damaged:
            self._index.feeds.forget_documents([number])
        return damaged

    def _verify_page(self, feed: int, month: int, last: int) -> list[str]:
        found = self._index.archive_pages.written_after(feed, month, last)
        if found is None:
            return self._verify_item(0)
        feed, month, last, slug = found
        self._position = (_PAGE, feed, month, last)
        damaged = self._damaged(document_names(slug, folder_of(month, last)))
        if damaged:
            self._index.archive_pages.forget_documents([(feed, month, last)])
        return damaged

    def _verify_item(self, after: int) -> list[str]:
        """Verify the page of the first item after a story."""
        page = next(self._index.item_pages.written(after), None)
        if page is None:
            self._position = _BEGIN
            return []
        self._position = (_ITEM, page.story, 0, 0)
        damaged = self._damaged([page.name])
        if damaged:
            self._index.item_pages.forget_documents([page.story])
        return damaged

    def _damaged(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not self._writer.is_whole(name)]
