"""A real `aggregator serve` over real sockets, with well-behaved and broken clients."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urljoin

import brotli
import pytest
from support.http_client import (
    TIMEOUT,
    Reply,
    ServeProcess,
    connect,
    fetch,
    fetch_on,
    host_and_port,
    is_silent,
    read_until_closed,
    send_bytes,
    statuses,
)
from support.running_daemon import DaemonProcess, time_limit, wait_until
from support.site_folder import SiteFolder

from aggregator.model.feeds import Document
from aggregator.publisher.files import FolderWriter
from aggregator.service import control

HOST = b"Host: localhost\r\n\r\n"
DOCUMENTS = {
    "all/rss.xml": "application/rss+xml; charset=utf-8",
    "all/atom.xml": "application/atom+xml; charset=utf-8",
    "all/feed.json": "application/feed+json",
    "all/index.html": "text/html; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
    "feeds.opml": "text/x-opml; charset=utf-8",
    ".well-known/feeds": "text/x-opml; charset=utf-8",
}


def make(root: Path) -> SiteFolder:
    """Make a site whose feed has some 40 KB."""
    root.mkdir(exist_ok=True)
    site = SiteFolder(root)
    for number in range(20):
        site.write(f"{number}.md", "Some words of the body. " * 60, topics=["Trams"])
    site.build()
    return site


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Start one server for all tests that do not change it; its time limit is a second."""
    made = ServeProcess(make(tmp_path_factory.mktemp("server")), timeout="1s")
    yield made
    assert made.stop() == 0
    assert made.log.read_text().count("\n") == 1, "it logged more than that it serves"


@pytest.fixture
def feed(server: ServeProcess) -> bytes:
    return (server.site.feeds / "all/rss.xml").read_bytes()


# -- documents


def known_vary(name: str) -> str:
    """Return what the responses to requests for a document depend on."""
    is_feed = name.endswith(("rss.xml", "atom.xml", "feed.json"))
    return "Accept-Encoding, Accept, Sec-Fetch-Dest" if is_feed else "Accept-Encoding"


@pytest.mark.parametrize(("name", "media_type"), DOCUMENTS.items())
def test_each_document_is_served_with_its_type(server: ServeProcess, name: str, media_type: str) -> None:
    """The bytes of the file with type, validators and lifetime, in any coding."""
    body = (server.site.feeds / name).read_bytes()
    for coding, decode in (("identity", bytes), ("gzip", gzip.decompress), ("br", brotli.decompress)):
        reply = fetch(server.address, f"/{name}", accept_encoding=coding)
        assert reply.status == 200
        assert decode(reply.body) == body
        assert reply.headers["content-type"] == media_type
        assert reply.headers["vary"] == known_vary(name)
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers.get("content-encoding", "identity") == coding
        assert reply.headers["content-length"] == str(len(reply.body))
        assert ("access-control-allow-origin" in reply.headers) == name.endswith(".json")
        known = fetch(server.address, f"/{name}", accept_encoding=coding, if_none_match=reply.headers["etag"])
        assert (known.status, known.body) == (304, b"")
        assert known.headers["vary"] == known_vary(name)
        assert known.headers["etag"] == reply.headers["etag"]


def test_a_folder_serves_its_page(server: ServeProcess) -> None:
    """`/all/` is the page and `/all` redirects there, with a relative location that keeps a proxy's prefix."""
    page = fetch(server.address, "/all/")
    assert page.body == (server.site.feeds / "all/index.html").read_bytes()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    away = fetch(server.address, "/all")
    assert (away.status, away.headers["location"]) == (301, "all/")
    assert fetch(server.address, "/none").status == 404


def test_a_query_changes_nothing(server: ServeProcess, feed: bytes) -> None:
    """Readers and trackers append queries."""
    assert fetch(server.address, "/all/rss.xml?utm_source=x&%00=%zz").body == feed


