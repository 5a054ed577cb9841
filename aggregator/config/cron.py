"""Cron lines checked and made plain: a line of five fields in, the same or a reason out; no clock, no world.

The fields are those of crontab(5): minute, hour, day of month, month, day of week, each `*`, numbers, names, ranges
and steps in a list. A number for the day of week counts from Sunday (0 and 7) in crontab(5) but from Monday in
APScheduler, so days of the week leave here as names, which every reader takes for the same day. And where neither of
the fields for days begins with `*`, crontab(5) takes a day that fits either, APScheduler one that fits both, so such a
line leaves here as two.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["cron_line"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(
    r"(?:(?P<all>\*)|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?"
)


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()

    def number(self, word: str) -> int:
        value = self.words.index(word) + self.first if word in self.words else int(word) if word.isdigit() else -1
        if not self.first <= value <= self.last:
            raise ValueError(f"`{word}` is no {self.name}", self._range())
        return value

    def _range(self) -> str:
        names = f" or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return f"write {self.first} to {self.last}{names}"

    def values(self, text: str) -> set[int]:
        """Give the numbers that a field's text stands for."""
        return {value for part in text.split(",") for value in self._part(part)}

    def _part(self, text: str) -> range:
        found = _PART.fullmatch(text)
        if found is None:
            raise ValueError(
                f"`{text}` is no {self.name} of a cron line", "write `*`, `5`, `1-5`, `*/10` or a list of them"
            )
        first = self.first if found["all"] else self.number(found["first"])
        # crontab(5) lets a step follow a range or `*`; a step behind one number runs to the end.
        # `sat-sun` is the week-end: at the end of a range Sunday is 7.
        last = self.number(found["last"].replace("sun", "7")) if found["last"] else first
        if found["all"] or (found["step"] and not found["last"]):
            last = self.last
        step = int(found["step"] or 1)
        if last < first:
            raise ValueError(f"`{text}` runs backwards", "write the smaller number first")
        if found["step"] and not 0 < step <= last - first:
            raise ValueError(f"the step of `{text}` does not fit its range", f"write 1 to {max(last - first, 1)}")
        return range(first, last + 1, step)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS),
)


def cron_line(text: str) -> str:
    """Give the cron line `text` in lower case, single-spaced, its days of the week as names; or raise ValueError.

    Two lines, with a line break between them, are to come whenever either does.
    """
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        message = f"a cron line has five fields, and this has {len(fields)}"
        raise ValueError(message, "minute hour day month weekday, such as `0 * * * *`")
    values = [field.values(part) for field, part in zip(_FIELDS, fields, strict=True)]
    times, days, month, weekdays = fields[:2], fields[2], _months(fields[3], values[3]), _weekdays(fields[4], values[4])
    comes = min(values[2]) <= max(_MONTH_LENGTHS[month - 1] for month in values[3])
    if days.startswith("*") or fields[4].startswith("*"):
        if not comes:
            message = f"no such month has a day {min(values[2])}, so it would never come"
            raise ValueError(message, "write an earlier day")
        return " ".join([*times, days, month, weekdays])
    either = [[*times, days, month, "*"]] if comes else []
    return "\n".join(" ".join(line) for line in [*either, [*times, "*", month, weekdays]])


def _months(text: str, numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers))) if re.search("[a-z]", text) else text


def _weekdays(text: str, numbers: set[int]) -> str:
    if text == "*":
        return text
    return ",".join(_DAYS[number] for number in sorted({number % 7 for number in numbers}))
