"""The file `index.db`: how it is opened, created and committed to, and how damage is noticed. Touches that file.

What cannot be derived from the seeds (`schema`) survives every rebuild; `recovery` saves it from a damaged file.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence, Sized
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from aggregator.index.row_check import check_rows
from aggregator.index.schema import DERIVED, DERIVED_TABLES, INDEXES, REMEMBERED, REMEMBERED_TABLES, VERSION
from aggregator.model.errors import cause_of
from aggregator.model.sqlite_errors import with_advice
from aggregator.normalizer.stored import seed_digest

Value = TypeVar("Value")

LOGS = ("-wal", "-shm")
"""The suffixes of the files that SQLite keeps beside a database."""

IN_MEMORY = ":memory:"
"""The path of a database that is in no file."""

DAMAGED = (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError)
"""The errors that reading a damaged index can raise; `is_damage` returns whether it was damage."""


def reason_not_rendered(error: Exception) -> str:
    """Return why something was not rendered: the index cannot be used, memory ran out, or a bug.

    Of a bug only the type is named: its message may quote a seed.
    """
    if isinstance(error, sqlite3.Error):
        return f"not rendered, since the index cannot be used: {with_advice(error)}"
    return f"not rendered {cause_of(type(error).__name__)}"


class Database:
    """An open index file: `db` is the connection, `rebuilt` says why it was rebuilt ("" if it was not)."""

    def __init__(self, path: str, *, read_only: bool = False, copied: sqlite3.Connection | None = None) -> None:
        """Open `path`, or create it if it is missing; with `read_only` change nothing.

        With `copied` it is a copy of that database in memory instead, which is gone when it is closed.

        Raises:
            sqlite3.Error: if it cannot be opened, or is damaged.
            OSError: if the system cannot say whether it exists.
        """
        self.path = path
        self.rebuilt = ""
        self.filling = False
        """Whether the file is empty and its first transaction has not been committed."""
        self.is_last = False
        """Whether the file is known to be the one that was closed last, and not a copy of it or of an older one."""
        self.unfilled = ""
        """The path of a file that is filled for the first time, "" once it is at `path`."""
        self._note = "" if read_only or copied else note_of(path)
        self._noted = ("", "")
        if copied is not None:
            self.db = connect(IN_MEMORY)
            copied.backup(self.db)
        elif read_only:
            self.db = connect_read_only(path)
            if self.db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                self.db.close()
                hint = "run `aggregator build` once"
                raise sqlite3.DatabaseError(f"{path}: made by another version of this program ({hint})")
        elif exists(path):
            self._open()
        else:
            self.create()

    def _open(self) -> None:
        self._remove_temporary()
        self.db = connect(self.path)
        try:
            self._check()
        except BaseException:
            self.db.close()
            raise

    def create(self) -> None:
        """Create an empty file beside `path`, where the first transaction need not be written twice to survive a crash.

        A crash leaves nothing at `path`; the filled file is moved there.
        """
        self.unfilled = f"{self.path}.new"
        self.db = create_file(self.unfilled)
        self.filling = True

    def reopen(self) -> None:
        """Connect to the file at `path` after it was replaced.

        Raises:
            sqlite3.Error: if it cannot be opened, or is damaged.
        """
        self.db = connect(self.path)
        self._check()

    def close(self) -> None:
        """Close the file, and note its checksum so that the next start can tell whether it was altered.

        What was not committed is undone.
        """
        self.db.close()
        if self._note and self.unfilled:
            with suppress(OSError):
                os.unlink(self.unfilled)
        elif self._note:
            with suppress(OSError):  # without a note only that check is missing
                identity = _identity_of(self.path)
                checksum = self._noted[1] if self._noted[0] == identity else _checksum_of(self.path)
                Path(self._note).write_text(f"{identity} {checksum}\n", encoding="ascii")

    def is_there(self) -> bool:
        """Return whether the open file still has its name; one that is filled for the first time has none yet.

        Raises:
            OSError: if the system cannot say.
        """
        return bool(self.unfilled) or exists(self.path)

    def write_again(self) -> None:
        """Write the file again after somebody removed it: as long as it is open, nothing is lost.

        Raises:
            sqlite3.Error: if it cannot be written, for example on a full disk.
            OSError: likewise.
        """
        again = f"{self.path}.again"
        self._remove_temporary()
        try:
            self.db.execute("VACUUM INTO ?", (again,))
            flush(again)
            for suffix in LOGS:
                remove(self.path + suffix)
            remove(self._note)
            os.replace(again, self.path)
        except BaseException:
            with suppress(OSError):  # it may fill the disk
                self._remove_temporary()
            raise
        self.db.close()
        self.db = connect(self.path)
        _configure(self.db)

    def _remove_temporary(self) -> None:
        """Remove what a rewrite leaves behind if it fails or is killed."""
        for suffix in ("", "-journal"):
            remove(f"{self.path}.again{suffix}")

    def start_over(self, first: Callable[[], object]) -> None:
        """Delete what can be derived from the seeds; in the same transaction, `first` stores what must survive."""
        self.db.close()
        if self.unfilled:
            self.create()  # nothing was stored yet
            return
        self.db = connect(self.path)  # the old connection caches statements for the old tables
        _configure(self.db)
        self._rebuild(first)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all that is read within see one state of the index, whatever another process writes meanwhile."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")

    @contextmanager
    def transaction(self, *, filled: bool = True) -> Iterator[None]:
        """Commit what happens inside, or undo it all; with `filled=False` the first filling is still to come."""
        filling = self.filling
        with self._durable() if filled and not self.unfilled else nullcontext():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if filled:
                    self.create_indexes()
                self.db.execute("COMMIT")  # if it fails, the transaction may still be open and block the next one
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                self.filling = filling
                raise
        if filled and self.unfilled:
            self._move_into_place()

    def create_indexes(self) -> None:
        """Create the SQL indexes, unless they exist; call it when the first filling has to read what it wrote."""
        if self.filling:
            _run(self.db, INDEXES)
            self.filling = False

    @contextmanager
    def _durable(self) -> Iterator[None]:
        """Make the commit inside survive a power cut, as the feeds do: they would show ids that nobody knows."""
        self.db.execute("PRAGMA synchronous=FULL")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self.db.execute("PRAGMA synchronous=NORMAL")

    def _move_into_place(self) -> None:
        """Move the filled file to `path`; if that fails, the next commit tries again."""
        self.db.close()
        try:
            flush(self.unfilled)
            for suffix in LOGS:  # of an index that somebody removed: SQLite would take them for this one's
                remove(self.path + suffix)
            os.replace(self.unfilled, self.path)
            self.unfilled = ""
        finally:
            self.db = connect(self.unfilled or self.path)
        flush_folder(self.path)
        _configure(self.db)

    def _check(self) -> None:
        """Check a file that was opened; rebuild it if it was made by another version."""
        altered = self._is_altered()
        db = self.db
        _configure(db)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if altered and version == VERSION:  # the note stays until the file is rescued: nothing else may tell
            raise sqlite3.DatabaseError("its bytes are not those that were written")
        remove(self._note)  # whatever is written from now on makes it wrong
        if version == VERSION:
            # A cheap test of every table: damage here must not interrupt a turn.
            for table in (*DERIVED_TABLES, *REMEMBERED_TABLES):
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - names from above
            # Created and never filled: the process that created it ended before.
            self.filling = db.execute("SELECT 1 FROM meta LIMIT 1").fetchone() is None
            if altered is None and not self.filling:
                check_rows(db)
            return
        if version != 0:
            self.rebuilt = f"its version is {version}, this program's is {VERSION}"
        self._rebuild()

    def _rebuild(self, first: Callable[[], object] | None = None) -> None:
        create_tables(self.db, first)
        self.filling = True

    def _is_altered(self) -> bool | None:
        """Return whether the file changed after it was closed: SQLite does not notice a flipped bit in a row.

        After a crash there is no note, so that is unknown (None).
        """
        try:
            note = Path(self._note).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        identity, _, checksum = note.strip().rpartition(" ")
        self._noted = (identity, checksum)
        self.is_last = _identity_of(self.path) == identity
        return not self.is_last and _checksum_of(self.path) != checksum


class Tables:
    """The base of the classes that read and write some tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _db(self) -> sqlite3.Connection:
        return self._database.db  # another one after each reopening


