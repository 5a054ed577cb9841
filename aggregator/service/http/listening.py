"""The socket that the server listens on. Touches the network and nothing else."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress

from aggregator.model.errors import ADVICE, AggregatorError

BACKLOG = 1_024
STALL_SECONDS = 30.0
"""How long, in seconds, a client may read nothing of a response."""

RETRY_SECONDS = 0.1


class CannotListenError(AggregatorError):
    """The server cannot listen on an address; `taken` tells whether it is in use."""

    def __init__(self, message: str, *, taken: bool) -> None:
        self.taken = taken
        super().__init__(message)


def listen(host: str, port: int, *, stall: float = STALL_SECONDS, patience: float = 0.0) -> socket.socket:
    """Return a socket that listens on `host` and `port`; port 0 picks a free one.

    A client that reads nothing of a response for `stall` seconds is disconnected. An address that cannot be bound is
    tried again for `patience` seconds.

    Raises:
        CannotListenError: if it cannot be bound; the message says what helps.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return _listen(host, port, stall)
        except CannotListenError:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)


def _listen(host: str, port: int, stall: float) -> socket.socket:
    try:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:  # too many open files, or no IPv6
        raise _listen_error(host, port, error) from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Linux: disconnect a client that reads nothing. Accepted sockets inherit it.
        with suppress(AttributeError, OSError):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall * 1_000))
        made.bind((host, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except (OSError, UnicodeError) as error:  # a name that cannot be a host's raises UnicodeError
        made.close()
        raise _listen_error(host, port, error) from error
    return made


_ADVICE = {
    errno.EADDRINUSE: "stop what listens there, or take another port: `server.port`, or --port",
    errno.EACCES: "set another `server.port`: this user may not use it",
    errno.EMFILE: ADVICE[errno.EMFILE],
}


def _listen_error(host: str, port: int, error: OSError | UnicodeError) -> CannotListenError:
    number = getattr(error, "errno", None) or 0
    reason = getattr(error, "strerror", None) or error
    advice = _ADVICE.get(number, "correct `server.host`")
    message = f"{_host_and_port(host, port)}: cannot be served: {reason} ({advice})"
    return CannotListenError(message, taken=number == errno.EADDRINUSE)


def address_of(listening: socket.socket) -> str:
    """Return the address that a socket listens on, as `http://host:port/`."""
    return f"http://{_host_and_port(*listening.getsockname()[:2])}/"


def local_address(address: str) -> str:
    """Return the URL at which a browser on this machine reaches `address`, which may stand for all interfaces."""
    for anywhere, here in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
        address = address.replace(anywhere, here, 1)
    return address


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
