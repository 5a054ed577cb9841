"""The lock on a state folder: its holder works there alone, and the lock file names it. Touches that file."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from aggregator.model.errors import ConfigError, LockedError, reason_of


def make_state_folder(state: str) -> None:
    """Make the folder `state` if it does not exist.

    Raises:
        ConfigError: if it cannot be made.
    """
    try:
        os.makedirs(state, mode=0o700, exist_ok=True)
    except FileExistsError:
        raise ConfigError([f"{state}: the state folder cannot be {_why_unusable(state)}"]) from None
    except OSError as error:
        raise ConfigError([f"{state}: the state folder cannot be made: {reason_of(error)}"]) from error


def _why_unusable(state: str) -> str:
    try:
        os.stat(state)
    except OSError as error:
        return f"used: {reason_of(error)}"
    return "made: a file has its name (move it away, or correct `state`)"


def release_lock(lock: int) -> None:
    """Release a lock."""
    with suppress(OSError):  # the lock is released even if closing its file fails, and its content no longer matters
        os.close(lock)


def is_held(lock: int, state: str) -> bool:
    """Return whether the open file `lock` is still the one that others would have to lock.

    Raises:
        OSError: if that cannot be read.
    """
    try:
        found = os.lstat(os.path.join(state, "lock"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return os.path.samestat(found, os.fstat(lock))


def acquire_lock(state: str) -> int:
    """Take the lock on the folder `state`; returns the open file that holds it until it is closed or we die.

    Raises:
        LockedError: if another process holds it.
        OSError: if its file cannot be opened or written.
    """
    fd = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Never empty in between: others read the name of its holder.
        os.truncate(fd, os.pwrite(fd, f"{os.getpid()}\n".encode(), 0))
    except BlockingIOError:
        holder = os.read(fd, 32).decode("ascii", "replace").partition("\n")[0] or "unknown"
        os.close(fd)
        raise LockedError(state, f"process {holder}") from None
    except BaseException:
        os.close(fd)
        raise
    return fd
