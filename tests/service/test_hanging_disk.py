"""A disk that hangs is reported while it hangs, and does not keep the daemon from being stopped (G11, G14)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hanging_disk import HangingDisk
from support.http_client import TIMEOUT, fetch
from support.running_daemon import ROOT, DaemonProcess, wait_until

from aggregator.service import stop_signals

Start = Callable[[str], HangingDisk]


@pytest.fixture
def start(running: DaemonProcess, tmp_path: Path) -> Start:
    """Return a function that starts a serving daemon on a disk that will hang in an operation."""

    def begin(operation: str) -> HangingDisk:
        disk = HangingDisk(tmp_path, operation)
        paths = f"{disk.path}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"
        running.site.write("a.md", title="A")
        running.start(serve=True, PYTHONPATH=paths)
        running.wait_for_titles("A")
        wait_until(lambda: running.status()["healthy"], TIMEOUT)
        return disk

    return begin


def edit(running: DaemonProcess, feeds: int) -> None:
    """Write seeds so that `feeds` feeds change."""
    for number in range(feeds):
        running.site.write(f"{number}.md", title=f"T{number}", topics=[f"Topic {number}"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "feeds"),
    [
        pytest.param("replace", 1, marks=pytest.mark.slow),
        pytest.param("fsync", 1, marks=pytest.mark.slow),
        ("fsync", 40),
    ],
)
def test_a_main_thread_that_hangs_is_reported(running: DaemonProcess, start: Start, operation: str, feeds: int) -> None:
    """In the status, /healthz and the log, whether it hangs itself or waits for threads that do; and so is its return."""
    disk, address = start(operation), running.address
    disk.hang()
    edit(running, feeds)
    wait_until(lambda: not running.status()["healthy"], TIMEOUT, what="the status says that all is well")
    assert "has not responded for" in running.status()["problems"]["daemon"]
    assert "while taking a turn (a disk may hang" in running.status()["problems"]["daemon"]
    assert running.status()["problem_ages"]["daemon"] >= 4
    reply = fetch(address, "/healthz")
    assert (reply.status, list(reply.json["problems"])) == (503, ["daemon"])
    assert "has not responded for" in running.command("status").stdout
    assert fetch(address, "/all/rss.xml").status == 200
    wait_until(lambda: running.lines("not responding"), TIMEOUT)
    disk.release()
    wait_until(lambda: running.status()["healthy"], TIMEOUT)
    assert fetch(address, "/healthz").status == 200
    wait_until(lambda: running.lines("responding again"), TIMEOUT)
    running.wait_for_fresh_build()
    assert running.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("operation", [pytest.param("replace", marks=pytest.mark.slow), "fsync"])
def test_a_second_signal_ends_a_daemon_that_hangs(running: DaemonProcess, start: Start, operation: str) -> None:
    """At once and with its server; the next start publishes what was not."""
    disk, address = start(operation), running.address
    disk.hang()
    edit(running, 1)
    wait_until(lambda: not running.status()["healthy"], TIMEOUT)
    (server,) = running.children()
    running.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert running.process.poll() is None
    began = time.monotonic()
    running.signal(signal.SIGTERM)
    assert running.process.wait(5) == stop_signals.EXIT_CODE + signal.SIGTERM
    assert time.monotonic() - began < 2
    wait_until(lambda: not Path(f"/proc/{server}").exists(), TIMEOUT, what="its server goes on")
    running.start()
    running.wait_for_fresh_build(10)
    assert not address or running.stop() == 0


@pytest.mark.slow
def test_a_long_turn_that_makes_progress_stays_healthy(running: DaemonProcess, tmp_path: Path) -> None:
    """A turn that takes longer than the limit, but reads and writes all the time, is no problem."""
    disk = HangingDisk(tmp_path, "fsync", longest=1.0)
    code = disk.path / "sitecustomize.py"
    code.write_text(
        code.read_text() + "import time\nreal = os.fsync\nos.fsync = lambda fd: (time.sleep(0.004), real(fd))\n"
    )
    paths = f"{disk.path}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    running.start(PYTHONPATH=paths)
    before = running.status()["turn_seconds"]
    edit(running, 300)
    wait_until(lambda: len(running.site.slugs()) > 5, TIMEOUT)
    said = []
    while len(running.site.slugs()) < 301:
        said.append(running.status()["problems"])
    assert said.count({}) == len(said) > 0
    wait_until(lambda: running.status()["turn_seconds"] - before > 1.0, TIMEOUT, what="the turn was short")
    assert running.stop() == 0
