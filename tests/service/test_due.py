"""No due moment is missed, whatever the daemon is doing: embargoes lift and items expire (guarantee G10)."""

from __future__ import annotations

import signal
import time

import pytest
from support.running_daemon import TOLERANCE, DaemonProcess, time_limit, wait_until
from support.site_folder import iso

PUNCTUAL = 0.6
"""How late, in seconds, an item may appear here; the goal is 0.1, the rest allows for a busy machine."""

LATE = pytest.mark.parametrize("late", [PUNCTUAL + TOLERANCE, pytest.param(PUNCTUAL, marks=pytest.mark.slow)])
"""How late an item may appear beside other tests, which may delay it, and alone."""


def soon(seconds: float = 2) -> int:
    """Return a whole second that many seconds ahead."""
    return int(time.time() + seconds) + 1


def after_a_start(running: DaemonProcess) -> int:
    """Return a whole second that lies after the next start, judged by how long one takes now."""
    began = time.monotonic()
    running.start()
    assert running.stop() == 0
    return soon(max(2.0, 4 * (time.monotonic() - began)))


def lateness(running: DaemonProcess, title: str, moment: int, *, present: bool) -> float:
    """Wait until an item appears or disappears; return how long after `moment` that was."""
    running.wait_for_title(title, present=present, seconds=moment - time.time() + 10)
    return time.time() - moment


@pytest.mark.slow
@LATE
def test_an_embargo_lifts_and_an_item_expires_at_their_moment(running: DaemonProcess, late: float) -> None:
    """Without any file event, one item appears and another disappears on time."""
    site, moment = running.site, after_a_start(running)
    site.write("a.md", title="leaves", expires=iso(moment + 1))
    site.write("b.md", title="appears", publishedDateTime=iso(moment))
    running.start()
    running.wait_for_titles("leaves")
    assert running.status()["due"] == moment
    came = lateness(running, "appears", moment, present=True)
    went = lateness(running, "leaves", moment + 1, present=False)
    print(f"appeared {came * 1000:.0f} ms, left {went * 1000:.0f} ms after its moment")
    assert 0 <= came <= time_limit(late)
    assert 0 <= went <= time_limit(late)
    running.wait_for_fresh_build()


@pytest.mark.slow
@LATE
def test_a_due_moment_set_at_run_time_is_kept(running: DaemonProcess, late: float) -> None:
    """A new embargoed seed that is due before all others becomes the next due moment."""
    site = running.site
    site.write("far.md", title="far", publishedDateTime=iso(soon(5_000)))
    running.start()
    moment = soon(0.3)
    site.write("near.md", title="near", publishedDateTime=iso(moment))
    assert 0 <= lateness(running, "near", moment, present=True) <= time_limit(late)


@pytest.mark.slow
def test_moments_missed_while_suspended_are_caught_up(running: DaemonProcess) -> None:
    """After SIGSTOP across both moments, feeds are right soon after SIGCONT."""
    site, moment = running.site, after_a_start(running)
    site.write("a.md", title="leaves", expires=iso(moment))
    site.write("b.md", title="appears", publishedDateTime=iso(moment))
    running.start()
    running.signal(signal.SIGSTOP)
    time.sleep(max(0.0, moment + 0.5 - time.time()))
    running.signal(signal.SIGCONT)
    assert running.wait_for_title("appears") + running.wait_for_title("leaves", present=False) < time_limit(
        1.5 + TOLERANCE
    )
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_moments_missed_while_it_does_not_run_are_caught_up(running: DaemonProcess) -> None:
    """The daemon stops before both moments and starts after them."""
    site, moment = running.site, after_a_start(running)
    site.write("a.md", title="leaves", expires=iso(moment))
    site.write("b.md", title="appears", publishedDateTime=iso(moment))
    running.start()
    assert running.stop() == 0
    assert site.titles() == ["leaves"]
    time.sleep(max(0.0, moment + 0.1 - time.time()))
    running.start()
    running.wait_for_titles("appears")
    running.wait_for_fresh_build()


@pytest.mark.slow
@LATE
def test_a_due_moment_is_kept_while_the_folder_is_missing(running: DaemonProcess, late: float) -> None:
    """Known items follow the clock while scans of the folder are rejected."""
    site, moment = running.site, after_a_start(running)
    site.write("a.md", title="leaves", expires=iso(moment))
    site.write("b.md", title="stays")
    running.start()
    site.seeds.rename(site.root / "away")
    assert 0 <= lateness(running, "leaves", moment, present=False) <= time_limit(late)
    assert site.titles() == ["stays"]


@pytest.mark.slow
def test_a_tombstone_expires_in_its_minute(running: DaemonProcess) -> None:
    """The moment at which a tombstone expires is a due moment like any other."""
    site = running.site
    site.settings["feed"] = {"tombstones": "1h"}
    site.write("a.md", title="stays")
    site.write("b.md", title="leaves")
    running.start()
    (site.seeds / "b.md").unlink()
    running.wait_for_title("leaves", present=False)
    assert b"<at:deleted-entry" in (site.feeds / "all/atom.xml").read_bytes()
    wait_until(lambda: running.status()["due"] is not None, what="the end of the tombstone is not a due moment")
    due = running.status()["due"]
    assert due % 60 == 0
    assert due >= time.time() + 3600 - TOLERANCE - PUNCTUAL
