"""Weeks with many sources on a moved clock, with the collector killed at random: point by point, what the servers saw.

The collector is a process of its own that is killed with SIGKILL; the servers, and the clock that both share, are ours.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from support.collecting import DAY, Post, rss
from support.scripted_server import Reply, ScriptedServer, Seen, SharedClock

from aggregator.collector import database
from aggregator.collector.polling import Settings
from aggregator.model.sources import Source

HOUR = 3600
START = 1_780_000_000
COLLECTOR = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from urllib.parse import urlsplit
import msgspec
from support.collecting import run_until
from support.scripted_server import SharedClock
from aggregator.collector import polling
from aggregator.collector.asking import Asker, Limits
from aggregator.collector.turns import Turns
settings = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=polling.Settings)
clock = SharedClock(Path(sys.argv[2]))
async def resolve(host, port):
    return ["127.0.0.1"]
asker = Asker(site=settings.site, clock=clock, turns=Turns(clock), resolve=resolve)
with polling.open_collector(settings, clock=clock, asker=asker) as collector:
    asyncio.run(run_until(collector, clock, float(sys.argv[3]), 6 * 3600))
"""


class World:
    """What the sources publish, and what they answer; all follows from a source's number and the moment."""

    def __init__(self, clock: SharedClock, count: int) -> None:
        self.clock = clock
        self.count = count
        self.not_before: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.cut: dict[str, set[int]] = defaultdict(set)
        self.wanted = 0
        self.reached = threading.Event()
        self.seen = 0

    def was_cut(self, path: str, at: float) -> bool:
        """Return whether the answer to a request may have been lost with a process that was killed."""
        return any(0 <= at - moment <= 900 for moment in self.cut[path])

    def host(self, number: int) -> str:
        """Return the host of a source: every fifth shares one with its neighbours."""
        return f"shared{number // 25}.example" if number % 5 == 0 else f"blog{number}.example"

    def posts(self, number: int, now: float) -> list[Post]:
        """Return what a source lists now: it publishes every few days, and lists its last ten."""
        apart = (DAY // 2, 2 * DAY, 5 * DAY, 9 * DAY)[number % 4] + number * 61
        last = int((now - START + 30 * DAY) // apart)
        return [Post(f"s{number}p{one}", START - 30 * DAY + one * apart) for one in range(last, max(-1, last - 10), -1)]

    def script(self, seen: Seen) -> Reply:
        """Answer as the source with the number in the path does; some of its answers are troubles."""
        self.seen += 1
        if self.wanted and self.seen >= self.wanted:
            self.reached.set()
        number, now = int(seen.path.rpartition("/")[2]), seen.at
        headers: list[tuple[str, str]] = []
        draw = random.Random(f"{number} {int(now) // HOUR}")
        trouble = draw.random()
        if trouble < 0.03:
            return Reply(draw.choice([500, 502, 404]))
        if trouble < 0.04:
            self._hint(seen, 5 * HOUR)
            return Reply(draw.choice([429, 503]), [("Retry-After", str(5 * HOUR))])
        if number % 7 == 1:
            self._hint(seen, 9 * HOUR)
            headers.append(("Cache-Control", f"max-age={9 * HOUR}"))
        if number % 7 == 2:
            self._hint(seen, 7 * HOUR)
            headers.append(("Expires", formatdate(now + 7 * HOUR, usegmt=True)))
        body = rss(self.posts(number, now), host=seen.host)
        etag = f'W/"{number}-{len(body)}-{self.posts(number, now)[0].name}"'
        if number % 11:
            headers.append(("ETag", etag))
        if trouble < 0.06:
            return Reply(200, headers, body, cut=30)
        if number % 11 and seen.headers.get("if-none-match") == etag:
            return Reply(304, headers)
        return Reply(200, headers, body)

    def _hint(self, seen: Seen, seconds: float) -> None:
        self.not_before[seen.host + seen.path].append((seen.at, seen.at + seconds))


def simulate(tmp_path: Path, *, count: int, days: int, kills: int) -> tuple[World, ScriptedServer, list[float], Path]:
    """Run the collector for so many days, killed so often, and return what was seen, and when it was killed."""
    clock = SharedClock(tmp_path / "clock", START)
    world = World(clock, count)
    (tmp_path / "state").mkdir()
    (tmp_path / "collected").mkdir()
    killed: list[float] = []
    draw = random.Random(count)
    with ScriptedServer(world.script, clock) as server:
        sources = tuple(
            Source(url=server.url(world.host(number), f"/{number}"), private=number % 50 != 49, first=3)
            for number in range(count)
        )
        settings = Settings(
            sources=sources,
            state=str(tmp_path / "state"),
            folder=str(tmp_path / "collected"),
            site="http://planet.example/",
        )
        # Half of the kills come while all sources are new.
        moments = sorted(
            draw.randrange(1, 2 * count) if one % 2 else draw.randrange(1, days * count // 2) for one in range(kills)
        )
        while True:
            world.reached.clear()
            world.wanted = moments.pop(0) + 1 if moments else 0
            process = start(settings, tmp_path / "clock", START + days * DAY)
            while world.wanted and process.poll() is None and not world.reached.wait(0.05):
                pass
            if process.poll() is None and world.wanted:
                os.kill(process.pid, signal.SIGKILL)
            code = process.wait()
            if code == 0:
                break
            assert code == -signal.SIGKILL
            killed.append(clock.time)
            with database.Database(settings.state) as db:  # a poll that began and did not end was cut short
                for state in db.states().values():
                    if state.outcome == "begun":
                        world.cut[urlsplit(state.url).hostname + urlsplit(state.url).path].add(state.asked_at)
            clock.move(draw.choice([0, 1, 30, HOUR, DAY]) if len(killed) % 3 == 0 else 1)
        return world, server, killed, tmp_path / "collected"


def start(settings: Settings, clock: Path, end: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COLLECTOR, str(Path(__file__).parents[1]), str(clock), str(end)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdin is not None
    process.stdin.write(msgspec.msgpack.encode(settings))
    process.stdin.close()
    return process


def told(seen: Seen) -> tuple[object, ...]:
    return seen.path, seen.at, seen.status, seen.answered, seen.is_conditional


def check(world: World, server: ScriptedServer, killed: list[float], collected: Path) -> None:
    """Check every promise to the servers, and that what was published is there, once."""
    assert set(server.most_at_once.values()) == {1}, "two connections to a host at once"
    for host, times in by_host(server).items():
        assert all(later - earlier >= 2 for earlier, later in pairwise(times)), host
    paths = server.by_path()
    for number in range(world.count):
        path = f"{world.host(number)}/{number}"
        if number % 50 == 49:
            assert path not in paths, "a refused address was connected to"
            continue
        times = [seen.at for seen in paths[path]]
        early = [(one, two) for one, two in pairwise(paths[path]) if two.at - one.at < HOUR]
        assert not early, f"asked within 60 minutes: {[told(one) for pair in early for one in pair]}, killed: {killed}"
        for at, until in world.not_before[path]:
            if world.was_cut(path, at):
                continue  # the answer may have been lost with the process
            inside = [time for time in times if at < time < until]
            assert not inside, f"{path}: asked inside a hint: {at} to {until}, {inside}, killed: {killed}"
        unconditional = [seen for seen in paths[path] if not seen.is_conditional]
        had = [
            seen.at
            for seen in unconditional
            if seen.status == 200 and seen.answered and not world.was_cut(path, seen.at)
        ]
        if number % 11 and had:
            many = [told(seen) for seen in unconditional if seen.at > had[0]]
            assert not many, f"an unconditional request too many: first {had[0]}, {many}, killed: {killed}"
    titles = Counter(re.search(rb"\ntitle: (.+)\n", file.read_bytes())[1].decode() for file in collected.rglob("*.md"))
    assert set(titles.values()) == {1}, "an item is there twice"
    for number in range(world.count):
        if number % 50 == 49:
            continue
        last = [seen for seen in paths[f"{world.host(number)}/{number}"] if seen.status == 200 and seen.answered]
        names = [post.name for post in world.posts(number, last[-1].at)]
        mine = {title.strip('"').removeprefix("On ") for title in titles if f"s{number}p" in title}
        newer = [
            name for name in names if int(name.rpartition("p")[2]) >= min(int(one.rpartition("p")[2]) for one in mine)
        ]
        assert set(newer) <= mine, "an item was lost"


def by_host(server: ScriptedServer) -> dict[str, list[float]]:
    found = defaultdict(list)
    for seen in server.seen:
        found[seen.host].append(seen.at)
    return found


@pytest.mark.slow
def test_four_days_with_12_sources_and_two_kills(tmp_path: Path) -> None:
    """The short form of the simulation."""
    world, server, killed, collected = simulate(tmp_path, count=12, days=4, kills=2)
    assert len(killed) == 2
    check(world, server, killed, collected)


@pytest.mark.slow
def test_ten_days_with_40_sources_and_eight_kills(tmp_path: Path) -> None:
    """A longer one."""
    world, server, killed, collected = simulate(tmp_path, count=40, days=10, kills=8)
    assert len(killed) == 8
    check(world, server, killed, collected)


@pytest.mark.marathon
@pytest.mark.timeout(7200)
def test_60_days_with_500_sources_and_50_kills(tmp_path: Path) -> None:
    """One unconditional request each, none inside a hint or an hour, one connection a host, none to a refused address."""
    world, server, killed, collected = simulate(tmp_path, count=500, days=60, kills=50)
    assert len(killed) == 50
    print(f"{len(server.seen)} requests, {len(list(collected.rglob('*.md')))} seeds, killed {len(killed)} times")
    check(world, server, killed, collected)
