"""Which feeds are stale, and what their current documents show. Reads and updates the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregator.index.feeds import CHANGED, WAITING, FeedRow, VisibleItem
from aggregator.index.withdrawn import Withdrawn
from aggregator.model.archive_layout import month_of
from aggregator.normalizer.stored import unpack_verdict
from aggregator.site import named_feeds
from aggregator.site.catalog import Catalog, StoredSummary, pack_summary, unpack_summary
from aggregator.site.display_settings import digest
from aggregator.site.render_jobs import FeedJob
from aggregator.site.render_queue import Rendering, RenderQueue, RenderRequest

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.model.feeds import FeedSpec

FEEDS_TOGETHER = 4
"""How many feeds are sent to a process together: neighbours show many of the same items."""

SMALLEST_ITEM = 100
"""The fewest bytes that an item takes in a JSON feed."""

MOST_TOMBSTONES = 100
"""How many withdrawn items a feed names: the latest. A mass deletion would make it larger than its items do."""


class _View(NamedTuple):
    """What the current documents of a feed show; `months` are those of its archive, newest first.

    `beyond` is the month of the first item beyond the feed's limit, None if there is no such item; `older` are id and
    publication time of that item. `cuts` are the pages with which no month ends, of the months that matter.
    """

    visible: list[VisibleItem]
    months: tuple[int, ...]
    beyond: int | None
    withdrawn: tuple[Withdrawn, ...]
    older: tuple[str, int] | None
    cuts: tuple[tuple[int, int], ...]


class StaleFeeds:
    """The feeds whose documents are not what they must be, in one turn.

    `waiting` are those that would link to an archive page that is not on disk yet, `urgent` those of them that changed
    or whose documents are damaged.
    """

    def __init__(self, catalog: Catalog, queue: RenderQueue) -> None:
        self._catalog = catalog
        self._index = catalog.index
        self._settings = catalog.settings
        self._queue = queue
        self._ranked = {query.slug for query in catalog.config.feeds_by_query if query.sort == "score"}
        self.waiting: list[str] = []
        self.urgent: list[str] = []

    def count(self) -> int:
        """Return the number of feeds that `renderings` compares with what they must show, at least."""
        settings_changed = self._settings_changed()
        return sum(bool(row.dirty) or settings_changed for row in self._index.feeds.by_slug().values())

    def left_unpublished(self, now: int) -> frozenset[int]:
        """Return the feeds by name that are not published, since they have too few items or others have more."""
        rows = self._index.feeds.by_slug().values() if self._settings.feed.named else ()
        is_changed = self._settings_changed()
        return named_feeds.not_published(self._index, self._settings.feed, rows, now, compare_all=is_changed)

    def renderings(
        self, *, now: int, is_intact: Callable[[FeedRow], bool], executor: Executor | None = None
    ) -> Iterator[Rendering[FeedRow]]:
        """Render the stale feeds, in their order; those in `waiting` are left to `renderings_of`.

        Args:
            now: seconds since 1970.
            is_intact: returns whether the documents of a feed are on disk as they were written.
            executor: renders a few feeds at a time; without one this thread renders them one after the other.
        """
        coming = self._index.archive_pages.coming_months()
        return self._render(self._requests(now, is_intact, coming), now, executor)

    def renderings_of(
        self, slugs: Sequence[str], *, now: int, is_intact: Callable[[FeedRow], bool], is_provisional: bool
    ) -> Iterator[Rendering[FeedRow]]:
        """Render those of these feeds that are stale, in this thread.

        If `is_provisional`, they show only the archive pages on disk, and are rendered again in a later turn.
        """
        requests = self._requests(now, is_intact, {}, only=frozenset(slugs), is_provisional=is_provisional)
        return self._render(requests, now, None)

    def published(self, rendering: Rendering[FeedRow], identity: bytes | None, now: int) -> None:
        """Store what a feed's documents on disk show.

        Args:
            rendering: what was written.
            identity: that of the files on disk; None if one could not be written.
            now: seconds since 1970.
        """
        request, contents = rendering.request, rendering.contents
        assert contents is not None
        assert isinstance(request.job, FeedJob)
        self._index.feeds.put(
            request.row.feed,
            key=request.key if identity is not None else None,
            file_identity=identity,
            summary=pack_summary(
                StoredSummary(
                    count=contents.count,
                    updated=contents.updated,
                    newest_title=contents.newest_title,
                    newest_published=contents.newest_published,
                    newest_link=contents.newest_link,
                    daily=self._daily(request.row, contents.newest_published, now),
                    title=request.job.spec.title if self._is_named(request.row.slug) else "",
                )
            ),
            dirty=CHANGED if identity is None else WAITING * request.is_provisional,
        )

    def all_published(self) -> None:
        """Store that every feed looks as the settings want it."""
        self._index.set_meta("shows", self._settings.digest)

    def _is_named(self, slug: str) -> bool:
        return bool(named_feeds.prefix_of(slug, self._settings.feed))

    def _settings_changed(self) -> bool:
        return bool(self._index.meta("shows") != self._settings.digest)

    def _render(
        self, requests: Iterator[RenderRequest[FeedRow]], now: int, executor: Executor | None
    ) -> Iterator[Rendering[FeedRow]]:
        for rendering in self._queue.render(requests, now=now, executor=executor, cut=_in_groups):
            assert rendering.contents is not None
            files = {one.id: one.file for one in rendering.request.visible}
            for id in rendering.contents.shortened:  # noqa: A001 - the field's own name
                self._queue.items.note_shortened(files[id])
            yield rendering

    def _requests(
        self,
        now: int,
        is_intact: Callable[[FeedRow], bool],
        coming: dict[int, int],
        *,
        only: frozenset[str] | None = None,
        is_provisional: bool = False,
    ) -> Iterator[RenderRequest[FeedRow]]:
        settings_changed = self._settings_changed()
        rows, left = self._index.feeds.by_slug().values(), self.left_unpublished(now)
        self._index.feeds.mark_clean(row.feed for row in rows if row.dirty and row.feed in left)
        for row in rows:
            if row.feed in left:
                continue
            intact = row.key is not None and is_intact(row)
            if (row.dirty or settings_changed or not intact) and (only is None or row.slug in only):
                view = self._view(row, now, on_disk=is_provisional)
                if row.summary is None and not view.visible:
                    continue
                self._store_archive_digest(row)
                request = self._request(row, view, is_provisional=is_provisional)
                if request.key == row.key and intact:
                    self._settle(row, now, is_provisional=is_provisional)
                elif row.file_identity is not None and coming.get(row.feed, -1) >= self._oldest_linked(row, view):
                    self._let_wait(row, intact=intact)
                else:
                    yield request

    def _oldest_linked(self, row: FeedRow, view: _View) -> int:
        if row.slug in self._ranked and view.beyond is None:
            return min((month_of(unpack_verdict(one.verdict).published) for one in view.visible), default=0)
        return _oldest_linked_month(view)

    def _let_wait(self, row: FeedRow, *, intact: bool) -> None:
        self.waiting.append(row.slug)
        if row.dirty == CHANGED or not intact:
            self.urgent.append(row.slug)
        self._index.feeds.mark_waiting(row.feed)

    def _view(self, row: FeedRow, now: int, *, on_disk: bool) -> _View:
        most = self._most_items()
        if row.slug in self._ranked:
            return self._ranked_view(row, now, most, on_disk=on_disk)
        visible = self._index.feeds.visible(row.feed, now, most and most + 1)
        rest = visible[-1] if most and len(visible) > most else None
        return self._view_of(row, visible[:most], rest, on_disk=on_disk)

    def _ranked_view(self, row: FeedRow, now: int, most: int | None, *, on_disk: bool) -> _View:
        """Return the view of a feed that is sorted by score: of its newest items the best, the best first."""
        from aggregator.site.ranking import MOST_RANKED, ranked  # noqa: PLC0415 - few sites have scores

        newest = self._index.feeds.visible(row.feed, now, MOST_RANKED + 1)
        shown = ranked(self._index, self._catalog.policy, newest[:MOST_RANKED])[:most]
        files = {one.file for one in shown}
        rest = next((one for one in newest if one.file not in files), None)
        return self._view_of(row, shown, rest, on_disk=on_disk)

    def _view_of(
        self, row: FeedRow, visible: list[VisibleItem], rest: VisibleItem | None, *, on_disk: bool
    ) -> _View:  # fmt: skip
        """Return the view of a feed that shows the items `visible`, and beyond its limit has `rest` first."""
        pages = self._index.archive_pages
        older = (rest.id, unpack_verdict(rest.verdict).published) if rest is not None else None
        months = pages.months(row.feed, on_disk=on_disk)
        cuts: tuple[tuple[int, int], ...] = ()
        if older or self._settings.feed.max_bytes is not None:
            moments = [unpack_verdict(one.verdict).published for one in (*visible, *([rest] if rest else ()))]
            span = (month_of(min(moments)), month_of(max(moments))) if moments else (0, 0)
            cuts = pages.cuts(row.feed, span, on_disk=on_disk)
        withdrawn = self._index.withdrawn.latest(row.slug, MOST_TOMBSTONES)
        return _View(visible, months, older and month_of(older[1]), withdrawn, older, cuts)

    def _most_items(self) -> int | None:
        limit, max_bytes = self._settings.feed.limit, self._settings.feed.max_bytes
        if limit is None and max_bytes is not None:
            return max_bytes // SMALLEST_ITEM
        return limit

    def _store_archive_digest(self, row: FeedRow) -> None:
        found = archive_digest(self._catalog, row.slug)
        if row.archive_digest != found:
            self._index.archive_pages.put_digest(row.feed, found)
            if self._settings.items != "none" and row.archive_digest is not None:
                self._index.item_pages.mark_of_feed(row.feed, known=self._settings.items == "own")

    def _settle(self, row: FeedRow, now: int, *, is_provisional: bool) -> None:
        # The feed shows what it showed, but beyond its limit there may be more items than before, or fewer.
        if row.dirty:
            stored = unpack_summary(row.summary)
            daily = self._daily(row, stored.newest_published, now)
            summary = pack_summary(msgspec.structs.replace(stored, daily=daily))
            dirty = WAITING * is_provisional
            self._index.feeds.put(row.feed, key=row.key, file_identity=row.file_identity, summary=summary, dirty=dirty)

    def _daily(self, row: FeedRow, newest: datetime | None, now: int) -> tuple[int, ...]:
        return self._index.feeds.daily_counts(row.feed, int(newest.timestamp()), now) if newest else ()

    def _request(self, row: FeedRow, view: _View, *, is_provisional: bool) -> RenderRequest[FeedRow]:
        spec, ancestors = self._catalog.spec(row.slug), self._catalog.ancestors(row.slug)
        if self._is_named(row.slug) and (title := named_feeds.title_of(row.slug, self._settings.feed, view.visible)):
            spec = msgspec.structs.replace(spec, title=title)
        key = digest(self._settings.digest, spec, ancestors, view[1:], [one[1:] for one in view.visible])
        linked = linked_feeds(self._catalog, row.slug, view.visible)
        withdrawn = tuple((one.id, one.at) for one in view.withdrawn)
        job = FeedJob(
            spec=spec, linked=linked, months=view.months, beyond=view.beyond, withdrawn=withdrawn, older=view.older,
            cuts=view.cuts,
        )  # fmt: skip
        return RenderRequest(row, row.slug, key, job, view.visible, is_provisional)


def archive_digest(catalog: Catalog, slug: str) -> bytes:
    """Return the digest of all that the pages of a feed's archive show besides their items."""
    return digest(catalog.settings.archive_digest, catalog.spec(slug), catalog.ancestors(slug))


def linked_feeds(catalog: Catalog, slug: str, visible: Sequence[VisibleItem]) -> tuple[FeedSpec, ...]:
    """Return the other feeds that a page of the feed `slug` may link to: those above it, and its items' topics."""
    topics = dict.fromkeys(topic for one in visible for topic, _ in unpack_verdict(one.verdict).topics)
    return (*catalog.ancestors(slug), *map(catalog.spec, topics))


def _in_groups(requests: Iterator[RenderRequest[FeedRow]]) -> Iterator[list[RenderRequest[FeedRow]]]:
    return iter(lambda: list(islice(requests, FEEDS_TOGETHER)), [])


def _oldest_linked_month(view: _View) -> int:
    """Return the oldest month that the current documents link to, by `prev-archive` or `next_url`."""
    if view.beyond is not None or not view.visible:
        return view.beyond or 0
    return month_of(unpack_verdict(view.visible[-1].verdict).published)
