"""The door for programs: `/-/items` takes items as JSON Feed has them, `/-/micropub` as Micropub does.

Reads the file of tokens and writes seeds, on threads. A token of `server.write_tokens` may post and nothing else; the
owner's token may too.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from aggregator.config.settings import Config, roots_for_people
from aggregator.config.token import read_write_tokens
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.item_pages import shown_link
from aggregator.model.seed_roots import native_root
from aggregator.model.store import is_url
from aggregator.normalizer import micropub, posted
from aggregator.normalizer.identity import expected_id
from aggregator.normalizer.micropub import MicropubRequest
from aggregator.normalizer.posted import PostedSeed
from aggregator.normalizer.reading import read_batch
from aggregator.normalizer.rules import policy_of
from aggregator.normalizer.stored import unpack_outcomes, unpack_seed
from aggregator.service.http.access import has_token, is_foreign, token_of
from aggregator.service.http.rate_limit import RateLimit
from aggregator.service.http.responses import Response, json_response
from aggregator.service.http.server import MAX_BODY_BYTES, Call, Route
from aggregator.service.posting import ANYBODY, ConflictError, PostedSeeds, Stored
from aggregator.site.explain import explain
from aggregator.site.turn import task_maker
from aggregator.watcher.seeds import seeds_in

LARGEST_BODY = 1_048_576
"""The longest body of a request that posts items, in bytes."""

PER_MINUTE = 60
"""How many requests of one token are taken in a minute."""

MOST_EXPLAINED = 20
"""Of so many items in one request, at most, the answer says what becomes of each."""

OWNER = "owner"
"""The name of the writer who has the owner's token."""

_JSON_TYPES = frozenset({"application/json", "application/feed+json"})


