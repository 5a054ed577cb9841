"""The token that proves who owns the site, and the tokens of those who may post items. Reads their files."""

from __future__ import annotations

import os
import re

SHORTEST_TOKEN = 16
LONGEST_FILE = 65_536

_COMMENT = re.compile(rb"\s*(?:#.*)?")
_NAMED = re.compile(rb"\s*([^\s#:][^:]*?): +(\S+)\s*")


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

    A line is `NAME: TOKEN`; `#` begins a comment. Lines that `write_tokens_problem` names do not count.
    """
    return _write_tokens(path)[0]


def write_tokens_problem(path: str) -> str:
    """Return what is wrong with the config's file of write-only tokens, or ""; a `path` of "" is no problem."""
    if not path:
        return ""
    if not os.path.exists(path):
        return f"{path}: is missing (write a line `name: token` for each program)"
    tokens, wrong = _write_tokens(path)
    if wrong:
        return f"{path}: {'; '.join(wrong[:3])} (write `name: token`, of {SHORTEST_TOKEN} random characters or more)"
    return (
        ""
        if tokens
        else f"{path}: holds no token (write a line `name: token` for each program, readable for this user)"
    )


def _write_tokens(path: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the tokens by name, and what is wrong with other lines; no message holds a token."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            data = file.read(LONGEST_FILE + 1) or b""
    except OSError:
        return {}, []
    if len(data) > LONGEST_FILE:
        return {}, [f"has more than {LONGEST_FILE:,} bytes"]
    found: dict[str, bytes] = {}
    wrong = []
    for number, line in enumerate(data.splitlines(), 1):
        if _COMMENT.fullmatch(line):
            continue
        pair = _NAMED.fullmatch(line)
        name, token = (pair[1].decode("utf-8", "replace"), pair[2]) if pair else ("", b"")
        if not pair:
            wrong.append(f"line {number} is not `name: token`")
        elif name in found:
            wrong.append(f"line {number} repeats a name")
        elif len(token) >= SHORTEST_TOKEN:
            found[name] = token
        else:
            wrong.append(f"what line {number} names is too short")
    return found, wrong


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in place of the file must not block


def token_problem(path: str) -> str:
    """Return what is wrong with the config's token file, or ""; a `path` of "" is no problem."""
    if not path or read_token(path):
        return ""
    return f"{path}: holds no token (write at least {SHORTEST_TOKEN} random characters, readable for this user)"
