"""A new folder of documents is filled under a temporary name and seen at once, whatever fails meanwhile."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.failing_operations import fail_to_flush

from aggregator.model.errors import PublishError
from aggregator.model.feeds import Document
from aggregator.publisher.atomic import Disk
from aggregator.publisher.files import FolderWriter

OPERATIONS = ("open", "write", "close", "replace", "unlink", "mkdir", "rmdir")
BODY = b"new!" * 5000
NAMES = ("all/archive/2026-10/rss.xml", "all/archive/2026-10/atom.xml")


def page(body: bytes = BODY) -> list[Document]:
    return [Document(name=name, media_type="text/html", body=body) for name in NAMES]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failing(first: int, counter: itertools.count, name: str, met: list[str]) -> Callable:
    real = getattr(os, name)

    def operation(*args, **kwargs):
        if next(counter) != first:
            return real(*args, **kwargs)
        met.append(name)
        if name == "close":  # a close that reports an error has closed the file all the same
            real(*args, **kwargs)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return operation


def test_a_new_folder_equals_one_that_is_published_file_by_file(tmp_path: Path) -> None:
    """The same files with the same bytes and rights, and nothing else."""
    made = FolderWriter(str(tmp_path / "a")).publish_folder(page())
    FolderWriter(str(tmp_path / "b")).publish(page())
    assert made.written == NAMES
    assert files(tmp_path / "a") == files(tmp_path / "b")
    modes = [{path.stat().st_mode for path in (tmp_path / one).rglob("*")} for one in "ab"]
    assert modes[0] == modes[1]


def test_whichever_operation_fails_nothing_of_the_folder_is_seen(tmp_path: Path) -> None:
    """The documents are reported as failed, no temporary name stays, and the next run writes them."""
    FolderWriter(str(tmp_path / "right")).publish(page())
    right = files(tmp_path / "right")
    for number in itertools.count(1):
        feeds, met, counter = tmp_path / str(number), [], itertools.count(1)
        open_before = len(os.listdir("/proc/self/fd"))
        disk = Disk(**{name: failing(number, counter, name, met) for name in OPERATIONS})
        result = FolderWriter(str(feeds), disk=disk).publish_folder(page())
        assert len(os.listdir("/proc/self/fd")) == open_before
        if not met:
            assert result.failed == ()
            break
        assert tuple(one.name for one in result.failed) == NAMES
        assert files(feeds) == {}
        assert list(feeds.rglob(".aggregator-*")) == []
        assert FolderWriter(str(feeds)).publish_folder(page()).written == NAMES
        assert files(feeds) == right
    assert number > 20


def test_a_folder_that_exists_is_published_file_by_file(tmp_path: Path) -> None:
    """What is right stays as it is, what differs is replaced, and what is somebody else's stays."""
    writer = FolderWriter(str(tmp_path))
    writer.publish_folder(page())
    (tmp_path / "all/archive/2026-10/theirs.txt").touch()
    assert writer.publish_folder(page()).unchanged == NAMES
    assert writer.publish_folder(page(b"other")).written == NAMES
    assert (tmp_path / NAMES[0]).read_bytes() == b"other"
    assert (tmp_path / "all/archive/2026-10/theirs.txt").exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_in_the_place_of_the_folder_is_not_followed(tmp_path: Path, kind: str) -> None:
    """A link or a file of that name is reported and stays."""
    outside, place = tmp_path / "outside", tmp_path / "feeds/all/archive/2026-10"
    outside.mkdir()
    place.parent.mkdir(parents=True)
    place.symlink_to(outside) if kind == "link" else place.touch()
    result = FolderWriter(str(tmp_path / "feeds")).publish_folder(page())
    assert [one.name for one in result.failed] == list(NAMES)
    assert place.is_symlink() or place.is_file()
    assert list(outside.iterdir()) == []


def test_a_folder_that_comes_in_between_is_kept(tmp_path: Path) -> None:
    """If another process makes it meanwhile, the documents are written into it."""

    def replace(source: str, target: str, **folders: int) -> None:
        place = tmp_path / "all/archive/2026-10"
        if not place.exists():
            place.mkdir()
            (place / "theirs.txt").touch()
        os.replace(source, target, **folders)

    result = FolderWriter(str(tmp_path), disk=Disk(replace=replace)).publish_folder(page())
    assert result.written == NAMES
    assert len(files(tmp_path)) == 7
    assert list(tmp_path.rglob(".aggregator-*")) == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_that_renames_no_folders_gets_file_by_file(tmp_path: Path, number: int) -> None:
    """As some network and union file systems answer."""

    def replace(source: str, target: str, **folders: int) -> None:
        if target == "2026-10":
            raise OSError(number, os.strerror(number))
        os.replace(source, target, **folders)

    result = FolderWriter(str(tmp_path), disk=Disk(replace=replace)).publish_folder(page())
    assert (result.written, result.failed) == (NAMES, ())
    assert len(files(tmp_path)) == 6
    assert list(tmp_path.rglob(".aggregator-*")) == []


def test_a_folder_that_a_crash_left_half_filled_is_removed(tmp_path: Path) -> None:
    """`prepare` names it; one that holds a folder is not ours, and stays."""
    for name in (".aggregator-2026-10.1-2.tmp", ".aggregator-2026-11.1-3.tmp"):
        (tmp_path / "all/archive" / name).mkdir(parents=True)
        (tmp_path / "all/archive" / name / "rss.xml").write_bytes(b"half")
    (tmp_path / "all/archive/.aggregator-2026-11.1-3.tmp/theirs").mkdir()
    assert FolderWriter(str(tmp_path)).prepare() == ["all/archive/.aggregator-2026-10.1-2.tmp/"]
    assert [path.name for path in (tmp_path / "all/archive").iterdir()] == [".aggregator-2026-11.1-3.tmp"]


def test_a_disk_that_cannot_flush_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`flush` raises what the disk says; without fsync it does nothing."""
    FolderWriter(str(tmp_path)).flush()
    fail_to_flush(monkeypatch)
    FolderWriter(str(tmp_path), fsync=False).flush()
    with pytest.raises(PublishError, match="Input/output error"):
        FolderWriter(str(tmp_path)).flush()
