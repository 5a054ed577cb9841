"""From sources to our feeds: `python tests/benchmarks/collecting.py many [SOURCES] [ENTRIES]`, or `… push [ROUNDS]`.

`many`: the daemon starts with SOURCES (500) that it never asked, each at a host of its own with ENTRIES (50) entries, all of
which are to be shown; seconds from its start until every entry is an item and every feed is rendered. The sources are on
a thread of this process, which takes a share of the processor.

`push`: a source publishes an entry and tells its hub, Flask-WebSub's, which pushes to us; milliseconds until our feed on the
disk shows it, p50 and p99. Twenty sources take turns, as one is not asked twice within ten seconds.

Each prints one line of JSON, with the load of the machine before.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from push import ROOT, percentiles, wait_until

sys.path.insert(0, str(ROOT / "tests"))

from support.running_daemon import free_port
from support.scripted_server import Reply, ScriptedServer, Seen
from support.site_folder import SiteFolder
from support.upstream import Upstream, collect_from
from support.websub_hubs import FlaskHub

PATIENCE = 900.0
NOW = 1_780_000_000
PARAGRAPH = "<p>" + "A sentence of some length about the garden, the sea and the harbour. " * 12 + "</p>"
COLLECTOR = """
import sys, threading, time
import msgspec
import aggregator
from aggregator.collector import polling
from aggregator.site.sources import settings_of
settings = settings_of(aggregator.load_config(sys.argv[1]))
polling.run(msgspec.structs.replace(settings, can_be_called=True), now=time.time, stop=threading.Event())
"""


class Many:
    """Feeds of many hosts: 127.1.0.1, 127.1.0.2 and so on, at one port."""

    def __init__(self, count: int, entries: int) -> None:
        self.entries = entries
        self.hosts = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]

    def answer(self, seen: Seen) -> Reply:
        items = "".join(
            f"<item><title>Entry {number} of {seen.host}</title><link>https://{seen.host}/{number}</link>"
            f"<guid isPermaLink='false'>{seen.host}-{number}</guid><pubDate>{_rfc822(NOW - number * 3_600)}</pubDate>"
            f"<description><![CDATA[{PARAGRAPH}]]></description></item>"
            for number in range(self.entries)
        )
        head = f"<title>Blog {seen.host}</title><link>https://{seen.host}/</link>"
        body = f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()
        return Reply(200, [("ETag", '"1"'), ("Content-Type", "application/rss+xml")], body)


class ManyServer(ScriptedServer):
    """Serves at the addresses of all hosts."""

    hosts: list[str]

    async def _serve(self, started):  # type: ignore[no-untyped-def]
        import asyncio

        port = free_port()
        sockets = []
        for host in self.hosts:
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
            sockets.append(one)
        servers = [await asyncio.start_server(self._answer, sock=one) for one in sockets]
        self.port = port
        started.set()
        await self._stop.wait()
        for server in servers:
            server.close()


def _rfc822(seconds: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def daemon(site: SiteFolder, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--config", "config/feeds.yaml", "--log-format", "json", *options],
        cwd=site.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=(site.root / "log").open("wb"),
    )  # fmt: skip


def published(site: SiteFolder) -> int:
    """Return how many seeds are items, or -1 if a feed is still to be rendered."""
    try:
        with closing(sqlite3.connect(f"file:{site.root}/state/index.db?mode=ro", uri=True)) as db:
            (dirty,) = db.execute("SELECT count(*) FROM feed WHERE dirty").fetchone()
            (items,) = db.execute("SELECT count(*) FROM file WHERE story IS NOT NULL").fetchone()
    except sqlite3.Error:
        return -1
    return -1 if dirty else int(items)


def many(site: SiteFolder, count: int, entries: int) -> dict[str, object]:
    """Measure how long it takes until all entries of all sources are in feeds."""
    made = Many(count, entries)
    server = ManyServer(made.answer)
    server.hosts = made.hosts
    with server:
        collect_from(site, [], first=entries)
        listed = [{"url": f"http://{host}:{server.port}/feed", "private": True} for host in made.hosts]
        (site.root / "config/sources/blogs.yaml").write_text(json.dumps(listed))
        site.config()
        began = time.perf_counter()
        process = daemon(site, "--no-serve")
        asked = collected = 0.0
        try:
            while published(site) != count * entries:
                now = time.perf_counter() - began
                asked = asked or (now if len(server.seen) >= count else 0.0)
                if now > PATIENCE:
                    raise SystemExit(
                        f"only {published(site)} of {count * entries} are published, {len(server.seen)} asked"
                    )
                time.sleep(0.1)
            collected = time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert len(server.seen) == count
    return {
        "sources": count, "entries": entries, "all_asked_s": round(asked or collected, 1), "all_in_feeds_s": round(collected, 1),
        "entries_a_second": round(count * entries / collected),
    }  # fmt: skip


def pushed(site: SiteFolder, rounds: int, folder: Path) -> dict[str, object]:
    """Measure how long it takes from a source's new entry to our feed, through a hub."""
    with ExitStack() as stack:
        hub = stack.enter_context(FlaskHub(folder))
        blogs = [stack.enter_context(Upstream(number + 2)) for number in range(20)]
        for blog in blogs:
            blog.publish("First")
            blog.headers += [("Link", f'<{blog.url}>; rel="self", <{hub.url}>; rel="hub"')]
        port = free_port()
        site.settings |= {"server": {"port": port}, "site": {"title": "Test", "url": f"http://127.0.0.1:{port}/"}}
        collect_from(site, blogs)
        site.config()
        code = [sys.executable, "-c", COLLECTOR, str(site.root / "config/feeds.yaml")]
        process = daemon(site, "--no-fetch")
        wait_until(lambda: (site.feeds / "all/feed.json").exists() or b"ready" in (site.root / "log").read_bytes())
        collector = subprocess.Popen(code, env={**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            deadline = time.perf_counter() + PATIENCE
            while subscribed(site) < len(blogs):  # two seconds lie between two requests to the hub
                if time.perf_counter() > deadline:
                    raise SystemExit(f"the hub confirmed {subscribed(site)} subscriptions only")
                time.sleep(0.1)
            wait_until(lambda: "First" in (site.feeds / "all/feed.json").read_text())
            time.sleep(12)  # the first polls are over
            found = [one_push(site, hub.url, blogs[number % 20], f"Word{number}x") for number in range(rounds)]
        finally:
            for one in (collector, process):
                one.send_signal(signal.SIGTERM)
                one.wait(30)
    return {"rounds": rounds, "push_ms": percentiles(found)}


def subscribed(site: SiteFolder) -> int:
    try:
        with closing(sqlite3.connect(f"file:{site.root}/state/sources.db?mode=ro", uri=True)) as db:
            return sum(
                json.loads(value).get("until", 0) > 0 for (value,) in db.execute("SELECT value FROM subscription")
            )
    except sqlite3.Error:
        return 0


def one_push(site: SiteFolder, hub: str, blog: Upstream, word: str) -> float:
    """Publish an entry and tell the hub, and return the milliseconds until our feed shows it."""
    began = time.perf_counter()
    blog.publish(word, at=int(time.time()) - 5)
    form = urlencode({"hub.mode": "publish", "hub.url": blog.url, "hub.topic": blog.url}).encode()
    with urlopen(hub, data=form, timeout=10) as answer:
        assert answer.status < 300
    done = wait_until(lambda: word in (site.feeds / "all/feed.json").read_text())
    time.sleep(max(0.0, 0.6 - (done - began)))
    return (done - began) * 1000


def main(what: str, *numbers: int) -> None:
    """Measure one of both."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        site = SiteFolder(Path(folder))
        result = many(site, *numbers) if what == "many" else pushed(site, *numbers, Path(folder))
    print(json.dumps({"what": what, **result, "cores": os.cpu_count(), "load_before": round(load, 1)}))


if __name__ == "__main__":
    usual = {"many": (500, 50), "push": (200,)}[sys.argv[1]]
    main(sys.argv[1], *map(int, sys.argv[2:]), *usual[len(sys.argv) - 2 :])
