"""The public page of the sources and their list in OPML: written when what they say has changed. Reads `sources.db`.

A turn asks for them, but only a full one, or one a while after the last, reads what the collector knows: an edit of a
seed need not wait for two thousand sources.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aggregator.collector.database import FILE
from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.document_names import SOURCE_DOCUMENTS
from aggregator.model.errors import PublishError
from aggregator.renderer.source_rows import rows_of
from aggregator.site.display_settings import digest
from aggregator.site.foreign_files import ForeignFiles
from aggregator.site.sources import public_statuses
from aggregator.site.write_groups import identity_on_disk

if TYPE_CHECKING:
    from aggregator.publisher.destination import Destination

PERIOD = 60
"""How many seconds pass at least between two looks at what is known of the sources, but for full turns."""

META = "sources"
"""Under this name the index stores what was written last: a digest of what it says, and its identity on the disk."""


class SourcesPage:
    """Brings the page up to date; it lives as long as the site is open."""

    def __init__(self, config: Config, index: Index, writer: Destination) -> None:
        """Take the site's config, which has `sources`, its index and where documents are published."""
        self._config, self._index, self._writer = config, index, writer
        self._read: tuple[object, ...] = ()
        self._read_at = 0
        self.failed: tuple[str, ...] = ()

    def publish(self, now: int, *, is_full: bool, adopt: bool = False) -> tuple[str, ...]:
        """Write what has changed, and return the names of the written documents; `failed` is what could not be."""
        state = tuple(map(_identity, (f"{self._config.state}/{FILE}", f"{self._config.state}/{FILE}-wal")))
        is_early = 0 <= now - self._read_at < PERIOD
        if not is_full and (is_early or state == self._read):
            return ()
        self._read, self._read_at, self.failed = state, now, ()
        return self._write(now, adopt=adopt)

    def _write(self, now: int, *, adopt: bool) -> tuple[str, ...]:
        rows = rows_of(public_statuses(self._config, now))
        key = digest(self._config.site, rows)
        known = self._index.meta(META) or b""
        if known == key + (identity_on_disk(self._writer, SOURCE_DOCUMENTS) or b"-"):
            return ()
        foreign = ForeignFiles(self._index, self._writer, location=self._config.feeds, adopt=adopt)
        if not known and (found := foreign.among(SOURCE_DOCUMENTS)):
            self.failed = tuple(found)
            return ()
        from aggregator.renderer import sources_page  # noqa: PLC0415 - jinja and lxml, only if it is written

        result = self._writer.publish(sources_page.render(rows, self._config.site))
        self.failed = tuple(map(str, result.failed))
        identity = b"" if result.failed else identity_on_disk(self._writer, SOURCE_DOCUMENTS) or b""
        self._index.set_meta(META, key + identity if identity else b"")
        return result.written


def remove(index: Index, writer: Destination) -> None:
    """Remove the page of a site that has no sources any more."""
    if index.meta(META):
        try:
            writer.remove(SOURCE_DOCUMENTS)
        except PublishError:
            return  # the next full turn tries again
        index.set_meta(META, b"")


def _identity(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
