"""The daemon's hold on the process that serves: starts it, tells it what changed, starts it again where it dies.

The listening socket is made here and handed down, so that a port that is taken is noticed at once, and nobody who
connects while the server is started again is turned away.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from aggregator.config.settings import Config
from aggregator.config.token import token_problem
from aggregator.service.http.listening import CannotListenError, address_of, listen
from aggregator.service.logs import Format

SILENCE = 15.0
"""For how long, in seconds, a server that lives may give no sign of it."""

LAST_WORDS = 3.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""How long, in seconds, to wait before a server that died is started again: doubled each time it dies soon."""

COME_BACK = 2.0
"""How often, in seconds, an address that is taken is tried again."""

PREDECESSOR = 3.0
"""How long, in seconds, the server of a daemon that was killed may still hold our address, with clients stuck in it."""

STEADY = 60.0
TOGETHER = 40
"""So many slugs go into one line: what is longer than PIPE_BUF (4,096 bytes) might be cut in two."""

ROOM = 1_048_576
"""How many bytes the server may still have to read."""

# The server finds what we found, and nothing in the folder that we happen to be in.
_BE_THE_SERVER = "import sys; sys.path[:] = {}; from aggregator.service.http.process import main; main()"


class ServerProcess:
    """Serves the config that `begin` is given, until `stop`; its log lines have the shape `log_format`.

    A server that gives no sign of life for `silence` seconds is replaced.
    """

    def __init__(self, log_format: Format = "json", *, silence: float = SILENCE) -> None:
        self._log_format, self._silence = log_format, silence
        self._config: Config | None = None
        self._listening: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = self._started = 0.0
        self._again_at: float | None = None
        self._pause = SHORTEST_PAUSE
        self._leaving: list[tuple[subprocess.Popen[bytes], float]] = []
        self._refused: tuple[Config, str, float] | None = None

    def begin(self, config: Config, *, patience: float = 0.0) -> None:
        """Serve as `config` says from now on; where that cannot be, go on as before and try again at times.

        An address that is taken is waited for, for `patience` seconds; the first one of all for a moment anyway. One
        that overlaps our own is tried without our server, once: whoever it serves is not cut off again until the next
        call.

        Raises:
            CannotListenError: where its address is taken, or not ours.
        """
        self._take(config, patience, give_way=True)

    def _take(self, config: Config, patience: float = 0.0, *, give_way: bool) -> None:
        self._refused = None
        if not config.server.enabled:
            self._leave()
            self._listen_on(None)
        elif self._listening is None or self._config is None or _place(self._config) != _place(config):
            self._move(config, patience, give_way=give_way)
        elif self._config != config:
            self._leave()
            self._start(config)
        self._config = config

    def _move(self, config: Config, patience: float, *, give_way: bool) -> None:
        """Serve at another address."""
        old = self._config
        try:
            listening = self._bound(config, patience, give_way=give_way)
        except CannotListenError as error:
            self._refused = (config, str(error), time.monotonic() + COME_BACK)
            if self._listening is None and old is not None and old.server.enabled:
                with suppress(CannotListenError):
                    self._listen_on(listen(*_place(old)))
                    self._start(old)
            raise
        self._leave()
        self._listen_on(listening)
        self._start(config)

    def _bound(self, config: Config, patience: float, *, give_way: bool) -> socket.socket:
        """Bind an address; it may be taken by our own server, which then ends first if it is to `give_way`."""
        old = self._config
        is_same_port = self._listening is not None and old is not None and old.server.port == config.server.port
        try:
            return listen(*_place(config), patience=0.0 if is_same_port else patience)
        except CannotListenError as error:
            if old is None and error.taken:
                return listen(*_place(config), patience=PREDECESSOR)
            if not (is_same_port and error.taken):
                raise
            refused = error
        if give_way:
            self.stop()
            try:
                return listen(*_place(config), patience=patience)
            except CannotListenError as error:
                refused = error
        raise CannotListenError(f"{refused}, then reload", taken=refused.taken) from refused

    def stop(self) -> None:
        """End the server; it may be called twice."""
        self._leave()
        for process, until in self._leaving:
            _wait(process, max(0.0, until - time.monotonic()))
        self._leaving = []
        self._listen_on(None)

    def tell(self, slugs: Iterable[str]) -> None:
        """Say which feeds changed; a server that is busy finds out by itself within a second."""
        if self._process is None or self._process.stdin is None:
            return
        told = sorted(slugs)
        for start in range(0, len(told), TOGETHER):
            line = msgspec.json.encode(told[start : start + TOGETHER]) + b"\n"
            with suppress(OSError):
                os.write(self._process.stdin.fileno(), line)

    def check(self) -> str:
        """Start it again where it died or hangs; says what is wrong, "" if nothing is."""
        now = time.monotonic()
        self._leaving = [one for one in self._leaving if _wait(one[0], 0, force=now > one[1])]
        refused = self._try_again(now)
        if self._config is None or self._listening is None:
            return refused
        if self._again_at is not None and now >= self._again_at:
            self._start(self._config)
        if self._process is not None and self._is_well(self._process, now):
            return refused or token_problem(self._config.server.token)
        if self._again_at is None:
            self._pause = SHORTEST_PAUSE if now - self._started > STEADY else min(2 * self._pause, LONGEST_PAUSE)
            self._again_at = now + self._pause
            if self._process is not None:
                self._process.kill()
            self._leave()
        return "the server ended by itself, or hung (it is started again soon)"

    def _try_again(self, now: float) -> str:
        """Try again to serve at an address that was taken; says what is wrong, "" if nothing is."""
        if self._refused is None:
            return ""
        config, problem, at = self._refused
        if now < at:
            return problem
        try:
            self._take(config, give_way=False)
        except CannotListenError as error:
            return str(error)
        return ""

    def _is_well(self, process: subprocess.Popen[bytes], now: float) -> bool:
        self._hear(process, now)
        return process.poll() is None and now - self._heard < self._silence

    @property
    def address(self) -> str:
        """Give where it serves, as `http://host:port/`, "" where it does not."""
        return "" if self._listening is None else address_of(self._listening)

    @property
    def pid(self) -> int | None:
        """Give the server's process id."""
        return self._process.pid if self._process else None

    def _listen_on(self, listening: socket.socket | None) -> None:
        old, self._listening = self._listening, listening
        self._again_at = None
        if old is not None:
            old.close()

    def _start(self, config: Config) -> None:
        assert self._listening is not None
        fd = self._listening.fileno()
        words = [sys.executable, "-P", "-c", _BE_THE_SERVER.format(sys.path), str(fd), self._log_format]
        try:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                words, pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError:  # no process or descriptor is to be had now
            self._again_at = time.monotonic() + LONGEST_PAUSE
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            os.write(process.stdin.fileno(), msgspec.json.encode(config) + b"\n")
        with suppress(AttributeError, OSError):  # Linux: room for what a turn over thousands of feeds has to tell
            fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, ROOM)
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._process = process
        self._started = self._heard = time.monotonic()
        self._again_at = None

    def _leave(self) -> None:
        """Tell the server to end; it may still answer who asked before."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._leaving.append((process, time.monotonic() + LAST_WORDS))

    def _hear(self, process: subprocess.Popen[bytes], now: float) -> None:
        assert process.stdout is not None
        with suppress(OSError):
            if os.read(process.stdout.fileno(), 4_096):
                self._heard = now


def _wait(process: subprocess.Popen[bytes], seconds: float, *, force: bool = True) -> bool:
    """Say whether a process still lives after so many seconds; with `force` none does."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        if not force:
            return True
        process.kill()
        process.wait()
    return False


def _place(config: Config) -> tuple[str, int]:
    return config.server.host, config.server.port
