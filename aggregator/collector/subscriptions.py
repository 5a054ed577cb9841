"""WebSub, the subscriber's side (W3C WebSub): what a hub's request means. Pure: who serves HTTP calls these functions.

A push is a hint to fetch, whatever it holds: its body is checked against its signature and then not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import msgspec

DAY = 86_400
LEASE = 10 * DAY
"""For how many seconds a subscription is asked for; the hub decides."""

LONGEST_LEASE = 31 * DAY
RENEW = DAY
SHORTEST_LEASE = 3_600
"""A hub that grants less is asked again after so many seconds all the same."""

POLLED = DAY
"""While pushes come, a source is polled so often all the same."""

CALLBACK = "websub/"
"""The path of the callbacks below the site's URL; the rest is the subscription's `token`."""

_HASHES = ("sha512", "sha384", "sha256", "sha1")


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A subscription to a source's feed at a hub.

    `token` is the last part of the callback's address, which nobody can guess, `secret` what pushes are signed with.
    `asked_at` is when the hub was asked last, `until` when the lease ends (0 if the hub has not confirmed yet), in
    seconds since 1970. `problem` says why there is no subscription, "" if there is one, or will be.
    """

    source: str
    hub: str
    topic: str
    token: str
    secret: str
    asked_at: int = 0
    until: int = 0
    failures: int = 0
    problem: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer a hub, and what to request of the collector: `kind` (see `database.request`), "" for nothing."""

    status: int
    body: str = ""
    kind: str = ""
    source: str = ""
    value: str = ""


def of_token(subscriptions: Iterable[Subscription], token: str) -> Subscription | None:
    """Return the subscription of a callback, compared in constant time."""
    found = None
    for one in subscriptions:
        if hmac.compare_digest(one.token.encode(), token.encode("utf-8", "replace")):
            found = one
    return found


def verification(subscription: Subscription | None, query: Mapping[str, str], now: int) -> Reply:
    """Return the answer to a hub's GET, which asks whether the subscription is meant (WebSub §5.3).

    Args:
        subscription: That of the callback, None if there is none.
        query: The parameters of the address: `hub.mode`, `hub.topic`, `hub.challenge`, `hub.lease_seconds`.
        now: Seconds since 1970.
    """
    if subscription is None or query.get("hub.topic") != subscription.topic:
        return Reply(status=404)
    mode = query.get("hub.mode")
    if mode == "denied":
        return Reply(status=200, kind="denied", source=subscription.source, value=query.get("hub.reason", "")[:200])
    if mode != "subscribe" or not query.get("hub.challenge"):
        return Reply(status=404)
    lease = query.get("hub.lease_seconds", "")
    seconds = min(LONGEST_LEASE, int(lease)) if lease.isascii() and lease.isdigit() and len(lease) < 10 else LEASE
    return Reply(
        status=200, body=query["hub.challenge"], kind="verified", source=subscription.source, value=str(now + seconds)
    )


def push(subscription: Subscription | None, signature: str, body: bytes) -> Reply:
    """Return the answer to a hub's POST (WebSub §7): if its `X-Hub-Signature` is right, the source is due.

    A wrong one is answered as a right one is, as §7.1 wants, and nothing follows.
    """
    if subscription is None:
        return Reply(status=410)
    if not is_signed(subscription.secret, signature, body):
        return Reply(status=202)
    return Reply(status=202, kind="push", source=subscription.source)


def is_signed(secret: str, signature: str, body: bytes) -> bool:
    """Return whether `signature` (`sha256=…`) is the HMAC of `body` with `secret` (WebSub §7.1)."""
    method, _, digest = signature.strip().partition("=")
    if method.lower() not in _HASHES or not digest.isascii():
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(expected, digest.strip().lower())


def form(subscription: Subscription, callback: str) -> dict[str, str]:
    """Return the form that asks a hub to subscribe (WebSub §5.1)."""
    return {
        "hub.mode": "subscribe",
        "hub.topic": subscription.topic,
        "hub.callback": callback,
        "hub.secret": subscription.secret,
        "hub.lease_seconds": str(LEASE),
    }


def callback_of(site: str, subscription: Subscription) -> str:
    """Return the address that the hub is to call."""
    return f"{site.rstrip('/')}/{CALLBACK}{subscription.token}"


def renews_at(subscription: Subscription) -> int:
    """Return when the hub is asked (again): at once, when less than 24 h are left, or after a failure, doubling."""
    if subscription.failures or (subscription.asked_at and not subscription.until):
        return subscription.asked_at + min(7 * DAY, 3_600 << min(max(0, subscription.failures - 1), 10))
    lease = subscription.until - subscription.asked_at
    return max(subscription.asked_at + SHORTEST_LEASE, subscription.until - min(RENEW, lease // 2)) if lease else 0


def is_active(subscription: Subscription | None, now: int) -> bool:
    """Return whether pushes come."""
    return subscription is not None and subscription.until > now
