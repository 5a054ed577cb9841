"""One ping: a topic's address in, what the hub answered out. Touches the network, and of it the hub alone.

The form is that of PubSubHubbub 0.4 §7.1 (`hub.mode=publish`, `hub.url`); WebSub leaves it open, and some hubs read
`hub.topic` instead, so both are said. Loaded late: `asyncio` and `httpx` cost 0.2 s and 20 MB, and only a site with a
hub needs them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from http import HTTPStatus
from typing import Any, Self

import httpx

from aggregator.model.version import VERSION
from aggregator.publisher.hub.policy import TOGETHER, Answer

PATIENCE = 10.0
"""How long, in seconds, a hub may take to answer, from the look-up of its name to the last byte."""

MOST_REDIRECTS = 3
MOST_BODY = 65_536
"""An answer of at most so many bytes is read, so that its connection can be used again."""


class HubClient:
    """Tells the hub at `url` of topics: `async with HubClient(…) as client`, then `publish`."""

    def __init__(self, url: str, *, site: str) -> None:
        """Take the hub's address; `site` is the publisher's own, by which a hub's owner knows who calls."""
        self._url = httpx.URL(url)
        # Nothing is taken from the environment: no proxy, no password from ~/.netrc.
        self._client = httpx.AsyncClient(
            timeout=PATIENCE,
            trust_env=False,
            verify=_trusted(),
            headers={"User-Agent": f"aggregator/{VERSION} (+{site})", "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=TOGETHER, max_keepalive_connections=TOGETHER),
        )

    async def __aenter__(self) -> Self:
        """Open."""
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def publish(self, topic: str) -> Answer:
        """Tell the hub that the document at `topic` has changed; whatever goes wrong is in the answer."""
        form = {"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._post(form)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(reason=f"no answer within {PATIENCE:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Answer(reason=_reason(error))

    async def _post(self, form: dict[str, str]) -> Answer:
        url = self._url
        for _ in range(1 + MOST_REDIRECTS):
            async with self._client.stream("POST", url, data=form) as response:
                if _length(response) <= MOST_BODY:
                    async for _piece in response.aiter_raw():
                        pass
            if response.status_code not in {301, 302, 307, 308} or "location" not in response.headers:
                return _answer(response)
            url = url.join(response.headers["location"])
            if not _is_same_hub(self._url, url):
                return Answer(status=response.status_code, reason=f"it has moved to {str(url)[:200]!r}")
        return Answer(status=response.status_code, reason="it redirects in a circle")


class Loop(asyncio.SelectorEventLoop):
    """An event loop that never waits for the look-up of a name: a resolver that hangs must not hold up our end."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> list[Any]:
        """Look up `host` in a thread that ends with the process."""
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


def _trusted() -> ssl.SSLContext:
    """Trust the authorities that browsers trust, and those of this machine."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _is_same_hub(hub: httpx.URL, target: httpx.URL) -> bool:
    """Say whether a redirect leads to the host that the config names, and not from https to http."""
    if target.userinfo or target.host != hub.host:
        return False
    here, there = (hub.scheme, hub.port), (target.scheme, target.port)
    return here == there or (here == ("http", None) and there == ("https", None))


def _length(response: httpx.Response) -> int:
    said = response.headers.get("content-length", "")
    if response.status_code == HTTPStatus.NO_CONTENT:
        return 0
    return int(said) if said.isdigit() and len(said) < 10 else MOST_BODY + 1


def _answer(response: httpx.Response) -> Answer:
    """Give an answer without its words: nobody knows what a hub may write there."""
    status = response.status_code
    if response.is_success:
        return Answer(status=status)
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
    reason = f"it answered {status} {phrase}".strip()
    return Answer(status=status, reason=reason, retry_after=response.headers.get("retry-after", ""))


def _reason(error: BaseException) -> str:
    """Say why no answer came: in the system's words where they are to be found."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            return f"no secure connection: {inner.reason or type(inner).__name__}"
        if isinstance(inner, OSError) and inner.errno is not None:
            # asyncio has words of its own for these; those for names that are not found have negative numbers.
            return f"no connection: {os.strerror(inner.errno) if inner.errno > 0 else inner.strerror}"
        inner = inner.__cause__ or inner.__context__
    return f"the connection broke ({type(error).__name__})"
