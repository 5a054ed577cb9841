"""The archives of one turn: pages that changed in, their documents out (RFC 5005 §4).

Calls in order, decides nothing: where an item lies is decided in `archive_names`, what a page looks like in the
renderer. Touches the index; documents are written by its caller.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from aggregator.index.archive_pages import PageRow
from aggregator.index.database import why_not_rendered
from aggregator.index.feeds import VisibleItem
from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.feeds import Document, Place
from aggregator.site import page_batches
from aggregator.site.feeds import Pipeline, digest
from aggregator.site.page_batches import PageBatch, PageTask
from aggregator.site.workers import UnderWay, send

if TYPE_CHECKING:
    from concurrent.futures import Executor

ARCHIVE_DOCUMENTS = ("rss.xml", "atom.xml", "feed.json")

SHOWN_TOGETHER = 5_000
"""A batch of pages ends where they show so many items, so that no process holds more, however large a month is."""

AHEAD = 1 + (os.cpu_count() or 1)
"""How many batches are under way while the pages of one are written."""


class PageRendering(NamedTuple):
    """A page's documents, to be written and then reported to `Archives.published`."""

    page: PageRow
    key: bytes
    documents: tuple[Document, ...]


class _Wanted(NamedTuple):
    """A page that is to be rendered, and what it shows."""

    page: PageRow
    key: bytes
    shown: list[VisibleItem]

    @property
    def place(self) -> Place:
        return Place(folder=self.page.folder, prev=self.page.prev, next=self.page.next)


class _Sent(NamedTuple):
    """A batch under way."""

    pages: list[_Wanted]
    rendered: UnderWay[bytes, bytes]


def names_of(slug: str, folder: str) -> tuple[str, ...]:
    """Name the documents of the page `folder` of a feed's archive."""
    return tuple(f"{slug}/{ARCHIVE}/{folder}/{name}" for name in ARCHIVE_DOCUMENTS)


class Archives:
    """The archives of the feeds of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._index = pipeline.index

    def renderings(self, *, now: int, on_disk: bool, executor: Executor | None = None) -> Iterator[PageRendering]:
        """Render the pages that are not what they must be: those on disk already, or the others.

        They come month by month, so that an item is prepared once for all the feeds that hold it. That happens on
        `executor`, a month or so at a time; one after the other and in this thread without one.
        """
        wanted = self._wanted(now=now, on_disk=on_disk)
        if executor is not None:
            yield from self._together(executor, wanted, now)
            return
        for one in wanted:
            if documents := self._documents(one, now):
                yield PageRendering(one.page, one.key, documents)

    def count(self, *, on_disk: bool) -> int:
        """Count the pages that `renderings` will look at."""
        return len(self._index.archive_pages.dirty(on_disk=on_disk))

    def published(self, rendering: PageRendering, stamps: bytes | None) -> None:
        """Note that a page's documents are on disk and what they look like; None where one could not be written."""
        key = rendering.key if stamps is not None else None
        kept = rendering.page.file_identity if stamps is None else stamps
        self._index.archive_pages.put(rendering.page, key=key, file_identity=kept, dirty=stamps is None)

    def _wanted(self, *, now: int, on_disk: bool) -> Iterator[_Wanted]:
        """Give the pages that do not show what they must, by month."""
        for place in self._index.archive_pages.dirty(on_disk=on_disk):
            page = self._index.archive_pages.get(*place)
            if page is None:
                continue
            shown = self._index.archive_pages.visible(page, now)
            about = self._pipeline.shelf(page.slug)
            key = digest(about, page.prev, page.next, [one[1:] for one in shown])
            if key == page.key and page.file_identity:
                self._index.archive_pages.put(page, key=key, file_identity=page.file_identity, dirty=False)
            else:
                yield _Wanted(page, key, shown)

    def _documents(self, wanted: _Wanted, now: int) -> tuple[Document, ...]:
        """Render a page; nothing where that fails, which leaves it as it was."""
        items = tuple(item for item in self._pipeline.items.prepared(wanted.shown, now) if item is not None)
        spec = self._pipeline.spec(wanted.page.slug)
        try:
            return page_batches.rendered(spec, wanted.place, items, self._pipeline.config.site)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one page meets must not harm the others
            self._blame(wanted.page, why_not_rendered(error))
            return ()

    def _blame(self, page: PageRow, why: str) -> None:
        self._pipeline.faults.append(f"{page.slug}/{ARCHIVE}/{page.folder}: {why}")

    # -- in other processes

    def _together(self, executor: Executor, wanted: Iterator[_Wanted], now: int) -> Iterator[PageRendering]:
        """Render batches on `executor`, a bounded number at once; the pages come in their order."""
        under_way: deque[_Sent] = deque()
        ahead = getattr(executor, "ahead", AHEAD)
        for pages in _batches(wanted):
            under_way.append(self._send(executor, pages, now))
            if len(under_way) > ahead:
                yield from self._received(under_way.popleft())
        while under_way:
            yield from self._received(under_way.popleft())

    def _send(self, executor: Executor, pages: list[_Wanted], now: int) -> _Sent:
        numbers = {one: place for place, one in enumerate(dict.fromkeys(one for page in pages for one in page.shown))}
        batch = PageBatch(
            self._pipeline.config.site,
            self._pipeline.items.manner,
            now,
            self._pipeline.items.stored(numbers),
            [
                PageTask(self._pipeline.spec(one.page.slug), one.place, tuple(numbers[shown] for shown in one.shown))
                for one in pages
            ],
        )
        return _Sent(pages, send(executor, page_batches.render, page_batches.pack(batch)))

    def _received(self, sent: _Sent) -> Iterator[PageRendering]:
        result = page_batches.unpack_rendered(sent.rendered.result())
        for file, kind in result.left_out:
            self._pipeline.items.leave_out(file, kind)
        for wanted, page in zip(sent.pages, result.pages, strict=True):
            if isinstance(page, str):
                self._blame(wanted.page, f"not rendered because of a bug in this program ({page})")
            else:
                yield PageRendering(wanted.page, wanted.key, page_batches.documents(page))


def _batches(wanted: Iterator[_Wanted]) -> Iterator[list[_Wanted]]:
    """Cut pages into batches: by months, since pages of one month show the same items, and by `SHOWN_TOGETHER`."""
    for _, month in groupby(wanted, key=lambda one: one.page.month):
        batch: list[_Wanted] = []
        count = 0
        for one in month:
            batch.append(one)
            count += len(one.shown)
            if count >= SHOWN_TOGETHER:
                yield batch
                batch, count = [], 0
        if batch:
            yield batch
