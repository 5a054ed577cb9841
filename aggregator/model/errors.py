"""The exceptions users can meet; nothing here touches the world.

    AggregatorError
    ├── ConfigError        the config cannot be used; carries every problem found (exit code 2)
    ├── ClusterError       the cluster cannot be used (exit code 2)
    ├── LockedError        another process holds the state folder (exit code 3)
    ├── FolderError        the seeds folder is gone, unreadable or suddenly empty: nothing was withdrawn
    ├── StoreError         an object store does not answer, or answers what makes no sense
    └── PublishError       a document could not be written; carries the operating system's reason

A bad seed is not an exception: it is a `Rejection`, so that every other seed goes on.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ADVICE",
    "AggregatorError",
    "ClusterError",
    "ConfigError",
    "FolderError",
    "LockedError",
    "PublishError",
    "StoreError",
    "reason_of",
]

ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space or raise the quota",
    errno.EFBIG: "raise the limit of a file's size, `ulimit -f`",
    errno.EMFILE: "raise the limit of open files, `ulimit -n`",
    errno.EACCES: "let the user this runs as write there",
    errno.EPERM: "let the user this runs as write there",
    errno.EROFS: "mount it writable",
    errno.ENOTDIR: "remove it or move it away",
    errno.EISDIR: "remove it or move it away",
    errno.EIO: "look at the disk; the system's log says more",
    errno.ENOLCK: "keep the state folder on a disk of this machine",
}
"""What helps against what the operating system says, where something is to be written."""


def reason_of(error: OSError, *, reading: bool = False) -> str:
    """Say why the operating system refused, and what helps; `reading` where nothing was to be written."""
    advice = ADVICE.get(error.errno or 0, "")
    if reading and error.errno in (errno.EACCES, errno.EPERM):
        advice = "make it readable for the user this runs as"
    return f"{error.strerror or error}" + (f" ({advice})" if advice else "")


def worded(error: OSError) -> str:
    """Say where the operating system refused, why, and what helps."""
    return (f"{error.filename}: " if error.filename else "") + reason_of(error)


class AggregatorError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigError(AggregatorError):
    """The config cannot be used; `problems` holds all that is wrong with it, one line of text each."""

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ClusterError(AggregatorError):
    """The cluster that should help cannot be used."""


class LockedError(AggregatorError):
    """Another process, `holder`, works on the state folder `path`."""

    def __init__(self, path: str, holder: str) -> None:
        self.path, self.holder = path, holder
        super().__init__(f"{path}: held by {holder} (wait for it to end, or stop it)")


class FolderError(AggregatorError):
    """The seeds folder cannot be trusted right now, so nothing was withdrawn."""


class StoreError(AggregatorError):
    """An object store does not answer, whatever it was asked."""


class PublishError(AggregatorError):
    """The document `name` could not be written."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"{name}: {reason}")
