"""Standing by: wait until nobody holds the state folder, then hold it and be the daemon.

Looks at the lock twice a second. Whoever holds it may die in any way: the system gives its lock back.
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
from aggregator.service.systemd import Supervisor
from aggregator.site.lock import let_go, locked, made
from aggregator.watcher.events import remote_filesystem

LOOK = 0.5
"""How often, in seconds, the lock is looked at."""


class Standby:
    """Waits for the state folder of a config; `config` is what it says by then, as the holder took it too."""

    def __init__(self, config: Config, supervisor: Supervisor) -> None:
        self.config = config
        self._supervisor = supervisor
        self._files = ConfigFiles(config)
        self._stopped = threading.Event()
        self._holder = self._known = ""
        self._told = 0.0

    def stop(self) -> None:
        """Ask it to wait no longer; from any thread or signal handler."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Say whether it was asked to."""
        return self._stopped.is_set()

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; the others are the holder's business."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        for number in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)

    def wait(self) -> int | None:
        """Wait for the lock; gives the open file that keeps it, None where we are to stop.

        Raises:
            ConfigError: where there is no state folder and none can be made.
        """
        made(self.config.state)
        if kind := remote_filesystem(self.config.state):
            log("not safe between machines", logging.WARNING, state=self.config.state, lies_on=kind)
        while not self.is_stopped:
            if (lock := self._look()) is not None:
                return lock
            self._stopped.wait(LOOK)
        return None

    def _look(self) -> int | None:
        """Take the lock if it is free and the config still names that state folder."""
        if self._files.have_changed():
            self._reload()
        state = self.config.state
        try:
            lock = locked(state)
        except LockedError as error:
            self._say(error.holder)
            return None
        except OSError as error:  # the disk is away, it may be: a folder made in its place would be another's
            self._say(f"nobody, and it cannot be taken: {error.strerror}")
            return None
        if self._holder:
            self._reload()  # the last moment at which the holder may have taken another
            if self.config.state != state:
                let_go(lock)
                return None
            log("taking over", after=self._holder)
            self._supervisor.tell(STATUS="taking over")
        return lock

    def _reload(self) -> None:
        """Take a changed config; one with errors was refused by the holder too."""
        try:
            self.config = self._files.load()
        except (AggregatorError, OSError) as error:
            for line in error.problems if isinstance(error, ConfigError) else [error]:
                log("config refused", logging.ERROR, problem=str(line))

    def _say(self, holder: str) -> None:
        now = time.monotonic()
        if (holder, self.config.state) != (self._holder, self._known):
            self._holder, self._known = holder, self.config.state
            log("standing by", holder=holder, state=self.config.state)
            self._supervisor.tell(READY="1", STATUS=f"standing by: {self.config.state} is held by {holder}")
        elif self._supervisor.watchdog_seconds and now - self._told > self._supervisor.watchdog_seconds / 2 - LOOK:
            self._told = now
            self._supervisor.tell(WATCHDOG="1")
