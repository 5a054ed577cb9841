"""Tokens that open the owner's pages in a browser: each is valid once, and for a minute. In memory alone."""

from __future__ import annotations

import hmac
import secrets
import threading
import time

LIFETIME = 60.0
"""How long, in seconds, a token is valid."""

MOST = 16
"""How many tokens are valid at the same time; the oldest is dropped for a new one."""


class OneTimeTokens:
    """Issues tokens and takes each back once; may be used from any thread. They are kept in memory alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._valid: list[tuple[bytes, float]] = []

    def issue(self) -> str:
        """Return a new token."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._valid = [*self._valid[1 - MOST :], (token.encode(), time.monotonic() + LIFETIME)]
        return token

    def redeem(self, token: str) -> bool:
        """Return whether `token` is valid, and make it invalid; compared in constant time."""
        offered, now = token.encode(errors="replace"), time.monotonic()
        with self._lock:
            matches = [hmac.compare_digest(offered, one) for one, _ in self._valid]
            is_valid = any(match and now < until for match, (_, until) in zip(matches, self._valid, strict=True))
            self._valid = [one for match, one in zip(matches, self._valid, strict=True) if not match]
        return is_valid
