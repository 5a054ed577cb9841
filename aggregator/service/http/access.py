"""Who is the owner of the site: one who sits at this machine, or who knows the token. Reads the token's file."""

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
    """Say whether a request of `client` (address and port) comes from here, from no proxy, and to an address of here.

    The last keeps pages elsewhere from asking through a name that they point here (DNS rebinding).
    """
    peer = client.rpartition(":")[0].strip("[]")
    host = (get("host") or "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
    at_home = peer in {"127.0.0.1", "::1", "::ffff:127.0.0.1"} and name in _LOCAL_NAMES
    return at_home and not any(get(header) is not None for header in _FORWARDED)


def is_foreign(site: str, get: Callable[[str], str | None]) -> bool:
    """Say whether a page that is not of the site with the address `site` had a browser ask.

    Such a page could use the credentials that the browser keeps from a look at the status (Fetch Metadata, RFC 6454).
    """
    told = get("sec-fetch-site")
    if told is not None:
        return told not in {"same-origin", "none"}
    origin = get("origin")
    if origin is None:
        return False
    return origin.rpartition("://")[2].lower() not in {(get("host") or "").lower(), urlsplit(site).netloc}


def knows_token(path: str, authorization: str) -> bool:
    """Say whether an Authorization header holds the token of the file `path`; compared in constant time."""
    token = read_token(path)
    return bool(token) and hmac.compare_digest(_token_of(authorization), token)


def _token_of(authorization: str) -> bytes:
    """Take the token out of an Authorization header: RFC 6750 Bearer, or RFC 7617 Basic with it as the password."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""
