"""Which folders are watched by inotify, in place of the `watchdog` library's own walk. Touches the file system.

The library walks recursively and to any depth, into hidden folders too: a tree of a thousand folders within each other
ends its threads. It also takes a folder for watched whatever lies at its path by now.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import Any

from watchdog.observers.inotify import InotifyEmitter, InotifyObserver, InotifyWatchGroup

from aggregator.watcher.folder import is_hidden, limit_problem
from aggregator.watcher.selection import Selection


class Watches(InotifyWatchGroup):
    """The watches of a tree, as deep as seeds are read, without folders that are hidden or not in `selection`.

    An event of a folder leads to a walk of it, so none are made up for what was in it already. `identities` holds the
    device and inode of each folder by its watch: a file system that is mounted over a folder leaves the watch below it.
    """

    def __init__(self, *arguments: Any, selection: Selection | None = None, **options: Any) -> None:
        self.selection = selection
        super().__init__(*arguments, **options)

    def __post_init__(self) -> None:
        self.identities: dict[int, tuple[int, int]] = {}
        super().__post_init__()

    def watch(self, paths: list[bytes]) -> None:
        """Watch the folders `paths` and all below them, whatever was watched there before."""
        with self._lock:
            for path in paths:
                self._add_all_callbacks(path)

    def watched_identity(self, path: bytes) -> tuple[int, int] | None:
        """Return the device and inode of the folder that is watched as `path`, None if there is none."""
        watch = self._active_callbacks_by_path.get(path)
        return self.identities.get(watch) if watch is not None else None

    # -- what the library calls

    def _add_all_callbacks(self, path: bytes) -> None:
        root = os.fsdecode(self.path)
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            below = os.fsdecode(folder)[len(root) + 1 :]
            if is_hidden(below) or limit_problem(root, f"{below}/" if below else ""):
                continue
            if below and self.selection is not None and not self.selection.selects(below, is_folder=True):
                continue
            self._add_callback(folder)  # before it is listed, so that no folder is missed
            with suppress(OSError), os.scandir(folder) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]

    def _add_callback(self, path: bytes) -> None:
        before = os.stat(path) if path == self.path else None  # a missing root must reach the caller
        super()._add_callback(path)
        watch = self._active_callbacks_by_path.get(path)
        with suppress(OSError):
            found = before or os.lstat(path)
            if watch is not None:
                self.identities[watch] = found.st_dev, found.st_ino

    def _remove_watch_internally(self, wd: Any) -> None:
        self.identities.pop(wd, None)
        super()._remove_watch_internally(wd)

    def _move_watches(self, move_src_path: bytes, move_dst_path: bytes) -> bool:
        # Also what was too deep, or hidden, is watched where it is now, and what took its place in an exchange.
        super()._move_watches(move_src_path, move_dst_path)
        self._add_all_callbacks(move_src_path)
        return False

    def _recursive_simulate(self, src_path: bytes) -> list[Any]:  # noqa: ARG002
        return []


class Emitter(InotifyEmitter):
    """Reports the events of `Watches`; its `watch` is not recursive, so that no events are made up."""

    def __init__(self, *arguments: Any, selection: Selection | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._selection = selection

    def on_thread_start(self) -> None:
        """Begin to watch."""
        mask = self.get_event_mask_from_filter()
        self._inotify = Watches(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=True,
            event_mask=mask,
            selection=self._selection,
        )


def observer(selection: Selection | None = None) -> InotifyObserver:
    """Return an observer whose emitters are `Emitter`s; they watch the folders that `selection` enters."""
    made = InotifyObserver()
    made._emitter_class = partial(Emitter, selection=selection)  # type: ignore[assignment]  # noqa: SLF001 - it has no public way to be given
    return made
