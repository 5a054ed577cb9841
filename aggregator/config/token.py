"""The token that proves who owns the site, and the tokens of those who may post items. Reads their files."""

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


def read_write_tokens(path: str) -> dict[str, bytes]:
    """Return the write-only tokens in the file `path` by their names, {} if it cannot be read.

    A line is `NAME: TOKEN`, or a token alone, whose name is the number of its line; `#` begins a comment. A token that
    is shorter than `SHORTEST_TOKEN` does not count.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            lines = (file.read(65_536) or b"").splitlines()
    except OSError:
        return {}
    found = {}
    for number, line in enumerate(lines, 1):
        name, colon, token = line.strip().rpartition(b":")
        token = token.strip()
        if len(token) >= SHORTEST_TOKEN and not line.lstrip().startswith(b"#"):
            found[name.decode("utf-8", "replace").strip() if colon else f"line {number}"] = token
    return found


def write_tokens_problem(path: str) -> str:
    """Return what is wrong with the config's file of write-only tokens, or ""; a `path` of "" is no problem."""
    if not path or read_write_tokens(path):
        return ""
    return (
        f"{path}: holds no token (write a line `name: token` for each program, of {SHORTEST_TOKEN} random characters)"
    )


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in place of the file must not block


def token_problem(path: str) -> str:
    """Return what is wrong with the config's token file, or ""; a `path` of "" is no problem."""
    if not path or read_token(path):
        return ""
    return f"{path}: holds no token (write at least {SHORTEST_TOKEN} random characters, readable for this user)"
