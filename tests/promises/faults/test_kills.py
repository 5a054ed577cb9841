"""Kill -9 at any moment of a build and of the daemon, while a reader reads: never a torn, mixed or missing feed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.running_daemon import ROOT, Running
from support.site_checks import (
    assert_well_formed,
    find_leaks,
    fresh_build,
    published_documents,
    temporary_files,
    write_canaries,
)
from support.site_folder import NOW, SiteFolder, iso

from aggregator.model.document_names import FEED_DOCUMENTS

BUILD = f"""
import sys, aggregator
import aggregator.renderer.rss, aggregator.renderer.page, aggregator.normalizer.content
config = aggregator.load_config("config/feeds.yaml")
print("begins", flush=True)
aggregator.build(config, now={NOW})
"""
MONTHS_AGO = NOW - 100 * 86_400
COMES_AND_GOES = "t1/archive/2026-02/"
"""The page of a month that holds one seed alone, which is deleted now and then."""


class Reader:
    """Reads every feed in a loop, on a thread of its own, and notes what no reader may ever see."""

    def __init__(self, site: SiteFolder) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.reads = 0
        self.names = [
            name
            for name in published_documents(site.feeds)
            if name.endswith(FEED_DOCUMENTS) and not name.startswith(COMES_AND_GOES)
        ]

    @contextmanager
    def reading(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._read, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _read(self, ended: threading.Event) -> None:
        while not ended.is_set():
            for name in self.names:
                self.reads += 1
                try:
                    look(name, (self.site.feeds / name).read_bytes())
                except Exception as error:  # noqa: BLE001 - whatever it is, a reader met it
                    self.complaints.append(f"{name}: {error!r}")


def look(name: str, body: bytes) -> str:
    """See that a document is whole and of one version, which it gives; those of the daemon's one changing seed."""
    assert_well_formed(name, body)
    versions = set(re.findall(rb"version(\d+)x", body))
    assert len(versions) <= 1, f"{name} mixes {versions}"
    return versions.pop().decode() if versions else ""


def say(site: SiteFolder, version: int) -> None:
    """Have the seeds say a version, in every field and many times."""
    word = f"version{version}x"
    site.write("a.md", title=word, excerpt=f"{word} " * 40, topics=["T0", "T1"], body=f"{word} " * 4_000)
    if version % 3 == 0:
        site.write("late.md", topics=["T1"], publishedDateTime=iso(MONTHS_AGO))
    elif version % 3 == 1:
        (site.seeds / "late.md").unlink(missing_ok=True)


def sample(site: SiteFolder) -> None:
    for number in range(6):
        site.write(f"s{number}.md", topics=[f"T{number % 3}"], publishedDateTime=iso(NOW - (1 + number * 20) * 86_400))
    write_canaries(site, later="9998-01-01")
    say(site, 0)
    site.build()


def check(site: SiteFolder, reader: Reader, *, now: int | None, log: str = "") -> None:
    """What is on disk right after a kill is whole; a build later all is right, with ids as ever."""
    for name, body in published_documents(site.feeds).items():
        if name in reader.names:
            look(name, body)
    assert find_leaks(site, log) == []
    assert site.build(now).failed == ()
    assert temporary_files(site.feeds) == []
    documents = site.documents()
    assert documents == {**documents, **fresh_build(site, now)}
    assert "https://news.example.org/a" in site.ids()
    assert reader.complaints == []


def kill_builds(site: SiteFolder, rounds: int, seed: int) -> tuple[int, int]:
    """Kill a build at a random moment, again and again and return how many were killed, and reads."""
    sample(site)
    dice = random.Random(seed)
    reader, longest, killed = Reader(site), 0.0, 0
    for number in range(1, rounds + 1):
        say(site, number)
        with reader.reading(), build(site) as process:
            assert process.stdout
            process.stdout.readline()
            began = time.monotonic()
            if longest:
                time.sleep(dice.uniform(0, longest))
                killed += process.poll() is None
                process.kill()
            process.wait()
            longest = longest or time.monotonic() - began
        check(site, reader, now=NOW)
    return killed, reader.reads


@contextmanager
def build(site: SiteFolder) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", BUILD]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=site.root, env=environment, stdout=subprocess.PIPE) as process:
        yield process


def kill_daemons(site: SiteFolder, running: Running, rounds: int, seed: int) -> int:
    """Kill the daemon at a random moment while a seed changes, again and again and return how often it was read."""
    sample(site)
    running.serving = False
    dice = random.Random(seed)
    reader, version = Reader(site), 0
    for _ in range(rounds):
        with reader.reading():
            running.start(wait=dice.random() < 0.6)
            until = time.monotonic() + dice.uniform(0, 0.7)
            while time.monotonic() < until:
                version += 1
                say(site, version)
                time.sleep(dice.uniform(0, 0.08))
            running.signal(signal.SIGKILL)
            running.process.wait()
        check(site, reader, now=None, log=running.log_file.read_text())
    return reader.reads


@pytest.mark.slow
def test_some_builds_killed_leave_whole_feeds(site: SiteFolder) -> None:
    """At three moments, at random."""
    killed, reads = kill_builds(site, 4, 1)
    assert killed
    assert reads > 50


@pytest.mark.slow
def test_some_daemons_killed_leave_whole_feeds(site: SiteFolder, running: Running) -> None:
    """At three moments, at random, while a seed is saved again and again."""
    assert kill_daemons(site, running, 3, 1) > 50


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
def test_two_hundred_builds_killed_leave_whole_feeds(site: SiteFolder) -> None:
    """Whatever they were doing."""
    print(kill_builds(site, 201, 2))


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
def test_two_hundred_daemons_killed_leave_whole_feeds(site: SiteFolder, running: Running) -> None:
    """Whatever they were doing."""
    print(kill_daemons(site, running, 200, 2))
