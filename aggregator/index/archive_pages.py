"""What is known of archives and of what was withdrawn, in SQLite; touches that file alone.

Which items a page shows is asked of the index itself; here is which pages there are, which of them must be looked at,
and what lies on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aggregator.index.database import Database
from aggregator.model.archive_layout import END, HOUR, SLOTS, bounds, cut, days_of, folder_of, is_crowded


class PageRow(NamedTuple):
    """A page of a feed's archive; `first` and `last` are its cells, `prev` and `next` the folders beside it or ""."""

    feed: int
    slug: str
    month: int
    first: int
    last: int
    key: bytes | None
    stamps: bytes | None
    prev: str
    next: str

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return folder_of(self.month, self.last)


class Withdrawn(NamedTuple):
    """An item that readers of a feed saw and see no more: its id, and since when (seconds since 1970)."""

    id: str
    at: int


class ArchiveIndex:
    """The part of an index that is about archives; `Index.archive` is one."""

    def __init__(self, file: Database) -> None:
        self._file = file

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.db

    # -- what changed

    def entries(self) -> Iterator[tuple[int, int]]:
        """Give feed and moment of publication of everything that was, is or will be in a feed."""
        for feed, sort in self._db.execute("SELECT feed, sort FROM entry"):
            yield feed, -sort

    def arrange(self, touched: Mapping[tuple[int, int], set[int]], now: int) -> set[int]:
        """Bring the list of pages in line with the entries; gives the feeds that gained or lost a month.

        `touched` has for feed and month the days (from 1 on; 0 = any) on which something was published that changed,
        came or went.
        """
        return {feed for (feed, month), days in touched.items() if self._arrange_month(feed, month, days, now)}

    def _arrange_month(self, feed: int, month: int, days: set[int], now: int) -> bool:
        """Cut one month into pages; says whether the month itself came or went."""
        before = self._lasts(feed, month)
        after = cut(self._cells(feed, month, now))
        if before != after:
            self._unwant((feed, month, last) for last in set(before) - set(after))
            self._db.executemany(
                "INSERT INTO page VALUES(?,?,?,1,1,NULL,NULL)"
                " ON CONFLICT DO UPDATE SET wanted=1, dirty=1, key=NULL WHERE wanted=0",
                ((feed, month, last) for last in after),
            )
            self._mark_dirty(self._around(feed, month), days={0})
        self._mark_dirty(self._spans(feed, month, after), days=days)
        return bool(before) != bool(after)

    def _cells(self, feed: int, month: int, now: int) -> dict[int, int]:
        """Count what a feed shows of a month at `now` by cells: by hours, and by slots where an hour is crowded."""
        starts, ends = bounds(month)
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
        sql = "SELECT last FROM page WHERE feed=? AND month=? AND wanted=1 ORDER BY last"
        return [last for (last,) in self._db.execute(sql, (feed, month))]

    def _unwant(self, pages: Iterable[tuple[int, int, int]]) -> None:
        self._db.executemany("UPDATE page SET wanted=0, dirty=1 WHERE feed=? AND month=? AND last=?", pages)

    def _around(self, feed: int, month: int) -> list[tuple[int, int, int, int]]:
        """Give the pages whose neighbours may have changed when a month was cut anew: its own and the nearest ones."""
        near = self._neighbour(feed, month, -1, older=True), self._neighbour(feed, month, END, older=False)
        beside = [(feed, *one, one[1]) for one in near if one]
        return [*beside, *((feed, month, last, last) for last in self._lasts(feed, month))]

    def _spans(self, feed: int, month: int, lasts: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
        first = 0
        for last in lasts:
            yield feed, month, last, first
            first = last + 1

    def _mark_dirty(self, pages: Iterable[tuple[int, int, int, int]], *, days: set[int]) -> None:
        """Have those of `pages` (feed, month, last, first) looked at that hold one of `days`; 0 stands for all."""
        self._db.executemany(
            "UPDATE page SET dirty=1 WHERE feed=? AND month=? AND last=?",
            (page[:3] for page in pages if 0 in days or not days.isdisjoint(days_of(page[3], page[2]))),
        )

    # -- pages

    def months(self, feed: int, *, on_disk: bool = False) -> tuple[int, ...]:
        """Give the months of a feed's archive, the newest first: all of them, or those that lie on the disk."""
        lie = "AND stamps IS NOT NULL" if on_disk else ""
        sql = f"SELECT month FROM page WHERE feed=? AND wanted=1 AND last=? {lie} ORDER BY month DESC"  # noqa: S608 - ours
        return tuple(month for (month,) in self._db.execute(sql, (feed, END)))

    def coming_months(self) -> dict[int, int]:
        """Give the newest month that is not on disk yet of each feed that has such a one."""
        sql = "SELECT feed, max(month) FROM page WHERE dirty=1 AND wanted=1 AND last=? AND stamps IS NULL GROUP BY feed"
        return dict(self._db.execute(sql, (END,)))

    def dirty(self, *, on_disk: bool) -> list[tuple[int, int, int]]:
        """Give the pages to look at that are on disk already, or those that are not: feed, month, last; by month."""
        null = "NOT NULL" if on_disk else "NULL"
        sql = f"SELECT feed, month, last FROM page WHERE dirty=1 AND wanted=1 AND stamps IS {null} ORDER BY month, last, feed"  # noqa: S608, E501 - our own words
        return self._db.execute(sql).fetchall()

    def page(self, feed: int, month: int, last: int) -> PageRow | None:
        """Give a page and its place in the chain; None where there is none (any more)."""
        sql = "SELECT slug, p.key, p.stamps FROM page p JOIN feed USING(feed) WHERE feed=? AND month=? AND last=?"
        row = self._db.execute(f"{sql} AND wanted=1", (feed, month, last)).fetchone()
        if row is None:
            return None
        older, newer = (self._neighbour(feed, month, last, older=older) for older in (True, False))
        first = older[1] + 1 if older and older[0] == month else 0
        prev, following = (folder_of(*one) if one else "" for one in (older, newer))
        return PageRow(feed, row[0], month, first, last, row[1], row[2], prev, following)

    def page_with(self, feed: int, month: int, cell: int) -> str:
        """Name the page of a month in which a cell lies, "" if that month has none."""
        sql = "SELECT last FROM page WHERE feed=? AND month=? AND last>=? AND wanted=1 ORDER BY last LIMIT 1"
        row = self._db.execute(sql, (feed, month, cell)).fetchone()
        return folder_of(month, row[0]) if row else ""

    def _neighbour(self, feed: int, month: int, last: int, *, older: bool) -> tuple[int, int] | None:
        sign, order = ("<", "DESC") if older else (">", "ASC")
        found: tuple[int, int] | None = self._db.execute(
            f"SELECT month, last FROM page WHERE feed=? AND (month, last) {sign} (?,?) AND wanted=1"  # noqa: S608
            f" ORDER BY month {order}, last {order} LIMIT 1",
            (feed, month, last),
        ).fetchone()
        return found

    def put_page(self, page: PageRow, *, key: bytes | None, stamps: bytes | None, dirty: bool) -> None:
        """Note what a page's documents show and look like."""
        self._db.execute(
            "UPDATE page SET key=?, stamps=?, dirty=? WHERE feed=? AND month=? AND last=?",
            (key, stamps, int(dirty), page.feed, page.month, page.last),
        )

    def all_pages(self) -> Iterator[tuple[int, int, int, str, bytes | None]]:
        """Give feed, month, last, slug and stamps of every page that lies on the disk and is to stay.

        Those that are to be looked at anyway too: one may have been cut short while it was written, and then have to
        show again what it showed before.
        """
        sql = (
            "SELECT feed, month, last, slug, p.stamps FROM page p JOIN feed USING(feed) WHERE wanted=1 AND p.stamps>x''"
        )
        yield from self._db.execute(sql)

    def look_again(self, pages: Iterable[tuple[int, int, int]]) -> None:
        """Have pages rendered again, whatever is known of them."""
        sql = "UPDATE page SET dirty=1, key=NULL WHERE feed=? AND month=? AND last=?"
        self._db.executemany(sql, pages)

    def look_again_at_all(self, feed: int) -> None:
        """Have all pages of a feed compared with what they must show."""
        self._db.execute("UPDATE page SET dirty=1 WHERE feed=?", (feed,))

    def unwant_all(self) -> None:
        """Have every page removed."""
        self._db.execute("UPDATE page SET wanted=0, dirty=1")

    def adopt(self, slug: str, month: int, last: int) -> None:
        """Know of a page that lies on disk; unless it is wanted it will be removed."""
        self._db.execute(
            "INSERT OR IGNORE INTO page SELECT feed, ?, ?, 0, 1, NULL, x'' FROM feed WHERE slug=?", (month, last, slug)
        )

    def unwanted(self) -> list[tuple[int, int, int, str]]:
        """Give feed, month, last and slug of the pages whose files are to be removed."""
        return self._db.execute(
            "SELECT feed, month, last, slug FROM page JOIN feed USING(feed) WHERE page.dirty=1 AND wanted=0"
        ).fetchall()

    def delete_page(self, feed: int, month: int, last: int) -> None:
        """Forget a page that is removed."""
        self._db.execute("DELETE FROM page WHERE feed=? AND month=? AND last=?", (feed, month, last))

    # -- what was withdrawn

    def withdraw(self, rows: Iterable[tuple[int, str, int, int, str | None]]) -> None:
        """Note that stories left feeds: story, slug, since when, for how long to say so, id (None: the story's)."""
        sql = (
            "INSERT OR REPLACE INTO withdrawn SELECT ?1, ?2, ?3, (?3 + ?4 + 59) / 60 * 60, coalesce(?5, id)"
            " FROM story WHERE story=?1"
        )
        self._db.executemany(sql, rows)

    def withdraw_everything(self, now: int, seconds: int) -> None:
        """Take all that readers saw until now for withdrawn, to be said for so long, before all is decided anew.

        What is shown again comes back. What became due since the last turn was not seen yet.
        """
        self._db.execute(
            "INSERT OR IGNORE INTO withdrawn SELECT story, slug, min(?1, file.ends),"
            " (min(?1, file.ends) + ?2 + 59) / 60 * 60, story.id FROM entry JOIN file USING(file)"
            " JOIN feed USING(feed) JOIN story USING(story)"
            " WHERE entry.starts<=file.since AND entry.ends>file.since",
            (now, seconds),
        )

    def bring_back(self, stories: Collection[int]) -> set[int]:
        """Note that stories, not too many at once, are shown again; gives the feeds that said they were withdrawn."""
        if not stories:
            return set()
        where = f"WHERE story IN ({','.join('?' * len(stories))})"
        sql = f"SELECT feed FROM withdrawn JOIN feed USING(slug) {where}"  # noqa: S608 - our own words
        feeds = {feed for (feed,) in self._db.execute(sql, tuple(stories))}
        self._db.execute(f"DELETE FROM withdrawn {where}", tuple(stories))  # noqa: S608 - as above
        return feeds

    def keep_withdrawn_for(self, seconds: int) -> None:
        """Have it said for so long (0: not at all), rounded up to the minute, that something was withdrawn."""
        if seconds:
            self._db.execute("UPDATE withdrawn SET ends=(at + ? + 59) / 60 * 60", (seconds,))
        else:
            self._db.execute("DELETE FROM withdrawn")

    def forget_withdrawn(self, now: int) -> set[str]:
        """Forget what was said for long enough; gives the feeds that said it."""
        # With DISTINCT, SQLite goes through everything that was ever withdrawn, by slug.
        slugs = {slug for (slug,) in self._db.execute("SELECT slug FROM withdrawn WHERE ends<=?", (now,))}
        if slugs:
            self._db.execute("DELETE FROM withdrawn WHERE ends<=?", (now,))
        return slugs

    def withdrawn(self, slug: str, most: int) -> tuple[Withdrawn, ...]:
        """Give what a feed says was withdrawn, the latest first, at most `most`."""
        rows = self._db.execute("SELECT id, at FROM withdrawn WHERE slug=? ORDER BY at DESC, id LIMIT ?", (slug, most))
        return tuple(Withdrawn._make(row) for row in rows)

    def next_end(self, after: int) -> int | None:
        """Give the next moment after `after` at which a feed no longer says that something was withdrawn."""
        row: tuple[int | None] = self._db.execute("SELECT min(ends) FROM withdrawn WHERE ends>?", (after,)).fetchone()
        return row[0]
