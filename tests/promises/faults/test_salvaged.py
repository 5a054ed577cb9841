"""Remembered ids survive a damaged index, even if its rescue is killed or fails (G7, G8)."""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.failing_operations import FailingOperations
from support.site_folder import NOW, SiteFolder

from aggregator import AggregatorError
from aggregator.index import recovery
from aggregator.index.index import Index
from aggregator.site.site import Site

SEEDS = 12


@pytest.fixture
def moved(site: SiteFolder) -> SiteFolder:
    """Return a site whose ids only the index knows, since each link has changed."""
    for turn in ("first", "second"):
        for number in range(SEEDS):
            site.write(f"{number}.md", webUrl=f"https://news.example.org/{turn}/{number}/{'x' * 900}")
        site.build()
    return site


def damage(site: SiteFolder) -> None:
    """Overwrite the first database page of the table of files."""
    path = site.root / "state/index.db"
    with closing(sqlite3.connect(path)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name='file'").fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xee" * size
    path.write_bytes(data)


def test_an_empty_feed_keeps_its_name(site: SiteFolder) -> None:
    """After a rescue the names that seeds used for a topic are known, and are counted again."""
    site.write("a.md", topics=["Sea"])
    site.write("b.md", topics=["LLM news"])
    site.build()
    site.write("a.md", topics=["SEA"])
    (site.seeds / "b.md").unlink()
    site.build()
    damage(site)
    assert any("the index was rebuilt" in note for note in site.build().notes)
    names = [json.loads((site.feeds / slug / "feed.json").read_bytes())["title"] for slug in ("sea", "llm-news")]
    assert names == ["SEA", "LLM news"]


def in_a_child(do: Callable[[], object]) -> int:
    """Call a function in a child process and return its exit code; 0 if it returned."""
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        code = 1
        with suppress(BaseException):
            do()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(number: int, path: str) -> None:
    """Open an index, and exit at the n-th operation that changes its folder or copies a row."""
    left = iter(range(number))

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def operation(*args: object) -> object:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return operation

    def rows(*args: str, real: Callable[..., Iterator[object]] = recovery._readable) -> Iterator[object]:
        yield from map(dying(lambda row: row), real(*args))

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink", "fsync"):
            patch.setattr(os, name, dying(getattr(os, name)))
        patch.setattr(recovery, "_readable", rows)
        Index(path)


def restored(site: SiteFolder, backup: Path) -> str:
    shutil.rmtree(site.root / "state")
    shutil.copytree(backup, site.root / "state")
    return str(site.root / "state/index.db")


@pytest.mark.slow
def test_a_rescue_that_is_killed_at_any_moment_loses_no_id(moved: SiteFolder) -> None:
    """After kill -9 before each step, or while rows are copied, the next build has the same ids."""
    known, backup = moved.ids(), moved.root / "backup"
    damage(moved)
    shutil.copytree(moved.root / "state", backup)
    for number in itertools.count():
        path = restored(moved, backup)
        end = in_a_child(lambda number=number, path=path: killed_at(number, path))
        moved.build()
        assert moved.ids() == known, number
        left = {
            path.name for path in (moved.root / "state").glob("index.db*") if not path.name.endswith(("wal", "shm"))
        }
        assert left == {"index.db", "index.db.damaged", "index.db.sum"}, number
        if end == 0:
            break
        assert end == -signal.SIGKILL
    assert number > 4 * SEEDS


@pytest.mark.slow
def test_a_disk_that_is_full_during_a_rescue_loses_no_id(moved: SiteFolder) -> None:
    """Wherever the disk was full, all remembered ids are there once there is space."""
    known, backup = moved.ids(), moved.root / "backup"
    damage(moved)
    shutil.copytree(moved.root / "state", backup)
    size = (backup / "index.db").stat().st_size
    ends = []
    for limit in (4_096, *range(8_192, size + 40_000, 12_000), size + 40_000):

        def with_limit(limit: int = limit) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            Index(str(moved.root / "state/index.db")).close()

        restored(moved, backup)
        ends.append(in_a_child(with_limit))
        assert not list((moved.root / "state").glob("index.db.new*"))
        moved.build()
        assert moved.ids() == known, limit
    assert {ends[0], ends[-1]} == {1, 0}


def test_a_rescue_without_space_is_done_by_a_later_turn(moved: SiteFolder) -> None:
    """In one process, the error is reported, nothing is lost, and the next turn repairs the index."""
    known = moved.ids()
    with Site(moved.config()) as living:
        page = living.index._db.execute("PRAGMA page_count").fetchone()[0]
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorname = "SQLITE_FULL"

        def no_space(*_: object) -> None:
            raise full

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recovery.Rescue, "_salvage", no_space)
            with pytest.raises(sqlite3.OperationalError, match="full"):
                living.replace_index(ValueError("damaged"))
            patch.setattr(Site, "take_full_turn", broken)
            with pytest.raises(AggregatorError, match=r"the index is damaged \(a flipped bit\), and no .* \(free some"):
                living.build(now=NOW)
        assert living.index._db.execute("PRAGMA page_count").fetchone()[0] == page
        living.replace_index(ValueError("damaged"))
        moved.write("0.md", webUrl="https://news.example.org/third")
        living.build(now=NOW)
    assert sorted(moved.ids()) == sorted(known)


