"""The exceptions that users can meet. Pure.

    AggregatorError
    ├── ConfigError        the config cannot be used; carries every problem found (exit code 2)
    ├── ClusterError       the cluster cannot be used (exit code 2)
    ├── LockedError        another process holds the state folder (exit code 3)
    ├── FolderError        the seeds folder is missing, unreadable or suddenly empty: nothing was withdrawn
    ├── StoreError         an object store does not answer, or answers nonsense
    └── PublishError       a document could not be written; carries the operating system's reason

A bad seed is not an exception but a `Rejection`, so that the other seeds are still published.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
"""What to do about an error of the operating system while writing."""


NO_MEMORY = "memory ran out (free some, or raise the limit of this process)"


def cause_of(kind: str) -> str:
    """Return what an unexpected exception means, by the name of its type alone: its message may quote a seed."""
    return f"because {NO_MEMORY}" if kind == MemoryError.__name__ else f"because of a bug in this program ({kind})"


def reason_of(error: OSError, *, reading: bool = False) -> str:
    """Return why the operating system refused, and what to do; `reading` if nothing was to be written."""
    advice = ADVICE.get(error.errno or 0, "")
    if reading and error.errno in (errno.EACCES, errno.EPERM):
        advice = "make it readable for the user this runs as"
    return f"{error.strerror or error}" + (f" ({advice})" if advice else "")


def reason_with_path(error: OSError) -> str:
    """Return `reason_of` with the path of the file."""
    return (f"{error.filename}: " if error.filename else "") + reason_of(error)


class AggregatorError(Exception):
    """The base of the exceptions that this package raises on purpose."""


class ConfigError(AggregatorError):
    """The config cannot be used; `problems` are everything wrong with it. `str` of each is a line of text."""

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ClusterError(AggregatorError):
    """The cluster cannot be used."""


class LockedError(AggregatorError):
    """Another process, `holder`, has locked the state folder `path`."""

    def __init__(self, path: str, holder: str, advice: str = "") -> None:
        self.path, self.holder = path, holder
        usual = "if that is a daemon, `aggregator trigger` has it do the work; else wait for it to end, or stop it"
        advice = advice or usual
        super().__init__(f"{path}: held by {holder} ({advice})")


class FolderError(AggregatorError):
    """The seeds folder cannot be trusted now, so nothing was withdrawn."""


class StoreError(AggregatorError):
    """An object store does not answer any request."""


class PublishError(AggregatorError):
    """The document `name` could not be written."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}")
