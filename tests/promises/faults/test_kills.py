"""Kill -9 at any moment of a build or the daemon while a reader reads: no feed is torn, mixed or missing."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.running_daemon import ROOT, DaemonProcess, wait_until
from support.site_checks import (
    assert_well_formed,
    find_leaks,
    fresh_build,
    published_documents,
    temporary_files,
    write_canaries,
)
from support.site_folder import NOW, SiteFolder, iso

import aggregator
from aggregator.model.document_names import FEED_DOCUMENTS

BUILD = f"""
import sys, aggregator
import aggregator.renderer.rss, aggregator.renderer.page, aggregator.normalizer.content
config = aggregator.load_config("config/feeds.yaml")
print("begins", flush=True)
aggregator.build(config, now={NOW}, jobs=int(sys.argv[1]) or None)
"""
MONTHS_AGO = NOW - 100 * 86_400
PAGE_OF_ONE_SEED = "t1/archive/2026-02/"
"""The page of a month with a single seed, which is deleted and written again."""


class Reader:
    """Reads every feed in a loop on a thread, and records what readers must never see."""

    def __init__(self, site: SiteFolder) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.reads = 0
        self.names = [
            name
            for name in published_documents(site.feeds)
            if name.endswith(FEED_DOCUMENTS) and not name.startswith(PAGE_OF_ONE_SEED)
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
                    version_of(name, (self.site.feeds / name).read_bytes())
                except Exception as error:  # noqa: BLE001 - whatever it is, a reader met it
                    self.complaints.append(f"{name}: {error!r}")


def version_of(name: str, body: bytes) -> str:
    """Assert that a document is complete and of one version of the changing seed, and return that version."""
    assert_well_formed(name, body)
    versions = set(re.findall(rb"version(\d+)x", body))
    assert len(versions) <= 1, f"{name} mixes {versions}"
    return versions.pop().decode() if versions else ""


def write_version(site: SiteFolder, version: int) -> None:
    """Write the changing seed with a version in every field, many times."""
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
    write_version(site, 0)
    site.build()


def check(site: SiteFolder, reader: Reader, *, now: int | None, log: str = "") -> None:
    """Assert that all documents are complete after a kill, and that the next build is right, with the same ids."""
    for name, body in published_documents(site.feeds).items():
        if name in reader.names:
            version_of(name, body)
    assert find_leaks(site, log) == []
    assert site.build(now).failed == ()
    assert temporary_files(site.feeds) == []
    documents = site.documents()
    assert documents == {**documents, **fresh_build(site, now)}
    assert "https://news.example.org/a" in site.ids()
    assert reader.complaints == []


def kill_builds(site: SiteFolder, rounds: int, seed: int) -> tuple[int, int]:
    """Kill builds at random moments; return how many were killed and how many documents were read."""
    sample(site)
    dice = random.Random(seed)
    reader, longest, killed = Reader(site), 0.0, 0
    for number in range(1, rounds + 1):
        write_version(site, number)
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
def build(site: SiteFolder, jobs: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", BUILD, str(jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=site.root, env=environment, stdout=subprocess.PIPE) as process:
        yield process


def kill_daemons(site: SiteFolder, running: DaemonProcess, rounds: int, seed: int) -> int:
    """Kill the daemon at random moments while a seed changes; return how many documents were read."""
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
                write_version(site, version)
                time.sleep(dice.uniform(0, 0.08))
            running.signal(signal.SIGKILL)
            running.process.wait()
        check(site, reader, now=None, log=running.log_file.read_text())
    return reader.reads


@pytest.mark.slow
def test_three_killed_builds_leave_complete_feeds(site: SiteFolder) -> None:
    """Feeds are complete after three builds are killed at random moments."""
    killed, reads = kill_builds(site, 4, 1)
    assert killed
    assert reads > 50


@pytest.mark.slow
def test_no_page_is_lost_that_processes_of_killed_first_builds_wrote(site: SiteFolder) -> None:
    """Killed once there are pages, three first builds leave what the next one makes the whole site of."""
    site.settings["pages"] = {"items": "all"}
    for number in range(240):
        site.write(f"{number}.md", webUrl=None, topics=["T"], publishedDateTime=iso(NOW - number * 3600))
    site.build(jobs=1, feeds="whole", state="whole-state")
    site.config()
    dice = random.Random(1)
    for _ in range(3):
        with build(site, jobs=2) as process:
            wait_until(lambda: any(site.feeds.glob("items/*/*/index.html")), 60)
            time.sleep(dice.uniform(0, 0.1))
            process.kill()
        wait_until(lambda: is_built(site), 60)
        assert temporary_files(site.feeds) == []
        assert site.documents() == site.documents("whole")
        for folder in (site.feeds, site.root / "state"):
            shutil.rmtree(folder)


def is_built(site: SiteFolder) -> bool:
    """Build a site, unless the processes of one that was killed still hold it; they end with that."""
    try:
        return site.build(jobs=2).failed == ()
    except aggregator.LockedError:
        return False


@pytest.mark.slow
def test_three_killed_daemons_leave_complete_feeds(site: SiteFolder, running: DaemonProcess) -> None:
    """Feeds are complete after three daemons are killed while a seed is saved again and again."""
    assert kill_daemons(site, running, 3, 1) > 50


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
def test_two_hundred_killed_builds_leave_complete_feeds(site: SiteFolder) -> None:
    """Feeds are complete after two hundred builds are killed at random moments."""
    print(kill_builds(site, 201, 2))


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
def test_two_hundred_killed_daemons_leave_complete_feeds(site: SiteFolder, running: DaemonProcess) -> None:
    """Feeds are complete after two hundred daemons are killed while a seed is saved."""
    print(kill_daemons(site, running, 200, 2))
