"""The archives of all feeds: which pages are stale, their rendering and writing (RFC 5005 §4).

Touches the index and the published pages. Which page an item is on is decided in `model.archive_layout`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from aggregator.index.archive_pages import PageRow
from aggregator.index.index import Index
from aggregator.model.archive_layout import ARCHIVE, folder_of, position_of
from aggregator.model.errors import PublishError
from aggregator.model.feeds import ArchivePosition
from aggregator.publisher.ownership import foreign_files
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import digest
from aggregator.site.feeds import archive_digest, linked_feeds
from aggregator.site.foreign_files import ForeignFiles, document_names
from aggregator.site.new_folders import store_folders
from aggregator.site.progress import Progress, TimeLimit
from aggregator.site.render_jobs import PageJob, Result
from aggregator.site.render_queue import Rendering, RenderQueue, RenderRequest
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.write_groups import identity_on_disk, is_missing, write_in_groups

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.publisher.destination import Destination

Row = TypeVar("Row")

VISIBLE_TOGETHER = 5_000
"""A batch of pages ends once they show this many items, so that no process holds more, however large a month is."""

AHEAD = 1 + (os.cpu_count() or 1)
"""How many batches are under way while the pages of one are written."""


class WrittenPages(NamedTuple):
    """The names of the documents that were written, what failed, and whether no page was left for lack of time."""

    written: list[str]
    failed: list[str]
    is_all: bool


class StalePages:
    """The archive pages whose documents are not what they must be."""

    def __init__(self, catalog: Catalog, queue: RenderQueue) -> None:
        self._catalog = catalog
        self._index = catalog.index
        self._queue = queue

    def count(self, *, on_disk: bool) -> int:
        """Return the number of pages that `renderings` compares with what they must show."""
        return len(self._index.archive_pages.dirty(on_disk=on_disk))

    def renderings(self, *, now: int, on_disk: bool, executor: Executor | None = None) -> Iterator[Rendering[PageRow]]:
        """Render the stale pages that are on disk already, or the stale pages that are not.

        They come month by month, so that an item is prepared once for all feeds that show it.

        Args:
            now: seconds since 1970.
            on_disk: which of the two.
            executor: renders about a month at a time; without one this thread renders page by page.
        """
        requests = self._requests(now, on_disk=on_disk)
        return self._queue.render(requests, now=now, executor=executor, cut=_by_month, ahead=AHEAD)

    def written_folders(
        self, root: str, *, now: int, executor: Executor
    ) -> Iterator[tuple[RenderRequest[PageRow], Result]]:
        """Let processes render the stale pages that are not on disk yet, and write each into its folder below `root`.

        `now` is in seconds since 1970.
        """
        requests = self._requests(now, on_disk=False)
        return self._queue.write_folders(requests, root=root, now=now, executor=executor, cut=_by_month, ahead=AHEAD)

    def published(self, request: RenderRequest[PageRow], identity: bytes | None) -> None:
        """Store what a page's documents on disk show; `identity` is None if one could not be written."""
        key, page = request.key, request.row
        if identity is None:
            self._index.archive_pages.put(page, key=None, file_identity=page.file_identity, dirty=True)
        else:
            self._index.archive_pages.put(page, key=key, file_identity=identity, dirty=False)

    def _requests(self, now: int, *, on_disk: bool) -> Iterator[RenderRequest[PageRow]]:
        for feed, month, last in self._index.archive_pages.dirty(on_disk=on_disk):
            page = self._index.archive_pages.get(feed, month, last)
            if page is None:
                continue
            visible = self._index.archive_pages.visible(page, now)
            about = archive_digest(self._catalog, page.slug)
            key = digest(about, page.prev, page.next, [one[1:] for one in visible])
            if key == page.key and page.file_identity:
                self._index.archive_pages.put(page, key=key, file_identity=page.file_identity, dirty=False)
            else:
                position = ArchivePosition(folder=page.folder, prev=page.prev, next=page.next)
                linked = linked_feeds(self._catalog, page.slug, visible)
                job = PageJob(self._catalog.spec(page.slug), position, linked)
                yield RenderRequest(page, f"{page.slug}/{ARCHIVE}/{page.folder}", key, job, visible)


