"""The HTTP server: published documents from the shelf, a few further addresses, and the news of what changed.

Listens on a socket that it is given and answers requests on one event loop. Granian (hyper, in Rust) speaks HTTP and
keeps its limits: the time a client may take over its headers, their size, how many connections there may be. A document
is answered without a wait; whatever may take long is a `Route` that awaits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from granian import net, rsgi
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from aggregator.model import document_names
from aggregator.service.http.document_cache import Shelf
from aggregator.service.http.listening import BACKLOG
from aggregator.service.http.responses import OPEN_TO_ALL, Answer, Get, answer, missing, not_allowed, options, plain

# Not named in the lists of what these modules offer, but in Granian's documentation.
ProtocolClosed: type[RuntimeError] = vars(rsgi)["ProtocolClosed"]
_holder: Any = vars(net)["SocketHolder"]

LOGGER = logging.getLogger("aggregator")

LONGEST_HEADERS = 32_768
"""How many bytes the headers of a request may have; half as many again are answered 431 for certain."""

LONGEST_BODY = 65_536
LONGEST_WAIT = 10.0
"""How long, in seconds, the body of a request may take."""

LISTENERS = 1_000
"""So many clients may wait for news at once."""

LONGEST_SHOWN = 200
"""How many characters of a request's path a log line shows."""

STILL_HERE = 25.0
"""How often, in seconds, a client that waits for news hears that there is none; proxies cut silent connections."""

TOGETHER = 0.02
"""For how long, in seconds, news are gathered: a large turn is told in pieces, and is one event."""

BEHIND = 16
"""A listener that did not take in so many events is let go; it comes back by itself and looks at everything."""

MOST_SAID = 131_072
"""After so many characters a listener is let go: Granian collects what a client does not take in, without a bound."""


class Call(NamedTuple):
    """A request, for a route: `client` is the peer's address and port, `query` what stands behind the `?`.

    `version` is that of HTTP as Granian writes it: "1" or "1.1".
    """

    version: str
    method: str
    query: str
    client: str
    get: Get
    body: Callable[[], Awaitable[bytes | None]]
    """Reads the body; None where it is too large or too slow."""


class Route(NamedTuple):
    """What is served at an address beside the documents: by which methods, and how; None as if there were nothing."""

    methods: tuple[str, ...]
    answer: Callable[[Call], Awaitable[Answer | None]]


