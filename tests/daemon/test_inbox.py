"""When the daemon's loop wakes: often while something happens, rarely at rest, at once when there is a reason."""

from __future__ import annotations

import threading
import time

import pytest

from aggregator import work
from aggregator.work import Inbox


def waited(inbox: Inbox) -> float:
    """Give how long the inbox waits when nothing happens."""
    began = time.monotonic()
    assert not inbox.gather()
    return time.monotonic() - began


def test_at_rest_it_wakes_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without any reason; a scan on schedule is none, an event is one."""
    monkeypatch.setattr(work, "RESTING", 0.2)
    inbox = Inbox()
    assert waited(inbox) < work.LAZY
    inbox.put("scan")
    assert inbox.gather().scan
    assert waited(inbox) >= work.LAZY
    inbox.put("hint", "a.md")
    assert inbox.gather().hints == {"a.md"}
    assert waited(inbox) < work.LAZY


def test_a_supervisor_hears_of_it_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who must be told every 4 seconds has four looks in that time."""
    monkeypatch.setattr(work, "RESTING", 0.0)
    assert waited(Inbox(4.0)) < 1.5
    assert waited(Inbox(60.0)) >= work.LAZY


def test_a_reason_is_acted_on_at_once_however_deep_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not wait for the next look."""
    monkeypatch.setattr(work, "RESTING", 0.0)
    inbox = Inbox()
    threading.Timer(0.2, inbox.put, ("due",)).start()
    began = time.monotonic()
    assert inbox.gather().due
    assert time.monotonic() - began < 1.0
