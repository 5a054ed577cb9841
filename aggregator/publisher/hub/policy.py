"""What a WebSub hub is still to be told, and when to try next: what was seen and answered in, values out; pure.

A topic is a published document that people subscribe to: `<slug>/rss.xml`, `atom.xml` or `feed.json`. The hub is to be
told of it when the digest of its bytes is not the one that the hub was last told of. That comparison is the whole
queue; nothing is noted before or after files are written, so no crash between the two can lose a change. Before a
ping is sent the topic's `told` is emptied: an attempt that was cut short may have reached the hub or not, and is made
again, even where the document has become what it was before. So a hub is told at least once, and seldom twice.

What becomes of an answer:

    2xx                       told
    no answer, 429, 503       the hub is down: nothing is tried until a wait for all topics is over
    other 4xx, redirects      refused: this topic is tried again every 6 hours, as somebody has to act first
    408, other 5xx            failed: this topic waits

A wait is drawn from 0 s to 2, 4, 8 … seconds, an hour at most ("full jitter"), or is what `Retry-After` says if that is
longer. While the hub is down one topic is tried at a time, another each time; a change that comes in the meantime lets
it be tried a minute after the last failure, so that an outage of hours does not delay the first change after it. The
first answer opens the way for all. A ping is given up when a newer change takes its place, or after three days and five
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
"""The documents of a feed that a hub is told of; pages and archives are no topics."""

TOGETHER = 2
"""So many pings are under way at once."""

BASE, LONGEST = 1.0, 3600.0
"""The waits of the backoff, in seconds."""

REFUSED = 6 * 3600.0
"""How long, in seconds, until a topic that was refused is tried again."""

AFTER_A_CHANGE = 60.0
LONGEST_ASKED = 86_400.0
"""The longest wait, in seconds, that a hub may ask for."""

GIVEN_UP, FEWEST_ATTEMPTS = 3 * 86_400.0, 5

_TOPIC = re.compile(r"[a-z0-9-]{1,64}/(?:rss\.xml|atom\.xml|feed\.json)")

Draw = Callable[[float, float], float]
"""Gives a random number between two, as `random.Random().uniform` does."""

Meaning = Literal["told", "down", "refused", "failed"]


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A document and what the hub knows of it; digests are b"" where unknown, times in seconds since 1970.

    `stamp` tells cheaply that the file is still the one whose digest is `seen`. `since` is when it came to wait.
    """

    name: str
    stamp: str = ""
    seen: bytes = b""
    told: bytes = b""
    since: float = 0.0
    attempts: int = 0
    not_before: float = 0.0
    refused: bool = False

    @property
    def is_waiting(self) -> bool:
        """Say whether the hub is still to be told."""
        return self.seen != self.told


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub does: `failures` in a row since `since`, what went wrong last, and until when nothing is tried.

    `asked` is true where the hub itself named that moment.
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
    """What came of a ping: the HTTP status (0 = none came), why it is no success, and the text of `Retry-After`."""

    status: int = 0
    reason: str = ""
    retry_after: str = ""


class Outcome(NamedTuple):
    """What an answer changes."""

    topic: Topic
    hub: Hub
    meaning: Meaning
    given_up: bool


def is_topic(name: str) -> bool:
    """Say whether a hub is told of the published document `name`."""
    return _TOPIC.fullmatch(name) is not None


def noticed(topic: Topic, *, stamp: str, digest: bytes, now: float) -> Topic:
    """Take in what a document is now; what the hub refused is not tried sooner because it changed again."""
    if digest == topic.seen:
        return msgspec.structs.replace(topic, stamp=stamp)
    if digest == topic.told:
        return Topic(name=topic.name, stamp=stamp, seen=digest, told=digest)
    return msgspec.structs.replace(topic, stamp=stamp, seen=digest, since=now)


def sending(topic: Topic) -> Topic:
    """Give the topic as it is to be stored before a ping is sent: from then on nobody knows what the hub knows."""
    return msgspec.structs.replace(topic, told=b"")


def eased(hub: Hub) -> Hub:
    """Shorten the wait for a hub that is down, as there is something new to tell it."""
    if not hub.failures or hub.asked or hub.failed is None:
        return hub
    return msgspec.structs.replace(hub, not_before=min(hub.not_before, hub.failed + AFTER_A_CHANGE))


