"""The index of a site: what is known of its files, stories and feeds, in SQLite (`index.db`).

`Index` opens the database, holds one object for each group of tables, and knows which moment is due next.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aggregator.index.archive_pages import ArchivePages
from aggregator.index.copies import Copies
from aggregator.index.coverage import Coverage
from aggregator.index.database import DAMAGED, IN_MEMORY, Database, exists
from aggregator.index.feeds import Feeds
from aggregator.index.files import Files
from aggregator.index.item_pages import ItemPages
from aggregator.index.overview import Overview
from aggregator.index.recovery import open_or_rescue, set_aside
from aggregator.index.row_check import check_rows
from aggregator.index.rows import Columns, check_meta
from aggregator.index.sitemap import SitemapMonths
from aggregator.index.stories import Stories
from aggregator.index.withdrawn import WithdrawnItems
from aggregator.index.words import FoundWords
from aggregator.model.errors import AggregatorError
from aggregator.model.items import FOREVER
from aggregator.model.sqlite_errors import is_damage, with_advice

if TYPE_CHECKING:
    from aggregator.index.search import Search

_due = Columns("file", int, str)
_moment = Columns("file", int)
_story = Columns("file", (type(None), int))


class Index:
    """The index of one site; open it once, use it from one thread, and close it."""

    def __init__(self, path: str, *, read_only: bool = False, copied: sqlite3.Connection | None = None) -> None:
        """Open the database `path`; create it if it is missing, unless `read_only` is true.

        With `copied` it is a copy of that database in memory (`in_memory`).

        Raises:
            sqlite3.Error: if it cannot be opened, or if it is damaged and `read_only` is true.
            OSError: if the system cannot say whether it exists.
        """
        if copied is not None:
            database = Database(IN_MEMORY, copied=copied)
        else:
            database = Database(path, read_only=True) if read_only else open_or_rescue(path)
        self._database = database
        self.is_last = database.is_last
        """Whether this is the index that was closed last, and not a copy or a new one."""
        self.files = Files(database)
        self.stories = Stories(database)
        self.copies = Copies(database)
        self.coverage = Coverage(database)
        self.feeds = Feeds(database)
        self.archive_pages = ArchivePages(database)
        self.item_pages = ItemPages(database)
        self.sitemap = SitemapMonths(database)
        self.withdrawn = WithdrawnItems(database)
        self.words = FoundWords(database)
        self.overview = Overview(database)
        self.transaction = database.transaction
        self.snapshot = database.snapshot
        self.create_indexes = database.create_indexes
        self.start_over = database.start_over
        self.is_there = database.is_there
        self.write_again = database.write_again

    def in_memory(self) -> Index:
        """Return a copy of this index in memory, in which a turn can be tried; close it."""
        return Index(IN_MEMORY, copied=self._db)

    @cached_property
    def search(self) -> Search:
        """Its files by what their seeds say."""
        from aggregator.index.search import Search  # noqa: PLC0415 - only those who look for items pay for it

        return Search(self._database)

    def set_aside(self, reason: str) -> None:
        """Replace a damaged index by a new one with what could be saved.

        Raises:
            sqlite3.Error: if the new one cannot be written, for example on a full disk.
            OSError: likewise.
        """
        set_aside(self._database, reason)

    def check_rows(self) -> None:
        """Check every row, which takes about a second for 100,000 files.

        Raises:
            sqlite3.DatabaseError: if one is damaged.
        """
        check_rows(self._db)

    @property
    def _db(self) -> sqlite3.Connection:
        return self._database.db

    @property
    def filling(self) -> bool:
        """Return whether the index is empty and its first transaction has not been committed."""
        return self._database.filling

    def pop_rebuild_reason(self) -> str:
        """Return why the index was rebuilt, "" if it was not; later calls return ""."""
        reason, self._database.rebuilt = self._database.rebuilt, ""
        return reason

    def close(self) -> None:
        """Close the database; undo what was not committed."""
        self._database.close()

    # -- meta

    def meta(self, key: str) -> Any:
        """Return a stored value, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row and check_meta(key, row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a value."""
        if self.meta(key) != value:  # so that a turn in which nothing happens writes nothing
            self._db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    # -- due moments

    def due_stories(self, now: int) -> list[int]:
        """Return the stories with a file whose window opened or closed since the last turn, whichever way time went."""
        rows = self._db.execute(
            "SELECT story FROM file WHERE until<=?1 UNION SELECT story FROM file WHERE since>?1", (now,)
        )
        return [story for (story,) in _story.all(rows) if story is not None]

    def next_due(self) -> tuple[int, str] | None:
        """Return when a feed next changes by itself, and by which path ("" if a tombstone expires), or None."""
        row = self._db.execute("SELECT until, path FROM file WHERE until IS NOT NULL ORDER BY until LIMIT 1").fetchone()
        expires = self.withdrawn.next_end(-FOREVER)
        if expires is not None and (row is None or expires < _due(row)[0]):
            return expires, ""
        return None if row is None or _due(row)[0] >= FOREVER else (row[0], row[1])

    def next_due_moment(self, now: int) -> int | None:
        """Return the next moment later than `now` at which a feed changes by itself (seconds since 1970), or None."""
        row = self._db.execute("SELECT until FROM file WHERE until > ? ORDER BY until LIMIT 1", (now,)).fetchone()
        moments = [_moment(row)[0] if row else None, self.withdrawn.next_end(now)]
        return min((moment for moment in moments if moment is not None and moment < FOREVER), default=None)


@contextmanager
def opened_read_only(state: str) -> Iterator[Index | None]:
    """Open the index of the state folder `state` for reading, even while a turn writes; None if nothing was built yet.

    Raises:
        AggregatorError: if a row turns out to be damaged.
        sqlite3.Error: if it cannot be opened.
        OSError: if the system cannot say whether it exists.
    """
    path = os.path.join(state, "index.db")
    if not exists(path):
        yield None
        return
    with closing(Index(path, read_only=True)) as index:
        try:
            yield index
        except DAMAGED as error:
            if not is_damage(error):
                raise
            why = f"the index is damaged: {with_advice(error)} (run `aggregator build`, which makes it again)"
            raise AggregatorError(f"{path}: {why}") from error
