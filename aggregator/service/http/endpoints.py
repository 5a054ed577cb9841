"""The routes besides the documents: health, metrics, a trigger, notifications of a store, and the owner's pages.

Asks the daemon through its control socket and reads the index, both on threads, so that no other request waits. You are
the owner if you send the token, or if your browser has a session; with `trust_local`, also if you connect from this
machine directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import Index, opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.store import is_url
from aggregator.service.control import Request, ask
from aggregator.service.health import DaemonStatus
from aggregator.service.http.access import Sessions, has_token, is_foreign, is_local
from aggregator.service.http.coalescing import BatchedCalls, SharedCall
from aggregator.service.http.finding import Finding
from aggregator.service.http.responses import Response, html_response, json_response, text_response
from aggregator.service.http.server import App, Call, Route
from aggregator.site.status import SiteStatus, site_status
from aggregator.watcher import notifications

if TYPE_CHECKING:
    from aggregator.renderer.status_page import Explained
    from aggregator.site.explain import Explanation

T = TypeVar("T")

STATUS_SECONDS = 2.0
"""How long, in seconds, the daemon may take to report its status."""

PATHS = 10
"""How many paths are offered to complete what the owner types."""

MOST_ASKED = 4
"""How many requests for missing pages of items may ask the index at once whether they were removed."""

DISK_SECONDS = 10.0
"""How long, in seconds, a request waits for a thread that reads the index or the state folder: a disk may hang."""

_OPENED = b"""\
<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url=status"><title>Status</title><p><a href="status">Status</a>
"""
# A page instead of a redirect: browsers send a SameSite=Strict cookie only if a page of the same site leads there.


class Endpoints:
    """The routes of a site; `clock` returns seconds since 1970.

    `session_key` is the daemon's secret for sessions, b"" if this server belongs to no daemon.
    """

    def __init__(self, config: Config, app: App, *, clock: Callable[[], float], session_key: bytes = b"") -> None:
        self._config, self._app, self._clock, self._attached = config, app, clock, bool(session_key)
        self._redeeming = asyncio.Lock()
        self._asked_for_removed = 0
        self._sessions = Sessions(session_key, config.server.port)
        self._status = SharedCall(lambda: asyncio.to_thread(self._ask_status))
        self._standing = SharedCall(lambda: asyncio.to_thread(self._read_standing))
        self._finding = Finding(config, clock=clock, is_owner=self._is_owner)
        self._trigger = BatchedCalls(lambda feeds: asyncio.to_thread(self._ask_trigger, feeds))

    def routes(self) -> dict[str, Route]:
        """Return the routes by path; without a token in the config there is no trigger."""
        get = ("GET", "HEAD")
        found = {
            "/healthz": Route(get, self.health),
            "/metrics": Route(get, self.metrics),
            "/-/status": Route(get, self.status),
            "/-/explain": Route(get, self.explain),
            "/-/find": Route(get, self._finding.answer),
            "/-/search": Route(get, self._finding.page),
            "/-/paths": Route(get, self.paths),
        }
        if self._config.pages.search == "daemon":
            found["/-/search/"] = Route(get, self._finding.moved)
        if self._attached:
            found["/-/open"] = Route(("GET",), self.open)
        if self._config.server.write_tokens:
            from aggregator.service.http import posting  # noqa: PLC0415 - few sites take items by HTTP

            found |= posting.routes(self._config, clock=self._clock)
        if self._config.sources is not None:
            from aggregator.service.http import pushes  # noqa: PLC0415 - most sites collect nothing

            found |= pushes.routes(self._config, clock=self._clock)
        if self._config.server.token:
            found["/-/trigger"] = Route(("POST",), self.trigger)
            if any(is_url(root.folder) for root in self._config.seeds):
                found["/-/notify"] = Route(("POST",), self.notify)
        return found

    async def health(self, call: Call) -> Response:
        """Answer 200 if there is no problem, else 503 with the problems; only the owner gets their messages."""
        problems = await self._problems()
        if not self._is_owner(call):
            problems = dict.fromkeys(problems, "see the log or `aggregator status`")
        return json_response(503 if problems else 200, {"healthy": not problems, "problems": problems})

    async def _problems(self) -> dict[str, str]:
        try:
            daemon = await _in_time(self._status(), STATUS_SECONDS + 1)
        except AggregatorError as error:
            return {"daemon": str(error)}
        if daemon is None:
            return {"daemon": "it does not run"} if self._attached else {}
        return daemon.problems

    async def metrics(self, call: Call) -> Response | None:
        """Return metrics for Prometheus."""
        return await self._for_owner(call, self._measured)

    async def _measured(self, _: Call) -> Response:
        from aggregator.service.http import metrics  # noqa: PLC0415 - 30 ms and 4 MB, for those who use it

        daemon = await self._daemon_or_none()
        measured = metrics.Measured(
            now=self._clock(), requests=dict(self._app.counts), listeners=self._app.events.listeners,
            cached=self._app.cached, standing=await self._standing_or_none(), daemon=daemon,
        )  # fmt: skip
        body = metrics.render(measured)
        return Response(200, [("content-type", metrics.MEDIA_TYPE), ("content-length", str(len(body)))], body)

    async def _standing_or_none(self) -> SiteStatus | None:
        try:
            return await _in_time(self._standing(), DISK_SECONDS)
        except AggregatorError:
            return None

    async def _daemon_or_none(self) -> DaemonStatus | None:
        try:
            return await _in_time(self._status(), STATUS_SECONDS + 1)
        except AggregatorError:
            return None

    async def trigger(self, call: Call) -> Response:
        """Regenerate now, all feeds or those named by `feed=` in the query, and return what changed."""
        if refusal := self._refusal(call):
            return refusal
        if await call.body() is None:
            return text_response(413, "the request must not have a body\n")
        feeds = tuple(parse_qs(call.query).get("feed", ()))
        # If the feeds lie in a store, only the daemon knows them, and checks the names itself.
        unknown = [slug for slug in feeds if not (self._app.has_feed(slug) or is_url(self._config.feeds))]
        if unknown:
            return json_response(404, {"error": f"no such feed: {', '.join(unknown)}"})
        try:
            turn = await self._trigger(feeds)
        except AggregatorError as error:
            return json_response(503, {"error": str(error)})
        return json_response(503, {"error": "no daemon runs"}) if turn is None else json_response(200, turn)

    async def notify(self, call: Call) -> Response:
        """Take a store's notification of changed objects as hints which paths to scan."""
        if refusal := self._refusal(call):
            return refusal
        body = await call.body()
        if body is None:
            return text_response(413, "the notification is too long or came too slowly\n")
        try:
            stores = [root for root in self._config.seeds if is_url(root.folder)]
            paths = tuple(root.prefix + path for root in stores for path in notifications.paths_in(body, root.folder))
            count = await asyncio.to_thread(self._ask_notify, paths)
        except ValueError as error:
            return json_response(400, {"error": str(error)})
        except AggregatorError as error:
            return json_response(503, {"error": str(error)})
        return (
            json_response(503, {"error": "no daemon runs"})
            if count is None
            else json_response(202, {"looked_at": count})
        )

    async def status(self, call: Call) -> Response | None:
        """Return the status page: site and daemon."""
        return await self._for_owner(call, self._status_page)

    async def explain(self, call: Call) -> Response | None:
        """Return the page that explains why an item is in its feeds, or why not."""
        return await self._for_owner(call, self._explanation)

    async def paths(self, call: Call) -> Response | None:
        """Return paths of seeds that complete what the owner has typed, as JSON."""
        return await self._for_owner(call, self._completed)

    async def _completed(self, call: Call) -> Response:
        words = parse_qs(call.query).get("q", [""])[0]
        try:
            return json_response(200, await _in_time(asyncio.to_thread(self._paths_like, words), DISK_SECONDS))
        except AggregatorError as error:
            return text_response(503, f"{error}\n")

    async def open(self, call: Call) -> Response:
        """Begin a session for whoever has a one-time token, which then is used up, and lead to the status page."""
        token = parse_qs(call.query).get("token", [""])[0]
        try:
            is_valid = await _in_time(self._redeem(token), STATUS_SECONDS + 1)
        except AggregatorError:
            is_valid = False
        if not is_valid:
            return text_response(403, "the link was used already, or is too old (try `aggregator status --open`)\n")
        cookie = self._sessions.begin(self._clock())
        return html_response(200, _OPENED, set_cookie=cookie)

    async def _redeem(self, token: str) -> bool:
        async with self._redeeming:  # one at a time: a flood must not take all threads
            return await asyncio.to_thread(self._ask_redeem, token)

    async def _for_owner(self, call: Call, show: Callable[[Call], Awaitable[Response]]) -> Response | None:
        if self._is_owner(call):
            return await show(call)
        if self._config.server.token:
            return text_response(401, "send the token\n", www_authenticate='Basic realm="aggregator", charset="UTF-8"')
        return None

    async def _status_page(self, _: Call) -> Response:
        daemon = await self._daemon_or_none()
        found = await self._standing_or_none()
        if found is None:
            return text_response(503, "nothing was built yet, or the index is damaged (run `aggregator build`)\n")
        return html_response(200, await asyncio.to_thread(_render_status, found, daemon, self._config))

    async def _explanation(self, call: Call) -> Response:
        target = parse_qs(call.query).get("q", [""])[0]
        try:
            return html_response(200, await asyncio.to_thread(self._explain, target))
        except AggregatorError as error:
            return text_response(503, f"{error}\n")

    async def was_removed(self, name: str) -> bool:
        """Return whether the page of an item was there and was removed; False if that cannot be known in time."""
        if self._asked_for_removed >= MOST_ASKED:
            return False
        self._asked_for_removed += 1
        try:
            return await _in_time(asyncio.to_thread(self._is_gone, name), DISK_SECONDS)
        except (AggregatorError, OSError):
            return False
        finally:
            self._asked_for_removed -= 1

    def _is_gone(self, name: str) -> bool:
        with self._index() as index:
            return index is not None and index.item_pages.is_gone(name)

    def _is_owner(self, call: Call) -> bool:
        # No browser speaks HTTP/1.0, but nginx does to its upstream, and by default it names no client.
        if self._config.server.trust_local and call.version == "1.1" and is_local(call.client, call.get):
            return True
        return self._has_token(call) or self._has_session(call)

    def _has_session(self, call: Call) -> bool:
        cookies = call.get("cookie") or ""
        return self._sessions.is_open(cookies, self._clock()) and not is_foreign(self._config.site.url, call.get)

    def _has_token(self, call: Call) -> bool:
        return has_token(self._config.server.token, call.get("authorization") or "")

    def _refusal(self, call: Call) -> Response | None:
        """Return the response to a request that is not allowed to change anything, None if it is."""
        if is_foreign(self._config.site.url, call.get):
            return text_response(403, "requests from pages of another site are not allowed\n")
        if not self._has_token(call):
            return text_response(401, "the token is wrong or missing\n", www_authenticate='Bearer realm="aggregator"')
        return None

    def _ask_status(self) -> DaemonStatus | None:
        reply = ask(self._config.state, Request(do="status"), timeout=STATUS_SECONDS)
        return None if reply is None else msgspec.convert(reply, DaemonStatus)

    def _ask_trigger(self, feeds: tuple[str, ...]) -> Any:
        return ask(self._config.state, Request(do="trigger", feeds=feeds))

    def _ask_notify(self, paths: tuple[str, ...]) -> Any:
        return ask(self._config.state, Request(do="notify", paths=paths), timeout=STATUS_SECONDS) if paths else 0

    def _ask_redeem(self, token: str) -> bool:
        return ask(self._config.state, Request(do="redeem", token=token), timeout=STATUS_SECONDS) is True

    def _read_standing(self) -> SiteStatus | None:
        with self._index() as index:
            return None if index is None else site_status(self._config, index, now=int(self._clock()))

    def _explain(self, target: str) -> bytes:
        from aggregator.renderer import status_page  # noqa: PLC0415
        from aggregator.site.explain import explain  # noqa: PLC0415 - rarely used

        found, similar = [], []
        if target:
            with self._index() as index:
                found = explain(self._config, index, target, now=int(self._clock()))
            similar = [] if found else self._paths_like(target)
        made = [_explained(one) for one in found]
        return status_page.render_explanation(target, made, self._config.site, similar=similar)

    def _paths_like(self, words: str) -> list[str]:
        with self._index() as index:
            return [] if index is None or not words.strip() else index.overview.paths_like(words.strip(), PATHS)

    @contextmanager
    def _index(self) -> Iterator[Index | None]:
        try:
            with opened_read_only(self._config.state) as index:
                yield index
        except DAMAGED as error:
            raise AggregatorError("the index cannot be read now (run `aggregator build` if no daemon runs)") from error


