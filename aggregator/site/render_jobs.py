"""Jobs for rendering and their results: current documents of feeds, archive pages, pages of the site. Pure.

`render` runs in this process or wherever an executor puts it: a batch of jobs comes in, their documents go out. A batch
holds the seeds as the index stores them, each once for all jobs that show it. Documents go back compressed (`.gz` and
`.br`), a fifth of their size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from aggregator.model.archive_layout import folder_of, folder_with, month_of
from aggregator.model.feeds import ArchivePosition, Document, Feed, FeedSpec, FeedSummary, OlderItem, Site, Tombstone
from aggregator.model.item_pages import is_own, page_name
from aggregator.model.items import Item, Related, Seed
from aggregator.normalizer import rules
from aggregator.normalizer.rules import Verdict
from aggregator.normalizer.stored import unpack_seed, unpack_verdict, verified
from aggregator.publisher.encodings import CODINGS, GZIP, encoded, gunzip
from aggregator.site.display_settings import DisplaySettings, unpack_settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# -- what goes to a process


class StoredItem(msgspec.Struct, frozen=True, array_like=True):
    """An item as the index holds it: file number, packed seed and its digest, packed verdict, the item's id."""

    file: int
    seed: bytes
    digest: bytes
    verdict: bytes
    id: str


class FeedJob(msgspec.Struct, frozen=True, array_like=True, tag="feed"):
    """The current documents of a feed, to be rendered.

    `linked` are the other feeds that its page may link to, `months` those of its archive (newest first), `beyond` is
    the month of the newest item beyond its limit (None: no such item), `withdrawn` are pairs of an id and when it was
    withdrawn (seconds since 1970). `items` are positions in the items of the batch, in the feed's order. `older` are id
    and publication time of the first item beyond its limit, `cuts` the pages of its archive with which no month ends.
    """

    spec: FeedSpec
    linked: tuple[FeedSpec, ...] = ()
    months: tuple[int, ...] = ()
    beyond: int | None = None
    withdrawn: tuple[tuple[str, int], ...] = ()
    items: tuple[int, ...] = ()
    older: tuple[str, int] | None = None
    cuts: tuple[tuple[int, int], ...] = ()


class PageJob(msgspec.Struct, frozen=True, array_like=True, tag="page"):
    """A page of a feed's archive, to be rendered.

    `linked` are the other feeds that it may link to, `items` are positions in the items of the batch.
    """

    spec: FeedSpec
    position: ArchivePosition
    linked: tuple[FeedSpec, ...] = ()
    items: tuple[int, ...] = ()


class ItemJob(msgspec.Struct, frozen=True, array_like=True, tag="item"):
    """The page of an item, to be rendered.

    `name` is that of the document, `topic` the item's first topic, if it has any, and `newer` and `older` are the names
    of the pages beside it there, "" if there are none. `linked` are the feeds that it may link to; `items` has one.
    """

    name: str
    topic: FeedSpec | None = None
    newer: str = ""
    older: str = ""
    linked: tuple[FeedSpec, ...] = ()
    items: tuple[int, ...] = ()


