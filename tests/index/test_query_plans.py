"""A turn looks up what it needs: no query scans all seeds, items or tombstones, however many there are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.site.site import Site

DAY = 86_400
SMALL = {
    "feed",
    "meta",
    "topic_name",
    "page",
    "last_good",
    "file_stale",
    "page_dirty",
    "item_page_dirty",
    "sitemap",
    "gone_page",
}
"""Tables and partial indexes that are bounded, or have a row only for each feed, archive page, month or broken seed."""


def edits(site: SiteFolder) -> list[str]:
    site.write("1.md", title="Edited", topics=["A"], publishedDateTime=iso(NOW - DAY))
    return ["1.md"]


def renames(site: SiteFolder) -> list[str]:
    (site.seeds / "2.md").rename(site.seeds / "other.md")
    return ["2.md", "other.md"]


def deletes(site: SiteFolder) -> list[str]:
    (site.seeds / "3.md").unlink()
    return ["3.md"]


def breaks(site: SiteFolder) -> list[str]:
    site.write_text("4.md", "---\ntitle: [\n---\n")
    return ["4.md"]


def adds(site: SiteFolder) -> list[str]:
    site.write("new.md", topics=["B"], publishedDateTime=iso(NOW - 60 * DAY), expires=iso(NOW + DAY))
    return ["new.md"]


def nothing(_: SiteFolder) -> list[str]:
    return []


@pytest.mark.parametrize("items", ["none", "all"])
@pytest.mark.parametrize("change", [edits, renames, deletes, breaks, adds, nothing])
def test_a_turn_scans_no_large_table(
    site: SiteFolder, change: Callable[[SiteFolder], list[str]], items: str
) -> None:  # fmt: skip
    """SQLite's query plan of every statement of the turn has no such scan, also if items have pages."""
    site.settings["pages"] = {"items": items}
    for number in range(40):
        site.write(f"{number}.md", topics=["A", "B"], publishedDateTime=iso(NOW - number * 3 * DAY))
    with Site(site.config()) as living:
        living.build(now=NOW)
        (site.seeds / "30.md").unlink()
        living.take_partial_turn(["30.md"], now=NOW + 60)
        paths, statements = change(site), list[str]()
        living.index._db.set_trace_callback(statements.append)
        living.take_partial_turn(paths, now=NOW + 120)
        living.index._db.set_trace_callback(None)
        plans = {sql: plan(living.index._db, sql) for sql in statements if re.match("SELECT|INSERT|UPDATE|DELETE", sql)}
    assert len(plans) > 10
    assert {sql: found for sql, found in plans.items() if scanned(found) - SMALL} == {}
    # The latest tombstones are read in index order: thousands may have been withdrawn at one moment.
    assert [sql for sql, found in plans.items() if " withdrawn " in sql and "TEMP B-TREE" in str(found)] == []


def plan(db: sqlite3.Connection, sql: str) -> list[str]:
    """Return the steps of SQLite's query plan."""
    return [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]


def scanned(steps: list[str]) -> set[str]:
    """Return the tables, or the indexes used instead, of which every row is read."""
    found = (re.match(r"SCAN (\w+)(?: USING .*INDEX (?!sqlite_)(\w+))?", step) for step in steps)
    return {scan[2] or scan[1] for scan in found if scan}
