"""The feeds in the index: what each one shows, what its documents look like, and how topics are spelled.

Reads and writes the tables `feed`, `entry` and `topic_name` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aggregator.index.database import Tables
from aggregator.index.rows import Columns, check, check_feed, check_visible, checksum
from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY
from aggregator.model.slugs import folded

CHANGED, WAITING = 1, 2
"""Why a feed is compared again (`FeedRow.dirty`): what it shows may have changed; pages of its archive are to come."""

# Bounded by its LIMIT and a range of the primary key; `?2` is the sort of the last second of the last day.
_DAILY = """
WITH RECURSIVE day(number) AS (SELECT ?5 UNION ALL SELECT number - 1 FROM day WHERE number > 1)
SELECT (SELECT count(*) FROM (
    SELECT 1 FROM entry WHERE feed=?1 AND sort BETWEEN ?2 + 86400 * (number - 1) AND ?2 + 86400 * number - 1
    AND starts<=?3 AND ends>?3 LIMIT ?4
)) FROM day
"""

VISIBLE = (
    "SELECT e.file, f.content, f.verdict, s.id, f.since, e.feed, e.sort, e.worst, e.tie, e.starts, e.ends, f.shown,"
    " s.sum, s.own, p.id, p.sum FROM entry e LEFT JOIN file f ON f.file=e.file LEFT JOIN story s ON s.story=f.story"
    " LEFT JOIN public_id p ON (s.own=1 OR s.id NOT GLOB 'http*' OR s.id GLOB '*[^]!#-;=?-[_a-z~]*') AND p.own=s.id"
)
"""The beginning of a query whose rows `visible_item` takes; an id that no seed chose is a link.

The second pattern finds a character that no canonical link has: then a seed chose the id before.
"""

IN_ORDER = "ORDER BY e.sort, e.worst, f.path DESC"
"""The end of a query on `VISIBLE` for the order of a feed: newest first, then the best, then by path, the last first.

