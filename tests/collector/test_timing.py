"""When a source is asked next: points 2, 3 and 4, from what is stored alone."""

from __future__ import annotations

from email.utils import formatdate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.collector import answers, timing
from aggregator.collector.answers import Answer
from aggregator.collector.state import SourceState
from aggregator.collector.timing import DAY, HOUR
from aggregator.model.sources import Source

NOW = 1_780_000_000
URL = "https://blog.example.org/feed.xml"
HINTS = {
    "max-age": ((("cache-control", "public, max-age=10800"),), 3 * HOUR),
    "max-age less Age": ((("cache-control", 'max-age="10800"'), ("age", "3600")), 2 * HOUR),
    "Age beyond max-age": ((("cache-control", "max-age=60"), ("age", "3600")), 0),
    "Expires against the answer's own Date": (
        (("date", formatdate(NOW - DAY, usegmt=True)), ("expires", formatdate(NOW - DAY + 7200, usegmt=True))), 2 * HOUR,
    ),
    "Expires in the past": ((("expires", "Thu, 19 Nov 1981 08:52:00 GMT"),), 0),
    "Expires: 0": ((("expires", "0"),), 0),
    "not more than 31 days": ((("cache-control", "max-age=99999999"),), 31 * DAY),
    "a number of a hundred digits": ((("cache-control", "max-age=" + "9" * 100),), 31 * DAY),
    "nonsense": ((("cache-control", "max-age=soon"), ("expires", "tomorrow"), ("age", "-")), 0),
    "the later one": ((("cache-control", "max-age=60"), ("expires", formatdate(NOW + 7200, usegmt=True))), 2 * HOUR),
}  # fmt: skip


def source(**values) -> Source:
    return Source(url=URL, **values)


def asked(
    status: int = 200, headers=(), *, at: int = NOW, of: Source | None = None, state: SourceState | None = None, **rest
):
    """Return the state after one more poll that ends with an answer."""
    state = state or SourceState(url=URL)
    if status == 304:
        state = msgspec.structs.replace(state, validators={URL: answers.Validators(etag='"1"')})
    state = answers.begun(state, of or source(), at)
    answer = Answer(url=URL, at=at, status=status, headers=tuple(headers), **rest)
    return answers.answered(state, of or source(), answer)


def wait(state: SourceState) -> int:
    return state.next_at - state.asked_at


@pytest.mark.parametrize("name", HINTS)
def test_point_2_the_servers_hints_are_kept_to(name: str) -> None:
    """The next poll is not before a hint, and within an hour after it or after the base."""
    headers, seconds = HINTS[name]
    state = asked(headers=headers, of=source(every=HOUR))
    due = max(HOUR, seconds)
    assert due <= wait(state) < due + HOUR


@pytest.mark.parametrize("name", HINTS)
@pytest.mark.parametrize("status", [304, 404, 500, 403])
def test_point_2_hints_hold_also_after_a_304_and_after_a_failure(name: str, status: int) -> None:
    """Whatever the status is, its hints are kept to."""
    headers, seconds = HINTS[name]
    assert wait(asked(status, headers)) >= seconds


@pytest.mark.parametrize(
    ("gap", "seconds"),
    [(None, DAY), (0, HOUR), (4 * HOUR, HOUR), (8 * HOUR, 2 * HOUR), (4 * DAY, DAY), (90 * DAY, DAY)],
)
def test_point_2_the_base_is_a_quarter_of_the_usual_gap_between_1_and_24_hours(gap: int | None, seconds: int) -> None:
    """Without `every`, a source is asked four times as often as it publishes."""
    assert timing.interval_of(SourceState(url=URL, gap=gap), source())[0] == seconds


def test_point_2_the_usual_gap_is_the_median_of_the_last_ten_items() -> None:
    """One long silence, and what is older than the ten newest, does not count."""
    newest = [NOW - place * HOUR for place in range(9)]
    assert timing.usual_gap([*newest, NOW - 90 * DAY, *(NOW - 100 * DAY - place for place in range(50))]) == HOUR
    assert timing.usual_gap([NOW]) is None


