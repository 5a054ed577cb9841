"""Seeds onto the disk: each file is replaced atomically, and one that a person changed is left alone. Touches the disk.

Only names that `seeds.path_of` makes are written. Below the folder of collected seeds no link is followed; the folder
itself is never made, since it may be a disk that is not mounted.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from aggregator.collector.seeds import Collected, collected_of, folder_of, is_edited, withdrawn
from aggregator.model.errors import AggregatorError, reason_of
from aggregator.model.sources import Source

Done = Literal["written", "unchanged", "edited", "deleted"]
"""What became of a seed. `edited` and `deleted`: a person did that to its file, so nothing was written."""

LARGEST = 1_048_576
"""The largest file that is read, in bytes: that of a seed."""

_PATH = re.compile(r"[a-z0-9-]{1,60}/\d{4}/[a-z0-9-]{1,120}\.md")
_NAME = re.compile(r"[a-z0-9-]{1,120}\.md")
_YEAR = re.compile(r"\d{4}")
_TEMP = re.compile(r"\.aggregator-collected-\d+-\d+\.tmp")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NUMBERS = itertools.count()


def put(root: str, path: str, data: bytes, *, is_new: bool) -> Done:
    """Write a seed, unless its file holds it already or a person changed it; what is written is flushed to the disk.

    A new entry's seed must lie where `place_of` says.

    Args:
        root: the folder of collected seeds.
        path: as `seeds.path_of` gives it.
        data: as `seeds.seed_of` gives it.
        is_new: whether no file was written for this entry before. If one was, and it is gone, a person deleted it.

    Raises:
        AggregatorError: if the folder is missing, or a file or folder cannot be read or written; nothing has changed.
    """
    with _folder_of(root, path, create=is_new) as (folder, name):
        if folder is None:
            return "deleted"
        before = _read(folder, name)
        if before is None:
            if not is_new:
                return "deleted"
        elif before == data:
            return "unchanged"
        elif is_edited(before):
            return "edited"
        _replace(folder, name, data)
        return "written"


def place_of(root: str, path: str) -> str:
    """Return where the seed of a new entry lies: at `path`, or where one of its id and day lies already.

    A process that was killed may have written it when its title was another. Raises as `put` does.
    """
    with _folder_of(root, path, create=False) as (folder, name):
        if folder is None:
            return path
        day, ending = name[:10], name[name.rindex("-") :]
        same = (one for one in os.listdir(folder) if one.startswith(day) and one.endswith(ending))
        before = min((one for one in same if _NAME.fullmatch(one)), default=name)
        return path.removesuffix(name) + before


def withdraw(root: str, path: str) -> Done:
    """Mark the seed at `path` as removed; its file stays. Raises as `put` does."""
    with _folder_of(root, path, create=False) as (folder, name):
        before = None if folder is None else _read(folder, name)
        if folder is None or before is None:
            return "deleted"
        if is_edited(before):
            return "edited"
        after = withdrawn(before)
        if after == before:
            return "unchanged"
        _replace(folder, name, after)
        return "written"


def read(root: str, path: str) -> bytes | None:
    """Return the bytes of the seed at `path`, or None if there is none. Raises as `put` does."""
    with _folder_of(root, path, create=False) as (folder, name):
        return None if folder is None else _read(folder, name)


def collected(root: str, source: Source) -> list[Collected]:
    """Return what lies in the folder of a source, in the order of the paths. Raises as `put` does."""
    with _failures(root), _opened_root(root) as top:
        return [
            one
            for path, data in _files(top, folder_of(source))
            if (one := collected_of(path, data)) is not None
        ]  # fmt: skip


def remove_leftovers(root: str) -> int:
    """Remove the temporary files that a killed collector left, and return how many. Raises as `put` does."""
    number = 0
    with _failures(root), _opened_root(root) as top:
        for source in _folders(top):
            with _inner(top, source) as folder:
                for year in _folders(folder):
                    with _inner(folder, year) as inner:
                        names = [name for name in os.listdir(inner) if _TEMP.fullmatch(name)]
                        for name in names:
                            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                                os.unlink(name, dir_fd=inner)
                                number += 1
    return number


@contextmanager
def _failures(root: str) -> Iterator[None]:
    """Make of what the system refuses an error that names the file and says why."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else ""
        raise AggregatorError(
            f"{os.path.join(root, where)}: collected seeds cannot be kept there: {reason_of(error)}"
        ) from error


@contextmanager
def _opened_root(root: str) -> Iterator[int]:
    try:
        fd = os.open(root, _FOLDER)
    except FileNotFoundError:
        raise AggregatorError(
            f"{root}: the folder of collected seeds is missing (make it, or change `sources.folder`)"
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _folder_of(root: str, path: str, *, create: bool) -> Iterator[tuple[int | None, str]]:
    """Yield the open folder that holds `path`, None if it is missing and not created, and the file's name in it."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path of a collected seed")
    source, year, name = path.split("/")
    with _failures(root), _opened_root(root) as top, contextlib.ExitStack() as stack:
        try:
            outer = stack.enter_context(_inner(top, source, create=create))
            inner = stack.enter_context(_inner(outer, year, create=create))
        except FileNotFoundError:
            yield None, name
            return
        yield inner, name


@contextmanager
def _inner(folder: int, name: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder in an open one, which must be no link; with `create`, make it if it is missing."""
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
            os.fsync(folder)
    fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)


def _read(folder: int, name: str) -> bytes | None:
    """Return the bytes of a file, None if there is none, b"" if it is no file of ours, such as a link or a folder."""
    try:
        fd = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENXIO}:
            return b""
        raise
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        return file.read(LARGEST + 1)


def _replace(folder: int, name: str, data: bytes) -> None:
    temp = f".aggregator-collected-{os.getpid()}-{next(_NUMBERS)}.tmp"
    fd = os.open(temp, _CREATE, 0o644, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp, dir_fd=folder)
        raise
    os.fsync(folder)


def _folders(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name[0] != ".")


def _files(top: int, source: str) -> Iterator[tuple[str, bytes]]:
    try:
        with _inner(top, source) as folder:
            for year in filter(_YEAR.fullmatch, _folders(folder)):
                with _inner(folder, year) as inner:
                    for name in sorted(os.listdir(inner)):
                        path = f"{source}/{year}/{name}"
                        data = _read(inner, name) if _PATH.fullmatch(path) else None
                        if data:
                            yield path, data
    except FileNotFoundError:
        return
