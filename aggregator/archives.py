"""The archives of one turn: pages that changed in, their documents out (RFC 5005 §4).

Calls in order, decides nothing: where an item lies is decided in `archive_names`, what a page looks like in the
renderer. Touches the index; documents are written by its caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from aggregator.archive_index import PageRow
from aggregator.archive_names import ARCHIVE
from aggregator.index import Shown
from aggregator.model import Document, Feed, Place
from aggregator.pipeline import Pipeline, digest

ARCHIVE_DOCUMENTS = ("rss.xml", "atom.xml", "feed.json")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PageRendering(NamedTuple):
    """A page's documents, to be written and then reported to `Archives.published`."""

    page: PageRow
    key: bytes
    documents: tuple[Document, ...]


def names_of(slug: str, folder: str) -> tuple[str, ...]:
    """Name the documents of the page `folder` of a feed's archive."""
    return tuple(f"{slug}/{ARCHIVE}/{folder}/{name}" for name in ARCHIVE_DOCUMENTS)


class Archives:
    """The archives of the feeds of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._index = pipeline.index

    def renderings(self, *, now: int, on_disk: bool) -> Iterator[PageRendering]:
        """Render, one after the other, the pages that are not what they must be: those on disk already, or the others.

        They come month by month, so that an item is prepared once for all the feeds that hold it.
        """
        for place in self._index.archive.dirty(on_disk=on_disk):
            page = self._index.archive.page(*place)
            if page is None:
                continue
            shown = self._index.shown_on(page, now)
            about = self._pipeline.shelf(page.slug)
            key = digest(about, page.prev, page.next, [one[1:] for one in shown])
            if key == page.key and page.stamps:
                self._index.archive.put_page(page, key=key, stamps=page.stamps, dirty=False)
            elif documents := self._documents(page, shown, now):
                yield PageRendering(page, key, documents)

    def published(self, rendering: PageRendering, stamps: bytes | None) -> None:
        """Note that a page's documents are on disk and what they look like; None where one could not be written."""
        key = rendering.key if stamps is not None else None
        kept = rendering.page.stamps if stamps is None else stamps
        self._index.archive.put_page(rendering.page, key=key, stamps=kept, dirty=stamps is None)

    def _documents(self, page: PageRow, shown: list[Shown], now: int) -> tuple[Document, ...]:
        """Render a page; nothing where that fails, which leaves it as it was."""
        from aggregator.renderer import atom, json_feed, rss  # noqa: PLC0415 - see Pipeline.site_documents

        items = tuple(item for item in self._pipeline.prepared(shown, now) if item is not None)
        feed = Feed(
            spec=self._pipeline.spec(page.slug), items=items,
            updated=max((item.updated for item in items), default=_EPOCH),
            place=Place(folder=page.folder, prev=page.prev, next=page.next),
        )  # fmt: skip
        try:
            return tuple(renderer.render(feed, self._pipeline.config.site) for renderer in (rss, atom, json_feed))
        except Exception as error:  # noqa: BLE001 - the boundary: a bug that one page meets must not harm the others
            why = f"not rendered because of a bug in this program ({type(error).__name__})"
            self._pipeline.faults.append(f"{page.slug}/{ARCHIVE}/{page.folder}: {why}")
            return ()
