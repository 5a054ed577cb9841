"""Routes besides the documents: health, metrics, the trigger, events; who may see what, and what nobody may."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.http_client import (
    TIMEOUT,
    EventStream,
    Reply,
    ServeProcess,
    app_server,
    connect,
    fetch,
    host_and_port,
    read_until_closed,
    send_bytes,
    statuses,
)
from support.running_daemon import DaemonProcess, free_port, wait_until
from support.site_folder import SiteFolder, iso

from aggregator.config.token import read_token, token_problem
from aggregator.model.feeds import Site
from aggregator.service import one_time_tokens
from aggregator.service.control import Request, ask
from aggregator.service.http import events as http_events
from aggregator.service.http import server as http_server
from aggregator.service.http.access import SESSION_SECONDS, Sessions, has_token, is_local
from aggregator.service.http.document_cache import DocumentCache
from aggregator.service.http.server import App
from aggregator.service.one_time_tokens import OneTimeTokens

TOKEN = "0123456789abcdef-for-tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}
BASIC = {"authorization": "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode()}
AWAY = {"x_forwarded_for": "203.0.113.9"}


def prepare(site: SiteFolder) -> None:
    """Write two items in a feed of their own, one seed that is held back, one broken, and a token."""
    site.write("a.md", topics=["Trams"], publishedDateTime=iso(int(time.time()) - 3_600))
    site.write("b.md", topics=["Trams"], publishedDateTime=iso(int(time.time()) - 7_200))
    site.write("poor.md", quality=1)
    site.write_text("broken.md", "---\ntitle: a: b\n---\n")
    (site.root / "token").write_text(TOKEN + "\n")
    site.settings["server"] = {"port": free_port(), "token": "../token"}
    site.settings["site"] = {"title": "Test", "url": f"http://127.0.0.1:{site.settings['server']['port']}/"}


@pytest.fixture
def daemon(running: DaemonProcess) -> DaemonProcess:
    """Start a daemon that the test may change."""
    prepare(running.site)
    return running.start(serve=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Yield a daemon that the tests only ask, also for triggers; it takes no turn by itself."""
    made = DaemonProcess(SiteFolder(tmp_path_factory.mktemp("shared")))
    prepare(made.site)
    made.site.settings["schedule"] = {"scan": "1h"}
    try:
        yield made.start(serve=True)
    finally:
        made.process.kill()
        made.process.wait(60)


def metrics(address: str) -> dict[str, float]:
    """Return all samples by name and labels; the text must be in Prometheus' format."""
    reply = fetch(address, "/metrics", **BEARER)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


# -- health


@pytest.mark.slow
def test_health_is_reported(shared: DaemonProcess) -> None:
    """200 for anybody while there is no problem; a broken seed is no problem of the service."""
    for headers in ({}, AWAY, {"host": "feeds.example.org"}):
        reply = fetch(shared.address, "/healthz", **headers)
        assert (reply.status, reply.json) == (200, {"healthy": True, "problems": {}})
        assert reply.headers["cache-control"] == "no-store"
    assert fetch(shared.address, "/healthz", "POST").status == 405


@pytest.mark.slow
def test_only_the_owner_sees_the_message_of_a_problem(daemon: DaemonProcess) -> None:
    """Anybody gets 503 and the name of the problem; the owner gets paths and reasons too."""
    daemon.site.root.joinpath("config/feeds.yaml").write_text("site: {url: nonsense-canary}")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: fetch(daemon.address, "/healthz").status == 503, TIMEOUT)
    owner, away = fetch(daemon.address, "/healthz", **BEARER), fetch(daemon.address, "/healthz", **AWAY)
    assert (away.status, set(away.json["problems"])) == (503, {"config"})
    assert str(daemon.site.root) in owner.json["problems"]["config"]
    assert str(daemon.site.root).encode() not in away.body
    assert b"canary" not in away.body
    assert str(daemon.site.root).encode() in fetch(daemon.address, "/healthz", **AWAY, **BEARER).body
    daemon.site.config()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: fetch(daemon.address, "/healthz").status == 200, TIMEOUT)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_daemon_that_does_not_answer_is_named(daemon: DaemonProcess) -> None:
    """A daemon stopped by a signal is reported as a problem, and its feeds are still served."""
    address = daemon.address
    daemon.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: fetch(address, "/healthz").status == 503, TIMEOUT)
        assert "daemon" in fetch(address, "/healthz").json["problems"]
        assert fetch(address, "/all/rss.xml").status == 200
        assert metrics(address)["aggregator_up"] == 0
    finally:
        daemon.signal(signal.SIGCONT)
    wait_until(lambda: fetch(address, "/healthz").status == 200, TIMEOUT)


