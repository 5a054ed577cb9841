"""When a source is asked next. Pure: everything comes from what is stored of it.

The next poll is the later of the interval (what `every` says, or a quarter of the usual gap between two items) and of
what the server asked for (`Cache-Control`, `Expires`, `ttl`, `sy:updatePeriod`, `Retry-After`, `skipHours`,
`skipDays`), then moved on, by less than an hour, to the minute and second at which this source is asked in every hour.
These come from a hash of its address, so that many sources spread over the hour without chance.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from math import ceil, isfinite
from statistics import median

import msgspec

from aggregator.collector.domains import domain_of
from aggregator.collector.state import SourceState
from aggregator.model.sources import Source
from aggregator.model.words import in_words, quantity

HOUR = 3_600
DAY = 86_400
LEAST = 15 * 60
"""The least interval, for a source whose `every` and whose server both allow less than an hour."""

LONGEST_HINT = 31 * DAY
FAILURE, LONGEST_FAILURE = HOUR, DAY
REFUSAL, LONGEST_REFUSAL = 4 * HOUR, 7 * DAY
DEAD_AFTER = 30 * DAY
DEAD_EVERY = 7 * DAY
LONGEST_POLL = 30
"""Seconds in which a request is sent after a poll began: one that was cut short may have been asked so late."""

LATE = 600
"""Seconds. A poll that is later than that waits for its place in the hour, so that a restart causes no burst."""

Headers = tuple[tuple[str, str], ...]
"""Names, in lower case, and values of an answer's header fields."""

_MAX_AGE = re.compile(r"""(?:^|[,\s])max-age\s*=\s*"?(\d{1,12})""", re.IGNORECASE)
_RATE_EPOCH = 10**9


def field(headers: Headers, name: str) -> str:
    """Return the values of a header field, joined by commas, "" if it is missing."""
    return ", ".join(value for key, value in headers if key == name)


def http_date(text: str) -> int | None:
    """Return an HTTP date (RFC 9110 §5.6.7) as seconds since 1970, None if it is none."""
    try:
        date = parsedate_to_datetime(text.strip())
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def iso_date(text: str) -> int | None:
    """Return an RFC 3339 date, or a day, as seconds since 1970, None if it is none."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())


def max_age_of(headers: Headers) -> int | None:
    """Return `Cache-Control: max-age` less `Age` in seconds, at least 0; None if there is none."""
    ages = _MAX_AGE.findall(field(headers, "cache-control"))
    if not ages:
        return None
    age = field(headers, "age").strip()
    return max(0, max(map(int, ages)) - (int(age) if age.isascii() and age.isdigit() and len(age) < 12 else 0))


def expires_in(headers: Headers, now: int) -> int:
    """Return how many seconds `Expires` lies after the answer's own `Date`, 0 if it does not."""
    expires = http_date(field(headers, "expires"))
    return 0 if expires is None else max(0, expires - (http_date(field(headers, "date")) or now))


def retry_after(headers: Headers, now: int) -> int | None:
    """Return the seconds of `Retry-After`, a date counted from the answer's own `Date`; None if there are none."""
    text = field(headers, "retry-after").strip()
    if text.isascii() and text.isdigit():
        return min(LONGEST_HINT, int(text[:12]))
    date = http_date(text) if text else None
    if date is None:
        return None
    return min(LONGEST_HINT, max(0, date - (http_date(field(headers, "date")) or now)))


def rate_limit(headers: Headers, now: int) -> int:
    """Return for how many seconds `x-ratelimit-reset` asks to wait: 0 if requests remain, or if it is missing."""
    try:
        reset = float(field(headers, "x-ratelimit-reset") or 0)
        remaining = float(field(headers, "x-ratelimit-remaining") or 0)
    except ValueError:
        return 0
    if remaining >= 1 or not isfinite(reset):
        return 0
    seconds = ceil(reset) - (now if reset > _RATE_EPOCH else 0)
    return max(0, min(LONGEST_HINT, seconds))


def with_hints(state: SourceState, headers: Headers, now: int) -> SourceState:
    """Return the state with what an answer's header says about the next poll, whatever its status is."""
    max_age = max_age_of(headers)
    # RFC 9111 §5.3 lets max-age win over Expires; for a client that may come later, the later of both is polite.
    hints = [
        (max_age or 0, "the server's Cache-Control: max-age"),
        (expires_in(headers, now), "the server's Expires"),
        (rate_limit(headers, now), "the server's x-ratelimit-reset"),
        (retry_after(headers, now) or 0, "the server's Retry-After"),
    ]
    seconds, why = max(hints, key=lambda hint: hint[0])
    seconds = min(LONGEST_HINT, seconds)
    return msgspec.structs.replace(
        state, max_age=max_age, hint=seconds, hint_until=now + seconds, hint_why=why if seconds else ""
    )


