"""A standby daemon takes over the state folder when its holder ends; nothing is lost or done twice."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, time_limit, wait_until
from support.site_folder import SiteFolder

from aggregator.service.standby import Standby
from aggregator.service.systemd import SystemdNotifier

TAKE_OVER = 10.0
"""Within how many seconds after its holder's death the state folder must have a new one."""


class Second(DaemonProcess):
    """A standby daemon."""

    options = ("--standby",)

    def __init__(self, site: SiteFolder, name: str) -> None:
        super().__init__(site)
        self.log_file = site.root / name

    def begin(self, *, serve: bool = False, **environment: str) -> Second:
        """Start it and wait until it stands by."""
        self.start(wait=False, serve=serve, **environment)
        wait_until(lambda: self.lines("standing by"), 20, what="it does not stand by")
        return self

    def takes_over(self) -> float:
        """Wait until it has taken over; return how long that took."""
        return wait_until(lambda: self.lines("started") and self.is_ready(), TAKE_OVER, what="it does not take over")


@pytest.fixture
def second(site: SiteFolder) -> Iterator[Second]:
    made = Second(site, "second")
    yield made
    _end(made)


@pytest.fixture
def third(site: SiteFolder) -> Iterator[Second]:
    made = Second(site, "third")
    yield made
    _end(made)


def _end(daemon: Second) -> None:
    if hasattr(daemon, "process") and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait(60)


def answers(daemon: DaemonProcess) -> bool:
    """Return whether the site's address is served."""
    address = f"http://127.0.0.1:{daemon.site.settings['server']['port']}/all/feed.json"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_it_takes_over_in_the_middle_of_edits(running: DaemonProcess, second: Second, how: signal.Signals) -> None:
    """If the holder is killed or stopped, the standby watches and serves within 10 s, and publishes every edit."""
    site = running.site
    for number in range(40):
        site.write(f"{number}.md", title=f"T{number}", topics=[f"topic {number % 3}"])
    running.start(serve=True)
    second.begin(serve=True)
    stopped = threading.Event()

    def edit() -> None:
        number = 0
        while not stopped.wait(0.01):
            number += 1
            site.write(f"{number % 50}.md", title=f"E{number}", topics=[f"topic {number % 3}"])

    editor = threading.Thread(target=edit)
    editor.start()
    time.sleep(0.5)
    running.signal(how)
    took = second.takes_over()
    stopped.set()
    editor.join(60)
    assert running.process.wait(60) == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    assert took < time_limit(TAKE_OVER)
    second.wait_for_fresh_build(10)
    wait_until(lambda: answers(second), 10)
    assert second.status()["pid"] == second.process.pid
    assert second.lines("taking over")[0]["after"] == f"process {running.process.pid}"
    wait_until(lambda: second.status()["healthy"], 10)


@pytest.mark.slow
def test_nothing_is_written_twice_and_a_last_edit_once(running: DaemonProcess, second: Second) -> None:
    """Feeds that were right are not written again; an edit that the dead holder never saw is published."""
    site = running.site
    for number in range(6):
        site.write(f"{number}.md", title=f"T{number}", topics=[f"topic {number % 3}"])
    running.start()
    second.begin()
    wait_until(lambda: len(site.titles()) == 6)
    time.sleep(0.5)
    running.signal(signal.SIGSTOP)
    before = site.file_identities()
    site.write("0.md", title="Edited", topics=["topic 0"])
    running.process.kill()
    second.takes_over()
    second.wait_for_title("Edited")
    second.wait_for_fresh_build()
    after = site.file_identities()
    changed = {name.partition("/")[0] for name in before if after[name] != before[name]}
    assert {"topic-1", "topic-2"}.isdisjoint(changed)
    assert {"all", "topic-0"} <= changed
    time.sleep(0.5)
    assert [line["rendered"] for line in second.lines("turn") if line["written"]] == [2]
    assert site.file_identities() == after


@pytest.mark.slow
def test_a_waiting_daemon_can_be_stopped(running: DaemonProcess, second: Second) -> None:
    """It stops at once with exit code 0; signals for the holder do not end it, and the holder goes on."""
    running.site.write("a.md", title="A")
    running.start()
    second.begin()
    second.signal(signal.SIGHUP)
    second.signal(signal.SIGUSR1)
    time.sleep(0.3)
    assert second.process.poll() is None
    began = time.monotonic()
    second.signal(signal.SIGTERM)
    assert second.process.wait(60) == 0
    assert time.monotonic() - began < time_limit(2)
    assert second.lines("stopped") != []
    running.site.write("b.md", title="B")
    running.wait_for_titles("A", "B")


