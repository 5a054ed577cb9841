"""The files that speak for all files of their folder, such as Hugo's `_index.md`. Reads the disk.

One that is a link is read if it leads to a file in the root, as in a Kubernetes ConfigMap; nothing outside is read.
"""

from __future__ import annotations

import errno
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
_known: dict[tuple[int, str], tuple[SectionFile, ...]] = {}
"""By a turn and a folder of seeds, the files that speak for them; those of the last turn, in each process."""


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
    folder = path.rpartition("/")[0]
    known = _known.get((turn, folder))
    if known is None:
        if _known and next(iter(_known))[0] != turn:
            _known.clear()
        found = next((one for one in roots if path.startswith(one[0])), None)
        known = _known[turn, folder] = () if found is None else tuple(_files_above(*found, folder))
    return known


def _files_above(prefix: str, root: str, dialect: str, folder: str) -> Iterator[SectionFile]:
    """Yield the files of the folders from the root down to `folder`, which begins with the prefix of the root."""
    parts = [one for one in f"{folder}/"[len(prefix) :].split("/") if one]
    for count in range(len(parts) + 1):
        yield from _files_in(root, "/".join(parts[:count]), dialect)


def _files_in(root: str, below: str, dialect: str) -> Iterator[SectionFile]:
    folder = os.path.join(root, below)
    for pattern in SECTION_FILES[dialect]:
        name = pattern.replace("{}", os.path.basename(folder.rstrip("/")))
        with suppress(OSError):
            fd = _opened(os.path.join(folder, name), root)
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    yield SectionFile(below, name, os.read(fd, LARGEST))
            finally:
                os.close(fd)


def _opened(path: str, root: str) -> int:
    """Open a file, or what it leads to if it is a link that leads into the root, and return its descriptor."""
    if os.path.islink(path):
        path = os.path.realpath(path, strict=True)
        if not path.startswith(f"{os.path.realpath(root)}/"):
            raise OSError(errno.ELOOP, "leads out of the root", path)
    return os.open(path, _READ)
