"""Which IP addresses a source may not lie at, unless it is `private`. Pure.

Not only loopback and private networks: whatever is not for everybody to reach (the IANA special-purpose registries of
RFC 6890), in which also the metadata services of clouds lie, and IPv6 addresses that stand for such an IPv4 one.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

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
