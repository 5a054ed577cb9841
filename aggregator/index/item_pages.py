"""The pages of items in the index: which there are, which must be compared again, what is on disk, and what was.

Reads and writes the tables `item_page` and `gone_page` of `index.db`. How a page is called is decided in
`model.item_pages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aggregator.index.database import Tables, chunks, marks
from aggregator.index.feeds import IN_ORDER, VISIBLE, VisibleItem, visible_item
from aggregator.index.files import Files
from aggregator.index.rows import check, check_item_page, checksum
from aggregator.index.sitemap import SitemapMonths
from aggregator.normalizer.stored import unpack_entries

MOST_GONE = 10_000
"""How many removed pages are remembered, the latest."""

_COLUMNS = "story, name, month, changed, listed, key, stamps, sum"

Position = tuple[int, int, int]
"""Feed, sort and worst of an entry: a place in the order of a feed."""


class ItemPageRow(NamedTuple):
    """A page of an item: its story, its name ("" if it was never published), the month of publication, and its change.

    `changed` is in seconds since 1970. `listed` is 1 if the sitemap names it. A row with a negative story is a page
    that was found on disk.
    """

    story: int
    name: str = ""
    month: int = 0
    changed: int = 0
    listed: int = 0
    key: bytes | None = None
    file_identity: bytes | None = None


class ItemPages(Tables):
    """The pages of items in the index; `Index.item_pages` is the instance."""

    @property
    def _sitemap(self) -> SitemapMonths:
        return SitemapMonths(self._database)

    # -- which must be compared

    def is_empty(self) -> bool:
        """Return whether no story has a page, or is to get one."""
        return self._db.execute("SELECT 1 FROM item_page LIMIT 1").fetchone() is None

    def mark(self, stories: Iterable[int], *, known: bool = False) -> None:
        """Mark the pages of these stories as changed; unless only `known` ones count, one that has none gets one."""
        if known:
            self._db.executemany("UPDATE item_page SET dirty=1 WHERE story=?", ((story,) for story in stories))
            return
        sql = (
            "INSERT INTO item_page VALUES(?,NULL,0,0,0,1,NULL,NULL,?)"
            " ON CONFLICT(story) DO UPDATE SET dirty=1 WHERE dirty=0"
        )
        self._db.executemany(sql, ((story, checksum(story, "", 0, 0, 0)) for story in stories))

    def mark_all(self, *, known: bool) -> None:
        """Mark all pages as changed: those of all stories that a feed shows, or will show, or only the `known` ones."""
        self._db.execute("UPDATE item_page SET dirty=1")
        if known:
            return
        self.mark([one for (one,) in self._db.execute("SELECT DISTINCT story FROM file WHERE shown IS NOT NULL")])

    def mark_of_feed(self, feed: int, *, known: bool) -> None:
        """Mark the pages of the items of a feed, as `mark` does."""
        sql = "SELECT DISTINCT story FROM file JOIN entry USING(file) WHERE feed=? AND story IS NOT NULL"
        self.mark([story for (story,) in self._db.execute(sql, (feed,)).fetchall()], known=known)

    def mark_neighbours(self, positions: Iterable[Position], now: int, *, known: bool) -> None:
        """Mark the pages beside these places in the order of a feed, as `mark` does: they link there."""
        start = "SELECT f.story FROM entry e JOIN file f USING(file) WHERE e.feed=?1 AND e.starts<=?4 AND e.ends>?4 AND"
        queries = (
            f"{start} (e.sort,e.worst)<(?2,?3) ORDER BY e.sort DESC, e.worst DESC, f.path LIMIT 1",
            f"{start} (e.sort,e.worst)>(?2,?3) {IN_ORDER} LIMIT 1",
            f"{start} e.sort=?2 AND e.worst=?3",
        )
        found = {
            story
            for position in positions
            for sql in queries
            for (story,) in self._db.execute(sql, (*position, now))
            if story is not None
        }
        self.mark(sorted(found), known=known)

    def dirty(self, *, on_disk: bool) -> list[int]:
        """Return the stories whose pages must be compared, and that are on disk or not."""
        null = "NOT NULL" if on_disk else "NULL"
        sql = f"SELECT story FROM item_page WHERE dirty=1 AND stamps IS {null} ORDER BY story DESC"  # noqa: S608 - ours
        return [story for (story,) in self._db.execute(sql)]

    # -- what they show

    def get(self, stories: Sequence[int]) -> dict[int, ItemPageRow]:
        """Return the pages of these stories."""
        sql = f"SELECT {_COLUMNS} FROM item_page WHERE story IN"  # noqa: S608 - ours
        rows = (row for some in chunks(stories) for row in self._db.execute(f"{sql} ({marks(some)})", some))
        return {row[0]: _row(row) for row in rows}

    def visible(self, stories: Sequence[int], feed: int, now: int) -> dict[int, VisibleItem]:
        """Return which item stands for each story at `now`, of those that `feed`, which shows everything, has now."""
        found: dict[int, VisibleItem] = {}
        for some in chunks(stories):
            for row in Files(self._database).where(f"story IN ({marks(some)}) AND shown IS NOT NULL", some):
                sort, worst, tie, windows = unpack_entries(row.entries or b"")
                for number, starts, ends in windows:
                    if number == feed and starts <= now < ends and row.story is not None:
                        found[row.story] = self._entry(feed, sort, worst, tie, row.file, starts)
        return found

    def withdrawn(self, feed: int, now: int) -> list[int]:
        """Return the stories of changed pages that nobody may see at `now`, and the pages that are no story's.

        Looks at all that `feed`, which shows everything, has: for turns that leave many changed pages to later ones.
        """
        sql = (
            "SELECT story FROM item_page WHERE dirty=1 EXCEPT SELECT f.story FROM entry e JOIN file f USING(file)"
            " WHERE e.feed=? AND e.starts<=? AND e.ends>?"
        )
        return [story for (story,) in self._db.execute(sql, (feed, now, now))]

    def _entry(self, *key: int) -> VisibleItem:
        where = "WHERE e.feed=? AND e.sort=? AND e.worst=? AND e.tie=? AND e.file=? AND e.starts=?"
        return visible_item(self._db.execute(f"{VISIBLE} {where}", key).fetchone())

    def neighbours(self, feed: int, file: int, now: int) -> tuple[VisibleItem | None, VisibleItem | None]:
        """Return the items before and after that of a file in the order of a feed, the newer and the older one."""
        shown, path = self._db.execute("SELECT shown, path FROM file WHERE file=?", (file,)).fetchone()
        sort, worst, _, _ = unpack_entries(shown)
        values = (feed, sort, worst, path, now)
        start = f"{VISIBLE} WHERE e.feed=?1 AND e.starts<=?5 AND e.ends>?5 AND"
        newer = (
            f"{start} (e.sort,e.worst)<=(?2,?3) AND ((e.sort,e.worst)<(?2,?3) OR f.path>?4)"
            " ORDER BY e.sort DESC, e.worst DESC, f.path LIMIT 1"
        )
        older = f"{start} (e.sort,e.worst)>=(?2,?3) AND ((e.sort,e.worst)>(?2,?3) OR f.path<?4) {IN_ORDER} LIMIT 1"
        rows = [self._db.execute(sql, values).fetchone() for sql in (newer, older)]
        first, second = (visible_item(row) if row else None for row in rows)
        return first, second

    # -- what is on disk

    def put(self, page: ItemPageRow, *, dirty: bool = False) -> None:
        """Store a page as it was published, and mark the months of the sitemap that it leaves and enters."""
        before = self.get([page.story]).get(page.story)
        said = (page.name, page.month, page.changed, page.listed)
        if before is None or before[1:5] != said:
            months = {one.month for one in (before, page) if one is not None and one.listed}
            self._sitemap.mark(months)
        self._db.execute("DELETE FROM item_page WHERE name=? AND story<0", (page.name,))
        self._db.execute("DELETE FROM gone_page WHERE name=?", (page.name,))
        self._db.execute(
            "UPDATE item_page SET name=?, month=?, changed=?, listed=?, dirty=?, key=?, stamps=?, sum=? WHERE story=?",
            (*said, int(dirty), page.key, page.file_identity, checksum(page.story, *said), page.story),
        )

    def reserve(self, pages: Sequence[ItemPageRow]) -> None:
        """Store how pages that are about to be written are called, so that they are found again whatever happens.

        One that moves is known under both names until it is stored under the new one.
        """
        before = self.get([page.story for page in pages])
        self.adopt(page.name for page in pages if before[page.story].name not in {"", page.name})
        rows = ((page.story, page.name, page.month, page.changed, 0) for page in pages)
        self._db.executemany(
            "UPDATE item_page SET name=?2, month=?3, changed=?4, listed=?5, sum=?6 WHERE story=?1 AND name IS NULL",
            ((*row, checksum(*row)) for row in rows),
        )

    def has_name(self, name: str, story: int) -> bool:
        """Return whether the page of another story has a name."""
        sql = "SELECT 1 FROM item_page WHERE name=? AND story!=? AND story>0"
        return self._db.execute(sql, (name, story)).fetchone() is not None

    def settle(self, stories: Iterable[int]) -> None:
        """Note that the pages of these stories are as they must be."""
        self._db.executemany("UPDATE item_page SET dirty=0 WHERE story=?", ((story,) for story in stories))

    def hide(self, page: ItemPageRow) -> None:
        """Take a page that is to be removed out of the sitemap."""
        if page.listed:
            self._sitemap.mark({page.month})
            total = checksum(page.story, page.name, page.month, page.changed, 0)
            self._db.execute("UPDATE item_page SET listed=0, sum=? WHERE story=?", (total, page.story))

    def delete(self, page: ItemPageRow, now: int) -> None:
        """Delete a page whose files were removed; remember its name. Call `forget_gone` after the last one."""
        self._db.execute("DELETE FROM item_page WHERE story=?", (page.story,))
        if page.name:
            sql = "INSERT OR REPLACE INTO gone_page VALUES(?,?,?)"
            self._db.execute(sql, (page.name, now, checksum(page.name, now)))

    def forget_gone(self) -> None:
        """Forget removed pages but the latest `MOST_GONE`."""
        keep = "SELECT name FROM gone_page ORDER BY at DESC, name LIMIT -1 OFFSET ?"
        self._db.execute(f"DELETE FROM gone_page WHERE name IN ({keep})", (MOST_GONE,))  # noqa: S608 - ours

    def story_of(self, name: str) -> int | None:
        """Return the story whose page has a name, None if there is none."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM item_page WHERE name=? AND story>0", (name,)).fetchone()  # noqa: S608
        return _row(row).story if row else None

    def is_gone(self, name: str) -> bool:
        """Return whether a page was there and was removed."""
        return self.gone_at(name) is not None

    def gone_at(self, name: str) -> int | None:
        """Return when a page was removed (seconds since 1970), None if it is there or never was."""
        row = self._db.execute("SELECT name, at, sum FROM gone_page WHERE name=?", (name,)).fetchone()
        moment: int | None = None if row is None else check("gone_page", row)[1]
        return moment

    def written(self, after: int = 0) -> Iterator[ItemPageRow]:
        """Yield the pages that are on disk, by story, from the first one after a story."""
        sql = f"SELECT {_COLUMNS} FROM item_page WHERE stamps>x'' AND story>? ORDER BY story"  # noqa: S608 - ours
        yield from map(_row, self._db.execute(sql, (after,)))

    def count_written(self) -> int:
        """Return the number of pages that are on disk."""
        count: int = self._db.execute("SELECT count(*) FROM item_page WHERE stamps>x''").fetchone()[0]
        return count

    def listed(self, month: int) -> list[tuple[str, int]]:
        """Return name and last change of the pages that a month of the sitemap names."""
        sql = f"SELECT {_COLUMNS} FROM item_page WHERE month=? AND listed=1 ORDER BY name"  # noqa: S608 - ours
        return [(row.name, row.changed) for row in map(_row, self._db.execute(sql, (month,)))]

    def forget_documents(self, stories: Iterable[int], *, missing: bool = False) -> None:
        """Forget what the pages of these stories show, so that they are rendered again; some are `missing` on disk."""
        more = ", stamps=NULL" if missing else ""
        sql = f"UPDATE item_page SET dirty=1, key=NULL{more} WHERE story=?"  # noqa: S608 - ours
        self._db.executemany(sql, ((story,) for story in stories))

    def adopt(self, names: Iterable[str]) -> None:
        """Add pages that are on disk; each is removed unless it turns out to be that of a story."""
        story = self._db.execute("SELECT min(0, coalesce(min(story), 0)) FROM item_page").fetchone()[0]
        for name in names:
            if self._db.execute("SELECT 1 FROM item_page WHERE name=?", (name,)).fetchone() is None:
                story -= 1
                self._db.execute(
                    "INSERT INTO item_page VALUES(?,?,0,0,0,1,NULL,x'',?)",
                    (story, name, checksum(story, name, 0, 0, 0)),
                )


def _row(row: tuple[object, ...]) -> ItemPageRow:
    return ItemPageRow._make(check_item_page(row)[:-1])._replace(name=str(row[1] or ""))
