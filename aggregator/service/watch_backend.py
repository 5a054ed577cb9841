"""How the daemon learns of changes: by the system's events, or by walks where those cannot be had.

Starts and stops the watcher's threads. Out come hints and doubts, into the inbox, and words for the daemon's health.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable

from aggregator.config.settings import Config
from aggregator.model.store import is_url
from aggregator.service.inbox import Inbox
from aggregator.service.logs import log
from aggregator.watcher.events import SYSCTL, EventWatcher, NotWatchableError, remote_filesystem

DEFAULT_SCAN = 30

PATIENCE = 1.0
"""How long, in seconds, a folder may be known and not yet watched: its event may still be under way."""


class Watching:
    """Watches the seeds of a config from `begin` to `stop`; `problem` says why not as the config wants."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._watcher: EventWatcher | None = None
        self._config: Config | None = None
        self._suspects: list[str] = []
        self._suspected = 0.0
        self._was_renewed = False
        self.problem = ""

    def begin(self, config: Config) -> None:
        """Start what the config asks for; where the system cannot, walk instead and say why."""
        self.stop()
        self._config = config
        wanted, reason = config.watch.backend, ""
        if is_url(config.seeds):
            self.problem = f"{config.seeds}: a store causes no events" if wanted == "native" else ""
            return
        if wanted == "auto" and (kind := remote_filesystem(config.seeds)):
            wanted, reason = "polling", f"the seeds lie on {kind}, where changes cause no events"
        if wanted != "polling":
            reason = self._start(config.seeds)
        if self._watcher is None:
            self._walk_instead(reason)

    def stop(self) -> None:
        """Stop watching and end the threads; it may be called twice."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
        self._suspects, self._was_renewed, self.problem = [], False, ""

    def _start(self, seeds: str) -> str:
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

    def _walk_instead(self, reason: str) -> None:
        assert self._config is not None
        if reason:
            log("polling", logging.WARNING, reason=reason, every=self._config.watch.poll)
        self.problem = reason if self._config.watch.backend == "native" else ""

    # -- what it is now

    @property
    def backend(self) -> str:
        """`native` or `polling`; of a store `listing`."""
        if self._config is not None and is_url(self._config.seeds):
            return "listing"
        return "polling" if self._watcher is None else "native"

    @property
    def overflows(self) -> int:
        """How often the system dropped events."""
        return self._watcher.overflows if self._watcher is not None else 0

    def threads(self) -> dict[str, bool]:
        """Say of each thread whether it lives."""
        return self._watcher.threads() if self._watcher is not None else {}

    def scan_period(self) -> int:
        """Give how often the seeds must be walked, in seconds."""
        assert self._config is not None
        scan = self._config.schedule.scan or DEFAULT_SCAN
        return scan if self.backend != "polling" else min(self._config.watch.poll, scan)

    # -- looking after it

    def check(self) -> str:
        """Mend what has broken since the last check; gives why the seeds are not watched now, "" if they are."""
        if self._watcher is None:
            return ""
        try:
            if self._suspects and time.monotonic() >= self._suspected + PATIENCE:
                self._look_at_suspects(self._watcher)
            return self._watcher.check() if self._watcher is not None else ""
        except NotWatchableError as error:
            self.stop()
            self._walk_instead(str(error))
            return ""

    def expect(self, folders: Iterable[str]) -> None:
        """Take in which folders there are: those that stay unwatched say nothing, as the system's limit is reached."""
        if self._watcher is not None:
            suspects = self._watcher.unwatched(folders)
            if not self._suspects:
                self._suspected = time.monotonic()
            self._suspects = suspects
            if not self._suspects:
                self._was_renewed = False
                self.problem = ""

    def _look_at_suspects(self, watcher: EventWatcher) -> None:
        """Watch everything anew if folders are still not watched; if that does not help, it is the limit."""
        assert self._config is not None
        root = self._config.seeds
        missing = [one for one in watcher.unwatched(self._suspects) if os.access(f"{root}/{one}", os.R_OK | os.X_OK)]
        self._suspects = []
        if not missing:
            return
        if not self._was_renewed:
            self._was_renewed = True
            # Its doubt leads to a look at everything, and that to `expect`.
            watcher.begin_anew(f"{len(missing)} folders were not watched")
            return
        reason = f"{len(missing)} folders cannot be watched (raise the sysctl {SYSCTL}, then reload)"
        if self._config.watch.backend == "auto":
            self.stop()
            self._walk_instead(reason)
        elif self.problem != reason:
            log("not all is watched", logging.ERROR, reason=reason)
            self.problem = reason
