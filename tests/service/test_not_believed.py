"""Neither an unreadable folder nor an empty index is taken for an empty site (G1, G5)."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, time_limit, wait_until
from support.site_folder import SiteFolder

from aggregator.service import daemon, scan_timing
from aggregator.site import render_jobs
from aggregator.site.site import Site

COUNT = 10


@pytest.fixture
def lost(inside: DaemonThread) -> SiteFolder:
    """Return a published site whose state folder is lost."""
    site = inside.site
    for number in range(COUNT):
        site.write(f"{number}.md", title=f"T{number}")
    site.build(now=int(time.time()))
    shutil.rmtree(site.root / "state")
    return site


class Unlisted:
    """A folder that cannot be listed while it is `broken`."""

    def __init__(self, folder: str, patches: pytest.MonkeyPatch) -> None:
        self.folder, self.broken = folder, True
        for name in ("scandir", "open"):
            patches.setattr(os, name, self._denying(getattr(os, name)))

    def _denying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any = ".", *words: Any, **named: Any) -> Any:
            if self.broken and isinstance(path, str) and path.rstrip("/") == self.folder:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, *words, **named)

        return called


@pytest.fixture
def unlisted(lost: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> Unlisted:
    """Return the seeds folder of a lost site, which cannot be listed."""
    return Unlisted(str(lost.seeds), monkeypatch)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects the turns from now on, by the method called."""
    taken: list[str] = []

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(Site, name)

        def counted(self: Site, *words: Any, **named: Any) -> Any:
            taken.append(name)
            return real(self, *words, **named)

        return counted

    for name in ("take_partial_turn", "take_full_turn"):
        monkeypatch.setattr(Site, name, counting(name))
    return taken


def fail_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch the site so that its first turn fails."""
    take, turns = Site._take_turn, []

    def failing(self: Site, *words: Any, **named: Any) -> Any:
        turns.append(1)
        if len(turns) == 1:
            raise OSError(errno.EIO, "Input/output error")
        return take(self, *words, **named)

    monkeypatch.setattr(Site, "_take_turn", failing)


def test_an_edit_before_the_index_is_filled_is_not_taken_for_the_whole_site(
    inside: DaemonThread, lost: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first turn failed; an edit before the retry is published together with all other items."""
    fail_first(monkeypatch)
    monkeypatch.setattr("aggregator.service.turns.RETRY", 600.0)
    inside.start()
    lost.write("3.md", title="edited")
    inside.wait_for_title("edited")
    assert len(lost.titles()) == COUNT


