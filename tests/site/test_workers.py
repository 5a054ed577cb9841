"""The processes of a turn: started for large work, used for all work of the turn, replaced if one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.running_daemon import ROOT, wait_until
from support.site_folder import NOW, SiteFolder, iso

from aggregator.site import render_jobs
from aggregator.site.clock import clock
from aggregator.site.publishing import site_documents
from aggregator.site.site import Site
from aggregator.site.workers import MANY_PAGES, Workers, in_order

# Expressions, not functions: a process that is not forked from this one cannot import a test module.
PROCESS = "__import__('os').getpid()"
LOADED = "'aggregator.renderer.page' in __import__('sys').modules"


def processes(executor: Executor | None) -> set[int]:
    """Return the ids of the processes that do the work."""
    return set(in_order(executor, eval, iter([PROCESS] * 40)))


def is_broken(executor: Executor) -> bool:
    """Return whether a pool has noticed that one of its processes died."""
    try:
        executor.submit(bool).result()
    except BrokenExecutor:
        return True
    return False


def twice(parent: int, value: Any) -> Any:
    """Return a value twice; "die" ends the process, unless it is `parent`."""
    if value == "die" and os.getpid() != parent:
        os._exit(1)
    return value * 2


def test_a_few_pages_start_no_process() -> None:
    """The pages of an edit are rendered in this process, those of a whole archive in several."""
    with Workers(None) as workers:
        assert workers.executor(MANY_PAGES - 1, many=MANY_PAGES) is None
        assert workers.started is None
        if (os.cpu_count() or 1) > 1:
            assert workers.executor(MANY_PAGES, many=MANY_PAGES) is workers.started is not None


def test_all_work_of_a_turn_is_done_by_the_same_processes() -> None:
    """They have loaded what the next work needs; and they end with the turn."""
    with Workers(2) as workers:
        executor = workers.executor(2)
        assert isinstance(executor, ProcessPoolExecutor)
        for _ in range(2):
            assert workers.executor(2) is executor
            assert processes(executor) <= set(executor._processes)
        started = set(executor._processes)
    for one in started:
        with pytest.raises(ProcessLookupError):
            os.kill(one, 0)


def test_processes_of_which_one_died_are_replaced() -> None:
    """New processes do the rest of the turn."""
    with Workers(2) as workers:
        executor = workers.executor(2)
        assert executor is not None
        with pytest.raises(BrokenExecutor):
            executor.submit(os._exit, 1).result()
        found = processes(workers.executor(2))
        assert found
        assert os.getpid() not in found


def test_a_process_that_dies_costs_no_seed() -> None:
    """The tasks of processes that died are done here: the same results in the same order."""
    with Workers(2) as workers:
        tasks = iter([1, 2, "die", *range(3, 40)])
        found = list(in_order(workers.executor(2), partial(twice, os.getpid()), tasks))
        workers.prepare(os.getpid)  # no process is left
    assert found == [2, 4, "diedie", *range(6, 80, 2)]


def test_processes_load_what_comes_next_while_they_wait() -> None:
    """Nothing waits for it, and if no process runs nothing is loaded."""
    with Workers(1) as workers:
        workers.prepare(render_jobs.load)
        assert workers.started is None
    with Workers(2) as workers:
        executor = workers.executor(2)
        workers.prepare(render_jobs.load)
        assert set(in_order(executor, eval, iter([LOADED] * 40))) == {True}


def test_the_pages_of_the_site_are_the_same_from_a_process(site: SiteFolder) -> None:
    """The index page and the lists of feeds are rendered in a process that has loaded what that needs."""
    for number in range(8):
        site.write(f"{number}.md", topics=[f"Topic {number}"], publishedDateTime=iso(NOW - number))
    site.build()

    with Site(site.config()) as opened, Workers(2) as workers:
        here = site_documents(opened.catalog)
        assert site_documents(opened.catalog, workers.executor(2)) == here
    assert "Topic 7" in here[0].body.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "seconds", [0.05, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.0, 0.1, 0.2, 0.4))]
)
def test_ctrl_c_ends_a_build_and_its_processes_without_a_word_too_many(site: SiteFolder, seconds: float) -> None:
    """A terminal sends it to all processes: none prints a traceback, and the next build completes the work."""
    for number in range(600):
        when = iso(NOW - 21_600 * number)
        site.write(f"{number}.md", "*Body*", topics=[f"Topic {number % 9}"], publishedDateTime=when)
    site.settings["site"] = {"title": "Test", "url": "https://feeds.tram.test/"}  # no placeholder, so no warning
    site.config()
    building = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "build", "--jobs", "2", "--config", "config/feeds.yaml"], cwd=site.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
    )  # fmt: skip
    wait_until(lambda: len(members(building.pid)) >= 3)
    time.sleep(seconds)
    os.killpg(building.pid, signal.SIGINT)
    _, said = building.communicate(timeout=30)
    assert (building.returncode, said) == (1, "\nAborted!\n")
    wait_until(lambda: not members(building.pid))
    site.build(now=clock())
    before = site.documents()
    site.build(now=clock(), fresh=True)
    assert site.documents() == before


def members(session: int) -> list[int]:
    """Return the processes of a session, as the system lists them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getsid(int(process.name)) == session:
                found.append(int(process.name))
    return found


@pytest.mark.slow
def test_processes_can_be_had_while_threads_run() -> None:
    """They are then started anew, not forked, and are replaced likewise."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with Workers(2) as workers:
            executor = workers.executor(2)
            first = processes(executor)
            assert executor is not None
            os.kill(next(iter(first)), signal.SIGKILL)
            wait_until(lambda: is_broken(executor))
            assert processes(workers.executor(2)).isdisjoint({*first, os.getpid()})
    finally:
        ended.set()
        thread.join()
