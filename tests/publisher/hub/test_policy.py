"""What a hub is still to be told and when to try next, as values: no network, no clock, no chance."""

from __future__ import annotations

import random

import pytest

from aggregator.publisher.hub import policy
from aggregator.publisher.hub.policy import Answer, Hub, Topic

NOW = 1_780_000_000.0
HOUR, DAY = 3_600.0, 86_400.0


def longest(_least: float, most: float) -> float:
    """Draw the longest wait there can be."""
    return most


def new(name: str = "all/rss.xml", digest: bytes = b"1", **keys: object) -> Topic:
    """Give a document that was just seen, and of which the hub knows nothing."""
    return policy.noticed(Topic(name=name, **keys), stamp="s", digest=digest, now=NOW)


def after(topic: Topic, hub: Hub, *statuses: int, retry_after: str = "", now: float = NOW) -> tuple[Topic, Hub]:
    """Let the hub answer."""
    for status in statuses:
        answer = Answer(status=status, reason=f"it answered {status}", retry_after=retry_after)
        topic, hub, _, _ = policy.answered(policy.sending(topic), hub, answer, now=now, draw=longest)
    return topic, hub


def test_only_the_three_formats_of_a_feed_are_topics() -> None:
    """Neither pages, lists and archives, nor names that only look like one."""
    assert all(policy.is_topic(f"a-feed/{name}") for name in policy.FORMATS)
    others = (
        "a-feed/index.html", "index.html", "feeds.opml", ".well-known/feeds", "a-feed/archive/2026-05/rss.xml", "rss.xml",
        "../rss.xml", "A/rss.xml", "a-feed/rss.xml.gz", "a-feed/rss.xml\n",
    )  # fmt: skip
    assert not any(map(policy.is_topic, others))


def test_what_was_told_waits_no_longer_and_several_changes_wait_once() -> None:
    """New and changed documents wait; one answer of 2xx is enough for all changes before it."""
    topic = policy.noticed(new(), stamp="t", digest=b"2", now=NOW)
    assert policy.ready([topic], Hub(), NOW) == [topic]
    topic, hub = after(topic, Hub(), 204)
    assert not topic.is_waiting
    assert hub.succeeded == NOW
    assert policy.noticed(topic, stamp="u", digest=b"2", now=NOW).is_waiting is False
    assert policy.noticed(topic, stamp="u", digest=b"3", now=NOW).is_waiting is True


def test_a_change_taken_back_before_anything_was_sent_is_no_change() -> None:
    """Once a ping was sent nobody knows what the hub saw: then the way back is told too."""
    topic, _ = after(new(), Hub(), 204)
    changed = policy.noticed(topic, stamp="t", digest=b"2", now=NOW)
    assert not policy.noticed(changed, stamp="u", digest=b"1", now=NOW).is_waiting
    assert policy.noticed(policy.sending(changed), stamp="u", digest=b"1", now=NOW).is_waiting


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_hub_that_is_down_is_left_alone_for_a_while(status: int) -> None:
    """No topic is tried, whichever it was that failed; the waits double up to an hour."""
    other = new("other/rss.xml")
    topic, hub = after(new(), Hub(), status)
    waits = []
    for _ in range(14):
        waits.append(hub.not_before - NOW)
        assert policy.ready([topic, other], hub, NOW) == []
        assert policy.pause([topic, other], hub, NOW) == waits[-1]
        topic, hub = after(topic, hub, status)
    assert waits == [min(2.0**power, HOUR) for power in range(1, 15)]
    assert policy.ready([topic, other], hub, NOW + HOUR) == [other, topic]


def test_waits_are_drawn_from_the_whole_span() -> None:
    """Full jitter: hubs that come back are not met by all their publishers at once."""
    draw = random.Random(1).uniform
    waits = [policy.backoff(8, draw) for _ in range(1_000)]
    assert min(waits) < 3
    assert max(waits) > 253
    assert 118 < sum(waits) / 1_000 < 138


def test_any_answer_opens_the_way_for_all() -> None:
    """Also a refusal shows that the hub is there."""
    for status in (204, 404, 500):
        _, hub = after(*after(new(), Hub(), 0, 0, 0), status)
        assert (hub.failures, hub.not_before) == (0, 0.0)


