"""The daemon's self-check: clock, state folder, threads, watcher, server, collector, hub and watchdog.

It runs twice a second and before each turn, and repairs what it can.
"""

from __future__ import annotations

import logging
import sqlite3
import time

from aggregator.model.errors import LockedError
from aggregator.model.sqlite_errors import with_advice
from aggregator.model.store import is_url
from aggregator.service.inbox import CHECK_INTERVAL
from aggregator.service.logs import log
from aggregator.service.parts import CannotGoOnError, Parts

CLOCK_STEP = 0.5
"""By how many seconds the clock must differ from the monotonic one to count as set."""


class SelfCheck:
    """Checks and repairs the parts of a daemon: `begin` once, then `run`, on the daemon's thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock_offset = 0.0
        self._notified = 0.0

    def begin(self) -> None:
        """Record the state at the start."""
        self._clock_offset = self._parts.clock() - time.monotonic()
        self._note_server()
        self._note_threads()

    def run(self) -> bool:
        """Check everything, and return whether a full scan is needed.

        Raises:
            CannotGoOnError: if the lock on the state folder was removed.
        """
        was_set = self._check_clock()
        self._check_state_folder()
        self._check_watcher()
        was_restarted = self._check_scheduler()
        self._check_control()
        self._check_watchdog()
        self._check_server()
        self._check_collector()
        self._check_websub()
        self._note_threads()
        self.notify_watchdog()
        return was_set or was_restarted

    def notify_watchdog(self) -> None:
        """Notify systemd's watchdog in time, unless one of the daemon's threads is dead."""
        interval = self._parts.systemd.watchdog_seconds / 2
        is_time = time.monotonic() - self._notified > interval - CHECK_INTERVAL
        if interval and is_time and all(self._parts.health.threads.values()):
            self._notified = time.monotonic()
            self._parts.systemd.notify(WATCHDOG="1")

    def _check_clock(self) -> bool:
        """Return whether the clock was set, so that a regeneration or a due moment may have been skipped."""
        offset = self._parts.clock() - time.monotonic()
        step, self._clock_offset = offset - self._clock_offset, offset
        if abs(step) <= CLOCK_STEP:
            return False
        log("the clock was set", seconds=step)
        self._parts.scheduler.restart()
        return True

    def _check_state_folder(self) -> None:
        """Write the index again if it was removed; without its lock the daemon has to end."""
        try:
            if self._parts.site.restore_removed_index():
                log("the index was removed", logging.ERROR, action="written again")
        except LockedError as error:
            raise CannotGoOnError(f"{error.path}: its lock was removed or replaced (start again)") from error
        except (OSError, sqlite3.Error) as error:
            self._parts.report("state", f"{self._parts.config.state}: {with_advice(error)}")
        else:
            self._parts.report("state", "")

    def _check_watcher(self) -> None:
        before = self._parts.health.backend
        self._parts.report("watcher", self._parts.watcher.check(), "not watched")
        if before != self._parts.watcher.backend:
            self._parts.schedule()

    def _check_scheduler(self) -> bool:
        """Return whether it had to be started again."""
        if self._parts.scheduler.check():
            return False
        log("thread died", logging.ERROR, thread="scheduler", action="started again")
        return True

    def _check_control(self) -> None:
        if not self._parts.control.is_alive():
            log("thread died", logging.ERROR, thread="control", action="started again")
            self._parts.reopen_control()

    def _check_watchdog(self) -> None:
        if not self._parts.watchdog.is_alive():
            log("thread died", logging.ERROR, thread="watchdog", action="started again")
            self._parts.watchdog.start()

    def _check_server(self) -> None:
        if self._parts.server is not None:
            self._parts.report("server", self._parts.server.check(), "not served")
            self._note_server()

    def _check_collector(self) -> None:
        if self._parts.collector is not None:
            self._parts.report("collector", self._parts.collector.check(), "not collected")

    def _check_websub(self) -> None:
        if self._parts.websub.check():
            log("thread died", logging.ERROR, thread="websub", action="started again")
        self._parts.report("websub", self._parts.websub.problem, "pings are not stored")

    def _note_server(self) -> None:
        server, health, feeds = self._parts.server, self._parts.health, self._parts.config.feeds
        if server is not None and health.serving != server.address:
            health.serving = server.address
            elsewhere = f"served by {feeds}, not here" if is_url(feeds) else ""
            log("serving", address=server.address or "nowhere", documents=elsewhere)

    def _note_threads(self) -> None:
        parts, health = self._parts, self._parts.health
        own = {
            "scheduler": parts.scheduler.is_alive(),
            "control": parts.control.is_alive(),
            "watchdog": parts.watchdog.is_alive(),
        }
        health.threads = {**own, **parts.watcher.threads(), **parts.websub.threads()}
        health.backend, health.overflows = parts.watcher.backend, parts.watcher.overflows
        parts.report("backend", parts.watcher.problem)
