"""The daemon's side of the process that makes the files of a static search: starts it when nothing else waits.

It is a process of its own, so that no edit waits for it. Whatever becomes of it, the next one begins anew.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

from aggregator.config.settings import Config
from aggregator.model.search_files import SearchUpdate
from aggregator.service.logs import log

PERIOD = 60.0
"""How many seconds pass at least from one start to the next."""

# It imports what we imported, and nothing from the current folder.
_CODE = "import sys; sys.path[:] = {}; from aggregator.service.search_indexing import main; main()"


class SearchProcess:
    """Makes the files for a site; starts are at least `period` seconds apart.

    With `adopt` it replaces files of somebody else, until it has once made its own.
    """

    def __init__(self, *, period: float = PERIOD, adopt: bool = False) -> None:
        self._period, self._adopt = period, adopt
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = True
        self._next_start = 0.0
        self._reason = ""
        self._notes: tuple[str, ...] = ()

    def want(self) -> None:
        """Note that what is searched may have changed."""
        self._is_wanted = True

    def check(self, config: Config, *, is_idle: bool) -> str:
        """Start the process if it is wanted and nothing else waits; return what is wrong, "" if nothing is."""
        if config.pages.search != "static":
            self.stop()
            self._is_wanted, self._reason = True, ""
            return ""
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process)
        if self._process is None and self._is_wanted and is_idle and time.monotonic() >= self._next_start:
            self._start(config)
        return self._reason

    def stop(self) -> None:
        """Kill the process if it runs, and wait for its end; what it was doing is wanted still."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _close(process)
            self._is_wanted = True

    @property
    def pid(self) -> int | None:
        """The process id, None if none runs."""
        return self._process.pid if self._process else None

    def _start(self, config: Config) -> None:
        self._next_start = time.monotonic() + self._period
        command = [sys.executable, "-P", "-c", _CODE.format(sys.path)]
        try:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:  # out of processes or file descriptors
            self._reason = f"the files of the search cannot be made: {error.strerror}"
            return
        assert process.stdin is not None
        with suppress(OSError):
            task = {"config": config, "adopt": self._adopt}  # a `Task`, whose module loads far more than this one
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
        self._process, self._is_wanted = process, False

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = None
        try:
            update = msgspec.json.decode(process.stdout.read(), type=SearchUpdate)
        except msgspec.DecodeError:
            update = SearchUpdate(("the process that makes the files of the search died",))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a pagefind that outlived it would go on for nothing
        _close(process)
        self._adopt &= bool(update.failed or update.is_outdated)
        self._reason = "; ".join(update.failed)
        if update.notes != self._notes:
            for note in update.notes:
                log("search", logging.WARNING, reason=note)
        self._notes = update.notes
        self._is_wanted |= bool(update.failed or update.is_outdated)


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
