"""Notifications to systemd (sd_notify(3)), on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.service.systemd import SystemdNotifier


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """Return a socket such as systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.settimeout(5)
        made.bind(str(tmp_path / "notify"))
        yield made


def test_each_message_is_one_datagram(listening: socket.socket) -> None:
    """All KEY=value lines are sent together."""
    SystemdNotifier(listening.getsockname()).notify(READY="1", STATUS="3 feeds, healthy")
    assert listening.recv(1000) == b"READY=1\nSTATUS=3 feeds, healthy"


def test_an_abstract_address_is_understood(tmp_path: Path) -> None:
    """`NOTIFY_SOCKET` may be `@name`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0aggregator-test-{os.getpid()}")
        listening.settimeout(5)
        SystemdNotifier(f"@aggregator-test-{os.getpid()}").notify(READY="1")
        assert listening.recv(100) == b"READY=1"


def test_a_value_stays_on_its_line(listening: socket.socket) -> None:
    """A line feed in a status would start another assignment."""
    SystemdNotifier(listening.getsockname()).notify(STATUS="one\nMAINPID=1")
    assert listening.recv(100) == b"STATUS=one MAINPID=1"


def test_a_missing_supervisor_is_ignored(tmp_path: Path) -> None:
    """No address, a missing socket and a path that is too long are ignored."""
    SystemdNotifier("").notify(READY="1")
    SystemdNotifier(str(tmp_path / "nowhere")).notify(READY="1")
    SystemdNotifier(str(tmp_path / ("long" * 100))).notify(READY="1")


def test_a_supervisor_that_does_not_read_causes_no_delay(listening: socket.socket) -> None:
    """If its queue is full, messages are dropped and the daemon goes on."""
    systemd = SystemdNotifier(listening.getsockname())
    for number in range(2_000):
        systemd.notify(STATUS=str(number))
    assert listening.recv(100) == b"STATUS=0"


def test_the_environment_is_read_and_hidden_from_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are removed; the watchdog counts only if its process id is ours or missing."""
    for pid, seconds in ((str(os.getpid()), 20.0), ("1", 0.0), ("", 20.0)):
        monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
        monkeypatch.setenv("WATCHDOG_USEC", "20000000")
        monkeypatch.setenv("WATCHDOG_PID", pid)
        assert SystemdNotifier.from_environment().watchdog_seconds == seconds
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