@pytest.mark.parametrize(
    "path",
    [
        "/../config/feeds.yaml", "/all/../../config/feeds.yaml", "/%2e%2e/config/feeds.yaml", "/%252e%252e/config/feeds.yaml",
        "/..%2fconfig%2ffeeds.yaml", "/..%252fconfig%252ffeeds.yaml", "/..\\config\\feeds.yaml", "/..%5cconfig%5cfeeds.yaml",
        "//all/rss.xml", "/./all/rss.xml", "/all//rss.xml", "/all/rss.xml/", "/all/rss.xml.gz", "/all/rss.xml%00", "/all/rss.xml%00.gz",
        "/all/.rss.xml", "/.git/config", "/all/.aggregator-1.tmp", "/%252fall/rss.xml", "/all%252Frss.xml", "/all/", "/ALL/rss.xml",
        "/all/rss.xml%20", "/all/rss.xml%0a", "/%ff", "/%e2%98%83/rss.xml", "/etc/passwd", "/-/", "/state/index.db", "/" + "a" * 20_000,
    ],
)  # fmt: skip
def test_nothing_else_is_served(server: ServeProcess, path: str) -> None:
    """Path traversal in every spelling, encodings by file name, dot and temporary files, other folders: all 404."""
    (server.site.feeds / "all/.aggregator-1.tmp").write_text("canary")
    answer = send_bytes(server.address, f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode() + HOST)
    assert statuses(answer) == ([200] if path == "/all/" else [404])
    assert b"canary" not in answer
    assert b"site" not in answer.partition(b"\r\n\r\n")[2] or path == "/all/"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW"])
def test_other_methods_are_rejected(server: ServeProcess, method: str) -> None:
    """405 with Allow, for standard and invented methods, with and without a body."""
    reply = fetch(server.address, "/all/rss.xml", method, body=b"x" * 100)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "feed.json"])
def test_scripts_of_other_sites_see_redirects_and_404s(server: ServeProcess, name: str) -> None:
    """Without the CORS header a browser would hide a moved archive page or a removed feed from them."""
    month = min(path.name for path in (server.site.feeds / "all/archive").iterdir())
    reply = fetch(server.address, f"/all/archive/{month}-01/{name}", origin="https://reader.example")

    gone = fetch(server.address, f"/gone/{name}", origin="https://reader.example")

    assert (reply.status, reply.headers["location"], gone.status) == (302, f"../{month}/{name}", 404)
    for one in (reply, gone):
        assert ("access-control-allow-origin" in one.headers) == (name == "feed.json")


@pytest.mark.parametrize("path", ["/all/feed.json", "/all/archive/1999-01/feed.json", "/gone/feed.json"])
def test_a_preflight_of_json_is_answered(server: ServeProcess, path: str) -> None:
    """A script of another site may request JSON conditionally, also if the document has moved or is gone."""
    reply = fetch(server.address, path, "OPTIONS", origin="https://reader.example", access_control_request_method="GET")
    assert (reply.status, reply.body, reply.headers["access-control-allow-origin"]) == (204, b"", "*")


