"""The HTTP server: published documents from the cache, a few other routes, and events about changed feeds.

Serves on a socket that it is given, on one event loop. Granian (hyper, in Rust) speaks HTTP and enforces the limits:
the time for the headers of a request, their size, the number of connections. A document is served without waiting;
whatever may take long is a `Route` that awaits.
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

from granian import net
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from aggregator.model import document_names
from aggregator.model.archive_layout import page_of
from aggregator.model.errors import NO_MEMORY
from aggregator.model.item_pages import is_item_page
from aggregator.service.http.access import is_host
from aggregator.service.http.document_cache import DocumentCache
from aggregator.service.http.events import EVENTS, MAX_LISTENERS, ChangeEvents, ProtocolClosed
from aggregator.service.http.listening import BACKLOG
from aggregator.service.http.responses import (
    FEEDS,
    METHODS,
    OPEN_TO_ALL,
    VARY,
    CachedDocument,
    GetHeader,
    Response,
    html_response,
    is_navigation,
    method_not_allowed,
    missing_page,
    not_found,
    options_response,
    respond,
    root_of,
    text_response,
    wants_page,
)

# Granian's documentation names it, its `__all__` does not.
_holder: Any = vars(net)["SocketHolder"]

LOGGER = logging.getLogger("aggregator")

MAX_HEADER_BYTES = 32_768
"""How many bytes the headers of a request may have; half as many again are certainly answered with 431."""

MAX_BODY_BYTES = 65_536
BODY_SECONDS = 10.0
"""How long, in seconds, the body of a request may take."""

RAW = "raw"
"""With this query a browser gets the file of a feed."""

MAX_LOGGED_PATH = 200
"""How many characters of a request's path are logged."""


class Call(NamedTuple):
    """A request to a route: `client` is the peer's address and port, `query` the part of the URL after the `?`.

    `path` is that of the request. `version` is the HTTP version as Granian writes it: "1" or "1.1".
    """

    version: str
    method: str
    query: str
    client: str
    get: GetHeader
    body: Callable[[], Awaitable[bytes | None]]
    """Reads the body; returns None if it is too large or too slow."""

    path: str = ""


class Route(NamedTuple):
    """A path served besides the documents: its methods, and what answers it. The answer None stands for a 404.

    Under a path that ends with a slash it answers for all addresses directly below it.

    `body_bytes` is how long the body of a request may be.
    """

    methods: tuple[str, ...]
    answer: Callable[[Call], Awaitable[Response | None]]
    body_bytes: int = MAX_BODY_BYTES