def usual_gap(dates: Iterable[int]) -> int | None:
    """Return the median of the seconds between the 10 newest of some dates, None if there are fewer than two."""
    newest = sorted(dates, reverse=True)[:10]
    gaps = [later - earlier for later, earlier in pairwise(newest)]
    return int(median(gaps)) if gaps else None


def interval_of(state: SourceState, source: Source) -> tuple[int, str]:
    """Return the seconds between two polls of a source that answers, and why so many."""
    if state.pushed_until > state.asked_at:
        seconds, why = DAY, "its hub pushes what is new; once a day all the same"
    elif source.every is not None:
        seconds, why = source.every, f"`every: {_short(source.every)}`"
    elif state.gap is None:
        seconds, why = DAY, "too few items to know how often it publishes"
    else:
        seconds = min(DAY, max(HOUR, state.gap // 4))
        why = "a quarter of the usual time between its items"
    if not source.conditional and seconds < DAY:
        return DAY, "`conditional: false`: once in 24 hours"
    if seconds >= HOUR:
        return seconds, why
    if state.max_age is None:
        least = "60 minutes are the least for a server that sends no Cache-Control: max-age"
        return HOUR, f"{why}, but {least}; then at its own minute of the hour"
    return max(LEAST, seconds), why if seconds >= LEAST else f"{why}, but 15 minutes are the least"


def back_off(first: int, times: int, longest: int) -> int:
    """Return how many seconds to wait after the n-th failure in a row: `first`, doubled each time, to `longest`."""
    return int(min(longest, first * 2 ** min(max(0, times - 1), 30)))


def is_dead(state: SourceState, now: int) -> bool:
    """Return whether a source failed for 30 days without a success."""
    return bool(state.failing_since) and now - state.failing_since >= DEAD_AFTER


def planned(state: SourceState, source: Source) -> SourceState:
    """Return the state with the moment of the next poll, and why then, from everything else in it."""
    state = msgspec.structs.replace(state, planned_for=listed_at(source), planned_by=_settings(source))
    if state.outcome == "gone":
        return msgspec.structs.replace(state, next_at=0, why="410: it is gone, and not asked again")
    interval, _ = interval_of(state, source)
    due, why = max(_waits(state, source), key=lambda wait: wait[0])
    grid = min(HOUR, interval)
    moment = in_grid(due, state.url, grid, _tolerance(state, grid))
    allowed = _past_skipped(moment, state.skip_hours, state.skip_days)
    if allowed != moment:
        why = "the feed's skipHours or skipDays"
    return msgspec.structs.replace(state, next_at=allowed, why=why)


def listed_at(source: Source) -> str:
    """Return the address at which the list has a source now."""
    return source.address or source.url


def as_listed(state: SourceState, source: Source) -> SourceState:
    """Return the state that follows from how the source is listed now; the same object if that changes nothing.

    Another address is asked from now on, at once if the one before failed; another interval holds at once; and a source
    that has become `private` is asked at once if nothing but that kept us from asking it.
    """
    before, state = state.address or state.planned_for, _moved(state, source)
    if before not in {"", listed_at(source)} and not state.address and state.outcome in {"failed", "refused", "gone"}:
        return _corrected(state, source, before)
    if state.barred and source.private:
        return _unbarred(state, source)
    is_other = state.planned_by not in {"", _settings(source)}
    return planned(state, source) if is_other and state.outcome else state


def _moved(state: SourceState, source: Source) -> SourceState:
    """Return the state of a source that a person may have listed at another address."""
    listed = listed_at(source)
    if not state.address or state.planned_for in {"", listed}:
        return state
    if state.address == listed:
        return msgspec.structs.replace(state, planned_for=listed)
    return msgspec.structs.replace(state, address="", adopted="", trial="", redirect=None, is_discovered=False)


def _unbarred(state: SourceState, source: Source) -> SourceState:
    """Return the state without a refusal of ours, which is no failure of the server."""
    is_unasked = state.barred == (state.address or listed_at(source))
    state = _unfailed(state, "it has become `private`: asked at once")
    # One that led there by a redirect was asked, and is not asked again before its time.
    return state if is_unasked else planned(state, source)


def _corrected(state: SourceState, source: Source, before: str) -> SourceState:
    """Return the state of a source that failed at the address `before`, and has another one now.

    What a server asked for holds at the other addresses of its domain too.
    """
    fresh = _unfailed(state, "its address has changed: asked at once")
    if domain_of(before) != domain_of(listed_at(source)):
        return fresh
    waits = [(0, fresh.why), (state.hint_until, state.hint_why), (state.retry_until, "the server's Retry-After")]
    next_at, why = max(waits, key=lambda wait: wait[0])
    return msgspec.structs.replace(fresh, next_at=next_at, why=why)


def _unfailed(state: SourceState, why: str) -> SourceState:
    return msgspec.structs.replace(
        state, barred="", outcome="", error="", no_feed="", no_feed_at="", trial="", failing_since=0, failures=0,
        refusals=0, next_at=0, why=why, planned_for="",
    )  # fmt: skip


def _settings(source: Source) -> str:
    return f"every: {source.every}, conditional: {source.conditional}"


def in_grid(moment: int, url: str, grid: int = HOUR, tolerance: int = 0) -> int:
    """Return the first moment from `moment` on at which this source has its place: every `grid` seconds.

    With a tolerance, so many seconds after a place are as good: a poll that begins a little late would otherwise put
    off the next one by the whole of `grid`.
    """
    late = (moment - _phase(url, grid)) % grid
    return moment if late <= tolerance else moment - late + grid


def due_at(state: SourceState, now: int) -> int:
    """Return when a source is asked by a process that runs at `now`: what is long overdue waits for its place."""
    if state.next_at == 0 or now - state.next_at <= LATE:
        return state.next_at
    return in_grid(now, state.url, HOUR, 60)


def rebased(state: SourceState, now: int) -> SourceState:
    """Return the state as it is if the clock was right; one that was asked in the future keeps its interval from now.

    The clock was set back then, and to wait for the old moment could take years.
    """
    if max(state.asked_at, state.answered_at) <= now:
        return state
    ahead = max(state.asked_at, state.answered_at) - now
    moved = {name: max(0, getattr(state, name) - ahead) for name in _CLOCKED if getattr(state, name)}
    return msgspec.structs.replace(state, **moved)


_CLOCKED = (
    "planned_at", "asked_at", "answered_at", "succeeded_at", "failing_since", "next_at", "hint_until", "retry_until",
    "pushed_until",
)  # fmt: skip


def _waits(state: SourceState, source: Source) -> Sequence[tuple[int, str]]:
    """Return the moments before which the source is not asked, and their reasons."""
    asked = state.asked_at + (LONGEST_POLL if state.outcome == "begun" else 0)
    interval, why = interval_of(state, source)
    if state.outcome in {"failed", "refused"}:
        waits = [_after_failure(state)]
        if not source.conditional:
            waits.append((asked + DAY, why))
    else:
        waits = [(asked + interval, why)]
        ttl = min(LONGEST_HINT, state.interval)
        waits.append((max(state.answered_at, asked) + ttl, "the feed's ttl or updatePeriod"))
    if state.outcome == "begun":
        # It may have been answered, and the answer lost with the process: what it said before still holds.
        waits.append((asked + state.hint, state.hint_why))
    waits.append((state.hint_until, state.hint_why))
    waits.append((state.retry_until, "the server's Retry-After"))
    return waits


def _after_failure(state: SourceState) -> tuple[int, str]:
    asked = state.asked_at
    if is_dead(state, asked):
        return asked + DEAD_EVERY, "no success for 30 days: asked once a week"
    if state.retry_until:
        return asked + HOUR, "60 minutes are the least"
    if state.outcome == "refused":
        seconds = back_off(REFUSAL, state.refusals, LONGEST_REFUSAL)
        return asked + seconds, f"{_after(state.refusals, 'refusal')}: {in_words(seconds)}"
    seconds = back_off(FAILURE, state.failures, LONGEST_FAILURE)
    return asked + seconds, f"{_after(state.failures, 'failure')}: {in_words(seconds)}"


def _tolerance(state: SourceState, grid: int) -> int:
    """Return the tolerance of a poll that was asked as planned, in its place; the first poll has no place."""
    if not state.planned_at or not 0 <= state.asked_at - state.planned_at <= LATE:
        return 0
    return min(LATE, grid // 6) if (state.planned_at - _phase(state.url, grid)) % grid <= grid // 6 else 0


def _phase(url: str, grid: int) -> int:
    return int.from_bytes(hashlib.sha256(url.encode()).digest()[:8], "big") % grid


def _past_skipped(moment: int, hours: frozenset[int], days: frozenset[int]) -> int:
    """Return the first moment, in steps of an hour, that lies in no skipped hour or day (UTC); all skipped is none."""
    for step in range(8 * 24):
        date = datetime.fromtimestamp(moment + step * HOUR, UTC)
        if date.hour not in hours and date.weekday() not in days:
            return moment + step * HOUR
    return moment


def _after(count: int, what: str) -> str:
    return f"after a {what}" if count <= 1 else f"after {quantity(count, what)} in a row"


def _short(seconds: int) -> str:
    for size, unit in ((DAY, "d"), (HOUR, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def domain_asked(state: SourceState, address: str = "") -> str:
    """Return the registrable domain of what is asked; `address` is where the list says that the source lies now."""
    return domain_of(state.address or address or state.url)
