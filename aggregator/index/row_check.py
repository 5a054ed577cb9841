"""The check of every row of `index.db`: types, checksums, and whether the tables agree with each other. Pure.

It is made when nothing else can tell whether the file is as it was written: after a crash, and before a fresh build
copies rows. It takes about a second for 100,000 files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from aggregator.index.rows import (
    VALID,
    DamagedRowError,
    Row,
    check,
    check_alike,
    check_copy,
    check_coverage,
    check_feed,
    check_file,
    check_item_page,
    check_meta,
    check_page,
    check_sitemap,
)
from aggregator.index.schema import DERIVED_TABLES, REMEMBERED_TABLES
from aggregator.normalizer.stored import entry_rows, unpack_problems, without_checksum

FILE_COLUMNS = (
    "file, path, dev, ino, size, mtime, ctime, digest, content, rule, detail, stale, story, newest, quality, starts,"
    " ends, since, until, verdict, shown, sum"
)

_ORPHANS = {
    "entry": "feed NOT IN (SELECT feed FROM feed)",
    "page": "feed NOT IN (SELECT feed FROM feed)",
    "item_page": "story > 0 AND story NOT IN (SELECT story FROM story)",
    "alias": "story NOT IN (SELECT story FROM story)",
    "file": (
        "story IS NOT NULL AND story NOT IN (SELECT story FROM story)"
        " OR content IS NOT NULL AND file NOT IN (SELECT file FROM seed)"
    ),
    "seed": "file NOT IN (SELECT file FROM file)",
    "problem": "file NOT IN (SELECT file FROM file)",
    "text": "file NOT IN (SELECT file FROM file WHERE story IS NOT NULL)",
    "text_key": "file NOT IN (SELECT file FROM text)",
    "paragraph": "file NOT IN (SELECT file FROM text)",
    "common_paragraph": "key NOT IN (SELECT key FROM paragraph)",
    "alike": "file NOT IN (SELECT file FROM text) OR other NOT IN (SELECT file FROM text)",
    "wording": "file NOT IN (SELECT file FROM file WHERE story IS NOT NULL) OR counts NOT IN (0, 1)",
    "wording_key": "file NOT IN (SELECT file FROM wording WHERE counts)",
    "wording_day": "file NOT IN (SELECT file FROM wording WHERE counts)",
    "key_count": (
        "count != CASE key WHEN -1 THEN (SELECT count(*) FROM wording_day d WHERE d.day = key_count.day) ELSE"
        " (SELECT count(*) FROM wording_key k WHERE k.key = key_count.key AND k.day = key_count.day) END OR count < 1"
    ),
    "coverage": "file NOT IN (SELECT file FROM wording WHERE counts) OR other NOT IN (SELECT file FROM wording)",
    "hidden": "file NOT IN (SELECT file FROM coverage)",
    "copy": "NOT EXISTS (SELECT 1 FROM alike WHERE alike.file = copy.file AND other = original)",
}
"""By table, the condition for a row that names one that does not exist."""


def check_rows(db: sqlite3.Connection) -> None:
    """Check every row of an index.

    Raises:
        DamagedRowError: if one is damaged; other errors of SQLite and msgspec likewise.
    """
    for table in (*DERIVED_TABLES, *REMEMBERED_TABLES):
        if table != "meta":
            _require_none(db, table, _has_wrong_type(db, table))
    for table, condition in _ORPHANS.items():
        _require_none(db, table, condition)
    _check_files(db)
    for check_one, query in _CHECKS.items():
        for row in db.execute(query):
            check_one(row)
    for table in VALID.keys() - {"alias"}:  # of which the types and orphans say all
        for row in _all_columns(db, table):
            check(table, row)


def _require_none(db: sqlite3.Connection, table: str, condition: str) -> None:
    if db.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone() is not None:  # noqa: S608 - ours
        raise DamagedRowError(table)


def _has_wrong_type(db: sqlite3.Connection, table: str) -> str:
    """Return the SQL condition for a row with a value whose type is not that of its column."""
    conditions = []
    for _, name, declared, is_required, _, position_in_key in db.execute(f"PRAGMA table_info({table})"):
        null = "" if is_required or position_in_key else ", 'null'"
        conditions.append(f"typeof({name}) NOT IN ('{declared.lower()}'{null})")
    return " OR ".join(conditions)


def _all_columns(db: sqlite3.Connection, table: str) -> Iterator[Row]:
    columns = REMEMBERED_TABLES[table].replace("0", "uses")  # counted again only if the index is made again
    yield from db.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - ours


def _check_files(db: sqlite3.Connection) -> None:
    """Check the files, and whether the entries are those of the files: none changed, missing or left over."""
    expected = 0
    for row in db.execute(f"SELECT {FILE_COLUMNS} FROM file"):  # noqa: S608 - ours
        file, shown = row[0], check_file(row)[20]
        if shown is not None:
            expected += sum(map(hash, entry_rows(shown, file)))
    if expected != sum(map(hash, db.execute("SELECT feed, sort, worst, tie, file, starts, ends FROM entry"))):
        raise DamagedRowError("entry")


def _check_feed(row: Row) -> None:
    if summary := check_feed(row)[5]:
        without_checksum(summary)


def _check_page(row: Row) -> None:
    wanted, dirty, key, stamps = check_page(row)[4:]
    if {wanted, dirty} - {0, 1} or (key is not None and stamps is None):
        raise DamagedRowError("page")


_CHECKS: dict[Callable[[Row], object], str] = {
    lambda row: check_meta(*row): "SELECT key, value FROM meta",
    lambda row: unpack_problems(row[0]): "SELECT problems FROM problem",
    lambda row: without_checksum(row[0]): "SELECT text FROM text",
    check_alike: "SELECT file, other, share, sum FROM alike",
    lambda row: without_checksum(row[0]): "SELECT wording FROM wording",
    check_coverage: "SELECT file, other, share, sum FROM coverage",
    lambda row: bool(without_checksum(row[0])): "SELECT windows FROM hidden",
    check_copy: "SELECT file, original, sum FROM copy",
    _check_feed: "SELECT feed, slug, dirty, key, stamps, summary, shelf, sum FROM feed",
    check_item_page: "SELECT story, name, month, changed, listed, key, stamps, sum FROM item_page",
    check_sitemap: "SELECT month, parts, stamps, sum FROM sitemap",
    _check_page: "SELECT feed, month, last, sum, wanted, dirty, key, stamps FROM page",
}
"""The checks of single rows, each with the query that yields them."""
