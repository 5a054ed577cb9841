"""The lock on a state folder: who holds it works there alone, and its file tells who. Touches that file."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from aggregator.model.errors import ConfigError, LockedError, reason_of


def made(state: str) -> None:
    """Make the folder `state` where there is none.

    Raises:
        ConfigError: where it cannot be made.
    """
    try:
        os.makedirs(state, mode=0o700, exist_ok=True)
    except FileExistsError:
        raise ConfigError([f"{state}: the state folder cannot be {_why_not(state)}"]) from None
    except OSError as error:
        raise ConfigError([f"{state}: the state folder cannot be made: {reason_of(error)}"]) from error


def _why_not(state: str) -> str:
    """Say what is with a folder that is there and is none."""
    try:
        os.stat(state)
    except OSError as error:
        return f"used: {reason_of(error)}"
    return "made: a file has its name (move it away, or correct `state`)"


def let_go(lock: int) -> None:
    """Give back a lock. Whatever closing its file says, it is given back, and what was noted there is worth nothing."""
    with suppress(OSError):
        os.close(lock)


def is_held(lock: int, state: str) -> bool:
    """Say whether the open file `lock` is still the one that others would have to lock.

    Raises:
        OSError: where the system does not say.
    """
    try:
        found = os.lstat(os.path.join(state, "lock"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return os.path.samestat(found, os.fstat(lock))


def locked(state: str) -> int:
    """Take the lock on the folder `state`; gives the open file that keeps it until it is closed or we die.

    Raises:
        LockedError: where another process holds it.
        OSError: where its file cannot be opened or written.
    """
    fd = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise LockedError(state, f"process {holder}") from None
    except BaseException:
        os.close(fd)
        raise
    return fd