def test_serving_alone_is_healthy(site: SiteFolder) -> None:
    """`aggregator serve` needs no daemon, and an empty feeds folder is no problem."""
    server = ServeProcess(site, trust_local=True)
    try:
        assert fetch(server.address, "/healthz").json == {"healthy": True, "problems": {}}
        assert metrics(server.address)["aggregator_up"] == 0
        assert fetch(server.address, "/all/rss.xml").status == 404
        site.write("a.md")
        site.build()
        assert fetch(server.address, "/all/rss.xml").status == 200
        wait_until(lambda: metrics(server.address).get("aggregator_feed_items,feed=all") == 1)
    finally:
        assert server.stop() == 0


# -- metrics


@pytest.mark.slow
def test_metrics_cover_the_service(daemon: DaemonProcess) -> None:
    """Turns and their durations, seeds by outcome, items per feed, the newest item's age, the watcher, requests."""
    fetch(daemon.address, "/all/rss.xml")
    fetch(daemon.address, "/none")
    known = fetch(daemon.address, "/all/rss.xml").headers["etag"]
    fetch(daemon.address, "/all/rss.xml", if_none_match=known)
    found = metrics(daemon.address)
    status = daemon.status()
    assert found["aggregator_up"] == found["aggregator_healthy"] == 1
    assert found["aggregator_turn_seconds_count"] == found["aggregator_turn_seconds_bucket,le=+Inf"] >= 1
    assert found["aggregator_turn_seconds_sum"] == pytest.approx(status["turn_seconds"], abs=1)
    assert found["aggregator_seeds,outcome=published"] == 2
    assert found["aggregator_seeds,outcome=quality"] == 1
    assert found["aggregator_files"] == 4
    assert found["aggregator_seed_problems"] == 1
    assert found["aggregator_feed_items,feed=trams"] == found["aggregator_feed_items,feed=all"] == 2
    assert 3_600 <= found["aggregator_newest_item_age_seconds"] < 3_600 + 600
    assert found[f"aggregator_watcher_info,backend={status['backend']}"] == 1
    assert found["aggregator_watcher_overflows_total"] == 0
    assert found["aggregator_http_requests_total,asked=rss.xml,status=200"] == 2
    assert found["aggregator_http_requests_total,asked=rss.xml,status=304"] == 1
    assert found["aggregator_http_requests_total,asked=none,status=404"] == 1
    assert found["aggregator_http_cached_bytes"] > 0