class Posting:
    """The routes that take items; `clock` returns seconds since 1970."""

    def __init__(
        self, config: Config, seeds: PostedSeeds, *, clock: Callable[[], float], makes_links: bool = False
    ) -> None:
        """Take the seeds that were posted, and whether items that name no link get one."""
        self._config, self._seeds, self._clock, self._makes_links = config, seeds, clock, makes_links
        self._limit = RateLimit(PER_MINUTE)

    def routes(self) -> dict[str, Route]:
        """Return the routes by path."""
        return {
            "/-/items": Route(("POST", "DELETE"), self.items, LARGEST_BODY),
            "/-/micropub": Route(("GET", "POST"), self.micropub, LARGEST_BODY),
        }

    async def items(self, call: Call) -> Response:
        """Take an item, a list of items, or the id of one to withdraw."""
        writer = self._writer(_bearer(call), call)
        if refusal := self._refusal(call, writer):
            return refusal
        return await (self._withdraw(call, writer) if call.method == "DELETE" else self._post(call, writer))

    async def _post(self, call: Call, writer: str) -> Response:
        kind = (call.get("content-type") or "").partition(";")[0].strip().lower()
        if kind not in _JSON_TYPES:
            return _error(415, "unsupported_type", "send JSON, with `Content-Type: application/json`")
        body = await call.body()
        if body is None:
            return _too_large()
        return await self._answered(lambda: self._store(body, writer))

    def _store(self, body: bytes, writer: str) -> Response:
        found = posted.read_items(
            body, now=int(self._clock()), zone=self._config.timezone, may_lack_url=self._makes_links
        )  # fmt: skip
        if found.problems:
            return json_response(422, {"problems": found.problems})
        stored = self._seeds.put(found.seeds, _by(writer))
        warnings = [seed.warnings for seed in found.seeds]
        answers = [self._answer(one, said, alone=len(stored)) for one, said in zip(stored, warnings, strict=True)]
        status = 201 if any(one.done == "created" for one in stored) else 200
        return json_response(status, {"items": answers} if found.is_list else answers[0])

    def _answer(self, stored: Stored, warnings: tuple[str, ...] = (), *, alone: int = 1) -> dict[str, Any]:
        answer: dict[str, Any] = {"path": stored.path, "id": stored.id, "done": stored.done}
        if warnings:
            answer["warnings"] = warnings
        if alone <= MOST_EXPLAINED:
            answer["explain"] = self._explain(stored.path)
        return answer

    def _explain(self, path: str) -> list[str]:
        with opened_read_only(self._config.state) as index:
            found = explain(self._config, index, path, now=int(self._clock()))
        return [line for one in found for line in (one.headline, *one.details)]

    async def _withdraw(self, call: Call, writer: str) -> Response:
        target = parse_qs(call.query).get("id", [""])[0]
        if not target:
            return _error(400, "invalid_request", "name the item: DELETE /-/items?id=…")
        return await self._answered(lambda: self._withdraw_now(target, writer))

    def _withdraw_now(self, target: str, writer: str) -> Response:
        stored = self._seeds.withdraw(target, _by(writer))
        return _not_posted(target) if stored is None else json_response(200, self._answer(stored))

    async def micropub(self, call: Call) -> Response:
        """Answer a Micropub request (W3C Recommendation, 23 May 2017)."""
        in_header = bool(call.get("authorization"))
        writer = self._writer(_bearer(call), call)
        if (in_header or call.method == "GET") and (refusal := self._refusal(call, writer)):
            return refusal
        if call.method == "GET":
            return await self._answered(lambda: self._query(call.query, writer))
        body = await call.body()
        if body is None or (not in_header and len(body) > MAX_BODY_BYTES):
            return _too_large()
        try:
            request = await asyncio.to_thread(micropub.read_request, body, call.get("content-type") or "")
        except ValueError as error:
            refusal = None if in_header else self._refusal(call, "")
            return refusal or _error(400, "invalid_request", str(error))
        if not in_header:
            writer = self._writer(request.token.encode(), call)
            if refusal := self._refusal(call, writer):
                return refusal
        return await self._answered(lambda: self._apply(request, writer))

    def _query(self, query: str, writer: str) -> Response:
        asked = parse_qs(query)
        kind, url = asked.get("q", [""])[0], asked.get("url", [""])[0]
        if kind == "config":
            return json_response(200, {"syndicate-to": [], "q": ["config", "source", "syndicate-to"]})
        if kind == "syndicate-to":
            return json_response(200, {"syndicate-to": []})
        if kind != "source" or not url:
            return _error(400, "invalid_request", "ask for q=config, q=syndicate-to, or q=source with a url")
        data = self._seeds.read(url, _by(writer))
        if data is None:
            return _not_posted(url)
        properties = micropub.properties_of(posted.item_of(data))
        wanted = asked.get("properties[]", asked.get("properties", []))
        if wanted:
            return json_response(200, {"properties": {name: properties[name] for name in wanted if name in properties}})
        return json_response(200, {"type": ["h-entry"], "properties": properties})

    def _apply(self, request: MicropubRequest, writer: str) -> Response:
        try:
            if request.action == "create":
                return self._create(request, writer)
            if request.action == "update":
                stored = self._seeds.update(request.url, _by(writer), lambda data: self._updated(data, request))
                return _not_posted(request.url) if stored is None else _done(200)
        except ValueError as error:
            return _error(400, "invalid_request", str(error))
        change = self._seeds.withdraw if request.action == "delete" else self._seeds.restore
        return _not_posted(request.url) if change(request.url, _by(writer)) is None else Response(204, [], b"")

    def _updated(self, data: bytes, request: MicropubRequest) -> PostedSeed:
        return self._made(micropub.updated(posted.item_of(data), request))

    def _create(self, request: MicropubRequest, writer: str) -> Response:
        item = micropub.item_of(request.properties)
        if self._makes_links and not item.get("url") and not item.get("id"):
            item["id"] = uuid.uuid4().urn
        seed = self._made(item)
        (stored,) = self._seeds.put([seed], _by(writer))
        location = seed.link or self._link_of(stored.path)
        return _done(201 if stored.done == "created" else 200, [("location", location)])

    def _made(self, item: dict[str, Any]) -> PostedSeed:
        """Return the seed of an item.

        Raises:
            ValueError: with everything that is wrong with it.
        """
        now, zone = int(self._clock()), self._config.timezone
        seed = posted.seed_of(item, path="$", now=now, zone=zone, may_lack_url=self._makes_links)
        if isinstance(seed, PostedSeed):
            return seed
        raise ValueError("; ".join(f"{one.path.removeprefix('$.')}: {one.message}" for one in seed))

    def _link_of(self, path: str) -> str:
        """Return the link of a seed, which may be a draft: by the pattern of its root, or its own page."""
        task = task_maker(self._config, policy_of(self._config), now=int(self._clock()))((path,), (b"",))
        (outcome,) = unpack_outcomes(read_batch(seeds_in(self._config.seeds).reader, task))
        if not outcome.seed:
            return ""
        seed, site = unpack_seed(outcome.seed), self._config.site.url
        shown = expected_id(seed.id or seed.link, policy_of(self._config).host, seed.published)
        return shown_link(shown, seed.link, seed.published, site)

    async def _answered(self, work: Callable[[], Response]) -> Response:
        try:
            return await asyncio.to_thread(work)
        except ConflictError as error:
            return _error(409, "conflict", str(error))
        except AggregatorError as error:
            return _error(503, "unavailable", str(error), retry_after="5")

    def _refusal(self, call: Call, writer: str) -> Response | None:
        """Return the response to a request that may not post, None if it may."""
        if is_foreign(self._config.site.url, call.get):
            return _error(403, "forbidden", "requests from pages of another site are not allowed")
        if not writer:
            challenge = 'Bearer realm="aggregator"'
            return _error(401, "unauthorized", "the token is wrong or missing", www_authenticate=challenge)
        if wait := self._limit.wait(writer, self._clock()):
            return _error(429, "too_many", f"at most {PER_MINUTE} requests a minute", retry_after=str(wait))
        return None

    def _writer(self, token: bytes, call: Call) -> str:
        """Return the name of the token, "" if there is none; every token is compared, in constant time."""
        known = read_write_tokens(self._config.server.write_tokens)
        matching = [name for name, one in known.items() if compare_digest(one, token)]
        if matching:
            return f"write {matching[0]}"
        return OWNER if has_token(self._config.server.token, call.get("authorization") or "") else ""


