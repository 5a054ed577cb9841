"""The daemon's side of the HTTP server process: starts it, tells it what changed, restarts it if it dies.

The listening socket is opened here and inherited, so that a port that is taken is noticed at once, and no connection is
refused while the server restarts.
"""

from __future__ import annotations

import fcntl
import os
import secrets
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
"""How long, in seconds, a server may send no heartbeat before it counts as hung."""

GRACE = 3.0
"""How long, in seconds, a server that was told to end may go on answering before it is killed."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""How long, in seconds, to wait before a dead server is restarted: doubled each time it dies soon."""

ADDRESS_RETRY = 2.0
"""How often, in seconds, an address that is taken is tried again."""

PREDECESSOR = 3.0
"""How long, in seconds, the server of a killed daemon may still hold our address, because of slow clients."""

STEADY = 60.0
"""A server that ran for so many seconds did not die soon."""

SLUGS_PER_LINE = 40
"""A line must fit into PIPE_BUF (4,096 bytes), or it might arrive in two parts."""

PIPE_SIZE = 1_048_576
"""How many bytes may wait for the server to read them."""

# The server imports what we imported, and nothing from the current folder.
_SERVER_CODE = "import sys; sys.path[:] = {}; from aggregator.service.http.process import main; main()"


class ServerProcess:
    """Serves a site from `serve` to `stop`; its log lines have the shape `log_format`.

    A server that sends no heartbeat for `silence` seconds is replaced.
    """

    def __init__(self, log_format: Format = "json", *, silence: float = SILENCE) -> None:
        self._log_format, self._silence = log_format, silence
        self._config: Config | None = None
        self._listening: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._session_key = secrets.token_hex(32)  # a new server goes on with the sessions of the old one
        self._last_heartbeat = self._started = 0.0
        self._restart_at: float | None = None
        self._pause = SHORTEST_PAUSE
        self._ending: list[tuple[subprocess.Popen[bytes], float]] = []
        self._refused: tuple[Config, str, float] | None = None

    def serve(self, config: Config, *, patience: float = 0.0) -> None:
        """Serve as `config` says from now on; if that fails, go on as before, and `check` retries.

        Wait up to `patience` seconds for an address that is taken; for the very first one a moment in any case. For an
        address that overlaps our own, our server is ended once per call, so that its clients are not cut off at every
        retry.

        Raises:
            CannotListenError: if the address is taken, or does not belong to this machine.
        """
        self._apply(config, patience, give_way=True)

    def _apply(self, config: Config, patience: float = 0.0, *, give_way: bool) -> None:
        self._refused = None
        if not config.server.enabled:
            self._end_process()
            self._listen_on(None)
        elif self._listening is None or self._config is None or _address_in(self._config) != _address_in(config):
            self._move(config, patience, give_way=give_way)
        elif self._config != config:
            self._end_process()
            self._start(config)
        self._config = config

    def _move(self, config: Config, patience: float, *, give_way: bool) -> None:
        """Serve at a new address."""
        old = self._config
        try:
            listening = self._bound(config, patience, give_way=give_way)
        except CannotListenError as error:
            self._refused = (config, str(error), time.monotonic() + ADDRESS_RETRY)
            if self._listening is None and old is not None and old.server.enabled:
                with suppress(CannotListenError):
                    self._listen_on(listen(*_address_in(old)))
                    self._start(old)
            raise
        self._end_process()
        self._listen_on(listening)
        self._start(config)

    def _bound(self, config: Config, patience: float, *, give_way: bool) -> socket.socket:
        """Bind the address; if our own server holds it, that ends first if `give_way`."""
        old = self._config
        is_same_port = self._listening is not None and old is not None and old.server.port == config.server.port
        try:
            return listen(*_address_in(config), patience=0.0 if is_same_port else patience)
        except CannotListenError as error:
            if old is None and error.taken:
                return listen(*_address_in(config), patience=PREDECESSOR)
            if not (is_same_port and error.taken):
                raise
            refused = error
        if give_way:
            self.stop()
            try:
                return listen(*_address_in(config), patience=patience)
            except CannotListenError as error:
                refused = error
        raise CannotListenError(f"{refused}, then reload", taken=refused.taken) from refused

    def stop(self) -> None:
        """End the server; may be called twice."""
        self._end_process()
        for process, until in self._ending:
            _wait(process, max(0.0, until - time.monotonic()))
        self._ending = []
        self._listen_on(None)

    def kill(self) -> None:
        """Kill the server and those that are ending, without waiting; may be called from any thread."""
        for process in (self._process, *(one for one, _ in self._ending)):
            if process is not None:
                process.kill()

    def notify_changed(self, slugs: Iterable[str]) -> None:
        """Notify the server of changed feeds; one that is busy notices by itself within a second."""
        if self._process is None or self._process.stdin is None:
            return
        changed = sorted(slugs)
        for start in range(0, len(changed), SLUGS_PER_LINE):
            line = msgspec.json.encode(changed[start : start + SLUGS_PER_LINE]) + b"\n"
            with suppress(OSError):
                os.write(self._process.stdin.fileno(), line)

    def check(self) -> str:
        """Restart a server that died or hangs, and return what is wrong, "" if nothing is."""
        now = time.monotonic()
        self._ending = [one for one in self._ending if _wait(one[0], 0, force=now > one[1])]
        refused = self._retry_address(now)
        if self._config is None or self._listening is None:
            return refused
        if self._restart_at is not None and now >= self._restart_at:
            self._start(self._config)
        if self._process is not None and self._is_healthy(self._process, now):
            return refused or token_problem(self._config.server.token)
        if self._restart_at is None:
            self._pause = SHORTEST_PAUSE if now - self._started > STEADY else min(2 * self._pause, LONGEST_PAUSE)
            self._restart_at = now + self._pause
            if self._process is not None:
                self._process.kill()
            self._end_process()
        return "the server process died or stopped responding (it will be restarted soon)"

    def _retry_address(self, now: float) -> str:
        """Retry an address that was taken, and return what is wrong, "" if nothing is."""
        if self._refused is None:
            return ""
        config, problem, at = self._refused
        if now < at:
            return problem
        try:
            self._apply(config, give_way=False)
        except CannotListenError as error:
            return str(error)
        return ""

    def _is_healthy(self, process: subprocess.Popen[bytes], now: float) -> bool:
        self._read_heartbeat(process, now)
        return process.poll() is None and now - self._last_heartbeat < self._silence

    @property
    def address(self) -> str:
        """The address it serves at, as `http://host:port/`, "" if it does not."""
        return "" if self._listening is None else address_of(self._listening)

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        return self._process.pid if self._process else None

    def _listen_on(self, listening: socket.socket | None) -> None:
        old, self._listening = self._listening, listening
        self._restart_at = None
        if old is not None:
            old.close()

    def _start(self, config: Config) -> None:
        assert self._listening is not None
        fd = self._listening.fileno()
        command = [sys.executable, "-P", "-c", _SERVER_CODE.format(sys.path), str(fd), self._log_format]
        try:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                command, pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError:  # out of processes or file descriptors
            self._restart_at = time.monotonic() + LONGEST_PAUSE
            return
        assert process.stdin is not None
        assert process.stdout is not None
        # Linux: a config may list thousands of sources, and a turn change thousands of feeds.
        with suppress(AttributeError, OSError):
            fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        with suppress(OSError):
            os.write(process.stdin.fileno(), msgspec.json.encode(config) + f"\n{self._session_key}\n".encode())
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._process = process
        self._started = self._last_heartbeat = time.monotonic()
        self._restart_at = None

    def _end_process(self) -> None:
        """Ask the server to end; it may still answer earlier requests."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._ending.append((process, time.monotonic() + GRACE))

    def _read_heartbeat(self, process: subprocess.Popen[bytes], now: float) -> None:
        assert process.stdout is not None
        with suppress(OSError):
            if os.read(process.stdout.fileno(), 4_096):
                self._last_heartbeat = now


def _wait(process: subprocess.Popen[bytes], seconds: float, *, force: bool = True) -> bool:
    """Return whether a process is still alive after so many seconds; with `force` it is killed then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        if not force:
            return True
        process.kill()
        process.wait()
    return False


def _address_in(config: Config) -> tuple[str, int]:
    return config.server.host, config.server.port
