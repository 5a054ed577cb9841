"""What the harness found, each mended: the shortest way to it."""

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
from support.failing_operations import Faults
from support.site_checks import open_files
from support.site_folder import NOW, SiteFolder, iso

import aggregator
from aggregator.cli import commands
from aggregator.cli.report import problem_lines
from aggregator.index.database import why_not_rendered
from aggregator.index.index import Index
from aggregator.model.errors import AggregatorError, ConfigError
from aggregator.model.reports import Turn
from aggregator.site.site import Site


def test_a_page_cut_short_while_it_was_written_is_seen_though_it_shows_the_same_again(site: SiteFolder) -> None:
    """A kill between two documents of a page, then the edit is taken back: the page is not what its row says."""
    site.write("old.md", publishedDateTime=iso(NOW - 60 * 86_400))
    site.write("new.md")
    site.build()
    before = site.documents()
    page = site.feeds / "all/archive/2026-03/atom.xml"
    page.with_name("other").write_bytes(page.read_bytes().replace(b"Item old", b"Item odd"))
    page.with_name("other").replace(page)
    with closing(sqlite3.connect(site.root / "state/index.db", isolation_level=None)) as index:
        index.execute("UPDATE page SET dirty=1")  # as the turn left it that was killed
    site.build()
    assert site.documents() == before


def test_a_lock_that_cannot_be_noted_is_let_go(site: SiteFolder) -> None:
    """A full disk while the process notes its number: the next build is not refused."""
    site.write("a.md")
    config = site.config()
    with Faults(site.root, 1, random.Random(1), only="pwrite") as faults, pytest.raises(AggregatorError):
        aggregator.build(config, now=NOW)
    assert faults.met
    with Site(config):
        pass


def test_a_lock_that_the_file_system_cannot_give_is_no_other_process(site: SiteFolder) -> None:
    """ENOLCK, as of some network file systems, is named as what it is."""
    site.write("a.md")
    config = site.config()
    with Faults(site.root, 1, random.Random(1), only="flock"), pytest.raises(AggregatorError) as caught:
        aggregator.build(config, now=NOW)
    assert os.strerror(errno.ENOLCK) in str(caught.value)
    assert "held by" not in str(caught.value)


