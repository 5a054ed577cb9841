"""The daemon's side of the process that collects: starts it, restarts it if it dies, hangs, or has other sources.

It is a process of its own, so that no slow or hostile source delays a turn or a reader. Nothing is handed back but
signs of life: what it collects are files in a folder of seeds.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

from aggregator.config.settings import Config
from aggregator.service.logs import Format
from aggregator.service.server_process import LONGEST_PAUSE, PIPE_SIZE, SHORTEST_PAUSE, STEADY

SILENCE = 30.0
"""How long, in seconds, a collector may send no sign of life before it counts as hung."""

GRACE = 2.5
"""How long, in seconds, a collector that was told to end may take before it is killed; nothing is lost by that."""

# It imports what we imported, and nothing from the current folder.
_CODE = "import sys; sys.path[:] = {}; from aggregator.service.collecting import main; main()"


class CollectorProcess:
    """Collects for a site from `collect` to `stop`; its log lines have the shape `log_format`.

    A collector that sends no sign of life for `silence` seconds is replaced.
    """

    def __init__(self, log_format: Format = "json", *, silence: float = SILENCE) -> None:
        self._log_format, self._silence = log_format, silence
        self._wanted: bytes | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_at: float | None = None
        self._heard = self._started = 0.0
        self._restart_at = 0.0
        self._pause = SHORTEST_PAUSE
        self._lines = b""
        self._reason = ""

    def collect(self, config: Config) -> None:
        """Collect from the sources of `config` from now on; from none if it has none."""
        wanted = _what_it_needs(config)
        if wanted == self._wanted:
            return
        self._wanted, self._reason = wanted, ""
        self._restart_at, self._pause = time.monotonic(), SHORTEST_PAUSE
        self._tell_to_end()
        self.check()

    def check(self) -> str:
        """Restart a collector that died or hangs, and return what is wrong, "" if nothing is."""
        now = time.monotonic()
        process = self._process
        if process is not None:
            self._read(process, now)
            if self._killed_at is not None and now > self._killed_at:
                process.kill()
            if process.poll() is not None:
                self._ended(now)
            elif self._killed_at is None and now - self._heard > self._silence:
                self._reason = "the collector stopped responding (it will be restarted soon)"
                process.kill()
        if self._process is None and self._wanted is not None and now >= self._restart_at:
            self._start(self._wanted)
        return self._reason if self._wanted is not None else ""

    def end(self) -> None:
        """Tell the collector to end, without waiting; may be called from any thread or signal handler."""
        self._wanted = None
        self._tell_to_end()

    def stop(self) -> None:
        """End the collector; may be called twice."""
        self.end()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(max(0.0, (self._killed_at or 0.0) - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close(process)

    def kill(self) -> None:
        """Kill the collector, without waiting; may be called from any thread."""
        if (process := self._process) is not None:
            process.kill()

    @property
    def pid(self) -> int | None:
        """The collector's process id, None if none runs."""
        return self._process.pid if self._process else None

    def _start(self, wanted: bytes) -> None:
        command = [sys.executable, "-P", "-c", _CODE.format(sys.path), self._log_format]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
        except OSError as error:  # out of processes or file descriptors
            self._reason = f"the collector cannot be started: {error.strerror}"
            self._restart_at = time.monotonic() + LONGEST_PAUSE
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(AttributeError, OSError):  # Linux: a long list of sources, which is not read at once
            fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        with suppress(OSError):
            process.stdin.write(wanted + b"\n")
            process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        self._process, self._killed_at = process, None
        self._started = self._heard = time.monotonic()
        self._lines = b""

    def _ended(self, now: float) -> None:
        """Plan the next one: soon if it was told to end or ran for long, else later each time."""
        assert self._process is not None
        _close(self._process)
        self._process = None
        if self._killed_at is None:
            self._pause = SHORTEST_PAUSE if now - self._started > STEADY else min(2 * self._pause, LONGEST_PAUSE)
            self._restart_at = now + self._pause
            self._reason = self._reason or "the collector died (it will be restarted soon)"

    def _tell_to_end(self) -> None:
        process = self._process
        if process is None or self._killed_at is not None:
            return
        self._killed_at = time.monotonic() + GRACE
        process.terminate()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _read(self, process: subprocess.Popen[bytes], now: float) -> None:
        assert process.stdout is not None
        found = b""
        with suppress(OSError):
            while piece := os.read(process.stdout.fileno(), 65_536):
                found += piece
        if not found:
            return
        self._heard = now
        *lines, self._lines = (self._lines + found).split(b"\n")
        for line in lines:
            if line.startswith(b"!"):
                with suppress(msgspec.DecodeError):
                    self._reason = msgspec.json.decode(line[1:], type=str)
            elif self._killed_at is None:
                self._reason = ""


def _what_it_needs(config: Config) -> bytes | None:
    """Return the config as the collector gets it, None if there is nothing to collect.

    A change of anything else must not restart it.
    """
    if config.sources is None:
        return None
    return msgspec.json.encode(
        Config(path=config.path, site=config.site, seeds=config.seeds, state=config.state, sources=config.sources)
    )


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
