"""Seed files as they are read, wherever they lie: what the watcher hands to the normalizer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class FileKey(NamedTuple):
    """What shows that a file has not changed: device, inode, size (bytes), mtime and ctime (nanoseconds).

    The device is 0 if it is that of the seeds folder, whose number differs between machines and after a restart. Of an
    object in a store, device and inode are a hash of its tag.
    """

    dev: int
    ino: int
    size: int
    mtime: int
    ctime: int


NO_KEY = FileKey(0, 0, 0, -1, 0)
"""The key of a file that cannot be examined. No file has it, so such a file is read once, and that reports why."""


class SeedFile(NamedTuple):
    """A file that was read: its key from before the reading, and its bytes, or None with the reason and a hint."""

    path: str
    key: FileKey
    data: bytes | None
    reason: str = ""
    hint: str = ""


ReadSeeds = Callable[[Sequence[str], int], Iterable[SeedFile | None]]
"""Reads files by their paths, each at most that many bytes; None for a file that no longer exists."""