def test_a_commit_that_fails_leaves_no_transaction_open(site: SiteFolder) -> None:
    """The daemon's next turn begins one of its own."""
    index = Index(str(site.root / "index.db"))
    index._db.execute("PRAGMA foreign_keys=ON")
    index._db.execute("CREATE TABLE one(key INTEGER PRIMARY KEY)")
    index._db.execute("CREATE TABLE two(key REFERENCES one(key) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), index.transaction(filled=False):
        index._db.execute("INSERT INTO two VALUES(7)")
    with index.transaction(filled=False):
        pass
    index.close()


def test_a_first_filling_whose_index_cannot_be_put_in_its_place_is_no_damage(
    make_site: Callable[[str], SiteFolder],
) -> None:
    """Whichever step of it is refused: what was filled stays, and the next turn of the same process goes on with it."""
    for what in ("replace", "fsync", "unlink", "sql"):
        for number in itertools.count(1):
            site = make_site(f"{what}{number}")
            site.write("a.md")
            with Site(site.config()) as living:
                fault = Faults(site.root, number, random.Random(number), only=what)
                with fault as faults, suppress(AggregatorError, OSError, sqlite3.Error):
                    living.build(now=NOW)
                turn = living.build(now=NOW)
                if faults.met.endswith("connect"):  # too many open files: the next turn has no index, and mends it
                    continue
                assert turn.notes == (), faults.met
            assert (site.ids(), list((site.root / "state").glob("*.damaged"))) == (["https://news.example.org/a"], [])
            if not faults.met:
                break


def test_what_the_system_refuses_is_told_with_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever operation it was: the place, the system's words, and what to do."""
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
    """The feed stays as it was, and the disk is named; of a bug its kind alone, as its words may quote a seed."""
    broken = sqlite3.OperationalError("disk I/O error")
    broken.sqlite_errorname = "SQLITE_IOERR_READ"
    assert why_not_rendered(broken).startswith("not rendered, since the index cannot be used: disk I/O error (look ")
    assert why_not_rendered(ValueError("private")) == "not rendered because of a bug in this program (ValueError)"


def test_a_seeds_folder_that_fails_once_it_is_open_is_closed_and_named(site: SiteFolder) -> None:
    """EIO from each look at an open folder or file: it is said where, and no descriptor is left behind."""
    site.write("a.md")
    config = site.config()
    site.build()
    site.write("a.md", title="Another")
    for number in range(1, 4):
        before = open_files()
        with Faults(site.root, number, random.Random(1), only="fstat") as faults, suppress(AggregatorError):
            aggregator.build(config, now=NOW)
        gc.collect()
        assert open_files() == before, number
        if number == 1:
            assert faults.met
        site.write("a.md", title=f"Another {number}")


def test_a_seeds_folder_whose_disk_fails_is_not_called_gone(site: SiteFolder) -> None:
    """EIO or EACCES is what is said, and nothing is withdrawn."""
    site.write("a.md")
    config = site.config()
    site.build()
    with (
        Faults(site.root, 1, random.Random(1), only="stat", lasting=True) as faults,
        pytest.raises(AggregatorError) as caught,
    ):
        aggregator.build(config, now=NOW)
    assert faults.met.endswith(str(site.seeds))
    assert "the seeds folder cannot be read" in str(caught.value)
    assert len(site.ids()) == 1


def test_a_seed_that_cannot_be_looked_at_is_not_gone(site: SiteFolder) -> None:
    """An event points to it and the disk fails: it stays, and the daemon is told to look everywhere."""
    site.write("a.md")
    site.build()
    with Site(site.config()) as living:
        with Faults(site.root, 1, random.Random(1), only="lstat") as faults:
            turn = living.look_at(["a.md"], now=NOW)
        assert faults.met
        assert "a.md: cannot be looked at" in turn.doubt
        assert turn.removed == 0
        assert len(site.ids()) == 1


def test_one_damaged_file_costs_its_neighbours_nothing(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO from looking at it and from opening it: it stays as it was and is named, and the others are taken in."""
    for name in ("a", "b", "c"):
        site.write(f"{name}.md", title=name)
    site.build()
    listed, opened = os.scandir, os.open

    class Damaged:
        name = "b.md"

        def stat(self, **_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

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
    """EIO, EACCES or EMFILE from each listing of topics, seeds or feeds: a message for people, with what the system said."""
    site.write("sub/a.md")
    site.build()
    before = site.documents()
    said, path = [], site.config().path
    with Faults(site.root, number, random.Random(number), only="scandir") as faults:
        try:
            said += aggregator.build(aggregator.load_config(path), now=NOW, fresh=True).notes
        except AggregatorError as error:
            said.append(str(error))
    if faults.met:
        assert any(os.strerror(getattr(errno, faults.met.split()[1])) in one for one in said), (faults.met, said)
    site.build()
    assert site.documents() == before


@pytest.mark.parametrize("fresh", [False, True])
def test_an_index_that_cannot_be_looked_at_is_not_begun_anew(site: SiteFolder, *, fresh: bool) -> None:
    """EIO from whichever stat: it is said, nothing is published, and the ids that only the index knows survive."""
    site.write("a.md", webUrl="https://news.example.org/before")
    site.build()
    known = site.ids()
    config = site.config()
    for number in range(1, 12):
        site.write("a.md", webUrl=f"https://news.example.org/after-{number}")
        with Faults(site.root, number, random.Random(number), only="stat", lasting=True), suppress(AggregatorError):
            aggregator.build(config, now=NOW, fresh=fresh)
        assert site.ids() == known
    site.build()
    assert site.ids() == known


def test_a_state_folder_that_cannot_be_used_is_named_with_the_reason(site: SiteFolder) -> None:
    """A disk that fails, or a file of that name."""
    site.write("a.md")
    config = site.config()
    site.build()
    with (
        Faults(site.root, 3, random.Random(1), only="stat", lasting=True) as faults,
        pytest.raises(ConfigError) as caught,
    ):
        aggregator.build(config, now=NOW)
    assert faults.met.endswith("/state")
    assert "cannot be used: " + os.strerror(getattr(errno, faults.met.split()[1])) in str(caught.value)
    config = site.config(state="taken")
    (site.root / "taken").touch()
    with pytest.raises(ConfigError, match="a file has its name"):
        aggregator.build(config, now=NOW)


def test_a_lock_whose_file_cannot_be_closed_is_given_back(site: SiteFolder) -> None:
    """All is done by then, and nothing is said of it."""
    site.write("a.md")
    config = site.config()
    aggregator.build(config, now=NOW)
    with Faults(site.root, 1, random.Random(1), only="close", lasting=True) as faults:
        aggregator.build(config, now=NOW)
    assert faults.met.startswith("close")
    with Site(config):
        pass


def test_documents_that_fail_alike_are_counted_not_listed() -> None:
    """Of a full disk three documents are named; another reason is not lost among them."""
    full = [f"t{number}/rss.xml: No space left on device (free some space)" for number in range(400)]
    turn = Turn(now=NOW, failed=(*full[:200], "all/rss.xml: Permission denied", *full[200:]))
    assert list(problem_lines(turn)) == [
        *(f"not written: {one}" for one in full[:3]),
        "not written: … and 397 more: No space left on device (free some space)",
        "not written: all/rss.xml: Permission denied",
    ]
