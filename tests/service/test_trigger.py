"""Requests for a regeneration and for the status: by command, by socket, by signal."""

from __future__ import annotations

import json
import signal
import stat
import threading
import time

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, time_limit, wait_until

from aggregator import AggregatorError


@pytest.mark.slow
def test_a_trigger_regenerates_now_and_reports(running: DaemonProcess) -> None:
    """It repairs and lists a published file that somebody else damaged."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    (site.feeds / "all/rss.xml").write_text("broken by hand")
    result = running.command("trigger")
    assert result.returncode == 0
    assert "all/rss.xml" in result.stdout
    running.wait_for_fresh_build()
    said = json.loads(running.command("trigger", "--json").stdout)
    assert (said["items"], said["written"]) == (1, [])


@pytest.mark.slow
def test_named_feeds_are_rendered_again(running: DaemonProcess) -> None:
    """Only those; an unknown feed is an error, with a daemon and without one."""
    site = running.site
    site.write("a.md", topics=["Sea"])
    running.start()
    assert running.trigger("sea")["rendered"] == 1
    with pytest.raises(AggregatorError, match="no such feed: see"):
        running.trigger("sea", "see")
    running.stop()
    assert "1 feeds rendered" not in running.command("trigger", "sea").stderr
    refused = running.command("trigger", "see")
    assert refused.returncode == 1
    assert "no such feed: see" in refused.stderr


def test_without_a_daemon_the_command_builds(running: DaemonProcess) -> None:
    """It does so even on a site that was never built."""
    site = running.site
    site.config()
    site.write("a.md", title="A")
    assert running.command("trigger").returncode == 0
    running.wait_for_titles("A")


@pytest.mark.slow
def test_fifty_triggers_at_once_become_few_turns(running: DaemonProcess) -> None:
    """Each gets the report of a turn that began after its request."""
    site = running.site
    for number in range(300):
        site.write(f"{number}.md", title=f"T{number}")
    running.start()
    turns = running.status()["turns"]
    site.write("last.md", title="last")
    answers: list[int] = []
    clients = [threading.Thread(target=lambda: answers.append(running.trigger()["items"])) for _ in range(50)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert answers == [301] * 50
    assert running.status()["turns"] - turns < 25


def test_sigusr1_regenerates(running: DaemonProcess) -> None:
    """It works as a trigger without an answer."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    (site.feeds / "all/rss.xml").unlink()
    running.signal(signal.SIGUSR1)
    wait_until((site.feeds / "all/rss.xml").exists)


def test_the_socket_is_private(running: DaemonProcess) -> None:
    """Its mode is 0600, whatever the umask."""
    running.start()
    found = (running.site.root / "state/control.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_the_status_is_available_during_a_turn(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long turn does not delay the status."""
    inside.start()
    started, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go_on.wait(60)

    monkeypatch.setattr(inside.daemon._parts.site.progress, "_tick", wait)
    inside.site.write("a.md", title="A")
    client = threading.Thread(target=inside.trigger)
    client.start()
    assert started.wait(60)
    began = time.monotonic()
    assert inside.status()["healthy"]
    assert time.monotonic() - began < time_limit(1)
    go_on.set()
    client.join(60)
    inside.wait_for_titles("A")


@pytest.mark.slow
def test_the_status_command_shows_the_daemon(running: DaemonProcess) -> None:
    """It shows backend, threads and problems with their age, or that no daemon runs."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    text = running.command("status").stdout
    assert f"daemon: process {running.process.pid}, healthy" in text
    assert "watcher native" in text
    assert "threads" not in text  # all of them are alive
    site.seeds.rename(site.root / "away")
    wait_until(lambda: not running.status()["healthy"])
    text = running.command("status").stdout
    assert "NOT HEALTHY" in text
    assert "the seeds folder is missing (for" in text
    ages = running.status()["problem_ages"]
    assert 0 <= ages["watcher"] < 10
    running.stop()
    assert "no daemon runs" in running.command("status").stdout
