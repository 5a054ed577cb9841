"""Collected seeds on the disk: whole or not at all, and never over what a person did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.collector import seeds, writing
from aggregator.collector.entries import Document, Entry
from aggregator.model.errors import AggregatorError
from aggregator.model.sources import Source

SOURCE = Source(url="https://blog.example.org/feed.xml")
ENTRY = Entry(key="1", title="A title", link="https://blog.example.org/1", content="<p>one</p>")
PATH = seeds.path_of(ENTRY, SOURCE, first_seen=0)


def seed(content: str = "<p>one</p>") -> bytes:
    entry = Entry(key="1", title="A title", link="https://blog.example.org/1", content=content)
    return seeds.seed_of(entry, SOURCE, Document(format="RSS 2.0"), first_seen=0)


def test_a_seed_is_written_once(tmp_path: Path) -> None:
    """The same bytes again touch nothing; others replace the file."""
    root = str(tmp_path)
    assert writing.put(root, PATH, seed(), is_new=True) == "written"
    before = (tmp_path / PATH).stat()
    assert writing.put(root, PATH, seed(), is_new=False) == "unchanged"
    assert (tmp_path / PATH).stat() == before
    assert writing.put(root, PATH, seed("<p>two</p>"), is_new=False) == "written"
    assert writing.read(root, PATH) == (tmp_path / PATH).read_bytes() == seed("<p>two</p>")
    assert os.listdir((tmp_path / PATH).parent) == [PATH.split("/")[-1]]


def test_what_a_person_changed_stays(tmp_path: Path) -> None:
    """Neither an update nor a withdrawal is written."""
    root = str(tmp_path)
    writing.put(root, PATH, seed(), is_new=True)
    edited = seed().replace(b"one", b"mine")
    (tmp_path / PATH).write_bytes(edited)
    assert writing.put(root, PATH, seed("<p>two</p>"), is_new=False) == "edited"
    assert writing.withdraw(root, PATH) == "edited"
    assert (tmp_path / PATH).read_bytes() == edited


def test_what_a_person_deleted_stays_deleted(tmp_path: Path) -> None:
    """The file, or its folder."""
    root = str(tmp_path)
    writing.put(root, PATH, seed(), is_new=True)
    (tmp_path / PATH).unlink()
    assert writing.put(root, PATH, seed("<p>two</p>"), is_new=False) == "deleted"
    (tmp_path / PATH).parent.rmdir()
    assert writing.put(root, PATH, seed("<p>two</p>"), is_new=False) == "deleted"
    assert writing.withdraw(root, PATH) == "deleted"
    assert writing.read(root, PATH) is None
    assert not (tmp_path / PATH).parent.exists()


def test_a_withdrawn_seed_keeps_its_file(tmp_path: Path) -> None:
    """It says `removed: true`; it comes back by another version of it."""
    root = str(tmp_path)
    writing.put(root, PATH, seed(), is_new=True)
    assert [writing.withdraw(root, PATH) for _ in range(2)] == ["written", "unchanged"]
    assert b"\nremoved: true\n" in (tmp_path / PATH).read_bytes()
    assert writing.put(root, PATH, seed(), is_new=False) == "written"
    assert b"removed" not in (tmp_path / PATH).read_bytes()


def test_a_missing_root_is_not_made(tmp_path: Path) -> None:
    """It may be a disk that is not mounted; the message says what to do."""
    root = str(tmp_path / "collected")
    with pytest.raises(AggregatorError, match=r"collected: the folder of collected seeds is missing \(make it"):
        writing.put(root, PATH, seed(), is_new=True)
    assert not os.path.exists(root)


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Not the folder of a source, not that of a year, not a file."""
    root, other = tmp_path / "collected", tmp_path / "other"
    root.mkdir()
    (other / "1970").mkdir(parents=True)
    source, year, name = PATH.split("/")
    (root / source).symlink_to(other)
    with pytest.raises(AggregatorError):
        writing.put(str(root), PATH, seed(), is_new=True)
    (root / source).unlink()
    (root / source).mkdir()
    (root / source / year).symlink_to(other / "1970")
    with pytest.raises(AggregatorError):
        writing.put(str(root), PATH, seed(), is_new=True)
    (root / source / year).unlink()
    (root / source / year).mkdir()
    (other / "mine.md").write_bytes(seed())
    (root / source / year / name).symlink_to(other / "mine.md")
    assert writing.put(str(root), PATH, seed("<p>two</p>"), is_new=False) == "edited"
    assert (other / "mine.md").read_bytes() == seed()
    assert os.listdir(other / "1970") == []
    assert writing.collected(str(root), SOURCE) == []


