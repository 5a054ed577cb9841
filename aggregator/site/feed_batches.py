"""Feeds in as the index knows them, their current documents out: in this process or another; pure.

`render` runs wherever the executor puts it, as that of `page_batches` does, and hands over the same things: seeds as
they are stored, each once for all the feeds of the batch that show it, and documents compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from aggregator.model.archive_layout import folder_of, month_of
from aggregator.model.feeds import Document, Feed, FeedSpec, FeedSummary, Place, Site, Tombstone
from aggregator.model.items import Item
from aggregator.site.page_batches import PackedDocument, StoredItem, packed, prepared
from aggregator.site.preparing import Manner

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FeedTask(msgspec.Struct, frozen=True, array_like=True):
    """A feed: which of the batch's items it shows, in its order, and what stands around them.

    `around` are the feeds that its page may lead to, `months` those of its archive, the newest first, `beyond` the
    month of the first item that its limit cuts off, `withdrawn` pairs of an id and the moment it went (seconds since
    1970).
    """

    spec: FeedSpec
    around: tuple[FeedSpec, ...]
    months: tuple[int, ...]
    beyond: int | None
    withdrawn: tuple[tuple[str, int], ...]
    items: tuple[int, ...]


class FeedBatch(msgspec.Struct, frozen=True, array_like=True):
    """Feeds to render and the items they show; `now` in seconds since 1970, `max_bytes` bounds the JSON document."""

    site: Site
    manner: Manner
    max_bytes: int | None
    now: int
    items: list[StoredItem]
    feeds: list[FeedTask]


class Shows(msgspec.Struct, frozen=True, array_like=True):
    """What a feed shows, as lists of feeds say it: how many items, when the newest change was, and the newest item.

    `short` are the ids of items that are so long that their summary is shown.
    """

    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    short: tuple[str, ...] = ()


class RenderedFeed(msgspec.Struct, frozen=True, array_like=True):
    """A feed's documents, and what they show."""

    shows: Shows
    documents: tuple[PackedDocument, ...]


class RenderedFeeds(msgspec.Struct, frozen=True, array_like=True):
    """The feeds of a batch in its order, or the kind of error that a bug in this program raised.

    `left_out` is that of a `RenderedBatch` of pages.
    """

    feeds: list[RenderedFeed | str]
    left_out: list[tuple[int, str]]


pack = msgspec.msgpack.Encoder().encode
_batch = msgspec.msgpack.Decoder(FeedBatch)
unpack_rendered = msgspec.msgpack.Decoder(RenderedFeeds).decode


def load() -> None:
    """Load what rendering takes, in a process that has nothing else to do."""
    from aggregator.normalizer import content  # noqa: F401, PLC0415 - as below
    from aggregator.renderer import atom, json_feed, layout, page, rss  # noqa: F401, PLC0415

    layout.load()


def render(data: bytes) -> bytes:
    """Render a packed `FeedBatch`; gives packed `RenderedFeeds`.

    Raises:
        msgspec.DecodeError: where a stored seed is damaged.
    """
    batch = _batch.decode(data)
    left_out: list[tuple[int, str]] = []
    items = [prepared(stored, batch.manner, batch.now, left_out) for stored in batch.items]
    return pack(RenderedFeeds([_feed(task, items, batch) for task in batch.feeds], left_out))


def render_site(site: tuple[tuple[FeedSummary, ...], Site]) -> tuple[Document, ...]:
    """Render the index page and the lists of all feeds."""
    from aggregator.renderer import opml, page  # noqa: PLC0415 - as below

    return (page.render_index(*site), *opml.render(*site))


def _feed(task: FeedTask, items: Sequence[Item | None], batch: FeedBatch) -> RenderedFeed | str:
    try:
        shows, documents = rendered(task, [items[number] for number in task.items], batch.site, batch.max_bytes)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug that one feed meets must not harm the others
        return type(error).__name__
    return RenderedFeed(shows, tuple(map(packed, documents)))


def rendered(
    task: FeedTask, prepared: Iterable[Item | None], site: Site, max_bytes: int | None
) -> tuple[Shows, tuple[Document, ...]]:
    """Write the current documents of a feed; those `prepared` that are None are left out."""
    from aggregator.renderer import atom, json_feed, page, rss  # noqa: PLC0415 - loaded when there is something to render

    items = tuple(item for item in prepared if item is not None)
    feed = _current(task, items, site, max_bytes)
    short = tuple(shown.id for item, shown in zip(items, feed.items, strict=False) if shown is not item)
    linked = [FeedSummary(spec=one, count=0, updated=EPOCH) for one in (task.spec, *task.around)]
    documents = (
        rss.render(feed, site),
        atom.render(feed, site),
        json_feed.render(feed, site),
        page.render(feed, site, linked),
    )
    newest = feed.items[0] if feed.items else None
    shows = Shows(
        len(feed.items), feed.updated, newest.title if newest else "", newest.published if newest else None, short
    )  # fmt: skip
    return shows, documents


def _current(task: FeedTask, items: tuple[Item, ...], site: Site, max_bytes: int | None) -> Feed:
    """Put together what the current documents of a feed show."""
    from aggregator.renderer import json_feed  # noqa: PLC0415 - as above

    beyond = task.beyond
    if max_bytes is not None:
        # Room for the link to the rest is kept wherever there may be one, so that it is not what decides.
        place = Place(rest=folder_of(task.months[0])) if task.months else Place()
        shown = json_feed.fitting(items, task.spec, site, max_bytes, place=place)
        if len(shown) < len(items):
            beyond = month_of(int(items[len(shown)].published.timestamp()))
        items = shown
    folders = tuple(map(folder_of, task.months))
    rest = "" if beyond is None else next((folder_of(month) for month in task.months if month <= beyond), "")
    ids = {item.id for item in items}
    return Feed(
        spec=task.spec, items=items, updated=max((item.updated for item in items), default=EPOCH),
        place=Place(prev=folders[0] if folders else "", rest=rest), months=folders,
        tombstones=tuple(
            Tombstone(id=id, when=datetime.fromtimestamp(at, UTC)) for id, at in task.withdrawn if id not in ids  # noqa: A001
        ),
    )  # fmt: skip
