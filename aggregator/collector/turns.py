"""One request to a host at a time, and a pause between two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aggregator.collector.clocks import Clock

PAUSE = 2.0
"""Seconds between the end of a request to a host and the beginning of the next."""

_MANY = 4_096


class _Place:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.free_at = float("-inf")
        self.users = 0


class Turns:
    """Who may ask a host now."""

    def __init__(self, clock: Clock, pause: float = PAUSE) -> None:
        """Keep `pause` seconds between two requests to a host, on the monotonic clock of `clock`."""
        self._clock = clock
        self._pause = pause
        self._places: dict[str, _Place] = {}

    def asked(self, host: str, seconds_ago: float) -> None:
        """Note that a process that is gone asked a host."""
        self._places.setdefault(host, _Place()).free_at = self._clock.monotonic() + self._pause - max(0.0, seconds_ago)

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        """Wait until nobody asks the host, and nobody did for as long as the pause; keep others out meanwhile."""
        if len(self._places) > _MANY:
            self._forget()
        place = self._places.setdefault(host, _Place())
        place.users += 1
        try:
            async with place.lock:
                while (wait := place.free_at - self._clock.monotonic()) > 0:
                    await self._clock.sleep(wait)
                try:
                    yield
                finally:
                    place.free_at = self._clock.monotonic() + self._pause
        finally:
            place.users -= 1

    def _forget(self) -> None:
        now = self._clock.monotonic()
        self._places = {host: place for host, place in self._places.items() if place.users or place.free_at > now}
