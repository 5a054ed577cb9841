"""Hosts and registrable domains of addresses, by the public suffix list. Pure."""

from __future__ import annotations

from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import idna


@lru_cache(maxsize=4096)
def host_of(url: str) -> str:
    """Return the host of a URL in lower case and ASCII, without port, brackets and final dot; "" if it has none."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    if _is_address(host):
        return ip_address(host).compressed
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return host


@lru_cache(maxsize=4096)
def domain_of(url: str) -> str:
    """Return the registrable domain of a URL: `example.co.uk`, `someone.github.io`; that of an IP address is itself.

    A host that has none, such as `localhost` or a public suffix, is its own.
    """
    host = host_of(url)
    if _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@cache
def _suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - reads 10,000 rules, 0.2 s

    return PublicSuffixList()
