"""The seeds folder as it is now: which files it holds, and their bytes. Touches the file system, only ever reading.

The folder is the truth; whatever events say, a scan decides. Nothing is followed out of the folder: symbolic links
below it are not seeds, and every part of a path is opened without following one, so that a swap between scan and read
leads nowhere either.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from aggregator.model.errors import ADVICE, FolderError, reason_of
from aggregator.watcher.path_list import Paths

SUFFIXES = (".md", ".markdown")

RACY_SECONDS = 60
"""A folder that changed this shortly before it was walked may have changed again without its key telling."""

OFTEN = 500
"""After so many files a walk says that it goes on."""

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: a FIFO among the seeds must not hold us up before we see that it is one.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_STORABLE = 2**63 - 1
"""What SQLite holds of a number: some file systems in user space count inodes from the other end."""

_ENTER = "let the user this runs as read and enter it"


class StatKey(NamedTuple):
    """What tells that a file has not changed: device, inode, size (bytes), mtime and ctime (nanoseconds).

    The device is 0 where it is that of the seeds folder, whose number is another on another machine or after a restart.
    """

    dev: int
    ino: int
    size: int
    mtime: int
    ctime: int


NO_KEY = StatKey(0, 0, 0, -1, 0)
"""The key of a file that cannot be looked at: no other has it, so the file is read once, which says why."""


class FolderKey(NamedTuple):
    """What tells that a folder's list of names has not changed: device, inode, mtime and ctime (nanoseconds)."""

    dev: int
    ino: int
    mtime: int
    ctime: int


class Refusal(NamedTuple):
    """Why a folder could not be looked through, and what to do about it, "" where nobody knows."""

    reason: str
    hint: str


class Difference(NamedTuple):
    """What a walk found against what was known: paths that are new or changed, paths that are gone, both in order.

    `seen` and `known` count the files here and there, `added` those that were not known. `folders` are the folders
    walked, `unreadable` those that could not be looked through; what was known below them is `kept`, not gone.
    """

    read: Paths
    gone: Paths
    seen: int
    known: int
    added: int
    folders: dict[str, FolderKey]
    unreadable: dict[str, Refusal]
    kept: Paths


class File(NamedTuple):
    """A file as it was read: its stat key from before reading, its bytes, or why there are none."""

    path: str
    key: StatKey
    data: bytes | None
    reason: str = ""
    hint: str = ""


class Walked(Protocol):
    """A walk over seeds, wherever they lie: path and stat key of each in the order of their paths, each once."""

    folders: dict[str, FolderKey]
    unreadable: dict[str, Refusal]

    def __iter__(self) -> Iterator[tuple[str, StatKey]]:
        """Give path and stat key of each seed."""


class Walk:
    """A walk over the seeds below a folder, in the order of their paths, so that nothing has to be kept.

    Iterate over it once; afterwards `folders` (by path, with what tells that their list of names has not changed) and
    `unreadable` tell how it went. `below` begins it in a folder below
    `root`, named by its path with a `/` at the end.
    """

    def __init__(self, root: str, below: str = "") -> None:
        self._root = root
        self._below = below
        self._home = 0
        self.folders: dict[str, FolderKey] = {}
        self.unreadable: dict[str, Refusal] = {}

    def __iter__(self) -> Iterator[tuple[str, StatKey]]:
        """Give path and stat key of each seed.

        Raises:
            FolderError: where the first folder cannot be listed.
        """
        self._home = _device(self._root)
        open_folders = [iter(self._entries(self._below))]
        while open_folders:
            for path, key in open_folders[-1]:
                if key is not None:
                    yield path, key
                else:
                    open_folders.append(iter(self._entries(path)))
                    break
            else:
                open_folders.pop()

    def _entries(self, folder: str) -> list[tuple[str, StatKey | None]]:
        """Give the seeds (with their keys) and folders (without) in `folder`, in the order of whole paths."""
        try:
            self.folders[folder] = folder_key(f"{self._root}/{folder}")
            with os.scandir(f"{self._root}/{folder}") as entries:
                found = [one for entry in entries if (one := _entry(folder, entry, self._home)) is not None]
        except OSError as error:
            if folder == self._below:
                raise _cannot_be_read(self._root, error) from error
            self.unreadable[printable(folder.rstrip("/"))] = _refusal(error)
            return []
        # In the order of the paths that are stored, which differ from these where a folder's name is not UTF-8.
        found.sort(key=lambda one: one[0] if one[1] is not None else printable(one[0]))
        return found


