"""Whatever the watcher misses or suffers, the feeds follow (guarantee G1), and nothing dies silently (G11)."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_daemon import Inside, Running, wait_until
from support.site_folder import NOW, iso

from aggregator.service import watch_backend
from aggregator.service.control import Request, ask
from aggregator.watcher import events

INOTIFY = Path("/proc/sys/fs/inotify")


def kill(thread: threading.Thread) -> None:
    """End a thread as an unforeseen exception would: at its next step."""
    assert thread.ident is not None
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)) == 1


def threads_of(inside: Inside) -> dict[str, threading.Thread]:
    """Give the threads of a daemon by the names its status uses."""
    watcher = inside.daemon._parts.watcher._watcher
    assert watcher is not None
    observer = watcher._observer
    return {
        "observer": observer, "emitter 0": next(iter(observer.emitters)), "inotify": observer._inotify_fd,
        "scheduler": inside.daemon._parts.scheduler._scheduler._thread, "control": inside.daemon._parts.control._thread,
    }  # fmt: skip


@contextlib.contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Lower a limit of the system for a while."""
    path = INOTIFY / name
    before = path.read_text()
    try:
        path.write_text(str(value))
    except OSError:
        pytest.skip(f"{path} cannot be changed here")
    try:
        yield
    finally:
        path.write_text(before)


@pytest.mark.parametrize("name", ["observer", "emitter 0", "inotify", "scheduler", "control"])
def test_a_thread_that_dies_is_noticed_and_started_again(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Killed one by one: logged within a second or so, begun anew, and what changed meanwhile is shown."""
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
    wait_until(lambda: not thread.is_alive(), 3)
    wait_until(lambda: any("died" in str(line) and name in str(line) for line in inside.lines()))
    wait_until(lambda: all(inside.status()["threads"].values()))
    assert threads_of(inside)[name] is not thread
    inside.shows("A", "B")
    inside.site.write("c.md", title="C")
    inside.shows("A", "B", "C")
    inside.equals_fresh_build()
    assert inside.status()["healthy"]


def test_events_that_the_system_drops_are_made_up_for(running: Running) -> None:
    """A queue of eight events and hundreds of files: the overflow is counted, and every seed is shown."""
    site = running.site
    with limit("max_queued_events", 8):
        running.start()
    for number in range(400):
        site.write(f"f{number % 20}/{number}.md", title=f"T{number}")
        (site.seeds / f"f{number % 20}/{number}.md").rename(site.seeds / f"f{number % 20}/r{number}.md")
    wait_until(lambda: running.known() == 400)
    wait_until(lambda: running.status()["overflows"] > 0)
    site.write("f3/r3.md", title="after", publishedDateTime=iso(NOW), webUrl="https://news.example.org/3")
    running.has("after")
    running.equals_fresh_build()


def test_an_overflow_leads_to_a_look_at_everything(inside: Inside) -> None:
    """What was edited in place while events were dropped is found at once, not by the next full scan."""
    site = inside.site
    path = site.write("deep/a.md", title="A")
    inside.start()
    inside.daemon._parts.watcher._watcher._handler._hint = lambda _: None  # events are lost
    text = path.read_text()
    time.sleep(0.2)
    path.write_text(text.replace("Item a", "B").replace('"A"', '"B"'))
    logging.getLogger("watchdog.observers").warning("Inotify queue overflowed; filesystem events were lost")
    inside.shows("B")
    assert inside.status()["overflows"] == 1


def test_polling_finds_every_change(running: Running) -> None:
    """Without events: an edit that keeps the size, an addition, a deletion, a folder that moves."""
    site = running.site
    site.settings["watch"] = {"backend": "polling", "poll": "1s"}
    site.write("a.md", title="A")
    site.write("b.md", title="B")
    running.start()
    assert running.status()["backend"] == "polling"
    site.write("a.md", title="X")
    site.write("deep/er/c.md", title="C")
    (site.seeds / "b.md").unlink()
    running.shows("X", "C")
    (site.seeds / "deep").rename(site.seeds / "moved")
    wait_until(lambda: running.known("moved/") == 1)
    running.equals_fresh_build()
    wait_until(lambda: running.status()["healthy"])


@pytest.mark.slow  # for the limit is the whole machine's
@pytest.mark.parametrize("backend", ["auto", "native"])
def test_the_systems_limit_of_watches_is_named_and_walks_take_over(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """More folders than may be watched: polling, with the sysctl in the log; unhealthy where events were asked for."""
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
        inside.has("changed")
        if backend == "auto":
            wait_until(lambda: inside.status()["backend"] == "polling")
            assert inside.status()["healthy"]
        else:
            wait_until(lambda: "fs.inotify.max_user_watches" in inside.status()["problems"].get("backend", ""))
        inside.equals_fresh_build()


@pytest.mark.slow  # for the limit is the whole machine's
def test_no_inotify_instance_left_means_walking_and_names_its_own_limit(running: Running) -> None:
    """The other limit, that of instances, has another sysctl."""
    running.site.settings["watch"] = {"poll": "1s"}
    running.site.write("a.md", title="A")
    with limit("max_user_instances", 0):
        running.start()
    assert running.status()["backend"] == "polling"
    assert "fs.inotify.max_user_instances" in running.lines("polling")[0]["reason"]
    running.site.write("a.md", title="B")
    running.shows("B")
    os.kill(running.process.pid, 1)  # SIGHUP: the limit was raised
    wait_until(lambda: running.status()["backend"] == "native")


def test_many_new_folders_do_not_look_like_a_limit(running: Running) -> None:
    """Folders that come faster than they are watched are waited for, not given up."""
    site = running.site
    running.start()
    for number in range(1_200):
        site.write(f"a{number}/b/{number}.md", title=f"T{number}")
    wait_until(lambda: running.known() == 1_200, 10)
    running.trigger()
    site.write("a1199/b/1199.md", title="after", publishedDateTime=iso(NOW), webUrl="https://news.example.org/1199")
    running.has("after")
    assert running.status()["backend"] == "native"
    assert running.lines("polling") == []
