"""Dates of upstream documents, in whatever notation, as seconds since 1970. Pure."""

from __future__ import annotations

import email.utils
import re
from calendar import timegm
from datetime import UTC, datetime

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?)?"
)
_LONGEST = 100
_LAST = 253_402_300_799  # the end of the year 9999
_LONGEST_OFFSET = 24 * 3600


def moment(written: str, *, is_quick: bool = False) -> int | None:
    """Return a date in seconds since 1970, or None if it cannot be read; quickly if only usual notations are tried.

    Read are RFC 3339 and what W3C-DTF has beside it, RFC 822 with what people make of it, and what feedparser knows
    besides. A date without an offset is one in UTC.
    """
    text = written.strip()
    if not text or len(text) > _LONGEST:
        return None
    found = _ISO.fullmatch(text)
    seconds = _from_iso(found) if found else _from_mail(text)
    if seconds is None and not found and not is_quick:
        seconds = _from_others(text)
    return seconds if seconds is not None and 0 <= seconds <= _LAST else None


def _from_iso(found: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second, _, sign, offset_hour, offset_minute = found.groups()
    try:
        # RFC 3339 §5.7: a leap second is :60, and midnight may be 24:00 in ISO 8601.
        at = datetime(int(year), int(month), int(day), int(hour or 0) % 24, int(minute or 0), tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(offset_hour or 0) * 60 + int(offset_minute or 0)) * 60
    next_day = 86_400 if hour == "24" else 0
    return timegm(at.utctimetuple()) + min(int(second or 0), 59) + next_day - (-offset if sign == "-" else offset)


def _from_mail(text: str) -> int | None:
    try:
        parts = email.utils.parsedate_tz(text)
        if parts is None:
            return None
        year, month, day, hour, minute, second = parts[:6]
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    offset = parts[9] or 0
    return timegm(at.utctimetuple()) - (offset if abs(offset) <= _LONGEST_OFFSET else 0)


def _from_others(text: str) -> int | None:
    """Return a date in one of the notations that feedparser knows, such as a day of the year, or of Korea or Greece."""
    from feedparser.datetimes import _parse_date  # noqa: PLC0415 - it takes 100 ms, and few dates need it

    # A date without a year would be completed by the clock.
    if not re.search(r"\d{4}", text):
        return None
    try:
        parts = _parse_date(text)
        return None if parts is None else timegm(parts)
    except Exception:  # noqa: BLE001 - whatever a foreign parser raises at hostile text, this is no date
        return None
