"""`GET /-/find?q=EXPR`: what an expression chooses, as JSON, for the owner or, with `pages.search`, for everybody.

Reads the index on a thread, one search at a time, so that searches never take more than one processor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import opened_read_only
from aggregator.model.errors import AggregatorError
from aggregator.model.words import utc_time
from aggregator.service.http.responses import Response, json_response, text_response
from aggregator.service.http.server import Call

PUBLIC_LENGTH = 200
"""How many characters an expression of everybody may have."""

MOST_WAITING = 8
"""How many searches may wait for the one that runs; others are answered with 503."""

SEARCH_SECONDS = 5.0
"""How long a search may take, in seconds."""

MOST_ITEMS = 100
"""How many items an answer names at most; all are counted."""

USUAL_ITEMS = 20


class Finding:
    """Answers searches; `clock` returns seconds since 1970, `is_owner` whether a call is the owner's."""

    def __init__(self, config: Config, *, clock: Callable[[], float], is_owner: Callable[[Call], bool]) -> None:
        self._config, self._clock, self._is_owner = config, clock, is_owner
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def answer(self, call: Call) -> Response | None:
        """Return what the expression `q` chooses, at most `limit` items of it, as JSON."""
        is_owner = self._is_owner(call)
        if not is_owner and not self._config.pages.search:
            if not self._config.server.token:
                return None
            return text_response(401, "send the token\n", www_authenticate='Basic realm="aggregator", charset="UTF-8"')
        asked = parse_qs(call.query)
        text, limit = asked.get("q", [""])[0], asked.get("limit", [str(USUAL_ITEMS)])[0]
        if not is_owner and len(text) > PUBLIC_LENGTH:
            return _refusal(f"an expression has at most {PUBLIC_LENGTH} characters here", "shorten it", PUBLIC_LENGTH)
        if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MOST_ITEMS):
            return _refusal(f"limit is a number from 1 to {MOST_ITEMS}", "remove it", 0)
        if self._waiting > MOST_WAITING:
            return text_response(503, "too many searches; try again later\n", retry_after="5")
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(self._found, text, int(limit), for_everybody=not is_owner)
        finally:
            self._waiting -= 1

    def _found(self, text: str, limit: int, *, for_everybody: bool) -> Response:
        from aggregator.model.expression.errors import ExpressionError  # noqa: PLC0415 - few sites are searched
        from aggregator.site.find import find  # noqa: PLC0415

        ends = time.monotonic() + SEARCH_SECONDS
        try:
            with opened_read_only(self._config.state) as index:
                if index is None:
                    return json_response(503, {"error": "nothing was built yet"})
                found = find(
                    self._config, index, text, now=int(self._clock()), limit=limit, for_everybody=for_everybody,
                    may_go_on=lambda: time.monotonic() < ends,
                )  # fmt: skip
        except ExpressionError as error:
            return _refusal(error.reason, error.hint, error.at)
        except (AggregatorError, *DAMAGED) as error:
            # What is wrong with the index is the owner's to know.
            is_slow = isinstance(error, AggregatorError) and not for_everybody
            return json_response(503, {"error": str(error) if is_slow else "the search cannot be answered now"})
        items = [_as_json(msgspec.to_builtins(item), for_everybody=for_everybody) for item in found.items]
        return json_response(200, {"total": found.total, "items": items})


def _as_json(item: dict[str, Any], *, for_everybody: bool) -> dict[str, Any]:
    """Return an item as JSON Feed names its parts; the owner gets its path, state and the rule that holds it back."""
    made = {
        "id": item["id"], "url": item["link"], "title": item["title"], "date_published": utc_time(item["published"]),
    }  # fmt: skip
    return made if for_everybody else made | {"_aggregator": {key: item[key] for key in ("path", "state", "detail")}}


def _refusal(reason: str, hint: str, at: int) -> Response:
    return json_response(400, {"error": reason, "hint": hint, "at": at})