class App:
    """The RSGI application: documents from `cache`, `routes` by path, events at `EVENTS`.

    `counts` holds the number of responses by what was requested and status.
    """

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._notices: Any = None
        self.routes: Mapping[str, Route] = {}
        self.was_removed: Callable[[str], Awaitable[bool]] | None = None
        """Returns whether the page of an item, by its name, was there and was removed."""
        self.log_requests = False
        self.events = ChangeEvents()
        self.counts: Counter[tuple[str, int]] = Counter()

    @property
    def cached(self) -> int:
        """How many bytes of documents are in memory."""
        return self._cache.size

    def has_feed(self, slug: str) -> bool:
        """Return whether a feed is published."""
        return document_names.is_feed_folder(slug) and any(
            self._cache.get(f"{slug}/{one}") for one in document_names.FEED_DOCUMENTS
        )

    def changed(self, slugs: Iterable[str]) -> None:
        """Read these feeds again when they are next requested, and send an event to the listeners."""
        changed = sorted(slugs)
        self._cache.invalidate(changed)
        self.events.send(changed)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request; Granian calls this (RSGI 1.x)."""
        path = scope.path
        name = _document_name(path)
        document = self._cache.get(name) if name else None
        if not _has_valid_host(scope):
            kind, response = "none", text_response(400, "the request must have one valid Host header\n")
        elif document is not None and self._is_opened(document, scope):
            kind, response = "opened feed", await self._explain_feed(name)
        elif document is not None:
            kind, response = document.kind, respond(document, scope.method, _getter(scope.headers))
        elif (
            path == EVENTS
            and scope.method == "GET"
            and self.events.listeners < MAX_LISTENERS
            and not self.events.closed
        ):
            self.counts["events", 200] += 1
            await self.events.stream(protocol)
            return
        else:
            kind, response = await self._route(path, scope, protocol)
        self.counts[kind, response.status] += 1
        if self.log_requests:
            values = {"method": scope.method, "path": path[:MAX_LOGGED_PATH], "status": response.status}
            LOGGER.info("request", extra={"values": values})
        if response.body and scope.method != "HEAD":
            protocol.response_bytes(*response)
        else:
            protocol.response_empty(response.status, response.headers)

    async def _route(self, path: str, scope: Any, protocol: Any) -> tuple[str, Response]:
        get = _getter(scope.headers)
        if path == EVENTS:
            busy = text_response(503, "too many listeners; try again later\n", retry_after="30")
            return "events", busy if scope.method == "GET" else method_not_allowed("GET")
        at = path if path in self.routes else path[: path.rfind("/") + 1]
        route = self.routes.get(at)
        if not path.startswith("/"):
            return "none", _response_without_path(scope.method)
        if route is None:
            return "none", self._redirection(path, scope.method) or await self._not_found(path, get)
        if scope.method not in route.methods:
            return at, method_not_allowed(", ".join(route.methods))
        version = scope.http_version
        call = Call(
            version, scope.method, scope.query_string, scope.client, get,
            lambda: _body(protocol, route.body_bytes), path,
        )  # fmt: skip
        try:
            return at, await route.answer(call) or await self._not_found(path, get)
        except MemoryError:
            LOGGER.warning("request failed: %s", NO_MEMORY)
            return at, text_response(503, "out of memory; try again later\n", retry_after="30")
        except Exception:
            LOGGER.exception("request failed")
            return at, text_response(500, "a bug in this program; see its log\n")

    def _is_opened(self, document: CachedDocument, scope: Any) -> bool:
        return (
            document.kind in FEEDS
            and scope.method in {"GET", "HEAD"}
            and scope.query_string != RAW
            and is_navigation(_getter(scope.headers))
        )

    async def _explain_feed(self, name: str) -> Response:
        """Return the page for a person who opened the feed `name` in a browser."""
        notices = await self._loaded_notices()
        slug, site = name.partition("/")[0], self._cache.site
        page = self._cache.get(f"{slug}/{document_names.PAGE}")
        body = notices.opened_feed(
            site,
            (notices.title_of(page.representations[""].body) if page else "") or slug,
            address=site.address(f"{slug}/{document_names.kind_of(name)}"),
            file=document_names.kind_of(name),
            top="./" if page_of(name) is None else "../../",
        )
        return html_response(200, body, vary=VARY)

    async def _loaded_notices(self) -> Any:
        """Return the module that renders such pages; other requests do not wait until it is loaded."""
        if self._notices is None:
            self._notices = await asyncio.to_thread(_load_notices)
        return self._notices

    async def _not_found(self, path: str, get: GetHeader) -> Response:
        """Return a 404, or 410 for a removed page: for a browser with a link to the feeds, else as a line of text."""
        name = _document_name(path)
        removed = self.was_removed is not None and is_item_page(name) and await self.was_removed(name)
        if not wants_page(path, get):
            return text_response(410, "this page was removed\n") if removed else not_found(path)
        notices = await self._loaded_notices()
        return missing_page(path, notices.missing(self._cache.site, root_of(path), removed=removed), removed=removed)

    def _redirection(self, path: str, method: str) -> Response | None:
        """Redirect from `/slug` to `/slug/`, and from a removed archive page to the one that has its items now.

        Locations are relative, as a proxy may have removed a prefix.
        """
        if (name := _document_name(f"{path}/")) and self._cache.get(name):
            return text_response(301, "moved\n", location=f"{path.rpartition('/')[2]}/")
        is_json = path.endswith(f"/{document_names.JSON}")
        if method == "OPTIONS" and is_json:
            return options_response(document_names.JSON)
        if replacement := self._cache.replacement(_document_name(path)):
            # Temporary: if the month fills up again, it is divided at the same positions.
            location = "../" + replacement.split("/", 2)[2].removesuffix(document_names.PAGE)
            return text_response(302, "moved\n", location=location, **(OPEN_TO_ALL if is_json else {}))
        return None


def _response_without_path(method: str) -> Response:
    """Answer a request for the server itself, `OPTIONS *` (RFC 9110 §9.3.7), or as a tunnel; others need a path."""
    if method == "OPTIONS":
        return options_response("")
    return method_not_allowed(METHODS) if method == "CONNECT" else text_response(400, "the request must name a path\n")


def _has_valid_host(scope: Any) -> bool:
    """Return whether a request has exactly one Host, and a valid one; HTTP/1.0 needs none (RFC 9112 §3.2)."""
    hosts = scope.headers.get_all("host")
    return is_host(hosts[0]) if len(hosts) == 1 else not hosts and scope.http_version == "1"


def _load_notices() -> Any:
    from aggregator.renderer import layout, notices  # noqa: PLC0415 - some 50 ms and 5 MB, for those who need it
    from aggregator.site.compiled_templates import keep_compiled_templates  # noqa: PLC0415 - likewise

    keep_compiled_templates()
    layout.load_templates()
    return notices


_MAX_NAME = 128
_cached_name = lru_cache(maxsize=4_096)(document_names.requested_name)


def _document_name(path: str) -> str:
    """Return the document name for a path, "" if it is none; names are short, and long paths would fill the cache."""
    return _cached_name(path) if len(path) <= _MAX_NAME else ""


def _getter(headers: Any) -> GetHeader:
    """Return a function that looks headers up by name; several lines of one are joined (RFC 9110 §5.3)."""
    return lambda name: ", ".join(found) if (found := headers.get_all(name)) else None


async def _body(protocol: Any, most: int) -> bytes | None:
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in protocol:
                data += piece
                if len(data) > most:
                    return None
    except (TimeoutError, ProtocolClosed):
        return None
    return bytes(data)


class HttpServer(Granian):
    """Granian on a socket made by the caller, so that a port in use is noticed and the socket may be shared."""

    def __init__(self, app: App, listening: socket.socket, *, connections: int, header_seconds: float) -> None:
        """Serve `app` on `listening` to at most `connections` clients at once.

        `header_seconds` is how long a client may take to send its headers, and how long it may stay idle.
        """
        super().__init__(
            app,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backpressure=connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(header_seconds * 1_000), max_buffer_size=MAX_HEADER_BYTES
            ),
            log_enabled=False,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        self._ssp = None
        # It closes its descriptor at its end, so it gets a duplicate. False: not a Unix socket.
        self._shd: Any = _holder(os.dup(self._listening.fileno()), False, BACKLOG)
