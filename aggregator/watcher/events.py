"""Hints about changes from the file system's events. Touches the file system and starts threads.

Reports hints (a path below the seeds folder where something may have changed) and doubts (a reason to scan everything),
both from other threads. Nothing is decided here: events are hints, the folder is the truth.

This does what the `watchdog` library leaves to its users. It filters the kinds of events, as with all of them a large
tree never comes to rest after an overflow. It turns an overflow, which the library only logs, into a doubt. `check`
detects and repairs a root that was replaced and threads that died. Which folders are watched is decided in `inotify`.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from watchdog import events
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

from aggregator.model.errors import reason_of
from aggregator.watcher.folder import FolderKey, is_hidden
from aggregator.watcher.links import first_hidden
from aggregator.watcher.selection import SUFFIXES, Selection

if TYPE_CHECKING:
    from aggregator.watcher.inotify import Watches

Hint = Callable[[str], object]
Doubt = Callable[[str], object]

MANY_LINKS = 100
"""If more links lead to one place, a change there is a hint to scan the whole folder."""

MOST_SEEN = 10_000
"""So many new links are remembered until a scan has met them; each is a few bytes."""

PATIENCE = 2.0
"""How long, in seconds, an observer may take to stop."""

SYSCTL = "fs.inotify.max_user_watches"

# What the library logs goes to `_WarningHandler` only, and nowhere once the watcher has stopped.
_LOGGER = logging.getLogger("watchdog")
_LOGGER.propagate = False
_LOGGER.addHandler(logging.NullHandler())

_IS_LINUX = sys.platform.startswith("linux")

_LIMITS = {errno.ENOSPC: SYSCTL, errno.EMFILE: "fs.inotify.max_user_instances"}

_FILTER: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    # A file or folder that becomes readable; older versions report that as modified.
    *(getattr(events, name) for name in ("FileAttribEvent", "DirAttribEvent") if hasattr(events, name)),
]


class NotWatchableError(Exception):
    """The system cannot report events for this folder."""


class EventWatcher:
    """Watches `root` by the system's events until it is stopped; calls its functions from its threads.

    `hint` is called with a path where something may have changed, `complete` instead with that of a file that was
    closed or moved in, so that nobody is writing it; `doubt` with a reason to scan everything. `selection` says what is
    a seed there; None if our own suffixes decide that.
    """

    def __init__(
        self, root: str, *, hint: Hint, doubt: Doubt, complete: Hint | None = None, selection: Selection | None = None
    ) -> None:  # fmt: skip
        self._root = root
        self._selection = selection
        self._handler = _Handler(root, hint, complete or hint, selection)
        self._doubt = doubt
        self._warnings = _WarningHandler(self._on_warning)
        self._observer: Any = None
        self._identity: tuple[str, int, int] | None = None
        self.overflows = 0
        """How often the system dropped events."""

    def start(self) -> None:
        """Begin to watch.

        Raises:
            NotWatchableError: if the system refuses; if a limit is the reason, the message names it.
        """
        # The library warns if it watches a new folder twice, which happens and does no harm.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        _LOGGER.addHandler(self._warnings)
        self._observe()

    def stop(self) -> None:
        """Stop watching and end the threads; may be called twice."""
        _LOGGER.removeHandler(self._warnings)
        self._end()

    def check(self) -> str:
        """Repair what broke since the last check; return why the folder cannot be watched now, "" if it is.

        Raises:
            NotWatchableError: if the system refuses to watch it again.
        """
        identity = _identity(self._root)
        if isinstance(identity, str):
            # No event will report its return, and what is still watched may be the folder under another name.
            self._end()
            self._identity = None
            return identity
        dead = [name for name, alive in self.threads().items() if not alive]
        if identity != self._identity:
            self.restart("the seeds folder was replaced")
        elif dead:
            self.restart(f"thread died: {', '.join(dead)}")
        return ""

    def restart(self, reason: str) -> None:
        """Watch everything again, and report `reason` as a doubt.

        Raises:
            NotWatchableError: if the system refuses.
        """
        self._end()
        self._observe()
        self._doubt(reason)

    def threads(self) -> dict[str, bool]:
        """Return whether each thread is alive, by its name."""
        if self._observer is None:
            return {}
        reader = getattr(self._observer, "_inotify_fd", None)
        found = {"observer": self._observer.is_alive()}
        found |= {f"emitter {number}": emitter.is_alive() for number, emitter in enumerate(self._observer.emitters)}
        if not self._observer.emitters:
            found["emitter"] = False
        if reader is not None:
            found["inotify"] = reader.is_alive()
        return found

    def unwatched(self, folders: Mapping[str, FolderKey]) -> list[str]:
        """Return those of `folders` (by their paths below the root, "" for the root) that are not watched.

        Among them are those of which another folder is watched by that path, as after a file system was mounted there.
        """
        watches = self._watches()
        if watches is None:
            return []
        identity = watches.watched_identity
        return [path for path, key in folders.items() if identity(self._path_of(path)) != (key.dev, key.ino)]

    def note_links(self, links: Mapping[str, Iterable[str]]) -> None:
        """Note the links below the root, each with the paths that decide where it leads (`links.route`)."""
        self._handler.note_links(links)

    def watch_again(self, folders: Iterable[str], reason: str) -> None:
        """Watch `folders` and what is below them, and report `reason` as a doubt."""
        watches = self._watches()
        if watches is not None:
            watches.watch([self._path_of(one) for one in folders])
        self._doubt(reason)

    def _path_of(self, folder: str) -> bytes:
        return os.fsencode(f"{self._handler.real_root}/{folder}".rstrip("/"))

    def _watches(self) -> Watches | None:
        for emitter in self._observer.emitters if self._observer is not None else ():
            return getattr(emitter, "_inotify", None)
        return None

    def _observe(self) -> None:
        identity = _identity(self._root)
        self._identity = None if isinstance(identity, str) else identity
        self._handler.real_root = os.path.realpath(self._root)
        try:
            self._observer = _new_observer(self._selection)
            self._observer.schedule(
                self._handler, self._handler.real_root, recursive=not _IS_LINUX, event_filter=_FILTER
            )
            self._observer.start()
        except OSError as error:
            self._end()
            hint = f" (raise the sysctl {_LIMITS[error.errno]}, then reload)" if error.errno in _LIMITS else ""
            raise NotWatchableError(f"{self._root}: cannot be watched: {error.strerror or error}{hint}") from error

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)

    def _on_warning(self, message: str) -> None:
        if "overflow" in message:
            self.overflows += 1
        self._doubt(message)


def _new_observer(selection: Selection | None) -> Any:
    if not _IS_LINUX:
        return Observer()
    from aggregator.watcher.inotify import observer  # noqa: PLC0415 - exists on Linux only

    return observer(selection)


class _Handler(FileSystemEventHandler):
    """Turns events into hints. An exception here would end the observer's thread, so nothing here raises one."""

    def __init__(self, root: str, hint: Hint, complete: Hint, selection: Selection | None = None) -> None:
        self.real_root = os.path.realpath(root)
        self._hint, self._complete = hint, complete
        self._selection = selection
        self._links: frozenset[str] = frozenset()
        self._seen: set[str] = set()  # before any scan met them
        self._behind: dict[str, tuple[str, ...]] = {}

    def note_links(self, links: Mapping[str, Iterable[str]]) -> None:
        behind: dict[str, list[str]] = {}
        for link, places in links.items():
            for place in places:
                behind.setdefault(place, []).append(link)
        # Of many links to one place, as in a large ConfigMap, the whole folder is scanned.
        self._behind = {place: tuple(some) if len(some) <= MANY_LINKS else ("",) for place, some in behind.items()}
        self._links = frozenset(links)
        self._seen.difference_update(self._links)

    def dispatch(self, event: FileSystemEvent) -> None:
        for raw, is_complete in (
            (event.src_path, isinstance(event, FileClosedEvent)),
            (event.dest_path, isinstance(event, FileMovedEvent)),
        ):
            path = os.fsdecode(raw)
            below = path[len(self.real_root) + 1 :]
            if path == self.real_root or not path.startswith(f"{self.real_root}/"):
                continue
            if self._is_hint(below, path, is_folder=event.is_directory):
                (self._complete if is_complete else self._hint)(below)
            for link in self._behind.get(first_hidden(below), ()) if self._behind else ():
                self._hint(link)

    def _is_hint(self, below: str, path: str, *, is_folder: bool) -> bool:
        if is_hidden(below):
            return False
        is_seed = below.endswith(SUFFIXES) if self._selection is None else self._selection.selects(below)
        return is_folder or is_seed or self._is_link(below, path)

    def _is_link(self, below: str, path: str) -> bool:
        """Return whether there is a link, or was one: what lay behind it is gone then."""
        if os.path.islink(path):
            if len(self._seen) < MOST_SEEN:
                self._seen.add(below)
            return True
        return below in self._links or below in self._seen