@pytest.mark.parametrize("path", ["/gone", "/gone/", "/gone/rss.xml", "/all/archive/1999-01/", "/-/nothing"])
def test_a_browser_gets_a_404_page_with_a_link_to_the_feeds(server: ServeProcess, path: str) -> None:
    """People get a page whose link keeps a proxy's prefix; programs get one line."""
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    shown, told = fetch(server.address, path, **browser), fetch(server.address, path, accept="*/*")
    ways = re.findall('<a href="([^"#]*)"|action="([^"]*)"', shown.body.decode())

    assert (shown.status, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert {urljoin(f"https://example.org/prefix{path}", way or action) for way, action in ways} == {
        "https://example.org/prefix/"
    }
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert (told.status, told.body) == (404, b"there is no such document\n")


def test_parts_make_the_whole(server: ServeProcess, feed: bytes) -> None:
    """Three ranges with If-Range add up to the document."""
    etag = fetch(server.address, "/all/rss.xml").headers["etag"]
    third = len(feed) // 3
    parts = []
    for wanted in (f"bytes=0-{third}", f"bytes={third + 1}-{2 * third}", f"bytes={2 * third + 1}-"):
        reply = fetch(server.address, "/all/rss.xml", range=wanted, if_range=etag)
        assert reply.status == 206
        parts.append(reply.body)
    assert b"".join(parts) == feed
    beyond = fetch(server.address, "/all/rss.xml", range=f"bytes={len(feed)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(feed)}")


# -- how HTTP is spoken


def test_connections_are_kept(server: ServeProcess, feed: bytes) -> None:
    """GET, HEAD, 304, 404 and 405 follow each other on one connection; none leaves bytes for the next."""
    connection = http.client.HTTPConnection(*host_and_port(server.address), timeout=TIMEOUT)
    etag = fetch(server.address, "/all/rss.xml").headers["etag"]
    for _ in range(3):
        head = fetch_on(connection, "/all/rss.xml", "HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(feed)))
        assert fetch_on(connection, "/all/rss.xml").body == feed
        assert fetch_on(connection, "/all/rss.xml", if_none_match=etag).status == 304
        assert fetch_on(connection, "/none", "HEAD").status == 404
        assert fetch_on(connection, "/all/rss.xml", "DELETE").status == 405
        assert fetch_on(connection, "/healthz", "HEAD").body == b""
    connection.close()


def test_head_equals_get(server: ServeProcess) -> None:
    """Same status and headers for documents, health and unknown paths."""
    for path in (*DOCUMENTS, "healthz", "none", "all"):
        whole, head = fetch(server.address, f"/{path}"), fetch(server.address, f"/{path}", "HEAD")
        del whole.headers["date"], head.headers["date"]
        assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


def test_pipelined_requests_are_answered_in_order(server: ServeProcess, feed: bytes) -> None:
    """RFC 9112 §9.3.2, although few clients pipeline."""
    asked = [b"/all/rss.xml", b"/none", b"/feeds.opml"] * 5
    data = b"".join(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n" for path in asked)
    answer = send_bytes(server.address, data + b"GET / HTTP/1.1\r\nConnection: close\r\n" + HOST)
    assert statuses(answer) == [200, 404, 200] * 5 + [200]
    assert answer.count(feed) == 5


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"OPTIONS * HTTP/1.1", 204), (b"OPTIONS * HTTP/1.0", 204), (b"GET * HTTP/1.1", 400), (b"CONNECT a:80 HTTP/1.1", 405),
        (b"OPTIONS http://x.example HTTP/1.1", 204), (b"GET http://x.example/all/rss.xml HTTP/1.1", 200),
    ],
)  # fmt: skip
def test_a_request_for_the_server_itself_is_answered(server: ServeProcess, line: bytes, status: int) -> None:
    """`OPTIONS *` lists the methods (RFC 9110 §9.3.7); a proxy's form is read, and nothing is tunnelled."""
    answer = send_bytes(server.address, line + b"\r\nConnection: close\r\n" + HOST)
    assert statuses(answer) == [status]
    assert (b"allow: GET, HEAD, OPTIONS" in answer) == (status in {204, 405})


@pytest.mark.parametrize("month", ["2030-01", "2026-13", "2020-01", "0000-00"])
def test_a_month_without_a_page_is_not_found(server: ServeProcess, month: str) -> None:
    """A month to come, one before the first, and none at all: 404, whatever the form of the request."""
    for path in (f"{month}/rss.xml", f"{month}-05/feed.json", f"{month}/", month):
        asked = f"GET /all/archive/{path} HTTP/1.1\r\nConnection: close\r\n".encode()
        assert statuses(send_bytes(server.address, asked + HOST)) == [404]


def test_no_document_is_immutable(server: ServeProcess) -> None:
    """An edit may rewrite any page of an archive, and the newest one gets a link to the next month."""
    for path in sorted(server.site.feeds.rglob("*.xml")):
        name = path.relative_to(server.site.feeds)
        answer = send_bytes(server.address, f"HEAD /{name} HTTP/1.1\r\nConnection: close\r\n".encode() + HOST)
        assert statuses(answer) == [200]
        assert b"immutable" not in answer


