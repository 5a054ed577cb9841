"""Sends pings to a hub: a topic's address in, the hub's answer out. Touches the network, and only the hub.

The form is that of PubSubHubbub 0.4 §7.1 (`hub.mode=publish`, `hub.url`). WebSub does not define one, and some hubs
read `hub.topic` instead, so both are sent. Loaded late: `asyncio` and `httpx2` cost 0.2 s and 20 MB, and only a site
with a hub needs them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from http import HTTPStatus
from typing import Any, Self

import httpx2

from aggregator.model.version import VERSION
from aggregator.publisher.hub.policy import CONCURRENCY, Answer

PATIENCE = 10.0
"""How long, in seconds, a hub may take to answer, from the look-up of its name to the last byte."""

MAX_REDIRECTS = 3
MAX_BODY = 65_536
"""An answer of at most so many bytes is read, so that its connection can be reused."""


class HubClient:
    """Notifies the hub at `url`: `async with HubClient(…) as client`, then `publish`."""

    def __init__(self, url: str, *, site: str) -> None:
        """`site` is the publisher's address, sent in the User-Agent so that a hub's operator knows who calls."""
        self._url = httpx2.URL(url)
        # Nothing comes from the environment: no proxy, no password from ~/.netrc.
        self._client = httpx2.AsyncClient(
            timeout=PATIENCE,
            trust_env=False,
            verify=_ssl_context(),
            headers={"User-Agent": f"aggregator/{VERSION} (+{site})", "Accept-Encoding": "identity"},
            limits=httpx2.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def publish(self, topic: str) -> Answer:
        """Notify the hub that the document at the URL `topic` has changed; errors are in the answer."""
        form = {"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._post(form)
        except (TimeoutError, httpx2.TimeoutException):
            return Answer(reason=f"no answer within {PATIENCE:.0f} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            return Answer(reason=_reason(error))

    async def _post(self, form: dict[str, str]) -> Answer:
        url = self._url
        for _ in range(1 + MAX_REDIRECTS):
            async with self._client.stream("POST", url, data=form) as response:
                if _length(response) <= MAX_BODY:
                    async for _piece in response.aiter_raw():
                        pass
            if response.status_code not in {301, 302, 307, 308} or "location" not in response.headers:
                return _answer(response)
            url = url.join(response.headers["location"])
            if not _is_same_hub(self._url, url):
                return Answer(status=response.status_code, reason=f"it has moved to {str(url)[:200]!r}")
        return Answer(status=response.status_code, reason="it redirects too often")


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose end does not wait for the look-up of a name: a resolver may hang."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> list[Any]:
        """Look up `host` in a daemon thread."""
        found: asyncio.Future[list[Any]] = self.create_future()

        def put(value: list[Any] | Exception) -> None:
            if not found.done():
                found.set_exception(value) if isinstance(value, Exception) else found.set_result(value)

        def look_up() -> None:
            value: list[Any] | Exception
            try:
                value = socket.getaddrinfo(host, port, **options)
            except (OSError, UnicodeError) as error:
                value = error
            if not self.is_closed():
                self.call_soon_threadsafe(put, value)

        threading.Thread(target=look_up, name="resolver", daemon=True).start()
        return await found


def _ssl_context() -> ssl.SSLContext:
    """Return a context that trusts the authorities that this machine trusts."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _is_same_hub(hub: httpx2.URL, target: httpx2.URL) -> bool:
    """Return whether a redirect leads to the configured host, and not from https to http."""
    if target.userinfo or target.host != hub.host:
        return False
    here, there = (hub.scheme, hub.port), (target.scheme, target.port)
    return here == there or (here == ("http", None) and there == ("https", None))


def _length(response: httpx2.Response) -> int:
    length = response.headers.get("content-length", "")
    if response.status_code == HTTPStatus.NO_CONTENT:
        return 0
    return int(length) if length.isdigit() and len(length) < 10 else MAX_BODY + 1


def _answer(response: httpx2.Response) -> Answer:
    """Return the answer without the hub's own text, which could be anything."""
    status = response.status_code
    if response.is_success:
        return Answer(status=status)
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
    reason = f"it answered {status} {phrase}".strip()
    return Answer(status=status, reason=reason, retry_after=response.headers.get("retry-after", ""))


def _reason(error: BaseException) -> str:
    """Return why no answer came, in the system's words if possible."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            return f"no secure connection: {inner.reason or type(inner).__name__}"
        if isinstance(inner, OSError) and inner.errno is not None:
            # asyncio words these differently; errors of name look-ups have negative numbers.
            return f"no connection: {os.strerror(inner.errno) if inner.errno > 0 else inner.strerror}"
        inner = inner.__cause__ or inner.__context__
    return f"the connection broke ({type(error).__name__})"