class News:
    """Tells listeners which feeds changed, as server-sent events (HTML standard §9.2)."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._untold: set[str] = set()
        self.over = False

    def tell(self, slugs: Iterable[str]) -> None:
        """Tell every listener, in a moment, that these feeds changed; from the loop that serves."""
        if not self._untold:
            asyncio.get_running_loop().call_later(TOGETHER, self._tell)
        self._untold.update(slugs)

    def _tell(self) -> None:
        untold, self._untold = self._untold, set()
        data = msgspec.json.encode(sorted(untold)).decode()
        for listener in tuple(self._listeners):
            if listener.full():
                self._listeners.discard(listener)
                _let_go(listener)
            else:
                listener.put_nowait(f"event: changed\ndata: {data}\n\n")

    def end(self) -> None:
        """Let every listener go."""
        self.over = True
        for listener in self._listeners:
            _let_go(listener)

    @property
    def listeners(self) -> int:
        """Say how many listen."""
        return len(self._listeners)

    async def stream(self, protocol: Any) -> None:
        """Keep telling one client until it goes or is let go."""
        listener: asyncio.Queue[str | None] = asyncio.Queue(BEHIND)
        self._listeners.add(listener)
        gone = asyncio.ensure_future(protocol.client_disconnect())
        gone.add_done_callback(lambda _: _let_go(listener))
        try:
            transport = protocol.response_stream(200, _EVENT_STREAM)
            message: str | None = "retry: 2000\n\n"
            said = 0
            while message is not None and said < MOST_SAID and not self.over:
                await transport.send_str(message)
                said += len(message)
                message = await self._next(listener)
        except ProtocolClosed:
            pass
        finally:
            self._listeners.discard(listener)
            gone.cancel()

    async def _next(self, listener: asyncio.Queue[str | None]) -> str | None:
        try:
            return await asyncio.wait_for(listener.get(), STILL_HERE)
        except TimeoutError:
            return ": still here\n\n"


def _let_go(listener: asyncio.Queue[str | None]) -> None:
    while listener.full():
        listener.get_nowait()
    listener.put_nowait(None)


_EVENT_STREAM = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-accel-buffering", "no"),
]

EVENTS = "/-/events"


class App:
    """What is answered to whom: documents of `shelf`, `routes` by path, events at `EVENTS`; `counts` counts it all."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.routes: Mapping[str, Route] = {}
        self.log_requests = False
        self.news = News()
        self.counts: Counter[tuple[str, int]] = Counter()

    @property
    def cached(self) -> int:
        """Say how many bytes of documents are kept in memory."""
        return self._shelf.size

    def has_feed(self, slug: str) -> bool:
        """Say whether a feed is published."""
        return document_names.is_folder(slug) and any(
            self._shelf.get(f"{slug}/{one}") for one in document_names.FEED_DOCUMENTS
        )

    def changed(self, slugs: Iterable[str]) -> None:
        """Serve these feeds anew, and tell who listens."""
        told = sorted(slugs)
        self._shelf.doubt(told)
        self.news.tell(told)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request; Granian calls this (RSGI 1.x)."""
        path = scope.path
        name = _asked_for(path)
        entry = self._shelf.get(name) if name else None
        if entry is not None:
            kind, reply = entry.kind, answer(entry, scope.method, _getter(scope.headers))
        elif path == EVENTS and scope.method == "GET" and self.news.listeners < LISTENERS and not self.news.over:
            self.counts["events", 200] += 1
            await self.news.stream(protocol)
            return
        else:
            kind, reply = await self._other(path, scope, protocol)
        self.counts[kind, reply.status] += 1
        if self.log_requests:
            values = {"method": scope.method, "path": path[:LONGEST_SHOWN], "status": reply.status}
            LOGGER.info("request", extra={"values": values})
        if reply.body and scope.method != "HEAD":
            protocol.response_bytes(*reply)
        else:
            protocol.response_empty(reply.status, reply.headers)

    async def _other(self, path: str, scope: Any, protocol: Any) -> tuple[str, Answer]:
        """Answer what is no document."""
        get = _getter(scope.headers)
        if path == EVENTS:
            busy = plain(503, "too many listen; come back later\n", retry_after="30")
            return "events", busy if scope.method == "GET" else not_allowed("GET")
        route = self.routes.get(path)
        if route is None:
            return "none", self._lost(path, scope.method, get)
        if scope.method not in route.methods:
            return path, not_allowed(", ".join(route.methods))
        version = scope.http_version
        call = Call(version, scope.method, scope.query_string, scope.client, get, lambda: _body(protocol))
        try:
            return path, await route.answer(call) or missing(path, get)
        except Exception:
            LOGGER.exception("request failed")
            return path, plain(500, "a bug in this program; its log says where\n")

    def _lost(self, path: str, method: str, get: Get) -> Answer:
        """Lead from `/slug` to `/slug/` and from a page of an archive that went to the one that took it in.

        Relative, as a proxy may have taken a prefix away. Else there is nothing.
        """
        if document_names.is_folder(path) and self._shelf.get(f"{path[1:]}/{document_names.PAGE}"):
            return plain(301, "see there\n", location=f"{path[1:]}/")
        is_json = path.endswith(f"/{document_names.JSON}")
        if method == "OPTIONS" and is_json:
            return options(document_names.JSON)
        if moved := self._shelf.moved(_asked_for(path)):
            # For now alone: a month that becomes crowded again is cut at the same places.
            return plain(
                302, "see there\n", location="../" + moved.split("/", 2)[2], **(OPEN_TO_ALL if is_json else {})
            )
        return missing(path, get)


_LONGEST_NAME = 128
_kept_name = lru_cache(maxsize=4_096)(document_names.asked_for)


def _asked_for(path: str) -> str:
    """Give the document's name; no document of ours has a long one, and what is kept of others must be little."""
    return _kept_name(path) if len(path) <= _LONGEST_NAME else ""


def _getter(headers: Any) -> Get:
    """Give headers by their names; the lines of one are one list (RFC 9110 §5.3)."""
    return lambda name: ", ".join(found) if (found := headers.get_all(name)) else None


async def _body(protocol: Any) -> bytes | None:
    data = bytearray()
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            async for piece in protocol:
                data += piece
                if len(data) > LONGEST_BODY:
                    return None
    except (TimeoutError, ProtocolClosed):
        return None
    return bytes(data)


class HttpServer(Granian):
    """Granian on a socket that we made: one that is in use is noticed, and outlives this process if need be."""

    def __init__(self, app: App, listening: socket.socket, *, connections: int, header_seconds: float) -> None:
        """Serve `app` on `listening` to at most `connections` clients at once.

        `header_seconds` is how long a client may take to send its headers, or send nothing at all.
        """
        super().__init__(
            app,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backpressure=connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(header_seconds * 1_000), max_buffer_size=LONGEST_HEADERS
            ),
            log_enabled=False,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        self._ssp = None
        # It closes its descriptor when it goes, so it gets one of its own. False: not a Unix socket.
        self._shd: Any = _holder(os.dup(self._listening.fileno()), False, BACKLOG)
