"""Dates as other programs' users write them: any text in, a date that `text.moment` reads out. Pure.

A date whose day and month could be exchanged (`05/01/2024`) is not read: nothing is guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_USUAL = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_NAIVE_TIME = re.compile(r"\d{4}-\d\d?-\d\d?[T ]+\d\d?:\d\d(?::\d\d(?:\.\d*)?)?", re.ASCII)
_OFFSET = re.compile(r":\d\d(?:\.\d+)?[ ]*(?:[Zz]|[-+]\d\d?(?::?\d\d)?)$", re.ASCII)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
            "sep sept september", "oct october", "nov november", "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?[ ]+)?"
_REST = r"(?:(?:,|[ ]+at)?[ T]+(?P<time>\S.*))?"
_MONTH_FIRST = re.compile(
    rf"{_WEEKDAY}(?P<month>[a-z]{{3,9}})\.?[ ]+(?P<day>\d\d?)(?:st|nd|rd|th)?,?[ ]+(?P<year>\d{{4}}){_REST}",
    re.ASCII | re.IGNORECASE,
)
_DAY_FIRST = re.compile(
    rf"{_WEEKDAY}(?P<day>\d\d?)(?:st|nd|rd|th|\.)?[ -]+(?P<month>[a-z]{{3,9}})\.?,?[ -]+(?P<year>\d{{4}}){_REST}",
    re.ASCII | re.IGNORECASE,
)
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})([-/.])(?P<month>\d\d?)\2(?P<day>\d\d?){_REST}", re.ASCII)
_SHORT_TIME = re.compile(
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:\.\d+)?[ ]*(?P<half>[ap]\.?m\.?)?[ ]*"
    r"(?P<zone>[a-z]{1,4}|(?:utc|gmt)?[ ]*[+-]\d\d?(?::?\d\d)?)?(?:[ ]*\([^()]*\))?",
    re.ASCII | re.IGNORECASE,
)  # fmt: skip
_OFFSETS = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "cet": 1, "cest": 2, "bst": 1, "jst": 9,
}  # fmt: skip
"""RFC 2822 §4.3, and a few of which there is only one; any other name is not read."""

_PERIOD = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])|(?P<month_of_day>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01]))?",
    re.ASCII,
)
_IN_NAME = re.compile(r"(\d{4})[-_](\d\d?)[-_](\d\d?)(?:[-_@. ]+|$)", re.ASCII)
_IN_FOLDERS = re.compile(r"(?:^|/)(\d{4})[/-](\d\d?)[/-](\d\d?)(?=[-_@. /]|$)", re.ASCII)


class PathDate(NamedTuple):
    """A date in a path as `YYYY-MM-DD`, "" if there is none; and the file's name (or the bundle's) without it."""

    day: str
    rest: str


def readable(written: str, *, times_in: str = "") -> str:
    """Return a date as `text.moment` reads it, or as it was written if that is none.

    `times_in` is "UTC" if a time without an offset is in UTC, although a date alone is not.
    """
    if _USUAL.fullmatch(written):
        return f"{written}Z" if times_in and len(written) > 10 and _NAIVE_TIME.fullmatch(written) else written
    text = " ".join(written.split())
    found = _YEAR_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    if found is None:
        return _of_number(text) or written
    month = found["month"] if found["month"].isdigit() else _MONTHS.get(found["month"].lower(), "")
    time = _time(found["time"] or "")
    if not month or time is None:
        return written
    made = f"{found['year']}-{int(month):02}-{int(found['day']):02}{time}"
    return f"{made}Z" if times_in and _NAIVE_TIME.fullmatch(made) else made


def _time(written: str) -> str | None:
    """Return ` HH:MM:SS` with an offset, "" if nothing was written, None if it is no time."""
    if not written:
        return ""
    found = _SHORT_TIME.fullmatch(written)
    if found is None:
        return None
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"][0] in "pP" else 0)
    zone = _zone((found["zone"] or "").strip().lower())
    return None if zone is None else f" {hour:02}:{found['minute']}:{found['second'] or '00'}{zone}"


def _zone(word: str) -> str | None:
    if word in _OFFSETS:
        return f"{_OFFSETS[word]:+03}:00"
    sign = re.search("[+-]", word)
    return word[sign.start() :] if sign else (None if word else "")


def _of_number(text: str) -> str:
    """Return the date of seconds or milliseconds since 1970, "" if it is not one of these."""
    if not (text.isascii() and text.isdigit() and len(text) in {10, 13}):
        return ""
    return of_seconds(int(text[:10]))


def day_of_period(written: str, *, is_over: bool) -> str:
    """Return the day `20240501`, or the day on which `2024` or `2024-05` begins, or else is over; or the text."""
    found = _PERIOD.fullmatch(written)
    if found is None:
        return written
    year, month = int(found["year"]), int(found["month"] or found["month_of_day"] or 0)
    if found["day"]:
        return f"{year:04}-{month:02}-{found['day']}"
    if is_over:
        year, month = (year, month + 1) if 0 < month < 12 else (year + 1, 1)
    return f"{year:04}-{month or 1:02}-01"


def of_seconds(seconds: int) -> str:
    """Return a moment in seconds since 1970 as a date in UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


def meant_by(written: str) -> tuple[str, ...]:
    """Return the dates that a text may mean, as our own seeds have them: none, one, or two of `05/01/2024`."""
    text = " ".join(written.split())
    if (found := _TWO_WAYS.match(text)) and found[1] != found[2]:
        one, other = int(found[1]), int(found[2])
        return f"{found[3]}-{other:02}-{one:02}", f"{found[3]}-{one:02}-{other:02}"
    made = day_of_period(readable(text), is_over=False)
    return (
        (made.replace(" ", "T", 1),) if made != text and re.match(r"\d{4}-\d\d-\d\d(?:[T ]|$)", made, re.ASCII) else ()
    )


_TWO_WAYS = re.compile(r"(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.](\d{4})(?!\d)", re.ASCII)


def is_day(text: str) -> bool:
    """Return whether `text` looks like a date, with or without a time."""
    return readable(text)[:4].isdigit() and re.match(r"\d{4}-\d\d?-\d\d?(?!\d)", readable(text), re.ASCII) is not None


def has_offset(text: str) -> bool:
    """Return whether a date says its offset from UTC."""
    return _OFFSET.search(text) is not None


def in_path(stem: str) -> PathDate:
    """Return the date in a path without its ending: `2024-05-01-a`, `2024-5-1@a`, `2024/05/01/a`, `2024/05/01-a`."""
    name = stem.rpartition("/")[2]
    found = _IN_NAME.match(name)
    if found is not None:
        return PathDate(_day(found), name[found.end() :] or name)
    found = _IN_FOLDERS.search(stem)
    if found is None:
        return PathDate("", name)
    left = stem[found.end() :].lstrip("-_@. /")
    return PathDate(_day(found), left.rpartition("/")[2] or name)


def _day(found: re.Match[str]) -> str:
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