async def _in_time(wanted: Awaitable[T], seconds: float) -> T:
    """Return what `wanted` returns.

    Raises:
        AggregatorError: if it takes longer than so many seconds.
    """
    try:
        async with asyncio.timeout(seconds):
            return await wanted
    except TimeoutError as error:
        raise AggregatorError("it does not answer, or a disk hangs") from error


def _explained(one: Explanation) -> Explained:
    """Return what the page says of a seed.

    An embargoed or held back item is named by its path only: not even its link goes out over HTTP.
    """
    from aggregator.renderer.status_page import Explained  # noqa: PLC0415 - templates, rarely used

    lines = {fact.line for fact in one.facts}
    notes = () if one.is_private else (line for line in one.details if line not in lines)
    return Explained(
        path=one.path,
        answer=one.headline.removeprefix(f"{one.path}: ") if one.path else one.headline,
        facts=() if one.is_private else one.facts,
        notes=tuple(notes),
        checks=one.checks,
    )


def _render_status(found: SiteStatus, daemon: DaemonStatus | None, config: Config) -> bytes:
    from aggregator.renderer import status_page  # noqa: PLC0415 - templates, rarely used
    from aggregator.service.http.status_view import status_view  # noqa: PLC0415

    return status_page.render(status_view(found, daemon), config.site)
