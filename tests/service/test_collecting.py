"""The collector under `run`: a process of its own, that is started again, reloaded and stopped."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.http_client import fetch
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import SiteFolder
from support.upstream import Upstream, collect_from, let_pass, write_list

from aggregator.service.collector_process import CollectorProcess

WITHIN = 30.0
"""Seconds: two interpreters start first."""


@pytest.fixture
def blog() -> Iterator[Upstream]:
    """Return a blog with an entry."""
    with Upstream(2, "The Blog") as made:
        made.publish("First")
        yield made


@pytest.fixture
def other() -> Iterator[Upstream]:
    """Return another one."""
    with Upstream(3) as made:
        made.publish("Other")
        yield made


def collector_of(running: DaemonProcess) -> int | None:
    """Return the process id of the daemon's collector."""
    for pid in running.children():
        with suppress(OSError):
            if b"aggregator.service.collecting" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def test_what_a_source_publishes_reaches_our_feed(running: DaemonProcess, blog: Upstream, other: Upstream) -> None:
    """Under `run` sources are asked, also one that is listed later; a new entry is shown once its source is due."""
    collect_from(running.site, [blog])
    running.start()
    running.wait_for_title("First", seconds=WITHIN)
    write_list(running.site, [blog, other])
    running.wait_for_title("Other", seconds=WITHIN)
    assert [line["path"] for line in running.lines("config reloaded")] == [str(running.site.root / "config/feeds.yaml")]
    assert running.stop() == 0
    blog.publish("New", at=1_790_000_000)
    let_pass(running.state, 3 * 86_400 - 3_600)  # a little over a day: due, and not long overdue
    shift_to_due(running.state)
    running.start()
    running.wait_for_title("New", seconds=WITHIN)
    assert [seen.is_conditional for seen in blog.server.seen] == [False, True]
    assert sorted(running.site.titles()) == ["First", "New", "Other"]


def shift_to_due(state: str) -> None:
    """Let every source be due now: a process that finds one long overdue waits for its place in the hour."""
    with closing(sqlite3.connect(f"{state}/sources.db", isolation_level=None)) as db:
        for url, value in db.execute("SELECT url, value FROM source").fetchall():
            changed = {**json.loads(value), "next_at": int(time.time()) - 1}
            db.execute("UPDATE source SET value=? WHERE url=?", (json.dumps(changed).encode(), url))


@pytest.mark.slow
def test_a_collector_that_dies_is_started_again(running: DaemonProcess, blog: Upstream) -> None:
    """A death is named by the status and by /healthz, and is over by itself; nothing is asked or shown twice."""
    collect_from(running.site, [blog])
    running.start(serve=True)
    running.wait_for_title("First", seconds=WITHIN)
    first = collector_of(running)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: fetch(running.address, "/healthz").json["problems"].keys() == {"collector"}, WITHIN)
    wait_until(lambda: collector_of(running) not in {None, first}, WITHIN)
    wait_until(lambda: running.status()["healthy"], WITHIN)
    assert [line["reason"] for line in running.lines("not collected")] == [
        "the collector died (it will be restarted soon)"
    ]
    assert len(blog.server.seen) == 1
    assert running.site.titles() == ["First"]


@pytest.mark.slow
def test_it_stops_within_five_seconds_and_takes_the_collector_with_it(running: DaemonProcess, blog: Upstream) -> None:
    """Also if a source is just being asked and does not answer; a daemon that is killed leaves no collector behind."""
    collect_from(running.site, [blog])
    reply = blog.server.script
    blog.server.script = lambda seen: reply(seen).__class__(200, (), b"x" * 100, pause=60, cut=50)
    running.start()
    wait_until(lambda: blog.server.seen, WITHIN)
    pid = collector_of(running)
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{pid}").exists()
    running.start()
    wait_until(lambda: collector_of(running), WITHIN)
    pid = collector_of(running)
    running.signal(signal.SIGKILL)
    running.process.wait()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), WITHIN)


@pytest.mark.slow
def test_no_fetch_asks_nobody(running: DaemonProcess, blog: Upstream) -> None:
    """With `--no-fetch` there is no collector; `fetch` may do its work meanwhile, and the daemon publishes it."""
    collect_from(running.site, [blog])
    running.options = ("--no-fetch",)
    running.start()
    assert collector_of(running) is None
    assert running.command("fetch").stdout == "1 source asked: 1 new item\n"
    running.wait_for_title("First")
    assert collector_of(running) is None


@pytest.mark.slow
def test_fetch_beside_a_collector_says_who_asks(running: DaemonProcess, blog: Upstream) -> None:
    """Two would ask twice: `fetch` ends with 3 and names the process; `sources` works, and a release is handed over."""
    collect_from(running.site, [blog])
    running.start()
    running.wait_for_title("First", seconds=WITHIN)
    done = running.command("fetch")
    assert done.returncode == 3
    assert f"held by process {collector_of(running)} (a daemon asks what is due by itself" in done.stderr
    assert running.command("sources").stdout.splitlines()[0] == f"ok           The Blog  {blog.url}"
    assert (
        "the running collector releases it within seconds" in running.command("sources", "--release", "The Blog").stderr
    )


