"""Bugs that fault injection found, each with its shortest reproduction."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from support.failing_operations import FailingOperations
from support.site_checks import open_files
from support.site_folder import NOW, SiteFolder, iso

import aggregator
from aggregator.cli import commands
from aggregator.cli.report import problem_lines
from aggregator.index.database import reason_not_rendered
from aggregator.index.index import Index
from aggregator.model.errors import AggregatorError, ConfigError
from aggregator.model.reports import Turn
from aggregator.site.site import Site


def test_a_page_cut_short_while_it_was_written_is_seen_though_it_shows_the_same_again(site: SiteFolder) -> None:
    """After a kill between two documents of a page, a reverted edit makes the page look current, but it is rewritten."""
    site.write("old.md", publishedDateTime=iso(NOW - 60 * 86_400))
    site.write("new.md")
    site.build()
    before = site.documents()
    page = site.feeds / "all/archive/2026-03/atom.xml"
    page.with_name("other").write_bytes(page.read_bytes().replace(b"Item old", b"Item odd"))
    page.with_name("other").replace(page)
    with closing(sqlite3.connect(site.root / "state/index.db", isolation_level=None)) as index:
        index.execute("UPDATE page SET dirty=1")  # as the killed turn left it
    site.build()
    assert site.documents() == before


def test_a_lock_is_released_if_its_file_cannot_be_written(site: SiteFolder) -> None:
    """If the disk is full when the process id is written, the next build is not refused."""
    site.write("a.md")
    config = site.config()
    with FailingOperations(site.root, 1, random.Random(1), only="pwrite") as faults, pytest.raises(AggregatorError):
        aggregator.build(config, now=NOW)
    assert faults.failed
    with Site(config):
        pass


def test_a_file_system_without_locks_is_not_taken_for_another_process(site: SiteFolder) -> None:
    """ENOLCK, as some network file systems return it, is reported as such."""
    site.write("a.md")
    config = site.config()
    with FailingOperations(site.root, 1, random.Random(1), only="flock"), pytest.raises(AggregatorError) as caught:
        aggregator.build(config, now=NOW)
    assert os.strerror(errno.ENOLCK) in str(caught.value)
    assert "held by" not in str(caught.value)


def test_a_commit_that_fails_leaves_no_transaction_open(site: SiteFolder) -> None:
    """The daemon's next turn can begin a transaction."""
    index = Index(str(site.root / "index.db"))
    index._db.execute("PRAGMA foreign_keys=ON")
    index._db.execute("CREATE TABLE one(key INTEGER PRIMARY KEY)")
    index._db.execute("CREATE TABLE two(key REFERENCES one(key) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), index.transaction(filled=False):
        index._db.execute("INSERT INTO two VALUES(7)")
    with index.transaction(filled=False):
        pass
    index.close()


@pytest.mark.slow
def test_a_first_filling_whose_index_cannot_be_put_in_its_place_is_no_damage(
    make_site: Callable[[str], SiteFolder],
) -> None:
    """Whichever step fails, the filled index stays, and the next turn of the same process continues with it."""
    for what in ("replace", "fsync", "unlink", "sql"):
        for number in itertools.count(1):
            site = make_site(f"{what}{number}")
            site.write("a.md")
            with Site(site.config()) as living:
                fault = FailingOperations(site.root, number, random.Random(number), only=what)
                with fault as faults, suppress(AggregatorError, OSError, sqlite3.Error):
                    living.build(now=NOW)
                turn = living.build(now=NOW)
                if faults.failed.endswith(
                    "connect"
                ):  # too many open files: the next turn finds no index, and rebuilds it
                    continue
                assert turn.notes == (), faults.failed
            assert (site.ids(), list((site.root / "state").glob("*.damaged"))) == (["https://news.example.org/a"], [])
            if not faults.failed:
                break


def test_errors_of_the_system_come_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    """The message of every failed operation has the path, the system's error and what to do."""
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    for error in (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/feeds"), OSError(errno.EIO, "I/O error"), full):
        with pytest.raises(SystemExit):
            commands._fail(error, 1)
    assert capsys.readouterr().err.splitlines() == [
        "aggregator: /feeds: Too many open files (raise the limit of open files, `ulimit -n`)",
        "aggregator: I/O error (look at the disk; the system's log says more)",
        "aggregator: database or disk is full (free some space)",
    ]


def test_an_index_that_fails_is_not_called_a_bug() -> None:
    """The feed stays and the disk is named; of a bug only the type is named, since its message may quote a seed."""
    broken = sqlite3.OperationalError("disk I/O error")
    broken.sqlite_errorname = "SQLITE_IOERR_READ"
    assert reason_not_rendered(broken).startswith(
        "not rendered, since the index cannot be used: disk I/O error (check "
    )
    assert reason_not_rendered(ValueError("private")) == "not rendered because of a bug in this program (ValueError)"


def test_a_seeds_folder_that_fails_once_it_is_open_is_closed_and_named(site: SiteFolder) -> None:
    """EIO from each operation on an open folder or file is reported with its path, and no descriptor leaks."""
    site.write("a.md")
    config = site.config()
    site.build()
    site.write("a.md", title="Another")
    for number in range(1, 4):
        before = open_files()
        with FailingOperations(site.root, number, random.Random(1), only="fstat") as faults, suppress(AggregatorError):
            aggregator.build(config, now=NOW)
        gc.collect()
        assert open_files() == before, number
        if number == 1:
            assert faults.failed
        site.write("a.md", title=f"Another {number}")


def test_a_seeds_folder_whose_disk_fails_is_not_called_gone(site: SiteFolder) -> None:
    """EIO or EACCES is reported, and nothing is withdrawn."""
    site.write("a.md")
    config = site.config()
    site.build()
    with (
        FailingOperations(site.root, 1, random.Random(1), only="stat", lasting=True) as faults,
        pytest.raises(AggregatorError) as caught,
    ):
        aggregator.build(config, now=NOW)
    assert faults.failed.endswith(str(site.seeds))
    assert "the seeds folder cannot be read" in str(caught.value)
    assert len(site.ids()) == 1


def test_a_seed_that_cannot_be_looked_at_is_not_gone(site: SiteFolder) -> None:
    """If the disk fails on the path of an event, the seed stays, and the daemon is asked for a full scan."""
    site.write("a.md")
    site.build()
    with Site(site.config()) as living:
        with FailingOperations(site.root, 1, random.Random(1), only="lstat") as faults:
            turn = living.take_partial_turn(["a.md"], now=NOW)
        assert faults.failed
        assert "a.md: cannot be examined" in turn.doubt
        assert turn.removed == 0
        assert len(site.ids()) == 1


def test_one_damaged_file_costs_its_neighbours_nothing(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """After EIO from stat or open, the seed stays as it was and is named; other seeds are read."""
    for name in ("a", "b", "c"):
        site.write(f"{name}.md", title=name)
    site.build()
    listed, opened = os.scandir, os.open

    class Damaged:
        name = "b.md"

        def stat(self, **_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        is_symlink = is_dir = stat

    @contextmanager
    def with_damage(path: str) -> Iterator[list[Any]]:
        with listed(path) as entries:
            yield [Damaged() if entry.name == "b.md" else entry for entry in entries]

    def scandir(path: str | int) -> Any:
        return listed(path) if isinstance(path, int) else with_damage(path)

    def opening(path: str, *rest: Any, **others: Any) -> int:
        if path == "b.md":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, *rest, **others)

    for name in ("a", "b", "c"):
        site.write(f"{name}.md", title=f"New {name}")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        patch.setattr(os, "open", opening)
        turn = aggregator.build(site.config(), now=NOW)
    assert sorted(site.titles()) == ["New a", "New c", "b"]
    assert [str(problem) for problem in turn.problems] == [
        "b.md: cannot be read: Input/output error (look at the disk; the system's log says more)"
    ]
    site.build()
    assert sorted(site.titles()) == ["New a", "New b", "New c"]


@pytest.mark.parametrize("number", range(1, 8))
def test_a_folder_that_cannot_be_listed_is_named_with_the_reason(site: SiteFolder, number: int) -> None:
    """EIO, EACCES or EMFILE from listing topics, seeds or feeds gives a message with the system's error."""
    site.write("sub/a.md")
    site.build()
    before = site.documents()
    messages, path = [], site.config().path
    with FailingOperations(site.root, number, random.Random(number), only="scandir") as faults:
        try:
            messages += aggregator.build(aggregator.load_config(path), now=NOW, fresh=True).notes
        except AggregatorError as error:
            messages.append(str(error))
    # Without a path it was the search for temporary files, by descriptor: the next build repeats it.
    if faults.failed and len(faults.failed.split()) > 2:
        assert any(os.strerror(getattr(errno, faults.failed.split()[1])) in one for one in messages), (
            faults.failed,
            messages,
        )
    site.build()
    assert site.documents() == before


@pytest.mark.parametrize("fresh", [False, True])
def test_an_index_that_cannot_be_looked_at_is_not_begun_anew(site: SiteFolder, *, fresh: bool) -> None:
    """EIO from any stat is reported, nothing is published, and ids that only the index has survive."""
    site.write("a.md", webUrl="https://news.example.org/before")
    site.build()
    known = site.ids()
    config = site.config()
    for number in range(1, 12):
        site.write("a.md", webUrl=f"https://news.example.org/after-{number}")
        with (
            FailingOperations(site.root, number, random.Random(number), only="stat", lasting=True),
            suppress(AggregatorError),
        ):
            aggregator.build(config, now=NOW, fresh=fresh)
        assert site.ids() == known
    site.build()
    assert site.ids() == known


def test_a_state_folder_that_cannot_be_used_is_named_with_the_reason(site: SiteFolder) -> None:
    """This happens if the disk fails, or if a file has that name."""
    site.write("a.md")
    config = site.config()
    site.build()
    with (
        FailingOperations(site.root, 3, random.Random(1), only="stat", lasting=True) as faults,
        pytest.raises(ConfigError) as caught,
    ):
        aggregator.build(config, now=NOW)
    assert faults.failed.endswith("/state")
    assert "cannot be used: " + os.strerror(getattr(errno, faults.failed.split()[1])) in str(caught.value)
    config = site.config(state="taken")
    (site.root / "taken").touch()
    with pytest.raises(ConfigError, match="a file has its name"):
        aggregator.build(config, now=NOW)


def test_a_lock_is_released_if_its_file_cannot_be_closed(site: SiteFolder) -> None:
    """The build is complete by then, and no error is raised."""
    site.write("a.md")
    config = site.config()
    aggregator.build(config, now=NOW)
    with FailingOperations(site.root, 1, random.Random(1), only="close", lasting=True) as faults:
        aggregator.build(config, now=NOW)
    assert faults.failed.startswith("close")
    with Site(config):
        pass


def test_documents_that_fail_alike_are_counted_not_listed() -> None:
    """If the disk is full, three documents are named and the others counted; other reasons are still named."""
    full = [f"t{number}/rss.xml: No space left on device (free some space)" for number in range(400)]
    turn = Turn(now=NOW, failed=(*full[:200], "all/rss.xml: Permission denied", *full[200:]))
    assert list(problem_lines(turn)) == [
        *(f"not written: {one}" for one in full[:3]),
        "not written: … and 397 more: No space left on device (free some space)",
        "not written: all/rss.xml: Permission denied",
    ]


def test_what_a_rewrite_of_the_index_leaves_is_removed(site: SiteFolder) -> None:
    """`index.db.again` is removed if it cannot be written, and at the next start if the process was killed."""
    site.write("a.md")
    state = site.root / "state"
    with Site(site.config()) as living:
        living.build(now=NOW)
        (state / "index.db").unlink()
        with FailingOperations(site.root, 1, random.Random(1), only="fsync") as faults, pytest.raises(OSError):
            living.restore_removed_index()
        assert faults.failed
        assert list(state.glob("*.again*")) == []
        assert living.restore_removed_index()
    for name in ("index.db.again", "index.db.again-journal"):
        (state / name).write_bytes(b"x" * 100)
    site.build()
    assert list(state.glob("*.again*")) == []


def test_memory_that_ran_out_is_not_called_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """It comes with advice, wherever bugs are named."""
    with pytest.raises(MemoryError) as caught:
        bytearray(2**62)
    advice = "memory ran out (free some, or raise the limit of this process)"
    assert reason_not_rendered(caught.value) == f"not rendered because {advice}"
    with pytest.raises(SystemExit):
        commands._fail(caught.value, 1)
    assert capsys.readouterr().err == f"aggregator: {advice}\n"