@pytest.mark.parametrize(
    "path", ["../x.md", "a/2026/../../x.md", "/etc/2026/x.md", "a/2026/.x.md", "a/2026/x.txt", "a/2026/x.md\n"]
)
def test_only_paths_of_seeds_are_written(tmp_path: Path, path: str) -> None:
    """Whatever an entry is called."""
    with pytest.raises(ValueError, match="no path of a collected seed"):
        writing.put(str(tmp_path), path, seed(), is_new=True)


def test_a_named_pipe_does_not_stop_the_collector(tmp_path: Path) -> None:
    """It is not ours, so it stays."""
    (tmp_path / PATH).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / PATH)
    assert writing.put(str(tmp_path), PATH, seed(), is_new=False) == "edited"
    assert writing.collected(str(tmp_path), SOURCE) == []


def test_the_folder_of_a_source_is_read_again(tmp_path: Path) -> None:
    """For a lost `sources.db`: what was collected, edited or not, and nothing else."""
    root = str(tmp_path)
    for number in range(3):
        entry = Entry(key=str(number), title=f"T{number}", link=f"https://blog.example.org/{number}")
        path = seeds.path_of(entry, SOURCE, first_seen=number * 40_000_000)
        writing.put(root, path, seeds.seed_of(entry, SOURCE, None, first_seen=number * 40_000_000), is_new=True)
    (tmp_path / path).write_bytes((tmp_path / path).read_bytes() + b"mine")
    (tmp_path / PATH).parent.joinpath("notes.md").write_text("mine")
    found = writing.collected(root, SOURCE)
    assert [(one.title, one.date[:4], one.is_edited) for one in found] == [
        ("T0", "1970", False),
        ("T1", "1971", False),
        ("T2", "1972", True),
    ]
    assert [one.short_id for one in found] == [seeds.short_id(SOURCE, str(number)) for number in range(3)]
    assert writing.collected(root, Source(url="https://other.example.org/")) == []


def test_what_a_killed_collector_left_is_removed(tmp_path: Path) -> None:
    """Only its own temporary files."""
    folder = (tmp_path / PATH).parent
    folder.mkdir(parents=True)
    (folder / ".aggregator-collected-12-3.tmp").write_text("half")
    (folder / ".hidden").write_text("mine")
    assert writing.remove_leftovers(str(tmp_path)) == 1
    assert os.listdir(folder) == [".hidden"]


@pytest.mark.slow
def test_a_kill_leaves_whole_seeds(tmp_path: Path) -> None:
    """At any moment of writing, each file is an old one or a new one."""
    code = (
        "import sys; from aggregator.collector import writing, seeds; from tests_seed import seed, PATH\n"
        "writing.put(sys.argv[1], PATH, seed('0'), is_new=True); print('ready', flush=True)\n"
        "for number in range(10**9): writing.put(sys.argv[1], PATH, seed(str(number) * 10_000), is_new=False)\n"
    )
    module = Path(__file__).read_text().split("\ndef test_")[0]
    (tmp_path / "tests_seed.py").write_text(module)
    root = tmp_path / "root"
    root.mkdir()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(root)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not seeds.is_edited((root / PATH).read_bytes())
    writing.remove_leftovers(str(root))
    assert os.listdir((root / PATH).parent) == [PATH.split("/")[-1]]