def broken(*_: object, **__: object) -> None:
    """Raise the error of a damaged index."""
    raise sqlite3.DatabaseError("a flipped bit")


@pytest.mark.parametrize("what", ["replace", "unlink", "fsync", "sql"])
def test_a_rescue_that_is_refused_is_done_by_the_next_turn(moved: SiteFolder, what: str) -> None:
    """In one process, whichever step failed, the next turn continues the rescue."""
    known = moved.ids()
    with Site(moved.config()) as living:
        for number in itertools.count(1, 7 if what == "sql" else 1):
            dice = random.Random(number)
            with FailingOperations(moved.root, number, dice, only=what) as faults, suppress(OSError, sqlite3.Error):
                living.replace_index(ValueError("damaged"))
            if not faults.failed:
                break
            living.replace_index(ValueError("damaged"))
            assert living.build(now=NOW).failed == ()
            assert moved.ids() == known, faults.failed
    assert number > 1


def test_damage_that_cannot_be_repaired_at_once_is_not_forgotten(moved: SiteFolder) -> None:
    """The marker file beside the index survives a start without the space to repair it."""
    path = moved.root / "state/index.db"
    before = moved.documents()
    path.write_bytes(path.read_bytes().replace(b"Item 7", b"Item 9"))

    def with_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
        Index(str(path))

    assert in_a_child(with_limit) == 1
    moved.settings["feed"] = {"limit": SEEDS}
    assert "its bytes are not those that were written" in moved.build().notes[0]
    assert moved.documents() == before


def test_a_leftover_write_ahead_log_does_not_spoil_a_later_rescue(moved: SiteFolder) -> None:
    """The log of the first damaged index stayed because of a reader; it is not applied to the second one."""
    path = moved.root / "state/index.db"
    known = moved.ids()
    with Site(moved.config()) as living, closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as looking:
        looking.execute("BEGIN")
        looking.execute("SELECT count(*) FROM file").fetchone()
        with living.index.transaction():
            living.index.set_meta("some", b"x" * 5_000)
        living.replace_index(ValueError("damaged"))
        assert (path.parent / "index.db.damaged-wal").stat().st_size > 0
    moved.build()
    assert moved.ids() == known
    for turn in ("third", "fourth"):
        for number in range(SEEDS, SEEDS + 10):
            moved.write(f"{number}.md", webUrl=f"https://news.example.org/{turn}/{number}")
        moved.build()
    known = moved.ids()
    damage(moved)
    moved.build()
    assert moved.ids() == known