Job = FeedJob | PageJob | ItemJob


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Jobs and the items they show; `settings` are packed `DisplaySettings`, `now` is in seconds since 1970."""

    settings: bytes
    now: int
    items: list[StoredItem]
    jobs: list[Job]


# -- what comes back


class Contents(msgspec.Struct, frozen=True, array_like=True):
    """What the current documents of a feed show, as lists of feeds need it.

    `count` is the number of items, `updated` the newest change. `shortened` are the ids of items that are so long that
    only their summary is shown.
    """

    count: int
    updated: datetime
    newest_title: str = ""
    newest_published: datetime | None = None
    shortened: tuple[str, ...] = ()
    newest_link: str = ""


class PackedDocument(msgspec.Struct, frozen=True, array_like=True):
    """A document with its compressed bytes alone."""

    name: str
    media_type: str
    encoded: tuple[tuple[str, bytes], ...]


class Result(msgspec.Struct, frozen=True, array_like=True):
    """The documents of a job; `contents` are those of a feed's current documents.

    If the process wrote the documents itself, there are none here: `written` are their names, `unchanged` those of what
    was there already, `failed` pairs of the name of one that could not be written and the reason.
    """

    documents: tuple[PackedDocument, ...] = ()
    contents: Contents | None = None
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class BatchResult(msgspec.Struct, frozen=True, array_like=True):
    """The results of a batch in the order of its jobs, or the type of the exception that a bug in this program raised.

    `left_out` are pairs of a file number whose item could not be prepared and the type of the exception. Only types:
    the message of an exception may quote a seed.
    """

    results: list[Result | str]
    left_out: list[tuple[int, str]]


class Rendered(NamedTuple):
    """The documents of a job; `contents` are those of a feed's current documents."""

    documents: tuple[Document, ...]
    contents: Contents | None = None


pack = msgspec.msgpack.Encoder().encode
unpack_results = msgspec.msgpack.Decoder(BatchResult).decode
_batch = msgspec.msgpack.Decoder(Batch)


# -- rendering


def load() -> None:
    """Import what rendering needs, in a process that has nothing else to do."""
    from aggregator.normalizer import content  # noqa: F401, PLC0415 - as below
    from aggregator.renderer import atom, json_feed, layout, page, rss  # noqa: F401, PLC0415
    from aggregator.site.compiled_templates import keep_compiled_templates  # noqa: PLC0415 - jinja

    keep_compiled_templates()
    layout.load_templates()


def render(data: bytes) -> bytes:
    """Render a packed `Batch` and return the packed `BatchResult`.

    Raises:
        msgspec.DecodeError: if a stored seed or verdict is damaged.
    """
    return _render(data, lambda rendered: Result(tuple(map(_packed, rendered.documents)), rendered.contents))


def render_folders(root: str, data: bytes) -> bytes:
    """Render a packed `Batch` and write the documents of each job, a folder below `root`, here and now.

    Nothing is flushed to the disk. Returns a packed `BatchResult`.

    Raises:
        msgspec.DecodeError: if a stored seed or verdict is damaged.
    """
    from aggregator.publisher.files import FolderWriter  # noqa: PLC0415 - in a process of a large build alone

    writer = FolderWriter(root)

    def publish(rendered: Rendered) -> Result:
        if not rendered.documents:  # a bug left out the item of a page
            return Result()
        done = writer.publish_folder(rendered.documents)
        failed = tuple((one.name, one.reason) for one in done.failed)
        return Result(written=done.written, unchanged=done.unchanged, failed=failed)

    return _render(data, publish)


def _render(data: bytes, finish: Callable[[Rendered], Result]) -> bytes:
    batch = _batch.decode(data)
    settings = unpack_settings(batch.settings)
    left_out: list[tuple[int, str]] = []
    items = [_prepared(stored, settings, batch.now, left_out) for stored in batch.items]
    return pack(BatchResult([_result(job, items, settings, finish) for job in batch.jobs], left_out))


def _prepared(stored: StoredItem, settings: DisplaySettings, now: int, left_out: list[tuple[int, str]]) -> Item | None:
    seed, verdict = unpack_seed(verified(stored.seed, stored.digest)), unpack_verdict(stored.verdict)
    try:
        return prepare(seed, verdict, stored.id, settings, now)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug that one item meets must not harm the others
        left_out.append((stored.file, type(error).__name__))
        return None


def _result(
    job: Job, items: Sequence[Item | None], settings: DisplaySettings, finish: Callable[[Rendered], Result]
) -> Result | str:
    try:
        return finish(render_job(job, [items[number] for number in job.items], settings))
    except Exception as error:  # noqa: BLE001 - the boundary: a bug that one job meets must not harm the others
        return type(error).__name__


def _packed(document: Document) -> PackedDocument:
    return PackedDocument(document.name, document.media_type, tuple((one, encoded(document, one)) for one in CODINGS))


