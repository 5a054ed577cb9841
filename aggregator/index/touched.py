"""Which pages of archives a turn must look at: days of publication in, by feed, months and their days out; pure."""

from __future__ import annotations

from aggregator.model.archive_layout import DAY, bounds, month_of

_MANY_DAYS = 5_000


class Touched:
    """The days on which something was published that changed, came or went; months alone where they are many."""

    def __init__(self) -> None:
        self._days: set[tuple[int, int]] = set()
        self._months: set[tuple[int, int]] = set()

    def add(self, feed: int, day: int) -> None:
        """Note a day since 1970 of a feed."""
        self._days.add((feed, day))
        if len(self._days) > _MANY_DAYS:
            self._forget_days()

    def by_month(self) -> dict[tuple[int, int], set[int]]:
        """Give the days, from 1 on, by feed and month; {0} for any where only the months are known."""
        if self._months:
            self._forget_days()
            return {month: {0} for month in self._months}
        found: dict[tuple[int, int], set[int]] = {}
        for feed, day in self._days:
            month = month_of(day * DAY)
            found.setdefault((feed, month), set()).add(day - bounds(month)[0] // DAY + 1)
        return found

    def _forget_days(self) -> None:
        self._months.update((feed, month_of(day * DAY)) for feed, day in self._days)
        self._days.clear()