@pytest.mark.parametrize("host", [b"", b"Host: localhost\r\n"])
def test_http_1_0_is_served_and_closed(server: ServeProcess, feed: bytes, host: bytes) -> None:
    """Old clients send no Host and wait for the end of the connection."""
    answer = send_bytes(server.address, b"GET /all/rss.xml HTTP/1.0\r\n" + host + b"\r\n")
    assert answer.startswith(b"HTTP/1.0 200")
    assert answer.endswith(b"\r\n\r\n" + feed)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /all/rss.xml\r\n\r\n", b"GET /all/rss.xml HTTP/9.9\r\n" + HOST,
        b"GET /a b HTTP/1.1\r\n" + HOST, b"GET /\0 HTTP/1.1\r\n" + HOST, b"GET /\xff HTTP/1.1\r\n" + HOST, b"\0" * 100 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\nNo colon\r\n" + HOST, b"GET / HTTP/1.1\r\n: x\r\n" + HOST,
        b"GET / HTTP/1.1\r\nX: a\r\n b\r\n" + HOST, b"GET / HTTP/1.1\r\nX : a\r\n" + HOST, b"G\xc3\x89T / HTTP/1.1\r\n" + HOST,
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" + HOST, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n" + HOST,
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n" + HOST, b"POST / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n" + HOST,
        b"GET / HTTP/1.1\r\nX: \0\r\n" + HOST, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"\r\n" * 50_000,
    ],
)  # fmt: skip
def test_invalid_requests_are_rejected(server: ServeProcess, data: bytes) -> None:
    """Malformed lines and headers, ambiguous lengths, TLS and HTTP/2: an error or no answer, and the connection closes."""
    assert statuses(send_bytes(server.address, data)) in ([], [400], [431])
    assert fetch(server.address, "/all/rss.xml").status == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"X: " + b"a" * 100_000 + b"\r\n",
        b"".join(b"X%d: a\r\n" % number for number in range(200)),
        b"".join(b"X%d: %s\r\n" % (number, b"a" * 1_000) for number in range(80)),
    ],
    ids=["one of 100 kB", "200", "80 kB together"],
)
def test_too_many_headers_are_rejected(server: ServeProcess, lines: bytes) -> None:
    """431 before they are stored, and the connection closes."""
    assert statuses(send_bytes(server.address, b"GET /all/rss.xml HTTP/1.1\r\n" + lines + HOST)) in ([431], [])


@pytest.mark.parametrize("piece", [1_000, 100_000], ids=["bit by bit", "at once"])
def test_headers_of_32_kib_are_read_and_of_more_than_48_rejected(server: ServeProcess, piece: int) -> None:
    """As docs/reference/limits.md says, however they arrive; sizes in between depend on that."""
    assert statuses(sent_in_pieces(server.address, 32_768, piece)) == [200]
    assert statuses(sent_in_pieces(server.address, 49_153, piece)) in ([431], [])
    if piece < 32_768:
        assert statuses(sent_in_pieces(server.address, 40_000, piece)) in ([431], [])


def sent_in_pieces(address: str, size: int, piece: int) -> bytes:
    """Send a request of so many bytes, nearly all of them one header, and return the answer."""
    begin = b"GET /all/rss.xml HTTP/1.1\r\n" + HOST.removesuffix(b"\r\n") + b"Connection: close\r\nX: "
    data = begin + b"a" * (size - len(begin) - 4) + b"\r\n\r\n"
    with connect(address) as connection, suppress(ConnectionError):
        for start in range(0, size, piece):
            connection.sendall(data[start : start + piece])
            time.sleep(0.002)
        return read_until_closed(connection)
    return b""


def test_an_endless_request_line_is_rejected(server: ServeProcess) -> None:
    """It is not buffered without limit."""
    before = server.memory()
    with connect(server.address) as connection:
        answer = b""
        try:
            for _ in range(2_000):
                connection.sendall(b"GET /" + b"a" * 50_000)
        except ConnectionError:
            pass
        answer = read_until_closed(connection)
    assert statuses(answer) in ([414], [431], [400], [])
    assert server.memory() - before < 50_000


@pytest.mark.parametrize(
    "line",
    [
        b"Accept-Encoding: \xe9\xff", b"If-None-Match: \xc3\xa9", b"Range: bytes=\xb2-", b"If-Modified-Since: \xff",
        b"Accept-Encoding: gzip\r\nAccept-Encoding: br", b"Expect: 100-continue", b"Upgrade: h2c\r\nConnection: close, Upgrade",
        b"Content-Length: 3", b"Cookie: " + b"a" * 8_000,
    ],
)  # fmt: skip
def test_odd_headers_do_no_harm(server: ServeProcess, line: bytes) -> None:
    """Bytes that are not text, repeated headers, unsupported requests: the document is served."""
    answer = send_bytes(
        server.address, b"HEAD /all/rss.xml HTTP/1.1\r\n" + line + b"\r\nConnection: close\r\n" + HOST + b"abc"
    )
    assert statuses(answer)[-1] == 200


