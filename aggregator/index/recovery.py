"""The rescue of a damaged index: what cannot be derived from the seeds moves to a new file.

Touches `index.db` and the files beside it. Each step may be interrupted: the damaged file stays where it is until all
that could be saved is in `index.db.saved`, and the next start continues from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from aggregator.index.database import (
    DAMAGED,
    LOGS,
    Database,
    checksum,
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
from aggregator.index.schema import REMEMBERED_TABLES
from aggregator.model.sqlite_errors import is_damage


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
        rebuilt = rescue.finish(str(error))
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
        return f"it was damaged ({reason}); the damaged file is kept as {os.path.basename(self._damaged)}"

    def _salvage(self, db: sqlite3.Connection) -> None:
        """Copy the rows of the remembered tables that are readable and undamaged."""
        db.execute("BEGIN IMMEDIATE")
        for table, columns in REMEMBERED_TABLES.items():
            insert = f"INSERT OR IGNORE INTO {table} VALUES({marks(columns.split(','))})"
            for row in _readable(self._path, f"SELECT {columns} FROM {table}"):  # noqa: S608 - names from above
                if table != "story" or row[4:] == (checksum(row[1]),):
                    with suppress(sqlite3.IntegrityError):  # a bad row costs only itself
                        db.execute(insert, row)
        db.execute("DELETE FROM alias WHERE story NOT IN (SELECT story FROM story)")
        db.execute("COMMIT")


def _readable(path: str, query: str) -> Iterator[Any]:
    """Yield the rows of a damaged file up to the first that cannot be read.

    Raises:
        sqlite3.Error: if the error is not damage: the rest would be lost.
    """
    try:
        with closing(connect_read_only(path)) as db:
            yield from db.execute(query)
    except DAMAGED as error:
        if not is_damage(error):
            raise
