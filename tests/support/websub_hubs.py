"""The other parties of WebSub on 127.0.0.1: hubs, a subscriber and a server of the feeds."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import pytest


def needs(package: str) -> None:
    """Skip a test if a package of the group `clients` is missing; fail it in CI."""
    if importlib.util.find_spec(package) is None:
        message = f"{package} is missing (uv sync --group clients)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class ServerThread:
    """A server on a thread, until the end of the block; `port` 0 is any free port."""

    def __init__(self, handler: Callable[..., BaseHTTPRequestHandler], port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Ping(NamedTuple):
    """A request to a hub."""

    path: str
    form: dict[str, list[str]]
    headers: dict[str, str]
    when: float

    @property
    def topic(self) -> str:
        return self.form["hub.url"][0]


class Hub(ServerThread):
    """A hub that records pings; `answer` returns the status and headers of each response.

    While `awake` is not set, it accepts requests and does not respond.
    """

    def __init__(self, port: int = 0) -> None:
        self.pings: list[Ping] = []
        self.connections: list[socket.socket] = []
        self.answer: Callable[[Ping], tuple[int, dict[str, str]]] = lambda _: (204, {})
        self.awake = threading.Event()
        self.awake.set()
        super().__init__(partial(_HubHandler, self), port)

    def __exit__(self, *_: object) -> None:
        self.awake.set()
        super().__exit__()
        for connection in self.connections:  # as if its process had ended
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def ping_counts(self) -> Counter[str]:
        """Return how many pings it got for each document, by path."""
        return Counter(urlsplit(ping.topic).path.lstrip("/") for ping in self.pings)


class _HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, connection: socket.socket, *rest: object) -> None:
        self._hub = hub
        hub.connections.append(connection)
        super().__init__(connection, *rest)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ping = Ping(self.path, parse_qs(body.decode()), dict(self.headers), time.monotonic())
        self._hub.pings.append(ping)
        self._hub.awake.wait(30)
        status, headers = self._hub.answer(ping)
        with suppress(ConnectionError):  # the client may have given up
            self._say(status, headers)

    def _say(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class FeedServer(ServerThread):
    """Serves a feeds folder, with the Link headers of WebSub §4."""

    def __init__(self, folder: Path) -> None:
        self.hub = ""
        super().__init__(partial(_FeedHandler, self, directory=str(folder)))


class _FeedHandler(SimpleHTTPRequestHandler):
    def __init__(self, feeds: FeedServer, *rest: object, directory: str) -> None:
        self._feeds = feeds
        super().__init__(*rest, directory=directory)

    def end_headers(self) -> None:
        address = self._feeds.url + self.path.lstrip("/")
        self.send_header("Link", f'<{address}>; rel="self", <{self._feeds.hub}>; rel="hub"')
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Subscriber(ServerThread):
    """Subscribes to topics at a hub, confirms its intent, and records what it receives if the signature is right."""

    SECRET = "a secret of the subscriber"

    def __init__(self) -> None:
        self.verified: list[str] = []
        self.got: list[tuple[str, bytes, float]] = []
        super().__init__(partial(_SubscriberHandler, self))

    def subscribe(self, hub: str, topic: str) -> None:
        """Send a subscription request (WebSub §5.1); the hub verifies the intent before it responds."""
        form = {
            "hub.mode": "subscribe", "hub.topic": topic, "hub.secret": self.SECRET,
            "hub.callback": f"{self.url}?{urlencode({'topic': topic})}",
        }  # fmt: skip
        with urlopen(hub, data=urlencode(form).encode(), timeout=10) as answer:
            assert answer.status == 202

    def bodies(self, topic: str) -> list[bytes]:
        return [body for one, body, _ in self.got if one == topic]


class _SubscriberHandler(BaseHTTPRequestHandler):
    def __init__(self, subscriber: Subscriber, *rest: object) -> None:
        self._subscriber = subscriber
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Confirm the intent (WebSub §5.3)."""
        asked = parse_qs(urlsplit(self.path).query)
        self._subscriber.verified.append(asked["hub.topic"][0])
        self._answer(asked["hub.challenge"][0].encode())

    def do_POST(self) -> None:
        """Receive a signed document (WebSub §7)."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        topic = parse_qs(urlsplit(self.path).query)["topic"][0]
        digest = hmac.new(Subscriber.SECRET.encode(), body, hashlib.sha256).hexdigest()
        if self.headers["X-Hub-Signature"] == f"sha256={digest}":
            self._subscriber.got.append((topic, body, time.perf_counter()))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class FlaskHub:
    """Flask-WebSub's hub as a process."""

    def __init__(self, folder: Path) -> None:
        script = Path(__file__).parent / "flask_hub.py"
        self._process = subprocess.Popen(
            [sys.executable, script, folder / "hub.db"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{port}/hub"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)