@pytest.mark.parametrize(
    ("every", "headers", "seconds"),
    [
        (1800, (), HOUR),
        (1800, (("expires", formatdate(NOW + 1800, usegmt=True)),), HOUR),
        (1800, (("cache-control", "max-age=600"),), 1800),
        (60, (("cache-control", "max-age=0"),), 15 * 60),
        (900, (("cache-control", "max-age=2400"),), 2400),
        (2 * HOUR, (("cache-control", "max-age=600"),), 2 * HOUR),
    ],
)
def test_point_2_less_than_an_hour_needs_every_and_the_servers_max_age(every: int, headers, seconds: int) -> None:
    """60 minutes are the least; `every` goes below them if the server's own max-age allows it, to 15 minutes."""
    state = asked(headers=headers, of=source(every=every))
    assert seconds <= wait(state) < seconds + min(HOUR, seconds)


def test_why_less_than_an_hour_is_not_kept_to_blames_no_header_that_was_not_sent() -> None:
    """A server without Cache-Control forbids nothing; the hour is ours, and the place in it is named too."""
    assert asked(of=source(every=900)).why == (
        "`every: 15m`, but 60 minutes are the least for a server that sends no Cache-Control: max-age; then at its own"
        " minute of the hour"
    )


def test_point_2_a_feeds_ttl_counts_after_a_304_too() -> None:
    """What the document says about its interval holds until another document comes."""
    state = msgspec.structs.replace(SourceState(url=URL), interval=6 * HOUR)
    assert 6 * HOUR <= wait(asked(304, state=state, of=source(every=HOUR))) < 7 * HOUR


def test_point_2_skip_hours_and_skip_days_are_kept_to() -> None:
    """No poll lies in a skipped hour or on a skipped day (UTC); where all are skipped, none is."""
    state = msgspec.structs.replace(
        SourceState(url=URL), skip_hours=frozenset(range(23)), skip_days=frozenset({0, 1, 2, 3, 4, 5})
    )
    state = asked(304, state=state, of=source(every=HOUR))
    moment = timing.datetime.fromtimestamp(state.next_at, timing.UTC)
    assert (moment.hour, moment.weekday()) == (23, 6)
    assert state.why == "the feed's skipHours or skipDays"
    always = msgspec.structs.replace(SourceState(url=URL), skip_hours=frozenset(range(24)))
    assert wait(asked(304, state=always, of=source(every=HOUR))) < 2 * HOUR


@given(
    st.integers(0, 40 * DAY),
    st.integers(0, 40 * DAY),
    st.integers(1, 40 * DAY),
    st.sampled_from([200, 304, 404, 500, 429]),
)
def test_point_2_not_one_second_early(max_age: int, ttl: int, every: int, status: int) -> None:
    """Whatever is asked for together, no poll is before any of it, nor within 15 minutes, nor 31 days after all of it."""
    state = msgspec.structs.replace(SourceState(url=URL), interval=ttl)
    headers = (("cache-control", f"max-age={max_age}"),)
    state = asked(status, headers, state=state, of=source(every=every))
    assert wait(state) >= min(31 * DAY, max_age)
    assert wait(state) >= 900
    if status in {200, 304}:
        assert wait(state) >= min(31 * DAY, ttl)
        assert wait(state) >= every


def test_point_2_conditional_false_is_asked_once_in_24_hours() -> None:
    """A server whose 304s lie is asked for the whole document, at most once a day, failures included."""
    lying = source(conditional=False, every=HOUR)
    assert wait(asked(200, of=lying)) >= DAY
    assert wait(asked(500, of=lying)) >= DAY
    assert answers.validators_for(asked(200, [("etag", '"1"')], of=lying), lying, URL) == answers.Validators()