def test_the_lines_of_a_header_are_one_list(server: ServeProcess) -> None:
    """RFC 9110 §5.3: a tag or a coding may be on any line; two dates are invalid."""
    # Within the second in which it was written it has no date.
    wait_until(lambda: "last-modified" in fetch(server.address, "/all/rss.xml", "HEAD").headers)
    plain = fetch(server.address, "/all/rss.xml", "HEAD").headers

    def answered(*lines: str) -> bytes:
        sent = "".join(f"{line}\r\n" for line in ("HEAD /all/rss.xml HTTP/1.1", "Connection: close", *lines))
        return send_bytes(server.address, sent.encode() + HOST)

    assert statuses(answered('If-None-Match: "other"', f"If-None-Match: {plain['etag']}")) == [304]
    assert statuses(answered(f"If-None-Match: {plain['etag']}", 'If-None-Match: "other"')) == [304]
    assert statuses(answered(*[f"If-Modified-Since: {plain['last-modified']}"] * 2)) == [200]
    assert b"content-encoding: gzip" in answered("Accept-Encoding: br;q=0.5", "Accept-Encoding: gzip")


@pytest.mark.slow
def test_unknown_paths_take_no_memory(server: ServeProcess) -> None:
    """A flood of long, different paths and headers leaves nothing in memory."""
    connection = http.client.HTTPConnection(*host_and_port(server.address), timeout=TIMEOUT)

    def flood(word: str, count: int) -> None:
        for number in range(count):
            fetch_on(
                connection, f"/{word}{number}{'x' * 20_000}", "HEAD", accept_encoding=f"{word}{number}{'y' * 5_000}"
            )
            fetch_on(connection, "/all/rss.xml", "HEAD", accept_encoding=f"{word}{number}{'y' * 20_000}")

    flood("a", 100)
    before = server.memory()
    flood("b", 1_500)
    connection.close()
    assert server.memory() - before < 15_000


# -- clients that take their time


def test_slow_headers_are_cut_off(server: ServeProcess, feed: bytes) -> None:
    """A byte at intervals is not enough (slowloris); a client that is merely slow is served."""
    with connect(server.address) as slow, connect(server.address) as patient:
        patient.sendall(b"GET /all/rss.xml HTTP/1.1\r\nHo")
        patient.sendall(b"st: x\r\nConnection: close\r\n\r\n")
        assert read_until_closed(patient).endswith(feed)
        began = time.monotonic()
        try:
            for byte in b"GET /all/rss.xml HTTP/1.1\r\nX: " + b"a" * 200:
                slow.sendall(bytes([byte]))
                slow.settimeout(0.1)
                try:
                    assert statuses(slow.recv(4_096)) in ([], [408])
                    break
                except TimeoutError:
                    continue
        except ConnectionError:
            pass
        assert time.monotonic() - began < TIMEOUT


