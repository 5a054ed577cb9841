"""Notifying a hub on 127.0.0.1 of changes in a feeds folder: what is sent, what is not, and how answers are handled."""

from __future__ import annotations

import random
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.running_daemon import ROOT, time_limit, wait_until
from support.websub_hubs import Hub, ServerThread

from aggregator.config.settings import Config
from aggregator.model.feeds import Site
from aggregator.publisher.hub import client, notifier
from aggregator.publisher.hub.notifier import WebSub, hub_status
from aggregator.publisher.hub.store import PingStore, read_stored

FEED = ("all/atom.xml", "all/feed.json", "all/rss.xml")


class Publishing:
    """A feeds folder and its notifier; `step` is added to the clock."""

    def __init__(self, root: Path, hub: str) -> None:
        self.feeds, self.state = root / "feeds", root / "state"
        self.state.mkdir()
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.step = 0.0
        site = Site(title="Test", url="https://feeds.example.org/news/", hub=hub)
        self.config = Config(
            path="", site=site, seeds=str(root / "seeds"), feeds=str(self.feeds), state=str(self.state)
        )
        self.websub = self._made()

    def _made(self) -> WebSub:
        return WebSub(clock=lambda: time.time() + self.step, draw=random.Random(1).uniform, note=self._note)

    def _note(self, event: str, level: int = 0, **values: Any) -> None:
        self.lines.append((event, values))

    def write(self, slug: str = "all", text: str = "1") -> None:
        """Publish a feed: its three documents, its page and an archive."""
        for name in ("rss.xml", "atom.xml", "feed.json", "index.html", "rss.xml.gz", "archive/2026-05/rss.xml"):
            path = self.feeds / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "new").write_text(text)
            (path.parent / "new").replace(path)

    def begin(self) -> None:
        self.websub.begin(self.config)

    def begin_again(self, hub: str = "") -> None:
        """Stop, and begin as a new process would, with another hub if need be."""
        self.websub.stop()
        if hub:
            self.config = msgspec.structs.replace(self.config, site=msgspec.structs.replace(self.config.site, hub=hub))
        self.websub = self._made()
        self.begin()

    def settles(self) -> None:
        """Wait until each ping that is due was tried."""
        assert self.websub.settle(time_limit(20))

    def waiting(self) -> int:
        status = self.websub.status
        assert status is not None
        return status.waiting

    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        yield made


@pytest.fixture
def publishing(tmp_path: Path, hub: Hub) -> Iterator[Publishing]:
    made = Publishing(tmp_path, f"{hub.url}hub?a=1&b=2")
    yield made
    made.websub.stop()


def test_a_ping_is_a_form_that_every_hub_understands(hub: Hub, publishing: Publishing) -> None:
    """`hub.mode`, and the address both as PubSubHubbub and as WebSub call it, once for each of the three documents."""
    publishing.write()
    publishing.begin()
    publishing.settles()
    assert sorted(hub.ping_counts()) == [f"news/{name}" for name in FEED]
    for ping in hub.pings:
        assert ping.path == "/hub?a=1&b=2"
        address = ping.topic
        assert address.startswith("https://feeds.example.org/news/all/")
        assert ping.form == {"hub.mode": ["publish"], "hub.url": [address], "hub.topic": [address]}
        assert ping.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert ping.headers["User-Agent"].endswith("(+https://feeds.example.org/news/)")
    assert publishing.waiting() == 0
    assert len(hub.connections) <= 2
    assert publishing.events() == ["hub told"]


def test_only_documents_whose_bytes_changed_are_sent(hub: Hub, publishing: Publishing) -> None:
    """A feed rewritten with the same bytes is not, nor are pages, archives and other names."""
    publishing.write("all")
    publishing.write("sea")
    publishing.begin()
    publishing.settles()
    hub.pings.clear()
    publishing.write("all", "1")
    publishing.write("sea", "2")
    names = [
        f"{slug}/{name}" for slug in ("all", "sea") for name in ("rss.xml", "index.html", "archive/2026-05/rss.xml")
    ]
    publishing.websub.submit((*names, "../state/websub.db", "index.html"))
    publishing.settles()
    assert hub.ping_counts() == {"news/sea/rss.xml": 1}
    publishing.websub.submit(None)
    publishing.settles()
    assert hub.ping_counts() == {"news/sea/rss.xml": 1, "news/sea/atom.xml": 1, "news/sea/feed.json": 1}


