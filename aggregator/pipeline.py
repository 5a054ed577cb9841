"""One turn: changed paths in, the index brought up to date, the documents that must be written out.

Calls in order, decides nothing: what a seed is and where it belongs is decided in the normalizer, what a feed looks
like in the renderer. Touches the index; seeds are read by the reader it is given, documents are written by its caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregator.archive_index import Withdrawn
from aggregator.archive_names import folder_of, month_of
from aggregator.config import Config
from aggregator.database import why_not_rendered
from aggregator.index import FeedRow, Index, Shown
from aggregator.intake import Intake, chunks, last_said
from aggregator.model import SITE_FEED, Document, Feed, FeedSpec, FeedSummary, Item, PastTurn, Place, Tombstone
from aggregator.normalizer import rules
from aggregator.normalizer.seed import READING
from aggregator.outcome import Reader, Task, take_in, unpack_outcomes, unpack_verdict, whole
from aggregator.preparing import Manner, prepare
from aggregator.stopwatch import Stopwatch
from aggregator.upkeep import bring_up_to_date
from aggregator.workers import in_order

if TYPE_CHECKING:
    from concurrent.futures import Executor

RENDERING = 2
"""Raised whenever the same feed would be rendered to other bytes than before."""

BATCH = 250

KEPT_ITEMS = 2_000
KEPT_TURNS = 20
SMALLEST_ITEM = 100
MOST_TOMBSTONES = 100
"""How many withdrawn items a feed names: the latest. A mass deletion would make it larger than its items do."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Changes(NamedTuple):
    """What a scan found against the index: paths to read (new or changed) and paths that are gone, both sorted.

    `whole` is false where not the whole folder was looked at.
    """

    read: Collection[str]
    gone: Collection[str]
    whole: bool = True


class Rendering(NamedTuple):
    """A feed's documents, to be written and then reported to `Pipeline.published`."""

    row: FeedRow
    key: bytes
    summary: FeedSummary
    documents: tuple[Document, ...]


class _View(NamedTuple):
    """What the current documents of a feed are made of; `months` are those of its archive, the newest first.

    `beyond` is the month of the first item that the feed's limit cuts off, None if there is none.
    """

    shown: list[Shown]
    months: tuple[int, ...]
    beyond: int | None
    withdrawn: tuple[Withdrawn, ...]


class _Summary(msgspec.Struct, frozen=True, array_like=True):
    """The part of a `FeedSummary` that the index stores."""

    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    daily: tuple[int, ...] = ()


