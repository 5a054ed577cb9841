"""The seeds folder as it is now: which files it holds, and their bytes. Touches the file system, only ever reading.

The folder is the truth; whatever events say, a scan decides. Nothing is followed out of the folder: symbolic links
below it are not seeds, and every part of a path is opened without following one, so that a swap between scan and read
leads nowhere either.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aggregator.errors import FolderError

SUFFIXES = (".md", ".markdown")

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: a FIFO among the seeds must not hold us up before we see that it is one.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class StatKey(NamedTuple):
    """What tells that a file has not changed: device, inode, size (bytes), mtime and ctime (nanoseconds)."""

    dev: int
    ino: int
    size: int
    mtime: int
    ctime: int


class Scan(NamedTuple):
    """The seeds of a folder by path, relative with `/`, and the folders below it that could not be listed."""

    files: dict[str, StatKey]
    unreadable: tuple[str, ...]


class File(NamedTuple):
    """A file as it was read: its stat key from before reading, its bytes, or why there are none."""

    path: str
    key: StatKey
    data: bytes | None
    reason: str = ""
    hint: str = ""


def scan(root: str) -> Scan:
    """List the seeds below `root`.

    Raises:
        FolderError: where `root` itself cannot be listed.

    """
    files: dict[str, StatKey] = {}
    unreadable: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            _list(root, folder, files, waiting)
        except OSError as error:
            if not folder:
                raise FolderError(f"{root}: the seeds folder cannot be read: {error.strerror}") from error
            unreadable.append(folder.rstrip("/"))
    return Scan(files, tuple(sorted(unreadable)))


def _list(root: str, folder: str, files: dict[str, StatKey], waiting: list[str]) -> None:
    with os.scandir(f"{root}/{folder}") as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if name.endswith(SUFFIXES):
                try:
                    files[printable(folder + name)] = key_of(entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue  # gone between listing and stat: the next scan sees it so
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(f"{folder}{name}/")


def printable(path: str) -> str:
    """Give `path` so that it can be stored and shown even where its name is not UTF-8 (such a file is refused)."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return path


def key_of(found: os.stat_result) -> StatKey:
    """Give the stat key of a file."""
    return StatKey(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def read(root: str, paths: Iterable[str], limit: int) -> Iterator[File | None]:
    """Read files below `root`, each at most `limit` bytes; None for one that is gone.

    Raises:
        FolderError: where `root` cannot be opened.

    """
    try:
        root_fd = os.open(root, _OPEN_FOLDER)
    except OSError as error:
        raise FolderError(f"{root}: the seeds folder cannot be read: {error.strerror}") from error
    try:
        for path in paths:
            yield _read(root_fd, path, limit)
    finally:
        os.close(root_fd)


def _read(root_fd: int, path: str, limit: int) -> File | None:
    nothing = StatKey(0, 0, 0, -1, 0)
    try:
        fd = _open(root_fd, path)
    except FileNotFoundError:
        if "\\x" in path:
            return File(path, nothing, None, "its name is not UTF-8", "rename the file")
        return None
    except OSError as error:
        if error.errno in {40, 20}:  # ELOOP, ENOTDIR: a link where a file or folder should be
            return File(path, nothing, None, "is a symbolic link, which is not followed", "put the file itself here")
        return File(path, nothing, None, f"cannot be read: {error.strerror}", "make it readable for this user")
    try:
        return _contents(fd, path, limit)
    except OSError as error:
        return File(path, nothing, None, f"cannot be read: {error.strerror}", "make it readable for this user")
    finally:
        os.close(fd)


def _open(root_fd: int, path: str) -> int:
    *folders, name = path.split("/")
    held = root_fd
    try:
        for folder in folders:
            below = os.open(folder, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=held)
            if held != root_fd:
                os.close(held)
            held = below
        return os.open(name, _OPEN_FILE, dir_fd=held)
    finally:
        if held != root_fd:
            os.close(held)


def _contents(fd: int, path: str, limit: int) -> File:
    found = os.fstat(fd)
    key = key_of(found)
    if not stat.S_ISREG(found.st_mode):
        return File(path, key, None, "is not a regular file", "move it out of the seeds folder")
    if found.st_size > limit:
        return File(
            path, key, None, f"has {found.st_size:,} bytes, at most {limit:,} are read", "link to large content"
        )
    data = os.read(fd, limit + 1)
    while len(data) <= limit and (more := os.read(fd, limit + 1)):
        data += more
    return File(path, key, data)