def test_a_restart_sends_what_changed_meanwhile_and_nothing_else(hub: Hub, publishing: Publishing) -> None:
    """As if a process had published files and died before it reported them."""
    publishing.write("all")
    publishing.write("sea")
    publishing.begin()
    publishing.settles()
    hub.pings.clear()
    publishing.begin_again()
    publishing.settles()
    assert hub.pings == []
    publishing.websub.stop()
    publishing.write("sea", "2")
    publishing.begin_again()
    publishing.settles()
    assert hub.ping_counts() == {f"news/sea/{name}": 1 for name in ("rss.xml", "atom.xml", "feed.json")}


def test_an_interrupted_ping_is_sent_again(hub: Hub, publishing: Publishing) -> None:
    """Even if the document is as before: the hub may have seen the version between."""
    publishing.write()
    publishing.begin()
    publishing.settles()
    hub.pings.clear()
    hub.awake.clear()
    publishing.write("all", "2")
    publishing.websub.submit(["all/rss.xml"])
    wait_until(lambda: hub.pings)
    publishing.websub.stop()
    publishing.write("all", "1")
    hub.awake.set()
    publishing.begin_again()
    publishing.settles()
    assert hub.ping_counts() == {"news/all/rss.xml": 2}


@pytest.mark.slow
def test_a_missing_hub_is_notified_later_and_once(tmp_path: Path) -> None:
    """Connection refused, through several changes and a restart; it is tried with one document at a time."""
    with Hub() as hub:
        port = hub.port
    publishing = Publishing(tmp_path, f"http://127.0.0.1:{port}/")
    publishing.write()
    publishing.begin()
    publishing.settles()
    for text in "234":
        publishing.write("all", text)
        publishing.websub.submit(None)
        publishing.settles()
    publishing.begin_again()
    publishing.settles()
    assert publishing.waiting() == 3
    assert publishing.websub.status.reason == "no connection: Connection refused"
    assert publishing.events().count("ping failed") <= 2
    with Hub(port) as hub:
        wait_until(lambda: publishing.waiting() == 0, 60)
        assert hub.ping_counts() == {f"news/{name}": 1 for name in FEED}
        assert "hub answers again" in publishing.events()
        publishing.websub.stop()


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(hub: Hub, publishing: Publishing, status: int) -> None:
    """It holds for all documents, also after a restart; then each is sent."""
    hub.answer = lambda _: (status, {"Retry-After": "3600"})
    publishing.write()
    publishing.begin()
    publishing.settles()
    publishing.write("all", "2")
    publishing.begin_again()
    publishing.settles()
    assert len(hub.pings) == 2  # both of the first two were under way
    hub.answer = lambda _: (202, {})
    publishing.step = 3_590
    publishing.begin_again()
    publishing.settles()
    assert len(hub.pings) == 2
    publishing.step = 3_700
    publishing.begin_again()
    publishing.settles()
    assert publishing.waiting() == 0
    assert len(hub.pings) == 5


def test_a_refusal_is_named_and_does_not_delay_others(hub: Hub, publishing: Publishing) -> None:
    """A change of the refused document sends no ping; six hours later it is tried again."""
    hub.answer = lambda ping: (403, {}) if ping.topic.endswith("atom.xml") else (204, {})
    publishing.write()
    publishing.begin()
    publishing.settles()
    publishing.write("all", "2")
    publishing.websub.submit(None)
    publishing.settles()
    assert hub.ping_counts() == {"news/all/atom.xml": 1, "news/all/rss.xml": 2, "news/all/feed.json": 2}
    assert ("ping refused", "all/atom.xml") in [(event, values.get("topic")) for event, values in publishing.lines]
    assert "it answered 403 Forbidden" in publishing.websub.status.trouble(time.time())
    publishing.step = 6 * 3_600 + 1
    hub.answer = lambda _: (204, {})
    publishing.begin_again()
    publishing.settles()
    assert hub.ping_counts()["news/all/atom.xml"] == 2
    assert publishing.websub.status.trouble(time.time()) == ""


