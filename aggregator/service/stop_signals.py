"""Ends the process at the second SIGTERM or SIGINT, even if the main thread hangs. Starts one thread.

Python runs signal handlers in the main thread, between two steps of its own code, so none runs while that thread waits
for a disk that hangs. The interpreter's wakeup file descriptor is written at once, whatever any thread does.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_CODE = 128
"""Plus the signal's number: the exit code of a process that was stopped at once."""


class StopSignals:
    """Counts the signals that stop the process, from `start` on; handlers in Python are needed besides."""

    def __init__(self, before_exit: Callable[[], object]) -> None:
        """Take what to call before the process ends at once; it must neither wait nor take a lock."""
        self._before_exit = before_exit

    def start(self) -> None:
        """Start counting; call it on the main thread."""
        reading, self._writing = socket.socketpair()
        self._writing.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._count, args=(reading,), name="signals", daemon=True).start()

    def _count(self, reading: socket.socket) -> None:
        seen = 0
        while numbers := reading.recv(64):
            for number in numbers:
                seen += number in STOP_SIGNALS
                if seen > 1:
                    # Nothing is logged: the main thread may hang while it holds the log's lock.
                    self._before_exit()
                    os._exit(EXIT_CODE + number)
