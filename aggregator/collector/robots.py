"""What a site's robots.txt allows, as RFC 9309 has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

LARGEST = 512_000
"""How many bytes of a robots.txt are read (RFC 9309 §2.5)."""

NAME = "aggregator"
"""The product token that rules for us are written for (RFC 9309 §2.2.1)."""

_LONGEST_LINE = 2_000
_BREAK = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"\s*(user-agent|allow|disallow)\s*:\s*([^#]*)", re.IGNORECASE)
_TOKEN = re.compile(r"\*|[A-Za-z_-]+")
_OCTET = re.compile(r"%([0-9A-Fa-f]{2})|[^\x21-\x7e]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

Rule = tuple[bool, str]
"""Whether it allows, and the pattern of paths that it is about."""


def address_of(url: str) -> str:
    """Return where the rules for `url` stand."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))


def is_reached(status: int) -> bool:
    """Return whether an answer says what is allowed: not a failure, which forbids all for the time being.

    RFC 9309 §2.3.1.3 lets 429 pass for a missing file; who asks for fewer requests is not asked for more.
    """
    return 200 <= status < 500 and status != 429


def is_allowed(status: int, body: bytes, url: str) -> bool:
    """Return whether `url` may be asked for, by the whole answer to the question for `address_of(url)`.

    `status` is 0 if there was none. A missing file, one that is forbidden, or redirects without an end, allow all; a
    server that fails allows nothing until it answers (RFC 9309 §2.3.1). The longest pattern that matches counts, and of
    two of one length that which allows (§2.2.2).
    """
    if not is_reached(status):
        return False
    if status >= 300:
        return True
    parts = urlsplit(url)
    path = _octets((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    path = path.replace("*", "%2A").replace("$", "%24")
    found = [(len(pattern), allows) for allows, pattern in _rules(body) if _matches(pattern, path)]
    return path == "/robots.txt" or max(found, default=(0, True))[1]


def _rules(body: bytes) -> list[Rule]:
    """Return the rules of all groups for us together, else of those for everybody (RFC 9309 §2.2.1)."""
    groups: dict[str, list[Rule]] = {}
    agents, has_rules = set[str](), False
    for name, value in _lines(body):
        if name == "user-agent":
            agents, has_rules = (set() if has_rules else agents), False
            token = _TOKEN.match(value)
            agent = token[0].lower() if token else ""
            if agent in {NAME, "*"}:  # of many other names with many rules, each pair would count
                agents.add(agent)
                groups.setdefault(agent, [])
            continue
        has_rules = True
        if value:
            for agent in agents:
                groups[agent].append((name == "allow", _pattern(value)))
    return groups.get(NAME, groups.get("*", []))


def _lines(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names, in lower case, and the values of the lines that count; other lines end no group."""
    for line in _BREAK.split(body[:LARGEST].decode("utf-8-sig", "replace")):
        found = _LINE.match(line[:_LONGEST_LINE])
        if found is not None:
            yield found[1].lower(), found[2].strip()


def _pattern(value: str) -> str:
    """Return a pattern in the form in which it is compared; `$` is special at its end alone."""
    inner = value.removesuffix("$")
    return _octets(inner).replace("$", "%24") + value[len(inner) :]


def _octets(text: str) -> str:
    """Return a path in which what need not be encoded is not, and everything else is, in capitals (§2.2.2)."""
    return _OCTET.sub(_octet, text)


def _octet(found: re.Match[str]) -> str:
    if found[1] is None:
        return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))
    sign = chr(int(found[1], 16))
    return sign if sign in _UNRESERVED else found[0].upper()


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
