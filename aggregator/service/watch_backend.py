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
from aggregator.model.store import is_url
from aggregator.service.inbox import Inbox
from aggregator.service.logs import log
from aggregator.watcher.events import SYSCTL, EventWatcher, NotWatchableError
from aggregator.watcher.folder import FolderKey, folder_key
from aggregator.watcher.mounts import Mounts, remote_below, remote_filesystem

DEFAULT_SCAN = 30

PATIENCE = 1.0
"""How long, in seconds, a known folder may stay unwatched: its event may still be on the way."""


class WatchBackend:
    """Watches the seeds folder from `start` to `stop`; `problem` says why not in the way the config asks for."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._watcher: EventWatcher | None = None
        self._config: Config | None = None
        self._unwatched: list[str] = []
        self._unwatched_since = 0.0
        self._was_restarted = False
        self._mounts: Mounts | None = None
        self._remote = ""
        self.problem = ""

    def start(self, config: Config) -> None:
        """Start the backend that `config` asks for; if the system has no events, poll and log why."""
        self.stop()
        self._config = config
        wanted, reason = config.watch.backend, ""
        if is_url(config.seeds):
            self.problem = f"{config.seeds}: a store causes no events" if wanted == "native" else ""
            return
        self._mounts = Mounts(config.seeds)  # before the watcher: what is mounted meanwhile is noticed
        self._remote = _remote_reason(config)
        if wanted == "auto" and self._remote:
            wanted, reason = "polling", self._remote
        if wanted != "polling":
            reason = self._start_watcher(config.seeds)
        if self._watcher is None:
            self._poll_instead(reason)
        elif self._remote:
            self._report_unwatched(self._remote)

    def stop(self) -> None:
        """Stop watching and end the threads; may be called twice."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
        if self._mounts is not None:
            self._mounts.close()
            self._mounts = None
        self._unwatched, self._was_restarted, self.problem = [], False, ""

    def _start_watcher(self, seeds: str) -> str:
        watcher = EventWatcher(seeds, hint=lambda path: self._inbox.put("hint", path), doubt=self._on_doubt)
        try:
            watcher.start()
        except NotWatchableError as error:
            watcher.stop()
            return str(error)
        self._watcher = watcher
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
        """`native` or `polling`, or `listing` if the seeds lie in a store."""
        if self._config is not None and is_url(self._config.seeds):
            return "listing"
        return "polling" if self._watcher is None else "native"

    @property
    def overflows(self) -> int:
        """How many times the system dropped events."""
        return self._watcher.overflows if self._watcher is not None else 0

    def threads(self) -> dict[str, bool]:
        """Return for each thread whether it is alive."""
        return self._watcher.threads() if self._watcher is not None else {}

    def scan_period(self) -> int:
        """Return how often the seeds must be scanned, in seconds."""
        assert self._config is not None
        scan = self._config.schedule.scan or DEFAULT_SCAN
        return scan if self.backend != "polling" else min(self._config.watch.poll, scan)

    # -- checking it

    def check(self) -> str:
        """Repair what has failed since the last check; return why the seeds are not watched, "" if they are."""
        if self._mounts is not None and self._mounts.changed():
            self._on_mounts_changed()
        if self._watcher is None:
            return ""
        try:
            if self._unwatched and time.monotonic() >= self._unwatched_since + PATIENCE:
                self._check_unwatched(self._watcher)
            return self._watcher.check() if self._watcher is not None else ""
        except NotWatchableError as error:
            self.stop()
            self._poll_instead(str(error))
            return ""

    def note_folders(self, folders: Mapping[str, FolderKey]) -> None:
        """Compare the folders of a scan with those watched: if some stay unwatched, a system limit is reached."""
        if self._watcher is not None:
            if not self._unwatched:
                self._unwatched_since = time.monotonic()
            self._unwatched = self._watcher.unwatched(folders)
            if not self._unwatched:
                self._was_restarted = False
                self.problem = self._remote

    def _check_unwatched(self, watcher: EventWatcher) -> None:
        """Watch again the folders that are still unwatched; if that does not help, the limit is reached."""
        assert self._config is not None
        root = self._config.seeds
        current: dict[str, FolderKey] = {}
        for one in self._unwatched:
            with suppress(OSError):  # gone since: an event says so
                if os.access(f"{root}/{one}", os.R_OK | os.X_OK):
                    current[one] = folder_key(f"{root}/{one}")
        missing, self._unwatched = watcher.unwatched(current), []
        if not missing:
            return
        if not self._was_restarted:
            self._was_restarted = True
            # Its doubt leads to a full scan, and that to `note_folders`.
            watcher.watch_again(missing, f"{len(missing)} folders were not watched")
            return
        reason = f"{len(missing)} folders cannot be watched (raise the sysctl {SYSCTL}, then reload)"
        if self._config.watch.backend == "auto":
            self.stop()
            self._poll_instead(reason)
        else:
            self._report_unwatched(reason)

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


def _remote_reason(config: Config) -> str:
    """Return why not all seeds cause events here; whoever asks for `native` knows of the seeds folder itself."""
    kind = remote_filesystem(config.seeds) if config.watch.backend == "auto" else ""
    where = f"the seeds lie on {kind}" if kind else remote_below(config.seeds)
    return f"{where}, where changes cause no events" if where else ""
