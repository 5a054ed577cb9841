"""The index as the next start finds it: incomplete, damaged, of another version, locked by another process."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator import AggregatorError
from aggregator.index.index import Index
from aggregator.site.site import Site
from aggregator.site.turn import start_over

ROUNDS = int(os.environ.get("AGGREGATOR_ROUNDS", "15"))
LATER = 3_000_000_000
"""A moment so late that no file counts as just changed."""


@contextmanager
def database(site: SiteFolder) -> Iterator[sqlite3.Connection]:
    """Open the index with SQLite alone, and remove the note that would tell that it was altered."""
    with closing(sqlite3.connect(site.root / "state/index.db")) as db:
        yield db
        db.commit()
    (site.root / "state/index.db.sum").unlink(missing_ok=True)


def indexes(site: SiteFolder) -> set[str]:
    with database(site) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'file_%'")}


def test_a_build_killed_after_it_emptied_the_index_leaves_no_outdated_feed(site: SiteFolder) -> None:
    """The next build fills the index like a first one: it adopts the feeds on disk and creates the SQL indexes."""
    site.write("a.md", topics=["AI"])
    site.build()
    with Site(site.config()) as half:
        start_over(half, NOW)
    (site.seeds / "a.md").unlink()
    site.write("b.md")
    site.build()
    assert site.titles("ai") == []
    assert {"file_story", "file_since", "file_until", "file_stale"} <= indexes(site)


def test_a_failed_first_filling_starts_over(site: SiteFolder) -> None:
    """The rollback also undoes the mark that the index was filled."""
    site.write("a.md")
    with Site(site.config()) as opened:
        with suppress(KeyboardInterrupt), opened.index.transaction():
            opened.index.create_indexes()
            raise KeyboardInterrupt
        assert opened.index.filling
        opened.build(now=NOW)
    assert "file_story" in indexes(site)


def test_the_next_build_removes_what_an_interrupted_first_filling_left(site: SiteFolder) -> None:
    """Files that a killed first build left beside the index are ignored and removed."""
    site.write("a.md")
    state = site.root / "state"
    state.mkdir()
    (state / "index.db.new").write_bytes(b"half a page")
    (state / "index.db.new-journal").write_bytes(b"and its journal")
    (state / "index.db-wal").write_bytes(b"of an index that somebody removed")
    site.build()
    assert site.titles("all") == ["Item a"]
    assert not list(state.glob("index.db.new*"))
    assert not any(b"somebody" in path.read_bytes() for path in state.glob("index.db-wal"))


def test_an_index_that_was_never_filled_does_not_exist(site: SiteFolder) -> None:
    """During a first build, and after one that failed, the state folder has no `index.db`."""
    site.write("a.md")
    with Site(site.config()):
        assert not (site.root / "state/index.db").exists()
    assert not list((site.root / "state").glob("index.db*"))


def test_the_commit_of_a_turn_survives_a_power_cut(site: SiteFolder) -> None:
    """SQLite flushes the commit that stores ids (FULL is 2) before any feed shows them, and no other commit."""
    site.write("a.md")
    site.build()

    def level(opened: Site) -> int:
        found: int = opened.index._db.execute("PRAGMA synchronous").fetchone()[0]
        return found

    with Site(site.config()) as opened:
        with opened.index.transaction():
            assert level(opened) == 2
        assert level(opened) == 1
        with opened.index.transaction(filled=False):
            assert level(opened) == 1
        with suppress(KeyboardInterrupt), opened.index.transaction():
            raise KeyboardInterrupt
        assert level(opened) == 1


def test_a_build_with_nothing_to_do_does_not_write_to_the_index(site: SiteFolder) -> None:
    """Neither its size nor its mtime changes."""
    site.write("a.md", topics=["AI"])
    site.build(now=LATER)
    before = os.stat(site.root / "state/index.db")
    site.build(now=LATER)
    after = os.stat(site.root / "state/index.db")
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize("flips", [1, 20, 500])
@pytest.mark.parametrize("round_number", range(max(1, ROUNDS // 3)))
def test_no_flipped_bit_reaches_a_reader(site: SiteFolder, round_number: int, flips: int) -> None:
    """Whatever bytes of the index change after it was closed, the next build publishes the same feeds."""
    for number in range(12):
        topics = ["AI", "Deep Sea"][: number % 3]
        site.write(f"s{number}.md", f"Body {number}", topics=topics, publishedDateTime=iso(NOW - 60 * number))
    site.build()
    before = site.documents()
    path = site.root / "state/index.db"
    data = bytearray(path.read_bytes())
    dice = random.Random(f"{round_number} {flips}")
    for _ in range(flips):
        data[dice.randrange(100, len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    assert "the index was rebuilt" in site.build().notes[0]
    assert site.documents() == before


def test_a_copied_state_folder_is_not_damaged(site: SiteFolder) -> None:
    """A backup or a CI cache restores it with other inodes and times."""
    site.write("a.md")
    site.build(now=LATER)
    path = site.root / "state/index.db"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    os.utime(path, ns=(5, 5))
    turn = site.build(now=LATER)
    assert (turn.notes, turn.read) == ((), 0)


@pytest.mark.parametrize("seeds", ["as they are", "without one"])
def test_after_an_older_copy_of_the_state_folder_no_feed_is_outdated(site: SiteFolder, seeds: str) -> None:
    """Feeds and pages published after the copy was made show what their seeds say now: nothing if they are gone."""
    site.write("a.md", topics=["Ice"])
    site.build()
    shutil.copytree(site.root / "state", site.root / "copy")
    site.write("b.md", title="Withdrawn since", topics=["Sea"], publishedDateTime=iso(NOW - 90 * 86_400))
    site.build()
    if seeds == "without one":
        (site.seeds / "b.md").unlink()
    shutil.rmtree(site.root / "state")
    (site.root / "copy").rename(site.root / "state")
    assert site.build().failed == ()
    names = {name for name, body in site.documents().items() if b"Withdrawn since" in body}
    assert bool(names) == (seeds == "as they are")
    assert site.slugs() == {"all", "ice", "sea"}
    site.build(prune=True)
    assert ("sea" in site.slugs()) == (seeds == "as they are")


def test_after_an_older_copy_of_the_state_folder_no_archive_page_is_outdated(site) -> None:
    """The page is of a month beyond the feed's limit that was cut in two since; neither the feed nor the site shows it."""
    site.settings["feed"] = {"limit": 1}
    site.write("new.md")
    for number in range(100):
        site.write(f"{number}.md", publishedDateTime=iso(NOW - 70 * 86_400 + number * 9_000))
    site.build()
    before = site.documents()
    shutil.copytree(site.root / "state", site.root / "copy")
    site.write("since.md", title="Withdrawn since", publishedDateTime=iso(NOW - 70 * 86_400))
    site.build()
    assert site.documents().keys() > before.keys()
    (site.seeds / "since.md").unlink()
    shutil.rmtree(site.root / "state")
    (site.root / "copy").rename(site.root / "state")
    site.build()
    assert site.documents() == before