def _entry(folder: str, entry: os.DirEntry[str], home: int) -> tuple[str, StatKey | None] | None:
    name = entry.name
    if name.startswith("."):
        return None
    if name.endswith(SUFFIXES):
        try:
            return printable(folder + name), key_of(entry.stat(follow_symlinks=False), home)
        except FileNotFoundError:
            return None  # gone between listing and stat: the next walk sees it so
        except PermissionError:
            raise  # the folder may be listed and not entered, so no seed in it can be looked at
        except OSError:
            return printable(folder + name), NO_KEY  # a damaged file costs itself: whoever reads it says why
    return (f"{folder}{name}/", None) if entry.is_dir(follow_symlinks=False) else None


def compare(
    walk: Walked,
    known: Iterable[tuple[str, tuple[int, ...]]],
    *,
    every: bool = False,
    alive: Callable[[], object] = bool,
) -> Difference:
    """Walk a folder against what is known of it, path and stat key in the order of paths; `every` reads all anew.

    `alive` is called now and then: a walk over millions of files, or over a slow network, takes minutes.

    Raises:
        FolderError: where the first folder cannot be listed.
    """
    read, gone = Paths(), Paths()
    seen = known_count = added = 0
    rows = iter(known)
    row = next(rows, None)
    last = ""
    for path, key in walk:
        if path <= last:
            continue  # a name that is not UTF-8, and another one that is how it is spelt: both cannot be known
        last = path
        seen += 1
        if seen % OFTEN == 0:
            alive()
        while row is not None and row[0] < path:
            gone.append(row[0])
            known_count += 1
            row = next(rows, None)
        if row is not None and row[0] == path:
            if every or row[1] != key:
                read.append(path)
            known_count += 1
            row = next(rows, None)
        else:
            read.append(path)
            added += 1
    for rest in (row, *rows) if row is not None else ():
        gone.append(rest[0])
        known_count += 1
    below = tuple(f"{one}/" for one in walk.unreadable)
    kept = Paths(path for path in gone if path.startswith(below)) if below else Paths()
    if kept:
        gone = Paths(path for path in gone if not path.startswith(below))
    unreadable = dict(sorted(walk.unreadable.items()))
    return Difference(read, gone, seen, known_count, added, walk.folders, unreadable, kept)


def compare_few(found: dict[str, StatKey], known: dict[str, tuple[int, int, int, int, int]]) -> Difference:
    """Compare the few files of one place, found and known by path."""
    read = Paths(sorted(path for path, key in found.items() if known.get(path) != key))
    gone = Paths(sorted(known.keys() - found.keys()))
    return Difference(read, gone, len(found), len(known), len(found.keys() - known.keys()), {}, {}, Paths())


