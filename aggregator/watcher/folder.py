"""The seeds folder as it is now, compared with what is known of it. Reads the file system, never any file's content.

The folder is the truth; whatever events say, a walk decides. `selection` says which files are seeds, `links` which
symbolic links are followed. What is nested deeper than `DEEPEST`, or has a longer path than the system opens, is
reported and not read.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from aggregator.model.errors import ADVICE, FolderError, reason_of
from aggregator.model.reports import Problem
from aggregator.model.seed_files import NO_KEY, FileKey
from aggregator.model.words import LISTED_PROBLEMS
from aggregator.watcher.links import NotFollowedError, ReadAnywayError, follow, locate, route
from aggregator.watcher.path_list import PathList
from aggregator.watcher.selection import BUNDLE_FILES, SUFFIXES, Selection

RACY_SECONDS = 60
"""A folder that changed this shortly before it was walked may have changed again and have the same key."""

DEEPEST = 64
"""So many folders within each other are read below the root; everything that is done by path costs as much a folder."""

LONGEST_PATH = 4096 - 1 - 256
"""The longest path of a folder, in bytes: Linux opens no longer path than that of a file in it (PATH_MAX, NAME_MAX)."""

OFTEN = 500
"""`keepalive` is called after each so many files of a walk."""

_STORABLE = 2**63 - 1
"""The largest integer that SQLite holds; some file systems in user space number inodes beyond it."""

_SHOWN_PARTS = 12

_ENTER = "allow the user that runs this to read and enter it"


class FolderKey(NamedTuple):
    """What shows that a folder's list of names has not changed: device, inode, mtime and ctime (nanoseconds)."""

    dev: int
    ino: int
    mtime: int
    ctime: int


class FolderProblem(NamedTuple):
    """Why a folder was not read, as a sentence, and what to do about it ("" if unknown)."""

    reason: str
    hint: str


_TOO_DEEP = FolderProblem(f"nested more than {DEEPEST} folders deep, not read", "move it up")
_TOO_LONG = FolderProblem(
    f"its path has more than {LONGEST_PATH:,} bytes, not read", "move it up, or shorten the names"
)


Known = Iterable[tuple[str, tuple[int, int, int, int, int]]]
"""The seeds known: path and file key of each, in the order of paths."""


class Difference(NamedTuple):
    """How the seeds found differ from those known: the paths to `read`, new or changed, and those `gone`, in order.

    `seen` and `known` count the files on either side, `added` those found and not known. `folders` are the folders
    walked, `unreadable` those that could not be listed; what is known below the latter is `kept`, not `gone`. `links`
    are the links met, each with the paths that decide where it leads (`links.route`).
    """

    read: PathList
    gone: PathList
    seen: int
    known: int
    added: int
    folders: dict[str, FolderKey]
    unreadable: dict[str, FolderProblem]
    kept: PathList
    links: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed


class SeedWalk(Protocol):
    """A walk over seeds, wherever they lie: yields path and key of each once, in the order of their paths."""

    folders: dict[str, FolderKey]
    unreadable: dict[str, FolderProblem]
    links: dict[str, tuple[str, ...]]

    def __iter__(self) -> Iterator[tuple[str, FileKey]]:
        """Yield path and key of each seed."""


_Found = tuple[str, FileKey | None]
"""A seed with its key, or a folder (its path ends with `/`) with None."""