# -- rows


def require_all(wanted: Sequence[int], found: Collection[int], kind: str) -> None:
    """Raise the error with which SQLite reports damage if one of the `wanted` numbers was not found."""
    missing = next((number for number in wanted if number not in found), None)
    if missing is not None:
        raise sqlite3.DatabaseError(f"{kind} {missing} is missing")


def marks(values: Sized) -> str:
    """Return the SQL for as many parameters as there are values."""
    return ",".join("?" * len(values))


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield `values` in slices that fit into one SQL statement, whose number of parameters is limited."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


# -- connections and tables


def connect(path: str) -> sqlite3.Connection:
    """Return a connection to the file `path`, which is created if it is missing."""
    return sqlite3.connect(path, isolation_level=None)


def connect_read_only(path: str) -> sqlite3.Connection:
    """Return a connection that can change nothing, also while another process writes."""
    db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA busy_timeout=2000")
    return db


def create_file(path: str) -> sqlite3.Connection:
    """Return a connection to a new file with empty tables, which replaces whatever was at `path`."""
    for suffix in ("", "-journal"):
        remove(path + suffix)
    db = connect(path)
    try:
        _configure(db, "journal_mode=MEMORY", "synchronous=OFF")
        create_tables(db)
    except BaseException:
        db.close()
        raise
    return db


