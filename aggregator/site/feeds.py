"""One turn: changed paths in, the index brought up to date, the documents that must be written out.

Calls in order, decides nothing: what a seed is and where it belongs is decided in the normalizer, what a feed looks
like in the renderer. Touches the index; seeds are read by the reader it is given, documents are written by its caller.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import why_not_rendered
from aggregator.index.feeds import CHANGED, WAITING, FeedRow, VisibleItem
from aggregator.index.index import Index
from aggregator.index.intake import Intake
from aggregator.index.withdrawn import Withdrawn
from aggregator.model.archive_layout import month_of
from aggregator.model.feeds import SITE_FEED, Document, FeedSpec, FeedSummary
from aggregator.model.reports import PastTurn
from aggregator.model.seed_files import ReadSeeds
from aggregator.model.slugs import folded
from aggregator.normalizer import rules
from aggregator.normalizer.reading import Task, take_in
from aggregator.normalizer.seed import READING
from aggregator.normalizer.stored import unpack_outcomes, unpack_verdict
from aggregator.site import feed_batches, page_batches
from aggregator.site.feed_batches import FeedBatch, FeedTask, Shows
from aggregator.site.item_cache import Items
from aggregator.site.preparing import Manner
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.workers import Workers, in_order

if TYPE_CHECKING:
    from concurrent.futures import Executor

RENDERING = 8
"""Raised whenever the same feed would be rendered to other bytes than by this version so far."""

BATCH = 250

FEEDS_TOGETHER = 4
"""How many feeds are rendered at a time where others help: those that follow each other show many of the same items."""

KEPT_TURNS = 20
SMALLEST_ITEM = 100
MOST_TOMBSTONES = 100
"""How many withdrawn items a feed names: the latest. A mass deletion would make it larger than its items do."""


class Changes(NamedTuple):
    """What a scan found against the index: paths to read (new or changed) and paths that are gone, both sorted.

    `whole` is false where not the whole folder was looked at.
    """

    read: Collection[str]
    gone: Collection[str]
    whole: bool = True


class Rendering(NamedTuple):
    """A feed's documents, to be written and then reported to `Pipeline.published`; `waits` as for `_Wanted`."""

    row: FeedRow
    key: bytes
    summary: _Summary
    documents: tuple[Document, ...]
    waits: bool


class _View(NamedTuple):
    """What the current documents of a feed are made of; `months` are those of its archive, the newest first.

    `beyond` is the month of the first item that the feed's limit cuts off, None if there is none.
    """

    shown: list[VisibleItem]
    months: tuple[int, ...]
    beyond: int | None
    withdrawn: tuple[Withdrawn, ...]


class _Wanted(NamedTuple):
    """A feed that is to be rendered; where it `waits` for pages of its archive, it is to be once more."""

    row: FeedRow
    key: bytes
    view: _View
    task: FeedTask
    waits: bool


class _Summary(msgspec.Struct, frozen=True, array_like=True):
    """The part of a `FeedSummary` that the index stores."""

    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    daily: tuple[int, ...] = ()


