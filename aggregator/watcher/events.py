"""Where to look, from the file system's events. Touches the file system and starts threads.

Out come hints (a path below the seeds folder where something may have changed) and doubts (a reason to look
everywhere); both are called from other threads. Nothing here decides: events are hints, the folder is the truth.

What the `watchdog` library leaves to its users is done here: the kinds of events are filtered, since with all of them a
large tree never comes to rest after an overflow; an overflow, which it only logs, becomes a doubt; a root that was
replaced, and a thread that died, are noticed by `check` and mended.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from aggregator.watcher.folder import SUFFIXES, is_hidden

Hint = Callable[[str], object]
Doubt = Callable[[str], object]

SYSCTL = "fs.inotify.max_user_watches"

_FILTER: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
# File systems that other machines write to: their changes cause no events here.
_REMOTE = frozenset("nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs fuse.sshfs fuse.glusterfs vboxsf virtiofs".split())


class NotWatchableError(Exception):
    """The system's events cannot be had for this folder."""


class EventWatcher:
    """Watches `root` by the system's events until it is stopped; `hint` and `doubt` are called from its threads."""

    def __init__(self, root: str, *, hint: Hint, doubt: Doubt) -> None:
        self._root = root
        self._handler = _Handler(root, hint)
        self._doubt = doubt
        self._observer: Any = None
        self._identity: tuple[int, int] | None = None
        self.overflows = 0
        """How often the system dropped events."""

    def start(self) -> None:
        """Begin to watch.

        Raises:
            NotWatchableError: where the system will not; the message names the limit to raise, if it is that.
        """
        self._alarm = _Alarm(self._on_alarm)
        logging.getLogger("watchdog").addHandler(self._alarm)
        logging.getLogger("watchdog").propagate = False
        try:
            self._observe()
        except OSError as error:
            self.stop()
            hint = f" (raise the sysctl {SYSCTL})" if error.errno in {24, 28} else ""
            raise NotWatchableError(f"{self._root}: cannot be watched: {error.strerror or error}{hint}") from error

    def stop(self) -> None:
        """Stop watching and end the threads; it may be called twice."""
        logging.getLogger("watchdog").removeHandler(self._alarm)
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)

    def check(self) -> str:
        """Mend what has broken since the last check; gives why the folder is not watched now, "" if it is."""
        identity = _identity(self._root)
        if identity is None:
            self._identity = None
            return "the seeds folder is not there"
        dead = [name for name, alive in self.threads().items() if not alive]
        if identity == self._identity and not dead:
            return ""
        reason = f"thread died: {', '.join(dead)}" if dead else "the seeds folder was replaced"
        try:
            self._observe()
        except OSError as error:
            return f"{reason}; it cannot be watched again: {error.strerror or error}"
        self._doubt(reason)
        return ""

    def threads(self) -> dict[str, bool]:
        """Say of each thread whether it lives."""
        if self._observer is None:
            return {"observer": False}
        reader = getattr(self._observer, "_inotify_fd", None)
        found = {"observer": self._observer.is_alive()}
        found |= {f"emitter {place}": emitter.is_alive() for place, emitter in enumerate(self._observer.emitters)}
        if not self._observer.emitters:
            found["emitter"] = False
        if reader is not None:
            found["inotify"] = reader.is_alive()
        return found

    def watches(self) -> int | None:
        """Give how many folders are watched, None where that cannot be told; failures below the root are silent."""
        for emitter in self._observer.emitters if self._observer is not None else ():
            watched = getattr(getattr(emitter, "_inotify", None), "_active_callbacks_by_path", None)
            return None if watched is None else len(watched)
        return None

    def _observe(self) -> None:
        old, self._observer = self._observer, None
        if old is not None:
            _end(old)
        self._identity = _identity(self._root)
        observer = Observer()
        try:
            observer.schedule(self._handler, os.path.realpath(self._root), recursive=True, event_filter=_FILTER)
            observer.start()
        except BaseException:
            _end(observer)
            raise
        self._handler.real_root = os.path.realpath(self._root)
        self._observer = observer

    def _on_alarm(self, message: str) -> None:
        if "overflow" in message:
            self.overflows += 1
        self._doubt(message)


class _Handler(FileSystemEventHandler):
    """Turns events into hints. An exception here would kill the observer, so there is nothing here to raise one."""

    def __init__(self, root: str, hint: Hint) -> None:
        self.real_root = os.path.realpath(root)
        self._hint = hint

    def dispatch(self, event: FileSystemEvent) -> None:
        for raw in (event.src_path, event.dest_path):
            path = os.fsdecode(raw)
            below = path[len(self.real_root) + 1 :]
            if path == self.real_root or not path.startswith(f"{self.real_root}/"):
                continue
            if not is_hidden(below) and (event.is_directory or below.endswith(SUFFIXES)):
                self._hint(below)


class _Alarm(logging.Handler):
    """Hears what watchdog only logs."""

    def __init__(self, alarm: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._alarm = alarm

    def emit(self, record: logging.LogRecord) -> None:
        self._alarm(record.getMessage() if "overflow" in record.getMessage() else "the watcher reported a problem")


def remote_filesystem(root: str) -> str:
    """Give the type of the file system `root` lies on if other machines may write to it unseen, else ""."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real = os.path.realpath(root)
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = before.split()[4].encode().decode("unicode_escape", "replace")
        if (real == mounted or real.startswith(mounted.rstrip("/") + "/")) and len(mounted) >= best:
            best, kind = len(mounted), after.split()[0]
    return kind if kind in _REMOTE else ""


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _end(observer: Any) -> None:
    """Stop an observer as far as it still lives."""
    try:
        observer.stop()
        if observer.is_alive():
            observer.join(timeout=2)
        for emitter in list(observer.emitters):
            emitter.stop()
        reader = getattr(observer, "_inotify_fd", None)
        if reader is not None:
            reader.stop()
    except (OSError, RuntimeError):
        return
