"""`GET /-/find?q=EXPR`: what an expression chooses, as JSON, for the owner, with `pages.search: true` for everybody.

`GET /-/search?q=WORDS` is the same as a page for people, which needs no script; a static search has a page of its own.

Reads the index on a thread, one search at a time, so that searches never take more than one processor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.words import utc_time
from aggregator.service.http.responses import Response, html_response, json_response, text_response
from aggregator.service.http.server import Call

if TYPE_CHECKING:
    from aggregator.site.find import Findings

PUBLIC_LENGTH = 200
"""How many characters an expression of everybody may have."""

MOST_WAITING = 8
"""How many searches may wait for the one that runs; others are answered with 503."""

SEARCH_SECONDS = 5.0
"""How long a search may take, in seconds."""

MOST_ITEMS = 100
"""How many items an answer names at most; all are counted."""

USUAL_ITEMS = 20

PAGE_ITEMS = 50
"""How many items the page for people shows at most."""

_LATER = {"retry_after": "5"}


class Unanswered(NamedTuple):
    """Why a search is not answered: the status of the response, what is wrong, what to do, and where in the text."""

    status: int
    reason: str
    hint: str = ""
    at: int = 0


class Finding:
    """Answers searches; `clock` returns seconds since 1970, `is_owner` whether a call is the owner's."""

    def __init__(self, config: Config, *, clock: Callable[[], float], is_owner: Callable[[Call], bool]) -> None:
        self._config, self._clock, self._is_owner = config, clock, is_owner
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def answer(self, call: Call) -> Response | None:
        """Return what the expression `q` chooses, at most `limit` items of it, as JSON."""
        is_owner = self._is_owner(call)
        if refusal := self._refusal(is_owner=is_owner):
            return refusal if self._config.server.token else None
        asked = parse_qs(call.query)
        text, limit = asked.get("q", [""])[0], asked.get("limit", [str(USUAL_ITEMS)])[0]
        if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MOST_ITEMS):
            return _as_refusal(Unanswered(400, f"limit is a number from 1 to {MOST_ITEMS}", "remove it"))
        found = await self._in_turn(text, int(limit), for_everybody=not is_owner)
        if isinstance(found, Unanswered):
            return _as_refusal(found)
        items = [_as_json(msgspec.to_builtins(item), for_everybody=not is_owner) for item in found.items]
        return json_response(200, {"total": found.total, "items": items})

    async def page(self, call: Call) -> Response | None:
        """Return the page with what the words `q` choose of what feeds show, for people."""
        if self._config.pages.search == "static":
            return text_response(302, "moved\n", location=f"search/{call.query and f'?{call.query}'}")
        if refusal := self._refusal(is_owner=self._is_owner(call)):
            return refusal if self._config.server.token else None
        text = parse_qs(call.query).get("q", [""])[0].strip()
        found = await self._in_turn(text, PAGE_ITEMS, for_everybody=True, is_page=True) if text else None
        body = await asyncio.to_thread(_rendered, self._config, text, found)
        status = found.status if isinstance(found, Unanswered) else 200
        return html_response(status, body, **(_LATER if status == 503 else {}))

    async def moved(self, call: Call) -> Response:
        """Lead from the address of a static search, which somebody may have kept, to the page that answers now."""
        return text_response(302, "moved\n", location=f"../search{call.query and f'?{call.query}'}")

    def _refusal(self, *, is_owner: bool) -> Response | None:
        if is_owner or self._config.pages.search == "daemon":
            return None
        return text_response(401, "send the token\n", www_authenticate='Basic realm="aggregator", charset="UTF-8"')

    async def _in_turn(
        self, text: str, limit: int, *, for_everybody: bool, is_page: bool = False
    ) -> Findings | Unanswered:  # fmt: skip
        """Return what was found, once the searches before it are over."""
        if for_everybody and len(text) > PUBLIC_LENGTH:
            reason = f"an expression has at most {PUBLIC_LENGTH} characters here"
            return Unanswered(400, reason, "shorten it", PUBLIC_LENGTH)
        if self._waiting > MOST_WAITING:
            return Unanswered(503, "too many searches; try again later")
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(self._found, text, limit, for_everybody=for_everybody, is_page=is_page)
        finally:
            self._waiting -= 1

    def _found(self, text: str, limit: int, *, for_everybody: bool, is_page: bool) -> Findings | Unanswered:
        from aggregator.model.expression.errors import ExpressionError  # noqa: PLC0415 - few sites are searched
        from aggregator.site.find import find, find_newest  # noqa: PLC0415

        ends = time.monotonic() + SEARCH_SECONDS
        now = int(self._clock())

        def may_go_on() -> bool:
            return time.monotonic() < ends

        try:
            with opened_read_only(self._config.state) as index:
                if index is None:
                    return Unanswered(503, "nothing was built yet")
                if is_page:
                    return find_newest(self._config, index, text, now=now, limit=limit, may_go_on=may_go_on)
                return find(
                    self._config, index, text, now=now, limit=limit, for_everybody=for_everybody, may_go_on=may_go_on
                )
        except ExpressionError as error:
            return Unanswered(400, error.reason, error.hint, error.at)
        except (AggregatorError, *DAMAGED) as error:
            # What is wrong with the index is the owner's to know.
            is_slow = isinstance(error, AggregatorError) and not for_everybody
            return Unanswered(503, str(error) if is_slow else "the search cannot be answered now")


def _rendered(config: Config, text: str, found: Findings | Unanswered | None) -> bytes:
    from aggregator.renderer import notices  # noqa: PLC0415 - templates, rarely used

    if isinstance(found, Unanswered):
        return notices.search_page(config.site, text, None, reason=found.reason, hint=found.hint)
    if found is None:
        return notices.search_page(config.site, text, None)
    items = tuple(
        notices.FoundLink(title=one.title or one.link, link=one.link, published=one.published) for one in found.items
    )
    return notices.search_page(config.site, text, notices.Found(total=found.total, items=items))


def _as_json(item: dict[str, Any], *, for_everybody: bool) -> dict[str, Any]:
    """Return an item as JSON Feed names its parts; the owner gets its path, state and the rule that holds it back."""
    made = {
        "id": item["id"], "url": item["link"], "title": item["title"], "date_published": utc_time(item["published"]),
    }  # fmt: skip
    return made if for_everybody else made | {"_aggregator": {key: item[key] for key in ("path", "state", "detail")}}


def _as_refusal(found: Unanswered) -> Response:
    if found.status == 400:
        return json_response(400, {"error": found.reason, "hint": found.hint, "at": found.at})
    return json_response(found.status, {"error": found.reason}, **_LATER)
