"""What one turn publishes: the feeds, the pages of their archives and the pages of the site, in a safe order.

Touches the index and the published documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from aggregator.index.feeds import FeedRow
from aggregator.index.index import Index
from aggregator.model.document_names import FEED_DOCUMENTS, RSS, SITE_DOCUMENTS
from aggregator.model.errors import PublishError
from aggregator.publisher.ownership import is_ours
from aggregator.site import item_pages, render_jobs
from aggregator.site.archives import Archives, StalePages, WrittenPages
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import digest
from aggregator.site.feeds import StaleFeeds
from aggregator.site.foreign_files import ForeignFiles
from aggregator.site.item_cache import ItemCache
from aggregator.site.item_pages import SiteItemPages
from aggregator.site.progress import Progress, TimeLimit
from aggregator.site.render_queue import Rendering, RenderQueue
from aggregator.site.sitemap import SiteSitemap
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.workers import MANY_FEEDS, MANY_PAGES, Workers, in_order
from aggregator.site.write_groups import identity_on_disk, write_in_groups

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.model.feeds import Document
    from aggregator.publisher.destination import Destination

LONGEST_WAIT, FEW_PAGES = 0.05, 4
"""How long, in seconds, a feed that changed waits for new pages of its archive; then it is published without them.

If there are more than so many new pages it does not wait at all: a first archive takes many turns.
"""


class Publishing:
    """Brings the published documents up to date with the index; make one for each turn and call `publish`.

    `rendered` are the feeds that were rendered, `written` the documents that were written, `failed` what could not be.
    `is_unfinished` says that archive pages are left for later turns, `is_foreign` that somebody else changed what was
    published.
    """

    def __init__(
        self, catalog: Catalog, items: ItemCache, writer: Destination, *,
        watch: Stopwatch, progress: Progress, adopt: bool,
    ) -> None:  # fmt: skip
        self._catalog = catalog
        self._index = catalog.index
        self._writer = writer
        self._watch = watch
        self._progress = progress
        self._items = items
        self._queue = RenderQueue(items)
        self._feeds = StaleFeeds(catalog, self._queue)
        self._pages = StalePages(catalog, self._queue)
        self._archives = Archives(self._index, writer)
        self._foreign = ForeignFiles(self._index, writer, location=catalog.config.feeds, adopt=adopt)
        self.rendered: list[str] = []
        self.written: list[str] = []
        self.failed: list[str] = []
        self.is_unfinished = self.is_foreign = False
        self._item_pages: SiteItemPages | None = None

    def publish(self, workers: Workers, now: int, *, trust_disk: bool) -> None:
        """Write what must be written; with `trust_disk`, without checking whether somebody else changed documents."""
        self._items.notes.clear()
        try:
            self._writer.begin(now, relist=not trust_disk)
        except PublishError as error:
            self.failed.append(str(error))
            return
        if not trust_disk:
            if found := self._foreign.before_publishing(now, self._feeds.left_unpublished(now)):
                self.failed += found
                return
            self._archives.check()
        if item_pages.is_used(self._index, self._catalog.settings):
            self._item_pages = item_pages.SiteItemPages(self._catalog, self._items, self._writer, now=now)
            self._item_pages.begin()
            if not trust_disk:
                self._item_pages.check()
        pages = self._publish_feeds_and_pages(workers, now, self._is_written if trust_disk else self._is_intact)
        # What fails is tried again when there is another reason for a turn; it does not hold up what does not.
        self.is_unfinished = not pages.is_all and (not self.failed or bool(pages.written))
        if pages.is_all:  # even if something failed: that may be for ever, and what was withdrawn must go (G12)
            self.failed += self._archives.remove_unwanted()
        self.failed += self._queue.faults
        if not self.failed:
            self._feeds.all_published()
        self._publish_site(workers)
        if self._item_pages is not None:
            self._publish_sitemap(self._item_pages, trust_disk=trust_disk, is_all=pages.is_all)
        if not trust_disk and not self.failed:
            self._foreign.nothing_found()

    def _publish_feeds_and_pages(
        self, workers: Workers, now: int, is_intact: Callable[[FeedRow], bool]
    ) -> WrittenPages:
        """Write feeds and pages in such an order that a page is written before anything on disk links to it."""
        # All new ones, whoever waits: a page may be the link of its item.
        self._write_item_pages(workers, None)
        executor = self._executor_for_feeds(workers)
        self._write_feeds(self._feeds.renderings(now=now, is_intact=is_intact, executor=executor), now)
        is_urgent = bool(self._feeds.urgent)
        if is_urgent and self._progress.is_time_limited and self._pages.count(on_disk=False) > FEW_PAGES:
            self._write_waiting(self._feeds.urgent, now, is_intact, is_provisional=True)
            is_urgent = False
        limit = TimeLimit(self._progress, LONGEST_WAIT if is_urgent else math.inf)
        pages = self._write_pages(workers, now, limit, on_disk=False)
        if pages.is_all:
            # Without the pages that could not be written: nothing may lead there.
            self._write_waiting(self._feeds.waiting, now, is_intact, is_provisional=bool(pages.failed))
            pages = self._write_pages(workers, now, limit, on_disk=True)
        elif is_urgent:
            self._write_waiting(self._feeds.urgent, now, is_intact, is_provisional=True)
        items = self._write_item_pages(workers, limit)
        return WrittenPages(pages.written + items.written, pages.failed + items.failed, pages.is_all and items.is_all)

    def _write_waiting(
        self, slugs: Sequence[str], now: int, is_intact: Callable[[FeedRow], bool], *, is_provisional: bool
    ) -> None:
        renderings = self._feeds.renderings_of(slugs, now=now, is_intact=is_intact, is_provisional=is_provisional)
        self._write_feeds(renderings, now)

    def _executor_for_feeds(self, workers: Workers) -> Executor | None:
        # A time-limited turn starts no processes, which takes too long, but uses those of a large intake.
        if self._progress.is_time_limited:
            return workers.started
        return workers.executor(self._feeds.count(), many=MANY_FEEDS)

    def _write_feeds(self, renderings: Iterator[Rendering[FeedRow]], now: int) -> None:
        rendered = self._foreign.without_foreign(self._with_ticks(renderings), self.failed)
        wanted = self._watch.during("feeds", rendered)
        for group, result in write_in_groups(wanted, self._writer, self._watch, self._progress):
            broken = {error.name.partition("/")[0] for error in result.failed}
            for rendering in group:
                slug = rendering.request.row.slug
                self.rendered.append(slug)
                self._feeds.published(rendering, None if slug in broken else self._identity(slug), now)
            self.written += result.written
            self.failed += map(str, result.failed)

    def _with_ticks(self, renderings: Iterator[Rendering[FeedRow]]) -> Iterator[Rendering[FeedRow]]:
        for rendering in renderings:
            self._progress.tick()
            yield rendering

    def _write_pages(self, workers: Workers, now: int, limit: TimeLimit, *, on_disk: bool) -> WrittenPages:
        # A time-limited turn sends no pages to processes: what they had begun at the limit would be lost.
        count = 0 if self._progress.is_time_limited else self._pages.count(on_disk=on_disk)
        executor = workers.executor(count, many=MANY_PAGES) if count else None
        root = self._root_for(executor, workers)
        if executor is not None and root and not on_disk:
            pages = self._archives.write_new(
                self._pages, root, executor, now=now, watch=self._watch, progress=self._progress
            )
        else:
            renderings = self._pages.renderings(now=now, on_disk=on_disk, executor=executor)
            pages = self._archives.write(
                self._pages, renderings, watch=self._watch, progress=self._progress, limit=limit, foreign=self._foreign
            )
        self.written += pages.written
        self.failed += pages.failed
        return pages

    def _root_for(self, executor: Executor | None, workers: Workers) -> str | None:
        """Return the folder to which the processes of an executor may write new documents, None if to none."""
        is_here = executor is not None and executor is workers.started
        return self._writer.shared_folder if is_here and self._foreign.has_checked_all else None

    def _write_item_pages(self, workers: Workers, limit: TimeLimit | None) -> WrittenPages:
        """Write the stale pages of items: those on disk up to a time limit, or without one those that are new."""
        if self._item_pages is None:
            return WrittenPages([], [], is_all=True)
        if self._progress.is_time_limited:  # starts no processes, but uses those of a large intake for what cannot wait
            executor = workers.started if limit is None else None
        else:
            count = len(self._index.item_pages.dirty(on_disk=limit is not None))
            executor = workers.executor(count, many=MANY_PAGES)
        root = self._root_for(executor, workers)
        if limit is None and executor is not None and root:
            written = self._item_pages.write_new(
                root, executor, watch=self._watch, progress=self._progress, foreign=self._foreign
            )
        else:
            written = self._item_pages.write(
                executor=executor, watch=self._watch, progress=self._progress, limit=limit, foreign=self._foreign
            )
        self.written += written.written
        self.failed += written.failed
        return written

    def _publish_sitemap(self, pages: SiteItemPages, *, trust_disk: bool, is_all: bool) -> None:
        """Bring the sitemap up to date, then remove the pages that it no longer names."""
        self.failed += pages.faults
        self._items.notes += pages.notes
        unwanted = pages.hide_unwanted(is_all=is_all and not self.failed)
        sitemap = SiteSitemap(self._catalog, self._writer, self._foreign)
        if self._catalog.settings.items == "none":
            sitemap.remove()
        else:
            sitemap.write(trust_disk=trust_disk)
        self.written += sitemap.written
        self.failed += sitemap.failed
        # Also if something failed: that may be for ever, and what was withdrawn must not stay for as long (G12).
        self.failed += pages.remove(unwanted, self._foreign, self._progress)
        if is_all and not self.failed and self._catalog.settings.items == "none":
            pages.all_removed()

    def _publish_site(self, workers: Workers) -> None:
        key = digest(self._catalog.settings.digest, self._catalog.summaries())
        known = self._index.meta("site") or b""
        identity = identity_on_disk(self._writer, SITE_DOCUMENTS) or b""
        if known != key + identity:
            # If the documents of feeds are trusted, a foreign change is noticed here, or only by the next full scan.
            self.is_foreign = known[len(key) :] not in {b"", identity}
            if not known and (found := self._foreign.among(SITE_DOCUMENTS)):
                self.failed += found
                return
            result = self._writer.publish(site_documents(self._catalog, workers.started))
            self.written += result.written
            self.failed += map(str, result.failed)
            identity = b"" if result.failed else identity_on_disk(self._writer, SITE_DOCUMENTS) or b""
            self._index.set_meta("site", key + identity if identity else b"")

    # -- what is on disk

    def _is_written(self, row: FeedRow) -> bool:
        return row.file_identity is not None

    def _is_intact(self, row: FeedRow) -> bool:
        return row.file_identity is not None and row.file_identity == self._identity(row.slug)

    def _identity(self, slug: str) -> bytes | None:
        return identity_on_disk(self._writer, (f"{slug}/{name}" for name in FEED_DOCUMENTS))


def site_documents(catalog: Catalog, executor: Executor | None = None) -> tuple[Document, ...]:
    """Render the index page and the lists of all feeds, on `executor` if it has loaded what that takes."""
    if executor is None:
        from aggregator.site.compiled_templates import keep_compiled_templates  # noqa: PLC0415 - jinja

        keep_compiled_templates()
    return next(in_order(executor, render_jobs.render_site, iter([(catalog.summaries(), catalog.config.site)])))


def is_last_published(index: Index, writer: Destination) -> bool:
    """Return whether the pages of the site on disk are those that this index had written, and no later ones."""
    known = index.meta("site")
    return bool(known) and known.endswith(identity_on_disk(writer, SITE_DOCUMENTS) or b"-")


def adopt_published(index: Index, writer: Destination) -> None:
    """Add the feeds and archive pages that are on disk to the index, so that none of them stays behind unnoticed."""
    archives = Archives(index, writer)
    with index.transaction(filled=False):
        for slug in writer.feeds():
            start = writer.read_start(f"{slug}/{RSS}")
            if start is not None and is_ours(RSS, start):
                index.feeds.adopt(slug)
            archives.adopt(slug)
        item_pages.adopt(index, writer)
