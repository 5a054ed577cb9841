"""Server-sent events (HTML standard §9.2) that tell clients which feeds changed. Runs on the server's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from granian import rsgi

EVENTS = "/-/events"
"""The path at which events are served."""

# Granian's documentation names it, its `__all__` does not.
ProtocolClosed: type[RuntimeError] = vars(rsgi)["ProtocolClosed"]

MAX_LISTENERS = 1_000

KEEPALIVE_SECONDS = 25.0
"""How often an idle client is sent a comment, as proxies cut silent connections."""

DELAY = 0.02
"""For how long, in seconds, changes are collected: a large turn reports them in pieces, and they become one event."""

MAX_QUEUED = 16
"""A listener with this many events unsent is disconnected; it reconnects by itself and reloads everything."""

MAX_CHARACTERS = 131_072
"""A listener is disconnected after this many characters: Granian buffers what a client does not read, unbounded."""

_HEADERS = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-accel-buffering", "no"),
]


class ChangeEvents:
    """Sends `changed` events to the listeners; once `closed`, nobody can listen any more."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._pending: set[str] = set()
        self.closed = False

    def send(self, slugs: Iterable[str]) -> None:
        """Send the slugs of changed feeds to every listener, after `DELAY`; call it on the server's loop."""
        if not self._pending:
            asyncio.get_running_loop().call_later(DELAY, self._send_pending)
        self._pending.update(slugs)

    def _send_pending(self) -> None:
        pending, self._pending = self._pending, set()
        data = msgspec.json.encode(sorted(pending)).decode()
        for listener in tuple(self._listeners):
            if listener.full():
                self._listeners.discard(listener)
                _disconnect(listener)
            else:
                listener.put_nowait(f"event: changed\ndata: {data}\n\n")

    def close(self) -> None:
        """Disconnect every listener."""
        self.closed = True
        for listener in self._listeners:
            _disconnect(listener)

    @property
    def listeners(self) -> int:
        """How many clients listen."""
        return len(self._listeners)

    async def stream(self, protocol: Any) -> None:
        """Send events to one client until it disconnects or is disconnected."""
        listener: asyncio.Queue[str | None] = asyncio.Queue(MAX_QUEUED)
        self._listeners.add(listener)
        gone = asyncio.ensure_future(protocol.client_disconnect())
        gone.add_done_callback(lambda _: _disconnect(listener))
        try:
            transport = protocol.response_stream(200, _HEADERS)
            message: str | None = "retry: 2000\n\n"
            sent = 0
            while message is not None and sent < MAX_CHARACTERS and not self.closed:
                await transport.send_str(message)
                sent += len(message)
                message = await self._next_message(listener)
        except ProtocolClosed:
            pass
        finally:
            self._listeners.discard(listener)
            gone.cancel()

    async def _next_message(self, listener: asyncio.Queue[str | None]) -> str | None:
        try:
            return await asyncio.wait_for(listener.get(), KEEPALIVE_SECONDS)
        except TimeoutError:
            return ": still here\n\n"


def _disconnect(listener: asyncio.Queue[str | None]) -> None:
    while listener.full():
        listener.get_nowait()
    listener.put_nowait(None)
