"""Asks the sources that are due, and takes in what they send. The shell: it decides nothing.

`poll` asks once what is due, for a person or cron; `run` asks whatever is due, whenever it is. Both hold the lock of
the state folder.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import msgspec

from aggregator.collector import schedule
from aggregator.collector.asking import Asker
from aggregator.collector.clocks import Clock
from aggregator.collector.collector import Collector, Settings
from aggregator.collector.database import FILE, Busy, Database, locked, request
from aggregator.collector.intake import Intake
from aggregator.collector.turns import Turns
from aggregator.model.words import utc_time

__all__ = ["Report", "Settings", "open_collector", "poll", "release", "run"]

Told = Callable[[str, str], None]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of polls did.

    The addresses, as they are listed now, that were polled, those that were skipped or failed, each with the reason;
    how many new items are shown; and sentences about what a person should know (address and sentence).
    """

    polled: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    new: int = 0
    notes: tuple[tuple[str, str], ...] = ()


def poll(settings: Settings, *, now: Callable[[], float], only: Collection[str] = ()) -> Report:
    """Poll what is due once, or of that only the sources with the URLs `only`, and return what happened.

    A source that is not due, or that is left alone for a while, is skipped with the reason, also if it is named.

    Raises:
        Busy: If another process collects with this state folder.
        Unusable: If `sources.db` cannot be used.
    """
    notes: list[tuple[str, str]] = []
    with open_collector(settings, clock=Clock(now), told=lambda url, note: notes.append((url, note))) as collector:
        return asyncio.run(poll_once(collector, only, notes))


def run(
    settings: Settings, *, now: Callable[[], float], stop: threading.Event,
    told: Told = lambda _url, _sentence: None,
) -> None:  # fmt: skip
    """Poll whatever is due, whenever it is, until `stop` is set. `told` gets a source's URL and what a log should say.

    Raises:
        Busy: If another process collects with this state folder.
        Unusable: If `sources.db` cannot be used.
    """
    with open_collector(settings, clock=Clock(now), told=told) as collector:
        asyncio.run(schedule.Schedule(collector).run(stop.is_set))


def release(settings: Settings, url: str, *, now: Callable[[], float]) -> str | None:
    """End what holds a source's entries back, and return in words what came of it.

    If a collector runs, it does so within seconds, and None is returned.

    Raises:
        Unusable: If `sources.db` cannot be used.
    """
    notes: list[str] = []
    try:
        with open_collector(settings, clock=Clock(now), told=lambda _url, note: notes.append(note)) as collector:
            collector.release(url)
            return "; ".join(notes)
    except Busy:
        request(settings.state, "release", url)
        return None


@contextmanager
def open_collector(
    settings: Settings, *, clock: Clock, told: Told = lambda _url, _sentence: None, asker: Asker | None = None,
) -> Iterator[Collector]:  # fmt: skip
    """Hold the lock and the database of a state folder, and yield what collects with them.

    Raises:
        Busy: If another process collects with this state folder.
        Unusable: If `sources.db` cannot be used.
    """
    with locked(settings.state), Database(settings.state) as database:
        if database.damage:
            told(os.path.join(settings.state, FILE), database.damage)
        yield Collector(
            settings, database, clock=clock, told=told, intake=Intake(settings.folder),
            asker=asker or Asker(site=settings.site, clock=clock, turns=Turns(clock)),
        )  # fmt: skip


async def poll_once(collector: Collector, only: Collection[str], notes: list[tuple[str, str]]) -> Report:
    """Poll what is due now, one source of a host after the other, and return what happened."""
    await collector.resume()
    await collector.read_lists()
    now = collector.clock.now()
    pushed = set(collector.take_requests(now))
    wanted = [source for source in collector.sources.values() if not only or source.url in only]
    skipped = {}
    for source in wanted:
        due, why = collector.next_of(source.url, now, is_spread=False)
        if (due is None or due > now) and source.url not in pushed:
            skipped[source.url] = f"{why}; next at {utc_time(due)}" if due is not None else why
    lanes = schedule.lanes(collector, (source for source in wanted if source.url not in skipped))
    limit = asyncio.Semaphore(schedule.AT_ONCE)
    await asyncio.gather(*(_through(collector, lane, skipped, pushed, limit) for lane in lanes.values()))
    collector.take_requests(now)
    polled = [source.url for source in wanted if source.url not in skipped]
    states = [collector.state(url) for url in polled]
    return Report(
        polled=tuple(map(collector.listed_at, polled)),
        skipped=tuple((collector.listed_at(url), why) for url, why in skipped.items()),
        new=collector.new, notes=tuple(notes),
        failed=tuple((collector.listed_at(state.url), state.error) for state in states if state.error),
    )  # fmt: skip


async def _through(
    collector: Collector, lane: list[str], skipped: dict[str, str], pushed: set[str], limit: asyncio.Semaphore
) -> None:
    for url in lane:
        # Another source of the domain may have been told meanwhile to leave it alone.
        due, why = collector.next_of(url, collector.clock.now(), is_spread=False)
        is_due = due is not None and due <= collector.clock.now()
        if not is_due and not (url in pushed and collector.may_poll(url)):
            skipped[url] = why
            continue
        async with limit:
            await collector.poll(url)
