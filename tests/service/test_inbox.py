"""When the daemon's loop wakes: often while something happens, rarely at rest, at once when there is a reason."""

from __future__ import annotations

import threading
import time

import pytest

from aggregator.service import inbox as inbox_module
from aggregator.service.control import Request
from aggregator.service.inbox import BURST, MANY, PAUSE, Inbox, Trigger


def waited(inbox: Inbox) -> float:
    """Give how long the inbox waits when nothing happens."""
    began = time.monotonic()
    assert not inbox.gather()
    return time.monotonic() - began


def test_at_rest_it_wakes_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without any reason; a scan on schedule is none, an event is one."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.2)
    inbox = Inbox()
    assert waited(inbox) < inbox_module.IDLE_INTERVAL
    inbox.put("scan")
    assert inbox.gather().scan
    assert waited(inbox) >= inbox_module.IDLE_INTERVAL
    inbox.put("hint", "a.md")
    assert inbox.gather().hints == {"a.md"}
    assert waited(inbox) < inbox_module.IDLE_INTERVAL


def test_a_supervisor_hears_of_it_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who must be told every 4 seconds has four looks in that time."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.0)
    assert waited(Inbox(4.0)) < 1.5
    assert waited(Inbox(60.0)) >= inbox_module.IDLE_INTERVAL


def test_a_reason_is_acted_on_at_once_however_deep_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not wait for the next look."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.0)
    inbox = Inbox()
    threading.Timer(0.2, inbox.put, ("due",)).start()
    began = time.monotonic()
    assert inbox.gather().due
    assert time.monotonic() - began < 1.0


def told(inbox: Inbox, *, every: float, together: int, lasts: float) -> threading.Thread:
    """Have files told of without pause, so many together each time."""

    def tell() -> None:
        ends, number = time.monotonic() + lasts, 0
        while time.monotonic() < ends:
            for _ in range(together):
                inbox.put("hint", f"{number}.md")
                number += 1
            time.sleep(every)

    thread = threading.Thread(target=tell)
    thread.start()
    return thread


def test_a_burst_is_one_turn() -> None:
    """Thousands of files a second are waited for until they pause, a second or two."""
    inbox = Inbox()
    thread = told(inbox, every=0.002, together=40, lasts=0.6)
    began = time.monotonic()
    work = inbox.gather()
    assert time.monotonic() - began > 0.4
    thread.join()
    assert len(work.hints) > 1_000


def test_edits_without_pause_are_not_waited_for() -> None:
    """However many have come during a turn, hundreds a second are no burst."""
    inbox = Inbox()
    for number in range(300):
        inbox.put("hint", f"before{number}.md")
    thread = told(inbox, every=0.005, together=1, lasts=1.0)
    began = time.monotonic()
    assert len(inbox.gather().hints) >= 300
    assert time.monotonic() - began < 0.4
    thread.join()


def test_who_writes_thousands_may_pause_for_a_moment() -> None:
    """A disk that hesitates does not cut a burst in two: the second turn would read everything once more."""
    inbox = Inbox()
    for number in range(2 * MANY):
        inbox.put("hint", f"before{number}.md")
    late = threading.Timer(PAUSE / 2, lambda: [inbox.put("hint", f"after{number}.md") for number in range(BURST)])
    late.start()
    assert len(inbox.gather().hints) == 2 * MANY + BURST


def test_more_files_than_are_worth_remembering_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a turn of minutes is taken a million files may come: all is looked at after it, in bounded memory."""
    monkeypatch.setattr(inbox_module, "MOST_QUEUED", 50)
    inbox = Inbox()
    for _ in range(2):
        for number in range(500):
            inbox.put("hint", f"{number}.md")
        assert inbox._queue.qsize() == 51
        inbox.put("trigger", Trigger(Request(do="trigger"), None))
        found = inbox.gather()
        assert (len(found.hints), found.everything, len(found.triggers)) == (50, True, 1)
    inbox.put("hint", "a.md")
    assert not inbox.gather().everything


def test_pages_of_archives_make_way_for_what_waits_but_get_their_share() -> None:
    """A tenth of a second of a turn where something waits, a second where nothing does."""
    inbox = Inbox()
    assert [inbox.is_urgent(seconds) for seconds in (0.05, 0.5, 1.5)] == [False, False, True]
    inbox.put("hint", "a.md")
    assert [inbox.is_urgent(seconds) for seconds in (0.05, 0.5, 1.5)] == [False, True, True]
