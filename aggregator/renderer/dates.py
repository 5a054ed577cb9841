"""Moments as feeds write them: comes in an aware `datetime`, goes out text in UTC, whatever the locale; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The `updated` of a feed that has never held an item."""

TIE = timedelta(milliseconds=1)


def rfc3339(moment: datetime) -> str:
    """Write `moment` for Atom, JSON Feed and HTML: `2026-10-03T08:30:00Z`, with milliseconds only if there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


def rfc822(moment: datetime) -> str:
    """Write `moment` for RSS and OPML: `Sat, 03 Oct 2026 08:30:00 +0000`."""
    utc = moment.astimezone(UTC)
    day = f"{DAYS[utc.weekday()]}, {utc.day:02} {MONTHS[utc.month - 1][:3]} {utc.year:04}"
    return f"{day} {utc:%H:%M:%S} +0000"


def date(moment: datetime) -> str:
    """Write the day of `moment` where room is short: `3 Oct 2026`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {MONTHS[utc.month - 1][:3]} {utc.year}"


def iso(moment: datetime) -> str:
    """Write `moment` so that it is its own `datetime` in HTML: `2026-10-03 08:30Z` (HTML §2.3.5.7)."""
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="minutes").removesuffix("+00:00") + "Z"


def spoken(moment: datetime) -> str:
    """Write `moment` for people: `3 October 2026, 08:30 UTC`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


def of(seconds: float) -> datetime:
    """Give the moment `seconds` after 1970 began, to the second."""
    return EPOCH + timedelta(seconds=int(seconds))


def span(seconds: float) -> str:
    """Say how long something is: `3 days`, `12 min`."""
    for size, one, many in ((86_400, " day", " days"), (3_600, " h", " h"), (60, " min", " min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,}{one if count == 1 else many}"
    return f"{max(0, int(seconds))} s"


def distinct(moments: Sequence[datetime]) -> list[datetime]:
    """Give `moments` with 1 ms added per tie, counted from the last up, so that one put in front changes none."""
    taken: set[datetime] = set()
    free: dict[datetime, datetime] = {}
    stamps = []
    for moment in reversed(moments):
        stamp = free.get(moment, moment)
        while stamp in taken:
            stamp += TIE
        taken.add(stamp)
        free[moment] = stamp + TIE
        stamps.append(stamp)
    return stamps[::-1]