def test_a_last_edit_is_not_published_from_an_empty_index(
    inside: DaemonThread, lost: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon stops before its index is filled: the feeds stay as they are until the next start."""
    fail_first(monkeypatch)
    monkeypatch.setattr("aggregator.service.turns.RETRY", 600.0)
    inside.start()
    inside.daemon._parts.inbox.put("stop")
    inside.daemon._parts.inbox.put("hint", "3.md")
    inside.thread.join(60)
    assert len(lost.titles()) == COUNT


@pytest.mark.slow
def test_seeds_that_cannot_be_listed_do_not_empty_a_site_whose_index_is_lost(
    inside: DaemonThread, unlisted: Unlisted, turns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feeds and archive pages stay, the status says why, and the daemon recovers once the folder can be listed."""
    site = inside.site
    before = site.documents()
    monkeypatch.setattr("aggregator.service.turns.RETRY", 0.3)
    inside.start()
    time.sleep(1)
    assert "cannot be read" in inside.status()["problems"]["folder"]
    assert site.documents() == before
    assert len(turns) <= 6
    unlisted.broken = False
    wait_until(lambda: inside.status()["healthy"])
    assert len(site.titles()) == COUNT


@pytest.mark.slow
def test_a_folder_that_cannot_be_listed_is_retried_with_a_pause(
    inside: DaemonThread, unlisted: Unlisted, turns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit in such a folder once led to retries without a pause."""
    unlisted.broken = False
    inside.start()
    monkeypatch.setattr("aggregator.service.turns.RETRY", 0.3)
    unlisted.broken = True
    inside.site.write("3.md", title="edited")
    time.sleep(1.5)
    assert 1 <= len(turns) <= 12
    unlisted.broken = False
    inside.daemon._parts.inbox.put("scan")
    inside.wait_for_title("edited")


def test_a_folder_that_is_back_is_accepted_at_the_next_scan(
    inside: DaemonThread, unlisted: Unlisted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unhealthy daemon scans everything at the next scheduled scan, however expensive that is."""
    unlisted.broken = False
    inside.start()
    monkeypatch.setitem(scan_timing.SHARE, "native", 1e-9)
    unlisted.broken = True
    inside.daemon._parts.inbox.put("regenerate")
    wait_until(lambda: "folder" in inside.status()["problems"])
    unlisted.broken = False
    inside.daemon._parts.inbox.put("scan")
    wait_until(lambda: inside.status()["healthy"])


@pytest.mark.slow
def test_published_feeds_that_somebody_removed_are_noticed_between_walks(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quick scan notices that the site's own pages are missing, and causes a full scan."""
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    monkeypatch.setitem(scan_timing.SHARE, "native", 1e-9)
    for number in range(2):
        site.feeds.rename(site.root / f"gone{number}")
        inside.daemon._parts.inbox.put("scan")
        inside.wait_for_title("A", seconds=10)
        time.sleep(0.5)  # until that turn has ended


@pytest.mark.slow
def test_a_port_that_is_taken_is_not_called_a_bug(running: DaemonProcess) -> None:
    """The exit code is 2 and the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        running.site.settings["server"] = {"port": other.getsockname()[1]}
        running.start(wait=False, serve=True)
        assert running.process.wait(60) == 2
    said = running.log_file.read_text()
    assert "stop what listens there" in said
    assert "bug" not in said


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), sqlite3.OperationalError("full")])
def test_an_index_that_cannot_be_replaced_yet_is_retried(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """With a damaged index on a full disk, the daemon goes on, reports it, and replaces the index once there is space."""
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    replace_index, tries = Site.replace_index, []

    def failing(self: Site, cause: BaseException) -> None:
        tries.append(1)
        if len(tries) < 5:
            raise error
        replace_index(self, cause)

    monkeypatch.setattr(Site, "replace_index", failing)
    monkeypatch.setattr("aggregator.service.turns.RETRY", 0.1)
    take_full_turn = Site.take_full_turn

    def damaged(self: Site, **named: Any) -> Any:
        if len(tries) < 5:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return take_full_turn(self, **named)

    monkeypatch.setattr(Site, "take_full_turn", damaged)
    inside.daemon._parts.inbox.put("regenerate")
    wait_until(lambda: "a new one cannot be created" in inside.status()["problems"].get("index", ""))
    site.write("b.md", title="B")
    wait_until(lambda: inside.status()["healthy"])
    inside.wait_for_title("B")


@pytest.mark.slow
def test_a_long_turn_ends_when_the_daemon_has_to_stop(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """While many feeds are rendered again, it stops within a moment; the next start goes on."""
    site = inside.site
    for number in range(40):
        site.write(f"{number}.md", title=f"T{number}", topics=[f"Topic {number}"])
    inside.start()
    rendered = render_jobs.render_feed

    def slowly(*words: Any) -> Any:
        time.sleep(0.2)
        return rendered(*words)

    monkeypatch.setattr(render_jobs, "render_feed", slowly)
    monkeypatch.setattr(daemon, "LONGEST_STOP", 0.1)
    site.settings["site"] = {"title": "Another", "url": "https://feeds.example.org/"}
    site.config()
    inside.daemon._parts.inbox.put("reload")
    wait_until(lambda: "Another" in (site.feeds / "all/rss.xml").read_text())
    began = time.monotonic()
    inside.stop()
    assert time.monotonic() - began < time_limit(4)
    assert "Another" not in (site.feeds / "topic-9/rss.xml").read_text()
