"""The state of the pings survives restarts, and no damage of its file stops them (guarantee G7)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.publisher.hub.policy import Hub, Topic
from aggregator.publisher.hub.store import STORE, PingStore, read_stored

ONE = Topic(
    name="all/rss.xml", file_identity="1:2:3", digest=b"\x00\xff", notified=b"a", since=1.5, attempts=2, refused=True
)
TWO = Topic(name="all/atom.xml", digest=b"b")
HUB = Hub(url="https://hub.example.org/", failures=3, not_before=7.25, failed=6.0, reason="no connection")


def opened(state: Path) -> PingStore:
    """Open the store of a state folder."""
    store = PingStore(str(state))
    store.open()
    return store


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    """Whether the store was closed or not; what was deleted stays deleted."""
    store = opened(tmp_path)
    store.put(topics=[ONE, TWO], hub=HUB)
    store.put(gone=[TWO.name])
    assert read_stored(str(tmp_path)) == ({ONE.name: ONE}, HUB)
    other = opened(tmp_path)
    assert (other.topics, other.hub, other.problem) == ({ONE.name: ONE}, HUB, "")
    other.close()
    store.close()
    assert read_stored(str(tmp_path)) == ({ONE.name: ONE}, HUB)


def test_a_row_of_the_version_before_is_read(tmp_path: Path) -> None:
    """The names in the file outlive those in the code: an upgrade sends no ping again."""
    store = opened(tmp_path)
    row = b'{"name":"all/rss.xml","stamp":"1:2:3","seen":"AP8=","told":"YQ==","since":1.5,"attempts":2,"refused":true}'
    assert store._db is not None
    store._db.execute("INSERT INTO ping VALUES('all/rss.xml', ?)", (row,))
    store.close()
    assert read_stored(str(tmp_path)) == ({ONE.name: ONE}, Hub())


@pytest.mark.parametrize(
    "damage", ["junk", "cut", "other version", "foreign rows", "not text", "name", "other name", "text"]
)
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: str) -> None:
    """Its content is lost, and what is put afterwards is kept."""
    store = opened(tmp_path)
    store.put(topics=[ONE], hub=HUB)
    store.close()
    path = tmp_path / STORE
    if damage == "junk":
        path.write_bytes(b"no database at all" * 1_000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:5_000])
    else:
        statements = {
            "other version": "PRAGMA user_version=99",
            "foreign rows": "INSERT INTO ping VALUES('x', 'not one of ours')",
            "name": "UPDATE ping SET name=CAST(name AS BLOB)",
            "other name": "UPDATE ping SET name=name || 'x' WHERE name!=''",
            "text": "UPDATE ping SET value=CAST(value AS TEXT)",
            "not text": "INSERT INTO ping VALUES(CAST(x'ff' AS TEXT), '{}')",
        }
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(statements[damage])
    store = opened(tmp_path)
    assert (store.topics, store.hub, store.problem) == ({}, Hub(), "")
    store.put(topics=[TWO])
    store.close()
    assert read_stored(str(tmp_path)) == ({TWO.name: TWO}, Hub())


def test_a_file_damaged_in_use_is_written_again(tmp_path: Path) -> None:
    """The new file holds what the old one held, from memory."""
    store = opened(tmp_path)
    store.put(topics=[ONE], hub=HUB)
    assert store._db is not None
    store._db.execute("DROP TABLE ping")
    store.put(topics=[TWO])
    assert "cannot be used" in store.problem
    store.put()
    assert store.problem == ""
    store.close()
    assert read_stored(str(tmp_path)) == ({ONE.name: ONE, TWO.name: TWO}, HUB)


def test_a_file_that_cannot_be_written_is_named_and_written_later(tmp_path: Path) -> None:
    """The state folder is missing for a while; everything is written once it exists again."""
    store = opened(tmp_path / "away")
    assert "away/websub.db cannot be used" in store.problem
    store.put(topics=[ONE], hub=HUB)
    assert "cannot be used" in store.problem
    (tmp_path / "away").mkdir()
    store.put(topics=[TWO])
    assert store.problem == ""
    store.close()
    assert read_stored(str(tmp_path / "away")) == ({ONE.name: ONE, TWO.name: TWO}, HUB)


def test_reading_a_missing_or_foreign_file_changes_nothing(tmp_path: Path) -> None:
    """`read_stored` returns None."""
    assert read_stored(str(tmp_path)) is None
    (tmp_path / STORE).write_bytes(b"junk" * 1_000)
    assert read_stored(str(tmp_path)) is None
    assert (tmp_path / STORE).read_bytes() == b"junk" * 1_000