class Pipeline:
    """The way from seeds to documents for one config and one index."""

    def __init__(self, config: Config, index: Index, reader: Reader, *, version: str) -> None:
        self.config = config
        self.index = index
        self._reader = reader
        self._policy = rules.policy_of(config)
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
        self._items: dict[Shown, Item | None] = {}
        self.waiting: list[str] = []
        """Feeds that would lead to a page of their archive that is not on disk yet."""
        self.faults: list[str] = []
        """Feeds that could not be rendered this time, because of a bug; each stays as it was."""
        self.left_out: list[str] = []
        """Seeds whose items are not shown for the same reason."""
        self._names: dict[str, str] | None = None

    # -- in

    def must_reread(self) -> bool:
        """Say whether every file has to be read again: dates without an offset now mean another moment."""
        return self.index.meta("reading") not in {None, self._reading}

    @property
    def _reading(self) -> str:
        return f"{READING} {self.config.timezone}"

    def take(
        self, changes: Changes, *, now: int, executor: Executor | None = None,
        progress: Callable[[int], object] = int, watch: Stopwatch | None = None,
    ) -> Intake:  # fmt: skip
        """Bring the index up to date, in one transaction.

        Files are read and parsed on `executor`, in this thread without one; `progress` is told how many were done,
        `watch` how long it took.
        """
        with self.index.transaction():
            intake = Intake(self.index, policy=self._policy, now=now, tombstones=self.config.feed.tombstones)
            policy = digest(self._policy)
            intake.remove(changes.gone)
            if self.index.meta("policy") not in {None, policy}:
                intake.decide_again()
            known = (lambda _: {}) if self.must_reread() else self.index.digests
            tasks = (
                Task(paths, tuple(digests.get(path, b"") for path in paths), self._policy, self.config.timezone, now)
                for paths in batches(changes.read)
                for digests in (known(paths),)
            )
            read = in_order(executor, partial(take_in, self._reader), tasks)
            for packed in (watch or Stopwatch()).during("read", read):
                batch = unpack_outcomes(packed)
                intake.add(batch)
                progress(len(batch))
            intake.look_at_due()
            intake.finish()
            bring_up_to_date(self.index, self.config.feed, intake, now)
            for slug in (SITE_FEED, *(query.slug for query in self.config.feeds_by_query)):
                self.index.add_feed(slug, announced=True)
            self.index.set_meta("policy", policy)
            if changes.whole:
                self.index.set_meta("reading", self._reading)
            self._names = None
        return intake

    def start_over(self, now: int) -> None:
        """Forget all that can be made again; what readers see at `now` and will see no more counts as withdrawn."""
        if self.config.feed.tombstones:
            with self.index.transaction(filled=False):
                self.index.archive.withdraw_everything(now, last_said(now, self.config.feed.tombstones))
        self.index.start_over(now)

    # -- out

    def renderings(
        self, *, now: int, intact: Callable[[FeedRow], bool], only: Sequence[str] | None = None
    ) -> Iterator[Rendering]:
        """Render, one after the other, the feeds whose documents are not what they must be.

        `intact` says whether a feed's documents lie on disk as they were written. Those that would lead readers to a
        page of the archive that is not there yet are left to a second call, with their list in `only` (`waiting`).
        """
        if only is None:
            self.faults, self.left_out, self.waiting = [], [], []
        shows_changed = self.index.meta("shows") != self._shows
        coming = self.index.archive.coming_months() if only is None else {}
        for row in self.index.feeds().values():
            whole = row.key is not None and intact(row)
            if (row.dirty or shows_changed or not whole) and (only is None or row.slug in only):
                view = self._view(row, now)
                if row.summary is None and not view.shown:
                    continue
                self._compare_shelf(row)
                around = self._around(row.slug)
                key = digest(self._shows, self.spec(row.slug), around, view[1:], [one[1:] for one in view.shown])
                if key == row.key and whole:
                    self._settle(row, now)
                elif row.stamps is not None and coming.get(row.feed, -1) >= _oldest(view):
                    self.waiting.append(row.slug)
                    self.index.mark_dirty([row.feed])
                elif rendering := self._render(row, key, view, around, now):
                    yield rendering

    def _view(self, row: FeedRow, now: int) -> _View:
        most = self._most
        shown = self.index.shown(row.feed, now, most and most + 1)
        beyond = month_of(unpack_verdict(shown[-1].verdict).published) if most and len(shown) > most else None
        months = self.index.archive.months(row.feed)
        withdrawn = self.index.archive.withdrawn(row.slug, MOST_TOMBSTONES)
        return _View(shown[:most], months, beyond, withdrawn)

    def shelf(self, slug: str) -> bytes:
        """Give the digest of all that the pages of a feed's archive show besides their items."""
        return digest(self._shelves, self.spec(slug))

    def _compare_shelf(self, row: FeedRow) -> None:
        shelf = self.shelf(row.slug)
        if row.shelf != shelf:
            self.index.put_shelf(row.feed, shelf)

    def published(self, rendering: Rendering, stamps: bytes | None) -> None:
        """Note that a feed's documents are on disk and what they look like; None where one could not be written."""
        one = rendering.summary
        summary = _Summary(one.count, one.updated, one.newest_title, one.newest_published, one.daily)
        self.index.put_feed(
            rendering.row.feed,
            key=rendering.key if stamps is not None else None,
            stamps=stamps,
            summary=msgspec.msgpack.encode(summary),
            dirty=stamps is None,
        )

    def site_documents(self) -> tuple[Document, ...]:
        """Render the index page and the lists of all feeds."""
        from aggregator.renderer import opml, page  # noqa: PLC0415 - Jinja2 is loaded when there is something to render

        summaries = self.summaries()
        return (page.render_index(summaries, self.config.site), *opml.render(summaries, self.config.site))

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
        for row in self.index.feeds().values():
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
        used = ((slug, name) for slug, name, uses in self.index.topic_names() if uses > 0)
        return clashes(self.config, self._policy, used)

    @cached_property
    def _topics(self) -> Mapping[str, Any]:
        return {topic.slug: topic for topic in self.config.topics}

    @property
    def _used_names(self) -> Mapping[str, str]:
        if self._names is None:
            self._names = {}
            for slug, name, _ in self.index.topic_names():
                self._names.setdefault(slug, name)
        return self._names

    @property
    def _most(self) -> int | None:
        limit, most_bytes = self.config.feed.limit, self.config.feed.max_bytes
        if limit is None and most_bytes is not None:
            return most_bytes // SMALLEST_ITEM
        return limit

    def _settle(self, row: FeedRow, now: int) -> None:
        """Note that a feed shows what it showed; beyond its limit it may hold more items or fewer than before."""
        if row.dirty:
            stored = msgspec.msgpack.decode(row.summary or b"", type=_Summary)
            daily = self._daily(row, stored.newest_published, now)
            summary = msgspec.msgpack.encode(msgspec.structs.replace(stored, daily=daily))
            self.index.put_feed(row.feed, key=row.key, stamps=row.stamps, summary=summary, dirty=False)

    def _daily(self, row: FeedRow, newest: datetime | None, now: int) -> tuple[int, ...]:
        return self.index.daily(row.feed, int(newest.timestamp()), now) if newest else ()

    def _around(self, slug: str) -> tuple[FeedSpec, ...]:
        """Give the feeds above this one, for the page's breadcrumb."""
        found: list[FeedSpec] = []
        spec = self.spec(slug)
        while spec.parent and spec.parent not in {one.slug for one in found}:
            spec = self.spec(spec.parent)
            found.append(spec)
        return tuple(found)

    def _render(self, row: FeedRow, key: bytes, view: _View, around: Sequence[FeedSpec], now: int) -> Rendering | None:
        """Render a feed; None where that fails, which leaves it as it was."""
        items = tuple(item for item in self.prepared(view.shown, now) if item is not None)
        above = [FeedSummary(spec=one, count=0, updated=_EPOCH) for one in (*around, *self._tagged(items))]
        try:
            return self._rendered(row, key, self._current(row.slug, items, view), above, now)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one feed meets must not harm the others
            self.faults.append(f"{row.slug}: {why_not_rendered(error)}")
            return None

    def _current(self, slug: str, items: tuple[Item, ...], view: _View) -> Feed:
        """Put together what the current documents of a feed show."""
        from aggregator.renderer import json_feed  # noqa: PLC0415 - see site_documents

        spec, beyond = self.spec(slug), view.beyond
        if self.config.feed.max_bytes is not None:
            # Room for the link to the rest is kept wherever there may be one, so that it is not what decides.
            place = Place(rest=folder_of(view.months[0])) if view.months else Place()
            count = json_feed.fitting(items, spec, self.config.site, self.config.feed.max_bytes, place=place)
            if count < len(items):
                beyond = month_of(int(items[count].published.timestamp()))
            items = items[:count]
        folders = tuple(map(folder_of, view.months))
        rest = "" if beyond is None else next((folder_of(month) for month in view.months if month <= beyond), "")
        ids = {item.id for item in items}
        return Feed(
            spec=spec, items=items, updated=max((item.updated for item in items), default=_EPOCH),
            place=Place(prev=folders[0] if folders else "", rest=rest), months=folders,
            tombstones=tuple(
                Tombstone(id=one.id, when=datetime.fromtimestamp(one.at, UTC))
                for one in view.withdrawn
                if one.id not in ids
            ),
        )  # fmt: skip

    def _rendered(self, row: FeedRow, key: bytes, feed: Feed, above: Sequence[FeedSummary], now: int) -> Rendering:
        from aggregator.renderer import atom, json_feed, page, rss  # noqa: PLC0415 - see site_documents

        spec, site, items = feed.spec, self.config.site, feed.items
        newest = items[0].published if items else None
        summary = FeedSummary(
            spec=spec, count=len(items), updated=feed.updated, newest_title=items[0].title if items else "",
            newest_published=newest, daily=self._daily(row, newest, now),
        )  # fmt: skip
        linked = [FeedSummary(spec=spec, count=0, updated=_EPOCH), *above]
        documents = (
            rss.render(feed, site),
            atom.render(feed, site),
            json_feed.render(feed, site),
            page.render(feed, site, linked),
        )
        return Rendering(row, key, summary, documents)

    def _tagged(self, items: Sequence[Item]) -> list[FeedSpec]:
        """Give the topic feeds that the tags of these items name."""
        slugs = dict.fromkeys(rules.slug_for(tag, self._policy) for item in items for tag in item.topics)
        return [self.spec(slug) for slug in slugs]

    def prepared(self, shown: Sequence[Shown], now: int) -> tuple[Item | None, ...]:
        """Give the items of a feed, None for those left out; prepares what no feed has shown since it changed."""
        missing = [one for one in shown if one not in self._items]
        if len(self._items) + len(missing) > KEPT_ITEMS:
            # The older half goes: pages of one month follow each other, and many of them show the same items.
            kept = dict(islice(self._items.items(), len(self._items) // 2, None))
            self._items = kept | {one: self._items[one] for one in shown if one in self._items}
        for chunk in chunks(missing, 500):
            stored = self._seeds(chunk)
            for one in chunk:
                self._items[one] = self._item(whole(stored[one.file], one.content), one, now)
        return tuple(self._items[one] for one in shown)

    def stored(self, shown: Sequence[Shown]) -> dict[int, bytes]:
        """Give the stored seeds of what feeds show, by file."""
        return {file: seed for chunk in chunks(shown, 500) for file, seed in self._seeds(chunk).items()}

    def _seeds(self, shown: Sequence[Shown]) -> dict[int, bytes]:
        return self.index.seeds([one.file for one in shown])

    @cached_property
    def manner(self) -> Manner:
        """What decides how a seed is shown."""
        config = self.config
        return Manner(
            content=config.feed.content, related=config.related, min_quality=config.rules.min_quality,
            topics={slug: topic.name for slug, topic in self._topics.items()},
        )  # fmt: skip

    def _item(self, packed: bytes, shown: Shown, now: int) -> Item | None:
        """Prepare an item; None where that fails, which leaves it out of its feeds."""
        try:
            return prepare(packed, shown.verdict, shown.id, self.manner, now)
        except Exception as error:  # noqa: BLE001 - as above
            self.leave_out(shown.file, type(error).__name__)
            return None

    def leave_out(self, file: int, kind: str) -> None:
        """Note that the item of a file is left out, since preparing it raised an error of this kind."""
        path = next(self.index.files("file=?", (file,))).path
        note = f"{path}: left out because of a bug in this program ({kind})"
        if note not in self.left_out:
            self.left_out.append(note)


def _oldest(view: _View) -> int:
    """Give the oldest month that the current documents of a feed lead to, by `prev-archive` or `next_url`."""
    if view.beyond is not None or not view.shown:
        return view.beyond or 0
    return month_of(unpack_verdict(view.shown[-1].verdict).published)


def clashes(config: Config, policy: rules.Policy, used: Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Give the slugs that stand for two different topic names, of those in the config and those `used` by seeds."""
    names = {topic.slug: {rules.folded(topic.name): topic.name} for topic in config.topics}
    for slug, name in used:
        if name and policy.slugs.get(rules.folded(name)) != slug:
            names.setdefault(slug, {}).setdefault(rules.folded(name), name)
    return [(slug, tuple(sorted(several.values()))) for slug, several in sorted(names.items()) if len(several) > 1]


def batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut paths into the batches that are read and handed over together."""
    rest = iter(paths)
    while batch := tuple(islice(rest, BATCH)):
        yield batch


def digest(*values: object) -> bytes:
    """Give a digest of plain values and structs."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()
