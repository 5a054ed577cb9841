"""A batch of archive pages in, their documents out, compressed: in this process or another.

`render` runs wherever the executor puts it and is pure. What goes out is the seeds as they are stored, each once for
all the pages of the batch that show it; what comes back is the documents as `.gz` and `.br`, a fifth of their size:
`documents` unfolds those of one page when it is their turn to be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from aggregator.model.feeds import Document, Feed, FeedSpec, Place, Site
from aggregator.model.items import Item
from aggregator.normalizer.stored import whole
from aggregator.publisher.encodings import CODINGS, GZIP, encoded, gunzip
from aggregator.site.preparing import Manner, prepare

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoredItem(msgspec.Struct, frozen=True, array_like=True):
    """What a page shows at one place, as the index holds it: file, seed and its digest, verdict, the story's id."""

    file: int
    seed: bytes
    digest: bytes
    verdict: bytes
    id: str


class PageTask(msgspec.Struct, frozen=True, array_like=True):
    """A page: its feed, its place in the archive, and which of the batch's items it shows, in its order."""

    spec: FeedSpec
    place: Place
    items: tuple[int, ...]


class PageBatch(msgspec.Struct, frozen=True, array_like=True):
    """Pages to render and the items they show; `now` in seconds since 1970."""

    site: Site
    manner: Manner
    now: int
    items: list[StoredItem]
    pages: list[PageTask]


class PackedDocument(msgspec.Struct, frozen=True, array_like=True):
    """A document without its plain bytes."""

    name: str
    media_type: str
    encoded: tuple[tuple[str, bytes], ...]


class RenderedBatch(msgspec.Struct, frozen=True, array_like=True):
    """The pages of a batch in its order, each its documents, or the kind of error that a bug in this program raised.

    `left_out` are pairs of a file whose item could not be prepared and the kind of error. Kinds alone: an error's words
    may quote a seed.
    """

    pages: list[tuple[PackedDocument, ...] | str]
    left_out: list[tuple[int, str]]


pack = msgspec.msgpack.Encoder().encode
_batch = msgspec.msgpack.Decoder(PageBatch)
unpack_rendered = msgspec.msgpack.Decoder(RenderedBatch).decode


def render(data: bytes) -> bytes:
    """Render a packed `PageBatch`; gives a packed `RenderedBatch`.

    Raises:
        msgspec.DecodeError: where a stored seed is damaged.
    """
    batch = _batch.decode(data)
    left_out: list[tuple[int, str]] = []
    items = [prepared(stored, batch.manner, batch.now, left_out) for stored in batch.items]
    pages = [_page(page, items, batch.site) for page in batch.pages]
    return pack(RenderedBatch(pages, left_out))


def documents(page: Iterable[PackedDocument]) -> tuple[Document, ...]:
    """Give a page's documents with their bytes."""
    return tuple(
        Document(name=one.name, media_type=one.media_type, body=gunzip(dict(one.encoded)[GZIP]), encoded=one.encoded)
        for one in page
    )


def rendered(spec: FeedSpec, place: Place, items: tuple[Item, ...], site: Site) -> tuple[Document, ...]:
    """Write a page of an archive in each format."""
    from aggregator.renderer import atom, json_feed, rss  # noqa: PLC0415 - loaded when there is something to render

    updated = max((item.updated for item in items), default=_EPOCH)
    feed = Feed(spec=spec, items=items, updated=updated, place=place)
    return tuple(renderer.render(feed, site) for renderer in (rss, atom, json_feed))


def prepared(stored: StoredItem, manner: Manner, now: int, left_out: list[tuple[int, str]]) -> Item | None:
    """Prepare an item that is handed over as the index holds it; None where that fails, which `left_out` then tells.

    Raises:
        msgspec.DecodeError: where its seed is damaged.
    """
    seed = whole(stored.seed, stored.digest)
    try:
        return prepare(seed, stored.verdict, stored.id, manner, now)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug that one item meets must not harm the others
        left_out.append((stored.file, type(error).__name__))
        return None


def _page(page: PageTask, items: list[Item | None], site: Site) -> tuple[PackedDocument, ...] | str:
    shown = tuple(item for number in page.items if (item := items[number]) is not None)
    try:
        made = rendered(page.spec, page.place, shown, site)
    except Exception as error:  # noqa: BLE001 - likewise
        return type(error).__name__
    return tuple(map(packed, made))


def packed(document: Document) -> PackedDocument:
    """Compress a document, so that it can be handed over."""
    return PackedDocument(document.name, document.media_type, tuple((one, encoded(document, one)) for one in CODINGS))
