"""Which addresses a source may not lie at, nor lead readers to, unless it is `private`. Pure.

Not only loopback and private networks: whatever is not for everybody to reach (the IANA special-purpose registries of
RFC 6890), in which also the metadata services of clouds lie, and IPv6 addresses that stand for such an IPv4 one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

import idna

_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
_SITE_LOCAL = IPv6Network("fec0::/10")
_NAMES = (
    ("loopback", IPv4Network("127.0.0.0/8")),
    ("loopback", IPv6Network("::1/128")),
    ("metadata", IPv4Network("169.254.169.254/32")),
    ("metadata", IPv6Network("fd00:ec2::254/128")),
    ("link-local", IPv4Network("169.254.0.0/16")),
    ("link-local", IPv6Network("fe80::/10")),
    ("shared", IPv4Network("100.64.0.0/10")),
    ("unique local", IPv6Network("fc00::/7")),
    ("multicast", IPv4Network("224.0.0.0/4")),
    ("multicast", IPv6Network("ff00::/8")),
    ("private", IPv4Network("10.0.0.0/8")),
    ("private", IPv4Network("172.16.0.0/12")),
    ("private", IPv4Network("192.168.0.0/16")),
    ("reserved", IPv4Network("192.0.0.0/24")),
)


_AUTHORITY = re.compile(r"https?:[/\\]*([^/\\?#]*)", re.IGNORECASE)
_IGNORED = re.compile(r"[\t\n\r]")
_AROUND = "".join(map(chr, range(0x21)))
"""Blanks and control characters, which browsers drop at both ends."""

_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa")
"""Names that mean something in one network alone (RFC 6761, 6762, 8375), and those below them."""


def refusal_of_url(url: str) -> str:
    """Return why no reader is to be led to a URL of a source that is not `private`, "" if nothing speaks against it.

    It is read as browsers read it (WHATWG URL): `http://0x7f.1` is this machine, with backslashes too. What is no
    http(s) address is not judged, and no name is looked up: one that leads to such an address is refused by nobody.
    """
    found = _AUTHORITY.match(_IGNORED.sub("", url.strip(_AROUND)))
    if found is None:
        return ""
    authority = found[1]
    if "@" in authority:
        return "user name"
    host = _mapped(unquote(authority)).lower()
    if host.startswith("["):
        return refusal_of(host[1:].partition("]")[0])
    host = host.partition(":")[0].rstrip(".")
    numbers = _numbers(host.split("."))
    if numbers is not None:
        return refusal_of(str(IPv4Address(numbers)))
    is_local = "." not in host or any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES)
    return "local" if is_local else ""


def _mapped(host: str) -> str:
    """Return a host with the characters that browsers put in the place of others (UTS #46)."""
    if host.isascii():
        return host
    with suppress(idna.IDNAError):
        return idna.uts46_remap(host, std3_rules=False)
    return host


def _numbers(parts: Sequence[str]) -> int | None:
    """Return the IPv4 address that the parts of a host mean, None if it is a name (WHATWG URL, IPv4 parser)."""
    values = []
    for part in parts:
        if _NUMBER.fullmatch(part) is None:
            return None  # Python would also read signs, underscores and digits of other scripts
        base = 16 if part.startswith("0x") else 8 if len(part) > 1 and part[0] == "0" else 10
        try:
            values.append(int(part[2:] or "0", 16) if base == 16 else int(part, base))
        except ValueError:
            return None
    *first, last = values
    if len(values) > 4 or any(value > 255 for value in first) or last >= 256 ** (5 - len(values)):
        return None
    return last + sum(value << (24 - 8 * place) for place, value in enumerate(first))


def refusal_of(address: str) -> str:
    """Return what kind of address that is not public an IP address is ("loopback", "private" …), "" if it is public."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unreadable"
    inner = _ipv4_in(parsed) if isinstance(parsed, IPv6Address) else None
    return _kind(parsed) or (_kind(inner) if inner is not None else "")


def _kind(address: IPv4Address | IPv6Address) -> str:
    for name, network in _NAMES:
        if address in network:
            return name
    if isinstance(address, IPv6Address) and (address in _SITE_LOCAL or address in _LOCAL_NAT64):
        return "private"
    return "" if address.is_global or _stands_for_ipv4(address) else "reserved"


def _stands_for_ipv4(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an IPv6 address stands for an IPv4 one, which is judged apart."""
    return isinstance(address, IPv6Address) and (address in _NAT64 or address.ipv4_mapped is not None)


def _ipv4_in(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to: mapped, NAT64 (RFC 6052), 6to4, Teredo or compatible."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None