@pytest.mark.slow
def test_turns_are_counted_by_how_long_they_took(shared: DaemonProcess) -> None:
    """Each turn falls into the buckets at and above its duration, and the counts never fall."""
    before = metrics(shared.address)
    for _ in range(3):
        shared.trigger()
    turns = "aggregator_turn_seconds_count"
    wait_until(lambda: metrics(shared.address)[turns] >= before[turns] + 3)
    after = metrics(shared.address)
    buckets = [value for name, value in after.items() if name.startswith("aggregator_turn_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert len(buckets) == 11


@pytest.mark.slow
def test_problems_are_measured(running: DaemonProcess) -> None:
    """Each problem has its name and its age; whoever has lost the token can still look, if the config trusts local ones."""
    site = running.site
    (site.root / "token").write_text(TOKEN + "\n")
    site.settings["server"] = {"port": free_port(), "token": "../token", "trust_local": True}
    running.start(serve=True)
    (site.root / "token").unlink()
    wait_until(lambda: metrics(running.address)["aggregator_healthy"] == 0, TIMEOUT)
    assert metrics(running.address)["aggregator_problem_seconds,concern=server"] >= 0


@pytest.mark.slow
def test_odd_requests_make_no_new_series(daemon: DaemonProcess) -> None:
    """Unknown paths are counted together, so that clients cannot create series without limit."""
    for number in range(30):
        fetch(daemon.address, f"/{number}", f"BREW{number}")
        fetch(daemon.address, f"/-/{number}")
        fetch(daemon.address, f"/slug-{number}/rss.xml")
    requests = [name for name in metrics(daemon.address) if name.startswith("aggregator_http_requests_total")]
    assert len(requests) < 10


def test_a_damaged_index_hides_no_health(site: SiteFolder) -> None:
    """Metrics that need no index are still served, and no request logs an exception."""
    site.write("a.md")
    site.build()
    server = ServeProcess(site, trust_local=True)
    try:
        (site.root / "state/index.db").write_bytes(b"nonsense" * 1_000)
        assert metrics(server.address)["aggregator_up"] == 0
        assert fetch(server.address, "/-/status").status == 503
        assert fetch(server.address, "/all/rss.xml").status == 200
        assert "Traceback" not in server.log.read_text()
        assert (site.root / "state/index.db").read_bytes() == b"nonsense" * 1_000
    finally:
        server.stop()


# -- the trigger


def trigger(daemon: DaemonProcess, query: str = "", **headers: str) -> Reply:
    return fetch(daemon.address, f"/-/trigger{query}", "POST", **{**BEARER, **headers})


def test_a_trigger_regenerates_and_reports(shared: DaemonProcess) -> None:
    """With the token from any address; Bearer and Basic both work."""
    for headers in (BEARER, BASIC, {**AWAY, **BEARER}):
        (shared.site.feeds / "trams/rss.xml").unlink()
        reply = fetch(shared.address, "/-/trigger", "POST", **headers)
        assert reply.status == 200
        assert "trams/rss.xml" in reply.json["written"]
        assert {row["slug"] for row in reply.json["feeds"]} == {"all", "trams"}
        assert reply.headers["cache-control"] == "no-store"
        assert (shared.site.feeds / "trams/rss.xml").exists()


def test_a_trigger_names_feeds(shared: DaemonProcess) -> None:
    """`feed=` may be repeated; an unknown feed is named and nothing is regenerated."""
    (shared.site.feeds / "trams/rss.xml").unlink()
    assert "trams/rss.xml" in trigger(shared, "?feed=trams&feed=all").json["written"]
    turns = shared.status()["turns"]
    for slug in ("none", "..", "%2e%2e%2f", "trams%00", "-rf", "a" * 5_000):
        assert trigger(shared, f"?feed=trams&feed={slug}").status == 404
    assert shared.status()["turns"] == turns


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": ""},
        {"origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_triggers_nothing(shared: DaemonProcess, headers: dict[str, str]) -> None:
    """Not even with credentials; a page of this site and other programs may."""
    turns = shared.status()["turns"]
    for credentials in (BASIC, BEARER):
        assert trigger(shared, **{**credentials, **headers}).status == 403
    assert shared.status()["turns"] == turns
    ours = shared.address.rstrip("/")
    for same in (
        {"origin": ours}, {"origin": ours, "host": "inside.example"}, {"origin": "https://inside.example", "host": "inside.example"},
        {"origin": "https://feeds.example.org", "sec_fetch_site": "same-origin"},
    ):  # fmt: skip
        assert trigger(shared, **{**BASIC, **same}).status == 200
    assert trigger(shared, sec_fetch_site="none").status == 200


WRONG = [
    "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}", TOKEN, f"Basic {TOKEN}", "Basic !",
    "Basic " + base64.b64encode(TOKEN.encode()).decode(), "Basic " + base64.b64encode(b"a:b").decode(), "Bearer " + "x" * 8_000,
]  # fmt: skip


def test_a_wrong_token_is_rejected(shared: DaemonProcess) -> None:
    """401 with WWW-Authenticate, also from this machine; nothing is regenerated."""
    turns = shared.status()["turns"]
    for authorization in WRONG:
        reply = trigger(shared, authorization=authorization)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="aggregator"'), authorization
        assert TOKEN.encode() not in reply.body
    assert shared.status()["turns"] == turns


def test_a_trigger_is_a_post_without_a_body(shared: DaemonProcess) -> None:
    """GET is answered 405, so that no link or image can trigger; a body that is too large is rejected."""
    assert fetch(shared.address, "/-/trigger", **BEARER).status == 405
    assert fetch(shared.address, "/-/trigger", "POST", body=b"x" * 1_000, **BEARER).status == 200
    assert fetch(shared.address, "/-/trigger", "POST", body=b"x" * 100_000, **BEARER).status == 413
    data = b"POST /-/trigger HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    data += f"Authorization: Bearer {TOKEN}\r\n\r\n".encode() + b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    assert statuses(
        send_bytes(shared.address, data + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"8000\r\n" + b"x" * 0x8000)
    ) in ([413], [])


@pytest.mark.slow
def test_a_body_that_never_arrives_blocks_nobody(daemon: DaemonProcess) -> None:
    """The client is answered after a time limit, and others are served meanwhile."""
    with connect(daemon.address) as slow:
        slow.sendall(
            f"POST /-/trigger HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\nx".encode()
        )
        assert trigger(daemon).status == 200
        slow.settimeout(http_server.BODY_SECONDS + TIMEOUT)
        assert slow.recv(12) == b"HTTP/1.1 413"


def test_many_triggers_share_few_turns(shared: DaemonProcess) -> None:
    """300 triggers at once are all answered with a report, by a few turns."""
    before = shared.status()["turns"]
    with ThreadPoolExecutor(100) as pool:
        replies = list(pool.map(lambda _: trigger(shared), range(300)))
    assert {reply.status for reply in replies} == {200}
    assert shared.status()["turns"] - before <= 30


@pytest.mark.slow
def test_without_a_token_there_is_no_trigger(running: DaemonProcess) -> None:
    """404, as for any unknown path."""
    running.start(serve=True)
    assert trigger(running).status == 404


@pytest.mark.slow
def test_a_token_file_without_a_token_is_named(daemon: DaemonProcess) -> None:
    """If it is missing or too short, nobody is authorised and the message says what to write."""
    path = daemon.site.root / "token"
    for content in (None, b"", b"short", b" \n" * 40):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        for token in (TOKEN, "", "short", (content or b"").decode().strip()):
            assert trigger(daemon, authorization=f"Bearer {token}").status == 401
        wait_until(lambda: "write at least 16" in daemon.status()["problems"].get("server", ""), TIMEOUT)
        path.write_text(TOKEN)
        wait_until(lambda: daemon.status()["problems"] == {}, TIMEOUT)
        assert trigger(daemon).status == 200


@pytest.mark.timeout(120)
def test_a_token_file_that_is_not_a_file_does_not_block(tmp_path: Path) -> None:
    """A FIFO or a folder holds no token and does not block the request."""
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "none"):
        assert read_token(str(path)) == b""
        assert not has_token(str(path), "Bearer ")
        assert "holds no token" in token_problem(str(path))
    assert token_problem("") == ""


# -- who the owner is


@pytest.mark.parametrize(
    ("client", "host", "local"),
    [
        ("127.0.0.1:5000", "localhost", True),
        ("127.0.0.1:5000", "localhost:8080", True),
        ("127.0.0.1:5000", "LOCALHOST:8080", True),
        ("127.0.0.1:5000", "127.0.0.1:8080", True),
        ("[::1]:5000", "[::1]:8080", True),
        ("::1:5000", "[::1]", True),
        ("[::ffff:127.0.0.1]:5000", "127.0.0.1", True),
        ("127.0.0.1:5000", None, False),
        ("127.0.0.1:5000", "", False),
        ("127.0.0.1:5000", "feeds.example.org", False),
        ("127.0.0.1:5000", "localhost.example.org", False),
        ("127.0.0.1:5000", "127.0.0.1.example.org:8080", False),
        ("127.0.0.1:5000", "example.org:localhost", False),
        ("127.0.0.1:5000", "[::2]", False),
        ("127.0.0.1:5000", "localhost@example.org", False),
        ("192.0.2.1:5000", "localhost", False),
        ("[2001:db8::1]:5000", "localhost", False),
        ("127.0.0.11:5000", "localhost", False),
        ("", "localhost", False),
        ("unix:", "localhost", False),
    ],
)
def test_which_requests_are_local(client: str, host: str | None, local: bool) -> None:
    """Peer and Host are both local; a foreign name that points here is not (DNS rebinding)."""
    assert is_local(client, {"host": host}.get) is local


PAGES = ("/-/status", "/-/explain?q=a.md", "/-/paths?q=a", "/metrics")


THROUGH = [
    AWAY, {"forwarded": "for=203.0.113.9"}, {"via": "1.1 proxy"}, {"x_real_ip": "203.0.113.9"}, {"x_forwarded_host": "x"},
    {"x_forwarded_proto": "https"}, {"x_forwarded_for": ""}, {"host": "feeds.example.org"}, {"host": "rebound.example:80"},
    {**AWAY, "authorization": "Bearer wrong"},
]  # fmt: skip


def test_the_owners_pages_are_for_the_owner(shared: DaemonProcess) -> None:
    """Through a proxy or by a foreign name: 401 without the token, 200 with it."""
    for path in PAGES:
        for headers in THROUGH:
            reply = fetch(shared.address, path, **headers)
            assert (reply.status, reply.headers["www-authenticate"]) == (
                401,
                'Basic realm="aggregator", charset="UTF-8"',
            ), headers
            assert b"a.md" not in reply.body
            assert fetch(shared.address, path, **{**headers, **BEARER}).status not in {401, 404}
        assert fetch(shared.address, path, **AWAY, **BASIC).status not in {401, 404}
        assert fetch(shared.address, path, **BEARER).status not in {401, 404}


@pytest.mark.parametrize("host", ["{own}", "localhost", "127.0.0.1", "[::1]"])
def test_being_local_is_not_enough(shared: DaemonProcess, host: str) -> None:
    """What nginx sends with `proxy_http_version 1.1` alone, HAProxy without `forwardfor`, or any user of this machine."""
    name = host.format(own="{}:{}".format(*host_and_port(shared.address)))
    for path in PAGES:
        asked = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
        assert statuses(send_bytes(shared.address, asked)) == [401]


@pytest.mark.slow
def test_local_clients_can_be_trusted(running: DaemonProcess) -> None:
    """With `trust_local: true` who connects from this machine directly is the owner, and nobody else."""
    running.site.write("a.md")
    running.site.settings["server"] = {"port": free_port(), "trust_local": True}
    running.start(serve=True)
    for path in PAGES:
        assert fetch(running.address, path).status == 200
        for headers in THROUGH:
            assert fetch(running.address, path, **headers).status == 404


# -- the one-time link


def issued(daemon: DaemonProcess) -> str:
    """Return the path of a new link to the owner's pages."""
    return f"/-/open?token={ask(daemon.state, Request(do='issue'))}"


def test_a_link_opens_the_owners_pages_once(shared: DaemonProcess) -> None:
    """It sets a cookie for this browser that scripts and other sites cannot use; a second visitor gets nothing."""
    link = issued(shared)
    reply = fetch(shared.address, link, sec_fetch_site="cross-site")  # clicked in a terminal that is a page itself
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.headers["referrer-policy"] == "no-referrer"
    cookie, *flags = reply.headers["set-cookie"].split("; ")
    assert flags == ["HttpOnly", "SameSite=Strict"]
    for path in ("/-/status", "/-/explain?q=a.md"):
        assert fetch(shared.address, path, cookie=f"other=1; {cookie}").status == 200
        assert fetch(shared.address, path, cookie=cookie, sec_fetch_site="cross-site").status == 401
        for wrong in (cookie[:-1], f"{cookie}0", cookie.replace("=1", "=9"), cookie.partition(".")[0], "", "a=b"):
            assert fetch(shared.address, path, cookie=wrong).status == 401
    again = fetch(shared.address, link)
    assert (again.status, "set-cookie" in again.headers) == (403, False)
    assert trigger(shared, authorization="", cookie=cookie).status == 401
    log = shared.log_file.read_text()
    assert link.partition("=")[2] not in log
    assert cookie.partition("=")[2] not in log


@pytest.mark.slow
def test_a_session_survives_a_reload_and_no_restart(daemon: DaemonProcess) -> None:
    """A new server process of the same daemon knows it; the next daemon does not."""
    cookie = fetch(daemon.address, issued(daemon)).headers["set-cookie"].partition(";")[0]
    (before,) = daemon.children()
    daemon.site.settings["server"]["timeout"] = "9s"
    daemon.site.config()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.children() and before not in daemon.children(), TIMEOUT)
    assert fetch(daemon.address, "/-/status", cookie=cookie).status == 200
    assert daemon.stop() == 0
    daemon.start(serve=True)
    assert fetch(daemon.address, "/-/status", cookie=cookie).status == 401


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\u00e4" * 43, "%00", "x" * 20_000])
def test_an_invalid_link_opens_nothing(shared: DaemonProcess, token: str) -> None:
    """Whether or not a valid one waits."""
    issued(shared)
    reply = fetch(shared.address, f"/-/open?token={quote(token, safe='%')}")
    assert (reply.status, "set-cookie" in reply.headers) == (403, False)
    assert fetch(shared.address, issued(shared), "HEAD").status == 405


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is valid for a minute, and only the newest are."""
    tokens = OneTimeTokens()
    assert not tokens.redeem(tokens.issue()[:-1])
    old = tokens.issue()
    monkeypatch.setattr(one_time_tokens, "LIFETIME", -1.0)
    assert not tokens.redeem(tokens.issue())
    monkeypatch.undo()
    for _ in range(one_time_tokens.MOST):
        assert tokens.redeem(tokens.issue())
    assert tokens.redeem(old)
    first, *_, last = [tokens.issue() for _ in range(one_time_tokens.MOST + 1)]
    assert [tokens.redeem(one) for one in (first, last, last)] == [False, True, False]


def test_a_session_ends() -> None:
    """After twelve hours, at the latest; without a key there is none."""
    sessions = Sessions(b"key", 8080)
    cookie = sessions.begin(1_000.0).partition(";")[0]
    assert sessions.is_open(cookie, 1_000.0 + SESSION_SECONDS - 1)
    assert not sessions.is_open(cookie, 1_000.0 + SESSION_SECONDS)
    assert not Sessions(b"another", 8080).is_open(cookie, 1_000.0)
    assert not Sessions(b"", 8080).is_open(Sessions(b"", 8080).begin(1_000.0).partition(";")[0], 1_000.0)


@pytest.mark.slow
def test_the_command_opens_the_page_or_prints_the_link(daemon: DaemonProcess, tmp_path: Path) -> None:
    """`status --open` starts the browser with a link; if there is none, it prints the link."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    printed = daemon.command("status", "--open", environment={"BROWSER": str(browser)})
    assert (printed.returncode, printed.stdout) == (0, "")
    link = opened.read_text().strip()
    assert link.startswith(f"{daemon.address}-/open?token=")
    assert fetch(daemon.address, link.removeprefix(daemon.address.rstrip("/"))).status == 200
    printed = daemon.command("status", "--open", environment={"BROWSER": "", "PATH": "", "DISPLAY": ""})
    link = printed.stdout.splitlines()[-1]
    assert fetch(daemon.address, link.removeprefix(daemon.address.rstrip("/"))).status == 200
    daemon.stop()
    refused = daemon.command("status", "--open")
    assert (refused.returncode, "no daemon runs" in refused.stderr) == (1, True)


