"""What one command says agrees with itself, and with what the others say."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from service.http.test_document_cache import cache_of, put
from support.command_line import run

from aggregator.cli import report
from aggregator.model import document_names
from aggregator.model.reports import Turn
from aggregator.publisher.files import FolderWriter


def test_what_could_not_be_written_is_not_nothing_to_write(folder: Path) -> None:
    """A build that fails to write says that nothing was written."""
    (folder / "feeds").mkdir()
    (folder / "feeds/index.html").write_text("mine")
    result = run(folder, "build", expect=1)
    assert "nothing written" in result.stdout
    assert "nothing to write" not in result.stdout
    assert "not written: index.html: somebody else" in result.stderr


def test_a_fresh_build_says_read_again(folder: Path) -> None:
    """Seeds that were known are not called added."""
    assert "1 added" in run(folder, "build").stdout
    answer = run(folder, "build", "--fresh").stdout
    assert "1 read again" in answer
    assert "added" not in answer


def test_the_rule_is_called_a_rule() -> None:
    """`are not valid (rule: valid)`, not `(valid)`."""
    assert list(report.held_back_lines(Turn(now=0, held={"valid": 8}))) == ["      8 are not valid (rule: valid)"]


@pytest.mark.parametrize("command", ["build", "check", "status", "run", "serve", "trigger"])
def test_a_missing_config_is_wrong_usage_everywhere(tmp_path: Path, command: str) -> None:
    """The exit code is 2, and the message names --config and `init`."""
    answer = run(tmp_path, command, expect=2).stderr
    assert "--config" in answer
    assert "aggregator init" in answer


def test_who_is_locked_out_learns_of_trigger(folder: Path) -> None:
    """The message says what a daemon there does if it is asked."""
    run(folder, "build")
    with (folder / ".aggregator/lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "`aggregator trigger`" in run(folder, "build", expect=3).stderr


def test_status_says_that_the_folder_is_missing(folder: Path) -> None:
    """It is a problem, so it comes before the counts."""
    run(folder, "build")
    (folder / "seeds").rename(folder / "away")
    lines = run(folder, "status").stdout.splitlines()
    problem = next(line for line in lines if f"{folder}/seeds: the seeds folder is missing" in line)
    assert lines.index(problem) < next(number for number, line in enumerate(lines) if line.startswith("1 seed"))


def test_no_archive_page_is_immutable() -> None:
    """Pages of a month that is over still change: by an edit, a withdrawal, or the link to the next month."""
    assert document_names.cache_control("all/archive/2026-03/rss.xml", 1_790_000_000) == "max-age=86400"


def test_a_month_to_come_is_not_found(writer: FolderWriter, feeds: Path) -> None:
    """The newest page is not what somebody asked for who asks for a month that never was; one that was merged is."""
    put(feeds, "all/archive/2026-03/rss.xml", b"<rss/>")
    cache = cache_of(feeds, now=1_780_000_000)
    assert cache.replacement("all/archive/2030-01/rss.xml") == ""
    assert cache.replacement("all/archive/2026-06/rss.xml") == ""
    assert cache.replacement("all/archive/2026-03-16/rss.xml") == "all/archive/2026-03/rss.xml"
    assert cache.replacement("all/archive/2026-04/rss.xml") == "all/archive/2026-03/rss.xml"
