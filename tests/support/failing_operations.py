"""Fault injection: the n-th operation of this process on a site's files or on SQLite fails."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import random
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from aggregator.publisher import files

DENIED, BROKEN, FULL, MANY = errno.EACCES, errno.EIO, errno.ENOSPC, errno.EMFILE
KINDS = {
    "open": (MANY, DENIED, BROKEN, FULL), "read": (BROKEN,), "write": (FULL, BROKEN), "pwrite": (FULL, BROKEN),
    "truncate": (BROKEN,), "fsync": (BROKEN, FULL), "close": (BROKEN, FULL), "replace": (DENIED, FULL, BROKEN),
    "unlink": (DENIED, BROKEN), "mkdir": (FULL, DENIED), "rmdir": (DENIED, BROKEN), "scandir": (MANY, DENIED, BROKEN),
    "stat": (DENIED, BROKEN), "lstat": (DENIED, BROKEN), "fstat": (BROKEN,),
}  # fmt: skip
"""The errors that each function of `os` can raise."""

SQL_KINDS = (
    ("SQLITE_FULL", "database or disk is full"), ("SQLITE_IOERR_WRITE", "disk I/O error"),
    ("SQLITE_BUSY", "database is locked"),
)  # fmt: skip
_REAL = {name: getattr(os, name) for name in (*KINDS, "readlink")}
_CONNECT = sqlite3.connect


class FailingOperations:
    """A context in which the n-th operation (from 1; 0: none) below `root` fails; if `lasting`, all later ones of its kind too.

    `only` counts the operations of that name alone. `dice` choose among the errors that the operation can give. `failed` names the one that failed, "" while none has;
    `count` is how many operations there were.
    """

    def __init__(self, root: Path, number: int, dice: random.Random, *, lasting: bool = False, only: str = "") -> None:
        self.root, self.number, self.lasting, self.only = str(root), number, lasting, only
        self.failed, self.count = "", 0
        self._dice, self._kind, self._error = dice, "", 0
        self._patches = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        failing = {name: self._operation(name) for name in KINDS}
        disk = {name: failing.get(name, _REAL[name]) for name in files.Disk.__struct_fields__}
        for name, made in failing.items():
            self._patches.setattr(os, name, made)
        self._patches.setattr(files, "Disk", partial(files.Disk, **disk))
        self._patches.setattr(io, "open", self._opening(io.open))
        self._patches.setattr(builtins, "open", self._opening(builtins.open))
        self._patches.setattr(fcntl, "flock", self._locking(fcntl.flock))
        self._patches.setattr(sqlite3, "connect", self._connecting())
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.undo()
        self.number, self.lasting = 0, False  # connections that were opened within the block are still in use

    def _fails(self, kind: str) -> bool:
        if self.only not in {"", kind}:
            return False
        self.count += 1
        if self.count == self.number:
            self._kind, self.failed = kind, kind
            return True
        return self.lasting and self.failed != "" and kind == self._kind

    def _error_of(self, name: str, path: object) -> OSError:
        self._error = self._error or self._dice.choice(KINDS[name])
        self.failed = f"{name} {errno.errorcode[self._error]} {path if isinstance(path, str) else ''}".strip()
        return OSError(self._error, os.strerror(self._error), *([path] if isinstance(path, str) else []))

    def _is_ours(self, target: object, options: dict[str, Any]) -> bool:
        """Return whether an operation touches the site, by its path or its file descriptor."""
        held = [options[key] for key in ("dir_fd", "src_dir_fd") if options.get(key) is not None]
        for fd in held or ([target] if isinstance(target, int) else []):
            try:
                return str(_REAL["readlink"](f"/proc/self/fd/{fd}")).startswith(self.root)
            except OSError:
                return False
        return isinstance(target, str | os.PathLike) and os.fspath(target).startswith(self.root)

    def _operation(self, name: str) -> Callable[..., Any]:
        real = _REAL[name]

        def operation(*args: Any, **options: Any) -> Any:
            target = args[0] if args else options.get("path", ".")
            if (name == "close" and not _is_for_writing(target)) or not self._is_ours(target, options):
                return real(*args, **options)
            if not self._fails(name):
                return real(*args, **options)
            if name == "close":  # a close that fails has closed the file
                real(*args, **options)
            if name == "write":  # a disk that fills up has written the first half
                real(args[0], args[1][: len(args[1]) // 2])
            raise self._error_of(name, target)

        return operation

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, *args: Any, **options: Any) -> Any:
            if self._is_ours(file, {}) and self._fails("open"):
                raise self._error_of("open", os.fspath(file))
            return real(file, *args, **options)

        return opening

    def _locking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def locking(fd: int, how: int) -> None:
            if self._fails("flock"):
                self.failed = "flock ENOLCK"
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
            real(fd, how)

        return locking

    def _connecting(self) -> Callable[..., Any]:
        faults = self

        class Connection(sqlite3.Connection):
            def execute(self, *args: Any) -> sqlite3.Cursor:
                faults.sql(self, args[0])
                return super().execute(*args)

            def executemany(self, *args: Any) -> sqlite3.Cursor:
                faults.sql(self, args[0])
                return super().executemany(*args)

        def connecting(database: str, **options: Any) -> sqlite3.Connection:
            faults.sql(None, "connect")
            return _CONNECT(database, **{**options, "factory": Connection})

        return connecting

    def sql(self, connection: sqlite3.Connection | None, statement: str) -> None:
        """Fail if this statement is the n-th operation; a full disk may also roll back the transaction, as in SQLite."""
        if statement == "ROLLBACK" or not self._fails("sql"):
            return
        name, words = self._dice.choice(SQL_KINDS) if connection is not None else ("SQLITE_CANTOPEN", "unable to open")
        undone = connection is not None and connection.in_transaction and name != "SQLITE_BUSY"
        if connection is not None and undone and self._dice.random() < 0.5:
            sqlite3.Connection.execute(connection, "ROLLBACK")
        self.failed = f"sql {name} {' '.join(statement.split())[:50]}"
        error = sqlite3.OperationalError(words)
        error.sqlite_errorname = name
        raise error


def _is_for_writing(fd: int) -> bool:
    """Return whether closing a file can fail: only if it is open for writing."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError:
        return False


def fail_to_flush(patches: pytest.MonkeyPatch, times: int = 10**9) -> None:
    """Let the disk fail to flush what was written together, so many times."""
    left = iter(range(times))

    def flush(folder: str) -> None:
        if next(left, None) is not None:
            raise OSError(BROKEN, os.strerror(BROKEN), folder)

    patches.setattr(files, "flush_file_system", flush)
