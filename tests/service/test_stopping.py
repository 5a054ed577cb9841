"""Starting and stopping: within 5 s, without losing work, one daemon for each state folder (guarantees G7, G14)."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, time_limit, wait_until

from aggregator import AggregatorError
from aggregator.service.control import ControlServer, Request
from aggregator.service.stop_signals import EXIT_CODE


def test_sigterm_in_a_burst_stops_within_five_seconds(running: DaemonProcess) -> None:
    """While thousands of files are being written, it exits with code 0; the next start publishes them all."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    for number in range(1_800):
        site.write(f"{number}.md", title=f"T{number}")
        if number == 1_300:
            running.signal(signal.SIGTERM)
            began = time.monotonic()
    assert running.process.wait(60) == 0
    assert time.monotonic() - began < time_limit(5)
    assert not (site.root / "state/control.sock").exists()
    assert running.lines("stopped") != []
    running.start()
    wait_until(lambda: running.count_indexed() == 1_801, 10)
    running.wait_for_fresh_build(10)


@pytest.mark.slow
def test_sigterm_in_the_first_turn_stops_too(running: DaemonProcess) -> None:
    """An unfinished first turn is undone; the next start takes it."""
    for number in range(1_800):
        running.site.write(f"{number}.md", title=f"T{number}")
    running.start(wait=False)
    wait_until(lambda: "started" in running.log_file.read_text(), 20)
    running.signal(signal.SIGTERM)
    began = time.monotonic()
    assert running.process.wait(60) == 0
    assert time.monotonic() - began < time_limit(5)
    running.start()
    running.wait_for_fresh_build(10)


def test_a_turn_that_takes_too_long_is_undone(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of minutes does not delay the stop; its triggers are answered."""
    monkeypatch.setattr("aggregator.service.daemon.LONGEST_STOP", 0.2)
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    started, taking = threading.Event(), inside.daemon._keepalive

    def slowly() -> None:
        started.set()
        for _ in range(100):
            time.sleep(0.1)
            taking()

    monkeypatch.setattr(inside.daemon._parts.site.progress, "_tick", slowly)
    answers = []

    def ask() -> None:
        with pytest.raises(AggregatorError) as caught:
            inside.trigger()
        answers.append(str(caught.value))

    client = threading.Thread(target=ask)
    inside.daemon._parts.watcher._watchers[""]._handler._hint = lambda _: None  # only the trigger leads to a turn
    site.write("b.md", title="B")
    client.start()
    assert started.wait(60)
    began = time.monotonic()
    assert inside.stop() == 0
    assert time.monotonic() - began < time_limit(3)
    client.join(60)
    assert "stopping" in answers[0]
    assert site.titles() == ["A"]


@pytest.mark.slow
def test_a_slow_disk_does_not_delay_stopping(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that writes dozens of feeds ends between two of them; the next build writes the rest."""
    monkeypatch.setattr("aggregator.service.daemon.LONGEST_STOP", 0.2)
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    with monkeypatch.context() as slow:
        slow.setattr("aggregator.publisher.atomic.Disk.fsync", lambda _self, _fd: time.sleep(0.3))
        for number in range(40):
            site.write(f"{number}.md", title=f"T{number}", topics=[f"Topic {number}"])
        wait_until(lambda: any(site.feeds.glob("topic-*/rss.xml")))
        began = time.monotonic()
        assert inside.stop() == 0
        assert time.monotonic() - began < time_limit(5)
    assert len(site.slugs()) < 41
    site.build(None)
    assert len(site.slugs()) == 41


def test_a_last_edit_is_published_before_it_ends(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit is published even if the daemon is stopped right after its file event, long before events settle."""
    monkeypatch.setattr("aggregator.service.inbox.SETTLE", 30.0)
    monkeypatch.setattr("aggregator.service.inbox.LONGEST_SETTLE", 30.0)
    inside.site.write("a.md", title="A")
    inside.start()
    received, handler = threading.Event(), inside.daemon._parts.watcher._watchers[""]._handler
    hint = handler._hint

    def note(path: str) -> None:
        hint(path)
        received.set()

    monkeypatch.setattr(handler, "_hint", note)
    inside.site.write("a.md", title="B")
    assert received.wait(60)
    assert inside.site.titles() == ["A"]
    assert inside.stop() == 0
    assert inside.site.titles() == ["B"]


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(running: DaemonProcess) -> None:
    """It ends whatever it is doing; the next start needs no repair."""
    for number in range(1_800):
        running.site.write(f"{number}.md", title=f"T{number}")
    running.start(wait=False)
    wait_until(lambda: "started" in running.log_file.read_text(), 20)
    time.sleep(0.1)
    children = running.children()
    running.signal(signal.SIGTERM)
    began = time.monotonic()
    running.signal(signal.SIGINT)
    # Of two signals that are pending the system delivers the one with the lower number first.
    assert running.process.wait(60) in {0, EXIT_CODE + signal.SIGINT, EXIT_CODE + signal.SIGTERM}
    assert time.monotonic() - began < time_limit(1)
    wait_until(lambda: not any(is_alive(child) for child in children), 5, what="a worker outlives its daemon")
    running.start()
    running.wait_for_fresh_build(10)


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_sigkill_needs_no_repair_afterwards(running: DaemonProcess) -> None:
    """The socket it left disturbs neither a new daemon nor a command."""
    running.site.write("a.md", title="A")
    running.start()
    running.process.kill()
    running.process.wait(60)
    running.site.write("b.md", title="B")
    assert running.command("trigger").returncode == 0
    running.wait_for_titles("A", "B")
    running.start()
    wait_until(lambda: running.status()["healthy"])
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_daemon(running: DaemonProcess) -> None:
    """They end after `kill -9` while several processes parse."""
    for number in range(6_000):
        running.site.write(f"{number}.md", title=f"T{number}")
    running.start(wait=False)
    wait_until(running.children, 20)
    children = running.children()
    running.process.kill()
    running.process.wait(60)
    wait_until(lambda: not any(is_alive(child) for child in children), 5, what="a worker outlives its daemon")


@pytest.mark.slow
def test_a_second_daemon_on_one_state_folder_exits(running: DaemonProcess) -> None:
    """The second exits with code 3 and names the first, which goes on together with its socket."""
    running.site.write("a.md", title="A")
    running.start()
    second = running.command("run")
    assert second.returncode == 3
    assert f"process {running.process.pid}" in second.stderr
    assert running.command("build").returncode == 3
    wait_until(lambda: running.status()["healthy"])


def test_a_daemon_that_cannot_start_leaves_no_thread(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the control socket cannot be opened, the error is raised and everything started is stopped."""
    before = set(threading.enumerate())

    def refuse(_self: ControlServer) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ControlServer, "start", refuse)
    from aggregator.service.daemon import Daemon

    with pytest.raises(OSError, match="No space"):
        Daemon(inside.site.config(), clock=time.time).run()
    wait_until(lambda: set(threading.enumerate()) <= before)


def test_a_request_to_a_daemon_that_has_ended_is_answered(inside: DaemonThread) -> None:
    """A request after the end is answered at once."""
    inside.start()
    inside.stop()
    assert "stopping" in inside.daemon._answer(Request(do="trigger")).error
