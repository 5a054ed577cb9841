"""The files that speak for all files of their folder, such as Hugo's `_index.md`. Reads the disk.

No link is followed, and nothing outside of a root is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from aggregator.model.dialect_files import SECTION_FILES
from aggregator.model.seed_roots import SectionFile, SeedRoot
from aggregator.model.store import is_url
from aggregator.watcher.folder import DEEPEST
from aggregator.watcher.selection import selection_of

LARGEST = 65_536
"""The largest such file that is read, in bytes."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_known: dict[str, tuple[int, tuple[SectionFile, ...]]] = {}
"""By folder of the file system, the turn in which it was read, and its files; in each process."""


def section_files(roots: Sequence[SeedRoot], *, turn: int) -> Callable[[str], tuple[SectionFile, ...]] | None:
    """Return what tells the files that speak for a seed, by its path, the outermost folder first.

    It can be sent to another process. It is None if no root has such files. `turn` names the turn in which they stay
    the same.
    """
    found = tuple((root.prefix, root.folder, root.dialect) for root in roots if _may_have_any(root))
    return partial(_files_for, found, turn) if found else None


def all_section_files(root: SeedRoot) -> Iterator[SectionFile]:
    """Yield all files of a root that speak for their folders."""
    if not _may_have_any(root):
        return
    selection = selection_of(root)
    waiting = [("", 0)]
    while waiting:
        below, depth = waiting.pop()
        yield from _files_in(root.folder, below, root.dialect)
        with suppress(OSError), os.scandir(os.path.join(root.folder, below)) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}".lstrip("/")
                is_entered = selection is None or selection.enters(path)
                if (
                    not entry.name.startswith(".")
                    and entry.is_dir(follow_symlinks=False)
                    and is_entered
                    and depth < DEEPEST
                ):
                    waiting.append((path, depth + 1))


def _may_have_any(root: SeedRoot) -> bool:
    return root.dialect in SECTION_FILES and not is_url(root.folder)


def _files_for(roots: Sequence[tuple[str, str, str]], turn: int, path: str) -> tuple[SectionFile, ...]:
    for prefix, folder, dialect in roots:
        if path.startswith(prefix):
            parts = path[len(prefix) :].split("/")[:-1]
            folders = ["/".join(parts[:count]) for count in range(len(parts) + 1)]
            return tuple(one for below in folders for one in _in_this_turn(folder, below, dialect, turn))
    return ()


def _in_this_turn(root: str, below: str, dialect: str, turn: int) -> tuple[SectionFile, ...]:
    place = os.path.join(root, below)
    known = _known.get(place)
    if known is None or known[0] != turn:
        known = _known[place] = turn, tuple(_files_in(root, below, dialect))
    return known[1]


def _files_in(root: str, below: str, dialect: str) -> Iterator[SectionFile]:
    folder = os.path.join(root, below)
    for pattern in SECTION_FILES[dialect]:
        name = pattern.replace("{}", os.path.basename(folder.rstrip("/")))
        with suppress(OSError):
            fd = os.open(os.path.join(folder, name), _READ)
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    yield SectionFile(below, name, os.read(fd, LARGEST))
            finally:
                os.close(fd)