class Archives:
    """The pages of a site's archives on disk."""

    def __init__(self, index: Index, writer: Destination) -> None:
        self._index = index
        self._writer = writer

    def write(
        self, pages: StalePages, renderings: Iterator[Rendering[PageRow]], *,
        watch: Stopwatch, progress: Progress, limit: TimeLimit, foreign: ForeignFiles,
    ) -> WrittenPages:  # fmt: skip
        """Write pages that were rendered; no page is begun after the time limit, except the first one."""
        written: list[str] = []
        failed: list[str] = []
        limited = Limited(foreign.without_foreign(watch.during("archives", renderings), failed), limit)
        for group, result in write_in_groups(limited, self._writer, watch, progress):
            broken = {_folder(error.name) for error in result.failed}
            for rendering in group:
                names = [document.name for document in rendering.documents]
                is_broken = _folder(names[0]) in broken
                pages.published(rendering.request, None if is_broken else identity_on_disk(self._writer, names))
            written += result.written
            failed += map(str, result.failed)
        return WrittenPages(written, failed, is_all=not limited.is_cut)

    def write_new(
        self, pages: StalePages, root: str, executor: Executor, *, now: int, watch: Stopwatch, progress: Progress
    ) -> WrittenPages:
        """Let processes write the pages that are not on disk yet; they are durable once this returns.

        Many pages of a first archive go through no pipe, and are flushed together.
        """
        new: list[tuple[int, int, int]] = []

        def store(request: RenderRequest[PageRow], result: Result) -> None:
            page = request.row
            names = document_names(page.slug, page.folder)
            pages.published(request, None if result.failed else identity_on_disk(self._writer, names))
            new.append((page.feed, page.month, page.last))

        results = watch.during("archives", pages.written_folders(root, now=now, executor=executor))
        done = store_folders(
            results, store, index=self._index, writer=self._writer, watch=watch, progress=progress
        )  # fmt: skip
        if not done.is_durable:  # no feed may lead to what a power cut can still undo
            self._index.archive_pages.forget_pages(new)
        return WrittenPages(done.written, done.failed, is_all=True)

    def remove_unwanted(self) -> list[str]:
        """Remove the pages that are empty now, once nothing links to them; returns what failed."""
        failed = []
        for feed, month, last, slug in self._index.archive_pages.unwanted():
            try:
                self._writer.remove(document_names(slug, folder_of(month, last)))
                self._index.archive_pages.delete(feed, month, last)
            except PublishError as error:
                failed.append(str(error))
        return failed

    def check(self) -> None:
        """Compare all pages on disk with what was written; those that somebody else changed are written again.

        Those that are gone, as in another feeds folder, are new ones: they are written before what leads there.
        """
        changed: list[tuple[int, int, int]] = []
        missing: list[tuple[int, int, int]] = []
        for feed, month, last, slug, file_identity in self._index.archive_pages.written():
            names = document_names(slug, folder_of(month, last))
            if file_identity != identity_on_disk(self._writer, names):
                (missing if is_missing(self._writer, names) else changed).append((feed, month, last))
        self._index.archive_pages.forget_documents(changed)
        self._index.archive_pages.forget_documents(missing, missing=True)

    def adopt(self, slug: str) -> None:
        """Add the pages that are on disk to the index, so that none stays behind unnoticed."""
        for folder in self._writer.pages(slug):
            place = position_of(folder)
            if place is not None and not any(foreign_files(self._writer, document_names(slug, folder))):
                self._index.feeds.adopt(slug)
                self._index.archive_pages.adopt(slug, *place)


class Limited(Generic[Row]):
    """Renderings until a time limit, if any, but at least a few; `is_cut` says whether there would have been more."""

    def __init__(self, renderings: Iterator[Rendering[Row]], limit: TimeLimit | None, *, least: int = 1) -> None:
        self._renderings, self._limit, self._least = renderings, limit, least
        self._begun = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[Rendering[Row]]:
        """Return itself."""
        return self

    def __next__(self) -> Rendering[Row]:
        """Return the next one."""
        if self._limit is not None and self._begun >= self._least and self._limit.is_over():
            self.is_cut = True
            raise StopIteration
        rendering = next(self._renderings)
        self._begun += 1
        return rendering


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _by_month(requests: Iterator[RenderRequest[PageRow]]) -> Iterator[list[RenderRequest[PageRow]]]:
    """Cut requests by month, since pages of one month show the same items, and by `VISIBLE_TOGETHER`."""
    for _, month in groupby(requests, key=lambda one: one.row.month):
        batch: list[RenderRequest[PageRow]] = []
        count = 0
        for one in month:
            batch.append(one)
            count += len(one.visible)
            if count >= VISIBLE_TOGETHER:
                yield batch
                batch, count = [], 0
        if batch:
            yield batch
