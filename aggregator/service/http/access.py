"""Who is the owner of the site: who connects from this machine directly, or sends the token. Reads the token's file."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from aggregator.config.token import read_token

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}


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
    token = read_token(path)
    return bool(token) and hmac.compare_digest(_token_of(authorization), token)


def _token_of(authorization: str) -> bytes:
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
