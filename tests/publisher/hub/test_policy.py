"""Which topics wait for a hub and when to try next: no network, no clock, no randomness."""

from __future__ import annotations

import random

import pytest

from aggregator.publisher.hub import policy
from aggregator.publisher.hub.policy import Answer, Hub, Topic

NOW = 1_780_000_000.0
HOUR, DAY = 3_600.0, 86_400.0


def longest(_least: float, most: float) -> float:
    """Draw the longest possible wait."""
    return most


def new(name: str = "all/rss.xml", digest: bytes = b"1", **keys: object) -> Topic:
    """Return a topic that was just found and of which the hub knows nothing."""
    return policy.with_document(Topic(name=name, **keys), file_identity="s", digest=digest, now=NOW)


def after(topic: Topic, hub: Hub, *statuses: int, retry_after: str = "", now: float = NOW) -> tuple[Topic, Hub]:
    """Return topic and hub after the hub's answers."""
    for status in statuses:
        answer = Answer(status=status, reason=f"it answered {status}", retry_after=retry_after)
        topic, hub, _, _ = policy.after_answer(policy.before_ping(topic), hub, answer, now=now, draw=longest)
    return topic, hub


def test_only_the_three_formats_of_a_feed_are_topics() -> None:
    """Not pages, lists, archives, or names that only look similar."""
    assert all(policy.is_topic(f"a-feed/{name}") for name in policy.FORMATS)
    others = (
        "a-feed/index.html", "index.html", "feeds.opml", ".well-known/feeds", "a-feed/archive/2026-05/rss.xml", "rss.xml",
        "../rss.xml", "A/rss.xml", "a-feed/rss.xml.gz", "a-feed/rss.xml\n",
    )  # fmt: skip
    assert not any(map(policy.is_topic, others))


def test_an_accepted_topic_waits_no_longer_and_several_changes_wait_once() -> None:
    """New and changed documents wait; one 2xx answer covers all changes before it."""
    topic = policy.with_document(new(), file_identity="t", digest=b"2", now=NOW)
    assert policy.due_topics([topic], Hub(), NOW) == [topic]
    topic, hub = after(topic, Hub(), 204)
    assert not topic.is_waiting
    assert hub.succeeded == NOW
    assert policy.with_document(topic, file_identity="u", digest=b"2", now=NOW).is_waiting is False
    assert policy.with_document(topic, file_identity="u", digest=b"3", now=NOW).is_waiting is True


def test_a_change_undone_before_a_ping_is_no_change() -> None:
    """After a ping was sent it is unknown what the hub saw: then the undoing is sent too."""
    topic, _ = after(new(), Hub(), 204)
    changed = policy.with_document(topic, file_identity="t", digest=b"2", now=NOW)
    assert not policy.with_document(changed, file_identity="u", digest=b"1", now=NOW).is_waiting
    assert policy.with_document(policy.before_ping(changed), file_identity="u", digest=b"1", now=NOW).is_waiting


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_hub_that_is_down_is_not_tried_for_a_while(status: int) -> None:
    """No topic is tried, whichever failed; the waits double up to an hour."""
    other = new("other/rss.xml")
    topic, hub = after(new(), Hub(), status)
    waits = []
    for _ in range(14):
        waits.append(hub.not_before - NOW)
        assert policy.due_topics([topic, other], hub, NOW) == []
        assert policy.seconds_until_due([topic, other], hub, NOW) == waits[-1]
        topic, hub = after(topic, hub, status)
    assert waits == [min(2.0**power, HOUR) for power in range(1, 15)]
    assert policy.due_topics([topic, other], hub, NOW + HOUR) == [other, topic]


def test_waits_are_drawn_from_the_full_range() -> None:
    """Full jitter: a hub that recovers is not called by all its publishers at once."""
    draw = random.Random(1).uniform
    waits = [policy.backoff(8, draw) for _ in range(1_000)]
    assert min(waits) < 3
    assert max(waits) > 253
    assert 118 < sum(waits) / 1_000 < 138


def test_any_answer_ends_the_wait_of_all_topics() -> None:
    """Even a refusal shows that the hub is up."""
    for status in (204, 404, 500):
        _, hub = after(*after(new(), Hub(), 0, 0, 0), status)
        assert (hub.failures, hub.not_before) == (0, 0.0)