HOSTS = {
    b"Host: localhost": True, b"Host: feeds.example.org:8080": True, b"Host: [::1]:80": True, b"host: a_b.example": True,
    b"": False, b"Host:": False, b"Host: a\r\nHost: a": False, b"Host: localhost\r\nHost: evil.example": False,
    b"Host: 127.0.0.1:@evil": False, b"Host: a@b": False, b"Host: a b": False, b"Host: a/b": False, b"Host: a, b": False,
    b"Host: a:b": False, b"Host: a:80:80": False, b"Host: [::1": False, b"Host: a?b": False, b"Host: \xff": False,
    b"Host: " + b"a" * 300: False,
}  # fmt: skip


@pytest.mark.parametrize(("line", "valid"), HOSTS.items())
def test_a_request_has_one_valid_host(shared: DaemonProcess, line: bytes, valid: bool) -> None:
    """Anything else is 400 (RFC 9112 §3.2), for documents too; HTTP/1.0 may go without."""
    for path in (b"/all/rss.xml", b"/healthz", b"/-/events", b"/none"):
        asked = b"GET " + path + b" HTTP/1.1\r\n" + line + (b"\r\n" if line else b"") + b"Connection: close\r\n\r\n"
        if valid and path == b"/-/events":
            continue
        assert (statuses(send_bytes(shared.address, asked)) == [400]) == (not valid)
    assert statuses(send_bytes(shared.address, b"GET /all/rss.xml HTTP/1.0\r\n\r\n")) == [200]