def test_something_new_shortens_the_wait_to_a_minute() -> None:
    """Unless the hub has named the moment itself."""
    topic, hub = after(new(), Hub(), *[0] * 12)
    assert policy.pause([topic], policy.eased(hub), NOW) == 60
    _, hub = after(topic, hub, 503, retry_after="7200")
    assert policy.pause([topic], policy.eased(hub), NOW) == 7_200
    assert policy.pause([topic], policy.opened(hub), NOW) == 7_200


@pytest.mark.parametrize(("status", "wait"), [(400, 6 * HOUR), (403, 6 * HOUR), (302, 6 * HOUR), (408, 2), (500, 2)])
def test_a_topic_that_is_refused_or_fails_holds_up_no_other(status: int, wait: float) -> None:
    """A refusal is tried again seldom, also where the document changes meanwhile; an error soon."""
    other = new("other/rss.xml")
    topic, hub = after(new(), Hub(), status)
    topic = policy.noticed(topic, stamp="t", digest=b"9", now=NOW)
    assert policy.ready([topic, other], hub, NOW) == [other]
    assert policy.pause([topic], hub, NOW) == wait
    assert topic.refused is (wait > 2)
    assert policy.begun(topic).not_before == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120), ("0", 0), ("9" * 5_000, DAY), ("Thu, 28 May 2026 20:27:40 GMT", 60), ("Thu, 28 May 2026 20:27:40", 60),
        ("Thu, 28 May 2020 20:27:40 GMT", 0), ("soon", None), ("", None), ("-5", None), ("²", None), ("1e9", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    """At most a day; what is neither says nothing."""
    assert policy.retry_after(text, NOW) == seconds


@pytest.mark.parametrize("status", [500, 403])
def test_retry_after_is_honoured_by_a_topic_too(status: int) -> None:
    """With an answer that concerns one topic alone."""
    topic, hub = after(new(), Hub(), status, retry_after="90")
    assert policy.pause([topic], hub, NOW) == 90


@pytest.mark.parametrize("status", [503, 500, 403])
def test_a_hub_that_says_at_once_for_ever_is_not_asked_without_end(status: int) -> None:
    """The waits grow all the same."""
    topic, hub = after(new(), Hub(), *[status] * 4, retry_after="0")
    assert policy.pause([topic], hub, NOW) == 16
    assert hub.asked is False


def test_a_ping_is_given_up_after_three_days_and_five_attempts() -> None:
    """Not by the first attempt after a week of sleep; a newer change begins anew."""
    topic, hub = after(new(), Hub(), 0, now=NOW + 7 * DAY)
    assert topic.is_waiting
    topic, hub = after(topic, hub, 0, 0, 0, now=NOW + 7 * DAY)
    assert topic.is_waiting
    newer = policy.noticed(topic, stamp="t", digest=b"2", now=NOW + 7 * DAY)
    assert not after(topic, hub, 0, now=NOW + 7 * DAY)[0].is_waiting
    assert after(newer, hub, 0, now=NOW + 7 * DAY)[0].is_waiting
    assert policy.noticed(after(topic, hub, 0, now=NOW + 7 * DAY)[0], stamp="t", digest=b"3", now=NOW).is_waiting


def test_a_clock_that_was_set_back_leaves_nothing_waiting_for_years() -> None:
    """A wait longer than any that is ever set is over."""
    topic, hub = after(new(), Hub(), *[0] * 12)
    assert policy.ready([topic], hub, NOW - 10 * 365 * DAY) == [topic]
    topic, hub = after(new(), Hub(), 403)
    assert policy.ready([topic], hub, 0.0) == [topic]


def test_a_status_says_what_needs_a_hand() -> None:
    """A hub that is down only after ten minutes, a refusal at once, by the names of the documents."""
    topic, hub = after(new(), Hub(url="https://hub.example.org/"), 503)
    status = policy.status([topic, new("other/rss.xml")], hub)
    assert (status.waiting, status.failing_since, status.next_try) == (2, NOW, NOW + 2)
    assert status.trouble(NOW + 599) == ""
    assert "it answered 503; notifications waiting: 2" in status.trouble(NOW + 600)
    topics = [after(new(f"{slug}/rss.xml"), hub, 403)[0] for slug in "abcd"]
    trouble = policy.status(topics, after(topics[0], hub, 403)[1]).trouble(NOW)
    assert "refuses 4 of our documents (a/rss.xml, b/rss.xml, c/rss.xml …): it answered 403" in trouble
