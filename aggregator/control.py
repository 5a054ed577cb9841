"""Talking to a running daemon through a Unix socket in its state folder: one line of JSON each way.

Touches the socket `control.sock`, which only its owner may open (mode 0600), and starts one thread to serve it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import msgspec

from aggregator.errors import AggregatorError

SOCKET = "control.sock"
LONGEST_MESSAGE = 1_048_576
PATIENCE = 5.0
"""How long, in seconds, a client may take to say what it wants."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants: a regeneration now (of `feeds`, or of all), or how the daemon does."""

    do: Literal["trigger", "status"]
    feeds: tuple[str, ...] = ()
    accept_deletions: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon says: `error` in words, or what was asked for."""

    error: str = ""
    value: Any = None


def ask(state: str, request: Request, *, timeout: float = 600) -> Any:
    """Ask the daemon that holds the state folder `state`; None where none runs.

    Raises:
        AggregatorError: where it refuses, or does not answer within `timeout` seconds.
    """
    try:
        with _short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(msgspec.json.encode(request) + b"\n")
            line = _line(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise AggregatorError(f"{state}: the daemon does not answer: {error}") from error
    try:
        reply = msgspec.json.decode(line, type=Reply)
    except msgspec.DecodeError as error:
        raise AggregatorError(f"{state}: the daemon ended before it answered") from error
    if reply.error:
        raise AggregatorError(reply.error)
    return reply.value


class ControlServer:
    """Serves the control socket of the state folder `state`; `answer` is called from its threads."""

    def __init__(self, state: str, answer: Callable[[Request], Reply]) -> None:
        self._state = state
        self._answer = answer
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen; a socket that a dead daemon left is replaced (the lock says that it is dead)."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short_path(self._state) as path:
            with suppress(FileNotFoundError):
                os.unlink(path)
            # The mask makes the socket private from its first moment on.
            mask = os.umask(0o177)
            try:
                self._socket.bind(path)
            finally:
                os.umask(mask)
        self._socket.listen(16)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="control", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and remove the socket; it may be called twice."""
        listening, self._socket = self._socket, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            with suppress(OSError):
                os.unlink(os.path.join(self._state, SOCKET))

    def is_alive(self) -> bool:
        """Say whether its thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._socket is None:
                    return
                continue
            threading.Thread(target=self._converse, args=(connection,), name="client", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            try:
                request = msgspec.json.decode(_line(connection), type=Request)
            except msgspec.DecodeError as error:
                reply = Reply(error=f"not understood: {error}")
            else:
                reply = self._answer(request)
            connection.sendall(msgspec.json.encode(reply) + b"\n")


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < LONGEST_MESSAGE:
        piece = connection.recv(65_536)
        if not piece:
            break
        data += piece
    return data


@contextmanager
def _short_path(state: str) -> Iterator[str]:
    """Give a path of the socket that fits: the system takes 107 bytes, and state folders may lie deep."""
    fd = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET}"
    finally:
        os.close(fd)
