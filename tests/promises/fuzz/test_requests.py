"""Whatever bytes a client sends, the server answers or closes the connection, reveals nothing and serves on."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from support.fuzz_inputs import HOSTILE_TOKENS, run_examples, run_marathon
from support.http_client import ServeProcess, connect, fetch, read_until_closed, statuses
from support.running_daemon import wait_until
from support.site_checks import DRAFT, SECRET
from support.site_folder import SiteFolder

KNOWN = {
    200,
    204,
    206,
    301,
    304,
    400,
    401,
    403,
    404,
    405,
    408,
    411,
    412,
    413,
    414,
    415,
    416,
    417,
    426,
    431,
    501,
    503,
    505,
}
TOKEN = "a-token-that-nobody-guesses-0123456789"
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "CONNECT", "PRI", "get", "G\0T", "", "GET ", "A" * 300]
PATHS = [
    "/", "/all/rss.xml", "/all/feed.json", "/all/atom.xml", "/all/", "/all", "/index.html", "/feeds.opml", "/.well-known/feeds", "/healthz", "/metrics",
    "/-/status", "/-/explain?q=a.md", "/-/explain?q=draft.md", "/-/trigger", "/-/trigger?feed=all", "*", "http://evil.example/all/rss.xml", "//", "/..",
    "/../config/feeds.yaml", "/%2e%2e/state/index.db", "/..%5c", "/all%2frss.xml", "/\xff", "/all/rss.xml?a=%zz#b", "/-/find?q=%28a", "/-/find?limit=%00&q=%ff%22", "/@5000@", "", "evil.example:80",
]  # fmt: skip
VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.10", "http/1.1", "HTTP/1.1 x", ""]
NAMES = [
    "Host", "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "TE", "Trailer", "Range", "If-Range", "If-None-Match", "If-Match",
    "If-Modified-Since", "If-Unmodified-Since", "Accept-Encoding", "Accept", "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Cookie",
    "Origin", "Sec-WebSocket-Key", "HTTP2-Settings", "Content-Type", "X\0Y", "a b", "", ":", "Ü",
]  # fmt: skip
VALUES = [
    "localhost", "127.0.0.1", "evil.example", "close", "keep-alive, x", "Upgrade, HTTP2-Settings", "0", "5", "-1", "+5", "99999999999999999999", "5, 5", "0x5",
    "chunked", "chunked, chunked", "identity", "gzip, chunked", "100-continue", "h2c", "websocket", "bytes=0-", "bytes=5-2", "bytes=-5", "bytes=0-0,2-3",
    "bytes=99999999999999999999-", "bytes=a-b", '"x"', 'W/"x"', "*", '"', "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 +9999", "br;q=0, *;q=nan",
    "gzip;q=1e999", "br" + ",br" * 200, f"Bearer {TOKEN[:-1]}", "Basic !!!", "Basic OnNlY3JldA==", "@40000@", "",
]  # fmt: skip
ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n ", ""]
BODIES = [
    "",
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\n",
    "-1\r\n",
    "0\r\nX: y\r\n\r\n",
    "@70000@",
    "feed=all",
]

headers = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([": ", ": ", ":", " :", ""]),
        st.sampled_from(VALUES) | st.sampled_from(HOSTILE_TOKENS),
        st.sampled_from(ENDS),
    ).map("".join),
    max_size=5,
)
request = st.tuples(
    st.sampled_from(METHODS) | st.just("GET"), st.just(" "), st.sampled_from(PATHS) | st.sampled_from(HOSTILE_TOKENS), st.just(" "), st.sampled_from(VERSIONS),
    st.sampled_from(ENDS), st.just("Host: localhost\r\n") | st.just(""), headers.map("".join), st.sampled_from(ENDS), st.sampled_from(BODIES),
).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))  # fmt: skip
sent = st.lists(request | request | st.binary(max_size=200), min_size=1, max_size=4)


LONG_ONE = re.compile(rb"@(\d+)@")
"""A placeholder for that many letters, so that failing inputs can be printed."""


class Victim:
    """A server with a draft and a secret, and the checks that must hold after any request."""

    def __init__(self, site: SiteFolder) -> None:
        site.write("a.md", "word " * 500, title="Title")
        site.write("draft.md", title=DRAFT, published=False, secured=SECRET)
        site.build()
        (site.root / "token").write_text(TOKEN)
        (site.root / "token").chmod(0o600)
        self.server = ServeProcess(site, timeout="1s", token="../token")
        self.feed = (site.feeds / "all/rss.xml").read_bytes()
        self.files, self.memory = self.server.open_files(), self.server.memory()

    def check(self, pieces: list[bytes]) -> None:
        """Assert a valid status other than 500, nothing private, and that the next reader is served."""
        with connect(self.server.address) as connection:
            with suppress(OSError):
                for piece in pieces:
                    connection.sendall(LONG_ONE.sub(lambda found: b"x" * int(found[1]), piece))
                connection.shutdown(socket.SHUT_WR)
            answer = read_until_closed(connection)
        assert set(statuses(answer)) <= KNOWN
        assert TOKEN.encode() not in answer
        assert SECRET.encode() not in answer
        assert self.server.process.poll() is None
        assert fetch(self.server.address, "/all/rss.xml").body == self.feed

    def end(self) -> None:
        """Assert that no file or memory leaked, and that nothing was logged."""
        wait_until(lambda: self.server.open_files() <= self.files + 2, 10, what="connections stay open")
        assert self.server.memory() < self.memory + 60_000
        assert self.server.stop() == 0
        assert self.server.log.read_text().count("\n") == 1, self.server.log.read_text()[-2_000:]


@pytest.fixture
def victim(site: SiteFolder) -> Iterator[Victim]:
    made = Victim(site)
    yield made
    made.end()


@pytest.mark.slow
def test_some_requests_do_no_harm(victim: Victim) -> None:
    """A few hundred random requests do no harm."""
    run_examples(victim.check, sent, count=200)


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_requests_for_minutes_do_no_harm(victim: Victim) -> None:
    """Different random requests do no harm, for minutes."""
    assert run_marathon(victim.check, sent) > 1_000
    time.sleep(2)
    print({"memory": (victim.memory, victim.server.memory())})
