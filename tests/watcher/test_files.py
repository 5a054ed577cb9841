"""Reading seed files: their bytes and keys, and what is refused without waiting or following a link."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import stat
from pathlib import Path

import pytest
from support.seed_files import only, put

from aggregator.watcher import files, folder


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


def put_out_of_memory(file: Path, text: str) -> None:
    file.write_text(text)
    fd = os.open(file, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def is_in_memory(file: Path) -> bool:
    """Return whether the first page of a file is in memory, without asking for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    fd = os.open(file, os.O_RDONLY)
    page = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    os.close(fd)
    found = ctypes.create_string_buffer(1)
    assert libc.mincore(page, 1, found) == 0
    libc.munmap(ctypes.c_void_p(page), mmap.PAGESIZE)
    return bool(found.raw[0] & 1)


@pytest.mark.slow  # these use the disk
def test_many_files_that_are_on_the_disk_alone_are_fetched_together(root: Path) -> None:
    """With the first file the system is asked for all, so the last one is there before anybody reads it."""
    names = [f"{number:02}.md" for number in range(20)]
    for name in names:
        put_out_of_memory(root / name, name)
    if is_in_memory(root / names[-1]):
        pytest.skip("this file system keeps all files in memory")
    reading = files.read(str(root), names, 100)
    next(reading)
    while not is_in_memory(root / names[-1]):
        pass
    assert [one and one.data for one in reading] == [name.encode() for name in names[1:]]


def test_what_cannot_be_fetched_ahead_is_reported_where_it_is_read(root: Path, tmp_path: Path) -> None:
    """A pipe, a link that leads out of the folder and a missing file among many that are fetched ahead."""
    names = [f"{number:02}.md" for number in range(17)]
    for name in names:
        put_out_of_memory(root / name, name)
    os.mkfifo(root / "pipe.md")
    (root / "link.md").symlink_to(put(tmp_path, "outside/secret.md"))
    before = len(os.listdir("/proc/self/fd"))
    found = list(files.read(str(root), [*names, "pipe.md", "link.md", "gone.md", "gone/a.md"], 100))
    assert [one and one.data for one in found] == [*(name.encode() for name in names), None, None, None, None]
    assert [bool(one and one.reason) for one in found[-4:]] == [True, True, False, False]
    assert len(os.listdir("/proc/self/fd")) == before
