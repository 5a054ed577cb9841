"""The page of an item in an archive, and the names of pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.archive_layout import (
    CROWD,
    END,
    SLOTS,
    cell_of,
    days_of,
    folder_of,
    month_bounds,
    month_of,
    page_ends,
    page_of,
    position_of,
    replacement_of,
)

OCTOBER = 2026 * 12 + 9
LEAST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
MOST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
CELLS = st.dictionaries(st.integers(0, 31 * 24 * SLOTS - 1), st.integers(1, 3 * CROWD), max_size=40)


@given(st.integers(LEAST, MOST))
def test_months_are_calendar_months(moment: int) -> None:
    """Every time that a seed may have, from the year 1 to 9999, is in its calendar month (UTC)."""
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    starts, ends = month_bounds(month_of(moment))
    assert starts <= moment <= ends
    assert folder_of(month_of(moment)) == f"{when.year:04}-{when.month:02}"
    assert 0 <= cell_of(moment, -1) <= END


@given(st.integers(1 * 12, 9999 * 12 + 11), st.integers(0, 31 * 24 * SLOTS - 1) | st.just(END))
def test_folder_names_round_trip(month: int, last: int) -> None:
    """A folder's name is parsed to its month and last cell, and is recognised in the name of a document."""
    folder = folder_of(month, last)
    assert position_of(folder) == (month, last)
    found = page_of(f"all/archive/{folder}/rss.xml")
    assert found is not None
    assert (found.slug, found.folder, found.month) == ("all", folder, folder_of(month))


def test_names_of_pages_are_dates_that_people_can_read() -> None:
    """The name is the end of the span: a month, a day, an hour or a slot."""
    assert folder_of(OCTOBER) == "2026-10"
    assert folder_of(OCTOBER, 16 * 24 * SLOTS - 1) == "2026-10-16"
    assert folder_of(OCTOBER, (15 * 24 + 12) * SLOTS - 1) == "2026-10-16T11"
    assert folder_of(OCTOBER, (15 * 24 + 11) * SLOTS + 127) == "2026-10-16T11-7f"


@pytest.mark.parametrize(
    "name",
    [
        "all/rss.xml",
        "all/archive/2026-10",
        "all/archive/2026-13/rss.xml",
        "all/archive/2026-10-00/rss.xml",
        "all/archive/2026-10/page.html",
        "all/archive/2026-10/rss.xml.tmp",
        "../archive/2026-10/rss.xml",
        "a/b/archive/2026-10/rss.xml",
        "all/archive/2026-10/rss.xml\n",
    ],
)
def test_other_names_are_not_pages(name: str) -> None:
    """Current documents and similar names are not archive pages."""
    assert page_of(name) is None


@pytest.mark.parametrize("ending", ["rss.xml", "atom.xml.gz", "feed.json.br", "index.html"])
def test_documents_of_pages(ending: str) -> None:
    """Every document of a page, compressed or not, belongs to that page."""
    assert page_of(f"all/archive/2026-10-16/{ending}") == ("all", "2026-10-16")


@given(CELLS)
def test_pages_tile_the_month_and_none_is_empty_or_too_large(cells: dict[int, int]) -> None:
    """Each item is on exactly one page; a page is crowded only if its items share one cell."""
    lasts = page_ends(cells)
    assert lasts == sorted(set(lasts))
    assert (lasts[-1:] == [END]) == bool(cells)
    first = 0
    for last in lasts:
        inside = [count for cell, count in cells.items() if first <= cell <= last]
        assert inside
        assert sum(inside) <= CROWD or len(inside) == 1
        first = last + 1


@given(CELLS.filter(bool), st.integers(0, 31 * 24 * SLOTS - 1))
def test_one_more_item_changes_only_its_own_page(cells: dict[int, int], cell: int) -> None:
    """A new item may cut its page in two; every other page keeps its items."""
    before, after = page_ends(cells), page_ends({**cells, cell: cells.get(cell, 0) + 1})
    home = next(last for last in before if cell <= last)

    def held(lasts: list[int]) -> dict[int, frozenset[int]]:
        return {
            last: frozenset(one for one in cells if one <= last and all(other < one for other in lasts if other < last))
            for last in lasts
        }

    old, new = held(before), held(after)
    assert all(new[last] == old[last] for last in before if last < home)
    assert all(new[last] == old[last] for last in after if last > home)


def test_a_crowded_month_is_cut() -> None:
    """A month with too many items is cut into halves of days; the newer half keeps the name."""
    hours = {hour * SLOTS: 1 for hour in range(CROWD)}  # the first four days and a bit
    assert list(map(folder_of, [OCTOBER], page_ends(hours))) == ["2026-10"]
    hours[CROWD * SLOTS] = 1
    assert [folder_of(OCTOBER, last) for last in page_ends(hours)] == ["2026-10-04", "2026-10"]


def test_a_crowded_hour_is_cut_by_the_hash_of_ids() -> None:
    """An hour with too many items, as for seeds that have a date without a time, is cut by the hash of the ids."""
    cells = dict.fromkeys(range(SLOTS), 4)
    lasts = page_ends(cells)
    assert len(lasts) == 16
    assert all(b - a <= CROWD // 4 for a, b in pairwise(lasts[:-1]))


def test_days_of() -> None:
    """The days of a page are all that its span touches, completely or in part."""
    assert list(days_of(0, END))[:2] == [1, 2]
    assert list(days_of(24 * SLOTS, 25 * SLOTS - 1)) == [2]
    assert list(days_of(24 * SLOTS - 1, 24 * SLOTS)) == [1, 2]


@given(CELLS, CELLS, st.data())
def test_the_replacement_of_a_merged_page_holds_its_items(before: dict[int, int], after: dict[int, int], data) -> None:
    """However a month is cut now, the replacement of a page contains the last cell of that page."""
    old, new = page_ends(before), page_ends(after)
    gone = sorted(set(old) - set(new))
    if not gone or not new:
        return
    last = data.draw(st.sampled_from(gone))
    page = page_of(f"all/archive/{folder_of(OCTOBER, last)}/rss.xml")
    assert page is not None
    folders = [folder_of(OCTOBER, one) for one in new] + ["2026-11", "2026-09", "x"]
    assert replacement_of(page, data.draw(st.permutations(folders))) == folder_of(
        OCTOBER, min(one for one in new if one > last)
    )


@pytest.mark.parametrize(
    ("folder", "folders", "found"),
    [
        ("2026-10", ["2026-11", "2026-09", "2026-09-16", "2026-08"], "2026-09"),
        ("2026-10-16", ["2026-10", "2026-10-08", "2026-09"], "2026-10"),
        ("2026-10-16", ["2026-10-16"], ""),
        ("2026-10-16", ["2026-11", ".x", "2026-10-16T25"], ""),
        ("2026-10-16", [], ""),
    ],
)
def test_the_replacement_of_a_page_whose_month_is_gone_is_the_next_older_page(
    folder: str, folders: list[str], found: str
) -> None:
    """It is never a newer month or the page itself; if no page is older, there is none."""
    page = page_of(f"all/archive/{folder}/rss.xml")
    assert page is not None
    assert replacement_of(page, folders) == found
