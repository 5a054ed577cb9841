"""The daemon leaks nothing: it may run for a year."""

from __future__ import annotations

import os
import time

import pytest
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import NOW, iso

EDITS = int(os.environ.get("AGGREGATOR_ROUNDS", "200"))
MORE = 6_000
"""How much more memory, in kB, is tolerated."""


def edit(running: DaemonProcess, first: int, count: int) -> None:
    """Edit, add and delete seeds `count` times, and wait until each tenth is visible."""
    site = running.site
    for number in range(first, first + count):
        site.write(
            f"f{number % 7}/{number % 50}.md",
            title=f"Edit {number}",
            publishedDateTime=iso(NOW + number),
            topics=[f"Topic {number % 5}"],
        )
        if number % 3 == 0:
            (site.seeds / f"f{number % 7}/{number % 50}.md").unlink()
        if number % 10 == 1:
            running.wait_for_title(f"Edit {number}", present=number % 3 != 0)
    time.sleep(0.1)


@pytest.mark.slow
def test_edits_leave_no_file_thread_process_or_memory_behind(running: DaemonProcess) -> None:
    """200 edits after a first hundred leave the numbers of file descriptors and threads, children and memory unchanged."""
    running.start()
    edit(running, 0, EDITS // 2)
    before, memory = running.footprint(), running.memory()
    edit(running, EDITS // 2, EDITS)
    for _ in range(5):
        running.trigger()
    assert running.footprint() == before
    assert running.children() == []
    assert running.memory() - memory < MORE
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_reloads_and_roots_that_come_and_go_leave_nothing_behind(running: DaemonProcess) -> None:
    """Replaced watchers, schedulers and sockets are closed."""
    site = running.site
    site.write("a.md", title="A")
    running.start()

    def once() -> None:
        running.signal(1)
        site.seeds.rename(site.root / "away")
        wait_until(lambda: not running.status()["healthy"])
        (site.root / "away").rename(site.seeds)
        wait_until(lambda: running.status()["healthy"])

    once()
    time.sleep(0.2)
    before = running.footprint()
    once()
    wait_until(lambda: running.footprint() == before)


@pytest.mark.slow
def test_workers_leave_when_their_work_is_done(running: DaemonProcess) -> None:
    """Five seconds after a burst that needed several processes there is one."""
    site = running.site
    running.start()
    for number in range(2_500):
        site.write(f"{number}.md", title=f"T{number}")
    wait_until(lambda: running.count_indexed() == 2_500, 15)
    wait_until(lambda: running.children() == [], 5)


@pytest.mark.slow
def test_at_rest_it_uses_next_to_nothing(running: DaemonProcess) -> None:
    """Two seconds without a change take hardly any processor time."""
    site = running.site
    for number in range(200):
        site.write(f"{number}.md", title=f"T{number}")
    running.start()
    time.sleep(0.5)
    before = running.processor_time()
    time.sleep(2)
    assert running.processor_time() - before <= 0.1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousands_of_edits_leave_nothing_behind(running: DaemonProcess) -> None:
    """3,500 edits with full caches (some 2,000 items) leak nothing, and the feeds are right at the end."""
    running.start()
    edit(running, 0, 2_500)
    before, memory = running.footprint(), running.memory()
    edit(running, 2_500, 3_500)
    wait_until(lambda: running.footprint() == before)
    assert running.memory() - memory < MORE
    running.wait_for_fresh_build()
