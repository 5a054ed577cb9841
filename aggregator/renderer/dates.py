"""Format aware datetimes as feeds and pages write them: in UTC, whatever the locale. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The `updated` of a feed that has never held an item."""


def rfc3339(moment: datetime) -> str:
    """Return `moment` for Atom, JSON Feed and HTML: `2026-10-03T08:30:00Z`, with microseconds if it has any."""
    text = moment.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def rfc822(moment: datetime) -> str:
    """Return `moment` for RSS and OPML: `Sat, 03 Oct 2026 08:30:00 +0000`."""
    utc = moment.astimezone(UTC)
    day = f"{DAYS[utc.weekday()]}, {utc.day:02} {MONTHS[utc.month - 1][:3]} {utc.year:04}"
    return f"{day} {utc.hour:02}:{utc.minute:02}:{utc.second:02} +0000"


def short_date(moment: datetime) -> str:
    """Return the day of `moment` for people, in few characters: `3 Oct 2026`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {MONTHS[utc.month - 1][:3]} {utc.year}"


def html_datetime(moment: datetime) -> str:
    """Return `moment` as text that a `<time>` needs no `datetime` beside: `2026-10-03 08:30Z` (HTML §2.3.5.7)."""
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="minutes").removesuffix("+00:00") + "Z"


def in_words(moment: datetime) -> str:
    """Return `moment` for people: `3 October 2026, 08:30 UTC`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


def from_seconds(seconds: float) -> datetime:
    """Return the moment `seconds` since 1970 (UTC), without fractions of a second."""
    return EPOCH + timedelta(seconds=int(seconds))


def duration(seconds: float) -> str:
    """Return a duration for people: `3 days`, `12 min`."""
    for size, one, many in ((86_400, " day", " days"), (3_600, " h", " h"), (60, " min", " min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,}{one if count == 1 else many}"
    return f"{max(0, int(seconds))} s"


def unique_moments(changes: Sequence[tuple[datetime, str]]) -> list[datetime]:
    """Return a moment for each change (when, and the id of its item), none twice, within the same second.

    The fraction of the second is made of the id, so that no other item moves it. If two still are the same, which
    happens once in a million, the later one of the list keeps its own.
    """
    used: set[datetime] = set()
    unique = []
    for moment, own_id in reversed(changes):
        candidate = with_fraction(moment, own_id.encode())
        while candidate in used:
            candidate = with_fraction(moment, str(candidate.microsecond).encode())
        used.add(candidate)
        unique.append(candidate)
    return unique[::-1]


def with_fraction(moment: datetime, of: bytes) -> datetime:
    """Return `moment` with a fraction of its second that is made of some bytes, in microseconds, never 0."""
    number = int.from_bytes(hashlib.blake2b(of, digest_size=8).digest(), "big")
    return moment.replace(microsecond=1 + number % 999_999)