def look(root: str, path: str) -> Walk | tuple[tuple[str, StatKey], ...]:
    """Look at one place below `root` that something pointed to: a walk if it is a folder, else the seed there.

    Raises:
        FolderError: where that cannot be said, which is not to say that it is gone.
    """
    try:
        found = os.lstat(f"{root}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise FolderError(f"{root}/{path}: cannot be looked at: {reason_of(error, reading=True)}") from error
    if stat.S_ISDIR(found.st_mode) and not path.endswith(SUFFIXES):
        return Walk(root, f"{path}/")
    in_folders = not any(part.endswith(SUFFIXES) for part in path.split("/")[:-1])  # as a walk would enter them
    return ((path, key_of(found, _device(root))),) if in_folders and path.endswith(SUFFIXES) else ()


def is_there(root: str) -> bool:
    """Say whether there is a folder `root`.

    Raises:
        FolderError: where that cannot be said.
    """
    try:
        return stat.S_ISDIR(os.stat(root).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _cannot_be_read(root, error) from error


def folder_key(path: str) -> FolderKey:
    """Give the key of a folder's list of names.

    Raises:
        OSError: where it cannot be looked at.
    """
    found = os.stat(path)
    return FolderKey(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def changed_folders(root: str, folders: dict[str, FolderKey], *, now: float) -> list[str]:
    """Give those of `folders` whose list of names has changed, or changed too shortly before `now` to tell."""
    changed = []
    for path, key in folders.items():
        try:
            current = folder_key(f"{root}/{path}")
        except OSError:
            changed.append(path.rstrip("/"))
            continue
        if current != key or max(key.mtime, key.ctime) > (now - RACY_SECONDS) * 1_000_000_000:
            changed.append(path.rstrip("/"))
    return changed


def is_hidden(path: str) -> bool:
    """Say whether `path`, or a folder on the way to it, has a name that begins with a dot: such are no seeds."""
    return any(part.startswith(".") for part in path.split("/"))


def printable(path: str) -> str:
    """Give `path` so that it can be stored and shown even where its name is not UTF-8 (such a file is refused)."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return path


def place_of(hint: str) -> str:
    """Give the place to look at for a path that something pointed to: that itself, if it can be asked for by name.

    A name that is not UTF-8 is known by how it is spelt, under which nothing is there: its folder is looked through.
    """
    if printable(hint) == hint:
        return hint
    return place_of(hint.rpartition("/")[0])


def _refusal(error: OSError) -> Refusal:
    denied = error.errno in {errno.EACCES, errno.EPERM}
    return Refusal(error.strerror or str(error), _ENTER if denied else ADVICE.get(error.errno or 0, ""))


def _cannot_be_read(root: str, error: OSError) -> FolderError:
    return FolderError(f"{root}: the seeds folder cannot be read: {reason_of(error, reading=True)}")


def key_of(found: os.stat_result, home: int) -> StatKey:
    """Give the stat key of a file below a folder on the device `home`."""
    device = 0 if found.st_dev == home else found.st_dev & _STORABLE
    return StatKey(device, found.st_ino & _STORABLE, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _device(root: str) -> int:
    try:
        return os.stat(root).st_dev
    except OSError:
        return 0  # whoever reads it says why


def read(root: str, paths: Iterable[str], limit: int) -> Iterator[File | None]:
    """Read files below `root`, each at most `limit` bytes; None for one that is gone.

    Raises:
        FolderError: where `root` cannot be opened.

    """
    folder = _Folder(root)
    try:
        for path in paths:
            yield _read(folder, path, limit)
    finally:
        folder.close()


def _read(folder: _Folder, path: str, limit: int) -> File | None:
    try:
        fd = folder.open(path)
    except FileNotFoundError:
        if "\\x" in path:
            return File(path, NO_KEY, None, "its name is not UTF-8", "rename the file")
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:  # a link where a file or folder should be
            return File(path, NO_KEY, None, "is a symbolic link, which is not followed", "put the file itself here")
        return _unreadable(path, error)
    try:
        return _contents(fd, path, limit, folder.home)
    except OSError as error:
        return _unreadable(path, error)
    finally:
        os.close(fd)


def _unreadable(path: str, error: OSError) -> File:
    denied = error.errno in {errno.EACCES, errno.EPERM}
    hint = (
        "make it readable for this user" if denied else ADVICE.get(error.errno or 0, "make it readable for this user")
    )
    return File(path, NO_KEY, None, f"cannot be read: {error.strerror}", hint)


class _Folder:
    """The folder that holds the files being read, kept open from one to the next; none of its parts is a link."""

    def __init__(self, root: str) -> None:
        try:
            self._root = self._fd = os.open(root, _OPEN_FOLDER)
            try:
                self.home = os.fstat(self._root).st_dev
            except OSError:
                os.close(self._root)
                raise
        except OSError as error:
            raise _cannot_be_read(root, error) from error
        self._name = ""

    def open(self, path: str) -> int:
        """Open a file for reading by its path below the root."""
        name, _, file = path.rpartition("/")
        if name == self._name:
            try:
                return os.open(file, _OPEN_FILE, dir_fd=self._fd)
            except FileNotFoundError:
                pass  # the folder itself may have been replaced meanwhile
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


def _contents(fd: int, path: str, limit: int, home: int) -> File:
    found = os.fstat(fd)
    key = key_of(found, home)
    if not stat.S_ISREG(found.st_mode):
        return File(path, key, None, "is not a regular file", "move it out of the seeds folder")
    if found.st_size > limit:
        return File(
            path, key, None, f"has {found.st_size:,} bytes, at most {limit:,} are read", "link to large content"
        )
    # As many bytes as it has, and no more when asked for one more, is all there is; else it is read to its end.
    data = os.read(fd, found.st_size + 1)
    while len(data) != found.st_size and len(data) <= limit and (more := os.read(fd, limit + 1)):
        data += more
    return File(path, key, data)
