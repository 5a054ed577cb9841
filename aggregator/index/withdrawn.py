"""The tombstones in the index: items that readers saw in a feed and see no more.

Reads and writes the table `withdrawn` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from aggregator.index.database import Tables, marks
from aggregator.index.rows import Columns, check


class Withdrawn(NamedTuple):
    """A tombstone: the id of the item, and when it was withdrawn (seconds since 1970)."""

    id: str
    at: int


_moment = Columns("withdrawn", (type(None), int))


class WithdrawnItems(Tables):
    """The tombstones of the index; `Index.withdrawn` is the instance."""

    def latest(self, slug: str, most: int) -> tuple[Withdrawn, ...]:
        """Return the latest tombstones of a feed, the newest first, at most `most`."""
        sql = "SELECT story, slug, at, ends, id FROM withdrawn WHERE slug=? ORDER BY at DESC, id LIMIT ?"
        rows = (check("withdrawn", row) for row in self._db.execute(sql, (slug, most)))
        return tuple(Withdrawn(row[4], row[2]) for row in rows)

    def next_end(self, after: int) -> int | None:
        """Return the next moment later than `after` at which a tombstone expires, or None."""
        row = self._db.execute("SELECT min(ends) FROM withdrawn WHERE ends>?", (after,)).fetchone()
        moment: int | None = _moment(row)[0]
        return moment

    def add(self, rows: Iterable[tuple[int, str, int, int, str | None]]) -> None:
        """Add tombstones: story, slug, when it was withdrawn, how long to keep it (seconds), id (None: the story's)."""
        sql = (
            "INSERT OR REPLACE INTO withdrawn SELECT ?1, ?2, ?3, (?3 + ?4 + 59) / 60 * 60, coalesce(p.id, ?5, s.id)"
            " FROM story s LEFT JOIN public_id p ON p.own=coalesce(?5, s.id) WHERE story=?1"
        )
        self._db.executemany(sql, rows)

    def add_everything(self, now: int, seconds: int) -> None:
        """Add a tombstone for everything that readers saw until now, before the rules are applied again to all seeds.

        `remove` deletes those of the items that are still visible. What became due since the last turn was not seen
        yet, so it gets none.
        """
        self._db.execute(
            "INSERT OR IGNORE INTO withdrawn SELECT story, slug, min(?1, file.ends),"
            " (min(?1, file.ends) + ?2 + 59) / 60 * 60, coalesce(p.id, story.id) FROM entry JOIN file USING(file)"
            " JOIN feed USING(feed) JOIN story USING(story) LEFT JOIN public_id p ON story.own=1 AND p.own=story.id"
            " WHERE entry.starts<=file.since AND entry.ends>file.since",
            (now, seconds),
        )

    def remove(self, stories: Collection[int]) -> set[int]:
        """Remove the tombstones of stories (at most a chunk) that are visible again; return the feeds that had them."""
        if not stories:
            return set()
        where = f"WHERE story IN ({marks(stories)})"
        sql = f"SELECT feed FROM withdrawn JOIN feed USING(slug) {where}"  # noqa: S608 - our own words
        feeds = {feed for (feed,) in self._db.execute(sql, tuple(stories))}
        self._db.execute(f"DELETE FROM withdrawn {where}", tuple(stories))  # noqa: S608 - as above
        return feeds

    def remove_expired(self, now: int) -> set[str]:
        """Remove the tombstones that have expired; return the slugs of the feeds that had them."""
        # With DISTINCT, SQLite goes through everything that was ever withdrawn, by slug.
        slugs = {slug for (slug,) in self._db.execute("SELECT slug FROM withdrawn WHERE ends<=?", (now,))}
        if slugs:
            self._db.execute("DELETE FROM withdrawn WHERE ends<=?", (now,))
        return slugs

    def set_duration(self, seconds: int) -> None:
        """Set how long feeds announce withdrawals, rounded up to the minute (0 = never)."""
        if seconds:
            self._db.execute("UPDATE withdrawn SET ends=(at + ? + 59) / 60 * 60", (seconds,))
        else:
            self._db.execute("DELETE FROM withdrawn")