class Walk:
    """A walk over the seeds below the folder `root`, in the order of their paths, so that no list of them is kept.

    Iterate over it once. Afterwards `folders` holds the keys of the folders walked by their paths, `unreadable` those
    that could not be listed, and `links` the links met. All paths begin with `prefix`.
    """

    def __init__(self, root: str, below: str = "", *, prefix: str = "", selection: Selection | None = None) -> None:
        """Take where to walk; nothing is read yet.

        Args:
            root: the folder of the seeds.
            below: a folder below it where the walk starts: its path, with a `/` at the end.
            prefix: what the paths of these seeds begin with.
            selection: what is a seed; None if our own suffixes decide that.
        """
        self._root = root
        self._below = below
        self._prefix = prefix
        self._selection = selection
        self._device = 0
        self._linked: dict[str, str] = {}
        self._entered: set[str] = set()
        self.folders: dict[str, FolderKey] = {}
        self.unreadable: dict[str, FolderProblem] = {}
        self.links: dict[str, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[tuple[str, FileKey]]:
        """Yield path and key of each seed.

        Raises:
            FolderError: if the first folder cannot be listed.
        """
        self._device = device_of(self._root)
        self._linked = dict(self._links_above())
        prefix = self._prefix
        open_folders = [iter(self._entries(self._below))]
        while open_folders:
            for path, key in open_folders[-1]:
                if key is not None:
                    yield prefix + path, key
                else:
                    open_folders.append(iter(self._entries(path)))
                    break
            else:
                open_folders.pop()

    def _links_above(self) -> Iterable[tuple[str, str]]:
        try:
            return locate(self._root, self._below.rstrip("/"), self._selection).links if self._below else ()
        except (NotFollowedError, OSError):
            return ()  # listing it reports why

    def _entries(self, folder: str) -> list[_Found]:
        """List the seeds (with their keys) and folders (with None) in `folder`, in the order of complete paths."""
        shown = printable(f"{self._prefix}{folder}".rstrip("/"))
        if problem := limit_problem(self._root, folder):
            self.unreadable[shown] = problem
            return []
        try:
            place = f"{self._root}/{self._real(folder) if self._linked else folder}"
            self.folders[self._prefix + folder] = folder_key(place)
            with os.scandir(place) as entries:
                found = self._selected(folder, entries) if self._selection else self._seeds(folder, entries)
        except OSError as error:
            if folder == self._below:
                raise folder_error(self._root, error) from error
            self.unreadable[shown] = _folder_problem(error)
            return []
        # In the order of the stored paths, which differ from these if a folder's name is not UTF-8.
        found.sort(key=lambda one: one[0] if one[1] is not None else printable(one[0]))
        return found

    def _seeds(self, folder: str, entries: Iterable[os.DirEntry[str]]) -> list[_Found]:
        """List what is in `folder` if our own suffixes decide what is a seed."""
        found, links = [], []
        for entry in entries:
            if entry.is_symlink():
                links.append(entry.name)
            elif (one := _entry(folder, entry, self._device)) is not None:
                found.append(one)
        return [*found, *self._behind(folder, links)]

    def _selected(self, folder: str, entries: Iterable[os.DirEntry[str]]) -> list[_Found]:
        """List what is in `folder` by the selection; of a bundle, only its file."""
        assert self._selection is not None
        visible = [entry for entry in entries if not entry.name.startswith(".")]
        if folder and (bundle := self._selection.bundle_file({entry.name for entry in visible})):
            visible = [entry for entry in visible if entry.name == bundle]
        found: list[_Found | None] = []
        for entry in visible:
            path = folder + entry.name
            if entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                found.append((f"{path}/", None) if self._selection.enters(path) else None)
            elif self._selection.takes(path):
                found.append(_seed(path, entry, self._device))
        links = [entry.name for entry in visible if entry.is_symlink()]
        return [one for one in (*found, *self._behind(folder, links)) if one is not None]

    def _behind(self, folder: str, links: list[str]) -> list[_Found]:
        """List what links in `folder` lead to, each place once, for the first of them by name."""
        found = (self._link(folder, name) for name in sorted(links))
        return [one for one in found if one is not None]

    def _real(self, folder: str) -> str:
        """Return where a folder lies, with a `/` at the end, if it was reached by a link."""
        base, real = self._context(folder)
        return f"{real}/{folder[len(base) :]}" if base else folder

    def _context(self, folder: str) -> tuple[str, str]:
        """Return the innermost link by which a folder was reached, with a `/` at its end, and where that leads."""
        base = max((one for one in self._linked if folder.startswith(one)), key=len, default="")
        return base, self._linked.get(base, "")

    def _link(self, folder: str, name: str) -> _Found | None:
        """Return the seed or folder to which a link leads; reading reports why a seed is not followed."""
        if name.startswith("."):
            return None
        path, (base, context) = folder + name, self._context(folder)
        link = self._real(folder) + name
        is_seed = name.endswith(SUFFIXES) if self._selection is None else self._selection.takes(path)
        target = ""
        try:
            target, is_folder = follow(self._root, link, path, base=base, context=context, selection=self._selection)
            if target in self._entered:
                return None
            if is_folder and not (is_seed and self._selection is None):
                return self._enter(path, target)
            if not is_seed:
                return None
            self._entered.add(target)
            return printable(path), file_key(os.lstat(f"{self._root}/{target}"), self._device)
        except ReadAnywayError:
            return None
        except (NotFollowedError, OSError):
            return (printable(path), NO_KEY) if is_seed else None
        finally:
            self.links[self._prefix + path] = tuple(self._prefix + one for one in route(self._root, link, target))

    def _enter(self, path: str, target: str) -> _Found | None:
        """Return the folder to which a link leads."""
        if self._selection is not None and not self._selection.enters(path):
            return None
        self._entered.add(target)
        self._linked[f"{path}/"] = target
        return f"{path}/", None


def _entry(folder: str, entry: os.DirEntry[str], root_device: int) -> _Found | None:
    name = entry.name
    if name.startswith("."):
        return None
    if name.endswith(SUFFIXES):
        return _seed(folder + name, entry, root_device)
    return (f"{folder}{name}/", None) if entry.is_dir(follow_symlinks=False) else None


def _seed(path: str, entry: os.DirEntry[str], root_device: int) -> _Found | None:
    try:
        return printable(path), file_key(entry.stat(follow_symlinks=False), root_device)
    except FileNotFoundError:
        return None  # deleted since the folder was listed: the same as if the listing had come later
    except PermissionError:
        raise  # the folder may be listed but not entered, so no seed in it can be examined
    except OSError:
        return printable(path), NO_KEY  # a damaged file affects no other; reading it reports why


def compare(
    walk: SeedWalk,
    known: Known,
    *,
    every: bool = False,
    keepalive: Callable[[], object] | None = None,
) -> Difference:
    """Compare the seeds of a walk with those known, path and key in the order of paths.

    With `every`, all seeds found are to be read again. `keepalive` is called after each `OFTEN` files: a walk over
    millions of files, or over a slow network, takes minutes.

    Raises:
        FolderError: if the first folder cannot be listed.
    """
    read, gone = PathList(), PathList()
    seen = known_count = added = 0
    rows = iter(known)
    row = next(rows, None)
    last = ""
    for path, key in walk:
        if path <= last:
            continue  # a name that is not UTF-8 may be stored under the name of another file: one of them wins
        last = path
        seen += 1
        if seen % OFTEN == 0 and keepalive is not None:
            keepalive()
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
    kept = PathList(path for path in gone if path.startswith(below)) if below else PathList()
    if kept:
        gone = PathList(path for path in gone if not path.startswith(below))
    unreadable = dict(sorted(walk.unreadable.items()))
    return Difference(read, gone, seen, known_count, added, walk.folders, unreadable, kept, walk.links)


def compare_found(found: dict[str, FileKey], known: dict[str, tuple[int, int, int, int, int]]) -> Difference:
    """Compare files found with files known, both by path."""
    read = PathList(sorted(path for path, key in found.items() if known.get(path) != key))
    gone = PathList(sorted(known.keys() - found.keys()))
    return Difference(read, gone, len(found), len(known), len(found.keys() - known.keys()), {}, {}, PathList())


def limit_problem(root: str, folder: str) -> FolderProblem | None:
    """Return why a folder below `root` (its path, with a `/` at the end; "" for the root) is beyond what is read."""
    if folder.count("/") > DEEPEST:
        return _TOO_DEEP
    if len(root) + len(folder) > LONGEST_PATH // 4 and len(os.fsencode(f"{root}/{folder}")) > LONGEST_PATH + 1:
        return _TOO_LONG
    return None


def find(
    root: str, path: str, *, prefix: str = "", selection: Selection | None = None
) -> Walk | tuple[tuple[str, FileKey], ...]:
    """Return what is at one path below `root`: a walk if it is a folder, else path and key of the seed, if any.

    The key is `NO_KEY` if a link on the way is not followed: reading reports why. The paths found begin with `prefix`.

    Raises:
        FolderError: if the file system cannot tell, which does not mean that it is gone.
    """
    if not _is_entered(root, path.rpartition("/")[0], path, selection):
        return ()
    is_seed = path.endswith(SUFFIXES) if selection is None else selection.takes(path)
    try:
        found = os.lstat(f"{root}/{locate(root, path, selection).real}")
    except (FileNotFoundError, NotADirectoryError, ReadAnywayError):
        return ()
    except NotFollowedError:
        return ((prefix + path, NO_KEY),) if is_seed else ()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return ()  # `path_to_scan` shortened the path, so it is a name that no file can have
        raise FolderError(f"{root}/{path}: cannot be examined: {reason_of(error, reading=True)}") from error
    if stat.S_ISDIR(found.st_mode) and not (is_seed and selection is None):
        enters = selection is None or selection.enters(path)
        return Walk(root, f"{path}/", prefix=prefix, selection=selection) if enters else ()
    return ((prefix + path, file_key(found, device_of(root))),) if is_seed else ()


def _is_entered(root: str, folder: str, path: str, selection: Selection | None) -> bool:
    """Return whether a walk enters the folders above `path`, so that it comes to it."""
    if not folder:
        return True
    if selection is None:
        return not any(part.endswith(SUFFIXES) for part in folder.split("/"))
    return selection.selects(folder, is_folder=True) and not bundle_of(root, path, selection)


def bundle_of(root: str, path: str, selection: Selection) -> str:
    """Return the seed of the bundle in which the file `path` lies, "" if it is in none, or that seed itself."""
    folder = path.rpartition("/")[0]
    while folder and selection.has_bundles:
        bundle = next((name for name in BUNDLE_FILES if os.path.exists(f"{root}/{folder}/{name}")), "")
        if bundle and f"{folder}/{bundle}" != path:
            return f"{folder}/{bundle}"
        folder = folder.rpartition("/")[0]
    return ""


def is_there(root: str) -> bool:
    """Return whether the folder `root` exists.

    Raises:
        FolderError: if the file system cannot tell.
    """
    try:
        return stat.S_ISDIR(os.stat(root).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise folder_error(root, error) from error


def folder_key(path: str) -> FolderKey:
    """Return the key of a folder's list of names.

    Raises:
        OSError: if the folder cannot be examined.
    """
    found = os.stat(path)
    return FolderKey(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def changed_folders(root: str, folders: dict[str, FolderKey], *, now: float) -> list[str]:
    """Return those of `folders` whose list of names changed, or changed too shortly before `now` (seconds) to tell."""
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
    """Return whether a part of `path` begins with a dot: such files are not seeds."""
    return any(part.startswith(".") for part in path.split("/"))


def printable(path: str) -> str:
    """Return `path` with what is not UTF-8 escaped, to be stored and shown (such a file is rejected)."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return path


def path_to_scan(root: str, hint: str) -> str:
    """Return the path to scan for the path of a hint below `root`: the same, or a folder above it.

    A name that is not UTF-8 is known by its escaped form, by which it cannot be opened, so its whole folder is scanned.
    Of what lies too deep, the first folder that is not read is scanned, and that reports it.
    """
    path = "/".join(hint.split("/", DEEPEST + 1)[: DEEPEST + 1])
    while printable(path) != path or limit_problem(root, f"{path.rpartition('/')[0]}/".lstrip("/")):
        path = path.rpartition("/")[0]
    return path


def is_below(path: str, folders: set[str]) -> bool:
    """Return whether `path` is below one of `folders` ("" for the root), or is one of them."""
    if not folders:
        return False
    parts = path.split("/")
    return "" in folders or any("/".join(parts[:count]) in folders for count in range(1, len(parts) + 1))


def problems_of(unreadable: dict[str, FolderProblem]) -> tuple[Problem, ...]:
    """Return a problem for each folder that was not read; of many, the first `LISTED_PROBLEMS` and their number."""
    listed = [
        Problem(path=f"{shortened(path)}/", message=reason, hint=hint)
        for path, (reason, hint) in islice(unreadable.items(), LISTED_PROBLEMS)
    ]
    if more := len(unreadable) - len(listed):
        listed.append(Problem(path="…", message=f"{more:,} more folders are not read"))
    return tuple(listed)


def shortened(path: str) -> str:
    """Return a path with the middle left out if it has many parts."""
    parts = path.split("/")
    return path if len(parts) <= _SHOWN_PARTS else "/".join((*parts[:2], "…", *parts[-2:]))


def _folder_problem(error: OSError) -> FolderProblem:
    denied = error.errno in {errno.EACCES, errno.EPERM}
    reason = f"this folder cannot be read, its seeds stay as they were: {error.strerror or error}"
    return FolderProblem(reason, _ENTER if denied else ADVICE.get(error.errno or 0, ""))


def folder_error(root: str, error: OSError) -> FolderError:
    """Return the error that says why the seeds folder `root` cannot be read."""
    return FolderError(f"{root}: the seeds folder cannot be read: {reason_of(error, reading=True)}")


def file_key(found: os.stat_result, root_device: int) -> FileKey:
    """Return the key of a file below a seeds folder on the device `root_device`."""
    device = 0 if found.st_dev == root_device else found.st_dev & _STORABLE
    return FileKey(device, found.st_ino & _STORABLE, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def device_of(root: str) -> int:
    """Return the device of a seeds folder, 0 if it cannot be examined."""
    try:
        return os.stat(root).st_dev
    except OSError:
        return 0  # reading it reports why