def test_something_new_shortens_the_wait_to_a_minute() -> None:
    """Unless the hub itself requested the wait."""
    topic, hub = after(new(), Hub(), *[0] * 12)
    assert policy.seconds_until_due([topic], policy.after_change(hub), NOW) == 60
    _, hub = after(topic, hub, 503, retry_after="7200")
    assert policy.seconds_until_due([topic], policy.after_change(hub), NOW) == 7_200
    assert policy.seconds_until_due([topic], policy.without_wait(hub), NOW) == 7_200


@pytest.mark.parametrize(("status", "wait"), [(400, 6 * HOUR), (403, 6 * HOUR), (302, 6 * HOUR), (408, 2), (500, 2)])
def test_a_topic_that_is_refused_or_fails_delays_no_other(status: int, wait: float) -> None:
    """A refusal is tried again after hours, even if the document changes; an error soon."""
    other = new("other/rss.xml")
    topic, hub = after(new(), Hub(), status)
    topic = policy.with_document(topic, file_identity="t", digest=b"9", now=NOW)
    assert policy.due_topics([topic, other], hub, NOW) == [other]
    assert policy.seconds_until_due([topic], hub, NOW) == wait
    assert topic.refused is (wait > 2)
    assert policy.for_new_hub(topic).not_before == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120), ("0", 0), ("9" * 5_000, DAY), ("Thu, 28 May 2026 20:27:40 GMT", 60), ("Thu, 28 May 2026 20:27:40", 60),
        ("Thu, 28 May 2020 20:27:40 GMT", 0), ("soon", None), ("", None), ("-5", None), ("²", None), ("1e9", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    """At most a day; anything else is ignored."""
    assert policy.retry_after(text, NOW) == seconds


@pytest.mark.parametrize("status", [500, 403])
def test_retry_after_is_honoured_by_a_topic_too(status: int) -> None:
    """For answers that concern a single topic."""
    topic, hub = after(new(), Hub(), status, retry_after="90")
    assert policy.seconds_until_due([topic], hub, NOW) == 90


@pytest.mark.parametrize("status", [503, 500, 403])
def test_a_hub_that_always_asks_for_an_immediate_retry_is_not_called_without_pause(status: int) -> None:
    """The waits still grow."""
    topic, hub = after(new(), Hub(), *[status] * 4, retry_after="0")
    assert policy.seconds_until_due([topic], hub, NOW) == 16
    assert hub.asked is False


def test_a_ping_is_given_up_after_three_days_and_five_attempts() -> None:
    """Not by the first attempt after a week of sleep; a newer change starts again."""
    topic, hub = after(new(), Hub(), 0, now=NOW + 7 * DAY)
    assert topic.is_waiting
    topic, hub = after(topic, hub, 0, 0, 0, now=NOW + 7 * DAY)
    assert topic.is_waiting
    newer = policy.with_document(topic, file_identity="t", digest=b"2", now=NOW + 7 * DAY)
    assert not after(topic, hub, 0, now=NOW + 7 * DAY)[0].is_waiting
    assert after(newer, hub, 0, now=NOW + 7 * DAY)[0].is_waiting
    assert policy.with_document(
        after(topic, hub, 0, now=NOW + 7 * DAY)[0], file_identity="t", digest=b"3", now=NOW
    ).is_waiting


def test_a_clock_that_was_set_back_leaves_nothing_waiting_for_years() -> None:
    """A wait longer than any possible one is over."""
    topic, hub = after(new(), Hub(), *[0] * 12)
    assert policy.due_topics([topic], hub, NOW - 10 * 365 * DAY) == [topic]
    topic, hub = after(new(), Hub(), 403)
    assert policy.due_topics([topic], hub, 0.0) == [topic]


def test_a_status_names_what_needs_attention() -> None:
    """A hub that is down only after ten minutes; a refusal at once, with the documents' names."""
    topic, hub = after(new(), Hub(url="https://hub.example.org/"), 503)
    status = policy.status([topic, new("other/rss.xml")], hub)
    assert (status.waiting, status.failing_since, status.next_try) == (2, NOW, NOW + 2)
    assert status.trouble(NOW + 599) == ""
    assert "it answered 503; notifications waiting: 2" in status.trouble(NOW + 600)
    topics = [after(new(f"{slug}/rss.xml"), hub, 403)[0] for slug in "abcd"]
    trouble = policy.status(topics, after(topics[0], hub, 403)[1]).trouble(NOW)
    assert "refuses 4 of our documents (a/rss.xml, b/rss.xml, c/rss.xml …): it answered 403" in trouble
