"""Answers that several requests share: one is made, all who asked meanwhile get it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

FRESH = 0.25
"""For how long, in seconds, what the daemon said is good enough for others who ask the same."""

T = TypeVar("T")


class Shared(Generic[T]):
    """Asks once for all who want to know at the same time, and for those who come right after."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Future[T] | None = None
        self._asked = float("-inf")

    async def __call__(self) -> T:
        """Give the answer; an error is everybody's, and not kept."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and (now - self._asked > FRESH or self._asking.exception())):
            self._asked = now
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asking)


class Joined(Generic[T]):
    """Lets a storm of wishes become few: those that come while one is fulfilled share the next."""

    def __init__(self, fulfil: Callable[[tuple[str, ...]], Awaitable[T]]) -> None:
        self._fulfil = fulfil
        self._running: asyncio.Future[T] | None = None
        self._next: asyncio.Future[T] | None = None
        self._wishes: list[tuple[str, ...]] = []

    async def __call__(self, wish: tuple[str, ...]) -> T:
        """Have `wish` fulfilled, an empty one being for everything."""
        self._wishes.append(wish)
        if self._next is None:
            self._next = asyncio.ensure_future(self._in_turn())
        return await asyncio.shield(self._next)

    async def _in_turn(self) -> T:
        before = self._running
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        wishes, self._wishes = self._wishes, []
        return await self._fulfil(() if () in wishes else tuple(sorted({one for wish in wishes for one in wish})))