def unpack_documents(packed: Iterable[PackedDocument]) -> tuple[Document, ...]:
    """Return the documents of a result with their plain bytes."""
    return tuple(
        Document(name=one.name, media_type=one.media_type, body=gunzip(dict(one.encoded)[GZIP]), encoded=one.encoded)
        for one in packed
    )


def prepare(seed: Seed, verdict: Verdict, id: str, settings: DisplaySettings, now: int) -> Item:  # noqa: A002 - the field's own name
    """Return the item that a seed with a verdict becomes; `now` is in seconds since 1970."""
    from aggregator.normalizer import content  # noqa: PLC0415 - Markdown and the sanitiser: few builds show something new

    seed = rules.effective_seed(seed, verdict)
    related = () if settings.related == "ignore" else content.visible_related(seed.related, settings.min_quality)
    if verdict.copies or verdict.coverage:
        found: dict[str, Related] = {one.link: one for one in verdict.copies}
        for one in verdict.coverage:
            found.setdefault(one.link, one)
        listed = {seed.link, *(one.link for one in related)}
        related = (*related, *(one for link, one in found.items() if link not in listed))
    names = [settings.topic_names.get(slug, name) for slug, name in verdict.topics]
    page = "" if settings.items == "none" else _page_of(seed, id, settings)
    if page and is_own(seed.link, settings.site.url):
        seed = msgspec.structs.replace(seed, link=page)
    item = content.item(seed, id=id, topics=names, related=related, now=now, content=settings.feed.content)
    return msgspec.structs.replace(item, page=page) if page else item


def _page_of(seed: Seed, id: str, settings: DisplaySettings) -> str:  # noqa: A002 - the field's own name
    """Return the URL of the page of a seed's item, "" if it has none."""
    site = settings.site
    if settings.items == "own" and not is_own(seed.link, site.url):
        return ""
    return site.address(page_name(id, seed.link, seed.published, site.url))


def render_job(job: Job, prepared: Iterable[Item | None], settings: DisplaySettings) -> Rendered:
    """Render one job with its prepared items; those that are None are left out."""
    if isinstance(job, ItemJob):
        return render_item(job, [item for item in prepared if item is not None], settings.site)
    items, site = _in_its_language(job.spec, tuple(item for item in prepared if item is not None), settings.site)
    if isinstance(job, PageJob):
        return render_page(job, items, site)
    return render_feed(job, items, settings, site)


def _in_its_language(spec: FeedSpec, items: tuple[Item, ...], site: Site) -> tuple[tuple[Item, ...], Site]:
    """Return the items, and the site with the language of a feed: that of its topic, else of more than half of them.

    An item that names no language is in that of the site, and says so in a feed of another one.
    """
    language = spec.language.lower() or _most_common_language(items, site.language.lower())
    if language == site.language.lower():
        return items, site
    named = (
        item if item.language or not site.language else msgspec.structs.replace(item, language=site.language)
        for item in items
    )
    return tuple(named), msgspec.structs.replace(site, language=language)


def _most_common_language(items: Sequence[Item], default: str) -> str:
    counts = Counter(item.language.lower() or default for item in items)
    return next((language for language, count in counts.items() if count * 2 > len(items)), default)


def render_page(job: PageJob, items: tuple[Item, ...], site: Site) -> Rendered:
    """Render a page of an archive (RFC 5005 §4) in each format, and as a page for people."""
    from aggregator.renderer import page  # noqa: PLC0415 - as above

    feed = Feed(spec=job.spec, items=items, updated=_newest_change(items), archive_position=job.position)
    return Rendered((*_in_each_format(feed, site), page.render_month(feed, site, (job.spec, *job.linked))))


def render_item(job: ItemJob, items: Sequence[Item], site: Site) -> Rendered:
    """Render the page of an item, which bugs may have left out."""
    from aggregator.renderer import item_page  # noqa: PLC0415 - few sites have such pages

    parts = msgspec.structs.asdict(job)
    del parts["items"]
    return Rendered(tuple(item_page.render(item, site, **parts) for item in items))


