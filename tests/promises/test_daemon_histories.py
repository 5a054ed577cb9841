"""After any changes to the seeds folder, the daemon's feeds equal those of a build from nothing (guarantee G1)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.running_daemon import TOLERANCE, DaemonProcess, wait_until
from support.site_folder import NOW, SiteFolder, iso

ROUNDS = int(os.environ.get("AGGREGATOR_ROUNDS", "4"))
PATHS = [f"{folder}{number}.md" for folder in ("", "a/", "a/b/", "c/") for number in range(4)]
FOLDERS = ["a", "a/b", "c", "d", "d/e"]
PAUSES = [0.0, 0.0, 0.004, 0.03, 0.15]
SETTLED = 0.8
"""The daemon has seen everything if it takes no turn for this many seconds."""

Step = Callable[[DaemonProcess], object]

paths = st.sampled_from(PATHS)
seeds = st.fixed_dictionaries(
    {"title": st.sampled_from(["T1", "T2", "T3"]), "age": st.integers(0, 5_000_000)},
    optional={
        "topics": st.lists(st.sampled_from(["AI", "Sea", "C++"]), max_size=2),
        "quality": st.sampled_from([30, 90]),
        "published": st.booleans(),
        "removed": st.booleans(),
    },
)


def writes(path: str, keys: dict) -> Step:
    """Save a seed in place."""
    values = {name: value for name, value in keys.items() if name != "age"}
    return lambda running: running.site.write(
        path, webUrl=f"https://x.example/{path}", publishedDateTime=iso(NOW - keys["age"]), **values
    )


def replaces(path: str, keys: dict) -> Step:
    """Save a seed as editors do: write a temporary file, then rename it."""

    def step(running: DaemonProcess) -> None:
        writes("unseen.tmp", keys)(running)
        target = running.site.seeds / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (running.site.seeds / "unseen.tmp").rename(target)

    return step


def deletes(path: str) -> Step:
    """Delete a file."""
    return lambda running: (running.site.seeds / path).unlink(missing_ok=True)


def renames(old: str, new: str) -> Step:
    """Move a file or a folder, if it exists."""

    def step(running: DaemonProcess) -> None:
        source, target = running.site.seeds / old, running.site.seeds / new
        if source.exists() and not target.exists() and not new.startswith(f"{old}/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)

    return step


def fills(folder: str, number: int) -> Step:
    """Create a folder with files in it, faster than a watch can be set on it."""

    def step(running: DaemonProcess) -> None:
        for one in range(number):
            writes(f"{folder}/new{one}.md", {"title": f"N{one}", "age": one})(running)

    return step


def breaks(path: str) -> Step:
    """Make a file invalid."""
    return lambda running: running.site.write_text(path, "---\ntitle: [\n---\n")


def is_told(number: signal.Signals) -> Step:
    """Send a signal to the daemon."""
    return lambda running: running.signal(number)


steps = st.one_of(
    st.builds(writes, paths, seeds),
    st.builds(replaces, paths, seeds),
    st.builds(deletes, paths),
    st.builds(renames, paths, paths),
    st.builds(renames, st.sampled_from(FOLDERS), st.sampled_from(FOLDERS)),
    st.builds(fills, st.sampled_from(FOLDERS), st.integers(1, 12)),
    st.builds(breaks, paths),
    st.builds(is_told, st.sampled_from([signal.SIGHUP, signal.SIGUSR1])),
)
histories = st.lists(st.tuples(steps, st.sampled_from(PAUSES)), min_size=3, max_size=25)


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * ROUNDS)
@pytest.mark.parametrize("backend", ["native", "polling"])
@settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories)
def test_any_history_ends_in_the_feeds_of_a_fresh_build(backend: str, history: list) -> None:
    """The history consists of saves, moves, new and deleted folders, broken files and signals."""
    folder = Path(tempfile.mkdtemp(prefix="aggregator-living-"))
    running = DaemonProcess(SiteFolder(folder))
    running.site.settings |= {"watch": {"backend": backend, "poll": "1s"}}
    try:
        running.start()
        for step, pause in history:
            step(running)
            time.sleep(pause)
        settle(running, 2.5 if backend == "polling" else SETTLED)
        running.wait_for_fresh_build()
        assert running.stop() == 0
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(60)
        shutil.rmtree(folder)


def settle(running: DaemonProcess, quiet: float) -> None:
    """Wait until the daemon has taken no turn for a while, so that no event is pending; no scan helps it."""
    turns, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal turns, since
        now = running.status()["turns"]
        if now != turns:
            turns, since = now, time.monotonic()
        return time.monotonic() - since > quiet

    # The polling watcher takes a turn each second even if nothing changed.
    if running.status()["backend"] == "polling":
        time.sleep(quiet)
    else:
        wait_until(is_quiet, 10 + TOLERANCE, what="turns without end")
