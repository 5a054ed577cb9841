"""Who is the owner of the site: who sends the token or the cookie of a session. Reads the token's file.

A session begins with a one-time token from the control socket (`aggregator status --open`). Being on this machine is
not enough: other users are too, and whoever comes through a proxy seems to be.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from aggregator.config.token import read_token

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(:[0-9]{0,5})?")
_LONGEST_HOST = 262
_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}


def is_host(text: str) -> bool:
    """Return whether `text` is the value of a Host header: a name or an address, and perhaps a port (RFC 9110 §7.2)."""
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None


def is_local(client: str, get: Callable[[str], str | None]) -> bool:
    """Return whether a request of `client` (address and port) comes from this machine, directly and to a local name.

    The local name keeps out other sites that let their name point to this machine (DNS rebinding).
    """
    peer = client.rpartition(":")[0].strip("[]")
    host = (get("host") or "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
    is_direct = peer in {"127.0.0.1", "::1", "::ffff:127.0.0.1"} and name in _LOCAL_NAMES
    return is_direct and not any(get(header) is not None for header in _FORWARDED)


def is_foreign(site: str, get: Callable[[str], str | None]) -> bool:
    """Return whether a browser sent the request for a page that is not of the site with the address `site`.

    Such a page could use credentials that the browser has stored (Fetch Metadata, RFC 6454).
    """
    fetch_site = get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in {"same-origin", "none"}
    origin = get("origin")
    if origin is None:
        return False
    return origin.rpartition("://")[2].lower() not in {(get("host") or "").lower(), urlsplit(site).netloc}


def has_token(path: str, authorization: str) -> bool:
    """Return whether an Authorization header has the token in the file `path`; compared in constant time."""
    if not authorization:
        return False
    token = read_token(path)
    return bool(token) and hmac.compare_digest(token_of(authorization), token)


def token_of(authorization: str) -> bytes:
    """Return the token of an Authorization header: RFC 6750 Bearer, or RFC 7617 Basic with it as the password."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


SESSION_SECONDS = 12 * 3_600
"""How long a session lasts at most; it also ends with the browser, and with the daemon."""


class Sessions:
    """Sessions of browsers: nothing is stored, the cookie proves itself with `key`; without a key there are none."""

    def __init__(self, key: bytes, port: int) -> None:
        """Take the key, and the port that is part of the cookie's name, as cookies are shared between ports."""
        self._key, self._name = key, f"aggregator-{port}"

    def begin(self, now: float) -> str:
        """Return the Set-Cookie header of a session that begins at `now` (seconds since 1970).

        Without `Path` it is sent to the pages beside the one that sets it, also if a proxy adds a prefix (RFC 6265
        §5.1.4).
        """
        until = str(int(now) + SESSION_SECONDS)
        return f"{self._name}={until}.{self._proof(until)}; HttpOnly; SameSite=Strict"

    def is_open(self, cookies: str, now: float) -> bool:
        """Return whether a Cookie header has a session that is open at `now`; compared in constant time."""
        if not self._key:
            return False
        for cookie in cookies.replace(",", ";").split(";"):
            name, _, value = cookie.strip().partition("=")
            until, _, proof = value.partition(".")
            if name == self._name and hmac.compare_digest(proof.encode(), self._proof(until).encode()):
                return now < int(until)
        return False

    def _proof(self, until: str) -> str:
        return hmac.digest(self._key, until.encode(), hashlib.sha256).hex()
