"""Subscribes at hubs (WebSub), and remembers what they said. The shell of `subscriptions`."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

import msgspec

from aggregator.collector.addresses import refusal_of
from aggregator.collector.answers import error_of
from aggregator.collector.asking import Asker, Question
from aggregator.collector.database import Database, Request
from aggregator.collector.domains import domain_of, host_of
from aggregator.collector.state import SourceState
from aggregator.collector.subscriptions import Subscription, callback_of, form, renews_at

PUSHES_APART = 10
"""Seconds between two polls of a source that pushes cause."""


def may_follow(state: SourceState, last: int, now: int) -> bool:
    """Return whether a push is followed by a poll now: not while it is left alone, nor soon after the `last`."""
    return state.outcome in {"document", "unchanged"} and not 0 <= now - last < PUSHES_APART


def is_reachable(site: str) -> bool:
    """Return whether hubs can call a site: it is on the web, under a public name."""
    host = host_of(site)
    if not site.startswith(("http://", "https://")) or host.endswith((".local", ".localhost", ".internal", ".test")):
        return False
    return refusal_of(host) == "" if domain_of(site) == host and refusal_of(host) != "unreadable" else "." in host


class Pushes:
    """The subscriptions of all sources."""

    def __init__(self, site: str, database: Database, asker: Asker, *, can_be_called: bool | None = None) -> None:
        """`site` is the site's URL, below which hubs call us; `can_be_called` says if they can, None if unknown."""
        self._site = site
        self._database, self._asker = database, asker
        self._can = is_reachable(site) if can_be_called is None else can_be_called
        self._all = database.subscriptions()

    def is_due(self, state: SourceState, now: int) -> bool:
        """Return whether the hub of a source is to be asked (again)."""
        if not self._can or state.quarantine or state.outcome not in {"document", "unchanged"}:
            return False
        known = self._all.get(state.url)
        if known is None or (known.hub, known.topic) != (state.hubs[0], _topic(state)):
            return True
        return renews_at(known) <= now or known.asked_at > now  # the clock was set back

    async def subscribe(self, state: SourceState, now: int, *, is_private: bool) -> None:
        """Ask the hub of a source to push; it confirms by a request to the callback."""
        known = self._all.get(state.url)
        if known is None or (known.hub, known.topic) != (state.hubs[0], _topic(state)):
            known = Subscription(
                source=state.url, hub=state.hubs[0], topic=_topic(state), token=secrets.token_urlsafe(24),
                secret=secrets.token_urlsafe(32),
            )  # fmt: skip
        # Stored first: the hub may call before it answers.
        self._put(msgspec.structs.replace(known, asked_at=now, failures=known.failures + 1))
        body = urlencode(form(known, callback_of(self._site, known))).encode()
        answer = await self._asker.ask(Question(url=known.hub, form=body, is_private=is_private, accept="*/*"))
        if not 200 <= answer.status < 300:
            problem = error_of(answer) or f"it answered {answer.status}"
            self._put(msgspec.structs.replace(self._all[state.url], problem=f"the hub {known.hub}: {problem}"))

    def confirmed(self, request: Request, now: int) -> int | None:
        """Take over what a hub said, and return until when it pushes; None if there is no such subscription."""
        known = self._all.get(request.source)
        if known is None:
            return None
        if request.kind == "denied":
            self._put(
                msgspec.structs.replace(known, until=0, problem=f"the hub denied it: {request.value}".rstrip(": "))
            )
            return 0
        until = int(request.value) if request.value.isdecimal() else now
        self._put(msgspec.structs.replace(known, until=until, failures=0, problem=""))
        return until

    def _put(self, subscription: Subscription) -> None:
        self._all[subscription.source] = subscription
        self._database.put(subscriptions=[subscription])


def _topic(state: SourceState) -> str:
    return state.topic or state.address or state.url