def opened(hub: Hub) -> Hub:
    """Forget the wait for a hub that is down, unless the hub asked for it."""
    return hub if hub.asked else msgspec.structs.replace(hub, not_before=0.0)


def begun(topic: Topic) -> Topic:
    """Give the topic without what another hub answered."""
    return msgspec.structs.replace(topic, attempts=0, not_before=0.0, refused=False)


def ready(topics: Iterable[Topic], hub: Hub, now: float) -> list[Topic]:
    """Give the topics that can be told now, those first that were tried least."""
    if _left(hub.not_before, now):
        return []
    due = (topic for topic in topics if topic.is_waiting and not _left(topic.not_before, now))
    return sorted(due, key=lambda topic: (topic.attempts, topic.since, topic.name))


def pause(topics: Iterable[Topic], hub: Hub, now: float) -> float | None:
    """Give the seconds until a topic can be told, None where none waits."""
    left = [_left(topic.not_before, now) for topic in topics if topic.is_waiting]
    return max(min(left), _left(hub.not_before, now)) if left else None


def answered(topic: Topic, hub: Hub, answer: Answer, *, now: float, draw: Draw) -> Outcome:
    """Say what an answer makes of the topic and of the hub."""
    meaning = _meaning(answer.status)
    alive = msgspec.structs.replace(hub, failures=0, since=0.0, not_before=0.0, asked=False)
    if meaning == "told":
        told = Topic(name=topic.name, stamp=topic.stamp, seen=topic.seen, told=topic.seen)
        return Outcome(told, msgspec.structs.replace(alive, succeeded=now), meaning, given_up=False)
    asked = retry_after(answer.retry_after, now)
    topic = msgspec.structs.replace(topic, attempts=topic.attempts + 1, refused=meaning == "refused")
    if meaning == "down":
        hub = _shut(hub, asked, now, draw)
    else:
        hub = alive
        wait = backoff(topic.attempts, draw)
        if asked is not None:
            wait = max(wait, asked)
        elif meaning == "refused":
            wait = REFUSED
        topic = msgspec.structs.replace(topic, not_before=now + wait)
    hub = msgspec.structs.replace(hub, failed=now, reason=answer.reason)
    given_up = topic.attempts >= FEWEST_ATTEMPTS and now - topic.since >= GIVEN_UP
    if given_up:
        topic = Topic(name=topic.name, stamp=topic.stamp, seen=topic.seen, told=topic.seen)
    return Outcome(topic, hub, meaning, given_up)


def backoff(attempts: int, draw: Draw) -> float:
    """Give how many seconds to wait after so many attempts: exponential, with full jitter."""
    return draw(0.0, min(LONGEST, BASE * 2.0 ** min(attempts, 20)))


def retry_after(text: str, now: float) -> float | None:
    """Give the seconds that a `Retry-After` asks for (RFC 9110 §10.2.3), None where it says nothing."""
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), LONGEST_ASKED))
    try:
        moment = parsedate_to_datetime(text)
        # RFC 9110 §5.6.7: a date without a zone is in UTC.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_ASKED)


def status(topics: Iterable[Topic], hub: Hub) -> HubStatus:
    """Say how it stands with the hub."""
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
        return "told"
    if status in {0, 429, 503}:
        return "down"
    return "refused" if 300 <= status < 500 and status != 408 else "failed"


def _shut(hub: Hub, asked: float | None, now: float, draw: Draw) -> Hub:
    """Try nothing for a while."""
    failures = hub.failures + 1
    wait = backoff(failures, draw)
    is_asked = asked is not None and asked > wait  # "in 0 s", said for ever, must not make us ask without end
    return msgspec.structs.replace(
        hub,
        failures=failures,
        since=hub.since if hub.failures else now,
        not_before=now + (asked if asked is not None and is_asked else wait),
        asked=is_asked,
    )


def _left(not_before: float, now: float) -> float:
    """Give the seconds until a moment; one that no wait could have set is past: the clock was set back since."""
    left = not_before - now
    return left if 0 < left <= LONGEST_ASKED else 0.0
