"""When the daemon's loop wakes: often while something happens, rarely when idle, and at once for a message."""

from __future__ import annotations

import threading
import time

import pytest
from support.running_daemon import time_limit

from aggregator.service import inbox as inbox_module
from aggregator.service.control import Request
from aggregator.service.inbox import BURST, MANY, Inbox, Kind, Trigger


def waited(inbox: Inbox) -> float:
    """Return how long the inbox waits without a message."""
    began = time.monotonic()
    assert not inbox.gather()
    return time.monotonic() - began


@pytest.mark.slow
def test_an_idle_inbox_wakes_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without messages it waits longer; scheduled scans do not count as messages, events do."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.2)
    inbox = Inbox()
    assert waited(inbox) < inbox_module.IDLE_INTERVAL
    inbox.put("scan")
    assert inbox.gather().scan
    assert waited(inbox) >= inbox_module.IDLE_INTERVAL
    inbox.put("hint", "a.md")
    assert inbox.gather().hints == {"a.md"}
    assert waited(inbox) < inbox_module.IDLE_INTERVAL


@pytest.mark.slow
def test_a_watchdog_is_notified_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a watchdog of 4 seconds there are four checks in that time."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.0)
    assert waited(Inbox(4.0)) < time_limit(1.5)
    assert waited(Inbox(60.0)) >= inbox_module.IDLE_INTERVAL


def test_a_message_is_returned_at_once_while_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for the next check."""
    monkeypatch.setattr(inbox_module, "IDLE_AFTER", 0.0)
    inbox = Inbox()
    threading.Timer(0.2, inbox.put, ("due",)).start()
    began = time.monotonic()
    assert inbox.gather().due
    assert time.monotonic() - began < time_limit(1.0)


def put_hints(inbox: Inbox, *, every: float, together: int, lasts: float) -> threading.Thread:
    """Put hints without pause, `together` at a time, on a thread."""

    def put() -> None:
        ends, number = time.monotonic() + lasts, 0
        while time.monotonic() < ends:
            for _ in range(together):
                inbox.put("hint", f"{number}.md")
                number += 1
            time.sleep(every)

    thread = threading.Thread(target=put)
    thread.start()
    return thread


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pauses that end a burst so long that a busy machine does not make them by itself."""
    for name, seconds in {"SETTLE": 0.4, "LONGEST_SETTLE": 0.6, "PAUSE": 2.0, "LONGEST_BURST": 60.0}.items():
        monkeypatch.setattr(inbox_module, name, seconds)


@pytest.mark.slow
@pytest.mark.usefixtures("long_pauses")
def test_a_burst_is_one_turn() -> None:
    """Thousands of files a second are collected until they pause."""
    inbox = Inbox()
    thread = put_hints(inbox, every=0.002, together=40, lasts=1.5)
    work = inbox.gather()
    assert not thread.is_alive()
    assert len(work.hints) > 1_000
    assert inbox._queue.empty()


def test_edits_without_pause_are_not_waited_for() -> None:
    """Hundreds of edits a second are no burst, however many came during a turn."""
    inbox = Inbox()
    for number in range(300):
        inbox.put("hint", f"before{number}.md")
    thread = put_hints(inbox, every=0.005, together=1, lasts=1.5)
    assert len(inbox.gather().hints) >= 300
    assert thread.is_alive()
    thread.join()


@pytest.mark.slow
@pytest.mark.usefixtures("long_pauses")
def test_a_writer_of_thousands_may_pause_for_a_moment() -> None:
    """A slow disk does not split a burst, since a second turn would render everything again."""
    inbox = Inbox()
    for number in range(2 * MANY):
        inbox.put("hint", f"before{number}.md")
    late = threading.Timer(0.7, lambda: [inbox.put("hint", f"after{number}.md") for number in range(BURST)])
    late.start()
    assert len(inbox.gather().hints) == 2 * MANY + BURST


def test_more_files_than_the_queue_holds_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a million files come during a long turn, a full scan follows, in bounded memory."""
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


def test_archive_pages_give_way_to_messages() -> None:
    """They get a second of a turn, and nothing once a message waits."""
    inbox = Inbox()
    assert [inbox.is_urgent(seconds) for seconds in (0.0, 0.5, 1.5)] == [False, False, True]
    inbox.put("hint", "a.md")
    assert inbox.is_urgent(0.0)


@pytest.fixture
def slow_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever settles take very long."""
    for name in ("SETTLE", "LONGEST_SETTLE"):
        monkeypatch.setattr(inbox_module, name, 30.0)


def put_later(inbox: Inbox, *messages: tuple[Kind, str]) -> None:
    """Put messages together, once somebody waits for them."""

    def put() -> None:
        for message in messages:
            inbox.put(*message)

    threading.Timer(0.1, put).start()


@pytest.mark.usefixtures("slow_to_settle")
def test_a_complete_file_after_a_rest_is_acted_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor creates, fills and closes it: from then on nothing is waited for."""
    monkeypatch.setattr(inbox_module, "AT_REST", 0.0)
    inbox = Inbox()
    for path in ("a.md", "b.md"):
        put_later(inbox, ("hint", path), ("hint", path), ("complete", path))
        assert inbox.gather(60.0).hints == {path}


def test_what_came_during_a_turn_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is no rest: a burst that began meanwhile goes on."""
    monkeypatch.setattr(inbox_module, "AT_REST", 0.0)
    monkeypatch.setattr(inbox_module, "SETTLE", 0.2)
    monkeypatch.setattr(inbox_module, "LONGEST_SETTLE", 60.0)
    inbox = Inbox()
    inbox.put("complete", "a.md")
    put_later(inbox, ("complete", "late.md"))
    assert inbox.gather().hints == {"a.md", "late.md"}


@pytest.mark.parametrize(
    ("rest", "messages"),
    [
        (0.0, [("hint", "a.md")]),
        (0.0, [("hint", "gone.md"), ("complete", "a.md")]),
        (0.0, [("hint", "a.md"), ("complete", "b.md"), ("hint", "b.md")]),
        (60.0, [("complete", "a.md")]),
    ],
    ids=["deleted", "deleted and another", "written again", "no rest"],
)
def test_all_else_settles(rest, messages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion, a file that is being written, and whatever comes without a rest before it wait for a pause."""
    monkeypatch.setattr(inbox_module, "AT_REST", rest)
    monkeypatch.setattr(inbox_module, "SETTLE", 0.2)
    monkeypatch.setattr(inbox_module, "LONGEST_SETTLE", 60.0)
    inbox = Inbox()
    for kind, path in messages:
        inbox.put(kind, path)
    threading.Timer(0.05, inbox.put, ("hint", "late.md")).start()
    assert "late.md" in inbox.gather().hints
