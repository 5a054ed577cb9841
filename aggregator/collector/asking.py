"""Asks one address over HTTP: redirects followed, every connected address checked, all bounded. Touches the network.

A request has a connection of its own, which is closed after it: between two polls lies an hour. There are no cookies,
no Referer, no proxies and no passwords from the environment. What an answer means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import brotli
import httpcore2
import httpx2
import msgspec

from aggregator.collector.addresses import refusal_of
from aggregator.collector.answers import MAX_HOPS, PERMANENT, TEMPORARY, Answer, Hop
from aggregator.collector.clocks import Clock
from aggregator.collector.domains import host_of
from aggregator.collector.state import Validators
from aggregator.collector.timing import field
from aggregator.collector.turns import Turns
from aggregator.model.version import VERSION

FEEDS = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.5, */*;q=0.1"
)
PAGES = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up a name: host and port in, IP addresses out, in the order of preference."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to connect and in all (waiting for a turn at a host apart), bytes after decompression."""

    connect: float = 10.0
    total: float = 20.0
    most: int = 15 * 1024 * 1024


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, and how.

    `validators` returns what to send to each address on the way. `is_private` allows addresses that are not public.
    `stops` returns until when an address must not be asked, and why (0 and "" if it may). `begins` is called when the
    first request is about to be sent, after the turn at the host has come. `takes_parts` allows a 226, which lists only
    what is new. `form` makes it a POST.
    """

    url: str
    validators: Callable[[str], Validators] = lambda _url: Validators()
    is_private: bool = False
    accept: str = FEEDS
    stops: Callable[[str], tuple[int, str]] = lambda _url: (0, "")
    begins: Callable[[], None] = lambda: None
    takes_parts: bool = True
    form: bytes | None = None


class Refused(OSError):  # noqa: N818 - says what was done
    """A name leads to an address that is not allowed."""


class _TooMuch(Exception):  # noqa: N818 - says what was received
    pass


class Asker:
    """Asks addresses: `await asker.ask(question)`."""

    def __init__(
        self, *, site: str, clock: Clock, turns: Turns, limits: Limits | None = None, resolve: Resolve | None = None
    ) -> None:
        """`site` is our own address, in the User-Agent, so that a source's owner knows who asks."""
        self._agent = f"aggregator/{VERSION} (+{site})".encode("ascii", "replace")
        self._clock = clock
        self._turns = turns
        self._limits = limits or Limits()
        self._resolve = resolve or look_up
        self._tls: ssl.SSLContext | None = None

    def asked(self, url: str, seconds_ago: float) -> None:
        """Note that a process that is gone asked an address: its host is left alone for a moment."""
        self._turns.asked(host_of(url), seconds_ago)

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question; what goes wrong is in it."""
        url, hops, left = question.url, list[Hop](), self._limits.total
        while True:
            until, why = question.stops(url)
            if problem := why or _problem_of(url):
                if not why and not hops:
                    question.begins()
                return self._answer(url, hops, problem=problem, not_before=until)
            async with self._turns.of(host_of(url)):
                if not hops:
                    question.begins()
                began = asyncio.get_running_loop().time()
                answer = await self._within(url, hops, question, left)
                left -= asyncio.get_running_loop().time() - began
            target = _target(answer)
            if not target or question.form is not None:
                return answer
            hops.append(Hop(url=url, status=answer.status))
            if problem := _why_not(url, target, hops):
                return self._answer(url, hops[:-1], problem=problem, status=answer.status)
            url = target

    def _answer(self, url: str, hops: Iterable[Hop], **values: Any) -> Answer:
        return Answer(url=url, at=self._clock.now(), hops=tuple(hops), **values)

    async def _within(self, url: str, hops: Sequence[Hop], question: Question, left: float) -> Answer:
        """Return the answer of one address, or what went wrong, with the header if that was received."""
        heard: dict[str, Any] = {}
        try:
            async with asyncio.timeout(max(0.0, left)):
                body = await self._one(url, question, heard)
                return self._answer(url, hops, body=body, **heard)
        except _TooMuch as error:
            problem = str(error)
        except (TimeoutError, httpcore2.TimeoutException) as error:
            connecting = isinstance(error, httpcore2.ConnectTimeout)
            limit = self._limits.connect if connecting else self._limits.total
            problem = f"{'no connection' if connecting else 'no whole answer'} within {limit:g} s"
        except Refused as error:
            problem, heard = str(error), {"is_barred": not question.is_private}
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.UnsupportedProtocol,
            OSError,
            ValueError,
        ) as error:
            problem = _reason(error)
        except (zlib.error, brotli.error):
            problem = "its compressed answer is damaged"
        return self._answer(url, hops, problem=problem, **heard)

    async def _one(self, url: str, question: Question, heard: dict[str, Any]) -> bytes:
        """Return the body of an answer; its status and header are put into `heard` as soon as they are there."""
        request = self._request(url, question)
        async with self._connection(request, is_private=question.is_private) as connection:
            response = await connection.handle_async_request(request)
            heard["status"] = response.status
            heard["heard_at"] = self._clock.now()
            heard["headers"] = headers = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers
            )
            try:
                if response.status in {200, 226}:
                    return await _body(response.aiter_stream(), field(headers, "content-encoding"), self._limits.most)
            finally:
                await response.aclose()
        return b""

    def _request(self, url: str, question: Question) -> httpcore2.Request:
        address = httpx2.URL(url)
        known = question.validators(url)
        headers = [
            (b"Host", address.netloc),
            (b"User-Agent", self._agent),
            (b"Accept", question.accept.encode()),
            (b"Accept-Encoding", b"gzip, br"),
            (b"Connection", b"close"),
        ]
        if question.accept == FEEDS and question.takes_parts and question.form is None:
            headers.append((b"A-IM", b"feed"))
        if known.etag:
            headers.append((b"If-None-Match", known.etag.encode("latin-1")))
        if known.last_modified:
            headers.append((b"If-Modified-Since", known.last_modified.encode("latin-1")))
        if question.form is not None:
            headers.append((b"Content-Type", b"application/x-www-form-urlencoded"))
            headers.append((b"Content-Length", str(len(question.form)).encode()))
        return httpcore2.Request(
            "GET" if question.form is None else "POST",
            httpcore2.URL(scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path),
            headers=headers,
            content=question.form,
            extensions={"timeout": {"connect": self._limits.connect, "read": self._limits.total}},
        )

    @asynccontextmanager
    async def _connection(
        self, request: httpcore2.Request, *, is_private: bool
    ) -> AsyncIterator[httpcore2.AsyncHTTPConnection]:
        if request.url.scheme == b"https" and self._tls is None:
            self._tls = _ssl_context()
        connection = httpcore2.AsyncHTTPConnection(
            origin=request.url.origin,
            ssl_context=self._tls,
            network_backend=_Checked(self._resolve, is_private=is_private),
        )
        try:
            yield connection
        finally:
            await connection.aclose()


class _Checked(httpcore2.AsyncNetworkBackend):
    """Connects only to addresses that are allowed: what is checked is what is connected to, not a name."""

    def __init__(self, resolve: Resolve, *, is_private: bool) -> None:
        self._resolve = resolve
        self._is_private = is_private
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ASYNC109 - the library's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error

    async def _connect(
        self, host: str, port: int, local_address: str | None, socket_options: Iterable[Any] | None
    ) -> httpcore2.AsyncNetworkStream:
        found = await self._resolve(host, port)
        allowed = [address for address in found if self._is_private or not refusal_of(address)]
        if not allowed:
            kinds = ", ".join(dict.fromkeys(refusal_of(address) for address in found)) or "no"
            raise Refused(
                f"{host} leads to {'an' if kinds[0] in 'aeiou' else 'a'} {kinds} address, which only a source with"
                " `private: true` may have"
            )
        for address in allowed[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, None, local_address, socket_options)
            except (httpcore2.ConnectError, OSError):
                continue
        return await self._inner.connect_tcp(allowed[-1], port, None, local_address, socket_options)


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a name; in a thread of its own, as a resolver may hang."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[str]] = loop.create_future()

    def put(value: Sequence[str] | Exception) -> None:
        if not found.done():
            found.set_exception(value) if isinstance(value, Exception) else found.set_result(value)

    def work() -> None:
        value: Sequence[str] | Exception
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            value = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as error:
            value = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(put, value)

    threading.Thread(target=work, name="resolver", daemon=True).start()
    return await found


async def _body(pieces: AsyncIterator[bytes], encoding: str, most: int) -> bytes:
    """Return a body without its content encoding, whole; a bomb stops where it reaches `most` bytes."""
    reader = _Decoded(encoding.strip().lower(), most)
    async for piece in pieces:
        reader.feed(piece)
    return reader.whole()


class _Decoded:
    """Takes the content encoding off a body piece by piece, and never makes more than `most` bytes of it."""

    def __init__(self, encoding: str, most: int) -> None:
        self._most = most
        self._raw = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in {"gzip", "x-gzip", "deflate"} else None
        self._brotli = brotli.Decompressor() if encoding == "br" else None
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate", "br"}:
            raise ValueError(f"its answer is encoded as {encoding[:40]!r}, which was not asked for")

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body.

        Raises:
            _TooMuch: If there is more than is allowed.
        """
        self._raw += len(piece)
        if self._raw > self._most:
            self._stop()
        if self._gzip is not None:
            self._inflate(piece)
        elif self._brotli is not None:
            self._unbrotli(piece)
        else:
            self._keep(piece)

    def whole(self) -> bytes:
        """Return the body.

        Raises:
            ValueError: If its compressed form ends too early.
        """
        if self._raw and ((self._gzip and not self._gzip.eof) or (self._brotli and not self._brotli.is_finished())):
            raise ValueError("its compressed answer is cut short")
        return b"".join(self._parts)

    def _keep(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > self._most:
            self._stop()

    def _inflate(self, piece: bytes) -> None:
        while piece:
            assert self._gzip is not None
            if self._gzip.eof:
                if not piece.startswith(b"\x1f\x8b"):
                    return  # what follows a whole member is nothing
                self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 32)
            self._keep(self._gzip.decompress(piece, self._most - self._size + 1))
            piece = self._gzip.unconsumed_tail or self._gzip.unused_data

    def _unbrotli(self, piece: bytes) -> None:
        assert self._brotli is not None
        while found := self._brotli.process(piece, output_buffer_limit=65_536):
            self._keep(found)
            piece = b""

    def _stop(self) -> None:
        most = self._most // (1024 * 1024)
        raise _TooMuch(f"its answer is larger than {most} MiB, and not read (ask its owner for a shorter feed)")


