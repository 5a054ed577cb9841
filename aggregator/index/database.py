"""The file `index.db`: how it is opened, made anew, and mended when it is damaged. Touches that file.

What cannot be made again from the seeds (`index_schema`) outlives every rebuild.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence, Sized
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from aggregator.index.schema import DERIVED, DERIVED_TABLES, INDEXES, REMEMBERED, REMEMBERED_TABLES, VERSION

Value = TypeVar("Value")

_LOGS = ("-wal", "-shm")

DAMAGED = (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError)
"""What reading a damaged index can raise; `is_damage` says whether it was that."""

_ENVIRONMENT = {
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_NOMEM",
}


def is_damage(error: BaseException) -> bool:
    """Say whether an error tells of a damaged index, and not of a full disk, a lock or the like."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return not any(name.startswith(one) for one in _ENVIRONMENT)


_ADVICE = {
    "SQLITE_FULL": "free some space",
    "SQLITE_BUSY": "end the program that has it open",
    "SQLITE_LOCKED": "end the program that has it open",
    "SQLITE_IOERR": "look whether the disk is full or failing; the system's log says more",
    "SQLITE_READONLY": "let the user this runs as write there",
    "SQLITE_CANTOPEN": "let the user this runs as write there, and look whether too many files are open",
}


def advised(error: BaseException) -> str:
    """Give an error's words, and what helps where the index cannot be used but is not damaged."""
    name = getattr(error, "sqlite_errorname", None) or ""
    advice = next((told for start, told in _ADVICE.items() if name.startswith(start)), "")
    return f"{error} ({advice})" if advice else str(error)


def why_not_rendered(error: Exception) -> str:
    """Say why something was left as it was: the index could not be used, or a bug, told by its type alone.

    Words of any other error may quote a seed.
    """
    if isinstance(error, sqlite3.Error):
        return f"not rendered, since the index cannot be used: {advised(error)}"
    return f"not rendered because of a bug in this program ({type(error).__name__})"


