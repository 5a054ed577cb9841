"""The door for programs: `/-/items` takes items as JSON Feed has them, `/-/micropub` as Micropub does.

Reads the file of tokens and writes seeds, on threads. A token of `server.write_tokens` may post and nothing else; the
owner's token may too.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from aggregator.config.settings import Config
from aggregator.config.token import read_write_tokens
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.seed_roots import native_root
from aggregator.model.store import is_url
from aggregator.normalizer import micropub, posted
from aggregator.normalizer.micropub import MicropubRequest
from aggregator.service.http.access import has_token, is_foreign, token_of
from aggregator.service.http.rate_limit import RateLimit
from aggregator.service.http.responses import Response, json_response, text_response
from aggregator.service.http.server import Call, Route
from aggregator.service.posting import ConflictError, PostedSeeds, Stored
from aggregator.site.explain import explain

LARGEST_BODY = 1_048_576
"""The longest body of a request that posts items, in bytes."""

PER_MINUTE = 60
"""How many requests of one token are taken in a minute."""

MOST_EXPLAINED = 20
"""Of so many items in one request, at most, the answer says what becomes of each."""

_STATUS = {"created": 201, "changed": 200, "unchanged": 200, "withdrawn": 200}
_JSON_TYPES = frozenset({"application/json", "application/feed+json"})


class Posting:
    """The routes that take items; `clock` returns seconds since 1970."""

    def __init__(
        self, config: Config, seeds: PostedSeeds, *, clock: Callable[[], float], makes_links: bool = False
    ) -> None:
        """Take the seeds that were posted, and whether their root has a pattern of links for items that name none."""
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
        if refusal := self._refusal(call, _bearer(call)):
            return refusal
        return await (self._withdraw(call) if call.method == "DELETE" else self._post(call))

    async def _post(self, call: Call) -> Response:
        kind = (call.get("content-type") or "").partition(";")[0].strip().lower()
        if kind not in _JSON_TYPES:
            return json_response(415, {"error": "send JSON, with `Content-Type: application/json`"})
        body = await call.body()
        if body is None:
            return json_response(413, {"error": f"at most {LARGEST_BODY:,} bytes are taken, within 10 seconds"})
        return await self._answered(lambda: self._store(body))

    def _store(self, body: bytes) -> Response:
        found = posted.read_items(
            body, now=int(self._clock()), zone=self._config.timezone, may_lack_url=self._makes_links
        )  # fmt: skip
        if found.problems:
            return json_response(422, {"problems": found.problems})
        stored = self._seeds.put(found.seeds)
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

    async def _withdraw(self, call: Call) -> Response:
        target = parse_qs(call.query).get("id", [""])[0]
        if not target:
            return json_response(400, {"error": "name the item: DELETE /-/items?id=…"})
        return await self._answered(lambda: self._withdraw_now(target))

    def _withdraw_now(self, target: str) -> Response:
        stored = self._seeds.withdraw(target)
        if stored is None:
            return json_response(404, {"error": f"no item with the id {target} was posted"})
        return json_response(200, self._answer(stored))

    async def micropub(self, call: Call) -> Response:
        """Answer a Micropub request (W3C Recommendation, 23 May 2017)."""
        if call.method == "GET":
            return self._refusal(call, _bearer(call)) or await self._answered(lambda: self._query(call.query))
        body = await call.body()
        if body is None:
            return _micropub_error(413, "invalid_request", f"at most {LARGEST_BODY:,} bytes are taken")
        try:
            request = micropub.read_request(body, call.get("content-type") or "")
        except ValueError as error:
            return self._refusal(call, _bearer(call)) or _micropub_error(400, "invalid_request", str(error))
        if refusal := self._refusal(call, _bearer(call) or request.token.encode()):
            return refusal
        return await self._answered(lambda: self._apply(request))

    def _query(self, query: str) -> Response:
        asked = parse_qs(query)
        kind = asked.get("q", [""])[0]
        if kind == "config":
            return json_response(200, {"syndicate-to": [], "q": ["config", "source", "syndicate-to"]})
        if kind == "syndicate-to":
            return json_response(200, {"syndicate-to": []})
        if kind != "source":
            return _micropub_error(400, "invalid_request", "ask for q=config, q=source or q=syndicate-to")
        data = self._seeds.read(asked.get("url", [""])[0])
        if data is None:
            return _micropub_error(404, "not_found", "no item with that url was posted")
        properties = micropub.properties_of(posted.item_of(data))
        wanted = asked.get("properties[]", asked.get("properties", []))
        if wanted:
            return json_response(200, {"properties": {name: properties[name] for name in wanted if name in properties}})
        return json_response(200, {"type": ["h-entry"], "properties": properties})

    def _apply(self, request: MicropubRequest) -> Response:
        try:
            if request.action == "create":
                return self._create(request)
            if request.action == "update":
                return self._update(request)
        except ValueError as error:
            return _micropub_error(400, "invalid_request", str(error))
        stored = (self._seeds.withdraw if request.action == "delete" else self._seeds.restore)(request.url)
        return _not_posted(request.url) if stored is None else Response(204, [("content-length", "0")], b"")

    def _create(self, request: MicropubRequest) -> Response:
        item = micropub.item_of(request.properties)
        if self._makes_links and not item.get("url") and not item.get("id"):
            item["id"] = uuid.uuid4().urn
        return self._put(item)

    def _update(self, request: MicropubRequest) -> Response:
        data = self._seeds.read(request.url)
        if data is None:
            return _not_posted(request.url)
        before = posted.item_of(data)
        item = micropub.item_of(micropub.changed(micropub.properties_of(before), request))
        identity = {key: before[key] for key in ("id", "url") if key in before}
        kept = {key: value for key, value in before.get("_aggregator", {}).items() if key != "published"}
        if extension := kept | item.get("_aggregator", {}):
            item["_aggregator"] = extension
        return self._put(item | identity)

    def _put(self, item: dict[str, Any]) -> Response:
        now = int(self._clock())
        seed = posted.seed_of(
            item, path="$", now=now, zone=self._config.timezone, may_lack_url=self._makes_links
        )  # fmt: skip
        if isinstance(seed, tuple):
            said = "; ".join(f"{one.path.removeprefix('$.')}: {one.message}" for one in seed)
            return _micropub_error(400, "invalid_request", said)
        (stored,) = self._seeds.put([seed])
        location = seed.link or self._link_of(stored.path)
        status = 201 if stored.done == "created" else 200
        return Response(status, [("location", location), ("content-length", "0")], b"")

    def _link_of(self, path: str) -> str:
        """Return the link that the pattern of its root gives to a seed."""
        found = [line for line in self._explain(path) if line.startswith("link: ")]
        return found[0].removeprefix("link: ") if found else ""

    async def _answered(self, work: Callable[[], Response]) -> Response:
        try:
            return await asyncio.to_thread(work)
        except ConflictError as error:
            return json_response(409, {"error": str(error)})
        except AggregatorError as error:
            return json_response(503, {"error": str(error)}, retry_after="5")

    def _refusal(self, call: Call, token: bytes) -> Response | None:
        """Return the response to a request that may not post, None if it may."""
        if is_foreign(self._config.site.url, call.get):
            return text_response(403, "requests from pages of another site are not allowed\n")
        name = self._writer(call, token)
        if not name:
            return text_response(401, "the token is wrong or missing\n", www_authenticate='Bearer realm="aggregator"')
        if wait := self._limit.wait(name, self._clock()):
            return text_response(429, f"at most {PER_MINUTE} requests a minute\n", retry_after=str(wait))
        return None

    def _writer(self, call: Call, token: bytes) -> str:
        """Return the name of the token, "" if there is none; every token is compared, in constant time."""
        known = read_write_tokens(self._config.server.write_tokens)
        matching = [name for name, one in known.items() if compare_digest(one, token)]
        if matching:
            return f"write {matching[0]}"
        return "owner" if has_token(self._config.server.token, call.get("authorization") or "") else ""


def _bearer(call: Call) -> bytes:
    return token_of(call.get("authorization") or "")


def _not_posted(url: str) -> Response:
    return _micropub_error(404, "not_found", f"no item with the url {url} was posted")


def _micropub_error(status: int, error: str, description: str) -> Response:
    """Return an error as Micropub describes it (§3.7.3 and §3.8)."""
    return json_response(status, {"error": error, "error_description": description})


def routes(config: Config, *, clock: Callable[[], float]) -> dict[str, Route]:
    """Return the routes that take items for a site; none without a folder of this machine for our own seeds."""
    root = native_root([root for root in config.seeds if not is_url(root.folder)])
    if root is None:
        return {}
    seeds = PostedSeeds(root, config.state)
    return Posting(config, seeds, clock=clock, makes_links=bool(root.link)).routes()
