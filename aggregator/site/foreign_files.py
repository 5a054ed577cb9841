"""Somebody else's files where this site is about to publish: found and named before anything is written (G16).

Reads the index and the published files. What the index knows to be published is ours, whatever became of it since; at
other names `publisher.ownership` decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from aggregator.index.archive_pages import PageRow
from aggregator.index.feeds import FeedRow
from aggregator.index.index import Index
from aggregator.model.archive_layout import ARCHIVE, folder_of
from aggregator.model.document_names import FEED_DOCUMENTS, SITE_DOCUMENTS
from aggregator.model.errors import PublishError
from aggregator.publisher.ownership import foreign_files
from aggregator.site.render_queue import Rendering

if TYPE_CHECKING:
    from aggregator.publisher.destination import Destination

REASON = (
    "somebody else wrote this file, so it was kept (move it away, or take the folder over with"
    " `aggregator build --adopt`)"
)

Row = TypeVar("Row", FeedRow, PageRow)


def document_names(slug: str, folder: str) -> tuple[str, ...]:
    """Return the names of the documents of the page `folder` of a feed's archive."""
    return tuple(f"{slug}/{ARCHIVE}/{folder}/{name}" for name in FEED_DOCUMENTS)


class ForeignFiles:
    """Finds somebody else's files at the names of documents."""

    def __init__(self, index: Index, writer: Destination, *, location: str, adopt: bool = False) -> None:
        """Take the site's index and writer.

        Args:
            index: what it knows to be published at `location` is ours.
            writer: reads the published files.
            location: the feeds folder or its URL.
            adopt: find nothing: somebody else's files may be replaced.
        """
        self._index = index
        self._writer = writer
        self._location = location
        self._adopt = adopt
        self._is_known = index.meta("location") == location
        self._all_checked = adopt

    @property
    def is_known(self) -> bool:
        """Whether what the index knows to be published is at this location."""
        return bool(self._is_known)

    def before_publishing(self, now: int, unpublished: Collection[int] = ()) -> list[str]:
        """Return what is in the way of all that is about to be published for the first time.

        `unpublished` are feeds that are not, whatever they show.
        """
        found = self.among(self._first_names(now, unpublished))
        self._all_checked = not found
        return found

    @property
    def has_checked_all(self) -> bool:
        """Whether all names were checked before publishing began, so that nothing of anybody's is in the way."""
        return self._all_checked

    def nothing_found(self) -> None:
        """Store that all documents of the site were published here."""
        if not self._is_known:
            self._index.set_meta("location", self._location)

    def among(self, names: Iterable[str]) -> list[str]:
        """Return a message for each of these documents that somebody else wrote."""
        if self._adopt:
            return []
        try:
            return [str(PublishError(file, REASON)) for file in foreign_files(self._writer, names)]
        except PublishError as error:
            return [str(error)]

    def without_theirs(self, names: Iterable[str]) -> list[str]:
        """Return the documents that may be removed: in another folder one of the same name may be somebody else's."""
        return [name for name in names if self._is_known or not self.among([name])]

    def without_foreign(self, renderings: Iterator[Rendering[Row]], failed: list[str]) -> Iterator[Rendering[Row]]:
        """Yield the renderings whose documents are ours or new; what is in the way of others is added to `failed`."""
        for rendering in renderings:
            if not self._all_checked and not rendering.request.row.file_identity:
                found = self.among(document.name for document in rendering.documents)
                failed += found
                if found:
                    continue
            yield rendering

    def _first_names(self, now: int, unpublished: Collection[int]) -> Iterator[str]:
        if not (self._is_known and self._index.meta("site")):
            yield from SITE_DOCUMENTS
        for row in self._index.feeds.by_slug().values():
            # A topic that only embargoed items have is published later, and its name is as private as they are.
            is_first = not (self._is_known and row.file_identity) and row.feed not in unpublished
            if is_first and (row.summary is not None or self._index.feeds.visible(row.feed, now, 1)):
                yield from (f"{row.slug}/{name}" for name in FEED_DOCUMENTS)
        known: dict[str, set[str]] = {}
        for slug, month, last in self._index.archive_pages.unpublished(all_pages=not self._is_known):
            folders = known[slug] if slug in known else known.setdefault(slug, set(self._writer.pages(slug)))
            if (folder := folder_of(month, last)) in folders:
                yield from document_names(slug, folder)