class Pipeline:
    """The way from seeds to documents for one config and one index."""

    def __init__(self, config: Config, index: Index, reader: ReadSeeds, *, version: str) -> None:
        self.config = config
        self.index = index
        self._reader = reader
        self._policy = rules.policy_of(config)
        self._reading = f"{version} {READING} {config.timezone}"
        self._shows = digest(
            version, RENDERING, config.site, config.feed, config.related, config.rules.min_quality, config.topics
        )
        self._shelves = digest(
            version,
            RENDERING,
            config.site,
            config.feed.content,
            config.related,
            config.rules.min_quality,
            config.topics,
        )
        self.items = Items(index, Manner.of(config))
        self.urgent: list[str] = []
        """Feeds of `waiting` that changed, or whose documents are damaged."""
        self.waiting: list[str] = []
        """Feeds that would lead to a page of their archive that is not on disk yet."""
        self.faults: list[str] = []
        """Feeds that could not be rendered this time, because of a bug; each stays as it was."""
        self._names: dict[str, str] | None = None

    # -- in

    def must_reread(self) -> bool:
        """Say whether every file has to be read again: by another version, or since dates without an offset moved."""
        return self.index.meta("reading") not in {None, self._reading}

    def take(
        self, changes: Changes, *, now: int, workers: Workers | None = None,
        progress: Callable[[int], object] = int, watch: Stopwatch | None = None,
    ) -> Intake:  # fmt: skip
        """Bring the index up to date, in one transaction.

        Files are read and parsed by `workers`, in this thread without; `progress` is told how many were done, 0
        now and then meanwhile, `watch` how long it took.
        """
        with self.index.transaction():
            intake = Intake(
                self.index, policy=self._policy, now=now, settings=self.config.feed,
                keepalive=partial(progress, 0),
            )  # fmt: skip
            policy = digest(self._policy)
            intake.remove(changes.gone)
            if self.index.meta("policy") not in {None, policy}:
                intake.reapply_rules()
            intake.touch_due()  # before any file is read: one that says the same in other words is due all the same
            known = (lambda _: {}) if self.must_reread() else self.index.files.digests
            tasks = (
                Task(paths, tuple(digests.get(path, b"") for path in paths), self._policy, self.config.timezone, now)
                for paths in batches(changes.read)
                for digests in (known(paths),)
            )
            workers = workers or Workers(1)
            read = in_order(workers.executor(len(changes.read)), partial(take_in, self._reader), tasks)
            for packed in (watch or Stopwatch()).during("read", read):
                batch = unpack_outcomes(packed)
                intake.add(batch)
                progress(len(batch))
            workers.prepare(feed_batches.load)
            intake.finish()
            for slug in (SITE_FEED, *(query.slug for query in self.config.feeds_by_query)):
                self.index.feeds.add(slug, announced=True)
            self.index.set_meta("policy", policy)
            if changes.whole:
                self.index.set_meta("reading", self._reading)
            self._names = None
        return intake

    def start_over(self, now: int) -> None:
        """Forget all that can be made again.

        The versions that readers see at `now` stay as last good ones; what they saw until then counts as withdrawn,
        until it is shown again.
        """

        def remember() -> None:
            self.index.files.put_visible_as_last_good(now)
            if self.config.feed.tombstones:
                self.index.withdrawn.add_everything(now, self.config.feed.tombstones)

        self.index.start_over(remember)

    # -- out

    def count(self) -> int:
        """Count the feeds that `renderings` will at least look at."""
        shows_changed = self.index.meta("shows") != self._shows
        return sum(bool(row.dirty) or shows_changed for row in self.index.feeds.by_slug().values())

    def renderings(
        self, *, now: int, intact: Callable[[FeedRow], bool], only: Sequence[str] | None = None,
        meanwhile: bool = False, executor: Executor | None = None,
    ) -> Iterator[Rendering]:  # fmt: skip
        """Render the feeds whose documents are not what they must be, in their order.

        That happens on `executor`, a few feeds at a time; one after the other and in this thread without one. `intact`
        says whether a feed's documents lie on disk as they were written. Those that would lead readers to a page of the
        archive that is not there yet are left to a second call, with their list in `only` (`waiting`). Where that takes
        too long, those that are `urgent` are shown `meanwhile`, without the months to come.
        """
        wanted = self._wanted(now=now, intact=intact, only=only, meanwhile=meanwhile)
        if executor is not None:
            yield from self._together(executor, wanted, now)
            return
        for one in wanted:
            if rendering := self._render(one, now):
                yield rendering

    def _wanted(
        self, *, now: int, intact: Callable[[FeedRow], bool], only: Sequence[str] | None, meanwhile: bool
    ) -> Iterator[_Wanted]:
        """Give the feeds that do not show what they must."""
        if only is None:
            self.faults, self.waiting, self.urgent, self.items.notes = [], [], [], []
        shows_changed = self.index.meta("shows") != self._shows
        coming = self.index.archive_pages.coming_months() if only is None else {}
        for row in self.index.feeds.by_slug().values():
            whole = row.key is not None and intact(row)
            if (row.dirty or shows_changed or not whole) and (only is None or row.slug in only):
                view = self._view(row, now, on_disk=meanwhile)
                if row.summary is None and not view.shown:
                    continue
                self._compare_shelf(row)
                around = self._around(row.slug)
                key = digest(self._shows, self.spec(row.slug), around, view[1:], [one[1:] for one in view.shown])
                if key == row.key and whole:
                    self._settle(row, now, waits=meanwhile)
                elif row.file_identity is not None and coming.get(row.feed, -1) >= _oldest(view):
                    self._let_wait(row, whole=whole)
                else:
                    yield _Wanted(row, key, view, self._task(row.slug, view, around), meanwhile)

    def _let_wait(self, row: FeedRow, *, whole: bool) -> None:
        self.waiting.append(row.slug)
        if row.dirty == CHANGED or not whole:
            self.urgent.append(row.slug)
        self.index.feeds.mark_waiting(row.feed)

    def _view(self, row: FeedRow, now: int, *, on_disk: bool) -> _View:
        most = self._most
        shown = self.index.feeds.visible(row.feed, now, most and most + 1)
        beyond = month_of(unpack_verdict(shown[-1].verdict).published) if most and len(shown) > most else None
        months = self.index.archive_pages.months(row.feed, on_disk=on_disk)
        withdrawn = self.index.withdrawn.latest(row.slug, MOST_TOMBSTONES)
        return _View(shown[:most], months, beyond, withdrawn)

    def shelf(self, slug: str) -> bytes:
        """Give the digest of all that the pages of a feed's archive show besides their items."""
        return digest(self._shelves, self.spec(slug))

    def _compare_shelf(self, row: FeedRow) -> None:
        shelf = self.shelf(row.slug)
        if row.archive_digest != shelf:
            self.index.archive_pages.put_digest(row.feed, shelf)

    def published(self, rendering: Rendering, stamps: bytes | None) -> None:
        """Note that a feed's documents are on disk and what they look like; None where one could not be written."""
        self.index.feeds.put(
            rendering.row.feed,
            key=rendering.key if stamps is not None else None,
            file_identity=stamps,
            summary=msgspec.msgpack.encode(rendering.summary),
            dirty=CHANGED if stamps is None else WAITING * rendering.waits,
        )

    def site_documents(self, executor: Executor | None = None) -> tuple[Document, ...]:
        """Render the index page and the lists of all feeds; on `executor`, where it has loaded what that takes."""
        return next(in_order(executor, feed_batches.render_site, iter([(self.summaries(), self.config.site)])))

    def site_key(self) -> bytes:
        """Give the digest of all that the index page and the lists show."""
        return digest(self._shows, self.summaries())

    def finished(self) -> None:
        """Note that every feed now looks as this config wants it."""
        self.index.set_meta("shows", self._shows)

    def past_turns(self) -> tuple[PastTurn, ...]:
        """Give the last turns, the newest first."""
        stored = self.index.meta("turns")
        return msgspec.msgpack.decode(stored, type=tuple[PastTurn, ...]) if stored else ()

    def remember_turn(self, turn: PastTurn) -> None:
        """Note that a turn was taken, for those who ask how the site stands."""
        self.index.set_meta("turns", msgspec.msgpack.encode((turn, *self.past_turns()[: KEPT_TURNS - 1])))

    def summaries(self) -> tuple[FeedSummary, ...]:
        """Give what is published, feed by feed, the feed of everything first, then the config's order, then by name."""
        found = []
        for row in self.index.feeds.by_slug().values():
            if row.summary:
                stored = msgspec.msgpack.decode(row.summary, type=_Summary)
                found.append(
                    FeedSummary(
                        spec=self.spec(row.slug),
                        count=stored.count,
                        updated=stored.updated,
                        newest_title=stored.newest_title,
                        newest_published=stored.newest_published,
                        daily=stored.daily,
                    )
                )
        return tuple(
            sorted(
                found,
                key=lambda one: (
                    one.spec.slug != SITE_FEED,
                    one.spec.topic,
                    one.spec.order,
                    one.spec.title,
                    one.spec.slug,
                ),
            )
        )

    def spec(self, slug: str) -> FeedSpec:
        """Give what the feed `slug` is: by the config, else by the name that seeds use most."""
        site = self.config.site
        if slug == SITE_FEED:
            return FeedSpec(slug=slug, title=site.title, description=site.description)
        for place, query in enumerate(self.config.feeds_by_query):
            if query.slug == slug:
                return FeedSpec(slug=slug, title=query.title, description=query.description, order=place)
        topic = self._topics.get(slug)
        if topic is not None:
            return FeedSpec(
                slug=slug, title=topic.name, description=topic.description, parent=topic.parent, order=topic.order,
                topic=True, image=topic.image,
            )  # fmt: skip
        name = self._used_names.get(slug) or slug.replace("-", " ").title()
        return FeedSpec(slug=slug, title=name, topic=True, order=len(self._topics))

    def clashes(self) -> list[tuple[str, tuple[str, ...]]]:
        """Give the slugs that stand for two different names now, with the names."""
        used = ((slug, name) for slug, name, uses in self.index.feeds.topic_names() if uses > 0)
        return clashes(self.config, self._policy, used)

    @cached_property
    def _topics(self) -> Mapping[str, Any]:
        return {topic.slug: topic for topic in self.config.topics}

    @property
    def _used_names(self) -> Mapping[str, str]:
        if self._names is None:
            self._names = {}
            for slug, name, _ in self.index.feeds.topic_names():
                self._names.setdefault(slug, name)
        return self._names

    @property
    def _most(self) -> int | None:
        limit, most_bytes = self.config.feed.limit, self.config.feed.max_bytes
        if limit is None and most_bytes is not None:
            return most_bytes // SMALLEST_ITEM
        return limit

    def _settle(self, row: FeedRow, now: int, *, waits: bool) -> None:
        """Note that a feed shows what it showed; beyond its limit it may hold more items or fewer than before."""
        if row.dirty:
            stored = msgspec.msgpack.decode(row.summary or b"", type=_Summary)
            daily = self._daily(row, stored.newest_published, now)
            summary = msgspec.msgpack.encode(msgspec.structs.replace(stored, daily=daily))
            self.index.feeds.put(
                row.feed, key=row.key, file_identity=row.file_identity, summary=summary, dirty=WAITING * waits
            )

    def _daily(self, row: FeedRow, newest: datetime | None, now: int) -> tuple[int, ...]:
        return self.index.feeds.daily_counts(row.feed, int(newest.timestamp()), now) if newest else ()

    def _around(self, slug: str) -> tuple[FeedSpec, ...]:
        """Give the feeds above this one, for the page's breadcrumb."""
        found: list[FeedSpec] = []
        spec = self.spec(slug)
        while spec.parent and spec.parent not in {one.slug for one in found}:
            spec = self.spec(spec.parent)
            found.append(spec)
        return tuple(found)

    def _task(self, slug: str, view: _View, around: Sequence[FeedSpec]) -> FeedTask:
        """Say what a feed shows, but for its items; its page leads to those above it and to the topics of its items."""
        slugs = dict.fromkeys(slug for one in view.shown for slug, _ in unpack_verdict(one.verdict).topics)
        linked = (*around, *map(self.spec, slugs))
        withdrawn = tuple((one.id, one.at) for one in view.withdrawn)
        return FeedTask(self.spec(slug), linked, view.months, view.beyond, withdrawn, ())

    def _render(self, wanted: _Wanted, now: int) -> Rendering | None:
        """Render a feed; None where that fails, which leaves it as it was."""
        items, config = self.items.prepared(wanted.view.shown, now), self.config
        try:
            shows, documents = feed_batches.rendered(wanted.task, items, config.site, config.feed.max_bytes)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one feed meets must not harm the others
            self.faults.append(f"{wanted.row.slug}: {why_not_rendered(error)}")
            return None
        return self._rendering(wanted, shows, documents, now)

    def _rendering(self, wanted: _Wanted, shows: Shows, documents: tuple[Document, ...], now: int) -> Rendering:
        daily = self._daily(wanted.row, shows.newest_published, now)
        files = {one.id: one.file for one in wanted.view.shown}
        for id in shows.short:  # noqa: A001 - the field's own name
            self.items.shorten(files[id])
        stored = _Summary(shows.count, shows.updated, shows.newest_title, shows.newest_published, daily)
        return Rendering(wanted.row, wanted.key, stored, documents, wanted.waits)

    # -- in other processes

    def _together(self, executor: Executor, wanted: Iterator[_Wanted], now: int) -> Iterator[Rendering]:
        """Render a few feeds at a time on `executor`."""
        groups = iter(lambda: list(islice(wanted, FEEDS_TOGETHER)), [])
        sent: deque[list[_Wanted]] = deque()
        for result in in_order(executor, feed_batches.render, (self._packed(group, sent, now) for group in groups)):
            done = feed_batches.unpack_rendered(result)
            for file, kind in done.left_out:
                self.items.leave_out(file, kind)
            for one, feed in zip(sent.popleft(), done.feeds, strict=True):
                if isinstance(feed, str):
                    self.faults.append(f"{one.row.slug}: not rendered because of a bug in this program ({feed})")
                else:
                    yield self._rendering(one, feed.shows, page_batches.documents(feed.documents), now)

    def _packed(self, group: list[_Wanted], sent: deque[list[_Wanted]], now: int) -> bytes:
        sent.append(group)
        numbers = {
            shown: place for place, shown in enumerate(dict.fromkeys(one for each in group for one in each.view.shown))
        }
        feeds = [
            msgspec.structs.replace(one.task, items=tuple(numbers[shown] for shown in one.view.shown)) for one in group
        ]
        items = self.items.stored(numbers)
        config = self.config
        return feed_batches.pack(FeedBatch(config.site, self.items.manner, config.feed.max_bytes, now, items, feeds))


def _oldest(view: _View) -> int:
    """Give the oldest month that the current documents of a feed lead to, by `prev-archive` or `next_url`."""
    if view.beyond is not None or not view.shown:
        return view.beyond or 0
    return month_of(unpack_verdict(view.shown[-1].verdict).published)


def clashes(config: Config, policy: rules.Policy, used: Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Give the slugs that stand for two different topic names, of those in the config and those `used` by seeds."""
    names = {topic.slug: {folded(topic.name): topic.name} for topic in config.topics}
    for slug, name in used:
        if name and policy.slugs.get(folded(name)) != slug:
            names.setdefault(slug, {}).setdefault(folded(name), name)
    return [(slug, tuple(sorted(several.values()))) for slug, several in sorted(names.items()) if len(several) > 1]


def batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut paths into the batches that are read and handed over together."""
    rest = iter(paths)
    while batch := tuple(islice(rest, BATCH)):
        yield batch


def digest(*values: object) -> bytes:
    """Give a digest of plain values and structs."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()
