"""Numbers, dates and ages in an expression, from text to bounds and back. Pure.

A date is a span: `2026` is a year, `2026-11-30T10:00` a minute. Dates are in UTC unless they name an offset.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from datetime import UTC, datetime, timedelta

Span = tuple[int, int]
"""The first and the last second of a date, or twice a number."""

UNITS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
LARGEST = 10**15
"""The largest number, and minus it the smallest."""

LONGEST_AGE = 10_000 * 366 * 86_400
"""The longest age, in seconds: ten thousand years."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_AGE = re.compile(r"([0-9]{1,12})([a-z]+)", re.IGNORECASE)
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DATE = (datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
"""The first second of all dates, in seconds since 1970."""

LAST_DATE = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) - 1
"""The last second of all dates. A bound may lie beside it, and is a date of the calendar still."""


def number(text: str) -> Span:
    """Return an integer as a span.

    Raises:
        ValueError: with a reason and a hint.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected a whole number, found `{text}`", "such as `70`")
    found = int(text)
    if abs(found) > LARGEST:
        raise ValueError(f"`{text}` is too large", f"write a number from -{LARGEST} to {LARGEST}")
    return found, found


def age(text: str) -> Span:
    """Return an age such as `7d` in seconds, as a span.

    Raises:
        ValueError: with a reason and a hint.
    """
    found = _AGE.fullmatch(text)
    units = dict(UNITS)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"expected an age, found `{text}`", "such as `30m`, `12h`, `7d` or `2w`")
    seconds = int(found[1]) * units[found[2].lower()]
    if seconds > LONGEST_AGE:
        raise ValueError(f"`{text}` is too long", "an age has at most ten thousand years")
    return seconds, seconds


def date(text: str) -> Span:
    """Return the first and last second of a date (RFC 3339, or its beginning), in seconds since 1970.

    Raises:
        ValueError: with a reason and a hint.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"expected a date, found `{text}`", "such as `2026`, `2026-11`, `2026-11-30` or `2026-11-30T10:00`"
        )
    year, month, day, hour, minute, second = (int(one) if one else None for one in found.groups()[:6])
    try:
        start = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
        first = _seconds(start) - _offset(found[7])
        days = (366 if isleap(start.year) else 365) if month is None else _days_of_month(start) if day is None else 1
        last = first + (days * 86_400 if hour is None else 60 if second is None else 1) - 1
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`{text}` is no date of the calendar", "look at its year, month and day") from error
    if first < FIRST_DATE or last > LAST_DATE:
        raise ValueError(f"`{text}` is too far away", "write a year from 1000 to 9998")
    return first, last


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _offset(written: str | None) -> int:
    if written is None or written in "Zz":
        return 0
    hours, minutes = int(written[1:3]), int(written[4:])
    if hours > 23 or minutes > 59:
        raise ValueError
    return (hours * 3_600 + minutes * 60) * (-1 if written[0] == "-" else 1)


def _days_of_month(start: datetime) -> int:
    return monthrange(start.year, start.month)[1]


def age_text(seconds: int) -> str:
    """Return an age as `age` reads it, in the largest unit that fits: `2w`."""
    unit, size = next(one for one in UNITS if seconds % one[1] == 0)
    return f"{seconds // size}{unit}" if seconds else "0s"


def date_text(seconds: int) -> str:
    """Return the shortest date that begins at this second and that `date` reads: `2026`, `2026-11`, `2026-11-30`."""
    moment = _EPOCH + timedelta(seconds=seconds)
    if seconds % 86_400:
        return second_text(seconds).removesuffix(":00") if seconds % 60 == 0 else second_text(seconds)
    month, day = f"-{moment.month:02}", f"-{moment.day:02}"
    if moment.day > 1:
        return f"{moment.year:04}{month}{day}"
    return f"{moment.year:04}{month if moment.month > 1 else ''}"


def last_date_text(seconds: int) -> str:
    """Return the shortest date that ends with this second: the other end of a range."""
    after = _EPOCH + timedelta(seconds=seconds + 1)
    if (seconds + 1) % 86_400 == 0:
        day = second_text(seconds)[:10]
        return day[:4] if (after.month, after.day) == (1, 1) else day[:7] if after.day == 1 else day
    return second_text(seconds - 59)[:-3] if (seconds + 1) % 60 == 0 else second_text(seconds)


def second_text(seconds: int) -> str:
    """Return the date of a single second."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}"
