"""Calls shared by requests that come at the same time: one call is made and all get its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

MAX_AGE = 0.25
"""For how long, in seconds, a result is given to later callers."""

T = TypeVar("T")


class SharedCall(Generic[T]):
    """Makes one call for all callers at the same time and within `MAX_AGE` after."""

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._result: asyncio.Future[T] | None = None
        self._called = float("-inf")

    async def __call__(self) -> T:
        """Return the result; an error goes to all who wait for it and is not kept."""
        now = asyncio.get_running_loop().time()
        if self._result is None or (self._result.done() and (now - self._called > MAX_AGE or self._result.exception())):
            self._called = now
            self._result = asyncio.ensure_future(self._call())
        return await asyncio.shield(self._result)


class BatchedCalls(Generic[T]):
    """Merges calls: those that come while one is running are answered together by the next."""

    def __init__(self, call: Callable[[tuple[str, ...]], Awaitable[T]]) -> None:
        self._call = call
        self._running: asyncio.Future[T] | None = None
        self._next: asyncio.Future[T] | None = None
        self._waiting: list[tuple[str, ...]] = []

    async def __call__(self, names: tuple[str, ...]) -> T:
        """Call with `names`, together with those of other callers; no names stand for all."""
        self._waiting.append(names)
        if self._next is None:
            self._next = asyncio.ensure_future(self._run_next())
        return await asyncio.shield(self._next)

    async def _run_next(self) -> T:
        before = self._running
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        waiting, self._waiting = self._waiting, []
        return await self._call(() if () in waiting else tuple(sorted({one for names in waiting for one in names})))
