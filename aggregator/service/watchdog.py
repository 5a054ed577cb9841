"""Reports a main thread that hangs, while it hangs, in the log and to systemd. Starts one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from aggregator.service.heartbeat import Heartbeat
from aggregator.service.logs import log

PERIOD = 5.0
"""How often, in seconds, the heartbeat is checked."""


class Watchdog:
    """Logs once that the main thread does not respond, and once that it does again."""

    def __init__(self, heartbeat: Heartbeat, notify: Callable[[str], object], *, period: float = PERIOD) -> None:
        """Take the heartbeat to check every `period` seconds; `notify` is called with the problem, "" for none."""
        self._heartbeat, self._notify, self._period = heartbeat, notify, period
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; may be called twice."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._period)

    def is_alive(self) -> bool:
        """Return whether its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        is_stuck, last = False, time.monotonic()
        while not self._stopped.wait(self._period):
            waited, last = time.monotonic() - last, time.monotonic()
            problem = self._heartbeat.problem()
            # If this thread overslept too, the whole process or machine was stopped.
            if bool(problem) == is_stuck or waited > 2 * self._period:
                continue
            is_stuck = bool(problem)
            if is_stuck:
                log("not responding", logging.CRITICAL, reason=problem)
            else:
                log("responding again")
            self._notify(problem)