@pytest.mark.slow
def test_one_of_two_waiting_daemons_takes_over(running: DaemonProcess, second: Second, third: Second) -> None:
    """The other one goes on waiting, and takes over when the new holder ends."""
    running.site.write("a.md", title="A")
    running.start()
    waiting = [second.begin(), third.begin()]
    running.process.kill()
    wait_until(lambda: any(one.lines("started") for one in waiting), TAKE_OVER)
    (holder,) = [one for one in waiting if one.lines("started")]
    (other,) = [one for one in waiting if one is not holder]
    wait_until(lambda: len(other.lines("standing by")) == 2)
    assert other.lines("standing by")[1]["holder"] == f"process {holder.process.pid}"
    assert other.lines("started") == []
    wait_until(holder.is_ready, 10)
    assert holder.stop() == 0
    other.takes_over()
    running.site.write("b.md", title="B")
    other.wait_for_titles("A", "B")


@pytest.mark.slow
def test_requests_go_to_the_holder(running: DaemonProcess, second: Second) -> None:
    """Trigger and status are answered by the daemon that holds the state folder."""
    running.site.write("a.md", title="A")
    running.start()
    second.begin()
    assert running.command("trigger").returncode == 0
    assert running.lines("turn") != []
    assert f"daemon: process {running.process.pid}, healthy" in running.command("status").stdout
    running.process.kill()
    second.takes_over()
    assert second.command("trigger").returncode == 0
    assert f"daemon: process {second.process.pid}, healthy" in second.command("status").stdout


@pytest.mark.slow
def test_leftovers_of_a_dead_daemon_do_not_matter(second: Second) -> None:
    """An old lock file and a dead socket do not matter: if nobody holds the lock, it starts at once."""
    state = second.site.root / "state"
    state.mkdir()
    (state / "lock").write_text("1\n")
    (state / "control.sock").touch()
    second.site.write("a.md", title="A")
    second.start()
    assert second.lines("standing by") == []
    second.wait_for_titles("A")


@pytest.mark.slow
def test_it_follows_the_config_as_its_holder_does(running: DaemonProcess, second: Second) -> None:
    """Changed rules apply after the takeover; it follows the holder to another state folder."""
    site = running.site
    site.write("a.md", title="A", quality=60)
    site.write("b.md", title="B", quality=90)
    running.start()
    second.begin()
    site.config(rules={"min_quality": 80}, state="moved")
    running.state = second.state = str(site.root / "moved")
    wait_until(running.is_ready, 10)
    wait_until(lambda: any(line["state"].endswith("moved") for line in second.lines("standing by")), 10)
    assert second.lines("started") == []
    (site.root / "config/feeds.yaml").write_text("site: {titel: x}\n")
    wait_until(lambda: running.lines("config rejected") and second.lines("config rejected"), 10)
    running.process.kill()
    second.takes_over()
    second.wait_for_titles("B")


@pytest.mark.slow
def test_it_is_ready_while_it_waits(running: DaemonProcess, second: Second, site: SiteFolder) -> None:
    """It sends systemd READY=1 at once with a status that names the holder, then the watchdog in time."""
    import socket

    site.write("a.md", title="A")
    running.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(site.root / "notify"))
        systemd.settimeout(10)
        second.begin(NOTIFY_SOCKET=str(site.root / "notify"), WATCHDOG_USEC="2000000")
        ready, status = systemd.recv(10_000).decode().split("\n")
        assert ready == "READY=1"
        assert status == f"STATUS=standing by: {site.root}/state is held by process {running.process.pid}"
        assert systemd.recv(10_000) == b"WATCHDOG=1"
        running.process.kill()
        while (said := systemd.recv(10_000).decode()) == "WATCHDOG=1":
            pass
        assert said == "STATUS=taking over"


def test_a_state_folder_that_goes_away_is_waited_for(site: SiteFolder) -> None:
    """Its disk may be unmounted: a folder created in its place would be locked instead of the real one."""
    config = site.config()
    state = Path(config.state)
    state.mkdir()
    from aggregator.site.lock import acquire_lock

    held = acquire_lock(str(state))
    waiting = Standby(config, SystemdNotifier(""))
    found: list[int | None] = []
    thread = threading.Thread(target=lambda: found.append(waiting.wait()))
    thread.start()
    time.sleep(0.2)
    shutil.move(state, site.root / "away")
    time.sleep(1)
    assert not state.exists()
    assert found == []
    shutil.move(site.root / "away", state)
    os.close(held)
    thread.join(60)
    assert found[0] is not None
    os.close(found[0])