def exists(path: str) -> bool:
    """Say whether a file is there.

    Raises:
        OSError: where the system does not say: a disk that fails must not have us begin anew in its place.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


class Database:
    """The open file; `db` is the connection, `rebuilt` says why it had to be made anew, "" if it was whole."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        """Open `path`, making it where there is none; `read_only` changes nothing and takes what is there.

        Raises:
            sqlite3.Error: where it cannot be opened, or with `read_only` where it is not whole.
            OSError: where the system does not say whether it is there.
        """
        self.path = path
        self.rebuilt = ""
        self.filling = False
        """True between the making of an empty index and the end of its first filling."""
        self.is_last = False
        """Whether it is known to be the file that was closed last; a copy of that, or of an older one, is not."""
        self._seal = "" if read_only else f"{path}.sum"
        self._noted = ("", "")
        if read_only:
            self.db = _for_looking(path)
            return
        self._unfilled = ""
        if exists(self._saved):
            self._replace_damaged()
        if not exists(path):
            self._begin()
            return
        self.db = sqlite3.connect(path, isolation_level=None)
        try:
            self._open_or_mend()
        except BaseException:
            self.db.close()
            raise

    @property
    def _saved(self) -> str:
        """Name the file that holds all that could be saved of a damaged one, and is to take its place."""
        return f"{self.path}.saved"

    def close(self) -> None:
        """Close the file, and note what it holds, so that who opens it next can tell that it is whole.

        What was not committed is undone.
        """
        self.db.close()
        if self._seal and self._unfilled:
            with suppress(OSError):
                os.unlink(self._unfilled)
        elif self._seal:
            with suppress(OSError):  # a note that is missing costs that check alone
                look = _look_of(self.path)
                total = self._noted[1] if self._noted[0] == look else _sum_of(self.path)
                Path(self._seal).write_text(f"{look} {total}\n", encoding="ascii")

    def _is_altered(self) -> bool:
        """Say whether the file is not what it was when it was closed: SQLite does not see a flipped bit in a row.

        After a crash there is no note that tells.
        """
        try:
            look, _, total = Path(self._seal).read_text(encoding="ascii", errors="replace").strip().rpartition(" ")
            self._noted = (look, total)
            self.is_last = _look_of(self.path) == look
            return not self.is_last and _sum_of(self.path) != total
        except FileNotFoundError:
            return False

    def _forget_note(self) -> None:
        """Remove the note: what is written from now on makes it wrong."""
        with suppress(FileNotFoundError):
            os.unlink(self._seal)

    def _open_or_mend(self) -> None:
        try:
            self._open()
        except DAMAGED as error:  # sqlite3 itself fails to decode what it quotes of a damaged schema
            if not is_damage(error):
                raise
            self.set_aside(str(error))

    def _open(self) -> None:
        altered = self._is_altered()
        db = self._prepare()
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if altered and version == VERSION:  # the note stays until it is mended: nothing else may tell
            raise sqlite3.DatabaseError("its bytes are not those that were written")
        self._forget_note()
        if version == VERSION:
            # A cheap look at every table: a file that is damaged here must not surprise a turn half-way.
            for table in (*DERIVED_TABLES, *REMEMBERED_TABLES):
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - names from above
            # Made and never filled: the process that made it died on the way.
            self.filling = db.execute("SELECT 1 FROM meta LIMIT 1").fetchone() is None
            return
        if version != 0:
            self.rebuilt = f"its version is {version}, this program's is {VERSION}"
        self._make()

    def _begin(self) -> None:
        """Make an empty index beside its place, where its first filling need not be written twice to outlive a crash.

        A crash leaves the place empty, as it was; the filled file is moved there.
        """
        self._unfilled = f"{self.path}.new"
        for suffix in ("", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(self._unfilled + suffix)
        self.db = sqlite3.connect(self._unfilled, isolation_level=None)
        self._prepare("journal_mode=MEMORY", "synchronous=OFF")
        self._make()

    def _take_place(self) -> None:
        """Move the index to its place, now that it is filled; where that fails the next commit tries again."""
        self.db.close()
        try:
            _flush(self._unfilled)
            for suffix in _LOGS:  # of an index that somebody removed: SQLite would take them for this one's
                with suppress(FileNotFoundError):
                    os.unlink(self.path + suffix)
            os.replace(self._unfilled, self.path)
            self._unfilled = ""
        finally:
            self.db = sqlite3.connect(self._unfilled or self.path, isolation_level=None)
        _flush_folder(self.path)
        self._prepare()

    def is_there(self) -> bool:
        """Say whether the open file still has its name; one that is filled for the first time has none yet.

        Raises:
            OSError: where the system does not say.
        """
        return bool(self._unfilled) or exists(self.path)

    def write_again(self) -> None:
        """Write the file anew, where somebody removed it while it is open: till it is closed, all is still in there.

        Raises:
            sqlite3.Error: where that cannot be written, such as on a full disk.
            OSError: likewise.
        """
        again = f"{self.path}.again"
        with suppress(FileNotFoundError):
            os.unlink(again)
        self.db.execute("VACUUM INTO ?", (again,))
        _flush(again)
        for suffix in _LOGS:
            with suppress(FileNotFoundError):
                os.unlink(self.path + suffix)
        self._forget_note()
        os.replace(again, self.path)
        self.db.close()
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self._prepare()

    def _prepare(self, *durability: str) -> sqlite3.Connection:
        db = self.db
        for setting in (
            "busy_timeout=2000",
            *(durability or ("journal_mode=WAL", "synchronous=NORMAL")),
            "cache_size=-32000",
            "temp_store=MEMORY",
        ):
            db.execute(f"PRAGMA {setting}")
        return db

    def _make(self, first: Callable[[], object] = bool) -> None:
        """Make the derived tables anew, once `first` has seen the old ones; what is remembered stays."""
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        first()
        tables = db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'").fetchall()
        for (name,) in tables:
            if name not in REMEMBERED_TABLES:
                db.execute(f'DROP TABLE "{name}"')
        _run(db, REMEMBERED + DERIVED)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
        self.filling = True

    def set_aside(self, reason: str) -> None:
        """Begin a new file in place of a damaged one, with what can be saved of what is remembered.

        The damaged one stays in its place until that is all written: whatever ends us before, the next start does it.

        Raises:
            sqlite3.Error: where the system does not let us, such as on a full disk.
            OSError: likewise.
        """
        self.db.close()
        if self._unfilled:
            self._begin()  # nothing was known yet
            return
        try:
            if not exists(self._saved):  # else it is the last step that failed
                self._save()
        except BaseException:
            self.db.close()
            with suppress(OSError):
                os.unlink(self._unfilled)
            self.db = sqlite3.connect(self.path, isolation_level=None)
            raise
        finally:
            self._unfilled = ""
        self._replace_damaged(reason)
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self._open()

    def _save(self) -> None:
        """Write what can be saved to a file of its own, which has its name only when it is whole."""
        self._begin()
        self._salvage()
        self.db.close()
        _flush(self._unfilled)
        for suffix in ("", *_LOGS):  # of one damaged before: SQLite would take its log for the next one's
            with suppress(FileNotFoundError):
                os.unlink(self._aside + suffix)
        os.replace(self._unfilled, self._saved)

    @property
    def _aside(self) -> str:
        return f"{self.path}.damaged"

    def _replace_damaged(self, reason: str = "seen by a process that was ended meanwhile") -> None:
        """Put what was saved in the place of the damaged file; a start after a crash goes on with it."""
        for suffix in ("", *_LOGS):
            with suppress(FileNotFoundError):
                os.replace(self.path + suffix, self._aside + suffix)
        self._forget_note()
        os.replace(self._saved, self.path)
        _flush_folder(self.path)
        self.rebuilt = f"it was damaged ({reason}); the damaged file is kept as {os.path.basename(self._aside)}"

    def _salvage(self) -> None:
        """Take over what can still be read of the remembered tables and is whole."""
        with self.transaction(filled=False):
            for table, columns in REMEMBERED_TABLES.items():
                marks = ",".join("?" * len(columns.split(",")))
                for row in _readable(self.path, f"SELECT {columns} FROM {table}"):  # noqa: S608 - names from above
                    if table != "story" or row[4:] == (checksum(row[1]),):
                        with suppress(sqlite3.IntegrityError):  # one bad row costs itself
                            self.db.execute(f"INSERT OR IGNORE INTO {table} VALUES({marks})", row)
            self.db.execute("DELETE FROM alias WHERE story NOT IN (SELECT story FROM story)")

    def start_over(self, first: Callable[[], object]) -> None:
        """Forget all that can be made again; `first` notes what must be remembered of it, or neither happens."""
        self.db.close()
        if self._unfilled:
            self._begin()  # nothing was known yet
            return
        self.db = sqlite3.connect(self.path, isolation_level=None)  # the old one caches what it prepared for old tables
        self._prepare()
        self._make(first)

    @contextmanager
    def transaction(self, *, filled: bool = True) -> Iterator[None]:
        """Commit what happens inside, or undo it all; `filled=False` where the first filling is still to come."""
        filling = self.filling
        with self._durable() if filled and not self._unfilled else nullcontext():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if filled:
                    self.create_indexes()
                self.db.execute("COMMIT")  # one that fails may leave the transaction open, and none could follow it
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                self.filling = filling
                raise
        if filled and self._unfilled:
            self._take_place()

    @contextmanager
    def _durable(self) -> Iterator[None]:
        """Have what is committed inside outlive a power cut, as the feeds do: they would show ids that nobody knows."""
        self.db.execute("PRAGMA synchronous=FULL")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self.db.execute("PRAGMA synchronous=NORMAL")

    def create_indexes(self) -> None:
        """Make the look-up indexes now, where the first filling has to look back at what it wrote."""
        if self.filling:
            _run(self.db, INDEXES)
            self.filling = False


class Tables:
    """The base of the classes that read and write some tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _db(self) -> sqlite3.Connection:
        return self._database.db  # another one after each reopening


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


