"""Check and normalise cron lines: five fields in, the same or a reason out. Pure.

The fields are those of crontab(5): minute, hour, day of month, month, day of week, each `*` or a list of numbers,
names, ranges and steps. The result has the same meaning for APScheduler as the line has in crontab(5), which differ in
two ways. Numbers for days of the week count from Sunday (0 and 7) in crontab(5), from Monday in APScheduler, so they
become names. If neither day field begins with `*`, crontab(5) runs on days that match either, APScheduler on days that
match both, so the line becomes two.
"""

from __future__ import annotations

import re
from typing import NamedTuple

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
            raise ValueError(f"`{word}` is not a valid {self.name}", self._range())
        return value

    def _range(self) -> str:
        names = f" or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return f"write {self.first} to {self.last}{names}"

    def values(self, text: str) -> set[int]:
        """Return the numbers that the text of a field stands for."""
        return {value for part in text.split(",") for value in self._part(part)}

    def _part(self, text: str) -> range:
        found = _PART.fullmatch(text)
        if found is None:
            raise ValueError(
                f"`{text}` is not a valid {self.name} in a cron line", "write `*`, `5`, `1-5`, `*/10` or a list of them"
            )
        first = self.first if found["all"] else self.number(found["first"])
        # In crontab(5) a step follows a range or `*`; a step after one number runs to the end of the field.
        # `sat-sun` is the weekend: at the end of a range Sunday is 7.
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
    """Return the cron line `text` in lower case, with single spaces and the days of the week as names.

    If the result is two lines, separated by a line break, the schedule is whenever either of them runs.

    Raises:
        ValueError: if it is not a valid cron line, with a reason and a hint.

    """
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        message = f"a cron line has five fields, this one has {len(fields)}"
        raise ValueError(message, "minute hour day month weekday, such as `0 * * * *`")
    values = [field.values(part) for field, part in zip(_FIELDS, fields, strict=True)]
    times, days, month, weekdays = fields[:2], fields[2], _months(fields[3], values[3]), _weekdays(fields[4], values[4])
    occurs = min(values[2]) <= max(_MONTH_LENGTHS[month - 1] for month in values[3])
    if days.startswith("*") or fields[4].startswith("*"):
        if not occurs:
            message = f"no such month has a day {min(values[2])}, so it would never run"
            raise ValueError(message, "write an earlier day")
        return " ".join([*times, days, month, weekdays])
    either = [[*times, days, month, "*"]] if occurs else []
    return "\n".join(" ".join(line) for line in [*either, [*times, "*", month, weekdays]])


def _months(text: str, numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers))) if re.search("[a-z]", text) else text


def _weekdays(text: str, numbers: set[int]) -> str:
    if text == "*":
        return text
    return ",".join(_DAYS[number] for number in sorted({number % 7 for number in numbers}))