def _by(writer: str) -> str:
    return ANYBODY if writer == OWNER else posted.writer_hash(writer)


def _bearer(call: Call) -> bytes:
    return token_of(call.get("authorization") or "")


def _done(status: int, headers: Sequence[tuple[str, str]] = ()) -> Response:
    return Response(status, [*headers, ("content-length", "0")], b"")


def _not_posted(target: str) -> Response:
    return _error(404, "not_found", f"no item with the id or url {target} was posted with this token")


def _too_large() -> Response:
    return _error(413, "too_large", f"at most {LARGEST_BODY:,} bytes are taken, within 10 seconds")


def _error(status: int, error: str, description: str, **headers: str) -> Response:
    """Return an error as Micropub describes it (§3.8); the other routes use the same form."""
    return json_response(status, {"error": error, "error_description": description}, **headers)


def routes(config: Config, *, clock: Callable[[], float]) -> dict[str, Route]:
    """Return the routes that take items for a site; none without a folder of this machine for our own seeds."""
    root = native_root([root for root in roots_for_people(config) if not is_url(root.folder)])
    if root is None:
        return {}
    seeds = PostedSeeds(root, config.state)
    makes_links = bool(root.link) or config.pages.items != "none"
    return Posting(config, seeds, clock=clock, makes_links=makes_links).routes()