The primary key of `entry` gives the first two, so only items of one second and quality are sorted.
"""

_entry = Columns("entry", int, int)


class VisibleItem(NamedTuple):
    """An item that a feed shows: its file, the digest of its content, its packed verdict, and the item's public id.

    `since` tells apart versions that differ by time alone (an `updatedDateTime` that was in the future).
    """

    file: int
    content: bytes
    verdict: bytes
    id: str
    since: int


def visible_item(row: tuple[Any, ...]) -> VisibleItem:
    """Return an item from a row of a query that begins with `VISIBLE`.

    Raises:
        sqlite3.DatabaseError: if the item is not what its file says, which only damage can cause.
    """
    return VisibleItem._make(check_visible(row))


class FeedRow(NamedTuple):
    """A row of the table `feed`; the schema describes the columns."""

    feed: int
    slug: str
    dirty: int
    key: bytes | None
    file_identity: bytes | None
    summary: bytes | None
    archive_digest: bytes | None


class Feeds(Tables):
    """The feeds of the index; `Index.feeds` is the instance."""

    def by_slug(self) -> dict[str, FeedRow]:
        """Return every feed by its slug, in the order of the slugs."""
        rows = self._db.execute("SELECT feed, slug, dirty, key, stamps, summary, shelf, sum FROM feed ORDER BY slug")
        return {row[1]: FeedRow._make(check_feed(row)) for row in rows}

    def add(self, slug: str, *, announced: bool = False) -> int:
        """Add a feed unless it exists; return its number.

        It is published once it shows an item, or at once if it is `announced`: the name of a topic that only embargoed
        items have is as private as they are.
        """
        number = self._number(slug)
        if number is None:
            number = self._db.execute("SELECT coalesce(max(feed), 0) + 1 FROM feed").fetchone()[0]
            sql = "INSERT INTO feed(feed, slug, sum) VALUES(?,?,?)"
            self._db.execute(sql, (number, slug, checksum(number, slug)))
        if announced:
            self._db.execute("UPDATE feed SET summary=x'' WHERE slug=? AND summary IS NULL", (slug,))
        return number

    def _number(self, slug: str) -> int | None:
        row: tuple[int] | None = self._db.execute("SELECT feed FROM feed WHERE slug=?", (slug,)).fetchone()
        return row[0] if row else None

    def adopt(self, slug: str) -> None:
        """Add a feed whose documents are on disk, whatever they show."""
        self._db.execute(
            "UPDATE feed SET stamps=x'' WHERE feed=? AND stamps IS NULL", (self.add(slug, announced=True),)
        )

    def put(self, feed: int, *, key: bytes | None, file_identity: bytes | None, summary: bytes, dirty: int) -> None:
        """Set the digest of what a feed's documents show (`key`), and the identity of their files."""
        self._db.execute(
            "UPDATE feed SET key=?, stamps=?, summary=?, dirty=? WHERE feed=?",
            (key, file_identity, summary, dirty, feed),
        )

    def delete(self, feed: int) -> None:
        """Delete a feed, for `--prune`."""
        self._db.execute("DELETE FROM feed WHERE feed=?", (feed,))

    def is_empty(self, feed: int) -> bool:
        """Return whether no item is, was or will be in a feed, and no page of its archive is left."""
        sql = "SELECT 1 FROM entry WHERE feed=?1 UNION ALL SELECT 1 FROM page WHERE feed=?1 LIMIT 1"
        return self._db.execute(sql, (feed,)).fetchone() is None

    def with_most_items(self, prefix: str, now: int, *, least: int, most: int) -> list[int]:
        """Return the feeds whose slugs begin with `prefix` (which ends with a hyphen) and that show the most items.

        Each shows at least `least` at `now`, and there are at most `most`.
        """
        rows = self._db.execute(
            "SELECT feed FROM feed JOIN entry USING(feed) WHERE slug>=? AND slug<? AND starts<=? AND ends>?"
            " GROUP BY feed HAVING count(*)>=? ORDER BY count(*) DESC, slug LIMIT ?",
            (prefix, f"{prefix[:-1]}.", now, now, least, most),
        )
        return [feed for (feed,) in rows]

    def mark_clean(self, feeds: Iterable[int]) -> None:
        """Mark feeds as compared: what they show is not published."""
        self._db.executemany("UPDATE feed SET dirty=0 WHERE feed=?", ((feed,) for feed in feeds))

    def unpublish(self, feed: int) -> None:
        """Note that a feed whose documents were removed is not published any more."""
        self._db.execute("UPDATE feed SET key=NULL, stamps=NULL, summary=NULL, dirty=0 WHERE feed=?", (feed,))

    def mark_dirty(self, feeds: Iterable[int] | None) -> None:
        """Mark feeds (None: all) as changed, so that the next turn compares them."""
        if feeds is None:
            self._db.execute("UPDATE feed SET dirty=1")
        else:
            self._db.executemany("UPDATE feed SET dirty=1 WHERE feed=?", ((feed,) for feed in feeds))

    def mark_waiting(self, feed: int) -> None:
        """Mark a feed as waiting for pages of its archive, unless it is marked as changed."""
        self._db.execute("UPDATE feed SET dirty=? WHERE feed=? AND dirty=0", (WAITING, feed))

    def forget_documents(self, feeds: Iterable[int]) -> None:
        """Forget what the documents of feeds show, so that they are rendered again."""
        self._db.executemany("UPDATE feed SET dirty=1, key=NULL WHERE feed=?", ((feed,) for feed in feeds))

    def count_written(self) -> int:
        """Return the number of feeds whose documents are on disk."""
        count: int = self._db.execute("SELECT count(*) FROM feed WHERE stamps>x''").fetchone()[0]
        return count

    def written_after(self, feed: int) -> tuple[int, str] | None:
        """Return number and slug of the first feed after `feed` whose documents are on disk, None if there is none."""
        sql = "SELECT feed, slug FROM feed WHERE feed>? AND stamps>x'' ORDER BY feed LIMIT 1"
        found: tuple[int, str] | None = self._db.execute(sql, (feed,)).fetchone()
        return found

    # -- entries: which items a feed shows, and when

    def add_entries(self, rows: Iterable[tuple[int, int, int, int, int, int, int]]) -> None:
        """Add items to feeds: feed, sort, worst, tie, file, starts, ends."""
        self._db.executemany("INSERT OR REPLACE INTO entry VALUES(?,?,?,?,?,?,?)", rows)

    def delete_entries(self, rows: Iterable[tuple[int, int, int, int, int, int, int]]) -> None:
        """Delete items from feeds; the rows are those that were added."""
        self._db.executemany(
            "DELETE FROM entry WHERE feed=? AND sort=? AND worst=? AND tie=? AND file=? AND starts=? AND ends=?", rows
        )

    def clear_entries(self) -> None:
        """Empty every feed, before the rules are applied again to all stored seeds; every file must be put again."""
        self._db.execute("DELETE FROM entry")

    def publication_times(self) -> Iterator[tuple[int, int]]:
        """Yield the feed and publication time (seconds since 1970) of every item that is, was or will be in a feed."""
        for feed, sort in _entry.all(self._db.execute("SELECT feed, sort FROM entry")):
            yield feed, -sort

    def visible(self, feed: int, now: int, limit: int | None) -> list[VisibleItem]:
        """Return what a feed shows at `now`, in the feed's order, at most `limit` items."""
        rows = self._db.execute(
            f"{VISIBLE} WHERE e.feed=? AND e.starts<=? AND e.ends>? {IN_ORDER} LIMIT ?",
            (feed, now, now, -1 if limit is None else limit),
        )
        return [visible_item(row) for row in rows]

    def position(self, feed: int, row: tuple[int, int, str], now: int) -> int:
        """Return how many items come before an entry (sort, worst, and the file's path) of a feed at `now`."""
        sort, worst, path = row
        visible = "SELECT count(*) FROM entry e JOIN file f USING(file) WHERE feed=? AND e.starts<=? AND e.ends>?"
        count: int = self._db.execute(
            f"{visible} AND ((sort, worst) < (?,?) OR (sort, worst) = (?,?) AND path > ?)",
            (feed, now, now, sort, worst, sort, worst, path),
        ).fetchone()[0]
        return count

    def daily_counts(self, feed: int, newest: int, now: int) -> tuple[int, ...]:
        """Return the number of a feed's items at `now` for each of the days up to that of `newest`, oldest first.

        There are `DAYS_COUNTED` days; a count goes up to `MANY_A_DAY`.
        """
        last_second = newest // 86_400 * 86_400 + 86_399
        rows = self._db.execute(_DAILY, (feed, -last_second, now, MANY_A_DAY, DAYS_COUNTED))
        return tuple(count for (count,) in rows)

    # -- topics

    def count_topic_names(self, changes: Iterable[tuple[str, str, int]]) -> None:
        """Change how many visible seeds use a spelling of a topic: slug, name, difference."""
        self._db.executemany(
            "INSERT INTO topic_name VALUES(?,?,?) ON CONFLICT DO UPDATE SET uses=uses+excluded.uses", changes
        )

    def clear_topic_uses(self) -> None:
        """Set the number of visible seeds that use each spelling of a topic to 0."""
        self._db.execute("UPDATE topic_name SET uses=0 WHERE uses!=0")

    def move_topic_name(self, slug: str, name: str, other: str) -> None:
        """Remember that the topic `name` has the slug `other` and not `slug`, in all its spellings."""
        rows = self._db.execute("SELECT name FROM topic_name WHERE slug=?", (slug,)).fetchall()
        for (one,) in rows:
            if folded(one) == folded(name):
                self._db.execute("DELETE FROM topic_name WHERE slug=? AND name=?", (slug, one))
                self._db.execute("INSERT OR IGNORE INTO topic_name VALUES(?,?,0)", (other, one))

    def topic_names(self) -> list[tuple[str, str, int]]:
        """Return slug, name and number of uses of every spelling of a topic, by slug, the most used first."""
        rows = self._db.execute("SELECT slug, name, uses FROM topic_name ORDER BY slug, uses DESC, name")
        return [check("topic_name", row) for row in rows]
