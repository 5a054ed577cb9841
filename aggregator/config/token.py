"""The token that proves who owns the site. Reads the token's file."""

from __future__ import annotations

import os

SHORTEST_TOKEN = 16


def read_token(path: str) -> bytes:
    """Give the token that the file `path` holds, b"" where there is none that could be a secret."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            token = (file.read(4_096) or b"").strip()
    except OSError:
        return b""
    return token if len(token) >= SHORTEST_TOKEN else b""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in place of the file must stop nobody


def token_problem(path: str) -> str:
    """Say what is wrong with the token file of the config, "" if nothing is."""
    if not path or read_token(path):
        return ""
    return f"{path}: holds no token (write at least {SHORTEST_TOKEN} random characters, readable for this user)"