@pytest.mark.slow
def test_without_a_token_the_pages_are_not_there_for_others(running: DaemonProcess) -> None:
    """404, also on this machine."""
    running.start(serve=True)
    for path in PAGES:
        assert fetch(running.address, path, **AWAY).status == 404
        nothing = f"{path.rpartition('/')[0]}/nothing"
        away, none = (fetch(running.address, one, accept="text/html", **AWAY) for one in (path, nothing))
        assert (away.status, away.body) == (404, none.body)
        assert fetch(running.address, path, **AWAY, **BEARER).status == 404
        assert fetch(running.address, path, host="feeds.example.org").status == 404
        assert fetch(running.address, path).status == 404


def test_a_proxy_that_names_nobody_is_not_the_owner(shared: DaemonProcess) -> None:
    """What nginx sends with a bare `proxy_pass`: HTTP/1.0, our own address as Host, and no client address."""
    host = "{}:{}".format(*host_and_port(shared.address))
    for path in PAGES:
        answer = send_bytes(
            shared.address, f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        assert statuses(answer) == [401]


def test_other_machines_are_not_the_owner(site: SiteFolder) -> None:
    """A peer that is not on the loopback address needs the token."""
    site.write("a.md")
    site.build()
    server = ServeProcess(site, host="127.0.0.2", trust_local=True)
    try:
        with socket.socket() as connection:
            connection.bind(("127.0.0.3", 0))
            connection.connect(("127.0.0.2", server.port))
            connection.sendall(b"GET /-/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert statuses(read_until_closed(connection)) == [404]
    finally:
        server.stop()


# -- events


@pytest.mark.slow
def test_a_change_is_an_event_with_its_feeds(daemon: DaemonProcess) -> None:
    """Each listener gets the event about as soon as the feeds are on disk."""
    listeners = [EventStream(daemon.address) for _ in range(5)]
    assert {listener.status for listener in listeners} == {200}
    assert listeners[0].headers["content-type"] == "text/event-stream"
    assert listeners[0].headers["cache-control"] == "no-store"
    delays = []
    for number in range(5):
        daemon.site.write(f"new-{number}.md", topics=["Trams"])
        published = daemon.wait_for_title(f"Item new-{number}") and time.monotonic()
        assert [listener.next() for listener in listeners] == [["all", "trams"]] * 5
        delays.append(time.monotonic() - published)
    assert sorted(delays)[2] < 1
    for listener in listeners:
        listener.close()


@pytest.mark.slow
def test_a_listener_that_disconnects_is_removed(daemon: DaemonProcess) -> None:
    """It no longer counts and takes no memory."""
    address = daemon.address
    listeners = [EventStream(address) for _ in range(20)]
    assert metrics(address)["aggregator_http_listeners"] == 20
    for listener in listeners:
        listener.close()
    wait_until(lambda: metrics(address)["aggregator_http_listeners"] == 0, TIMEOUT)


def test_events_are_read_with_get(shared: DaemonProcess) -> None:
    """Other methods are answered 405."""
    assert fetch(shared.address, "/-/events", "POST").status == 405
    assert fetch(shared.address, "/-/events", "HEAD").status == 405


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Return an app without documents, to be served by the test."""
    return App(DocumentCache(str(tmp_path), Site(title="Test", url="https://feeds.example.org/"), clock=time.time))


@pytest.mark.slow
def test_a_listener_that_never_reads_is_disconnected_and_delays_nobody(app: App) -> None:
    """What it does not read is not buffered without limit, and others get each event meanwhile."""
    slugs = [f"{number:04}-{'x' * 59}" for number in range(100)]
    with app_server(app) as (address, loop), ExitStack() as stack:
        for _ in range(20):
            stuck = stack.enter_context(connect(address, receive=4_096))
            stuck.sendall(b"GET /-/events HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: app.events.listeners == 20, TIMEOUT)
        for number in range(100):
            listener = EventStream(address)
            loop.call_soon_threadsafe(app.changed, [*slugs, f"{number:04}"])
            assert f"{number:04}" in listener.next()
            listener.close()
        wait_until(lambda: app.events.listeners == 0, TIMEOUT)


@pytest.mark.slow
def test_listeners_are_capped(app: App) -> None:
    """One more than the limit gets 503; a slot that becomes free is used again."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * http_events.MAX_LISTENERS + 200
    if limits[1] < wanted:
        pytest.skip("listeners: the hard limit of open files is too low")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, limits[0]), limits[1]))
    try:
        with app_server(app) as (address, _), ExitStack() as stack:
            for _ in range(http_events.MAX_LISTENERS):
                stack.callback(EventStream(address).close)
            busy = fetch(address, "/-/events")
            assert (busy.status, busy.headers["retry-after"]) == (503, "30")
            stack.close()
            wait_until(lambda: app.events.listeners == 0, TIMEOUT)
            again = EventStream(address)
            assert again.status == 200
            again.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_burst_of_changes_is_one_event(app: App) -> None:
    """A large turn reports its feeds in pieces; a listener gets one event, and is not disconnected for a small delay."""
    with app_server(app) as (address, loop):
        listener = EventStream(address)

        def burst() -> None:
            for number in range(100):
                app.changed([f"{number:02}"])

        loop.call_soon_threadsafe(burst)
        assert listener.next() == [f"{number:02}" for number in range(100)]
        assert app.events.listeners == 1
        listener.close()


