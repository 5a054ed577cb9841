"""The pages of the feeds' archives in the index: which there are, which must be compared again, what is on disk.

Reads and writes the table `page` of `index.db`. How a month is cut into pages is decided in `model.archive_layout`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aggregator.index.database import Tables
from aggregator.index.feeds import IN_ORDER, VISIBLE, VisibleItem, visible_item
from aggregator.index.rows import check_page, check_slug, checksum
from aggregator.model.archive_layout import (
    DAY,
    END,
    HOUR,
    SLOTS,
    days_of,
    folder_of,
    is_crowded,
    month_bounds,
    month_of,
    page_ends,
)

_MANY_DAYS = 5_000


class PageRow(NamedTuple):
    """A page of a feed's archive: its first and last cell, and the folders of the pages beside it ("" if none)."""

    feed: int
    slug: str
    month: int
    first: int
    last: int
    key: bytes | None
    file_identity: bytes | None
    prev: str
    next: str

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return folder_of(self.month, self.last)


class ChangedDays:
    """The publication days of the items that a turn changed, added or removed; if there are many, only the months."""

    def __init__(self) -> None:
        self._days: set[tuple[int, int]] = set()
        self._months: set[tuple[int, int]] = set()

    def add(self, feed: int, day: int) -> None:
        """Add a day (since 1970) of a feed."""
        self._days.add((feed, day))
        if len(self._days) > _MANY_DAYS:
            self._keep_months_alone()

    def by_month(self) -> dict[tuple[int, int], set[int]]:
        """Return the days of the month, from 1 on, by feed and month; {0} stands for all if only months are known."""
        if self._months:
            self._keep_months_alone()
            return {month: {0} for month in self._months}
        found: dict[tuple[int, int], set[int]] = {}
        for feed, day in self._days:
            month = month_of(day * DAY)
            found.setdefault((feed, month), set()).add(day - month_bounds(month)[0] // DAY + 1)
        return found

    def _keep_months_alone(self) -> None:
        self._months.update((feed, month_of(day * DAY)) for feed, day in self._days)
        self._days.clear()


class ArchivePages(Tables):
    """The pages of archives in the index; `Index.archive_pages` is the instance."""

    # -- which pages there are

    def arrange(self, changed: Mapping[tuple[int, int], set[int]], now: int) -> set[int]:
        """Bring the pages in line with the entries; return the feeds that gained or lost a month.

        `changed` maps feed and month to the days (from 1 on; 0 = all) as `ChangedDays.by_month` returns them.
        """
        return {feed for (feed, month), days in changed.items() if self._arrange_month(feed, month, days, now)}

    def _arrange_month(self, feed: int, month: int, days: set[int], now: int) -> bool:
        """Cut one month into pages; return whether the month was added or removed."""
        before = self._lasts(feed, month)
        after = page_ends(self._cells(feed, month, now))
        if before != after:
            self._mark_unwanted((feed, month, last) for last in set(before) - set(after))
            self._db.executemany(
                "INSERT INTO page VALUES(?,?,?,1,1,NULL,NULL,?)"
                " ON CONFLICT DO UPDATE SET wanted=1, dirty=1, key=NULL WHERE wanted=0",
                ((feed, month, last, checksum(feed, month, last)) for last in after),
            )
            self._mark_dirty(self._around(feed, month), days={0})
        self._mark_dirty(self._spans(feed, month, after), days=days)
        return bool(before) != bool(after)

    def _cells(self, feed: int, month: int, now: int) -> dict[int, int]:
        """Count the items that a feed shows of a month by cells: by hours, in a crowded hour by slots."""
        starts, ends = month_bounds(month)
        scope = "FROM entry WHERE feed=? AND sort BETWEEN ? AND ? AND starts<=? AND ends>?"
        values = (feed, -ends, -starts, now, now)
        hours = self._db.execute(f"SELECT (-sort - ?) / {HOUR}, count(*) {scope} GROUP BY 1", (starts, *values))
        cells: dict[int, int] = {}
        for hour, count in hours.fetchall():
            if not is_crowded(count):
                cells[hour * SLOTS] = count
                continue
            first = starts + hour * HOUR
            span = (feed, -(first + HOUR - 1), -first, now, now)
            slots = self._db.execute(f"SELECT tie & {SLOTS - 1}, count(*) {scope} GROUP BY 1", span)
            cells.update((hour * SLOTS + slot, number) for slot, number in slots)
        return cells

    def _lasts(self, feed: int, month: int) -> list[int]:
        sql = "SELECT feed, month, last, sum FROM page WHERE feed=? AND month=? AND wanted=1 ORDER BY last"
        return [check_page(row)[2] for row in self._db.execute(sql, (feed, month))]

    def _mark_unwanted(self, pages: Iterable[tuple[int, int, int]]) -> None:
        self._db.executemany("UPDATE page SET wanted=0, dirty=1 WHERE feed=? AND month=? AND last=?", pages)

    def _around(self, feed: int, month: int) -> list[tuple[int, int, int, int]]:
        """Return the pages whose neighbours may have changed: those of a month that was cut, and the two beside it."""
        near = self._neighbour(feed, month, -1, older=True), self._neighbour(feed, month, END, older=False)
        beside = [(feed, *one, one[1]) for one in near if one]
        return [*beside, *((feed, month, last, last) for last in self._lasts(feed, month))]

    def _spans(self, feed: int, month: int, lasts: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
        first = 0
        for last in lasts:
            yield feed, month, last, first
            first = last + 1

    def _mark_dirty(self, pages: Iterable[tuple[int, int, int, int]], *, days: set[int]) -> None:
        """Mark those of `pages` (feed, month, last, first) as changed that hold one of `days`; 0 = all."""
        self._db.executemany(
            "UPDATE page SET dirty=1 WHERE feed=? AND month=? AND last=?",
            (page[:3] for page in pages if 0 in days or not days.isdisjoint(days_of(page[3], page[2]))),
        )

    def _neighbour(self, feed: int, month: int, last: int, *, older: bool) -> tuple[int, int] | None:
        sign, order = ("<", "DESC") if older else (">", "ASC")
        row = self._db.execute(
            f"SELECT feed, month, last, sum FROM page WHERE feed=? AND (month, last) {sign} (?,?) AND wanted=1"  # noqa: S608
            f" ORDER BY month {order}, last {order} LIMIT 1",
            (feed, month, last),
        ).fetchone()
        return check_page(row)[1:3] if row else None

    # -- what pages show

    def get(self, feed: int, month: int, last: int) -> PageRow | None:
        """Return a page with its neighbours, or None if it does not exist (any more)."""
        sql = "SELECT slug, p.key, p.stamps FROM page p JOIN feed USING(feed) WHERE feed=? AND month=? AND last=?"
        row = self._db.execute(f"{sql} AND wanted=1", (feed, month, last)).fetchone()
        if row is None:
            return None
        check_slug(row[0])
        older, newer = (self._neighbour(feed, month, last, older=older) for older in (True, False))
        first = older[1] + 1 if older and older[0] == month else 0
        prev, following = (folder_of(*one) if one else "" for one in (older, newer))
        return PageRow(feed, row[0], month, first, last, row[1], row[2], prev, following)

    def visible(self, page: PageRow, now: int) -> list[VisibleItem]:
        """Return what a page shows at `now`, in the feed's order."""
        starts, ends = month_bounds(page.month)
        newest = min(ends, starts + (page.last // SLOTS + 1) * HOUR - 1)
        oldest = starts + page.first // SLOTS * HOUR
        rows = self._db.execute(
            f"{VISIBLE} WHERE e.feed=? AND e.sort BETWEEN ? AND ? AND e.starts<=? AND e.ends>?"
            f" AND (-e.sort - ?) / ? * ? + (e.tie & ?) BETWEEN ? AND ? {IN_ORDER}",
            (page.feed, -newest, -oldest, now, now, starts, HOUR, SLOTS, SLOTS - 1, page.first, page.last),
        )
        return [visible_item(row) for row in rows]

    def months(self, feed: int, *, on_disk: bool = False) -> tuple[int, ...]:
        """Return the months of a feed's archive, newest first: all of them, or those that are on disk."""
        written = "AND stamps IS NOT NULL" if on_disk else ""
        sql = f"SELECT feed, month, last, sum FROM page WHERE feed=? AND wanted=1 AND last=? {written}"  # noqa: S608 - ours
        rows = self._db.execute(f"{sql} ORDER BY month DESC", (feed, END))
        return tuple(check_page(row)[1] for row in rows)

    def cuts(self, feed: int, months: tuple[int, int], *, on_disk: bool = False) -> tuple[tuple[int, int], ...]:
        """Return the pages with which no month ends, from a month to another: each as month and last cell."""
        written = "AND stamps IS NOT NULL" if on_disk else ""
        where = f"WHERE feed=? AND month BETWEEN ? AND ? AND last!=? AND wanted=1 {written} ORDER BY month, last"
        rows = self._db.execute(f"SELECT feed, month, last, sum FROM page {where}", (feed, *months, END))  # noqa: S608 - ours
        return tuple(check_page(row)[1:3] for row in rows)

    def coming_months(self) -> dict[int, int]:
        """Return the newest month of which a page is not on disk yet, by feed, for feeds that have one."""
        sql = "SELECT feed, max(month) FROM page WHERE dirty=1 AND wanted=1 AND stamps IS NULL GROUP BY feed"
        return dict(self._db.execute(sql))

    def folder_with(self, feed: int, month: int, cell: int) -> str:
        """Return the folder of the page of a month that holds a cell, "" if the month has none."""
        sql = (
            "SELECT feed, month, last, sum FROM page WHERE feed=? AND month=? AND last>=? AND wanted=1"
            " ORDER BY last LIMIT 1"
        )
        row = self._db.execute(sql, (feed, month, cell)).fetchone()
        return folder_of(month, check_page(row)[2]) if row else ""

    # -- what must be written or removed

    def dirty(self, *, on_disk: bool) -> list[tuple[int, int, int]]:
        """Return the pages to compare that are on disk, or that are not, by month: feed, month, last."""
        null = "NOT NULL" if on_disk else "NULL"
        sql = f"SELECT feed, month, last, sum FROM page WHERE dirty=1 AND wanted=1 AND stamps IS {null}"  # noqa: S608 - our own words
        rows = self._db.execute(f"{sql} ORDER BY month, last, feed")
        return [check_page(row)[:3] for row in rows]

    def put(self, page: PageRow, *, key: bytes | None, file_identity: bytes | None, dirty: bool) -> None:
        """Set the digest of what a page's documents show (`key`), and the identity of their files."""
        self._db.execute(
            "UPDATE page SET key=?, stamps=?, dirty=? WHERE feed=? AND month=? AND last=?",
            (key, file_identity, int(dirty), page.feed, page.month, page.last),
        )

    def put_digest(self, feed: int, digest: bytes) -> None:
        """Set the digest of what the pages of a feed show besides their items, and mark them as changed."""
        self._db.execute("UPDATE page SET dirty=1 WHERE feed=?", (feed,))
        self._db.execute("UPDATE feed SET shelf=? WHERE feed=?", (digest, feed))

    def unpublished(self, *, all_pages: bool) -> Iterator[tuple[str, int, int]]:
        """Yield slug, month and last cell of every page that is wanted and was never published, or of all pages."""
        which = "" if all_pages else "WHERE p.dirty=1 AND wanted=1 AND p.stamps IS NULL"
        yield from self._db.execute(f"SELECT slug, month, last FROM page p JOIN feed USING(feed) {which}")  # noqa: S608 - ours

    def written(self) -> Iterator[tuple[int, int, int, str, bytes | None]]:
        """Yield feed, month, last, slug and file identity of every page that is on disk and wanted.

        Dirty pages too: writing one may have been interrupted, and now it must show what it showed before.
        """
        sql = (
            "SELECT p.feed, month, last, p.sum, slug, p.stamps FROM page p LEFT JOIN feed USING(feed)"
            " WHERE wanted=1 AND p.stamps>x''"
        )
        for row in self._db.execute(sql):
            feed, month, last, _, slug, file_identity = check_page(row)
            yield feed, month, last, check_slug(slug), file_identity

    def count_written(self) -> int:
        """Return the number of pages that are on disk and wanted."""
        count: int = self._db.execute("SELECT count(*) FROM page WHERE wanted=1 AND stamps>x''").fetchone()[0]
        return count

    def written_after(self, feed: int, month: int, last: int) -> tuple[int, int, int, str] | None:
        """Return feed, month, last and slug of the first page on disk after that one, or None."""
        found: tuple[int, int, int, str] | None = self._db.execute(
            "SELECT p.feed, month, last, slug FROM page p JOIN feed USING(feed) WHERE (p.feed, month, last) > (?,?,?)"
            " AND wanted=1 AND p.stamps>x'' ORDER BY p.feed, month, last LIMIT 1",
            (feed, month, last),
        ).fetchone()
        return found

    def forget_documents(self, pages: Iterable[tuple[int, int, int]], *, missing: bool = False) -> None:
        """Forget what the documents of pages show, so that they are rendered again; some are `missing` on disk."""
        more = ", stamps=NULL" if missing else ""
        sql = f"UPDATE page SET dirty=1, key=NULL{more} WHERE feed=? AND month=? AND last=?"  # noqa: S608 - ours
        self._db.executemany(sql, pages)

    def forget_pages(self, pages: Iterable[tuple[int, int, int]]) -> None:
        """Forget that pages are on disk."""
        sql = "UPDATE page SET dirty=1, key=NULL, stamps=NULL WHERE feed=? AND month=? AND last=?"
        self._db.executemany(sql, pages)

    def adopt(self, slug: str, month: int, last: int) -> None:
        """Add a page that is on disk; it is removed unless it turns out to be wanted."""
        row = self._db.execute("SELECT feed FROM feed WHERE slug=?", (slug,)).fetchone()
        if row is not None:
            sql = "INSERT OR IGNORE INTO page VALUES(?,?,?,0,1,NULL,x'',?)"
            self._db.execute(sql, (row[0], month, last, checksum(row[0], month, last)))

    def mark_all_unwanted(self) -> None:
        """Mark every page for removal from disk."""
        self._db.execute("UPDATE page SET wanted=0, dirty=1")

    def mark_unwanted_of(self, feeds: Iterable[int]) -> None:
        """Mark the pages of these feeds for removal from disk."""
        self._db.executemany("UPDATE page SET wanted=0, dirty=1 WHERE feed=? AND wanted=1", ((one,) for one in feeds))

    def unwanted(self) -> list[tuple[int, int, int, str]]:
        """Return feed, month, last and slug of the pages whose files must be removed."""
        sql = (
            "SELECT p.feed, month, last, p.sum, slug FROM page p LEFT JOIN feed USING(feed)"
            " WHERE p.dirty=1 AND wanted=0"
        )
        rows = map(check_page, self._db.execute(sql))
        return [(feed, month, last, check_slug(slug)) for feed, month, last, _, slug in rows]

    def delete(self, feed: int, month: int, last: int) -> None:
        """Delete a page whose files were removed."""
        self._db.execute("DELETE FROM page WHERE feed=? AND month=? AND last=?", (feed, month, last))
