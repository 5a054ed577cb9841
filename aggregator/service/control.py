"""The control socket, for requests to a running daemon: a Unix socket in its state folder, one line of JSON each way.

Creates the socket `control.sock`, which only its owner may open (mode 0600), and starts threads to serve it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import msgspec

from aggregator.model.errors import AggregatorError

SOCKET = "control.sock"
LONGEST_REQUEST = 1_048_576
LONGEST_REPLY = 256 * 1_048_576
PATIENCE = 5.0
"""How long, in seconds, a client may take to send its request, or to read the reply."""

MOST_CLIENTS = 100
"""How many clients are served at once; others wait."""

PAUSE = 0.05


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A client's request.

    `trigger` regenerates now (`feeds`, or all), `notify` checks `paths`, `status` returns the daemon's status. `issue`
    returns a one-time token for the owner's pages, `redeem` returns whether `token` is one.
    """

    do: Literal["trigger", "notify", "status", "issue", "redeem"]
    feeds: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    accept_deletions: bool = False
    token: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's reply: an `error` message, or the `value` asked for."""

    error: str = ""
    value: Any = None


def ask(state: str, request: Request, *, timeout: float = 600) -> Any:
    """Send `request` to the daemon that holds the state folder `state`; return its answer, None if none runs.

    Raises:
        AggregatorError: if it refuses, or does not answer within `timeout` seconds.
    """
    try:
        with _short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            _connect(connection, path, until=time.monotonic() + timeout)
            connection.sendall(msgspec.json.encode(request) + b"\n")
            line = _read_line(connection, until=time.monotonic() + timeout, most=LONGEST_REPLY)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError as error:
        raise AggregatorError(f"{state}: {error.strerror} (run this as the user who owns it)") from error
    except OSError as error:
        raise AggregatorError(f"{state}: the daemon does not answer: {error}") from error
    try:
        reply = msgspec.json.decode(line, type=Reply)
    except msgspec.DecodeError as error:
        raise AggregatorError(f"{state}: the daemon ended before it answered") from error
    if reply.error:
        raise AggregatorError(reply.error)
    return reply.value


def _connect(connection: socket.socket, path: str, *, until: float) -> None:
    """Connect, and retry if too many clients wait (unix(7): a full backlog is EAGAIN at once)."""
    while True:
        try:
            return connection.connect(path)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)


class ControlServer:
    """Serves the control socket in the state folder `state`; `answer` is called from its threads."""

    def __init__(self, state: str, answer: Callable[[Request], Reply]) -> None:
        self._state = state
        self._answer = answer
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._clients: set[threading.Thread] = set()

    def start(self) -> None:
        """Start listening, and replace a socket that a dead daemon left (the caller holds the lock).

        Raises:
            OSError: if that fails, for example on a file system without sockets.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _short_path(self._state) as path:
                _bind(self._socket, path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.path.join(self._state, SOCKET)) from error
        self._socket.listen(128)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="control", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, remove the socket and finish sending replies; may be called twice."""
        listening, self._socket = self._socket, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            with suppress(OSError):
                os.unlink(os.path.join(self._state, SOCKET))
        until = time.monotonic() + 1
        for client in tuple(self._clients):
            client.join(max(0.0, until - time.monotonic()))

    def restart(self, state: str) -> None:
        """Stop, then listen in the state folder `state`.

        Raises:
            OSError: as `start` does.
        """
        self.stop()
        self._state = state
        self.start()

    def is_alive(self) -> bool:
        """Return whether its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            self._clients = {client for client in self._clients if client.is_alive()}
            if len(self._clients) >= MOST_CLIENTS:
                time.sleep(PAUSE)
                continue
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._socket is not listening:
                    return
                time.sleep(PAUSE)  # perhaps out of file descriptors: do not spin
                continue
            client = threading.Thread(target=self._serve_client, args=(connection,), name="client", daemon=True)
            client.start()
            self._clients.add(client)

    def _serve_client(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            until = time.monotonic() + PATIENCE
            connection.settimeout(PATIENCE)
            try:
                line = _read_line(connection, until=until)
                request = msgspec.json.decode(line, type=Request)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                reply = Reply(error=f"invalid request: {error}")
            else:
                reply = self._answer(request)
            connection.settimeout(PATIENCE)
            connection.sendall(msgspec.json.encode(reply) + b"\n")


def _bind(listening: socket.socket, path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
    # With this mask the socket is private from the first moment.
    mask = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(mask)


def _read_line(connection: socket.socket, *, until: float, most: int = LONGEST_REQUEST) -> bytes:
    """Return what the other side sends, up to a line feed, its end or about `most` bytes.

    Raises:
        TimeoutError: if it takes longer than `until`.
    """
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < most:
        connection.settimeout(max(0.001, until - time.monotonic()))
        piece = connection.recv(65_536)
        if not piece:
            break
        data += piece
    return bytes(data)


@contextmanager
def _short_path(state: str) -> Iterator[str]:
    """Return a short path of the socket: the system takes at most 107 bytes, and state folders may lie deep."""
    fd = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET}"
    finally:
        os.close(fd)
