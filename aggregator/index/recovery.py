"""The rescue of a damaged index: what cannot be derived from the seeds moves to a new file.

Touches `index.db` and the files beside it. Each step may be interrupted: the damaged file stays where it is until all
that could be saved is in `index.db.saved`, and the next start continues from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from aggregator.index.database import (
    DAMAGED,
    LOGS,
    Database,
    connect,
    connect_read_only,
    create_file,
    exists,
    flush,
    flush_folder,
    marks,
    note_of,
    remove,
)
from aggregator.index.rows import VALID, is_last_good
from aggregator.index.schema import REMEMBERED_TABLES
from aggregator.model.sqlite_errors import is_damage, with_advice
from aggregator.model.words import quantity


def open_or_rescue(path: str) -> Database:
    """Open the database `path`, creating it if it is missing and rescuing it if it is damaged.

    Raises:
        sqlite3.Error: if it cannot be opened or written, for example on a full disk.
        OSError: likewise, or if the system cannot say whether it exists.
    """
    rescue = Rescue(path)
    rebuilt = rescue.finish("seen by a process that was ended meanwhile") if rescue.is_pending() else ""
    try:
        database = Database(path)
    except DAMAGED as error:  # sqlite3 itself fails to decode what it quotes of a damaged schema
        if not is_damage(error):
            raise
        rescue.save()
        rebuilt = rescue.finish(with_advice(error))
        database = Database(path)
    database.rebuilt = rebuilt or database.rebuilt
    return database


def set_aside(database: Database, reason: str) -> None:
    """Replace a damaged open database by a new one with what could be saved.

    Raises:
        sqlite3.Error: if the new one cannot be written, for example on a full disk.
        OSError: likewise.
    """
    database.db.close()
    if database.unfilled:
        database.create()  # nothing was stored yet
        return
    rescue = Rescue(database.path)
    try:
        if not rescue.is_pending():  # else only the last step had failed
            rescue.save()
    except BaseException:
        database.db = connect(database.path)
        raise
    database.rebuilt = rescue.finish(reason)
    database.reopen()


class Rescue:
    """The rescue of the damaged database `path`: `save`, then `finish`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._saved = f"{path}.saved"
        self._damaged = f"{path}.damaged"
        self._dropped: Counter[str] = Counter()

    def is_pending(self) -> bool:
        """Return whether everything is saved and the damaged file must only be replaced."""
        return exists(self._saved)

    def save(self) -> None:
        """Write what can be saved to a new file, which gets its name when it is complete."""
        new = f"{self._path}.new"
        try:
            with closing(create_file(new)) as db:
                self._salvage(db)
            flush(new)
            for suffix in ("", *LOGS):  # of one damaged before: SQLite would take its log for the next one's
                remove(self._damaged + suffix)
            os.replace(new, self._saved)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise

    def finish(self, reason: str) -> str:
        """Move the damaged file away and the saved one into its place; return what happened, for people."""
        for suffix in ("", *LOGS):
            with suppress(FileNotFoundError):
                os.replace(self._path + suffix, self._damaged + suffix)
        remove(note_of(self._path))
        os.replace(self._saved, self._path)
        flush_folder(self._path)
        rows = ", ".join(f"{quantity(count, 'row')} of {table}" for table, count in self._dropped.items() if count)
        lost = f"{rows} could not be saved; " if rows else ""
        return f"it was damaged ({reason}); {lost}the damaged file is kept as {os.path.basename(self._damaged)}"

    def _salvage(self, db: sqlite3.Connection) -> None:
        """Copy the rows of the remembered tables that are readable and undamaged."""
        db.execute("BEGIN IMMEDIATE")
        for table, columns in REMEMBERED_TABLES.items():
            insert = f"INSERT OR IGNORE INTO {table} VALUES({marks(columns.split(','))})"
            for row in _readable(self._path, f"SELECT {columns} FROM {table}"):  # noqa: S608 - names from above
                if VALID[table](row):
                    db.execute(insert, row)
                else:  # a bad row costs only itself
                    self._dropped[table] += 1
        self._salvage_seeds(db)
        cursor = db.execute("DELETE FROM alias WHERE story NOT IN (SELECT story FROM story)")
        self._dropped["alias"] += cursor.rowcount
        db.execute("COMMIT")

    def _salvage_seeds(self, db: sqlite3.Connection) -> None:
        """Copy the stored seeds of files that cannot be read, in place of last good versions that are damaged."""
        query = "SELECT path, seed, content FROM file JOIN seed USING(file) WHERE stale=1"
        rows = [row for row in _readable(self._path, query) if is_last_good(row)]
        db.executemany("INSERT OR IGNORE INTO last_good VALUES(?,?,?)", rows)


def _readable(path: str, query: str) -> Iterator[Any]:
    """Yield the rows of a damaged file up to the first that cannot be read.

    Raises:
        sqlite3.Error: if the error is not damage: the rest would be lost.
    """
    try:
        with closing(connect_read_only(path)) as db:
            db.text_factory = _text
            yield from db.execute(query)
    except DAMAGED as error:
        if not is_damage(error):
            raise


def _text(raw: bytes) -> str | None:
    """Return the text of a damaged file, None if it is not UTF-8: an error would hide all rows that follow."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