@pytest.mark.slow
def test_an_error_of_one_document_does_not_delay_others(hub: Hub, publishing: Publishing) -> None:
    """After 500 for one of them, twice, it is tried again."""
    failures = iter(range(2))
    hub.answer = lambda ping: (500 if ping.topic.endswith("atom.xml") and next(failures, None) is not None else 204, {})
    publishing.write()
    publishing.begin()
    publishing.settles()
    wait_until(lambda: publishing.waiting() == 0, 30)
    assert hub.ping_counts() == {"news/all/atom.xml": 3, "news/all/rss.xml": 1, "news/all/feed.json": 1}


@pytest.mark.parametrize(("answer", "pings"), [((503, {"Retry-After": "3600"}), 2), ((403, {}), 3)])
def test_another_hub_is_notified_at_once(
    hub: Hub, publishing: Publishing, answer: tuple[int, dict[str, str]], pings: int
) -> None:
    """Waits and refusals of the old hub do not apply to it."""
    hub.answer = lambda _: answer
    publishing.write()
    publishing.begin()
    publishing.settles()
    with Hub() as other:
        publishing.websub.begin(
            msgspec.structs.replace(
                publishing.config, site=msgspec.structs.replace(publishing.config.site, hub=other.url)
            )
        )
        publishing.settles()
        assert other.ping_counts() == {f"news/{name}": 1 for name in FEED}
        publishing.websub.stop()
    assert len(hub.pings) == pings


@pytest.mark.parametrize("status", [307, 308, 302])
def test_a_redirect_within_the_hub_is_followed_with_the_form(hub: Hub, publishing: Publishing, status: int) -> None:
    """To another path of the same host and port."""
    hub.answer = lambda ping: (204, {}) if ping.path == "/new" else (status, {"Location": "/new"})
    publishing.write()
    publishing.begin()
    publishing.settles()
    assert publishing.waiting() == 0
    assert [ping.form["hub.mode"] for ping in hub.pings if ping.path == "/new"] == [["publish"]] * 3


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:{port}/", "http://127.0.0.1:{other}/", "file:///etc/passwd", "//evil.example/", "http://u:p@127.0.0.1:{port}/"]
)  # fmt: skip
def test_a_redirect_that_leads_elsewhere_is_a_refusal(hub: Hub, publishing: Publishing, location: str) -> None:
    """No other host is ever called, and the message names the redirect's target."""
    with Hub() as other:
        target = location.format(port=hub.port, other=other.port)
        hub.answer = lambda _: (308, {"Location": target})
        publishing.write()
        publishing.begin()
        publishing.settles()
        assert (publishing.waiting(), len(hub.pings), other.pings) == (3, 3, [])
        assert len(publishing.websub.status.refused) == 3
        assert "it has moved to" in publishing.websub.status.reason


def test_a_redirect_in_a_circle_ends(hub: Hub, publishing: Publishing) -> None:
    """After three of them."""
    hub.answer = lambda _: (307, {"Location": "/again"})
    publishing.write()
    publishing.begin()
    publishing.settles()
    assert len(hub.pings) == 3 * 4
    assert publishing.websub.status.reason == "it redirects too often"


def test_a_hub_that_hangs_delays_neither_the_caller_nor_the_end(hub: Hub, publishing: Publishing) -> None:
    """Both methods return at once, and at most two requests are sent at a time."""
    hub.awake.clear()
    for number in range(20):
        publishing.write(f"f{number}")
    publishing.begin()
    wait_until(lambda: len(hub.pings) == 2)
    began = time.monotonic()
    for number in range(20):
        publishing.write(f"f{number}", "2")
        publishing.websub.submit([f"f{number}/rss.xml"])
    publishing.websub.stop()
    assert time.monotonic() - began < time_limit(2)
    assert publishing.websub.threads() == {}
    wait_until(lambda: "websub" not in {thread.name for thread in threading.enumerate()})
    assert len(hub.pings) == 2


