"""The archive of a feed by name: months, the pages they are cut into, and which published names are such pages; pure.

A feed's archive (RFC 5005 §4) lies in `<slug>/archive/`, a folder a page, each with `rss.xml`, `atom.xml` and
`feed.json`. A page holds the items first published in a span of a month (UTC). Most months are one page, `2026-10`. One
with more than `CROWD` items is cut in halves of days (16, 8, 4, 2, 1), then of hours (12, 6, 3, 1), then by a hash of
the id, wherever it is still crowded. So where an item lies depends on its date, its id, and how crowded that place is,
never on what comes before or after it: a new item grows one page or cuts one in two, and moves no other page's items.
That is also the same for every history, which a cut "after each thousandth item" would not be for one that reads on
while items are added: they would slip past it from page to page.

The last page of a month is the one called `2026-10`; those before it carry the end of their span: `2026-10-16` (to the
end of that day), `2026-10-16T11` (to the end of that hour), `2026-10-16T11-7f` (and to that slot of the hash). So a
page that is cut keeps its name for its newer half, and the older half, under a new name, follows it down the chain: who
was led to the page before it was cut still meets every item. Of pages that became one the newest keeps its name;
`instead_of` says where what the others held is now.

What a server can know: `page_of` says of a name whether it is part of an archive, and `is_sealed` whether it belongs to
a finished month, from the names of the folders beside it. A sealed page changes only when one of its own items does (an
edit, a withdrawal, a late arrival), or once when the month after it appears; it may be kept long, not for ever.
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
"""How many items a page may hold before it is cut."""

SLOTS = 256
HOUR, DAY = 3600, 86_400
_WIDTHS = (*(hours * SLOTS for hours in (768, 384, 192, 96, 48, 24, 12, 6, 3, 1)), 128, 64, 32, 16, 8, 4, 2, 1)
END = _WIDTHS[0] - 1
"""The last cell of every month (of 32 days, so that days can be halved): where its last page ends."""

_EPOCH = date(1970, 1, 1).toordinal()
_FOLDER = r"([0-9]{4})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(?:T([0-2][0-9])(?:-([0-9a-f]{2}))?)?)?"
_NAME = re.compile(rf"([^/]+)/{ARCHIVE}/({_FOLDER})/(?:rss\.xml|atom\.xml|feed\.json)(?:\.gz|\.br)?")


class ArchivePage(NamedTuple):
    """What a name says of a page: the feed's slug, and its folder's name, whose first seven letters are the month."""

    slug: str
    folder: str

    @property
    def month(self) -> str:
        """Its month, such as `2026-10`."""
        return self.folder[:7]


def page_of(name: str) -> ArchivePage | None:
    """Give the page that the published file `name` (`all/archive/2026-10/rss.xml`, also `….gz`) is of, else None."""
    found = _NAME.fullmatch(name)
    return ArchivePage(found[1], found[2]) if found and SLUG.fullmatch(found[1]) else None


def instead_of(gone: ArchivePage, folders: Iterable[str]) -> str:
    """Give which of `folders`, those of its archive now, holds what the page `gone` held, "" if none does.

    That is the page of its month whose span takes in the end of its own: pages that are no longer crowded become one.
    Of a month that has none left it is the next older page, to which its reader wanted to get.
    """
    where = place_of(gone.folder)
    others = {place: folder for folder in folders if (place := place_of(folder)) is not None and place != where}
    if where is None:
        return ""
    later = min((place for place in others if place[0] == where[0] and place > where), default=None)
    found = later or max((place for place in others if place < where), default=None)
    return others[found] if found else ""


def is_sealed(page: ArchivePage, folders: Iterable[str]) -> bool:
    """Say whether the month of `page` is finished: one of `folders`, those in the same archive, is of a later month."""
    return any(folder[:7] > page.month for folder in folders if re.fullmatch(_FOLDER, folder))


# -- months, counted from January of year 0, and cells: an hour of the month and a slot of the hash of the id


def month_of(moment: int) -> int:
    """Give the month of a moment (seconds since 1970, UTC)."""
    return _month_of_day(moment // DAY)


@lru_cache(maxsize=8192)
def _month_of_day(day: int) -> int:
    found = date.fromordinal(day + _EPOCH)
    return found.year * 12 + found.month - 1


@lru_cache(maxsize=1024)
def bounds(month: int) -> tuple[int, int]:
    """Give the first and the last second of a month, in seconds since 1970."""
    year, number = divmod(month, 12)
    starts = (date(year, number + 1, 1).toordinal() - _EPOCH) * DAY
    return starts, starts + monthrange(year, number + 1)[1] * DAY - 1


def cell_of(moment: int, hash_of_id: int) -> int:
    """Give the cell of its month in which an item lies."""
    return (moment - bounds(month_of(moment))[0]) // HOUR * SLOTS + hash_of_id % SLOTS


def days_of(first: int, last: int) -> range:
    """Give the days of the month (from 1 on) that the cells from `first` to `last` touch."""
    return range(first // (24 * SLOTS) + 1, last // (24 * SLOTS) + 2)


def folder_of(month: int, last: int = END) -> str:
    """Name the page of a month that ends with the cell `last`."""
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


def place_of(folder: str) -> tuple[int, int] | None:
    """Give the month and the last cell of the page `folder`; None where that is no page's name."""
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
    """Say whether so many items are too many for one page."""
    return count > CROWD


def cut(cells: Mapping[int, int]) -> list[int]:
    """Give the last cell of each page of a month, in order, from how many items lie in which cell.

    Each page begins after the one before it, the first with the month, and the last ends with it: what lies between
    two crowded places belongs to the later one.
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
