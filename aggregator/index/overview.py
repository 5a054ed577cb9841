"""Counts of files over the whole index, for reports and the status. Reads the table `file` of `index.db`."""

from __future__ import annotations

from aggregator.index.database import Tables
from aggregator.index.rows import Columns
from aggregator.model.items import FOREVER
from aggregator.normalizer.stored import is_in_feeds

_HELD_BY_TIME = {
    "embargo": f"starts > ?2 AND until > ?2 AND until < {FOREVER} ORDER BY until, path",
    "expired": "story IS NOT NULL AND ends <= ?2 ORDER BY path",
}


_held = Columns("file", str, int)
_path = Columns("file", str)
_stale = Columns("file", str, (type(None), bytes))
_told = Columns("file", int, str, (type(None), bytes))
_moments = Columns("file", str, int)


class Overview(Tables):
    """Counts of the files of the index; `Index.overview` is the instance."""

    def held(self) -> dict[str, int]:
        """Return how many files each rule holds back."""
        rows = self._db.execute("SELECT rule, count(*) FROM file WHERE rule != '' GROUP BY rule ORDER BY rule")
        return dict(_held.all(rows))

    def held_paths(self, rule: str, now: int, limit: int) -> tuple[str, ...]:
        """Return at most `limit` paths that a rule or time (`embargo`, `expired`) holds back at `now`."""
        where = _HELD_BY_TIME.get(rule, "rule = ?1 ORDER BY path")
        sql = f"SELECT path FROM file WHERE ?1 != '' AND {where} LIMIT ?3"  # noqa: S608 - from above
        return tuple(path for (path,) in _path.all(self._db.execute(sql, (rule, now, limit))))

    def stale(self) -> list[tuple[str, bytes | None]]:
        """Return path and packed entries of every file that cannot be read and has a last good version, by path."""
        rows = self._db.execute("SELECT path, shown FROM file WHERE stale = 1 ORDER BY path")
        return list(_stale.all(rows))

    def count_items(self, now: int) -> int:
        """Return how many items are visible at `now`; `hidden_stories` are no part of them."""
        count: int = self._db.execute(
            "SELECT count(DISTINCT story) FROM file WHERE story IS NOT NULL AND starts<=?1 AND ends>?1", (now,)
        ).fetchone()[0]
        return count - len(self.hidden_stories(now))

    def hidden_stories(self, now: int) -> dict[int, str]:
        """Return the items of which no feed shows any seed at `now`, since better ones on their event are shown.

        Each is a story with the path of a seed. There are none unless `stories.stories` is `one`.
        """
        sql = (
            "SELECT story, path, shown FROM file WHERE starts<=?1 AND ends>?1 AND story IN"
            " (SELECT f.story FROM hidden h CROSS JOIN file f ON f.file=h.file WHERE f.story IS NOT NULL)"
            " ORDER BY path DESC"
        )
        rows = list(_told.all(self._db.execute(sql, (now,))))
        seen = {story for story, _, shown in rows if is_in_feeds(shown, now)}
        return {story: path for story, path, _ in rows if story not in seen}

    def folded(self, now: int) -> list[str]:
        """Return the paths of the seeds that are copies of another one of their item that is visible at `now`."""
        sql = (  # CROSS JOIN: not by way of all files
            "SELECT f.path FROM copy c CROSS JOIN file f ON f.file=c.file"
            " CROSS JOIN file o ON o.file=c.original"
            " WHERE f.story=o.story AND f.starts<=?1 AND f.ends>?1 AND o.starts<=?1 AND o.ends>?1 ORDER BY f.path"
        )
        return [path for (path,) in _path.all(self._db.execute(sql, (now,)))]

    def waiting(self, now: int) -> dict[str, int]:
        """Return how many accepted files are hidden: by time, or by another file or item.

        The keys are `embargo` and `expired`; `duplicate`, `copy` and `story`.
        """
        row = self._db.execute(
            "SELECT sum(starts > ?1), sum(ends <= ?1), sum(starts <= ?1 AND ends > ?1)"
            " - count(DISTINCT iif(starts <= ?1 AND ends > ?1, story, NULL)) FROM file WHERE story IS NOT NULL",
            (now,),
        ).fetchone()
        embargo, expired, others = (count or 0 for count in row)
        copies = len(self.folded(now))
        found = {
            "embargo": embargo, "expired": expired, "story": len(self.hidden_stories(now)), "copy": copies,
            "duplicate": others - copies,
        }  # fmt: skip
        return {name: count for name, count in found.items() if count > 0}

    def coming(self, now: int, limit: int) -> list[tuple[str, int]]:
        """Return path and moment of the next items that appear after `now`, soonest first."""
        sql = f"SELECT path, starts FROM file WHERE story IS NOT NULL AND starts > ?1 AND starts < {FOREVER}"  # noqa: S608
        return list(_moments.all(self._db.execute(f"{sql} ORDER BY starts, path LIMIT ?2", (now, limit))))

    def leaving(self, now: int, limit: int) -> list[tuple[str, int]]:
        """Return path and moment of the next visible items that leave every feed after `now`, soonest first."""
        sql = "SELECT path, ends FROM file WHERE story IS NOT NULL AND starts <= ?1 AND ends > ?1"
        rows = self._db.execute(f"{sql} AND ends < {FOREVER} ORDER BY ends, path LIMIT ?2", (now, limit))
        return list(_moments.all(rows))

    def paths_like(self, words: str, limit: int) -> list[str]:
        """Return paths that contain `words`, in upper or lower case: those that begin with them first."""
        pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        sql = (
            "SELECT path FROM file WHERE path LIKE ?1 ESCAPE '\\' ORDER BY path NOT LIKE ?2 ESCAPE '\\', path LIMIT ?3"
        )
        found = _path.all(self._db.execute(sql, (f"%{pattern}%", f"{pattern}%", limit)))
        return [path for (path,) in found]