@pytest.mark.slow
def test_serving_alone_sends_events_too(site: SiteFolder) -> None:
    """`aggregator serve` notices what a build in another process changed."""
    site.write("a.md", topics=["Trams"])
    site.build()
    server = ServeProcess(site)
    listener = EventStream(server.address)
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.wait(0.3):
            number += 1
            site.write(f"more-{number}.md", topics=["Trams"])
            site.build()

    changing = threading.Thread(target=change)
    changing.start()
    try:
        assert listener.next() == ["all", "trams"]
    finally:
        done.set()
        changing.join(TIMEOUT)
        listener.close()
        server.stop()


# -- secrets


CANARY = re.compile(rb"canary", re.IGNORECASE)


def hidden(site: SiteFolder) -> None:
    """Write seeds that must stay private, with a recognisable word in every field."""
    later = iso(int(time.time()) + 86_400)
    said: dict[str, Any] = {"topics": ["canary-topic"], "tags": ["canary-tag"], "author": "Canary", "excerpt": "canary"}
    site.write("canary-unpublished.md", "canary", published=False, **said)
    site.write("canary-embargoed.md", "canary", **{**said, "publishedDateTime": later})
    site.write("canary-removed.md", "canary", removed=True, **said)
    site.write("shown.md", secured={"note": "canary"}, topics=["Trams"])
    site.write_text("canary-broken.md", "---\ntitle: canary: canary\npublished: false\n---\n")


