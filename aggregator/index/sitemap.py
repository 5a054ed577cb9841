"""The months of the sitemap in the index: which must be compared again, and how many parts of each are on disk.

Reads and writes the table `sitemap` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aggregator.index.database import Tables
from aggregator.index.rows import check_sitemap, checksum


class SitemapRow(NamedTuple):
    """A month of the sitemap: how many parts are on disk, and their identity."""

    month: int
    parts: int
    file_identity: bytes | None


class SitemapMonths(Tables):
    """The months of the sitemap; `Index.sitemap` is the instance."""

    def mark(self, months: Iterable[int]) -> None:
        """Mark months of the sitemap as changed."""
        sql = "INSERT INTO sitemap VALUES(?,1,0,NULL,?) ON CONFLICT(month) DO UPDATE SET dirty=1 WHERE dirty=0"
        self._db.executemany(sql, ((month, checksum(month, 0)) for month in sorted(months)))

    def rows(self) -> list[SitemapRow]:
        """Return the months of the sitemap, newest first."""
        sql = "SELECT month, parts, stamps, sum FROM sitemap ORDER BY month DESC"
        return [SitemapRow._make(check_sitemap(row)[:3]) for row in self._db.execute(sql)]

    def dirty(self) -> set[int]:
        """Return the months of the sitemap that must be compared."""
        return {month for (month,) in self._db.execute("SELECT month FROM sitemap WHERE dirty=1")}

    def put(self, row: SitemapRow, *, dirty: bool = False) -> None:
        """Store what is on disk of a month of the sitemap; without any part it is deleted."""
        if not (row.parts or dirty):
            self._db.execute("DELETE FROM sitemap WHERE month=?", (row.month,))
            return
        total = checksum(row.month, row.parts)
        self._db.execute(
            "INSERT OR REPLACE INTO sitemap VALUES(?,?,?,?,?)",
            (row.month, int(dirty), row.parts, row.file_identity, total),
        )