def _target(answer: Answer) -> str:
    """Return where an answer redirects to, without fragment, "" if it does not."""
    location = next((value for name, value in answer.headers if name == "location"), "")
    if answer.status not in PERMANENT | TEMPORARY or not location:
        return ""
    try:
        # A location may hold raw UTF-8, which reads as Latin-1 here.
        text = location.encode("latin-1").decode("utf-8", "replace").strip()
        return str(httpx2.URL(answer.url).join(text).copy_with(fragment=None))
    except (httpx2.InvalidURL, ValueError, TypeError):
        return "invalid:"


def _why_not(url: str, target: str, hops: Sequence[Hop]) -> str:
    """Return why a redirect is not followed, "" if it is."""
    if len(hops) > MAX_HOPS:
        return f"it redirects more than {MAX_HOPS} times"
    if url.startswith("https:") and target.startswith("http:"):
        return f"it redirects from https to http ({target[:200]}), which is not followed"
    if any(hop.url == target for hop in hops):
        return "it redirects in a circle"
    return ""


def _problem_of(url: str) -> str:
    try:
        address = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError):
        return "its address is not valid"
    if address.scheme not in {"http", "https"} or not address.host:
        return "it leads to no http or https address"
    return "it leads to an address with a user name, which is not followed" if address.userinfo else ""


def _ssl_context() -> ssl.SSLContext:
    """Return a context that trusts the authorities that this machine trusts."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _reason(error: BaseException) -> str:
    """Return why no answer came, in the system's words if possible."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return f"no secure connection: {inner.reason or type(inner).__name__}"
        if isinstance(inner, socket.gaierror):
            return f"its name is not known: {inner.strerror}"
        if isinstance(inner, OSError) and inner.errno is not None and inner.errno > 0:
            return f"no connection: {os.strerror(inner.errno)}"
        inner = inner.__cause__ or inner.__context__
    if type(error) is ValueError:
        return str(error)
    return f"the connection broke ({type(error).__name__})"
