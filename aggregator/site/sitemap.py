"""The sitemap of a site with pages of items: the parts that changed, and the list of them, written and removed.

Touches the index and the published sitemap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aggregator.index.sitemap import SitemapRow
from aggregator.model.errors import PublishError
from aggregator.model.item_pages import SITEMAP, SITEMAP_OF_FEEDS, sitemap_name
from aggregator.renderer import sitemap
from aggregator.site.catalog import Catalog
from aggregator.site.display_settings import digest
from aggregator.site.write_groups import identity_on_disk

if TYPE_CHECKING:
    from aggregator.model.feeds import Document
    from aggregator.publisher.destination import Destination
    from aggregator.site.foreign_files import ForeignFiles

_LIST = (SITEMAP, SITEMAP_OF_FEEDS)


class SiteSitemap:
    """The sitemap of a site in one turn: `written` are the names of documents, `failed` says what failed."""

    def __init__(self, catalog: Catalog, writer: Destination, foreign: ForeignFiles) -> None:
        self._catalog = catalog
        self._index = catalog.index
        self._months = catalog.index.sitemap
        self._site = catalog.settings.site
        self._writer = writer
        self._foreign = foreign
        self.written: list[str] = []
        self.failed: list[str] = []

    def write(self, *, trust_disk: bool) -> None:
        """Write the parts that changed, then the list of them; without `trust_disk` also what somebody else changed."""
        dirty = self._months.dirty()
        for row in self._months.rows():
            is_intact = trust_disk or row.file_identity == self._identity(row.month, row.parts)
            if row.month in dirty or not is_intact:
                self._write_month(row)
        self._write_list()

    def remove(self) -> None:
        """Remove all of it, from a site that has no pages of items any more."""
        rows = self._months.rows()
        if self._index.meta("sitemap"):
            if not self._removed(_LIST):
                return
            self._index.set_meta("sitemap", b"")
        if self._removed([sitemap_name(row.month, part + 1) for row in rows for part in range(row.parts)]):
            for row in rows:
                self._months.put(SitemapRow(row.month, 0, None))

    def _write_month(self, row: SitemapRow) -> None:
        documents = sitemap.render_month(row.month, self._index.item_pages.listed(row.month), self._site)
        ours = self._ours(documents, known=row.parts)
        is_written = self._publish(ours)
        is_removed = self._removed([sitemap_name(row.month, part) for part in range(len(documents) + 1, row.parts + 1)])
        is_done = is_written and is_removed and len(ours) == len(documents)
        parts = len(ours) if is_removed else row.parts
        self._months.put(SitemapRow(row.month, parts, self._identity(row.month, parts)), dirty=not is_done)

    def _write_list(self) -> None:
        summaries, months = self._catalog.summaries(), [(row.month, row.parts) for row in self._months.rows()]
        key = digest(self._site.url, [one.spec.slug for one in summaries], months)
        known = self._index.meta("sitemap") or b""
        if known == key + (identity_on_disk(self._writer, _LIST) or b""):
            return
        parts = [SITEMAP_OF_FEEDS, *(sitemap_name(month, part + 1) for month, count in months for part in range(count))]
        documents = (sitemap.render_feeds(summaries, self._site), sitemap.render_list(parts, self._site))
        ours = self._ours(documents, known=len(documents) if known else 0)
        is_written = len(ours) == len(documents) and self._publish(ours)
        identity = (is_written and identity_on_disk(self._writer, _LIST)) or b""
        self._index.set_meta("sitemap", key + identity if identity else b"")

    def _ours(self, documents: Sequence[Document], *, known: int) -> Sequence[Document]:
        """Return the documents before the first one where somebody else's file is; the first `known` were written."""
        for number in range(known if self._foreign.is_known else 0, len(documents)):
            if found := self._foreign.among([documents[number].name]):
                self.failed += found
                return documents[:number]
        return documents

    def _publish(self, documents: Sequence[Document]) -> bool:
        """Write documents; return whether nothing failed."""
        result = self._writer.publish(documents)
        self.written += result.written
        self.failed += map(str, result.failed)
        return not result.failed

    def _removed(self, names: Sequence[str]) -> bool:
        """Remove documents; return whether nothing failed."""
        try:
            self._writer.remove(self._foreign.without_theirs(names))
        except PublishError as error:
            self.failed.append(str(error))
            return False
        return True

    def _identity(self, month: int, parts: int) -> bytes | None:
        return identity_on_disk(self._writer, [sitemap_name(month, part + 1) for part in range(parts)])