@pytest.mark.slow
def test_the_page_of_the_sources_follows(running: DaemonProcess, blog: Upstream) -> None:
    """A daemon shows what has become of its sources within two minutes, though no seed has changed."""
    write_public(running, blog)
    running.site.settings["schedule"] = {"scan": "5s"}
    running.start()
    page = running.site.feeds / "sources/index.html"
    assert "new, not asked yet" in page.read_text()
    wait_until(lambda: "fails at the moment" in page.read_text(), 120)


def write_public(running: DaemonProcess, blog: Upstream) -> None:
    """List the blog as a public source, which is refused, since it lies on this machine."""
    collect_from(running.site, [blog])
    (running.site.root / "config/sources/blogs.yaml").write_text(f"- {blog.url}\n")


@pytest.mark.slow
def test_sources_that_are_given_up_end_the_collector(running: DaemonProcess, blog: Upstream) -> None:
    """Without `sources` in a reloaded config the process ends, the page goes, and what was collected stays."""
    collect_from(running.site, [blog])
    running.start()
    running.wait_for_title("First", seconds=WITHIN)
    assert (running.site.feeds / "sources/index.html").exists()
    del running.site.settings["sources"]
    running.site.config()
    wait_until(lambda: collector_of(running) is None, WITHIN)
    wait_until(lambda: not (running.site.feeds / "sources.opml").exists(), WITHIN)
    assert running.site.titles() == ["First"]
    assert running.status()["healthy"]


@pytest.mark.slow
def test_a_mistake_in_a_list_keeps_the_old_one(running: DaemonProcess, blog: Upstream) -> None:
    """A broken list is named, with its place, and the collector goes on with what it had (G9)."""
    collect_from(running.site, [blog])
    running.start()
    running.wait_for_title("First", seconds=WITHIN)
    pid = collector_of(running)
    (running.site.root / "config/sources/blogs.yaml").write_text("- urll: x")
    wait_until(lambda: "config" in running.status()["problems"], WITHIN)
    assert "blogs.yaml:1:3: urll: unknown key (did you mean `url`?)" in running.status()["problems"]["config"]
    assert collector_of(running) == pid


@pytest.mark.slow
def test_a_hub_is_answered(running: DaemonProcess, blog: Upstream) -> None:
    """Its question whether a subscription is meant is answered by the challenge; a push is a hint only if it is signed."""
    collect_from(running.site, [blog])
    running.options = ("--no-fetch",)
    running.start(serve=True)
    running.command("fetch")
    with closing(sqlite3.connect(f"{running.state}/sources.db", isolation_level=None)) as db:
        row = {
            "source": blog.url,
            "hub": "https://hub.example.org/",
            "topic": blog.url,
            "token": "t0ken",
            "secret": "s",
        }
        db.execute("INSERT INTO subscription VALUES(?,?)", (blog.url, json.dumps(row).encode()))
        question = f"hub.mode=subscribe&hub.topic={blog.url}&hub.challenge=echo&hub.lease_seconds=86400"
        answer = fetch(running.address, f"/websub/t0ken?{question}")
        assert (answer.status, answer.body) == (200, b"echo")
        assert fetch(running.address, f"/websub/other?{question}").status == 404
        assert fetch(running.address, "/websub/t0ken?hub.mode=subscribe&hub.topic=x&hub.challenge=echo").status == 404
        body = b"<rss/>" * 20_000
        good = "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
        for signature, status in ((good, 202), ("sha256=00", 202), ("", 202)):
            pushed = fetch(running.address, "/websub/t0ken", "POST", body=body, X_Hub_Signature=signature)
            assert pushed.status == status
        assert fetch(running.address, "/websub/other", "POST", body=b"x").status == 410
        asked = db.execute("SELECT kind, source FROM request ORDER BY number").fetchall()
    assert asked == [("verified", blog.url), ("push", blog.url)]
    metrics = running.command("status", "--json")
    assert "t0ken" not in metrics.stdout


@pytest.mark.slow
def test_a_process_that_cannot_collect_is_no_storm(tmp_path: Path) -> None:
    """If it dies at once, again and again, it is started less and less often, and the reason stays visible."""
    site = SiteFolder(tmp_path)
    collect_from(site, [])
    config = site.config()
    (tmp_path / "state").write_text("no folder")
    process = CollectorProcess(silence=30)
    try:
        process.collect(config)
        pids = set()
        began = time.monotonic()
        while time.monotonic() - began < 8:
            problem = process.check()
            pids.add(process.pid)
            time.sleep(0.05)
        assert 2 <= len(pids - {None}) <= 5
        assert problem
    finally:
        process.stop()


@pytest.mark.slow
def test_a_collector_that_hangs_is_replaced(tmp_path: Path) -> None:
    """One that sends no sign of life is killed, and another one started."""
    site = SiteFolder(tmp_path)
    collect_from(site, [])
    config = site.config()
    (tmp_path / "state").mkdir()
    process = CollectorProcess(silence=10)
    try:
        process.collect(config)
        first = process.pid
        assert first is not None
        wait_until(lambda: process.check() == "" and (tmp_path / "state/sources.db").exists(), WITHIN)
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: "stopped responding" in process.check(), WITHIN)
        wait_until(lambda: process.check() == "" and process.pid not in {None, first}, WITHIN)
    finally:
        process.stop()
