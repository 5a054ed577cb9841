"""Standby: waits until no daemon holds the state folder, then locks it.

Tries the lock twice a second. However its holder dies, the system releases the lock.
"""

from __future__ import annotations

import logging
import signal
import threading
import time

from aggregator.config.settings import Config
from aggregator.model.errors import AggregatorError, ConfigError, LockedError
from aggregator.service.config_files import ConfigFiles
from aggregator.service.logs import log
from aggregator.service.stop_signals import STOP_SIGNALS
from aggregator.service.systemd import SystemdNotifier
from aggregator.site.lock import acquire_lock, make_state_folder, release_lock
from aggregator.watcher.mounts import remote_filesystem

POLL = 0.5
"""How often, in seconds, the lock is tried."""


class Standby:
    """Waits for the state folder of a config; `config` follows changes of its files, as the holder does."""

    def __init__(self, config: Config, systemd: SystemdNotifier) -> None:
        self.config = config
        self._systemd = systemd
        self._files = ConfigFiles(config)
        self._stopped = threading.Event()
        self._holder = self._state = ""
        self._notified = 0.0

    def stop(self) -> None:
        """Stop waiting; may be called from any thread or signal handler."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; ignore SIGHUP and SIGUSR1, which are for the holder."""
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self.stop())
        for number in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)

    def wait(self) -> int | None:
        """Wait for the lock; return the open file that holds it, None if `stop` was called.

        Raises:
            ConfigError: if the state folder does not exist and cannot be created.
        """
        make_state_folder(self.config.state)
        if kind := remote_filesystem(self.config.state):
            log("not safe between machines", logging.WARNING, state=self.config.state, lies_on=kind)
        while not self.is_stopped:
            if (lock := self._try_lock()) is not None:
                return lock
            self._stopped.wait(POLL)
        return None

    def _try_lock(self) -> int | None:
        """Take the lock if it is free and the config still names that state folder."""
        if self._files.have_changed():
            self._reload()
        state = self.config.state
        try:
            lock = acquire_lock(state)
        except LockedError as error:
            self._report_waiting(error.holder)
            return None
        except OSError as error:  # perhaps unmounted: a folder created in its place would be another one
            self._report_waiting(f"nobody, but it cannot be locked: {error.strerror}")
            return None
        if self._holder:
            self._reload()  # the holder may have moved to another one just before it ended
            if self.config.state != state:
                release_lock(lock)
                return None
            log("taking over", after=self._holder)
            self._systemd.notify(STATUS="taking over")
        return lock

    def _reload(self) -> None:
        """Load a changed config; one with errors was rejected by the holder too."""
        try:
            self.config = self._files.load()
        except (AggregatorError, OSError) as error:
            for line in error.problems if isinstance(error, ConfigError) else [error]:
                log("config rejected", logging.ERROR, problem=str(line))

    def _report_waiting(self, holder: str) -> None:
        now = time.monotonic()
        if (holder, self.config.state) != (self._holder, self._state):
            self._holder, self._state = holder, self.config.state
            log("standing by", holder=holder, state=self.config.state)
            self._systemd.notify(READY="1", STATUS=f"standing by: {self.config.state} is held by {holder}")
        elif self._systemd.watchdog_seconds and now - self._notified > self._systemd.watchdog_seconds / 2 - POLL:
            self._notified = now
            self._systemd.notify(WATCHDOG="1")