@pytest.mark.slow
def test_point_3_the_first_poll_is_at_once_and_later_ones_have_a_place_in_the_hour() -> None:
    """10,000 sources that were all added in the same second spread evenly over the hour from the second poll on."""
    minutes = [0] * 60
    for number in range(10_000):
        one = Source(url=f"https://blog{number}.example.org/feed", every=HOUR)
        fresh = SourceState(url=one.url)
        assert timing.due_at(fresh, NOW) == 0
        state = answers.answered(answers.begun(fresh, one, NOW), one, Answer(url=one.url, at=NOW, status=200))
        assert HOUR <= wait(state) < 2 * HOUR
        minutes[(state.next_at - NOW - HOUR) // 60] += 1
    assert max(minutes) < 2 * 10_000 / 60
    assert min(minutes) > 10_000 / 60 / 2


def test_point_3_a_poll_that_begins_seconds_late_does_not_put_off_the_next_by_an_hour() -> None:
    """`every: 1h` stays an hour: being late moves the place in the hour, but not by one."""
    one = source(every=HOUR)
    state = asked(304, of=one)
    for _ in range(100):
        before = state.next_at
        state = asked(304, at=before + 3, state=state, of=one)
        assert state.next_at - before == HOUR + 3


@pytest.mark.parametrize("away", [HOUR, DAY, 60 * DAY])
def test_point_3_a_restart_causes_no_burst(away: int) -> None:
    """Sources that are long overdue when the collector starts are asked one after the other within the hour."""
    back = NOW + 2 * HOUR + away
    dues = []
    for number in range(1000):
        one = Source(url=f"https://blog{number}.example.org/feed", every=HOUR)
        state = answers.answered(
            answers.begun(SourceState(url=one.url), one, NOW), one, Answer(url=one.url, at=NOW, status=200)
        )
        dues.append(timing.due_at(state, back))
    assert sum(due <= back for due in dues) < 50
    assert max(dues) <= back + HOUR


def test_point_3_what_waits_for_its_place_gets_there() -> None:
    """An overdue source is due at some second of every hour, whenever one looks."""
    state = msgspec.structs.replace(SourceState(url=URL), asked_at=NOW - DAY, next_at=NOW - 5 * HOUR)
    due = timing.due_at(state, NOW)
    assert NOW <= due < NOW + HOUR
    assert all(timing.due_at(state, now) == due for now in range(NOW, due + 1, 7))
    assert timing.due_at(state, due + 30) <= due + 30


@pytest.mark.parametrize("back", [60, HOUR, DAY, 3650 * DAY])
def test_point_2_a_clock_set_back_causes_neither_a_burst_nor_a_silence(back: int) -> None:
    """A source that was asked in the future keeps its interval from now on."""
    state = asked(304, of=source(every=2 * HOUR))
    moved = timing.rebased(state, NOW - back)
    assert moved.next_at - (NOW - back) == state.next_at - NOW
    assert timing.rebased(moved, NOW - back + 5) is moved


def failures(status: int, count: int, headers=()) -> list[int]:
    """Return the waits after so many failures in a row, each asked when it is due."""
    state, waits, at = None, [], NOW
    for _ in range(count):
        state = asked(status, headers, at=at, state=state)
        waits.append(wait(state))
        at = state.next_at
    return waits


def within(waits: list[int], hours: list[int]) -> bool:
    return all(hour * HOUR <= seconds < (hour + 1) * HOUR for seconds, hour in zip(waits, hours, strict=True))


@pytest.mark.parametrize("status", [403, 429])
def test_point_4_a_bare_refusal_waits_4_hours_doubling_to_7_days(status: int) -> None:
    """A bare 429 or 403 waits longer each time."""
    assert within(failures(status, 8), [4, 8, 16, 32, 64, 128, 168, 168])


@pytest.mark.parametrize("status", [500, 502, 503, 404, 0, 418, 401])
def test_point_4_other_failures_wait_1_hour_doubling_to_24(status: int) -> None:
    """5xx, time-outs, TLS, DNS: an hour, two, four, to a day."""
    assert within(failures(status, 7), [1, 2, 4, 8, 16, 24, 24])


def test_point_4_a_success_forgets_the_failures() -> None:
    """After a success the next failure waits an hour again."""
    state = asked(500, state=asked(500))
    state = asked(304, state=state)
    assert (state.failures, state.failing_since, state.error) == (0, 0, "")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("retry-after", "7200"),), 7200),
        ((("retry-after", "5"),), HOUR),
        ((("retry-after", formatdate(NOW + 7200, usegmt=True)),), 7200),
        (
            (("date", formatdate(NOW - DAY, usegmt=True)), ("retry-after", formatdate(NOW - DAY + 9000, usegmt=True))),
            9000,
        ),
        ((("retry-after", "99999999999"),), 31 * DAY),
        ((("retry-after", "x"),), HOUR),
    ],
)
def test_point_4_retry_after_is_honoured(status: int, headers, seconds: int) -> None:
    """Seconds, or a date against the answer's own Date; never less than an hour, never more than 31 days."""
    state = asked(status, headers)
    assert seconds <= wait(state) < max(seconds, 4 * HOUR) + HOUR


