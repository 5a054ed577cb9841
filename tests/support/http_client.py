"""HTTP clients and servers on real sockets, without a library that corrects what is sent."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from support.running_daemon import ROOT, free_port, wait_until
from support.site_folder import SiteFolder

from aggregator.service.http.listening import listen
from aggregator.service.http.server import App, HttpServer

TIMEOUT = 20.0
"""Seconds that anything may take on a busy machine."""


class Reply(NamedTuple):
    """A response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of a URL such as `http://127.0.0.1:8080/`."""
    found = urlsplit(address)
    assert found.hostname
    assert found.port
    return found.hostname, found.port


def fetch(address: str, path: str = "/", method: str = "GET", *, body: bytes | None = None, **headers: str) -> Reply:
    """Send a request on a new connection; headers are keywords with `_` for `-`."""
    connection = http.client.HTTPConnection(*host_and_port(address), timeout=TIMEOUT)
    try:
        return fetch_on(connection, path, method, body=body, **headers)
    finally:
        connection.close()


def fetch_on(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", *, body: bytes | None = None, **headers: str
) -> Reply:
    """Send a request on an open connection."""
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    reply = connection.getresponse()
    return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())


def connect(address: str, *, receive: int = 0) -> socket.socket:
    """Open a connection; `receive` limits its receive buffer, in bytes."""
    made = socket.socket()
    made.settimeout(TIMEOUT)
    if receive:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    try:
        made.connect(host_and_port(address))
    except BaseException:
        made.close()
        raise
    return made


def read_until_closed(connection: socket.socket) -> bytes:
    """Read until the other side closes or resets the connection."""
    data = bytearray()
    with suppress(ConnectionError):
        while piece := connection.recv(65_536):
            data += piece
    return bytes(data)


def send_bytes(address: str, data: bytes) -> bytes:
    """Send bytes as they are and return everything until the server closes the connection."""
    with connect(address) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        return read_until_closed(connection)


def is_silent(connection: socket.socket, seconds: float = 0.5) -> bool:
    """Return whether nothing arrives for `seconds`."""
    return select.select([connection], [], [], seconds)[0] == []


def statuses(answer: bytes) -> list[int]:
    """Return the status codes of all responses in what a connection received."""
    found = [piece.split(b" ", 1) for piece in answer.split(b"HTTP/1.")[1:]]
    return [int(rest[:3]) for version, rest in found if version in {b"0", b"1"}]


class EventStream:
    """A connection to the server-sent events of a server."""

    def __init__(self, address: str, **headers: str) -> None:
        self.connection = connect(address)
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.connection.sendall(f"GET /-/events HTTP/1.1\r\nHost: {host_and_port(address)[0]}\r\n{lines}\r\n".encode())
        self._file = self.connection.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = dict(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the stream until it ends."""
        while size := int(self._file.readline().strip() or b"0", 16):
            yield from self._file.read(size + 2).decode().splitlines()

    def next(self) -> list[str]:
        """Wait for the next event and return its slugs."""
        for line in self.lines():
            if line.startswith("data: "):
                slugs: list[str] = json.loads(line[6:])
                return slugs
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self._file.close()
        self.connection.close()


_SERVE = (
    "import sys; from aggregator import load_config; from aggregator.service.http import process; from aggregator.service.http.listening import listen\n"
    "config = load_config(sys.argv[1])\n"
    "process.serve(config, listen(config.server.host, config.server.port, stall=float(sys.argv[2])))"
)


class ServeProcess:
    """A process that runs `aggregator serve`; `stuck` is how many seconds a client may read nothing."""

    def __init__(self, site: SiteFolder, *, stuck: float = 0, **server: Any) -> None:
        self.site = site
        self.port = free_port()
        site.settings["server"] = {"port": self.port, **server}
        site.config()
        self.address = f"http://{server.get('host', '127.0.0.1')}:{self.port}/"
        self._words = (
            ["-c", _SERVE, "config/feeds.yaml", str(stuck)]
            if stuck
            else ["-m", "aggregator", "serve", "--config", "config/feeds.yaml"]
        )
        self.log = site.root / "serve.log"
        self.start()

    def start(self) -> None:
        """Start the process, also again after it was killed, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._words], cwd=self.site.root, stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        wait_until(self._answers, TIMEOUT, what="it does not serve")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            return fetch(self.address, "/healthz").status > 0
        return False

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self) -> int:
        """Return the resident memory in kB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self.process.wait()


@contextmanager
def app_server(
    app: App, *, connections: int = 4_096, header_seconds: float = 10
) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """Serve an app on a thread; yield its URL and the event loop on which the app must be called."""
    listening = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    loop = asyncio.new_event_loop()
    server: list[HttpServer] = []

    async def life() -> None:
        server.append(HttpServer(app, listening, connections=connections, header_seconds=header_seconds))
        await server[0].serve()

    thread = threading.Thread(target=lambda: loop.run_until_complete(life()), daemon=True)
    thread.start()
    wait_until(lambda: fetch(address, "/nothing").status == 404, TIMEOUT)
    try:
        yield address, loop
    finally:
        loop.call_soon_threadsafe(app.events.close)
        loop.call_soon_threadsafe(server[0].stop)
        thread.join(TIMEOUT)
        listening.close()
        assert not thread.is_alive()
        loop.close()
