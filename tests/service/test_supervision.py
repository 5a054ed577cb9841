"""Under systemd: READY after the first turn, STATUS, WATCHDOG only while all threads are alive, STOPPING."""

from __future__ import annotations

import itertools
import socket
import statistics
import threading
import time
from collections.abc import Iterator

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, wait_until


class Systemd:
    """A datagram socket that records messages."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.received: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._socket.recv(10_000):
            self.received.append((time.monotonic(), dict(line.split("=", 1) for line in message.decode().split("\n"))))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.path)
        self._thread.join(60)
        self._socket.close()

    def times(self, key: str) -> list[float]:
        """Return when a key was received."""
        return [moment for moment, said in self.received if key in said]


@pytest.fixture
def systemd(tmp_path) -> Iterator[Systemd]:
    made = Systemd(str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.mark.slow
def test_systemd_is_notified_from_start_to_stop(running: DaemonProcess, systemd: Systemd) -> None:
    """It sends READY=1 once the feeds exist, STATUS= for each turn, WATCHDOG=1 at least twice per interval, STOPPING=1."""
    running.site.write("a.md", title="A")
    running.start(wait=False, NOTIFY_SOCKET=systemd.path, WATCHDOG_USEC="1000000")
    wait_until(lambda: systemd.times("READY"), 20)
    assert running.site.titles() == ["A"]
    said = next(one for _, one in systemd.received if "READY" in one)
    assert said["STATUS"].endswith("healthy")
    time.sleep(1.2)
    beats = systemd.times("WATCHDOG")
    # The usual pause: a machine that is busy with other tests may stop all of us for a second.
    assert statistics.median(later - sooner for sooner, later in itertools.pairwise(beats)) < 1
    running.site.seeds.rename(running.site.root / "away")
    wait_until(lambda: not running.status()["healthy"])
    before = len(systemd.times("WATCHDOG"))
    wait_until(lambda: len(systemd.times("WATCHDOG")) > before, what="a missing folder is no reason for a restart")
    assert running.stop() == 0
    wait_until(lambda: systemd.times("STOPPING"))


@pytest.mark.slow
def test_no_heartbeat_while_a_thread_is_dead(
    inside: DaemonThread, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that stays dead is in the status, and systemd may restart the daemon."""
    from aggregator.service.systemd import SystemdNotifier

    inside.start()
    inside.daemon._parts.systemd = SystemdNotifier(systemd.path, watchdog_usec="500000")
    wait_until(lambda: systemd.times("WATCHDOG"))
    monkeypatch.setattr(inside.daemon._parts.scheduler, "check", lambda: True)
    inside.daemon._parts.scheduler._scheduler.shutdown()
    inside.daemon._parts.scheduler._scheduler = None
    wait_until(lambda: not inside.status()["healthy"])
    assert "scheduler" in inside.status()["problems"]["threads"]
    before = len(systemd.times("WATCHDOG"))
    time.sleep(0.8)
    assert len(systemd.times("WATCHDOG")) == before


def test_the_watchdog_is_notified_during_a_long_turn(inside: DaemonThread, systemd: Systemd) -> None:
    """The watchdog is notified during a turn, too."""
    from aggregator.service.systemd import SystemdNotifier

    inside.start()
    inside.daemon._parts.systemd = SystemdNotifier(systemd.path, watchdog_usec="500000")
    inside.daemon._self_check._notified = 0.0
    inside.daemon._keepalive()
    wait_until(lambda: systemd.times("WATCHDOG"))
