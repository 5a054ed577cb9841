"""The pages of items: which are stale, their rendering, writing and removal.

Touches the index and the published pages. How a page is called is decided in `model.item_pages`. A page is written
before any feed on disk links to it. What is withdrawn is removed at once, other pages after nothing links to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from aggregator.index.feeds import VisibleItem
from aggregator.index.item_pages import ItemPageRow
from aggregator.model.archive_layout import month_of
from aggregator.model.errors import PublishError
from aggregator.model.feeds import SITE_FEED
from aggregator.model.item_pages import is_own, page_name
from aggregator.normalizer.stored import unpack_verdict
from aggregator.publisher.ownership import foreign_files
from aggregator.site.archives import Limited, WrittenPages
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import DisplaySettings, digest
from aggregator.site.feeds import linked_feeds
from aggregator.site.item_cache import ItemCache
from aggregator.site.new_folders import store_folders
from aggregator.site.render_jobs import ItemJob, Result
from aggregator.site.render_queue import RenderQueue, RenderRequest
from aggregator.site.write_groups import identity_on_disk, is_missing, write_in_groups

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.index.index import Index
    from aggregator.publisher.destination import Destination
    from aggregator.site.foreign_files import ForeignFiles
    from aggregator.site.progress import Progress, TimeLimit
    from aggregator.site.stopwatch import Stopwatch

TOGETHER = 100
"""How many pages are compared together."""

SENT_TOGETHER = 25
"""How many pages are sent to a process together: what it has begun must end before a turn can."""

MANY_CHANGED = 2_000
"""Of more changed pages, while an edit may wait, none is looked at that could have moved: that took 1.5 s of 80,000.

