"""How the daemon learns of changes: by the system's events, or by walking the folder if there are none.

Starts and stops the watcher's threads, and puts hints and doubts into the inbox.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from aggregator.config.settings import Config
from aggregator.model.seed_roots import SeedRoot, location_of
from aggregator.model.store import is_url
from aggregator.service.inbox import Inbox
from aggregator.service.logs import log
from aggregator.watcher.events import SYSCTL, EventWatcher, NotWatchableError
from aggregator.watcher.folder import FolderKey, folder_key
from aggregator.watcher.mounts import Mounts, remote_below, remote_filesystem
from aggregator.watcher.selection import selection_of

DEFAULT_SCAN = 30

PATIENCE = 1.0
"""How long, in seconds, a known folder may stay unwatched: its event may still be on the way."""


class WatchBackend:
    """Watches the seeds folders from `start` to `stop`; `problem` says why not in the way the config asks for."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._watchers: dict[str, EventWatcher] = {}
        self._config: Config | None = None
        self._unwatched: list[str] = []
        self._unwatched_since = 0.0
        self._was_restarted = False
        self._mounts: list[Mounts] = []
        self._remote = ""
        self.problem = ""

    def start(self, config: Config) -> None:
        """Start the backend that `config` asks for; if the system has no events, poll and log why."""
        self.stop()
        self._config = config
        wanted, reason = config.watch.backend, ""
        if stores := [root.folder for root in config.seeds if is_url(root.folder)]:
            self.problem = f"{', '.join(stores)}: a store causes no events" if wanted == "native" else ""
        folders = _folders(config)
        if not folders:
            return
        self._mounts = [Mounts(root.folder) for root in folders]  # first: what is mounted meanwhile is noticed
        self._remote = _remote_reason(config)
        if wanted == "auto" and self._remote:
            wanted, reason = "polling", self._remote
        if wanted != "polling":
            reason = "; ".join(filter(None, map(self._start_watcher, folders)))
            if reason:
                self._stop_watchers()
        if not self._watchers:
            self._poll_instead(reason)
        elif self._remote:
            self._report_unwatched(self._remote)

    def stop(self) -> None:
        """Stop watching and end the threads; may be called twice."""
        self._stop_watchers()
        for mounts in self._mounts:
            mounts.close()
        self._mounts = []
        self._unwatched, self._was_restarted, self.problem = [], False, ""

    def _stop_watchers(self) -> None:
        watchers, self._watchers = self._watchers, {}
        for watcher in watchers.values():
            watcher.stop()

    def _start_watcher(self, root: SeedRoot) -> str:
        """Watch a root and return "", or why that cannot be."""

        def hint(path: str) -> None:
            self._inbox.put("hint", root.prefix + path)

        def complete(path: str) -> None:
            self._inbox.put("complete", root.prefix + path)

        watcher = EventWatcher(
            root.folder, hint=hint, complete=complete, doubt=self._on_doubt, selection=selection_of(root)
        )
        try:
            watcher.start()
        except NotWatchableError as error:
            if not root.prefix or os.path.isdir(root.folder):
                watcher.stop()
                return str(error)
            # One of several that is missing for now: `check` says so, and watches it once it is there.
        self._watchers[root.prefix] = watcher
        return ""

    def _on_doubt(self, reason: str) -> None:
        log("doubt", logging.WARNING, reason=reason)
        self._inbox.put("doubt")

    def _poll_instead(self, reason: str) -> None:
        assert self._config is not None
        if reason:
            log("polling", logging.WARNING, reason=reason, every=self._config.watch.poll)
        self.problem = reason if self._config.watch.backend == "native" else ""

    # -- its state

    @property
    def backend(self) -> str:
        """`native` or `polling`, or `listing` if seeds lie in a store."""
        if self._config is not None and any(is_url(root.folder) for root in self._config.seeds):
            return "listing"
        return "native" if self._watchers else "polling"

    @property
    def overflows(self) -> int:
        """How many times the system dropped events."""
        return max((watcher.overflows for watcher in self._watchers.values()), default=0)

    def threads(self) -> dict[str, bool]:
        """Return for each thread whether it is alive."""
        return {
            f"{prefix}{name}": alive
            for prefix, watcher in self._watchers.items()
            for name, alive in watcher.threads().items()
        }

    def scan_period(self) -> int:
        """Return how often the seeds must be scanned, in seconds."""
        assert self._config is not None
        scan = self._config.schedule.scan or DEFAULT_SCAN
        return scan if self.backend != "polling" else min(self._config.watch.poll, scan)

    # -- checking it

    def check(self) -> str:
        """Repair what has failed since the last check; return why the seeds are not watched, "" if they are."""
        if any([mounts.changed() for mounts in self._mounts]):  # noqa: C419 - each of them notes what it has seen
            self._on_mounts_changed()
        try:
            if self._unwatched and time.monotonic() >= self._unwatched_since + PATIENCE:
                self._check_unwatched()
            return "; ".join(filter(None, map(self._check_root, list(self._watchers))))
        except NotWatchableError as error:
            self.stop()
            self._poll_instead(str(error))
            return ""

    def _check_root(self, prefix: str) -> str:
        problem = self._watchers[prefix].check()
        return f"{prefix}: {problem}" if problem and prefix else problem

    def note_folders(self, folders: Mapping[str, FolderKey], links: Mapping[str, tuple[str, ...]]) -> None:
        """Compare the folders of a scan with those watched: if some stay unwatched, a system limit is reached.

        `links` are the links that it met. What is behind them is not watched: that they lead elsewhere is noticed.
        """
        if not self._watchers:
            return
        self.note_links(links)
        behind = tuple(f"{link}/" for link in links)
        if not self._unwatched:
            self._unwatched_since = time.monotonic()
        watched = {path: key for path, key in folders.items() if not path.startswith(behind)} if behind else folders
        self._unwatched = self._not_watched(watched)
        if not self._unwatched:
            self._was_restarted = False
            self.problem = self._remote

    def note_links(self, links: Mapping[str, tuple[str, ...]]) -> None:
        """Note the links that were met, each with the paths that decide where it leads."""
        for prefix, watcher in self._watchers.items():
            start = len(prefix)
            own = {link: places for link, places in links.items() if link.startswith(prefix)}
            watcher.note_links({link[start:]: [place[start:] for place in places] for link, places in own.items()})

    def _not_watched(self, folders: Mapping[str, FolderKey]) -> list[str]:
        found = []
        for prefix, watcher in self._watchers.items():
            own = {path[len(prefix) :]: key for path, key in folders.items() if path.startswith(prefix)}
            found += [prefix + path for path in watcher.unwatched(own)]
        return found

    def _check_unwatched(self) -> None:
        """Watch again the folders that are still unwatched; if that does not help, the limit is reached."""
        assert self._config is not None
        current: dict[str, FolderKey] = {}
        for one in self._unwatched:
            place = location_of(self._config.seeds, one)
            with suppress(OSError):  # gone since: an event says so
                if os.access(place, os.R_OK | os.X_OK):
                    current[one] = folder_key(place)
        missing, self._unwatched = self._not_watched(current), []
        if not missing:
            return
        if not self._was_restarted:
            self._was_restarted = True
            # Its doubt leads to a full scan, and that to `note_folders`.
            self._watch_again(missing)
            return
        reason = f"{len(missing)} folders cannot be watched (raise the sysctl {SYSCTL}, then reload)"
        if self._config.watch.backend == "auto":
            self.stop()
            self._poll_instead(reason)
        else:
            self._report_unwatched(reason)

    def _watch_again(self, folders: list[str]) -> None:
        for prefix, watcher in self._watchers.items():
            if own := [path[len(prefix) :] for path in folders if path.startswith(prefix)]:
                watcher.watch_again(own, f"{len(own)} folders were not watched")

    def _report_unwatched(self, reason: str) -> None:
        if self.problem != reason:
            log("some folders are not watched", logging.ERROR, reason=reason)
            self.problem = reason

    def _on_mounts_changed(self) -> None:
        """Let everything be scanned: what was mounted is found and watched then (`note_folders`)."""
        assert self._config is not None
        if self._remote != _remote_reason(self._config):
            self.start(self._config)
        self._on_doubt("a file system was mounted or unmounted in the seeds folder")


def _folders(config: Config) -> list[SeedRoot]:
    return [root for root in config.seeds if not is_url(root.folder)]


def _remote_reason(config: Config) -> str:
    """Return why not all seeds cause events here; whoever asks for `native` knows of the seeds folders themselves."""
    for root in _folders(config):
        kind = remote_filesystem(root.folder) if config.watch.backend == "auto" else ""
        if where := f"the seeds lie on {kind}" if kind else remote_below(root.folder):
            return f"{where}, where changes cause no events"
    return ""