def create_tables(db: sqlite3.Connection, first: Callable[[], object] | None = None) -> None:
    """Replace the derived tables by empty ones, after `first` has read the old ones; keep what is remembered."""
    db.execute("BEGIN IMMEDIATE")
    if first is not None:
        first()
    db.execute("DROP TABLE IF EXISTS word")  # with the tables of its own that are below
    tables = db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'").fetchall()
    for (name,) in tables:
        if name not in REMEMBERED_TABLES:
            db.execute(f'DROP TABLE "{name}"')
    _run(db, REMEMBERED + DERIVED)
    _add_digests(db)
    db.execute(f"PRAGMA user_version={VERSION}")
    db.execute("COMMIT")


def _add_digests(db: sqlite3.Connection) -> None:
    """Add the digests of last good versions that version 3 stored without."""
    if any(name == "digest" for _, name, *_ in db.execute("PRAGMA table_info(last_good)")):
        return
    db.execute("ALTER TABLE last_good ADD COLUMN digest BLOB")
    for path, seed in db.execute("SELECT path, CAST(seed AS BLOB) FROM last_good").fetchall():
        db.execute("UPDATE last_good SET digest=? WHERE path=?", (seed_digest(seed), path))


def _configure(db: sqlite3.Connection, *durability: str) -> None:
    for setting in (
        "busy_timeout=2000",
        *(durability or ("journal_mode=WAL", "synchronous=NORMAL")),
        "cache_size=-32000",
        "temp_store=MEMORY",
    ):
        db.execute(f"PRAGMA {setting}")


def _run(db: sqlite3.Connection, script: str) -> None:
    """Run statements inside the open transaction (`executescript` would commit it)."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


# -- files


def exists(path: str) -> bool:
    """Return whether a file exists.

    Raises:
        OSError: if the system cannot say: a failing disk must not make us start over.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def remove(path: str) -> None:
    """Remove a file if it exists."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def flush(path: str) -> None:
    """Write a file's content to disk, so that it survives a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def flush_folder(path: str) -> None:
    """Make a file's new name survive a power cut."""
    with suppress(OSError):  # some network file systems cannot flush a folder
        flush(os.path.dirname(path) or ".")


def note_of(path: str) -> str:
    """Return the path of the note that holds the checksum of a closed file."""
    return f"{path}.sum"


def _identity_of(path: str) -> str:
    found = os.stat(path)
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}:{found.st_ctime_ns}"


def _checksum_of(path: str) -> str:
    total = 0
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            total = zlib.crc32(piece, total)
    return str(total)
