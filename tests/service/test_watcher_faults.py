"""Whatever the watcher misses, the feeds follow (guarantee G1), and no thread dies silently (G11)."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, wait_until
from support.site_folder import NOW, iso

from aggregator.service import watch_backend, watchdog
from aggregator.service.control import Request, ask
from aggregator.watcher import events

INOTIFY = Path("/proc/sys/fs/inotify")


def kill(thread: threading.Thread) -> None:
    """End a thread as an unexpected exception would, at its next step."""
    assert thread.ident is not None
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)) == 1


def threads_of(inside: DaemonThread) -> dict[str, threading.Thread]:
    """Return the threads of a daemon by their names in the status."""
    watcher = inside.daemon._parts.watcher._watchers[""]
    observer = watcher._observer
    return {
        "observer": observer, "emitter 0": next(iter(observer.emitters)), "inotify": observer._inotify_fd,
        "scheduler": inside.daemon._parts.scheduler._scheduler._thread, "control": inside.daemon._parts.control._thread,
        "watchdog": inside.daemon._parts.watchdog._thread,
    }  # fmt: skip


@contextlib.contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Set an inotify limit of the whole machine for a while, locked against other test runs, which would restore ours."""
    path = INOTIFY / name
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text()
        try:
            path.write_text(str(value))
        except OSError:
            pytest.skip(f"{path} cannot be changed here")
        try:
            yield
        finally:
            path.write_text(before)


@pytest.mark.parametrize("name", ["observer", "emitter 0", "inotify", "scheduler", "control", "watchdog"])
def test_a_thread_that_dies_is_noticed_and_started_again(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each dead thread is logged and started again within seconds, and changes made meanwhile are published."""
    monkeypatch.setattr(events, "PATIENCE", 0.3)
    inside.site.write("a.md", title="A")
    inside.start()
    thread = threads_of(inside)[name]
    kill(thread)
    inside.site.write("b.md", title="B")  # wakes the watcher's threads, and is lost by one that dies of it
    if name == "scheduler":
        inside.daemon._parts.scheduler._scheduler.wakeup()
    if name == "control":
        with contextlib.suppress(Exception):
            ask(inside.state, Request(do="status"), timeout=0.2)
    wait_until(lambda: not thread.is_alive(), 3 + watchdog.PERIOD)
    wait_until(lambda: any("died" in str(line) and name in str(line) for line in inside.lines()))
    wait_until(lambda: (status := inside.status()) is not None and all(status["threads"].values()))
    assert threads_of(inside)[name] is not thread
    inside.wait_for_titles("A", "B")
    inside.site.write("c.md", title="C")
    inside.wait_for_titles("A", "B", "C")
    inside.wait_for_fresh_build()
    assert inside.status()["healthy"]


@pytest.mark.slow  # for the limit is the whole machine's
def test_events_that_the_system_drops_are_compensated(running: DaemonProcess) -> None:
    """With a queue of eight events and hundreds of files, the overflow is counted and every seed is published."""
    site = running.site
    with limit("max_queued_events", 8):
        running.start()
    for number in range(400):
        site.write(f"f{number % 20}/{number}.md", title=f"T{number}")
        (site.seeds / f"f{number % 20}/{number}.md").rename(site.seeds / f"f{number % 20}/r{number}.md")
    wait_until(lambda: running.count_indexed() == 400)
    wait_until(lambda: running.status()["overflows"] > 0)
    site.write("f3/r3.md", title="after", publishedDateTime=iso(NOW), webUrl="https://news.example.org/3")
    running.wait_for_title("after")
    running.wait_for_fresh_build()


def test_an_overflow_leads_to_a_full_scan(inside: DaemonThread) -> None:
    """An edit whose event was dropped is found at once, not at the next scheduled scan."""
    site = inside.site
    path = site.write("deep/a.md", title="A")
    inside.start()
    inside.daemon._parts.watcher._watchers[""]._handler._hint = lambda _: None  # events are lost
    text = path.read_text()
    time.sleep(0.2)
    path.write_text(text.replace("Item a", "B").replace('"A"', '"B"'))
    logging.getLogger("watchdog.observers").warning("Inotify queue overflowed; filesystem events were lost")
    inside.wait_for_titles("B")
    assert inside.status()["overflows"] == 1


@pytest.mark.slow
def test_polling_finds_every_change(running: DaemonProcess) -> None:
    """It finds an edit that keeps the size, an addition, a deletion and a moved folder."""
    site = running.site
    site.settings["watch"] = {"backend": "polling", "poll": "1s"}
    site.write("a.md", title="A")
    site.write("b.md", title="B")
    running.start()
    assert running.status()["backend"] == "polling"
    site.write("a.md", title="X")
    site.write("deep/er/c.md", title="C")
    (site.seeds / "b.md").unlink()
    running.wait_for_titles("X", "C")
    (site.seeds / "deep").rename(site.seeds / "moved")
    wait_until(lambda: running.count_indexed("moved/") == 1)
    running.wait_for_fresh_build()
    wait_until(lambda: running.status()["healthy"])


@pytest.mark.slow  # for the limit is the whole machine's
@pytest.mark.parametrize("backend", ["auto", "native"])
def test_the_limit_of_watches_is_reported_and_polling_takes_over(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """With too many folders it polls and logs the sysctl; it is unhealthy if the config asks for events."""
    monkeypatch.setattr(watch_backend, "PATIENCE", 0.2)
    site = inside.site
    site.settings["watch"] = {"backend": backend, "poll": "1s"}
    site.settings["schedule"] = {"scan": "1s"}
    for number in range(300):
        site.write(f"folder{number}/{number}.md", title=f"T{number}")
    with limit("max_user_watches", 50):
        inside.start()
        wait_until(lambda: "fs.inotify.max_user_watches" in str(inside.lines()), 8)
        site.write("folder299/299.md", title="changed", publishedDateTime=iso(NOW))
        inside.wait_for_title("changed")
        if backend == "auto":
            wait_until(lambda: inside.status()["backend"] == "polling")
            assert inside.status()["healthy"]
        else:
            wait_until(lambda: "fs.inotify.max_user_watches" in inside.status()["problems"].get("backend", ""))
        inside.wait_for_fresh_build()


@pytest.mark.slow  # for the limit is the whole machine's
def test_the_limit_of_instances_is_reported_and_polling_takes_over(running: DaemonProcess) -> None:
    """The limit of instances has its own sysctl."""
    running.site.settings["watch"] = {"poll": "1s"}
    running.site.write("a.md", title="A")
    with limit("max_user_instances", 0):
        running.start()
    assert running.status()["backend"] == "polling"
    assert "fs.inotify.max_user_instances" in running.lines("polling")[0]["reason"]
    running.site.write("a.md", title="B")
    running.wait_for_titles("B")
    os.kill(running.process.pid, 1)  # SIGHUP: the limit was raised
    wait_until(lambda: running.status()["backend"] == "native")


@pytest.mark.slow
def test_many_new_folders_do_not_look_like_a_limit(running: DaemonProcess) -> None:
    """Folders created faster than they are watched do not lead to polling."""
    site = running.site
    running.start()
    for number in range(1_200):
        site.write(f"a{number}/b/{number}.md", title=f"T{number}")
    wait_until(lambda: running.count_indexed() == 1_200, 10)
    running.trigger()
    site.write("a1199/b/1199.md", title="after", publishedDateTime=iso(NOW), webUrl="https://news.example.org/1199")
    running.wait_for_title("after")
    assert running.status()["backend"] == "native"
    assert running.lines("polling") == []