def test_a_hub_that_answers_byte_by_byte_is_not_waited_for(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit covers the complete answer, not one byte."""
    monkeypatch.setattr(client, "PATIENCE", 1.0)
    ends = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            while not ends.is_set():
                connection, _ = listening.accept()
                with connection:
                    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Drop: 1\r\n" * 1_000:
                        if ends.wait(0.1):
                            return
                        try:
                            connection.sendall(bytes([byte]))
                        except OSError:
                            break

        thread = threading.Thread(target=drip)
        thread.start()
        publishing.write()
        publishing.begin_again(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        publishing.settles()
        assert publishing.websub.status.reason == "no answer within 1 s"
        publishing.websub.stop()
        ends.set()
        with socket.create_connection(listening.getsockname()):
            thread.join(60)


class Rude(ServerThread):
    """Answers something that is not HTTP."""

    def __init__(self, words: bytes) -> None:
        class Handler:
            def __init__(self, connection: socket.socket, *_: object) -> None:
                connection.recv(65_536)
                connection.sendall(words)

        super().__init__(Handler)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words", [b"", b"HELLO\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, b"HTTP/1.1 9999 ?\r\n\r\n"]
)
def test_an_invalid_answer_is_tried_again(publishing: Publishing, words: bytes) -> None:
    """A connection that is closed, another protocol, headers without end."""
    with Rude(words) as rude:
        publishing.write()
        publishing.begin_again(rude.url)
        publishing.settles()
        assert publishing.waiting() == 3
        assert publishing.websub.status.reason.startswith("the connection broke")
        assert publishing.websub.threads() == {"websub": True}
        publishing.websub.stop()


def test_an_endless_answer_is_not_read(publishing: Publishing) -> None:
    """The status line suffices; the connection is closed."""
    with Rude(b"HTTP/1.1 202 Accepted\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 100_000) as rude:
        publishing.write()
        publishing.begin_again(rude.url)
        publishing.settles()
        assert publishing.waiting() == 0
        publishing.websub.stop()


def test_a_hub_without_a_trusted_certificate_is_not_notified(tmp_path: Path, publishing: Publishing) -> None:
    """The reason names the certificate."""
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    words += ["-subj", "/CN=localhost", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with Hub() as hub:
        hub._server.socket = context.wrap_socket(hub._server.socket, server_side=True)
        publishing.write()
        publishing.begin_again(f"https://localhost:{hub.port}/")
        publishing.settles()
        assert publishing.websub.status.reason == "no secure connection: CERTIFICATE_VERIFY_FAILED"
        assert hub.pings == []
        publishing.websub.stop()


def test_an_unknown_host_name_is_reported(publishing: Publishing) -> None:
    """A host of the domain that never exists (RFC 6761)."""
    publishing.write()
    publishing.begin_again("http://hub.invalid/")
    publishing.settles()
    assert publishing.websub.status.reason.startswith("no connection: ")


def test_a_resolver_that_hangs_does_not_delay_the_end(publishing: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up of a name cannot be cancelled, so its thread is abandoned."""
    asked, answers = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        asked.set()
        answers.wait(30)
        return []

    monkeypatch.setattr(client.socket, "getaddrinfo", look_up)
    publishing.write()
    publishing.begin_again("http://hub.example.org/")
    assert asked.wait(60)
    began = time.monotonic()
    publishing.websub.stop()
    assert time.monotonic() - began < time_limit(1)
    answers.set()


def test_a_removed_document_is_forgotten(hub: Hub, publishing: Publishing) -> None:
    """A removed feed is not sent and does not wait; it is sent when it exists again."""
    hub.answer = lambda _: (403, {})
    publishing.write()
    publishing.begin()
    publishing.settles()
    for name in FEED:
        (publishing.feeds / name).unlink()
    publishing.websub.submit(None)
    wait_until(lambda: publishing.waiting() == 0)
    hub.answer = lambda _: (204, {})
    publishing.write()
    publishing.websub.submit(FEED)
    publishing.settles()
    assert hub.ping_counts() == {f"news/{name}": 2 for name in FEED}


def test_links_fifos_and_folders_are_not_documents(hub: Hub, publishing: Publishing, tmp_path: Path) -> None:
    """What lies in the feeds folder by mistake or malice is not opened."""
    import os

    (tmp_path / "secret").write_text("secret")
    (publishing.feeds / "odd").mkdir(parents=True)
    (publishing.feeds / "odd/rss.xml").symlink_to(tmp_path / "secret")
    os.mkfifo(publishing.feeds / "odd/atom.xml")
    (publishing.feeds / "odd/feed.json").mkdir()
    (publishing.feeds / "linked").symlink_to(publishing.feeds / "all")
    publishing.write()
    publishing.begin()
    publishing.settles()
    assert sorted(hub.ping_counts()) == [f"news/{name}" for name in FEED]


def test_a_damaged_store_costs_one_ping_per_document(hub: Hub, publishing: Publishing) -> None:
    """What the hub knows is lost, so each document is sent once more (guarantee G7)."""
    publishing.write()
    publishing.begin()
    publishing.settles()
    publishing.websub.stop()
    (publishing.state / "websub.db").write_bytes(b"junk" * 5_000)
    publishing.begin_again()
    publishing.settles()
    assert hub.ping_counts() == {f"news/{name}": 2 for name in FEED}
    assert publishing.websub.problem == ""


def test_a_thread_that_died_is_started_again(hub: Hub, publishing: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported as dead, sends everything that still waits after its restart, and is not restarted in a tight loop."""
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: died.set())
    publishing.write()
    publishing.begin()
    publishing.settles()
    whole = PingStore.put
    monkeypatch.setattr(PingStore, "put", lambda *_, **__: 1 / 0)
    publishing.write("all", "2")
    publishing.websub.submit(FEED)
    assert died.wait(60)
    wait_until(lambda: publishing.websub.threads() == {"websub": False})
    monkeypatch.setattr(PingStore, "put", whole)
    assert publishing.websub.check() is False
    monkeypatch.setattr(notifier, "RESTART", 0.0)
    assert publishing.websub.check() is True
    assert publishing.websub.check() is False
    publishing.settles()
    assert publishing.websub.threads() == {"websub": True}
    assert hub.ping_counts() == {f"news/{name}": 2 for name in FEED}


def test_a_state_folder_that_cannot_be_written_does_not_stop_the_pings(hub: Hub, publishing: Publishing) -> None:
    """The problem is named, and each change is still sent once."""
    publishing.state.rename(publishing.state.parent / "away")
    publishing.write()
    publishing.begin()
    publishing.settles()
    assert "websub.db cannot be used" in publishing.websub.problem
    publishing.websub.submit(None)
    publishing.settles()
    assert hub.ping_counts() == {f"news/{name}": 1 for name in FEED}
    (publishing.state.parent / "away").rename(publishing.state)
    publishing.write("all", "2")
    publishing.websub.submit(None)
    publishing.settles()
    wait_until(lambda: publishing.websub.problem == "")
    assert len(read_stored(str(publishing.state))[0]) == 3


def test_other_processes_can_read_the_status(hub: Hub, publishing: Publishing) -> None:
    """Another process sees what waits and what failed; answers of another hub are ignored."""
    assert hub_status(publishing.config).waiting == 0
    hub.answer = lambda _: (503, {})
    publishing.write()
    publishing.begin()
    publishing.settles()
    found = hub_status(publishing.config)
    assert (found.waiting, found.reason) == (3, "it answered 503 Service Unavailable")
    other = msgspec.structs.replace(publishing.config.site, hub="https://other.example.org/")
    found = hub_status(msgspec.structs.replace(publishing.config, site=other))
    assert (found.url, found.waiting, found.reason) == ("https://other.example.org/", 3, "")
    none = msgspec.structs.replace(publishing.config.site, hub="")
    assert hub_status(msgspec.structs.replace(publishing.config, site=none)) is None


def test_no_thread_runs_without_a_hub(publishing: Publishing) -> None:
    """No heavy module is loaded either."""
    none = msgspec.structs.replace(publishing.config.site, hub="")
    publishing.websub.begin(msgspec.structs.replace(publishing.config, site=none))
    publishing.websub.submit(None)
    assert (publishing.websub.threads(), publishing.websub.status, publishing.websub.check()) == ({}, None, False)
    script = "import sys; import aggregator.service.daemon; print('httpx2' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.mark.slow
def test_hundreds_of_changes_at_once_are_sent_once_each(hub: Hub, publishing: Publishing) -> None:
    """Nothing is left waiting, in memory or in the file."""
    for number in range(100):
        publishing.write(f"f{number}")
    publishing.begin()
    publishing.settles()
    assert len(hub.pings) == 300
    assert set(hub.ping_counts().values()) == {1}
    assert publishing.waiting() == 0
    with closing(sqlite3.connect(publishing.state / "websub.db")) as db:
        assert db.execute("SELECT count(*) FROM ping").fetchone() == (301,)
