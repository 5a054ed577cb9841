"""The socket that the server listens on; touches the network and nothing else."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress

from aggregator.model.errors import ADVICE, AggregatorError

BACKLOG = 1_024
STUCK = 30.0
"""How long, in seconds, a client may take in nothing of what it asked for."""

PAUSE = 0.1


class CannotListenError(AggregatorError):
    """An address cannot be listened at: it is `taken`, or not ours."""

    def __init__(self, message: str, *, taken: bool) -> None:
        self.taken = taken
        super().__init__(message)


def listen(host: str, port: int, *, stuck: float = STUCK, patience: float = 0.0) -> socket.socket:
    """Bind a listening socket; port 0 takes any that is free.

    A client that takes in nothing of its answer for `stuck` seconds is cut off. An address that cannot be had is tried
    again for `patience` seconds.

    Raises:
        CannotListenError: where that cannot be, with what helps.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return _listen(host, port, stuck)
        except CannotListenError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)


def _listen(host: str, port: int, stuck: float) -> socket.socket:
    try:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:  # too many files are open, or the system knows no IPv6
        raise _blame(host, port, error) from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Linux: a client that takes in nothing is cut off. What is accepted inherits it.
        with suppress(AttributeError, OSError):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stuck * 1_000))
        made.bind((host, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except (OSError, UnicodeError) as error:  # a name that can be no host's is a UnicodeError
        made.close()
        raise _blame(host, port, error) from error
    return made


_ADVICE = {
    errno.EADDRINUSE: "stop what listens there, or set another `server.port`",
    errno.EACCES: "set another `server.port`: this one is not for the user this runs as",
    errno.EMFILE: ADVICE[errno.EMFILE],
}


def _blame(host: str, port: int, error: OSError | UnicodeError) -> CannotListenError:
    number = getattr(error, "errno", None) or 0
    reason = getattr(error, "strerror", None) or error
    advice = _ADVICE.get(number, "correct `server.host`")
    message = f"{_place(host, port)}: cannot be served at: {reason} ({advice})"
    return CannotListenError(message, taken=number == errno.EADDRINUSE)


def address_of(listening: socket.socket) -> str:
    """Give the address that a socket listens at, as `http://host:port/`."""
    return f"http://{_place(*listening.getsockname()[:2])}/"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