@pytest.mark.parametrize("first", [b"", b"GET /all/rss.xml HTTP/1.1\r\n" + HOST], ids=["never asked", "asked once"])
def test_idle_connections_are_cut_off(server: ServeProcess, first: bytes) -> None:
    """A client that sends no request, or no further one, is disconnected."""
    with connect(server.address) as connection:
        connection.sendall(first)
        read_until_closed(connection)


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    """A client that requests much and never reads is disconnected; others are served meanwhile and after."""
    server = ServeProcess(make(tmp_path), stuck=1, timeout="60s")
    try:
        wait_until(lambda: fetch(server.address, "/all/rss.xml").status == 200)
        before = server.open_files()
        with connect(server.address, receive=4_096) as greedy:
            greedy.settimeout(0.5)
            try:
                while True:
                    greedy.sendall(b"GET /all/rss.xml HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
            except (TimeoutError, ConnectionError):
                pass
            assert fetch(server.address, "/all/rss.xml").status == 200
            wait_until(lambda: server.open_files() <= before, TIMEOUT, what="the connection is still held")
    finally:
        server.stop()


@pytest.mark.slow
def test_connections_are_capped_and_the_next_wait(tmp_path: Path) -> None:
    """Clients beyond the limit are not rejected: they are served when others disconnect."""
    server = ServeProcess(make(tmp_path), connections=4, timeout="60s")
    with ExitStack() as stack:
        stack.callback(server.stop)
        held = [stack.enter_context(connect(server.address)) for _ in range(4)]
        for connection in held:
            connection.sendall(b"GET /all/rss.xml HTTP/1.1\r\n" + HOST)
            assert connection.recv(12) == b"HTTP/1.1 200"
        waiting = [stack.enter_context(connect(server.address)) for _ in range(8)]
        for connection in waiting:
            connection.sendall(b"GET /all/rss.xml HTTP/1.1\r\nConnection: close\r\n" + HOST)
        assert all(is_silent(connection, 0.1) for connection in waiting)
        for connection in held:
            connection.close()
        assert [statuses(read_until_closed(connection)) for connection in waiting] == [[200]] * 8


# -- while documents change


@pytest.mark.slow
def test_a_feed_that_is_being_replaced_is_always_complete(tmp_path: Path) -> None:
    """500 replacements while clients download in loops: each response is one version, with its own ETag."""
    site = make(tmp_path)
    server = ServeProcess(site)
    writer = FolderWriter(str(site.feeds))
    writer.prepare()
    versions = [b"<rss>" + b"%06d" % number * 6_000 + b"</rss>" for number in range(500)]
    published = {(site.feeds / "all/rss.xml").read_bytes(), *versions}
    done, faults, seen = threading.Event(), [], set()

    def download(coding: str) -> None:
        connection = http.client.HTTPConnection(*host_and_port(server.address), timeout=TIMEOUT)
        decode = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress}[coding]
        etag = ""
        while not done.is_set():
            reply = fetch_on(
                connection, "/all/rss.xml", accept_encoding=coding, **({"if_none_match": etag} if etag else {})
            )
            if reply.status != 304:
                faults.extend(faults_of(reply, decode(reply.body), published))
                etag = reply.headers["etag"]
                seen.add(decode(reply.body))
        connection.close()

    clients = [threading.Thread(target=download, args=(coding,)) for coding in ("identity", "gzip", "br")]
    try:
        for client in clients:
            client.start()
        for body in versions:
            writer.publish([Document(name="all/rss.xml", media_type="application/rss+xml", body=body)])
        wait_until(lambda: versions[-1] in seen, TIMEOUT)
    finally:
        done.set()
        for client in clients:
            client.join(TIMEOUT)
        server.stop()
    assert faults == []


def faults_of(reply: Reply, body: bytes, published: set[bytes]) -> Iterator[str]:
    if reply.status != 200:
        yield f"status {reply.status}"
    if body not in published:
        yield f"{len(body)} bytes that were never published"
    if reply.headers["etag"].strip('"') != hashlib.blake2b(reply.body, digest_size=16).hexdigest():
        yield "an ETag of other bytes"


@pytest.mark.slow
def test_etags_survive_a_restart(make_site) -> None:
    """A reader's cache stays valid after a restart and on another machine."""
    site = make(make_site("one").root / "site")
    found = []
    for _ in range(2):
        server = ServeProcess(site)
        found.append({name: fetch(server.address, f"/{name}").headers["etag"] for name in DOCUMENTS})
        server.stop()
    assert found[0] == found[1]


@pytest.mark.slow
def test_it_stops_in_time_while_a_trigger_waits(site: SiteFolder) -> None:
    """A stopped daemon, or a long turn, may take minutes to answer; `aggregator serve` does not wait."""
    (site.root / "token").write_text("0123456789abcdef-for-tests\n")
    site.build()
    server = ServeProcess(site, token="../token")
    asked, done = threading.Event(), threading.Event()

    def answer(_: control.Request) -> control.Reply:
        asked.set()
        done.wait(TIMEOUT)
        return control.Reply()

    daemon = control.ControlServer(str(site.root / "state"), answer)
    daemon.start()
    with connect(server.address) as connection:
        connection.sendall(
            b"POST /-/trigger HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
            b"Authorization: Bearer 0123456789abcdef-for-tests\r\n\r\n"
        )
        assert asked.wait(TIMEOUT)
        began = time.monotonic()
        server.process.terminate()
        server.process.wait(TIMEOUT)
        took = time.monotonic() - began
    done.set()
    daemon.stop()
    assert (server.stop(), took < time_limit(5)) == (0, True)


# -- where it listens


def test_a_port_in_use_is_named(site: SiteFolder) -> None:
    """`aggregator serve` exits with 2 and says what to set."""
    site.build()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.settings["server"] = {"port": taken.getsockname()[1]}
        site.config()
        result = DaemonProcess(site).command("serve")
    assert result.returncode == 2
    assert f"127.0.0.1:{site.settings['server']['port']}: " in result.stderr
    assert "take another port" in result.stderr
