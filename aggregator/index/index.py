"""What is known, in SQLite: files, stories, which items a feed holds now and which moment is due next.

Every question and every change of the index is a method here; the tables are described in `database`. Touches that
file alone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, TypeVar

from aggregator.index.archive_pages import ArchiveIndex, PageRow
from aggregator.index.database import Database, checksum, exists
from aggregator.index.overview import Overview
from aggregator.model.archive_layout import HOUR, SLOTS, bounds
from aggregator.model.feeds import DAYS_COUNTED, MANY_A_DAY
from aggregator.model.items import FOREVER

Value = TypeVar("Value")

_FILE_COLUMNS = (
    "file, path, dev, ino, size, mtime, ctime, digest, content, rule, detail, stale, story, newest, quality, starts,"
    " ends, since, until, verdict, shown"
)

# Bounded by its LIMIT and a range of the primary key; `?2` is the sort of the last second of the last day.
_DAILY = """
WITH RECURSIVE day(number) AS (SELECT ?5 UNION ALL SELECT number - 1 FROM day WHERE number > 1)
SELECT (SELECT count(*) FROM (
    SELECT 1 FROM entry WHERE feed=?1 AND sort BETWEEN ?2 + 86400 * (number - 1) AND ?2 + 86400 * number - 1
    AND starts<=?3 AND ends>?3 LIMIT ?4
)) FROM day
"""


class FileRow(NamedTuple):
    """A row of `file`; see the schema."""

    file: int
    path: str
    dev: int = 0
    ino: int = 0
    size: int = 0
    mtime: int = -1
    ctime: int = 0
    digest: bytes = b""
    content: bytes | None = None
    rule: str = ""
    detail: str = ""
    stale: int = 0
    story: int | None = None
    newest: int | None = None
    quality: int | None = None
    starts: int | None = None
    ends: int | None = None
    since: int | None = None
    until: int | None = None
    verdict: bytes | None = None
    shown: bytes | None = None


class Shown(NamedTuple):
    """What a feed shows at one place: the file, the digest of its content, its verdict, and the story's id.

    `since` tells versions apart that differ by time alone (an `updatedDateTime` that has come).
    """

    file: int
    content: bytes
    verdict: bytes
    id: str
    since: int


CHANGED, WAITING = 1, 2
"""Why a feed is looked at again (`FeedRow.dirty`): what it shows may have changed, or pages of its archive come."""


class FeedRow(NamedTuple):
    """A row of `feed`; see the schema."""

    feed: int
    slug: str
    dirty: int
    key: bytes | None
    stamps: bytes | None
    summary: bytes | None
    shelf: bytes | None


class Index:
    """The index of one site; open it once, use it from one thread, and close it."""

    def __init__(self, path: str, *, look_only: bool = False) -> None:
        """Open the database `path`, making it where there is none; `look_only` changes nothing and takes what is there.

        Raises:
            sqlite3.Error: where it cannot be opened, or with `look_only` where it is not whole.
        """
        self._file = Database(path, look_only=look_only)
        self.is_last = self._file.is_last
        self.archive = ArchiveIndex(self._file)
        self.overview = Overview(self._file)
        self.transaction = self._file.transaction
        self.settle_indexes = self._file.settle_indexes
        self.set_aside = self._file.set_aside
        self.start_over = self._file.start_over
        self.is_there = self._file.is_there
        self.write_again = self._file.write_again

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.db

    @property
    def filling(self) -> bool:
        """True between the making of an empty index and its first commit."""
        return self._file.filling

    def why_rebuilt(self) -> str:
        """Say, once, why the index had to be made anew, "" if it was whole."""
        reason, self._file.rebuilt = self._file.rebuilt, ""
        return reason

    def close(self) -> None:
        """Close the database; what was not committed is undone."""
        self._file.close()

    # -- meta

    def meta(self, key: str) -> Any:
        """Give a remembered value, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row and row[0]

    def set_meta(self, key: str, value: Any) -> None:
        """Remember a value."""
        if self.meta(key) != value:  # so that a turn in which nothing happens writes nothing
            self._db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    # -- files

    def stat_keys(self, below: str = "") -> Iterator[tuple[str, tuple[int, int, int, int, int]]]:
        """Give path and stat key of the known files in the order of their paths: all, or those `below` a path.

        Each is one row at a time, so a million files cost no memory; do not write while they are being read.
        """
        sql = "SELECT path, dev, ino, size, mtime, ctime FROM file"
        bounds = (f"{below.rstrip('/')}/", f"{below.rstrip('/')}0", below) if below else ()
        where = " WHERE (path >= ? AND path < ?) OR path = ?" if below else ""
        for row in self._db.execute(f"{sql}{where} ORDER BY path", bounds):
            yield row[0], row[1:]

    def digests(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Give the digests of the known ones among `paths`, of those that can be read."""
        found: dict[str, bytes] = {}
        if self.filling:
            return found
        for chunk in chunks(paths):
            sql = f"SELECT path, digest FROM file WHERE path IN ({_marks(chunk)}) AND digest != x''"  # noqa: S608
            found.update(self._db.execute(sql, chunk))
        return found

    def count_files(self) -> int:
        """Give the number of known files."""
        count: int = self._db.execute("SELECT count(*) FROM file").fetchone()[0]
        return count

    def files(self, where: str, values: Sequence[Any] = ()) -> Iterator[FileRow]:
        """Give the rows of `file` that satisfy an SQL condition."""
        for row in self._db.execute(f"SELECT {_FILE_COLUMNS} FROM file WHERE {where}", values):  # noqa: S608 - ours
            yield FileRow._make(row)

    def files_of(self, paths: Sequence[str]) -> dict[str, FileRow]:
        """Give the known ones among `paths`."""
        return {row.path: row for chunk in chunks(paths) for row in self.files(f"path IN ({_marks(chunk)})", chunk)}

    def next_file(self) -> int:
        """Give a number no file has."""
        number: int = self._db.execute("SELECT coalesce(max(file), 0) + 1 FROM file").fetchone()[0]
        return number

    def put_files(self, rows: Iterable[FileRow], *, new: bool = False) -> None:
        """Insert rows of `file`, or replace those of the same number; faster where all are `new`."""
        verb = "INSERT" if new else "INSERT OR REPLACE"
        self._db.executemany(f"{verb} INTO file VALUES({_marks(FileRow._fields)})", rows)

    def put_stats(self, rows: Iterable[tuple[int, int, int, int, int, bytes, int]]) -> None:
        """Set the stat keys and digest of files that say the same as before; each row ends with the file."""
        self._db.executemany("UPDATE file SET dev=?, ino=?, size=?, mtime=?, ctime=?, digest=? WHERE file=?", rows)

    def delete_files(self, files: Sequence[int]) -> None:
        """Forget files; their entries must have gone before."""
        for chunk in chunks(files):
            for table in ("file", "seed", "problem"):
                self._db.execute(f"DELETE FROM {table} WHERE file IN ({_marks(chunk)})", chunk)  # noqa: S608

    def seeds(self, files: Sequence[int]) -> dict[int, bytes]:
        """Give the stored seeds of `files`.

        Raises:
            sqlite3.DatabaseError: where one is missing, which only damage can do.
        """
        found: dict[int, bytes] = {}
        for chunk in chunks(files):
            sql = f"SELECT file, seed FROM seed WHERE file IN ({_marks(chunk)})"  # noqa: S608
            found.update(self._db.execute(sql, chunk))
        _insist(found, files, "seed")
        return found

    def put_seeds(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Store seeds by file."""
        self._db.executemany("INSERT OR REPLACE INTO seed VALUES(?,?)", rows)

    def delete_seeds(self, files: Sequence[int]) -> None:
        """Drop the stored seeds of files that can no longer be read."""
        self._db.executemany("DELETE FROM seed WHERE file=?", ((file,) for file in files))

    def put_problems(self, rows: Iterable[tuple[int, bytes | None]]) -> None:
        """Set what is wrong with files, None for nothing."""
        for file, problems in rows:
            if problems is None:
                self._db.execute("DELETE FROM problem WHERE file=?", (file,))
            else:
                self._db.execute("INSERT OR REPLACE INTO problem VALUES(?,?)", (file, problems))

    def problems(self) -> list[tuple[str, int, bytes]]:
        """Give path, stale and problems of every file that has any, by path."""
        return self._db.execute(
            "SELECT path, stale, problems FROM problem JOIN file USING(file) ORDER BY path"
        ).fetchall()

    def sharing(self, now: int) -> Iterator[FileRow]:
        """Give the accepted files, in time at `now`, whose story other files tell too."""
        several = "SELECT story FROM file WHERE story IS NOT NULL GROUP BY story HAVING count(*) > 1"
        yield from self.files(f"story IN ({several}) AND starts <= ?1 AND ends > ?1 ORDER BY path", (now,))

    def changed(self, paths: Sequence[str]) -> dict[str, int]:
        """Give when the known ones among `paths` were last written, as far as that is certain; seconds since 1970."""
        return {path: row.mtime // 10**9 for path, row in self.files_of(paths).items() if row.mtime > 0}

    # -- stories

    def known(self, keys: Sequence[int]) -> dict[int, int]:
        """Give the stories that the known ones among `keys` lead to."""
        found: dict[int, int] = {}
        for chunk in chunks(keys):
            sql = f"SELECT key, story FROM alias WHERE key IN ({_marks(chunk)})"  # noqa: S608
            found.update(self._db.execute(sql, chunk))
        return found

    def stories(self, stories: Sequence[int]) -> dict[int, tuple[str, int, int]]:
        """Give id, own and sealed of stories.

        Raises:
            sqlite3.DatabaseError: where one is missing or not what was written, which only damage can do.
        """
        found: dict[int, tuple[str, int, int]] = {}
        for chunk in chunks(stories):
            sql = f"SELECT story, id, own, sealed, sum FROM story WHERE story IN ({_marks(chunk)})"  # noqa: S608
            for story, id, own, sealed, stored in self._db.execute(sql, chunk):  # noqa: A001
                if checksum(id) != stored:
                    raise sqlite3.DatabaseError(f"the id of story {story} is damaged")
                found[story] = id, own, sealed
        _insist(found, stories, "story")
        return found

    def next_story(self) -> int:
        """Give a number no story has."""
        number: int = self._db.execute("SELECT coalesce(max(story), 0) + 1 FROM story").fetchone()[0]
        return number

    def put_stories(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """Store stories: number, id, own, sealed."""
        self._db.executemany(
            "INSERT OR REPLACE INTO story VALUES(?,?,?,?,?)", ((*row, checksum(row[1])) for row in rows)
        )

    def put_aliases(self, rows: Iterable[tuple[int, int]], *, replace: bool = False) -> None:
        """Remember keys; the first story a key led to stays unless `replace` says otherwise (for paths)."""
        self._db.executemany(f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO alias VALUES(?,?)", rows)

    def delete_aliases(self, keys: Iterable[int]) -> None:
        """Forget keys."""
        self._db.executemany("DELETE FROM alias WHERE key=?", ((key,) for key in keys))

    def last_good(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Give the last good versions of `paths`."""
        found: dict[str, bytes] = {}
        for chunk in chunks(paths):
            sql = f"SELECT path, seed FROM last_good WHERE path IN ({_marks(chunk)})"  # noqa: S608
            found.update(self._db.execute(sql, chunk))
        return found

    def put_last_good(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Remember last good versions by path."""
        self._db.executemany("INSERT OR REPLACE INTO last_good VALUES(?,?)", rows)

    def keep_last_good(self, now: int) -> None:
        """Remember the versions that readers see at `now`, where none is remembered."""
        self._db.execute(
            "INSERT OR IGNORE INTO last_good SELECT path, seed FROM file JOIN seed USING(file) WHERE file IN"
            " (SELECT file FROM entry WHERE starts<=?1 AND ends>?1)", (now,)
        )  # fmt: skip

    def keep_last_good_of_stale(self) -> None:
        """Forget the last good versions of files that are whole again or gone."""
        self._db.execute("DELETE FROM last_good WHERE path NOT IN (SELECT path FROM file WHERE stale = 1)")

    # -- entries and moments

    def add_entries(self, rows: Iterable[tuple[int, int, int, int, int, int, int]]) -> None:
        """Put items into feeds: feed, sort, worst, tie, file, starts, ends."""
        self._db.executemany("INSERT OR REPLACE INTO entry VALUES(?,?,?,?,?,?,?)", rows)

    def delete_entries(self, rows: Iterable[tuple[int, int, int, int, int, int, int]]) -> None:
        """Take items out of feeds; the rows as they were put in."""
        self._db.executemany(
            "DELETE FROM entry WHERE feed=? AND sort=? AND worst=? AND tie=? AND file=? AND starts=? AND ends=?", rows
        )

    def shown(self, feed: int, now: int, limit: int | None) -> list[Shown]:
        """Give what a feed shows at `now`, in its order, at most `limit` items."""
        rows = self._db.execute(
            "SELECT e.file, f.content, f.verdict, s.id, f.since FROM entry e"
            " JOIN file f ON f.file=e.file JOIN story s ON s.story=f.story"
            " WHERE e.feed=? AND e.starts<=? AND e.ends>? ORDER BY e.sort, e.worst, e.tie LIMIT ?",
            (feed, now, now, -1 if limit is None else limit),
        )
        return [Shown._make(row) for row in rows]

    def shown_on(self, page: PageRow, now: int) -> list[Shown]:
        """Give what a page of a feed's archive shows at `now`, in the feed's order."""
        starts, ends = bounds(page.month)
        newest = min(ends, starts + (page.last // SLOTS + 1) * HOUR - 1)
        oldest = starts + page.first // SLOTS * HOUR
        rows = self._db.execute(
            "SELECT e.file, f.content, f.verdict, s.id, f.since FROM entry e"
            " JOIN file f ON f.file=e.file JOIN story s ON s.story=f.story"
            " WHERE e.feed=? AND e.sort BETWEEN ? AND ? AND e.starts<=? AND e.ends>?"
            " AND (-e.sort - ?) / ? * ? + (e.tie & ?) BETWEEN ? AND ? ORDER BY e.sort, e.worst, e.tie",
            (page.feed, -newest, -oldest, now, now, starts, HOUR, SLOTS, SLOTS - 1, page.first, page.last),
        )
        return [Shown._make(row) for row in rows]

    def place(self, feed: int, row: tuple[int, int, int], now: int) -> int:
        """Give how many items come before an entry (sort, worst, tie) of a feed at `now`."""
        count: int = self._db.execute(
            "SELECT count(*) FROM entry WHERE feed=? AND starts<=? AND ends>? AND (sort, worst, tie) < (?,?,?)",
            (feed, now, now, *row),
        ).fetchone()[0]
        return count

    def daily(self, feed: int, newest: int, now: int) -> tuple[int, ...]:
        """Count a feed's items at `now` on each of the days that end with the one of `newest`, the oldest day first."""
        last_second = newest // 86_400 * 86_400 + 86_399
        rows = self._db.execute(_DAILY, (feed, -last_second, now, MANY_A_DAY, DAYS_COUNTED))
        return tuple(count for (count,) in rows)

    def story_of_id(self, id: str) -> int | None:  # noqa: A002 - the field's own name
        """Give the story that readers know by `id`."""
        row: tuple[int] | None = self._db.execute("SELECT story FROM story WHERE id=?", (id,)).fetchone()
        return row[0] if row else None

    def all_seeds(self) -> Iterator[tuple[str, bytes]]:
        """Give path and stored seed of every file that could be read."""
        yield from self._db.execute("SELECT path, seed FROM file JOIN seed USING(file) ORDER BY path")

    def due(self, now: int) -> list[int]:
        """Give the stories with a file whose window opened or closed since it was looked at, either way time went."""
        rows = self._db.execute(
            "SELECT story FROM file WHERE until<=?1 UNION SELECT story FROM file WHERE since>?1", (now,)
        )
        return [story for (story,) in rows if story is not None]

    def next_due(self) -> tuple[int, str] | None:
        """Give when a feed next changes by itself, and by whose path; "" is a withdrawal that was said long enough."""
        row = self._db.execute("SELECT until, path FROM file WHERE until IS NOT NULL ORDER BY until LIMIT 1").fetchone()
        withdrawn = self.archive.next_end(-FOREVER)
        if withdrawn is not None and (row is None or withdrawn < row[0]):
            return withdrawn, ""
        return None if row is None or row[0] >= FOREVER else (row[0], row[1])

    def next_due_moment(self, now: int) -> int | None:
        """Give the next moment after `now` at which a feed changes by itself, in seconds since 1970."""
        row = self._db.execute("SELECT until FROM file WHERE until > ? ORDER BY until LIMIT 1", (now,)).fetchone()
        moments = [row[0] if row else None, self.archive.next_end(now)]
        return min((moment for moment in moments if moment is not None and moment < FOREVER), default=None)

    # -- feeds and topics

    def feeds(self) -> dict[str, FeedRow]:
        """Give every feed by its slug."""
        rows = self._db.execute("SELECT feed, slug, dirty, key, stamps, summary, shelf FROM feed ORDER BY slug")
        return {row[1]: FeedRow._make(row) for row in rows}

    def add_feed(self, slug: str, *, announced: bool = False) -> int:
        """Make a feed that is not there yet; gives its number.

        It is published once it shows an item, or at once where it is `announced`: the name of a topic that only
        embargoed items have is as private as they are.
        """
        self._db.execute("INSERT OR IGNORE INTO feed(slug) VALUES(?)", (slug,))
        if announced:
            self._db.execute("UPDATE feed SET summary=x'' WHERE slug=? AND summary IS NULL", (slug,))
        number: int = self._db.execute("SELECT feed FROM feed WHERE slug=?", (slug,)).fetchone()[0]
        return number

    def adopt_feed(self, slug: str) -> None:
        """Know of a feed whose documents lie on disk, whatever they show."""
        self._db.execute(
            "UPDATE feed SET stamps=x'' WHERE feed=? AND stamps IS NULL", (self.add_feed(slug, announced=True),)
        )

    def put_shelf(self, feed: int, shelf: bytes) -> None:
        """Note what the pages of a feed's archive show besides their items, and have all of them compared with it."""
        self.archive.look_again_at_all(feed)
        self._db.execute("UPDATE feed SET shelf=? WHERE feed=?", (shelf, feed))

    def mark_dirty(self, feeds: Iterable[int] | None) -> None:
        """Note that feeds must be looked at again, all of them for None."""
        if feeds is None:
            self._db.execute("UPDATE feed SET dirty=1")
        else:
            self._db.executemany("UPDATE feed SET dirty=1 WHERE feed=?", ((feed,) for feed in feeds))

    def mark_waiting(self, feed: int) -> None:
        """Note that a feed must be looked at again, though only for pages of its archive that come."""
        self._db.execute("UPDATE feed SET dirty=? WHERE feed=? AND dirty=0", (WAITING, feed))

    def forget_documents(self, feeds: Iterable[int]) -> None:
        """Forget what feeds' documents show, so that they are rendered again."""
        self._db.executemany("UPDATE feed SET dirty=1, key=NULL WHERE feed=?", ((feed,) for feed in feeds))

    def put_feed(self, feed: int, *, key: bytes | None, stamps: bytes | None, summary: bytes, dirty: int) -> None:
        """Note what a feed's documents show and look like."""
        self._db.execute(
            "UPDATE feed SET key=?, stamps=?, summary=?, dirty=? WHERE feed=?", (key, stamps, summary, dirty, feed)
        )

    def delete_feed(self, feed: int) -> None:
        """Forget a feed, for `--prune`."""
        self._db.execute("DELETE FROM feed WHERE feed=?", (feed,))

    def is_empty(self, feed: int) -> bool:
        """Say whether no item is, was or will be in a feed, and no page of its archive is left."""
        sql = "SELECT 1 FROM entry WHERE feed=?1 UNION ALL SELECT 1 FROM page WHERE feed=?1 LIMIT 1"
        return self._db.execute(sql, (feed,)).fetchone() is None

    def count_topic_names(self, changes: Iterable[tuple[str, str, int]]) -> None:
        """Add to how often a topic is written how: slug, name, difference."""
        self._db.executemany(
            "INSERT INTO topic_name VALUES(?,?,?) ON CONFLICT DO UPDATE SET uses=uses+excluded.uses", changes
        )

    def topic_names(self) -> list[tuple[str, str, int]]:
        """Give slug, name and uses of every topic name, the most used spelling of a slug first."""
        return self._db.execute("SELECT slug, name, uses FROM topic_name ORDER BY slug, uses DESC, name").fetchall()

    def clear_decisions(self) -> None:
        """Empty the feeds, for when every seed is decided anew from what is stored."""
        self._db.execute("DELETE FROM entry")
        self._db.execute("UPDATE file SET shown=NULL")


@contextmanager
def looked_at(state: str) -> Iterator[Index | None]:
    """Open the index of the state folder `state` to look at it, whoever writes there; None where nothing was built yet.

    Raises:
        sqlite3.Error: where it is not whole.
        OSError: where the system does not say whether it is there.
    """
    path = os.path.join(state, "index.db")
    if not exists(path):
        yield None
        return
    with closing(Index(path, look_only=True)) as index:
        yield index


def _insist(found: Mapping[int, object], wanted: Sequence[int], kind: str) -> None:
    """A look-up that may not fail, and does: say so as SQLite says that a file is damaged."""
    missing = next((number for number in wanted if number not in found), None)
    if missing is not None:
        raise sqlite3.DatabaseError(f"{kind} {missing} is missing")


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Cut `values` into pieces of as many as may go into one statement: SQLite takes at most so many parameters."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]