def test_private_texts_never_appear(daemon: DaemonProcess) -> None:
    """G12: no path, header, metric, event or log line has a word of an unpublished seed."""
    listener = EventStream(daemon.address)
    hidden(daemon.site)
    daemon.wait_for_title("Item shown")
    heard = json.dumps(listener.next()).encode()
    trigger(daemon)
    listener.close()
    paths = [
        *(f"/{name}" for name in daemon.site.documents() if not name.endswith((".gz", ".br"))), "/", "/all/", "/metrics", "/healthz",
        "/none", "/canary"[:4], "/-/status", "/-/explain?q=a.md", "/-/trigger", "/-/events?", "/seeds/shown.md",
    ]  # fmt: skip
    for path in paths:
        reply = fetch(daemon.address, path, **AWAY) if path != "/-/events?" else Reply(0, {}, b"")
        assert not CANARY.search(reply.body + repr(reply.headers).encode()), path
    assert not CANARY.search(heard)
    assert not CANARY.search(fetch(daemon.address, "/metrics", **BEARER).body)
    for path in ("/canary-topic/rss.xml", "/canary-topic/", "/canary-topic"):
        assert fetch(daemon.address, path).status == 404
    assert trigger(daemon, "?feed=canary-topic").status == 404
    said = [line for line in daemon.log_file.read_bytes().splitlines() if CANARY.search(line)]
    assert not [line for line in said if CANARY.search(re.sub(rb"canary-[a-z]+\.md", b"", line))], (
        "more than a path is logged"
    )
    assert TOKEN.encode() not in daemon.log_file.read_bytes()


def test_what_a_client_sends_is_not_logged(shared: DaemonProcess) -> None:
    """Tokens, paths and queries of requests stay out of the log, whether right or wrong."""
    fetch(shared.address, "/canary?canary=1", authorization="Bearer canary", cookie="canary")
    fetch(shared.address, "/-/trigger?feed=canary", "POST", authorization="Bearer canary")
    trigger(shared, "?feed=canary")
    fetch(shared.address, "/-/open?token=canary")
    send_bytes(shared.address, b"canary\r\n\r\n")
    assert not CANARY.search(shared.log_file.read_bytes())