def render_feed(job: FeedJob, items: tuple[Item, ...], settings: DisplaySettings, site: Site) -> Rendered:
    """Render the current documents of a feed; `site` is the site in the language of the feed."""
    from aggregator.renderer import page  # noqa: PLC0415 - loaded when there is something to render

    feed = _current_feed(job, items, settings, site)
    linked = [FeedSummary(spec=one, count=0, updated=EPOCH) for one in (job.spec, *job.linked)]
    documents = (*_in_each_format(feed, site), page.render(feed, settings.site, linked))
    return Rendered(documents, _contents(feed, items))


def render_site(site: tuple[tuple[FeedSummary, ...], Site]) -> tuple[Document, ...]:
    """Render the index page and the lists of all feeds."""
    from aggregator.renderer import opml, page  # noqa: PLC0415 - as above

    return (page.render_index(*site), *opml.render(*site))


def _in_each_format(feed: Feed, site: Site) -> tuple[Document, ...]:
    from aggregator.renderer import atom, json_feed, rss  # noqa: PLC0415 - as above

    return tuple(renderer.render(feed, site) for renderer in (rss, atom, json_feed))


def _newest_change(items: Iterable[Item]) -> datetime:
    return max((item.updated for item in items), default=EPOCH)


def _contents(feed: Feed, items: Iterable[Item]) -> Contents:
    newest = max(feed.items, key=lambda item: item.published, default=None)
    return Contents(
        count=len(feed.items),
        updated=feed.updated,
        newest_title=newest.title if newest else "",
        newest_published=newest.published if newest else None,
        newest_link=newest.link if newest else "",
        shortened=tuple(one.id for item, one in zip(items, feed.items, strict=False) if one is not item),
    )


def _current_feed(job: FeedJob, items: tuple[Item, ...], settings: DisplaySettings, site: Site) -> Feed:
    items, beyond, older = _within_bounds(job, items, settings, site)
    folders = tuple(map(folder_of, job.months))
    rest = "" if beyond is None else next((folder_of(month) for month in job.months if month <= beyond), "")
    ids = {item.id for item in items}
    return Feed(
        spec=job.spec, items=items, updated=_newest_change(items),
        archive_position=ArchivePosition(prev=folders[0] if folders else "", rest=rest), months=folders,
        tombstones=tuple(
            Tombstone(id=id, when=datetime.fromtimestamp(at, UTC)) for id, at in job.withdrawn if id not in ids  # noqa: A001
        ),
        older=_older(job, older),
    )  # fmt: skip


def _older(job: FeedJob, older: tuple[str, int] | None) -> OlderItem | None:
    if older is None or month_of(older[1]) not in job.months:  # without archives, or its month is yet to be written
        return None
    return OlderItem(id=older[0], folder=folder_with(older[1], job.cuts))


def _within_bounds(
    job: FeedJob, items: tuple[Item, ...], settings: DisplaySettings, site: Site
) -> tuple[tuple[Item, ...], int | None, tuple[str, int] | None]:
    """Return the items that fit into `feed.max_bytes`, the newest month of those not shown, and the first of these."""
    from aggregator.renderer import json_feed  # noqa: PLC0415 - as above

    max_bytes = settings.feed.max_bytes
    if max_bytes is None:
        return items, job.beyond, job.older
    # Keep room for the link to the rest whenever there may be one, so that the link does not decide what fits.
    position = ArchivePosition(rest=folder_of(job.months[0])) if job.months else ArchivePosition()
    fitting = json_feed.items_that_fit(items, job.spec, site, max_bytes, place=position)
    if len(fitting) == len(items):
        return fitting, job.beyond, job.older
    left = [(item.id, int(item.published.timestamp())) for item in items[len(fitting) :]]
    months = [month_of(moment) for _, moment in left]
    return fitting, max(months if job.beyond is None else [*months, job.beyond]), left[0]
