"""Reading seed files: their bytes and keys, and what is refused without waiting or following a link."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from aggregator.model.seed_files import SeedFile
from aggregator.watcher import files, folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty folder."""
    (tmp_path / "seeds").mkdir()
    return tmp_path / "seeds"


def put(root: Path, path: str, text: str = "x") -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def only(root: Path, path: str, limit: int = 100) -> SeedFile | None:
    return next(files.read(str(root), [path], limit))


def test_reading_returns_bytes_and_the_key_of_a_walk(root: Path) -> None:
    """So a file that was read counts as known in the next walk."""
    put(root, "sub/a.md", "text")
    file = only(root, "sub/a.md")
    assert file is not None
    assert file.data == b"text"
    assert dict(folder.Walk(str(root))) == {"sub/a.md": file.key}
    assert only(root, "sub/gone.md") is None
    assert only(root, "gone/a.md") is None


@pytest.mark.parametrize(("size", "read"), [(0, True), (99, True), (100, True), (101, False)])
def test_a_file_beyond_the_limit_is_rejected_unread(root: Path, size: int, *, read: bool) -> None:
    """The limit is the largest size that is read; an empty file is read as empty."""
    put(root, "a.md", "x" * size)
    file = only(root, "a.md")
    assert file is not None
    assert (file.data == b"x" * size) is read
    assert read or file.reason == "has 101 bytes, at most 100 are read"


def test_links_are_not_followed_wherever_they_are_on_the_way(root: Path, tmp_path: Path) -> None:
    """A file or a folder swapped for a link between walk and reading is rejected."""
    secret = put(tmp_path, "outside/secret.md")
    (root / "a.md").symlink_to(secret)
    (root / "sub").symlink_to(secret.parent)
    for path in ("a.md", "sub/secret.md"):
        file = only(root, path)
        assert file is not None
        assert file.data is None
        assert file.reason.endswith("a symbolic link that leads out of the seeds folder, and is not followed")


def test_pipes_sockets_and_folders_are_rejected_without_blocking(root: Path) -> None:
    """Opening a pipe without a writer would block for ever."""
    os.mkfifo(root / "pipe.md")
    (root / "folder.md").mkdir()
    os.mknod(root / "socket.md", stat.S_IFSOCK | 0o600)
    for path in ("pipe.md", "folder.md", "socket.md"):
        file = only(root, path)
        assert file is not None
        assert file.data is None
        assert file.reason


def test_reading_leaves_no_file_open(root: Path) -> None:
    """Not after links, pipes and missing files, nor if the iteration is abandoned."""
    put(root, "sub/deep/a.md")
    (root / "b.md").symlink_to("nowhere")
    os.mkfifo(root / "c.md")
    before = len(os.listdir("/proc/self/fd"))
    list(files.read(str(root), ["sub/deep/a.md", "sub/deep/no.md", "b.md", "c.md", "no/a.md"], 10))
    reading = files.read(str(root), ["sub/deep/a.md", "b.md"], 10)
    next(reading)
    reading.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_replaced_while_its_files_are_read_is_opened_again(root: Path) -> None:
    """A checkout that replaces a folder loses none of its files, even during reading."""
    (root / "news").mkdir(exist_ok=True)
    for name in ("x.md", "y.md"):
        (root / "news" / name).write_text("old")
    reading = files.read(str(root), ["news/x.md", "news/y.md"], 1_000)
    first = next(reading)
    shutil.rmtree(root / "news")
    (root / "news").mkdir()
    (root / "news/y.md").write_text("new")
    second = next(reading)
    assert [first and first.data, second and second.data] == [b"old", b"new"]


def test_a_missing_folder_does_not_affect_what_is_read_next(root: Path) -> None:
    """The next files are read from their own folders, also from the root."""
    (root / "news").mkdir(exist_ok=True)
    (root / "news/a.md").write_text("below")
    (root / "a.md").write_text("above")
    found = files.read(str(root), ["news/missing/a.md", "a.md", "news/a.md"], 1_000)
    assert [one and one.data for one in found] == [None, b"above", b"below"]
