"""The socket that the server listens on; touches the network and nothing else."""

from __future__ import annotations

import socket
from contextlib import suppress

BACKLOG = 1_024
STUCK = 30.0
"""How long, in seconds, a client may take in nothing of what it asked for."""


def listen(host: str, port: int, *, stuck: float = STUCK) -> socket.socket:
    """Bind a listening socket; port 0 takes any that is free.

    A client that takes in nothing of its answer for `stuck` seconds is cut off.

    Raises:
        OSError: where that cannot be, above all where another process listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Linux: a client that takes in nothing is cut off. What is accepted inherits it.
        with suppress(AttributeError, OSError):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stuck * 1_000))
        made.bind((host, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made
