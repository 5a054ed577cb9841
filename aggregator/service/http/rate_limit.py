"""How many requests of one token are taken in a minute. Pure: the time is a parameter."""

from __future__ import annotations

from collections import deque

SPAN = 60.0
"""The length, in seconds, of the time in which requests are counted."""


class RateLimit:
    """Counts requests by name; at most `most` are taken in any `SPAN` seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[str, deque[float]] = {}

    def wait(self, name: str, now: float) -> int:
        """Count a request of `name` at `now` and return 0, or how many seconds it should wait, rounded up."""
        taken = self._taken.setdefault(name, deque())
        while taken and not 0 <= now - taken[0] < SPAN:
            taken.popleft()
        if len(taken) < self._most:
            taken.append(now)
            return 0
        return max(1, int(taken[0] + SPAN - now) + 1)
