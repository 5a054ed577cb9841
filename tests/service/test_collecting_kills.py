"""`kill -9` of the collector, of the daemon and of both at random: no validator lost, no seed torn, nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, children_of, wait_until
from support.site_folder import NOW
from support.upstream import Upstream, collect_from, let_pass

from aggregator.collector.seeds import is_edited

BLOGS = 12
WITHIN = 60.0
HOUR = 3_600


@pytest.fixture
def blogs() -> Iterator[list[Upstream]]:
    """Return blogs, each at a host of its own."""
    with ExitStack() as stack:
        yield [stack.enter_context(Upstream(number + 2)) for number in range(BLOGS)]


@dataclass
class Rounds:
    """Rounds of new entries, polls and kills, and what was seen in them."""

    running: DaemonProcess
    blogs: list[Upstream]
    draw: random.Random
    known: set[str] = field(default_factory=set)
    checked: dict[str, int] = field(default_factory=Counter)
    kills: dict[str, int] = field(default_factory=Counter)
    cut: int = 0

    @property
    def database(self) -> Path:
        return Path(self.running.state, "sources.db")

    def publish(self, number: int) -> None:
        """Let a third of the blogs publish an entry, and one change the text of an old one."""
        for blog in self.draw.sample(self.blogs, BLOGS // 3):
            blog.publish(f"Entry {number} of {blog.name}", at=NOW + number)
        blog = self.draw.choice([one for one in self.blogs if one.entries])
        place = self.draw.randrange(min(5, len(blog.entries)))
        title, _, at = blog.entries[place]
        blog.entries[place] = (title, f"<p>Text of round {number}.</p>", at)

    def make_due(self) -> None:
        """While nobody collects: let two hours pass, so that every source is due now."""
        if not self.database.exists():
            return
        let_pass(self.running.state, 2 * HOUR)
        with closing(sqlite3.connect(self.database, isolation_level=None)) as db:
            for url, value in db.execute("SELECT url, value FROM source").fetchall():
                due = {**json.loads(value), "next_at": int(time.time()) - 1}
                db.execute("UPDATE source SET value=? WHERE url=?", (json.dumps(due).encode(), url))

    def check(self) -> None:
        """While nobody writes: no seed is torn, and who has validators is asked with them from now on."""
        for file in self.seeds():
            assert not is_edited(file.read_bytes()), f"{file} is torn"
        for blog in self.blogs:
            unconditional = [seen for seen in blog.server.seen[self.checked[blog.url] :] if not seen.is_conditional]
            assert not (unconditional and blog.url in self.known), f"{blog.url} was asked without its validators"
            self.checked[blog.url] = len(blog.server.seen)
        if self.database.exists():
            with closing(sqlite3.connect(self.database)) as db, suppress(sqlite3.OperationalError):
                states = [json.loads(value) for (value,) in db.execute("SELECT value FROM source")]
            self.known |= {one["url"] for one in states if one.get("validators")}
            self.cut += sum(one.get("outcome") == "begun" for one in states)

    def seeds(self) -> list[Path]:
        return sorted((self.running.site.root / "collected").rglob("*.md"))

    def asked(self) -> int:
        return sum(len(blog.server.seen) for blog in self.blogs)

    def kill(self, what: str) -> None:
        """Wait until somebody is asked, and a moment more, and kill; then all of the round's traces are checked."""
        before = self.asked()
        wait_until(lambda: self.asked() > before, WITHIN, what="nobody was asked")
        time.sleep(self.draw.choice([0, self.draw.uniform(0, 0.05), self.draw.uniform(0, 0.5)]))
        daemon = self.running.process.pid
        collectors = [pid for pid in children_of(daemon) if is_collector(pid)]
        if what == "collector":
            os.kill(daemon, signal.SIGSTOP)  # else it starts the next one before sources are due
            kill_all(collectors)
            return
        kill_all([daemon, *(collectors if what == "both" else [])])
        self.running.process.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in collectors), WITHIN)

    def go(self, rounds: int) -> None:
        """Kill so often, then let everything come to rest."""
        self.running.start()
        for number in range(rounds):
            what = self.draw.choice(["collector", "daemon", "both"])
            self.kill(what)
            self.kills[what] += 1
            self.check()
            self.publish(number)
            self.make_due()
            if what == "collector":
                self.running.signal(signal.SIGCONT)
            else:
                self.running.start(wait=False)


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        wait_until(lambda pid=pid: is_over(pid), WITHIN)


def is_over(pid: int) -> bool:
    """Return whether a process is gone, or nobody has asked yet how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_collector(pid: int) -> bool:
    with suppress(OSError):
        return b"aggregator.service.collecting" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def kill_often(running: DaemonProcess, blogs: list[Upstream], rounds: int) -> Rounds:
    for blog in blogs:
        for number in range(5):  # which are written one by one
            blog.publish(f"Old {number} of {blog.name}", at=NOW - 9 + number)
    running.site.settings["feed"] = {"limit": None, "max_bytes": None}
    collect_from(running.site, blogs, first=100)
    found = Rounds(running, blogs, random.Random(rounds))
    found.go(rounds)
    wanted = sorted(title for blog in blogs for title, _, _ in blog.entries)
    texts = {title: text for blog in blogs for title, text, _ in blog.entries}
    found_all = lambda: sorted(running.site.titles()) == wanted and texts_of(found) == texts  # noqa: E731
    # What a kill cut short counts as a poll, and one whose document was left behind waits for its place in the hour.
    for _ in range(10):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and not found_all():
            time.sleep(0.2)
        if found_all():
            break
        assert running.stop() == 0
        found.make_due()
        running.start()
    assert sorted(running.site.titles()) == wanted
    assert texts_of(found) == texts
    assert running.stop() == 0
    found.check()
    assert len({item["id"] for item in running.site.feed()}) == len(wanted)
    assert len(found.seeds()) == len(wanted), "a seed is there twice"
    assert not list((running.site.root / "collected").rglob(".*"))
    return found


def texts_of(found: Rounds) -> dict[str, str]:
    """Return the texts of the collected seeds by their titles."""
    texts = {}
    for file in found.seeds():
        _, front, body = file.read_text().split("---\n", 2)
        texts[re.search(r'\ntitle: "?([^"\n]+)', front)[1]] = body.strip()
    return texts


@pytest.mark.slow
def test_six_kills_lose_nothing(running: DaemonProcess, blogs: list[Upstream]) -> None:
    """The short form."""
    kill_often(running, blogs, 6)


@pytest.mark.marathon
@pytest.mark.timeout(7200)
def test_two_hundred_kills_lose_nothing(running: DaemonProcess, blogs: list[Upstream]) -> None:
    """Collector, daemon and both, by lot; whoever restarts goes on where the last one was."""
    began = time.monotonic()
    found = kill_often(running, blogs, 200)
    print(
        f"killed {dict(found.kills)} in {time.monotonic() - began:.0f} s, {found.asked()} requests, "
        f"{found.cut} polls cut short, {len(found.seeds())} seeds"
    )