def test_a_damaged_seed_in_the_index_is_read_again_from_its_file(site: SiteFolder) -> None:
    """The digest of the seed is enough, without the note beside the index."""
    site.write("a.md", title="Honest")
    site.build(now=LATER)
    with database(site) as db:
        db.execute("UPDATE seed SET seed=CAST(replace(CAST(seed AS TEXT), 'Honest', 'Honesx') AS BLOB)")
    site.settings["feed"] = {"limit": 5}
    turn = site.build(now=LATER)
    assert site.titles() == ["Honest"]
    assert "the index was rebuilt" in turn.notes[0]


def test_a_damaged_row_of_remembered_ids_costs_only_that_row(site: SiteFolder) -> None:
    """The other ids are copied to the new index."""
    for name in ("a", "b"):
        site.write(f"{name}.md")
    site.build()
    for name in ("a", "b"):
        site.write(f"{name}.md", webUrl=f"https://news.example.org/{name}-moved")
    site.build()
    with database(site) as db:
        db.execute("UPDATE story SET id='https://evil.example/' WHERE id LIKE '%/a'")
        db.execute("DROP TABLE entry")
    site.build()
    assert set(site.ids()) == {"https://news.example.org/a-moved", "https://news.example.org/b"}


def test_a_downgrade_keeps_the_ids_of_a_later_version(site: SiteFolder) -> None:
    """Unknown columns in its tables are ignored."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl="https://news.example.org/changed")
    site.build()
    with database(site) as db:
        db.execute("ALTER TABLE story ADD COLUMN later")
        db.execute("PRAGMA user_version=99")
    site.build()
    assert site.ids() == ["https://news.example.org/a"]


@pytest.mark.slow
def test_a_locked_index_is_reported_and_left_alone(site: SiteFolder) -> None:
    """The error is one sentence, nothing is rebuilt, and the next build continues."""
    site.write("a.md")
    site.build()
    with closing(sqlite3.connect(site.root / "state/index.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        site.write("b.md")
        with pytest.raises(AggregatorError, match="the index cannot be used: database is locked"):
            site.build()
    assert site.build().notes == ()
    assert len(site.ids()) == 2


@pytest.mark.parametrize("name", ["index.db", "lock"])
def test_a_state_folder_that_cannot_be_used_is_named(site: SiteFolder, name: str) -> None:
    """If there is a folder where a file must be, the error has its path, and no lock remains."""
    site.write("a.md")
    (site.root / "state" / name).mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(AggregatorError, match=r"state(/lock)?: "):
            site.build()
    (site.root / "state" / name).rmdir()
    assert site.build().items == 1


def test_a_feeds_folder_that_cannot_be_written_leaves_no_lock(site: SiteFolder) -> None:
    """The next build in the same process can try again."""
    site.write("a.md")
    site.feeds.write_text("not a folder")
    with pytest.raises(AggregatorError, match="feeds"):
        site.build()
    site.feeds.unlink()
    assert site.build().items == 1


def test_opening_read_only_changes_nothing(site: SiteFolder) -> None:
    """`status` and `explain` may read an index that is damaged or in use."""
    site.write("a.md")
    site.build(now=LATER)
    state = {path.name: path.read_bytes() for path in (site.root / "state").iterdir()}
    index = Index(str(site.root / "state/index.db"), read_only=True)
    assert [path for path, _ in index.files.stat_keys()] == ["a.md"]
    index.close()
    after = {
        path.name: path.read_bytes()
        for path in (site.root / "state").iterdir()
        if not path.name.endswith(("-shm", "-wal"))
    }
    assert after == state
