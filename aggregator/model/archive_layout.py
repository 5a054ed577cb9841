"""The archive of a feed (RFC 5005 §4): which pages a month is cut into, and the names of their folders. Pure.

The pages of a feed's archive are folders in `<slug>/archive/`, each with `rss.xml`, `atom.xml` and `feed.json` for
readers and `index.html` for people. A page holds the items first published in a span of a month (UTC). Most months are
one page, `2026-10`. A span with more than `CROWD` items is cut into halves: of days (16, 8, 4, 2, 1), then of hours
(12, 6, 3, 1), then of a hash of the id.

So the page of an item depends on its date, its id and the number of items in its span, never on the items before or
after it. A new item grows one page or cuts one in two; no other page changes. A page for "each thousand items" would
not have that: while somebody reads, items would move from page to page and be missed.

The last page of a month is named after the month, `2026-10`. The pages before it carry the end of their span:
`2026-10-16` (to the end of that day), `2026-10-16T11` (to the end of that hour), `2026-10-16T11-7f` (to that slot of
the hash). If a page is cut, its newer half keeps the name, and the older half, under a new name, follows in the chain:
a reader who had the link of the page before still meets every item. If pages are merged, the newest keeps its name, and
`replacement_of` finds the page that holds the items of the others.

Pages of a month that is over change only if one of their own items does (an edit, a withdrawal, a late arrival), or
once when the next month appears. So they may be cached for long, but not for ever.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from aggregator.model.slugs import SLUG

ARCHIVE = "archive"
CROWD = 100
"""The most items that a page holds before it is cut."""

SLOTS = 256
HOUR, DAY = 3600, 86_400
_WIDTHS = (*(hours * SLOTS for hours in (768, 384, 192, 96, 48, 24, 12, 6, 3, 1)), 128, 64, 32, 16, 8, 4, 2, 1)
END = _WIDTHS[0] - 1
"""The last cell of a month, where its last page ends. Months have 32 days here, so that they can be halved."""

_EPOCH = date(1970, 1, 1).toordinal()
_FOLDER = r"([0-9]{4})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(?:T([0-2][0-9])(?:-([0-9a-f]{2}))?)?)?"
_NAME = re.compile(rf"([^/]+)/{ARCHIVE}/({_FOLDER})/(?:rss\.xml|atom\.xml|feed\.json|index\.html)(?:\.gz|\.br)?")


class ArchivePage(NamedTuple):
    """A page by name: the feed's slug and the page's folder, which begins with the month."""

    slug: str
    folder: str

    @property
    def month(self) -> str:
        """The month, such as `2026-10`."""
        return self.folder[:7]


def page_of(name: str) -> ArchivePage | None:
    """Return the page to which the document `name` (`all/archive/2026-10/rss.xml`, also `….gz`) belongs, or None."""
    found = _NAME.fullmatch(name)
    return ArchivePage(found[1], found[2]) if found and SLUG.fullmatch(found[1]) else None


def replacement_of(gone: ArchivePage, folders: Iterable[str]) -> str:
    """Return which of `folders`, the archive's pages now, holds the items of the page `gone`, or "".

    That is the page of the same month whose span contains the end of the span of `gone`: pages that are no longer
    crowded were merged. If no page of the month is left, it is the next older page, which is where its reader goes on.
    """
    end = position_of(gone.folder)
    if end is None:
        return ""
    others = {other: folder for folder in folders if (other := position_of(folder)) is not None and other != end}
    later = min((other for other in others if other[0] == end[0] and other > end), default=None)
    found = later or max((other for other in others if other < end), default=None)
    return others[found] if found else ""


# -- months are counted from January of year 0; a cell is an hour of the month and a slot of the hash of the id


def month_of(moment: int) -> int:
    """Return the month of a time (seconds since 1970, UTC)."""
    return _month_of_day(moment // DAY)


@lru_cache(maxsize=8192)
def _month_of_day(day: int) -> int:
    found = date.fromordinal(day + _EPOCH)
    return found.year * 12 + found.month - 1


@lru_cache(maxsize=1024)
def month_bounds(month: int) -> tuple[int, int]:
    """Return the first and the last second of a month, in seconds since 1970."""
    year, number = divmod(month, 12)
    starts = (date(year, number + 1, 1).toordinal() - _EPOCH) * DAY
    return starts, starts + monthrange(year, number + 1)[1] * DAY - 1


def cell_of(moment: int, hash_of_id: int) -> int:
    """Return the cell of an item in its month."""
    return (moment - month_bounds(month_of(moment))[0]) // HOUR * SLOTS + hash_of_id % SLOTS


def days_of(first: int, last: int) -> range:
    """Return the days of the month (from 1) that the cells from `first` to `last` touch."""
    return range(first // (24 * SLOTS) + 1, last // (24 * SLOTS) + 2)


def folder_of(month: int, last: int = END) -> str:
    """Return the folder of the page of a month that ends with the cell `last`."""
    year, number = divmod(month, 12)
    name = f"{year:04}-{number + 1:02}"
    if last == END:
        return name
    hours, slot = divmod(last, SLOTS)
    day, hour = divmod(hours, 24)
    name += f"-{day + 1:02}"
    if (hour, slot) == (23, SLOTS - 1):
        return name
    return f"{name}T{hour:02}" if slot == SLOTS - 1 else f"{name}T{hour:02}-{slot:02x}"


def folder_with(moment: int, cuts: Iterable[tuple[int, int]]) -> str:
    """Return the folder of the page that holds an item published at `moment` (seconds since 1970).

    `cuts` are month and last cell of the pages with which no month ends. Of an hour that several pages share it is the
    last one: only the hash of the item's id tells more.
    """
    month = month_of(moment)
    end = cell_of(moment, SLOTS - 1)
    return folder_of(month, min((last for other, last in cuts if other == month and last >= end), default=END))


def position_of(folder: str) -> tuple[int, int] | None:
    """Return the month and the last cell of the page `folder`, or None if that is not the name of a page."""
    found = re.fullmatch(_FOLDER, folder)
    if found is None:
        return None
    year, number, day, hour, slot = found.groups()
    month = int(year) * 12 + int(number) - 1
    last = END
    if day:
        hours = (int(day) - 1) * 24 + int(hour or 23)
        last = hours * SLOTS + int(slot or "ff", 16)
    return (month, last) if folder_of(month, last) == folder else None


def is_crowded(count: int) -> bool:
    """Return whether `count` items are too many for one page."""
    return count > CROWD


def page_ends(cells: Mapping[int, int]) -> list[int]:
    """Return the last cell of each page of a month, in order; `cells` maps cells to their numbers of items.

    A page begins where the one before it ends, the first with the month; the last ends with the month.
    """
    lasts = list(_cut(sorted(cells.items()), 0, 0))
    return [*lasts[:-1], END] if lasts else []


def _cut(cells: Sequence[tuple[int, int]], first: int, depth: int) -> Iterator[int]:
    if not cells:
        return
    if depth == len(_WIDTHS) - 1 or not is_crowded(sum(count for _, count in cells)):
        yield first + _WIDTHS[depth] - 1
        return
    width = _WIDTHS[depth + 1]
    for start in range(first, first + _WIDTHS[depth], width):
        yield from _cut([cell for cell in cells if start <= cell[0] < start + width], start, depth + 1)
