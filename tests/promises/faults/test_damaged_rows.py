"""Whatever a row of the state folder holds instead of what was written, nothing wrong is published (G7).

Each column of each table is damaged in each way that fits its type, one at a time: by a bad disk while nobody looks
(the checksum of the file tells), after a crash (nothing but the rows tells), and under a running daemon.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.database import DAMAGED
from aggregator.index.index import opened_read_only
from aggregator.index.schema import REMEMBERED_TABLES
from aggregator.model.errors import AggregatorError
from aggregator.model.sqlite_errors import is_damage
from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.site import Site
from aggregator.site.status import site_status

DAY = 86_400
SECRET = "Embargoed canary"
SETTINGS = {
    "rules": {"min_quality": 50}, "feed": {"limit": 3, "tombstones": "30d", "archives": True}, "pages": {"items": "all"},
}  # fmt: skip

WAYS = {
    "INTEGER": ("NULL", "4611686018427400000", "9223372036854775807", "-7", "'text'", "x'ff00'", "1.5"),
    "TEXT": ("NULL", "CAST({0} AS BLOB)", "CAST(x'ff41' AS TEXT)", "{0} || char(0) || 'x'"),
    "BLOB": (
        "NULL",
        "7",
        "1.5",
        "CAST({0} AS TEXT)",
        "'text'",
        "x''",
        "substr({0}, 1, length({0}) - 1)",
        "flipped({0})",
    ),
}
"""By the declared type of a column, SQL for the values that it may hold after damage."""


class Damage(NamedTuple):
    """A statement that damages one value, its table, and a name for people."""

    table: str
    sql: str


def flipped(value: object) -> object:
    """Return a value with one bit flipped in its middle."""
    if not isinstance(value, bytes) or not value:
        return value
    data = bytearray(value)
    data[len(data) // 2] ^= 4
    return bytes(data)


def connected(site: SiteFolder) -> sqlite3.Connection:
    db = sqlite3.connect(site.root / "state/index.db", isolation_level=None)
    db.create_function("flipped", 1, flipped)
    return db


def damages(site: SiteFolder, table: str, column: str, declared: str) -> Iterator[Damage]:
    """Yield every damage of a column, to the first and to the last row."""
    with closing(connected(site)) as db:
        key = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
        listed = ", ".join(key)
        rows = db.execute(f"SELECT {listed} FROM {table} ORDER BY {listed}").fetchall()
    for row in dict.fromkeys((rows[0], rows[-1])):
        where = " AND ".join(f"{name} IS {quoted(value)}" for name, value in zip(key, row, strict=True))
        for way in WAYS[declared]:
            yield Damage(table, f"UPDATE {table} SET {column}={way.format(column)} WHERE {where}")


def quoted(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def do(db: sqlite3.Connection, damage: Damage) -> bool:
    """Damage a row; return whether SQLite let it happen and anything changed."""
    before = list(db.iterdump())
    with suppress(sqlite3.Error):
        db.execute(damage.sql)
        with suppress(sqlite3.Error):  # not even this can be read any more
            return list(db.iterdump()) != before
        return True
    return False


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> SiteFolder:
    """Return a site with archives, tombstones, an item of two seeds, a moved one, a stale one and one under embargo."""
    root = tmp_path_factory.mktemp("pristine") / "site"
    root.mkdir()
    site = SiteFolder(root)
    site.settings.update(SETTINGS)
    for name, days, topics in (("a", 1, ["Sea"]), ("b", 2, ["Sea", "River"]), ("old", 70, ["Sea"]), ("older", 100, [])):
        site.write(f"{name}.md", publishedDateTime=iso(NOW - days * DAY), topics=topics)
    for name in ("stale", "gone", "moved"):
        site.write(f"{name}.md", topics=["River"])
    site.write("twin.md", webUrl="https://news.example.org/a", publishedDateTime=iso(NOW - 3 * DAY))
    site.write("own.md", id="no uri", webUrl=None, topics=["River"])
    site.write("held.md", quality=3, topics=["Secret topic"])
    site.write("later.md", title=SECRET, publishedDateTime=iso(NOW + 5 * DAY), topics=["Sea"])
    site.build()
    site.write_text("stale.md", "---\ntitle: [\n---\n")
    site.write("moved.md", webUrl="https://news.example.org/new-place", topics=["River"])
    (site.seeds / "gone.md").unlink()
    site.build(now=NOW + 60)
    site.write("warned.md", titel="typo", publishedDateTime=iso(NOW - 5 * DAY))
    site.build(now=NOW + 120)
    return site


def columns(site: SiteFolder) -> Iterator[tuple[str, str, str]]:
    """Yield each table and column, with its declared type."""
    with closing(connected(site)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
                for _, column, declared, *_ in db.execute(f"PRAGMA table_info({table})"):
                    yield table, column, declared


class Copy(SiteFolder):
    """A copy of a site."""

    def __init__(self, of: SiteFolder, root: Path) -> None:
        if root.exists():
            shutil.rmtree(root)
        shutil.copytree(of.root, root, copy_function=shutil.copy2)
        self.root, self.seeds, self.feeds = root, root / "seeds", root / "feeds"
        self.settings = dict(SETTINGS)


LATER = NOW + 180


def shown(site: SiteFolder, table: str) -> dict[str, object]:
    """Return what must be the same with damage of this table as without.

    That is every document, but for what only the damaged row of a table of remembered things knew: one id, one
    tombstone, one last good version.
    """
    documents = site.documents()
    if table not in REMEMBERED_TABLES:
        return dict(documents)
    lost = {"stale"} if table == "last_good" else set()
    return {
        name: [one["title"] for one in json.loads(body)["items"] if one["title"].removeprefix("Item ") not in lost]
        for name, body in documents.items()
        if name.endswith("feed.json")
    }


def ids(site: SiteFolder) -> dict[str, str]:
    """Return the id of every item, by its title."""
    items = (item for path in site.feeds.rglob("feed.json") for item in json.loads(path.read_bytes())["items"])
    return {item["title"]: item["id"] for item in items}


def tombstones(site: SiteFolder) -> set[bytes]:
    """Return every tombstone of the Atom feeds."""
    found = (re.findall(rb"<at:deleted-entry .*?>", path.read_bytes()) for path in site.feeds.rglob("atom.xml"))
    return {one for many in found for one in many}


def ask(site: SiteFolder) -> None:
    """Call what only reads; it may only say that the index is damaged."""
    config = site.config()
    state = str(site.root / "state")
    targets = (*(path.name for path in sorted(site.seeds.iterdir())), "https://news.example.org/moved", "nothing")
    with suppress(AggregatorError), opened_read_only(state) as index:
        assert index is not None
        site_status(config, index, now=LATER)
    for target in targets:
        with suppress(AggregatorError), opened_read_only(state) as index:
            explain(config, index, target, now=LATER)
    check(config, now=LATER, jobs=1)


def built(site: SiteFolder, damage: Damage, *, fresh: bool = False) -> tuple[str, ...]:
    """Damage the index as a crash leaves it, without the note of its checksum, and build."""
    (site.root / "state/index.db.sum").unlink()
    with closing(connected(site)) as db:
        if not do(db, damage):
            return ("nothing changed",)
    ask(site)
    return site.build(now=LATER, fresh=fresh, jobs=1).notes


def built_fresh(site: SiteFolder, damage: Damage) -> tuple[str, ...]:
    return built(site, damage, fresh=True)


def altered(site: SiteFolder, damage: Damage) -> tuple[str, ...]:
    """Damage the index while it is closed, and build."""
    with closing(connected(site)) as db:
        if not do(db, damage):
            return ("nothing changed",)
    return site.build(now=LATER, jobs=1).notes


def turned(site: SiteFolder, damage: Damage) -> tuple[str, ...]:
    """Damage the index under a daemon, which takes a partial turn and, if that fails, does as daemons do."""
    with Site(site.config(), jobs=1) as living:
        living.take_full_turn(now=LATER)
        with closing(connected(site)) as db:
            if not do(db, damage):
                return ("nothing changed",)
        site.write("b.md", "Edited", publishedDateTime=iso(NOW - 2 * DAY), topics=["Sea", "River"])
        try:
            living.take_partial_turn(["b.md", "stale.md"], now=LATER)
        except DAMAGED as error:
            if not is_damage(error):
                raise
            living.replace_index(error)
        # An entry or a page that no query finds any more is missed only by a check of all rows.
        return living.build(now=LATER, fresh=damage.table in {"entry", "page"}).notes


WAYS_TO_MEET_IT = (altered, built, built_fresh, turned)


@pytest.mark.slow
@pytest.mark.parametrize("meet", WAYS_TO_MEET_IT, ids=lambda one: one.__name__)
def test_no_damage_of_one_value_is_published(
    pristine: SiteFolder, tmp_path: Path, meet: Callable[[SiteFolder, Damage], tuple[str, ...]]
) -> None:
    """Feeds are those of an undamaged index, ids of undamaged rows are kept, and the notes name the damage once.

    One damage in nine; `test_every_damage_of_one_value` has them all.
    """
    assert list(faults_of(pristine, tmp_path, meet, every=9)) == []


@pytest.mark.marathon
@pytest.mark.timeout(0)
@pytest.mark.parametrize("meet", WAYS_TO_MEET_IT, ids=lambda one: one.__name__)
def test_every_damage_of_one_value(
    pristine: SiteFolder, tmp_path: Path, meet: Callable[[SiteFolder, Damage], tuple[str, ...]]
) -> None:
    """The same for each column of each table, in each way that fits its type."""
    assert list(faults_of(pristine, tmp_path, meet, every=1)) == []


def faults_of(
    pristine: SiteFolder, folder: Path, meet: Callable[[SiteFolder, Damage], tuple[str, ...]], *, every: int
) -> Iterator[str]:
    """Yield what is wrong after each damage, or after one in `every`."""
    sound = Copy(pristine, folder / "sound")
    meet(sound, Damage("meta", "UPDATE meta SET value=x'00' WHERE key='shows'"))  # which is harmless
    all_damages = (
        damage for table, column, declared in columns(pristine) for damage in damages(pristine, table, column, declared)
    )
    for damage in islice(all_damages, 0, None, every):
        site = Copy(pristine, folder / "site")
        if fault := found_wrong(site, sound, damage, meet):
            yield f"{damage.sql}: {fault}"


def found_wrong(
    site: SiteFolder, sound: SiteFolder, damage: Damage, meet: Callable[[SiteFolder, Damage], tuple[str, ...]]
) -> str:
    """Return what is wrong after damage, "" if nothing is."""
    try:
        notes = meet(site, damage)
    except Exception as error:  # noqa: BLE001 - all of them are listed together
        return repr(error)
    if notes == ("nothing changed",):
        return ""
    if any(SECRET.encode() in body for body in site.documents().values()):
        return "an embargoed item is published"
    if shown(site, damage.table) != shown(sound, damage.table):
        return "other documents"
    known = ids(sound)
    if sum(known.get(title) != id for title, id in ids(site).items()) > (damage.table in {"story", "alias"}):  # noqa: A001
        return "another id"
    if not tombstones(site) <= tombstones(sound):
        return "another tombstone"
    if len([note for note in notes if "rebuilt" in note]) > 1:
        return "said twice"
    return ""


def test_a_flipped_bit_in_a_last_good_version_costs_only_that_version(pristine: SiteFolder, tmp_path: Path) -> None:
    """A fresh build saves the rest, names the loss, and the build after it has nothing to say (issue 19, row 4)."""
    site = Copy(pristine, tmp_path / "site")
    with closing(connected(site)) as db:
        db.execute("UPDATE last_good SET seed=flipped(seed)")
        db.execute("UPDATE seed SET seed=x'90' WHERE file=(SELECT file FROM file WHERE stale=1)")
    notes = site.build(now=LATER, fresh=True, jobs=1).notes
    assert ["1 row of last_good could not be saved" in note for note in notes] == [True]
    assert "Item stale" not in site.titles("river")
    assert ids(site)["Item moved"] == "https://news.example.org/moved"
    assert site.build(now=LATER, jobs=1).notes == ()


def test_a_damaged_last_good_version_is_saved_from_the_stored_seed(pristine: SiteFolder, tmp_path: Path) -> None:
    """The index holds the version that readers see twice; either is enough."""
    site = Copy(pristine, tmp_path / "site")
    with closing(connected(site)) as db:
        db.execute("UPDATE last_good SET seed=flipped(seed)")
    assert "damaged" in site.build(now=LATER, jobs=1).notes[0]
    assert "Item stale" in site.titles("river")


def test_text_that_is_not_utf8_hides_no_row_after_it(pristine: SiteFolder, tmp_path: Path) -> None:
    """The rescue passes over it: the ids of all other stories are kept."""
    site = Copy(pristine, tmp_path / "site")
    with closing(connected(site)) as db:
        db.execute("UPDATE story SET id=CAST(x'ff' AS TEXT) WHERE story=1")
    assert "1 row of story, " in site.build(now=LATER, jobs=1).notes[0]
    assert ids(site)["Item moved"] == "https://news.example.org/moved"


def test_an_upgrade_keeps_the_last_good_versions_of_version_3(pristine: SiteFolder, tmp_path: Path) -> None:
    """They get their digests."""
    site = Copy(pristine, tmp_path / "site")
    with closing(connected(site)) as db:
        db.execute("ALTER TABLE last_good DROP COLUMN digest")
        db.execute("PRAGMA user_version=3")
    assert "its version is 3" in site.build(now=LATER, jobs=1).notes[0]
    assert "Item stale" in site.titles("river")
    assert site.build(now=LATER, jobs=1).notes == ()
