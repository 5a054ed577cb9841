"""The callbacks that hubs call (WebSub): whether a subscription is meant, and that a source has something new.

What is answered is decided by `collector.subscriptions`; what follows is a request that the collector takes up within
seconds. Nothing is known of an address whose last part is not that of a subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl

from aggregator.collector import database, subscriptions
from aggregator.config.settings import Config
from aggregator.service.http.coalescing import SharedCall
from aggregator.service.http.responses import Response, text_response
from aggregator.service.http.server import Call, Route

PATH = f"/{subscriptions.CALLBACK}"
MOST_BYTES = 15 * 2**20
"""How long a push may be: as long as a document of a source."""


def routes(config: Config, *, clock: Callable[[], float]) -> dict[str, Route]:
    """Return the route of the callbacks; the part of an address after it names the subscription."""
    return {PATH: Route(("GET", "POST"), Callbacks(config.state, clock).answer, MOST_BYTES)}


class Callbacks:
    """Answers hubs for the collector of the state folder `state`."""

    def __init__(self, state: str, clock: Callable[[], float]) -> None:
        self._state, self._clock = state, clock
        # A flood of guesses is one reading at a time.
        self._subscriptions = SharedCall(lambda: asyncio.to_thread(database.subscriptions, state))

    async def answer(self, call: Call) -> Response | None:
        """Answer a hub: confirm a subscription of the collector, or take its push as a hint to ask the source."""
        token = call.path.removeprefix(PATH)
        found = subscriptions.of_token(await self._subscriptions(), token) if token else None
        if found is None:
            return text_response(410, "no such subscription\n") if call.method == "POST" else None
        if call.method == "POST":
            body = await call.body()
            if body is None:
                return text_response(413, "the push is too long or came too slowly\n")
            reply = subscriptions.push(found, call.get("x-hub-signature") or "", body)
        else:
            reply = subscriptions.verification(found, dict(parse_qsl(call.query)), int(self._clock()))
        if reply.kind:
            kind = cast("database.RequestKind", reply.kind)
            await asyncio.to_thread(database.request, self._state, kind, reply.source, reply.value)
        return text_response(reply.status, reply.body)
