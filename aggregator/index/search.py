"""Searching the index: the rows that an expression may choose, by SQL as far as the columns tell.

What SQL cannot tell is decided by `normalizer.matching`; a condition here leaves out only what that leaves out too.
Reads the tables `file`, `seed`, `story`, `entry` and `feed` of `index.db`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aggregator.index.database import Tables
from aggregator.index.rows import Columns, DamagedRowError, text_checksum
from aggregator.model.expression.folding import fold
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Range, Words
from aggregator.model.feeds import SITE_FEED
from aggregator.normalizer.stored import verified

_COLUMNS = (
    "f.file, f.path, f.rule, f.detail, f.stale, f.story, f.starts, f.ends, f.verdict, f.shown, f.content,"
    " s.seed, t.id, t.sum"
)
_BOUND = 2**31
"""The index keeps a quality between minus this and this."""

_text, _int, _blob = str, (type(None), int), (type(None), bytes)
_row = Columns(
    "file", int, _text, _text, _text, int, _int, _int, _int, _blob, _blob, bytes, bytes, (type(None), str), _int
)


class Row(NamedTuple):
    """A file with its stored seed, as a search needs it; `id` is that of its story, "" if it has none."""

    file: int
    path: str
    rule: str
    detail: str
    stale: int
    story: int | None
    starts: int | None
    ends: int | None
    verdict: bytes | None
    entries: bytes | None
    seed: bytes
    id: str


class Condition(NamedTuple):
    """An SQL condition with its values; it `is_exact` if Python need not look again."""

    sql: str
    values: tuple[Any, ...] = ()
    is_exact: bool = False


EVERYTHING = Condition("1")


class Search(Tables):
    """The files of the index by what their seeds say; `Index.search` is the instance."""

    def rows(
        self, tree: Node, *, now: int, only_visible: bool, slug_of: Callable[[str], str] | None = None
    ) -> Iterator[Row]:
        """Yield the files that `tree` may choose at `now`, each with its seed, in no order.

        Args:
            tree: an expression without searches.
            now: seconds since 1970.
            only_visible: leave out what no feed shows.
            slug_of: returns the slug of a topic's feed; None if feeds may be out of date with the config.

        Raises:
            sqlite3.DatabaseError: if a row is damaged.
        """
        found = condition_of(tree, now=now, slug_of=slug_of if only_visible else None)
        where, values = found.sql, found.values
        if only_visible:
            visible, more = _in_feed(SITE_FEED, now)
            where, values = f"{visible} AND {where}", (*more, *values)
        sql = (
            f"SELECT {_COLUMNS} FROM file f JOIN seed s ON s.file=f.file LEFT JOIN story t ON t.story=f.story"  # noqa: S608
            f" WHERE {where}"
        )
        for row in self._db.execute(sql, values):
            content, seed, id, stored = _row(row)[10:]  # noqa: A001 - the column's name
            if id is not None and text_checksum(id) != stored:
                raise DamagedRowError("story")
            yield Row._make((*row[:10], verified(seed, content), id or ""))


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
        return _unless_held("f.newest BETWEEN ? AND ?", low, 2**62 if most is None else most)
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
