"""What a site's robots.txt allows, as RFC 9309 has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

LARGEST = 512_000
"""How many bytes of a robots.txt are read (RFC 9309 §2.5)."""

NAME = "aggregator"
"""The name that rules for us are written for."""

_MOST_LINES = 10_000
_LONGEST_LINE = 2_000
_RULE = re.compile(r"\s*(allow|disallow)\s*:\s*([^#\s]*)", re.IGNORECASE)


def address_of(url: str) -> str:
    """Return where the rules for `url` stand."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))


def is_allowed(status: int, body: bytes, url: str) -> bool:
    """Return whether `url` may be asked for, by the answer to the question for `address_of(url)`.

    A missing file allows all; a server that fails or forbids it allows nothing until it answers (RFC 9309 §2.3.1).
    """
    if status >= 500 or status in {0, 401, 403, 429}:
        return False
    if status >= 400:
        return True
    lines = body[:LARGEST].decode("utf-8-sig", "replace").splitlines()[:_MOST_LINES]
    parser = RobotFileParser()
    parser.parse(list(_in_order((line[:_LONGEST_LINE] for line in lines), _path_of(url))))
    return parser.can_fetch(NAME, url)


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _in_order(lines: Iterable[str], path: str) -> Iterator[str]:
    """Yield rules as the standard library needs them, which takes the first that matches and knows no wildcards.

    The most specific rule of a group counts, and of two equal ones that which allows (RFC 9309 §2.2.2). One with
    wildcards is replaced by one for `path`, or left out if it does not match that.
    """
    group = list[tuple[int, bool, str]]()
    for line in lines:
        found = _RULE.match(line)
        if found is None:
            yield from _sorted(group)
            group = []
            yield line
            continue
        name, pattern = found[1].lower(), found[2]
        if not ("*" in pattern or "$" in pattern):
            group.append((-len(pattern), name != "allow", f"{name}: {pattern}"))
        elif _matches(pattern, path):
            group.append((-len(pattern), name != "allow", f"{name}: {path}"))
    yield from _sorted(group)


def _sorted(group: list[tuple[int, bool, str]]) -> Iterator[str]:
    return (rule for _, _, rule in sorted(group))


def _matches(pattern: str, path: str) -> bool:
    """Return whether a pattern with `*`, and `$` at its end, matches a path (RFC 9309 §2.2.3); it takes linear time."""
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    position = len(first)
    for part in others[:-1] if is_whole and others else others:
        position = path.find(part, position)
        if position < 0:
            return False
        position += len(part)
    if not is_whole:
        return True
    return path[position:].endswith(others[-1]) if others else position == len(path)