An item without another link has a page that never moves, so no feed's link leads to one that is yet to be written.
"""

LEAST = 4
"""How many changed pages a turn writes whatever its time limit: a new item changes the two beside it."""


class SiteItemPages:
    """The pages of a site's items in one turn; `notes` are what a person should know of them."""

    def __init__(self, catalog: Catalog, items: ItemCache, writer: Destination, *, now: int) -> None:
        self._catalog = catalog
        self._index = catalog.index
        self._pages = catalog.index.item_pages
        self._writer = writer
        self._now = now
        self._settings = catalog.settings
        if self._settings.feed.content != "full":  # a page shows the whole text in any case
            feed = msgspec.structs.replace(self._settings.feed, content="full")
            items = ItemCache(self._index, msgspec.structs.replace(self._settings, feed=feed))
        self._queue = RenderQueue(items)
        self._feeds = {slug: row.feed for slug, row in self._index.feeds.by_slug().items()}
        self._everything = self._feeds.get(SITE_FEED, 0)
        self._leaves_moved = False
        self.notes: list[str] = []

    @property
    def faults(self) -> list[str]:
        """What a bug in this program made fail."""
        return self._queue.faults

    def begin(self) -> None:
        """Mark every page as changed if the config now says otherwise which there are, or how they look."""
        items, shows = self._settings.items, self._shows
        if self._index.meta("item_pages") != items or self._index.meta("items_show") != shows:
            self._pages.mark_all(known=items != "all")
            self._index.sitemap.mark([row.month for row in self._index.sitemap.rows()])
            self._index.set_meta("items_show", shows)
        if items != "none":  # else once all are removed
            self._index.set_meta("item_pages", items)

    @property
    def _shows(self) -> bytes:
        """The digest of what all pages show alike."""
        return digest(self._settings.archive_digest, self._settings.items)

    def check(self) -> None:
        """Compare all pages on disk with what was written; those that somebody else changed are written again.

        Those that are gone, as in another feeds folder, are new ones: they are written before what leads there.
        """
        changed = [
            row for row in self._pages.written() if row.file_identity != identity_on_disk(self._writer, [row.name])
        ]
        missing = {row.story for row in changed if is_missing(self._writer, [row.name])}
        self._pages.forget_documents(missing, missing=True)
        self._pages.forget_documents(row.story for row in changed if row.story not in missing)

    # -- writing

    def write(
        self, *, executor: Executor | None, watch: Stopwatch, progress: Progress, limit: TimeLimit | None,
        foreign: ForeignFiles,
    ) -> WrittenPages:  # fmt: skip
        """Write the stale pages that are on disk under their names, up to a time limit, or without one the others.

        These know no limit, since feeds lead there.
        """
        on_disk = limit is not None
        written: list[str] = []
        failed: list[str] = []
        requests = self._requests(foreign, failed, on_disk=on_disk, is_brief=progress.is_time_limited)
        renderings = self._queue.render(requests, now=self._now, executor=executor, cut=_cut)
        limited = Limited(watch.during("items", renderings), limit, least=LEAST)
        for group, result in write_in_groups(limited, self._writer, watch, progress):
            broken = {error.name for error in result.failed}
            with self._index.transaction(filled=False):
                for rendering in group:
                    names = {one.name for one in rendering.documents}
                    self._published(rendering.request.row, is_left_out=not names, is_broken=bool(names & broken))
            written += result.written
            failed += map(str, result.failed)
        return WrittenPages(written, failed, is_all=not (limited.is_cut or self._leaves_moved))

    def write_new(
        self, root: str, executor: Executor, *, watch: Stopwatch, progress: Progress, foreign: ForeignFiles
    ) -> WrittenPages:
        """Let processes write the pages that are not on disk yet; they are durable once this returns.

        Tens of thousands go through no pipe, and are flushed together.
        """
        in_the_way: list[str] = []
        stories: list[int] = []

        def store(request: RenderRequest[ItemPageRow], result: Result) -> None:
            is_left_out = not (result.written or result.unchanged or result.failed)
            self._published(request.row, is_left_out=is_left_out, is_broken=bool(result.failed))
            stories.append(request.row.story)

        requests = self._requests(foreign, in_the_way, on_disk=False, is_brief=progress.is_time_limited)
        results = watch.during(
            "items", self._queue.write_folders(requests, root=root, now=self._now, executor=executor, cut=_cut)
        )
        done = store_folders(
            results, store, index=self._index, writer=self._writer, watch=watch, progress=progress
        )  # fmt: skip
        if not done.is_durable:  # a power cut could still undo them, so they are flushed once more
            self._pages.forget_documents(stories, missing=True)
        return WrittenPages(done.written, [*in_the_way, *done.failed], is_all=True)

    def _requests(
        self, foreign: ForeignFiles, failed: list[str], *, on_disk: bool, is_brief: bool
    ) -> Iterator[RenderRequest[ItemPageRow]]:  # fmt: skip
        """Yield the pages to render; what is in the way of new ones is added to `failed`."""
        changed = self._pages.dirty(on_disk=True)
        self._leaves_moved = is_brief and len(changed) > MANY_CHANGED
        stories = iter(changed if on_disk else self._pages.dirty(on_disk=False))
        if not (on_disk or self._leaves_moved):
            stories = chain(stories, changed)
        while some := list(islice(stories, TOGETHER)):
            new: list[ItemPageRow] = []
            found = []
            for request in self._stale(some, on_disk=on_disk):
                if request.row.file_identity is None or not foreign.is_known:
                    if in_the_way := foreign.among([request.name]):
                        failed += in_the_way
                        continue
                    new.append(request.row)
                found.append(request)
            # Durable: after a power cut a page on disk that nobody knows would stay though its item is withdrawn.
            with self._index.transaction() if new else nullcontext():
                self._pages.reserve(new)
            yield from found

    def _stale(self, stories: Sequence[int], *, on_disk: bool) -> Iterator[RenderRequest[ItemPageRow]]:
        rows = self._pages.get(stories)
        taken: set[str] = set()
        for story, shown in self._visible(stories).items():
            row, name = rows[story], self._name(shown)
            if not name or (row.file_identity is not None and on_disk != (row.name == name)):
                continue
            if name in taken or self._pages.has_name(name, story):
                self.notes.append(f"{name}: two items would have this page (give one of them another `id`)")
                self._pages.settle([story])
            elif request := self._request(row, shown, name):
                taken.add(name)
                yield request

    def _visible(self, stories: Sequence[int]) -> dict[int, VisibleItem]:
        return self._pages.visible([one for one in stories if one > 0], self._everything, self._now)

    def _request(self, row: ItemPageRow, shown: VisibleItem, name: str) -> RenderRequest[ItemPageRow] | None:
        """Return the request to render a page, None if what is on disk is what it must be."""
        verdict = unpack_verdict(shown.verdict)
        topic = next((slug for slug, _ in verdict.topics if slug in self._feeds), "")
        beside = self._pages.neighbours(self._feeds[topic], shown.file, self._now) if topic else (None, None)
        newer, older = (self._name(one) if one is not None else "" for one in beside)
        linked = linked_feeds(self._catalog, topic or SITE_FEED, [shown])
        spec = self._catalog.spec(topic) if topic else None
        key = digest(self._shows, name, newer, older, spec, linked, shown[1:])
        if key == row.key and row.file_identity:
            self._pages.settle([row.story])
            return None
        own = is_own(verdict.link, self._settings.site.url)
        updated = verdict.updated or 0
        changed = max(verdict.published, updated if updated <= self._now else 0)
        listed = int(own)  # the sitemap names addresses that are canonical, and the others' is the source's
        identity = row.file_identity if row.name == name else None
        page = ItemPageRow(row.story, name, month_of(verdict.published), changed, listed, key, identity)
        job = ItemJob(name=name, topic=spec, newer=newer, older=older, linked=linked)
        return RenderRequest(page, name, key, job, [shown])

    def _name(self, shown: VisibleItem) -> str:
        """Return the name of an item's page, "" if it has none."""
        verdict, site = unpack_verdict(shown.verdict), self._settings.site.url
        if self._settings.items == "none" or (self._settings.items == "own" and not is_own(verdict.link, site)):
            return ""
        return page_name(shown.id, verdict.link, verdict.published, site)

    def _published(self, page: ItemPageRow, *, is_left_out: bool, is_broken: bool) -> None:
        before = self._pages.get([page.story])[page.story]
        identity = None if is_broken else identity_on_disk(self._writer, [page.name])
        if is_left_out:  # by a bug
            self._pages.settle([page.story])
        elif identity is None:  # it failed, or somebody has removed it since
            self._pages.put(before._replace(key=None), dirty=True)
        else:
            self._pages.put(page._replace(file_identity=identity))
            if before.name not in {"", page.name}:
                self._pages.adopt([before.name])  # it is removed once nothing leads there

    # -- what goes

    def hide_unwanted(self, *, is_all: bool) -> list[ItemPageRow]:
        """Take pages that are to be removed out of the sitemap, and return them.

        What nobody may see any more goes at once, whatever leads there; what the config no longer wants goes once
        nothing does, as far as `is_all` tells: everything else was published.
        """
        if is_all:
            stories = [*self._pages.dirty(on_disk=True), *self._pages.dirty(on_disk=False)]
            visible = self._visible(stories)
            gone = [one for one in stories if one not in visible or not self._name(visible[one])]
        else:
            gone = self._pages.withdrawn(self._everything, self._now)
        # A page on disk of which a story has the name is to be replaced: that may have failed.
        unwanted = [
            page for page in self._pages.get(gone).values()
            if page.story > 0 or not self._pages.has_name(page.name, page.story)
        ]  # fmt: skip
        for page in unwanted:
            self._pages.hide(page)
        return unwanted

    def remove(self, pages: Sequence[ItemPageRow], foreign: ForeignFiles, progress: Progress) -> list[str]:
        """Remove pages; return what failed."""
        failed = []
        for page in pages:
            progress.tick()  # a site that no longer wants pages has many
            try:
                self._writer.remove(foreign.without_theirs([page.name] if page.name else []))
                self._pages.delete(page, self._now)
            except PublishError as error:
                failed.append(str(error))
        if pages:
            self._pages.forget_gone()
        return failed

    def all_removed(self) -> None:
        """Store that nothing is left of the pages of a site that has none any more."""
        self._index.set_meta("item_pages", "none")


def adopt(index: Index, writer: Destination) -> None:
    """Add the pages of items that are on disk to the index, so that none of them stays behind unnoticed."""
    found = writer.item_pages()
    if found:
        foreign = set(foreign_files(writer, found))
        index.item_pages.adopt(name for name in found if name not in foreign)
        index.set_meta("item_pages", "found")


def is_used(index: Index, settings: DisplaySettings) -> bool:
    """Return whether a site has pages of items, or had some that are still there."""
    if settings.items == "all" or index.meta("item_pages") not in {None, "none"}:
        return True
    return settings.items == "own" and not index.item_pages.is_empty()


def _cut(requests: Iterator[RenderRequest[ItemPageRow]]) -> Iterator[list[RenderRequest[ItemPageRow]]]:
    return iter(lambda: list(islice(requests, SENT_TOGETHER)), [])
