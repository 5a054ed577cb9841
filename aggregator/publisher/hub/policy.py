"""Which documents a WebSub hub must still be notified of, and when to try next. Pure.

A topic is a published document that people subscribe to: `<slug>/rss.xml`, `atom.xml` or `feed.json`. A topic waits if
the digest of its bytes differs from the one that the hub was last notified of. That comparison is the whole queue;
nothing is recorded when files are written, so no crash can lose a change. Before a ping is sent, the topic's `notified`
is cleared: an interrupted ping may have reached the hub or not, and is repeated, even if the document has become what
it was before. So the hub is notified at least once, and rarely twice.

What an answer means:

    2xx                       accepted
    no answer, 429, 503       the hub is down: nothing is tried until a wait for all topics is over
    other 4xx, redirects      refused: this topic is tried again every 6 hours, as somebody has to act first
    408, other 5xx            failed: this topic waits

A wait is drawn from 0 s to 2, 4, 8 … seconds, an hour at most ("full jitter"), or is what `Retry-After` says if that is
longer. While the hub is down, one topic is tried at a time, another each time; a change in the meantime lets it be
tried a minute after the last failure, so that an outage of hours does not delay the first change after it. The first
answer ends the wait for all topics. A ping is given up if a newer change replaces it, or after three days and five
attempts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import msgspec

from aggregator.model.reports import HubStatus

FORMATS = ("rss.xml", "atom.xml", "feed.json")
"""The documents of a feed that are topics; pages and archives are not."""

CONCURRENCY = 2
"""How many pings are sent at the same time."""

BASE, MAX_WAIT = 1.0, 3600.0
"""The base and the limit of the backoff, in seconds."""

REFUSED_WAIT = 6 * 3600.0
"""How long, in seconds, until a refused topic is tried again."""

CHANGE_WAIT = 60.0
"""How long, in seconds, after a failure a hub that is down is tried again if there is something new."""

MAX_RETRY_AFTER = 86_400.0
"""The longest wait, in seconds, that a hub may ask for."""

GIVE_UP_AFTER, MIN_ATTEMPTS = 3 * 86_400.0, 5
"""A ping is given up after so many seconds and at least so many attempts."""

_TOPIC = re.compile(r"[a-z0-9-]{1,64}/(?:rss\.xml|atom\.xml|feed\.json)")

Draw = Callable[[float, float], float]
"""Returns a random number between two, as `random.Random().uniform` does."""

Meaning = Literal["accepted", "down", "refused", "failed"]


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A document and what the hub knows of it; digests are b"" if unknown, times are in seconds since 1970.

    `file_identity` shows cheaply that the file is still the one with the `digest`; the hub was last notified of the
    digest `notified`. `since` is when the topic began to wait.
    """

    name: str
    file_identity: str = msgspec.field(name="stamp", default="")
    digest: bytes = msgspec.field(name="seen", default=b"")
    notified: bytes = msgspec.field(name="told", default=b"")
    since: float = 0.0
    attempts: int = 0
    not_before: float = 0.0
    refused: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether the hub is still to be notified."""
        return self.digest != self.notified


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the hub: `failures` in a row since `since`, the last error, and until when nothing is tried.

    `asked` is true if the hub itself requested that wait (`Retry-After`).
    """

    url: str = ""
    failures: int = 0
    since: float = 0.0
    not_before: float = 0.0
    asked: bool = False
    succeeded: float | None = None
    failed: float | None = None
    reason: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a ping: the HTTP status (0 = no answer), why it failed, and the text of `Retry-After`."""

    status: int = 0
    reason: str = ""
    retry_after: str = ""


class Outcome(NamedTuple):
    """The topic and the hub after an answer, and what the answer means."""

    topic: Topic
    hub: Hub
    meaning: Meaning
    given_up: bool


def is_topic(name: str) -> bool:
    """Return whether the published document `name` is a topic."""
    return _TOPIC.fullmatch(name) is not None


def with_document(topic: Topic, *, file_identity: str, digest: bytes, now: float) -> Topic:
    """Return the topic with its document as it is now; a refused topic is not tried sooner because it changed."""
    if digest == topic.digest:
        return msgspec.structs.replace(topic, file_identity=file_identity)
    if digest == topic.notified:
        return Topic(name=topic.name, file_identity=file_identity, digest=digest, notified=digest)
    return msgspec.structs.replace(topic, file_identity=file_identity, digest=digest, since=now)


def before_ping(topic: Topic) -> Topic:
    """Return the topic to store before a ping is sent: from then on it is unknown what the hub knows."""
    return msgspec.structs.replace(topic, notified=b"")


def after_change(hub: Hub) -> Hub:
    """Return the hub with a shorter wait if it is down, as there is something new."""
    if not hub.failures or hub.asked or hub.failed is None:
        return hub
    return msgspec.structs.replace(hub, not_before=min(hub.not_before, hub.failed + CHANGE_WAIT))


def without_wait(hub: Hub) -> Hub:
    """Return the hub without its wait, unless the hub itself requested it."""
    return hub if hub.asked else msgspec.structs.replace(hub, not_before=0.0)


def for_new_hub(topic: Topic) -> Topic:
    """Return the topic without the answers of another hub."""
    return msgspec.structs.replace(topic, attempts=0, not_before=0.0, refused=False)


def due_topics(topics: Iterable[Topic], hub: Hub, now: float) -> list[Topic]:
    """Return the topics to send now, those with the fewest attempts first."""
    if _seconds_left(hub.not_before, now):
        return []
    due = (topic for topic in topics if topic.is_waiting and not _seconds_left(topic.not_before, now))
    return sorted(due, key=lambda topic: (topic.attempts, topic.since, topic.name))


def seconds_until_due(topics: Iterable[Topic], hub: Hub, now: float) -> float | None:
    """Return the seconds until a topic is due, None if none waits."""
    left = [_seconds_left(topic.not_before, now) for topic in topics if topic.is_waiting]
    return max(min(left), _seconds_left(hub.not_before, now)) if left else None


def after_answer(topic: Topic, hub: Hub, answer: Answer, *, now: float, draw: Draw) -> Outcome:
    """Return the topic and the hub after an answer."""
    meaning = _meaning(answer.status)
    alive = msgspec.structs.replace(hub, failures=0, since=0.0, not_before=0.0, asked=False)
    if meaning == "accepted":
        done = Topic(name=topic.name, file_identity=topic.file_identity, digest=topic.digest, notified=topic.digest)
        return Outcome(done, msgspec.structs.replace(alive, succeeded=now), meaning, given_up=False)
    asked = retry_after(answer.retry_after, now)
    topic = msgspec.structs.replace(topic, attempts=topic.attempts + 1, refused=meaning == "refused")
    if meaning == "down":
        hub = _mark_down(hub, asked, now, draw)
    else:
        hub = alive
        wait = backoff(topic.attempts, draw)
        if asked is not None:
            wait = max(wait, asked)
        elif meaning == "refused":
            wait = REFUSED_WAIT
        topic = msgspec.structs.replace(topic, not_before=now + wait)
    hub = msgspec.structs.replace(hub, failed=now, reason=answer.reason)
    given_up = topic.attempts >= MIN_ATTEMPTS and now - topic.since >= GIVE_UP_AFTER
    if given_up:
        topic = Topic(name=topic.name, file_identity=topic.file_identity, digest=topic.digest, notified=topic.digest)
    return Outcome(topic, hub, meaning, given_up)


def backoff(attempts: int, draw: Draw) -> float:
    """Return the seconds to wait after so many attempts: exponential, with full jitter."""
    return draw(0.0, min(MAX_WAIT, BASE * 2.0 ** min(attempts, 20)))


def retry_after(text: str, now: float) -> float | None:
    """Return the seconds that a `Retry-After` requests (RFC 9110 §10.2.3), None if it is invalid."""
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), MAX_RETRY_AFTER))
    try:
        moment = parsedate_to_datetime(text)
        # RFC 9110 §5.6.7: a date without a zone is in UTC.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER)


def status(topics: Iterable[Topic], hub: Hub) -> HubStatus:
    """Return the status of the hub, for people."""
    waiting = [topic for topic in topics if topic.is_waiting]
    soonest = min((topic.not_before for topic in waiting), default=None)
    return HubStatus(
        url=hub.url,
        waiting=len(waiting),
        refused=tuple(sorted(topic.name for topic in waiting if topic.refused)),
        failing_since=hub.since if hub.failures else None,
        succeeded=hub.succeeded,
        failed=hub.failed,
        reason=hub.reason,
        next_try=None if soonest is None else max(soonest, hub.not_before),
    )


def _meaning(status: int) -> Meaning:
    if 200 <= status < 300:
        return "accepted"
    if status in {0, 429, 503}:
        return "down"
    return "refused" if 300 <= status < 500 and status != 408 else "failed"


def _mark_down(hub: Hub, asked: float | None, now: float, draw: Draw) -> Hub:
    """Return the hub as down, with the wait until it is tried again."""
    failures = hub.failures + 1
    wait = backoff(failures, draw)
    is_asked = asked is not None and asked > wait  # a hub that always answers "in 0 s" must not be asked without pause
    return msgspec.structs.replace(
        hub,
        failures=failures,
        since=hub.since if hub.failures else now,
        not_before=now + (asked if asked is not None and is_asked else wait),
        asked=is_asked,
    )


def _seconds_left(not_before: float, now: float) -> float:
    """Return the seconds until a moment, 0 if no wait could have set it: then the clock was set back since."""
    left = not_before - now
    return left if 0 < left <= MAX_RETRY_AFTER else 0.0
