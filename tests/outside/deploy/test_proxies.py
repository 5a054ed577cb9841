"""Our nginx and Caddy files that proxy the daemon, with the real programs."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.http_client import send_bytes, statuses
from support.needed_tools import require_program
from support.running_daemon import DaemonProcess, free_port
from support.site_folder import SiteFolder
from support.web_servers import caddy, fetch, nginx, nginx_site

from aggregator.service.http.document_cache import DocumentCache
from aggregator.service.http.endpoints import Endpoints
from aggregator.service.http.server import App


class Behind:
    """A server in place of the daemon: it echoes requests, and sends events on demand."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.go_on = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        behind = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                behind.paths.append(self.path)
                if self.path == "/-/events":
                    self._events()
                elif self.headers.get("If-None-Match") == '"tag"':
                    self._send(304, b"")
                else:
                    self._send(200, json.dumps(dict(self.headers.items())).encode())

            def _send(self, status: int, body: bytes) -> None:
                self.send_response_only(status)
                for name, value in OURS.items():
                    self.send_header(name, value)
                if body:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _events(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                behind.go_on.wait(60)
                self.wfile.write(b"data: second\n\n")
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Do not log to the terminal."""

        return Handler


OURS = {
    "ETag": '"tag"',
    "Cache-Control": "max-age=1800",
    "Vary": "Accept-Encoding",
    "Content-Type": "application/feed+json",
}


@pytest.fixture
def behind() -> Iterator[Behind]:
    """Start a server in place of the daemon."""
    made = Behind()
    thread = threading.Thread(target=made.server.serve_forever, name="behind")
    thread.start()
    yield made
    made.go_on.set()
    made.server.shutdown()
    thread.join(60)
    made.server.server_close()


def nginx_proxy(home: Path, port: int, to: int) -> AbstractContextManager[None]:
    """Proxy a port with nginx."""
    text = nginx_site("nginx-proxy.conf", port, server=f"127.0.0.1:{to}")
    return nginx(home, port, text)


def caddy_proxy(home: Path, port: int, to: int) -> AbstractContextManager[None]:
    """Proxy a port with Caddy."""
    return caddy("Caddyfile-proxy", home, port, AGGREGATOR_SERVER=f"127.0.0.1:{to}")


PROXIES = {"nginx": nginx_proxy, "caddy": caddy_proxy}


@pytest.fixture(params=PROXIES)
def front(request: pytest.FixtureRequest, tmp_path: Path, behind: Behind) -> Iterator[int]:
    """Start a proxy for it and yield its port."""
    require_program(request.param)
    port = free_port()
    with PROXIES[request.param](tmp_path / "server", port, behind.port):
        yield port


def test_the_daemons_headers_are_passed_on(front: int) -> None:
    """Validators, lifetimes and types are the daemon's; a 304 is passed on."""
    reply = fetch(front, "/all/feed.json", accept_encoding="gzip")
    assert reply.status == 200
    assert {name: reply.headers[name.lower()] for name in OURS} == OURS
    assert "content-encoding" not in reply.headers
    again = fetch(front, "/all/feed.json", if_none_match='"tag"')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", '"tag"')


def test_the_daemon_gets_the_clients_address(front: int) -> None:
    """X-Forwarded-For is the client's address; what a client sends in that header is dropped."""
    sent = fetch(front, "/all/feed.json", x_forwarded_for="203.0.113.9", x_forwarded_proto="https").body
    result = {name.lower(): value for name, value in json.loads(sent).items()}
    assert (result["x-forwarded-for"], result["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert result["host"].partition(":")[0] == "127.0.0.1"


PRIVATE = [
    "/healthz", "/metrics", "/metrics?x=1", "//metrics", "/%6detrics", "/all/../healthz", "/all/%2e%2e/metrics",
    "/./healthz", "/-/events/../../metrics", "/-/status", "/-/explain?q=x", "/-/trigger", "/-/notify", "/-/",
    "//-/status", "/%2d/status", "/-%2fstatus", "/all/../-/status", "/all/%2e%2e/-/status", "/-/events/../status",
    "/-/events/x", "/-/find?q=x", "/-/paths?q=x", "/./-/trigger", "/-/open", "/-/open?token=x",
    "/-/search/../status", "/-/pagefind/../status", "/-/pagefind/", "/-/search/x",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_addresses_for_the_owner_are_not_proxied(front: int, behind: Behind, method: str) -> None:
    """Requests for health, metrics and triggers never reach the daemon, however the path is spelled."""
    assert {path: fetch(front, path, method).status for path in PRIVATE} == dict.fromkeys(PRIVATE, 404)
    assert behind.paths == []


@pytest.mark.parametrize(
    "path", ["/-/search?q=x", "/-/search/?q=x", "/-/pagefind/pagefind.js", "/-/pagefind/fragment/unknown_1.pf_fragment"]
)
def test_a_search_of_everybody_is_proxied(front: int, behind: Behind, path: str) -> None:
    """Its page and its files, with what was asked for."""
    assert fetch(front, path).status == 200
    assert behind.paths == [path]


def test_every_address_of_the_daemon_is_tested(front: int, tmp_path: Path) -> None:
    """The test above covers every address that the daemon serves beside documents, also later ones."""
    site = SiteFolder(tmp_path / "site")
    (site.root / "token").write_text("a token of at least sixteen characters")
    config = site.config(server={"token": "../token"})
    app = App(DocumentCache(config.feeds, config.site, clock=time.time))
    routes = Endpoints(config, app, clock=time.time, session_key=b"key").routes()
    assert routes.pop("/-/search").methods == ("GET", "HEAD")  # that is for everybody, if the config says so
    assert {path.partition("?")[0] for path in PRIVATE} > set(routes) > {"/healthz", "/metrics", "/-/trigger"}
    assert {path: fetch(front, path).status for path in routes} == dict.fromkeys(routes, 404)


def test_events_arrive_as_they_happen(front: int, behind: Behind) -> None:
    """The first event arrives before the second is sent: nothing is buffered."""
    with socket.create_connection(("127.0.0.1", front), timeout=20) as connection:
        connection.sendall(b"GET /-/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        assert b"second" not in until(connection, b"data: first\n\n")
        behind.go_on.set()
        until(connection, b"data: second\n\n")


BARE = {
    "keeps connections": "proxy_http_version 1.1; proxy_set_header Connection '';",
    "passes the name on": "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;",
    "says localhost": "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host localhost;",
    "nothing said": "",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", BARE.values(), ids=BARE)
def test_behind_a_proxy_that_names_no_client_nobody_is_the_owner(
    running: DaemonProcess, tmp_path: Path, words: str
) -> None:
    """An nginx file that was not copied from ours gives nothing away, whatever Host a stranger sends."""
    require_program("nginx")
    running.site.write("a.md")
    running.start(serve=True)
    port = free_port()
    behind = running.address.rstrip("/")
    text = f"server {{ listen 127.0.0.1:{port}; location / {{ {words} proxy_pass {behind}; }} }}"
    with nginx(tmp_path / "server", port, text):
        assert fetch(port, "/all/rss.xml").status == 200
        for path in ("/-/status", "/-/explain?q=a.md", "/metrics"):
            for host in ("feeds.example.org", "localhost", "127.0.0.1"):
                asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                assert statuses(send_bytes(f"http://127.0.0.1:{port}/", asked)) == [404], (path, host)


def until(connection: socket.socket, wanted: bytes) -> bytes:
    """Read until `wanted` has arrived."""
    got = b""
    while wanted not in got:
        more = connection.recv(65536)
        assert more, got
        got += more
    return got