def _flush(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _flush_folder(path: str) -> None:
    """Have a file outlive a power cut under the name that it was given."""
    with suppress(OSError):  # some network file systems cannot flush a folder
        _flush(os.path.dirname(path) or ".")


def _look_of(path: str) -> str:
    found = os.stat(path)
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}:{found.st_ctime_ns}"


def _sum_of(path: str) -> str:
    total = 0
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            total = zlib.crc32(piece, total)
    return str(total)


def checksum(id: object) -> int:  # noqa: A002 - the column's name
    """Give the sum that is stored beside an id; what a damaged file gives for one may be no text at all."""
    return zlib.crc32(str(id).encode("utf-8", "surrogateescape"))


def _for_looking(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA busy_timeout=2000")
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        raise sqlite3.DatabaseError(f"{path}: made by another version of this program (run `aggregator build` once)")
    return db


def _run(db: sqlite3.Connection, script: str) -> None:
    """Run statements inside the open transaction (`executescript` would commit it)."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def _readable(path: str, query: str) -> Iterator[Any]:
    """Give the rows that a damaged file still has, up to the first that cannot be read.

    Raises:
        sqlite3.Error: where it is not the damage that ends them: what comes after would be lost.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as db:
            yield from db.execute(query)
    except DAMAGED as error:
        if not is_damage(error):
            raise
