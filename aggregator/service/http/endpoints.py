"""What is served beside the documents: health, metrics, a trigger, and the owner's pages.

Requests in, answers out; asks the daemon through its control socket and reads the index, on threads, so that nobody
waits for them. The owner is who sits at this machine and comes without a proxy, or who knows the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import Index, opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.store import is_url
from aggregator.service.control import Request, ask
from aggregator.service.health import DaemonStatus
from aggregator.service.http.access import is_foreign, is_local, knows_token
from aggregator.service.http.coalescing import Joined, Shared
from aggregator.service.http.responses import Answer, page, plain
from aggregator.service.http.server import App, Call, Route
from aggregator.site.status import Standing, standing
from aggregator.watcher import notifications

PATIENCE = 2.0
"""How long, in seconds, the daemon may take to say how it does."""


class Endpoints:
    """The routes of a site: `clock` gives seconds since 1970, `attached` says that a daemon of ours must be there."""

    def __init__(self, config: Config, app: App, *, clock: Callable[[], float], attached: bool) -> None:
        self._config, self._app, self._clock, self._attached = config, app, clock, attached
        self._status = Shared(lambda: asyncio.to_thread(self._ask_status))
        self._standing = Shared(lambda: asyncio.to_thread(self._look))
        self._trigger = Joined(lambda feeds: asyncio.to_thread(self._ask_trigger, feeds))

    def routes(self) -> dict[str, Route]:
        """Give what is served where; without a token nobody can trigger anything from afar."""
        get = ("GET", "HEAD")
        found = {
            "/healthz": Route(get, self.health),
            "/metrics": Route(get, self.metrics),
            "/-/status": Route(get, self.status),
            "/-/explain": Route(get, self.explain),
        }
        if self._config.server.token:
            found["/-/trigger"] = Route(("POST",), self.trigger)
            if is_url(self._config.seeds):
                found["/-/notify"] = Route(("POST",), self.notify)
        return found

    # -- for machines

    async def health(self, call: Call) -> Answer:
        """Say 200 where all is well and 503 where not, with the reason; its words only to the owner."""
        problems = await self._problems()
        if not self._is_owner(call):
            problems = dict.fromkeys(problems, "look at the log, or at `aggregator status`")
        return _json(503 if problems else 200, {"healthy": not problems, "problems": problems})

    async def _problems(self) -> dict[str, str]:
        try:
            daemon = await self._status()
        except AggregatorError as error:
            return {"daemon": str(error)}
        if daemon is None:
            return {"daemon": "it does not run"} if self._attached else {}
        return daemon.problems

    async def metrics(self, _: Call) -> Answer:
        """Give Prometheus what it wants to know."""
        from aggregator.service.http import metrics  # noqa: PLC0415 - 30 ms and 4 MB that only those pay who ask

        try:
            daemon = await self._status()
        except AggregatorError:
            daemon = None
        measured = metrics.Measured(
            now=self._clock(), requests=dict(self._app.counts), listeners=self._app.news.listeners,
            cached=self._app.cached, standing=await self._how_it_stands(), daemon=daemon,
        )  # fmt: skip
        body = metrics.render(measured)
        return Answer(200, [("content-type", metrics.MEDIA_TYPE), ("content-length", str(len(body)))], body)

    async def _how_it_stands(self) -> Standing | None:
        try:
            return await self._standing()
        except AggregatorError:
            return None

    async def trigger(self, call: Call) -> Answer:
        """Regenerate now, all feeds or those that the query names with `feed=`, and say what changed."""
        if refused := self._refused(call):
            return refused
        if await call.body() is None:
            return plain(413, "no body is needed\n")
        feeds = tuple(parse_qs(call.query).get("feed", ()))
        # Where the feeds lie in a store only the daemon knows them, and says so.
        unknown = [slug for slug in feeds if not (self._app.has_feed(slug) or is_url(self._config.feeds))]
        if unknown:
            return _json(404, {"error": f"no such feed: {', '.join(unknown)}"})
        try:
            turn = await self._trigger(feeds)
        except AggregatorError as error:
            return _json(503, {"error": str(error)})
        return _json(503, {"error": "no daemon runs"}) if turn is None else _json(200, turn)

    async def notify(self, call: Call) -> Answer:
        """Take what a store says of changed objects as hints where to look."""
        if refused := self._refused(call):
            return refused
        body = await call.body()
        if body is None:
            return plain(413, "the notification is too long, or came too slowly\n")
        try:
            paths = notifications.paths_in(body, self._config.seeds)
            taken = await asyncio.to_thread(self._ask_look, paths)
        except ValueError as error:
            return _json(400, {"error": str(error)})
        except AggregatorError as error:
            return _json(503, {"error": str(error)})
        return _json(503, {"error": "no daemon runs"}) if taken is None else _json(202, {"looked_at": taken})

    # -- for the owner

    async def status(self, call: Call) -> Answer | None:
        """Show how the site stands and how the daemon does."""
        return await self._for_owner(call, self._status_page)

    async def explain(self, call: Call) -> Answer | None:
        """Show why an item is in its feeds, or why not."""
        return await self._for_owner(call, self._explanation)

    async def _for_owner(self, call: Call, show: Callable[[Call], Awaitable[Answer]]) -> Answer | None:
        if self._is_owner(call):
            return await show(call)
        if self._config.server.token:
            return plain(401, "the token, please\n", www_authenticate='Basic realm="aggregator", charset="UTF-8"')
        return None

    async def _status_page(self, _: Call) -> Answer:
        try:
            daemon = await self._status()
        except AggregatorError:
            daemon = None
        found = await self._how_it_stands()
        if found is None:
            return plain(503, "nothing was built yet, or the index is damaged (run `aggregator build`)\n")
        return page(200, await asyncio.to_thread(_render_status, found, daemon, self._config))

    async def _explanation(self, call: Call) -> Answer:
        target = parse_qs(call.query).get("q", [""])[0]
        try:
            return page(200, await asyncio.to_thread(self._explain, target))
        except AggregatorError as error:
            return plain(503, f"{error}\n")

    # -- who asks

    def _is_owner(self, call: Call) -> bool:
        # No browser speaks HTTP/1.0, but nginx does to what is behind it, and by default names no client.
        return (call.version == "1.1" and is_local(call.client, call.get)) or self._knows_token(call)

    def _knows_token(self, call: Call) -> bool:
        return knows_token(self._config.server.token, call.get("authorization") or "")

    def _refused(self, call: Call) -> Answer | None:
        """Give the answer to one who may have nothing done, None to one who may."""
        if is_foreign(self._config.site.url, call.get):
            return plain(403, "not from a page of another site\n")
        if not self._knows_token(call):
            return plain(401, "the token is wrong or missing\n", www_authenticate='Bearer realm="aggregator"')
        return None

    # -- on threads

    def _ask_status(self) -> DaemonStatus | None:
        told = ask(self._config.state, Request(do="status"), timeout=PATIENCE)
        return None if told is None else msgspec.convert(told, DaemonStatus)

    def _ask_trigger(self, feeds: tuple[str, ...]) -> Any:
        return ask(self._config.state, Request(do="trigger", feeds=feeds))

    def _ask_look(self, paths: tuple[str, ...]) -> Any:
        return ask(self._config.state, Request(do="notify", paths=paths), timeout=PATIENCE) if paths else 0

    def _look(self) -> Standing | None:
        with self._index() as index:
            return None if index is None else standing(self._config, index, now=int(self._clock()))

    def _explain(self, target: str) -> bytes:
        from aggregator.renderer import status_page  # noqa: PLC0415
        from aggregator.site.explain import explain  # noqa: PLC0415 - for the few who ask

        found = []
        if target:
            with self._index() as index:
                found = explain(self._config, index, target, now=int(self._clock()))
        # What is embargoed or held back is named by its path alone: not even its link goes out over HTTP.
        pairs = [(one.headline, () if one.is_private else one.details) for one in found]
        return status_page.render_explanation(target, pairs, self._config.site)

    @contextmanager
    def _index(self) -> Iterator[Index | None]:
        try:
            with opened_read_only(self._config.state) as index:
                yield index
        except DAMAGED as error:
            raise AggregatorError("the index cannot be read now (run `aggregator build` if no daemon runs)") from error


def _render_status(found: Standing, daemon: DaemonStatus | None, config: Config) -> bytes:
    from aggregator.renderer import status_page  # noqa: PLC0415 - templates, for the few who ask
    from aggregator.service.http.status_view import status_view  # noqa: PLC0415

    return status_page.render(status_view(found, daemon), config.site)


def _json(status: int, value: Any) -> Answer:
    body = msgspec.json.encode(value) + b"\n"
    headers = [
        ("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ("content-length", str(len(body))),
    ]  # fmt: skip
    return Answer(status, headers, body)