class _WarningHandler(logging.Handler):
    """Receives what watchdog only logs."""

    def __init__(self, alarm: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._warnings = alarm

    def emit(self, record: logging.LogRecord) -> None:
        self._warnings(record.getMessage() if "overflow" in record.getMessage() else "the watcher reported a problem")


def _identity(root: str) -> tuple[str, int, int] | str:
    """Return the identity of the folder that `root` names (path, device, inode), or why it has none."""
    try:
        found = os.stat(root)
    except (FileNotFoundError, NotADirectoryError):
        return "the seeds folder is missing"
    except OSError as error:
        return f"the seeds folder cannot be examined: {reason_of(error, reading=True)}"
    return os.path.realpath(root), found.st_dev, found.st_ino


def _end(observer: Any) -> None:
    """Stop what is still alive of an observer.

    This happens on a thread of its own: a part that died may hold a lock for ever, and then the others are abandoned.
    """
    ending = threading.Thread(target=_stop_all, args=(observer,), name="end of observer", daemon=True)
    ending.start()
    ending.join(timeout=PATIENCE)


def _stop_all(observer: Any) -> None:
    """Stop each part separately, since any of them may be dead."""
    reader = getattr(observer, "_inotify_fd", None)
    for part in (observer, *observer.emitters, reader):
        with suppress(OSError, RuntimeError, KeyError):
            if part is not None:
                part.stop()
    with suppress(RuntimeError):  # never started
        observer.join()
