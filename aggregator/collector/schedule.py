"""The loop of the collector: waits until a source is due, and has it polled. Never a burst, whatever the clock does."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Iterable

from aggregator.collector.collector import Collector
from aggregator.collector.domains import host_of
from aggregator.model.sources import Source

AT_ONCE = 32
"""So many sources are polled at once, of different hosts."""

TICK = 0.5
"""Seconds between two looks at what other processes ask for, and at whether to stop."""

GRACE = 2.0
"""Seconds that polls under way get to end when the collector stops; the others count as polled."""

UPKEEP = 60
"""Seconds between two looks at lists, at what could not be written, and at subscriptions."""


def lanes(collector: Collector, sources: Iterable[Source]) -> dict[str, list[str]]:
    """Return the URLs of sources by the host that is asked: those of one are polled one after the other."""
    found: dict[str, list[str]] = {}
    for source in sources:
        found.setdefault(host_of(collector.address_of(source)), []).append(source.url)
    return found


class Schedule:
    """Polls a collector's sources when they are due."""

    def __init__(self, collector: Collector, upkeep: int = UPKEEP) -> None:
        """Poll the sources of `collector`, by its clock; do everything else every `upkeep` seconds."""
        self._every = upkeep
        self._collector = collector
        self._due: list[tuple[int, str]] = []
        self._lanes: dict[str, list[str]] = {}
        self._under_way: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._upkeep_at = 0
        self._seen = 0
        self._upkeep: asyncio.Task[None] | None = None
        self._known = set(collector.sources)

    async def run(self, is_stopped: Callable[[], bool]) -> None:
        """Poll until `is_stopped()`."""
        collector = self._collector
        await collector.resume()
        try:
            while not is_stopped():
                await self.step()
                await collector.clock.sleep(TICK)
                self._raise_errors()
        finally:
            await self._end()

    async def step(self) -> None:
        """Begin the polls that are due now, and do what others asked for."""
        collector, now = self._collector, self._collector.clock.now()
        if now < self._seen - 1:
            collector.set_back(now)
            self._upkeep_at = now
        self._seen = now
        if now >= self._upkeep_at:
            self._upkeep_at = now + self._every
            if self._upkeep is None or self._upkeep.done():
                self._upkeep = self._start(self._keep_up())
            self._due = [(due, url) for url in collector.sources if (due := collector.next_of(url, now)[0]) is not None]
            heapq.heapify(self._due)
        for url in collector.take_requests(now):
            self._begin(url)
        while self._due and self._due[0][0] <= now:
            _, url = heapq.heappop(self._due)
            if url in self._under_way or url not in collector.sources:
                continue
            due, _ = collector.next_of(url, now)
            if due is not None and due <= now:
                self._begin(url)
            elif due is not None:
                heapq.heappush(self._due, (due, url))

    async def settle(self) -> None:
        """Wait until no poll is under way, and raise what they raised."""
        while running := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(running)
        self._raise_errors()

    def wakes_at(self, now: int) -> int:
        """Return when something is due next, at the latest when upkeep is."""
        return max(now, self._due[0][0]) if self._due else now + self._every

    def _begin(self, url: str) -> None:
        """Put a source into the lane of its host, and see that somebody goes through that lane."""
        if url in self._under_way:
            return
        self._under_way.add(url)
        host = host_of(self._collector.address_of(self._collector.sources[url]))
        lane = self._lanes.get(host)
        if lane is not None:
            lane.append(url)
            return
        self._lanes[host] = [url]
        self._start(self._through(host))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _keep_up(self) -> None:
        """Do what is due once a minute, beside the polls."""
        await self._collector.read_lists()
        await self._collector.retry_waiting()
        await self._collector.renew_subscriptions()
        for url in self._collector.sources.keys() - self._known:
            self._known.add(url)
            heapq.heappush(self._due, (0, url))

    async def _through(self, host: str) -> None:
        lane = self._lanes[host]
        try:
            while lane:
                url = lane.pop(0)
                async with self._limit:
                    await self._poll(url)
        finally:
            self._under_way.difference_update(lane)
            del self._lanes[host]

    async def _poll(self, url: str) -> None:
        collector = self._collector
        try:
            if url in collector.sources and collector.may_poll(url):
                await collector.poll(url)
        finally:
            self._under_way.discard(url)
            if url in collector.sources:
                due, _ = collector.next_of(url, collector.clock.now())
                if due is not None:
                    heapq.heappush(self._due, (due, url))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)

    def _raise_errors(self) -> None:
        """Raise what a poll raised: it is a fault of ours, or of the disk, and the process starts again."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def _end(self) -> None:
        running = [task for task in self._tasks if not task.done()]
        if running:
            await asyncio.wait(running, timeout=GRACE)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
