"""The token that proves who owns the site. Reads the token's file."""

from __future__ import annotations

import os

SHORTEST_TOKEN = 16


def read_token(path: str) -> bytes:
    """Return the token in the file `path`, or b"" if it cannot be read or is shorter than `SHORTEST_TOKEN`."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            token = (file.read(4_096) or b"").strip()
    except OSError:
        return b""
    return token if len(token) >= SHORTEST_TOKEN else b""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in place of the file must not block


def token_problem(path: str) -> str:
    """Return what is wrong with the config's token file, or ""; a `path` of "" is no problem."""
    if not path or read_token(path):
        return ""
    return f"{path}: holds no token (write at least {SHORTEST_TOKEN} random characters, readable for this user)"
