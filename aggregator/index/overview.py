"""How many seeds became what, in SQLite: what reports and the status say; reads that file and changes nothing."""

from __future__ import annotations

import sqlite3

from aggregator.index.database import Database
from aggregator.model.items import FOREVER

_HELD_BY_TIME = {
    "embargo": f"starts > ?2 AND until > ?2 AND until < {FOREVER} ORDER BY until, path",
    "expired": "story IS NOT NULL AND ends <= ?2 ORDER BY path",
}


class Overview:
    """Counts over all files of an index."""

    def __init__(self, file: Database) -> None:
        self._file = file

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.db

    def held(self) -> dict[str, int]:
        """Give how many files each rule holds back."""
        return dict(self._db.execute("SELECT rule, count(*) FROM file WHERE rule != '' GROUP BY rule ORDER BY rule"))

    def held_paths(self, rule: str, now: int, limit: int) -> tuple[str, ...]:
        """Name at most `limit` files that a rule or time (`embargo`, `expired`) holds back at `now`."""
        where = _HELD_BY_TIME.get(rule, "rule = ?1 ORDER BY path")
        sql = f"SELECT path FROM file WHERE ?1 != '' AND {where} LIMIT ?3"  # noqa: S608 - from above
        return tuple(path for (path,) in self._db.execute(sql, (rule, now, limit)))

    def stale(self) -> list[tuple[str, bytes | None]]:
        """Give path and `shown` of every file that cannot be read and has a last good version, by path."""
        return self._db.execute("SELECT path, shown FROM file WHERE stale = 1 ORDER BY path").fetchall()

    def count_items(self, now: int) -> int:
        """Give how many items are published at `now`."""
        count: int = self._db.execute(
            "SELECT count(DISTINCT story) FROM file WHERE story IS NOT NULL AND starts<=?1 AND ends>?1", (now,)
        ).fetchone()[0]
        return count

    def waiting(self, now: int) -> dict[str, int]:
        """Give how many accepted files time holds back (`embargo`, `expired`), or another seed of the same story."""
        row = self._db.execute(
            "SELECT sum(starts > ?1), sum(ends <= ?1), sum(starts <= ?1 AND ends > ?1)"
            " - count(DISTINCT iif(starts <= ?1 AND ends > ?1, story, NULL)) FROM file WHERE story IS NOT NULL",
            (now,),
        ).fetchone()
        return {name: count for name, count in zip(("embargo", "expired", "duplicate"), row, strict=True) if count}
