"""Real web servers for a site in a temporary folder, each on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from support.needed_tools import require_program
from support.running_daemon import ROOT, wait_until
from support.site_folder import SiteFolder

DEPLOY = ROOT / "config/deploy"

NGINX_CONF = """\
daemon off;
worker_processes 1;
{user}
pid {home}/nginx.pid;
{modules}
events {{ worker_connections 64; }}
http {{
    log_format asked escape=json '{{"method":"$request_method","path":"$request_uri","status":$status}}';
    access_log {home}/access.log asked;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    gzip on;
    gzip_types *;
    charset utf-8;
    autoindex on;
    index index.php;
    include {home}/site.conf;
}}
"""
"""The worst nginx.conf that may include a site; all its paths are in the test's folder."""


class LoggedRequest(NamedTuple):
    """A request in a server's log, with the status of its response."""

    method: str
    path: str
    status: int


class LoggedServer:
    """A server of a site: its URL, which ends with a slash, and its log of requests."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self._log = log
        self._marks = 0

    def requests_during(self, action: Callable[[], object]) -> list[LoggedRequest]:
        """Call `action` and return the requests that were answered meanwhile."""
        before = self._marked()
        action()
        after = self._marked()
        return self._answers()[before : after - 1]

    def _marked(self) -> int:
        """Request a missing file, wait until it is logged, and return the number of logged requests."""
        self._marks += 1
        mark = f"/mark-{self._marks}.none"
        fetch(self.port, mark)
        wait_until(lambda: self._answers()[-1].path == mark, what="the server did not note the last request")
        return len(self._answers())

    def _answers(self) -> list[LoggedRequest]:
        return [LoggedRequest(**json.loads(line)) for line in self._log.read_text().splitlines()]


class Reply(NamedTuple):
    """A response as it was received; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def fetch(port: int, path: str, method: str = "GET", **headers: str) -> Reply:
    """Send exactly this request: `path` is not normalised, and no header is added.

    Headers are keywords with `_` for `-`. Assert that no header is repeated in the response.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        named = [(name.lower(), value) for name, value in response.getheaders()]
        assert len(named) == len(dict(named)), f"a header comes twice: {named}"
        return Reply(response.status, dict(named), response.read())
    finally:
        connection.close()


@contextmanager
def server_process(words: list[str], port: int, log: Path, **environment: str) -> Iterator[None]:
    """Run a server until the end of the block, which begins when it listens."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        wait_until(lambda: process.poll() is not None or _listens(port), 20, what=f"{words[0]} does not listen")
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx(home: Path, port: int, site: str, modules: str = "") -> Iterator[None]:
    """Run nginx with a site file and its own files in the folder `home`; the requests are in `home`/access.log."""
    home.mkdir()
    (home / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(NGINX_CONF.format(home=home, user=user, modules=modules))
    words = [require_program("nginx"), "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf")]
    with server_process(words, port, home / "output.log"):
        yield


def nginx_site(name: str, port: int, **yours: str) -> str:
    """Return our site file `name` for a port of 127.0.0.1, with the lines changed that users must change.

    A line is named by its directive, which must appear exactly once.
    """
    text = (DEPLOY / name).read_text().replace("    listen [::]:80;\n", "")
    for directive, value in {"listen": f"127.0.0.1:{port}", **yours}.items():
        text, count = re.subn(rf"(?m)^( +){directive} [^;]*;", rf"\g<1>{directive} {value};", text)
        assert count == 1, f"{name}: {directive} stands there {count} times"
    return text


@contextmanager
def caddy(name: str, home: Path, port: int, **variables: str) -> Iterator[None]:
    """Run Caddy with our unchanged file `name` and its own files in the folder `home`."""
    home.mkdir()
    (home / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\nimport {DEPLOY / name}\n")
    words = [require_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(home / "Caddyfile")]
    address = f"http://127.0.0.1:{port}"
    folders = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with server_process(words, port, home / "output.log", AGGREGATOR_ADDRESS=address, **folders, **variables):
        yield


class AggregatorServer(LoggedServer):
    """`aggregator serve`; its log has a line for each request."""

    def _answers(self) -> list[LoggedRequest]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [LoggedRequest(one["method"], one["path"], one["status"]) for one in lines if one["event"] == "request"]


@contextmanager
def aggregator_serves(site: SiteFolder, log: Path, port: int) -> Iterator[LoggedServer]:
    """Serve the site's feeds folder with `aggregator serve`."""
    site.settings["server"] = {"port": port, "log_requests": True}
    site.config()
    words = [sys.executable, "-m", "aggregator", "serve", "--config", str(site.root / "config/feeds.yaml")]
    with server_process(words, port, log, PYTHONPATH=str(ROOT)):
        yield AggregatorServer(port, log)
