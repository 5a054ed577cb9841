"""Searching the index: the rows that an expression may choose, by SQL as far as the columns tell.

What SQL cannot tell is decided by `normalizer.matching`; a condition here leaves out only what that leaves out too.
Reads the tables `file`, `seed`, `entry` and `feed` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from aggregator.index.database import Tables, chunks, marks
from aggregator.index.rows import Columns
from aggregator.model.expression.folding import fold
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Range, Words
from aggregator.model.feeds import SITE_FEED
from aggregator.normalizer.stored import unpack_entries

_BOUND = 2**31
"""The index keeps a quality between minus this and this."""

_MOST_JOINED = 50
"""How many conditions stand side by side: SQLite nests them one in the other, at most 1,000 deep."""

_MOST_PARTS = 5_000
"""With more conditions than this a query would have more values than SQLite takes."""

_SHOWN = (
    "FROM entry e JOIN file f ON f.file=e.file JOIN story s ON s.story=f.story"
    " WHERE e.feed=(SELECT feed FROM feed WHERE slug=?) AND e.starts<=? AND e.ends>?"
)

_int, _blob = (type(None), int), (type(None), bytes)
_file_and_story = Columns("file", int, int)
_dated = Columns("file", int, str, int)
_bare = Columns("seed", int, bytes)
_row = Columns("file", int, bytes, str, str, int, _int, _int, _int, _blob, _blob)


class Row(NamedTuple):
    """A file with its packed seed, whose digest was not checked; the schema describes the other columns."""

    file: int
    seed: bytes
    path: str = ""
    rule: str = ""
    stale: int = 0
    story: int | None = None
    starts: int | None = None
    ends: int | None = None
    verdict: bytes | None = None
    entries: bytes | None = None


class Condition(NamedTuple):
    """An SQL condition with its values; it `is_exact` if Python need not look again."""

    sql: str
    values: tuple[Any, ...] = ()
    is_exact: bool = False


EVERYTHING = Condition("1")


class Search(Tables):
    """The files of the index by what their seeds say; `Index.search` is the instance."""

    def rows(
        self,
        tree: Node,
        *,
        now: int,
        only_visible: bool,
        slug_of: Callable[[str], str] | None = None,
        bare: bool = False,
        among: Collection[int] | None = None,
    ) -> Iterator[Row]:
        """Yield the files that `tree` may choose at `now`, each with its seed, in no order.

        Args:
            tree: an expression without searches.
            now: seconds since 1970.
            only_visible: leave out what no feed shows.
            slug_of: returns the slug of a topic's feed; None if feeds may be out of date with the config.
            bare: yield file and seed alone, which is twice as fast.
            among: at most a chunk of files, beside which nothing is looked at.

        Raises:
            sqlite3.DatabaseError: if a row is damaged.
        """
        found = condition_of(tree, now=now, slug_of=slug_of if only_visible else None)
        where, values = found.sql, found.values
        if only_visible:
            visible, more = _in_feed(SITE_FEED, now)
            where, values = f"{visible} AND {where}", (*more, *values)
        if among is not None:
            where, values = f"f.file IN ({marks(among)}) AND {where}", (*among, *values)
        if bare and "f." not in where.replace("f.file", ""):
            sql = f"SELECT f.file, f.seed FROM seed f WHERE {where}"  # noqa: S608 - from below
        else:
            columns = "" if bare else ", f.path, f.rule, f.stale, f.story, f.starts, f.ends, f.verdict, f.shown"
            sql = f"SELECT f.file, s.seed{columns} FROM file f JOIN seed s ON s.file=f.file WHERE {where}"  # noqa: S608
        for row in (_bare if bare else _row).all(self._db.execute(sql, values)):
            yield Row(*row)

    def visible_files(self, tree: Node, *, now: int, slug_of: Callable[[str], str] | None) -> set[int] | None:
        """Return the files that a tree chooses of what feeds show at `now`, None if that needs their seeds."""
        found = condition_of(tree, now=now, slug_of=slug_of)
        if not found.is_exact:
            return None
        visible, values = _in_feed(SITE_FEED, now)
        sql = f"SELECT f.file FROM file f WHERE {visible} AND {found.sql}"  # noqa: S608 - from below
        return {file for (file,) in self._db.execute(sql, (*values, *found.values))}

    def visible_ids(self, now: int) -> set[str]:
        """Return the ids of the items that feeds show at `now`, as stories have them."""
        sql = f"SELECT s.id {_SHOWN}"
        return {id for (id,) in self._db.execute(sql, (SITE_FEED, now, now))}  # noqa: A001 - the column

    def visible_versions(self, now: int) -> Iterator[tuple[Any, ...]]:
        """Yield what tells whether an item that feeds show at `now` has changed, the newest first.

        The date of a change that is still to come counts only once it has come.
        """
        columns = "f.file, f.path, s.id, f.content, f.verdict, f.newest > ?"
        sql = f"SELECT {columns} {_SHOWN} ORDER BY e.sort, f.path"
        yield from self._db.execute(sql, (now, SITE_FEED, now, now))

    def hidden_ids(self, stories: Collection[int], now: int) -> set[str]:
        """Return the ids of those of `stories` that no feed shows at `now`."""
        found = self._db.execute("SELECT feed FROM feed WHERE slug=?", (SITE_FEED,)).fetchone()
        ids: set[str] = set()
        for some in chunks(sorted(stories)):
            where = f"story IN ({marks(some)})"
            shown = self._db.execute(f"SELECT story, shown FROM file WHERE {where} AND shown IS NOT NULL", some)  # noqa: S608
            visible = {story for story, packed in shown if found and _is_shown(packed, found[0], now)}
            rows = self._db.execute(f"SELECT story, id FROM story WHERE {where}", some)  # noqa: S608 - ours
            ids.update(id for story, id in rows if story not in visible)  # noqa: A001 - the column
        return ids

    def in_feed(self, slug: str, now: int) -> set[int]:
        """Return the files that a feed shows at `now`, its limit apart."""
        sql = "SELECT file FROM entry WHERE feed=(SELECT feed FROM feed WHERE slug=?) AND starts<=? AND ends>?"
        return {file for (file,) in self._db.execute(sql, (slug, now, now))}

    def feeds_of(self, files: Collection[int], now: int) -> dict[str, set[int]]:
        """Return the feeds that show some of `files` at `now`, by slug, each with these."""
        found: dict[str, set[int]] = {}
        sql = (
            "SELECT f.slug, e.file FROM entry e JOIN feed f ON f.feed=e.feed WHERE e.starts<=? AND e.ends>?"
            " AND e.file IN (SELECT value FROM json_each(?))"
        )
        for slug, file in self._db.execute(sql, (now, now, msgspec.json.encode(sorted(files)).decode())):
            found.setdefault(slug, set()).add(file)
        return found

    def stories_of(self, files: Collection[int]) -> Iterator[tuple[int, int]]:
        """Yield each of `files` that tells a story, with this."""
        for some in chunks(sorted(files)):
            sql = f"SELECT file, story FROM file WHERE file IN ({marks(some)}) AND story IS NOT NULL"  # noqa: S608
            yield from _file_and_story.all(self._db.execute(sql, some))

    def newest(self, files: Collection[int], limit: int) -> list[int]:
        """Return the newest of `files`, at most `limit`; those that are held back have no date and come first."""
        found: list[tuple[int, str, int]] = []
        for some in chunks(sorted(files)):
            sql = f"SELECT ifnull(starts, {2**62}), path, file FROM file WHERE file IN ({marks(some)})"  # noqa: S608
            found += _dated.all(self._db.execute(sql, some))
            found = sorted(found, key=lambda row: (-row[0], row[1]))[:limit]
        return [file for _, _, file in found]


def _is_shown(packed: bytes, feed: int, now: int) -> bool:
    """Return whether a feed shows the item with these packed entries."""
    return any(number == feed and starts <= now < ends for number, starts, ends in unpack_entries(packed)[3])


def _in_feed(slug: str, now: int) -> tuple[str, tuple[Any, ...]]:
    sql = "f.file IN (SELECT file FROM entry WHERE feed=(SELECT feed FROM feed WHERE slug=?) AND starts<=? AND ends>?)"
    return sql, (slug, now, now)


def condition_of(node: Node, *, now: int, slug_of: Callable[[str], str] | None) -> Condition:
    """Return a condition that holds for every row that a tree chooses, and for no other one if it `is_exact`."""
    if isinstance(node, Not):
        inner = condition_of(node.part, now=now, slug_of=slug_of)
        return Condition(f"NOT {inner.sql}", inner.values, is_exact=True) if inner.is_exact else EVERYTHING
    if isinstance(node, And | Or):
        parts = [condition_of(part, now=now, slug_of=slug_of) for part in node.parts]
        return _joined(parts, all_of=isinstance(node, And))
    return _of_leaf(node, now, slug_of)


def _joined(parts: list[Condition], *, all_of: bool) -> Condition:
    if not parts:
        return Condition("1" if all_of else "0", is_exact=True)
    if len(parts) > _MOST_PARTS:
        return EVERYTHING
    while len(parts) > _MOST_JOINED:
        parts = [_joined(parts[at : at + _MOST_JOINED], all_of=all_of) for at in range(0, len(parts), _MOST_JOINED)]
    sql = (" AND " if all_of else " OR ").join(part.sql for part in parts)
    values = tuple(value for part in parts for value in part.values)
    return Condition(f"({sql})", values, is_exact=all(part.is_exact for part in parts))


def _of_leaf(leaf: Node, now: int, slug_of: Callable[[str], str] | None) -> Condition:
    if isinstance(leaf, Range):
        return _of_range(leaf, now)
    if isinstance(leaf, Choice) and leaf.field == "is":
        return _STATES[leaf.value](now) if leaf.value in _STATES else EVERYTHING
    if isinstance(leaf, Words) and leaf.field == "topic" and slug_of is not None:
        sql, values = _in_feed(slug_of(leaf.text), now)
        return Condition(sql, values, is_exact=True)
    if isinstance(leaf, Words) and leaf.field == "path":
        wanted = fold(leaf.text)
        if wanted.isascii() and " " not in wanted:  # a path with other letters may fold to these
            return Condition("(instr(lower(f.path), ?) OR f.path GLOB '*[^ -~]*')", (wanted,))
    return EVERYTHING


def _of_range(leaf: Range, now: int) -> Condition:
    """Return bounds of a column that is no farther away than the value.

    `starts` is not before the date of publication, `newest` is the date of the last change.
    """
    least, most = leaf.least, leaf.most
    if leaf.field == "quality":
        low = -_BOUND if least is None else max(-_BOUND, min(_BOUND, least))
        high = _BOUND if most is None else max(-_BOUND, min(_BOUND, most))
        return _unless_held("f.quality BETWEEN ? AND ?", low, high)
    if leaf.field == "age":  # the older, the smaller the date
        least = None if most is None else now - most
    if leaf.field in {"published", "age"} and least is not None:
        return _unless_held("f.starts >= ?", least)
    if leaf.field == "updated":
        low = -(2**62) if least is None else least
        # Everybody is told of a change that is still to come only when it has come.
        return _unless_held("f.newest BETWEEN ? AND ? OR f.newest > ?", low, 2**62 if most is None else most, now)
    return EVERYTHING


def _unless_held(sql: str, *values: int) -> Condition:
    """Return a condition on columns that only accepted seeds have: whoever is held back may satisfy it."""
    return Condition(f"(f.story IS NULL OR {sql})", tuple(max(-(2**62), min(2**62, value)) for value in values))


_STATES: dict[str, Callable[[int], Condition]] = {
    "published": lambda now: Condition(
        "ifnull(f.story IS NOT NULL AND f.shown IS NOT NULL AND f.starts <= ? AND f.ends > ?, 0)", (now, now)
    ),
    "embargoed": lambda now: Condition("ifnull(f.story IS NOT NULL AND f.starts > ?, 0)", (now,), is_exact=True),
    "expired": lambda now: Condition("ifnull(f.story IS NOT NULL AND f.ends <= ?, 0)", (now,), is_exact=True),
    "held": lambda _: Condition("(f.rule != '')", is_exact=True),
    "duplicate": lambda now: Condition("ifnull(f.story IS NOT NULL AND f.starts <= ? AND f.ends > ?, 0)", (now, now)),
    "stale": lambda _: Condition("(f.stale = 1)", is_exact=True),
}