def test_point_4_a_429_cools_the_whole_registrable_domain_and_a_503_only_the_source() -> None:
    """Also a second time in a row, for twice as long; what answers again is forgotten."""
    answer = Answer(url="https://a.blogs.example.co.uk/feed", at=NOW, status=429)
    cooling = answers.cooled(None, answer)
    assert (cooling.domain, cooling.until) == ("example.co.uk", NOW + 4 * HOUR)
    assert answers.cooled(cooling, answer).until == NOW + 8 * HOUR
    assert answers.cooled(answers.warmed(cooling), answer).until == NOW + 4 * HOUR
    retry = msgspec.structs.replace(answer, headers=(("retry-after", "60000"),))
    assert answers.cooled(None, retry).until == NOW + 60_000
    assert answers.cooled(None, msgspec.structs.replace(retry, status=503)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("x-ratelimit-reset", "600"),), 600),
        ((("x-ratelimit-reset", "600"), ("x-ratelimit-remaining", "0.0")), 600),
        ((("x-ratelimit-reset", "600"), ("x-ratelimit-remaining", "12")), None),
        ((("x-ratelimit-reset", str(NOW + 900)),), 900),
        ((("x-ratelimit-reset", str(NOW - 900)),), None),
        ((("x-ratelimit-reset", "soon"),), None),
        ((("x-ratelimit-reset", "nan"),), None),
        ((("x-ratelimit-reset", "inf"),), None),
    ],
)
def test_point_5_x_ratelimit_reset_is_heard(headers, seconds: int | None) -> None:
    """Seconds, or an epoch where it is above 10^9; if requests remain, nothing follows."""
    cooling = answers.cooled(None, Answer(url=URL, at=NOW, status=200, headers=headers))
    assert (cooling.until - NOW if cooling else None) == seconds


def test_point_21_a_source_that_fails_for_30_days_is_dead_and_asked_once_a_week() -> None:
    """It is never dropped in silence, and alive again with the first success."""
    state, at = asked(500), NOW
    while not timing.is_dead(state, at):
        at = state.next_at
        state = asked(500, at=at, state=state)
    assert 30 * DAY <= at - NOW <= 31 * DAY
    assert 7 * DAY <= wait(state) < 7 * DAY + HOUR
    assert "once a week" in state.why
    assert not timing.is_dead(asked(304, at=state.next_at, state=state), state.next_at)


def test_point_1_a_poll_that_was_cut_short_counts_as_one() -> None:
    """What is stored before the first byte is sent has the next poll an interval away already, hints included."""
    state = asked(200, [("cache-control", "max-age=36000")], of=source(every=HOUR))
    begun = answers.begun(state, source(every=HOUR), state.next_at)
    assert begun.outcome == "begun"
    assert wait(begun) >= 36_000
    assert wait(answers.begun(SourceState(url=URL), source(), NOW)) >= HOUR
