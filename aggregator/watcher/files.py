"""Seed files read safely: never waiting for a pipe, never following a link out of the seeds folder. Only reads.

Every part of a path is opened without following a link, so that a file swapped for a link between walk and reading
leads nowhere either. Where a link leads that is followed (`links`) is found first, and then opened in the same way.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from aggregator.model.errors import ADVICE
from aggregator.model.seed_files import NO_KEY, SeedFile
from aggregator.watcher.folder import file_key, folder_error
from aggregator.watcher.links import NotFollowedError, locate
from aggregator.watcher.selection import Selection

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: to open a FIFO must not block before `fstat` shows that it is one.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


ATTEMPTS = 3
"""How often a link is followed whose target is replaced meanwhile."""

MANY = 16
"""From how many files on it pays to look whether they are in memory."""

_LINK = frozenset({errno.ELOOP, errno.ENOTDIR})
"""The errors if there is a link where a file or folder should be."""


def read(
    root: str, paths: Sequence[str], limit: int, *, prefix: str = "", selection: Selection | None = None
) -> Iterator[SeedFile | None]:
    """Read files below `root`, each at most `limit` bytes; yield None for one that no longer exists.

    The paths begin with `prefix`; `selection` says what is a seed there (None: our own suffixes).

    Raises:
        FolderError: if `root` cannot be opened.
    """
    folder = _OpenFolder(root)
    try:
        if len(paths) >= MANY and not _is_in_memory(folder, paths[0][len(prefix) :]):
            _load_ahead(folder, [path[len(prefix) :] for path in paths])
        for path in paths:
            yield _read(folder, path, limit, path[len(prefix) :], selection)
    finally:
        folder.close()


def _is_in_memory(folder: _OpenFolder, path: str) -> bool:
    """Return whether a file need not be fetched from the disk; what cannot be told counts as such."""
    if not hasattr(os, "RWF_NOWAIT"):
        return True
    with suppress(OSError):  # whoever reads it says what is wrong
        fd = folder.open(path)
        try:
            os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
    return True


def _load_ahead(folder: _OpenFolder, paths: Iterable[str]) -> None:
    """Let the system load files into memory: it fetches many at once in half the time of one by one."""
    for path in paths:
        with suppress(OSError):
            fd = folder.open(path)
            with suppress(OSError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
            os.close(fd)


def _read(folder: _OpenFolder, path: str, limit: int, below: str, selection: Selection | None) -> SeedFile | None:
    try:
        fd = folder.open(below)
    except FileNotFoundError:
        if "\\x" in path:
            return SeedFile(path, NO_KEY, None, "its name is not UTF-8", "rename the file")
        return None
    except OSError as error:
        if error.errno not in _LINK:
            return _unreadable(path, error)
        opened = _followed(folder, path, below, selection)
        if not isinstance(opened, int):
            return opened
        fd = opened
    try:
        return _contents(fd, path, limit, folder.device)
    except OSError as error:
        return _unreadable(path, error)
    finally:
        os.close(fd)


def _followed(folder: _OpenFolder, path: str, below: str, selection: Selection | None) -> int | SeedFile | None:
    """Return the open file to which a path with a link leads, else what reading it comes to."""
    for _ in range(ATTEMPTS):
        try:
            return folder.open(locate(folder.root, below, selection).real)
        except NotFollowedError as reason:
            prefix = path[: len(path) - len(below)]
            return SeedFile(path, NO_KEY, None, reason.reason(below, prefix), reason.hint)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) and error.errno not in _LINK:
                return _unreadable(path, error)
    if not os.path.lexists(f"{folder.root}/{below}"):
        return None
    return SeedFile(path, NO_KEY, None, "lies behind a link that is being changed", "it is read again at the next scan")


def _unreadable(path: str, error: OSError) -> SeedFile:
    denied = error.errno in {errno.EACCES, errno.EPERM}
    hint = (
        "make it readable for this user" if denied else ADVICE.get(error.errno or 0, "make it readable for this user")
    )
    return SeedFile(path, NO_KEY, None, f"cannot be read: {error.strerror}", hint)


class _OpenFolder:
    """The folder of the files being read, kept open from one file to the next; no part of its path is a link."""

    def __init__(self, root: str) -> None:
        self.root = root
        try:
            self._root = self._fd = os.open(root, _OPEN_FOLDER)
            try:
                self.device = os.fstat(self._root).st_dev
            except OSError:
                os.close(self._root)
                raise
        except OSError as error:
            raise folder_error(root, error) from error
        self._name = ""

    def open(self, path: str) -> int:
        """Open a file by its path below the root and return its descriptor."""
        name, _, file = path.rpartition("/")
        if name == self._name:
            try:
                return os.open(file, _OPEN_FILE, dir_fd=self._fd)
            except FileNotFoundError:
                pass  # the folder itself may have been replaced since
        self._enter(name)
        return os.open(file, _OPEN_FILE, dir_fd=self._fd)

    def _enter(self, name: str) -> None:
        self._leave()
        try:
            for part in name.split("/") if name else ():
                below = os.open(part, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=self._fd)
                self._leave()
                self._fd = below
        except OSError:
            self._leave()
            raise
        self._name = name

    def _leave(self) -> None:
        held, self._fd, self._name = self._fd, self._root, ""
        if held != self._root:
            os.close(held)

    def close(self) -> None:
        """Close the folder and the root."""
        self._leave()
        os.close(self._root)


def _contents(fd: int, path: str, limit: int, root_device: int) -> SeedFile:
    found = os.fstat(fd)
    key = file_key(found, root_device)
    if not stat.S_ISREG(found.st_mode):
        return SeedFile(path, key, None, "is not a regular file", "move it out of the seeds folder")
    if found.st_size > limit:
        return SeedFile(
            path, key, None, f"has {found.st_size:,} bytes, at most {limit:,} are read", "link to large content"
        )
    # One byte more is requested than the file has: if exactly its size arrives, that is all, without a second read.
    data = os.read(fd, found.st_size + 1)
    while len(data) != found.st_size and len(data) <= limit and (more := os.read(fd, limit + 1)):
        data += more
    return SeedFile(path, key, data)
