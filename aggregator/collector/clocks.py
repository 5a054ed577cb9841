"""Time, as the collector has it: the clock on the wall, one that only goes on, and waiting. Tests move their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Clock:
    """The machine's time; `now` is the only function that reads the clock on the wall."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` returns seconds since 1970, UTC."""
        self._now = now

    def now(self) -> int:
        """Return the time in whole seconds since 1970."""
        return int(self._now())

    def monotonic(self) -> float:
        """Return seconds on a clock that nobody sets."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
