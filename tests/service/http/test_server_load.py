"""Thousands of connections, many of them bad: feeds are still served and turns are not delayed."""

from __future__ import annotations

import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from support.http_client import TIMEOUT, EventStream, connect, fetch
from support.running_daemon import DaemonProcess, free_port, wait_until

OPEN, SLOW = 2_000, 200
EDITS = 15
TICK = 0.001


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Allow this process and the daemon it starts enough open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * OPEN + 1_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"2,000 connections: the hard limit of open files is {hard}, below {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def edit_to_feed(running: DaemonProcess, word: str) -> float:
    """Return the median time, in seconds, from an edit until the feed on disk shows it."""
    feed, found = running.site.feeds / "all/rss.xml", []
    for number in range(EDITS):
        title = f"{word} {number}"
        running.site.write("99.md", title=title)
        began = time.monotonic()
        while title.encode() not in feed.read_bytes():
            assert time.monotonic() - began < TIMEOUT, "the feed does not show an edit"
            time.sleep(TICK)
        found.append(time.monotonic() - began)
    return statistics.median(found)


@contextmanager
def crowd(address: str) -> Iterator[list[socket.socket]]:
    """Hold 2,000 connections: most have asked once and idle, 100 dribble headers, 100 ask for much and never read."""
    held: list[socket.socket] = []
    done = threading.Event()
    dribbling = threading.Thread(target=lambda: dribble(held[: SLOW // 2], done))
    try:
        for number in range(OPEN):
            made = connect(address, receive=4_096 if number < SLOW else 0)
            held.append(made)
            if number >= SLOW:
                made.sendall(b"HEAD /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n")
                assert made.recv(12) == b"HTTP/1.1 200"
        for one in held[SLOW // 2 : SLOW]:
            one.setblocking(False)
            with suppress(BlockingIOError):
                for _ in range(20):
                    one.sendall(b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        dribbling.start()
        yield held
    finally:
        done.set()
        if dribbling.is_alive():
            dribbling.join(TIMEOUT)
        for one in held:
            one.close()


def dribble(connections: list[socket.socket], done: threading.Event) -> None:
    """Send the headers of a request, a byte a second."""
    for byte in b"GET /all/rss.xml HTTP/1.1\r\nX: " + b"a" * 1_000:
        for one in connections:
            with suppress(OSError):
                one.sendall(bytes([byte]))
        if done.wait(1):
            return


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_many_files")
def test_a_crowd_delays_neither_feeds_nor_turns(running: DaemonProcess) -> None:
    """With 2,000 connections open, 200 of them bad, others are served, and an edit takes at most 3 times as long."""
    for number in range(200):
        running.site.write(f"{number}.md", "Some words of the body. " * 20)
    running.site.settings["server"] = {"port": free_port(), "timeout": "5m"}
    running.start(serve=True)
    address = running.address
    wait_until(lambda: fetch(address, "/all/rss.xml").status == 200, TIMEOUT)
    edit_to_feed(running, "Warming up")
    alone = edit_to_feed(running, "Alone")
    with crowd(address) as held:
        crowded = edit_to_feed(running, "Crowded")
        assert len(held) == OPEN
        feed = running.site.feeds / "all/rss.xml"
        wait_until(lambda: fetch(address, "/all/rss.xml").body == feed.read_bytes())  # it hears of the last edit
        for number in range(50):
            reply = fetch(address, "/all/rss.xml")
            assert reply.status == 200
            assert reply.body == feed.read_bytes(), number
        listener = EventStream(address)
        running.site.write("99.md", title="Told in a crowd")
        assert listener.next() == ["all"]
        listener.close()
        assert fetch(address, "/healthz").status == 200
    print(f"edit to feed: {alone * 1e3:.0f} ms alone, {crowded * 1e3:.0f} ms in a crowd")
    assert crowded < 3 * alone
    assert running.stop() == 0
