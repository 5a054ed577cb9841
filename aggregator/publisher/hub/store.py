"""The file `websub.db`: what the hub was notified of, across restarts. Touches that file only.

It is not part of the index, which may be made again from the seeds; that would lose what the hub knows. Its content is
also in memory, which is authoritative: if the file cannot be written, the reason is in `problem`, pings go on, and what
is missing in the file is written as soon as possible. If the file is damaged or lost, a new one is made and the hub is
notified of every feed again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from urllib.parse import quote

import msgspec

from aggregator.model.sqlite_errors import is_damage
from aggregator.publisher.hub.policy import Hub, Topic

STORE = "websub.db"
VERSION = 1

# One row for each document, and one for the hub itself under a name that no document has.
_TABLE = "CREATE TABLE IF NOT EXISTS ping(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
_HUB = ""

_topic = msgspec.json.Decoder(Topic)
_hub = msgspec.json.Decoder(Hub)


class PingStore:
    """What is known of each document and of the hub; `problem` says why it is not on the disk, "" if it is."""

    def __init__(self, state: str) -> None:
        """Keep the file in the state folder; nothing is read before `open`."""
        self._path = os.path.join(state, STORE)
        self._db: sqlite3.Connection | None = None
        self._unsaved: dict[str, Topic | Hub | None] = {}
        self.topics: dict[str, Topic] = {}
        self.hub = Hub()
        self.problem = ""

    def open(self) -> None:
        """Read the file; only the thread that did so may use the store."""
        try:
            self.topics, self.hub = self._open()
        except sqlite3.Error as error:
            self.problem = self._message(error)

    def put(self, *, topics: Iterable[Topic] = (), hub: Hub | None = None, gone: Iterable[str] = ()) -> None:
        """Store documents and the hub, and delete the documents `gone`."""
        for topic in topics:
            self.topics[topic.name] = self._unsaved[topic.name] = topic
        for name in gone:
            self.topics.pop(name, None)
            self._unsaved[name] = None
        if hub is not None:
            self.hub = self._unsaved[_HUB] = hub
        try:
            self._save()
        except sqlite3.Error as error:
            self._drop(error)
            self.problem = self._message(error)
        else:
            self.problem = ""

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> tuple[dict[str, Topic], Hub]:
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None)
            for setting in ("busy_timeout=1000", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {setting}")
            if self._db.execute("PRAGMA user_version").fetchone()[0] not in {0, VERSION}:
                raise sqlite3.DatabaseError("made by another version")
            self._db.execute(_TABLE)
            self._db.execute(f"PRAGMA user_version={VERSION}")
            return _read(self._db)
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._drop(error)
            if not is_damage(error):
                raise
            return {}, Hub()

    def _save(self) -> None:
        if not self._unsaved:
            return
        if self._db is None:
            # The file may be new and empty; if not, what it holds is older than what is in memory.
            self._open()
            self._unsaved = {**self.topics, _HUB: self.hub, **self._unsaved}
        assert self._db is not None
        kept = [(name, msgspec.json.encode(value)) for name, value in self._unsaved.items() if value is not None]
        gone = [(name,) for name, value in self._unsaved.items() if value is None]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO ping VALUES(?,?)", kept)
        self._db.executemany("DELETE FROM ping WHERE name=?", gone)
        self._db.execute("COMMIT")
        self._unsaved.clear()

    def _drop(self, error: Exception) -> None:
        """Close the file after an error, which rolls back the transaction; remove it if it is damaged."""
        self.close()
        if is_damage(error):
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    os.unlink(self._path + suffix)

    def _message(self, error: sqlite3.Error) -> str:
        return f"{self._path} cannot be used: {error}; after a restart the hub may be notified of feeds again"


def read_stored(state: str) -> tuple[dict[str, Topic], Hub] | None:
    """Read the file of a state folder without changing it; return None if it is missing or unreadable."""
    path = os.path.join(state, STORE)
    if not os.path.exists(path):
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA busy_timeout=1000")
            return _read(db)
    except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None  # the next publishing process makes a new one


def _read(db: sqlite3.Connection) -> tuple[dict[str, Topic], Hub]:
    topics: dict[str, Topic] = {}
    hub = Hub()
    for name, value in db.execute("SELECT name, value FROM ping"):
        if type(name) is not str or type(value) is not bytes:  # truncated pages read as NULL
            raise sqlite3.DatabaseError("a row is not one of ours")
        if name == _HUB:
            hub = _hub.decode(value)
        else:
            topics[name] = _topic.decode(value)
            if topics[name].name != name:
                raise sqlite3.DatabaseError("a row is not one of ours")
    return topics, hub
