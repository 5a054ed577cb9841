"""Events as hints, and what the library keeps to itself as doubts."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.watcher import events
from aggregator.watcher.events import EventWatcher, NotWatchableError, remote_filesystem


class Noted:
    """A watcher with what it called for."""

    def __init__(self, root: Path) -> None:
        self.hints: list[str] = []
        self.doubts: list[str] = []
        self.watcher = EventWatcher(str(root), hint=self.hints.append, doubt=self.doubts.append)

    def wait(self, *hints: str) -> None:
        """Wait for hints."""
        until = time.monotonic() + 5
        while not set(hints) <= set(self.hints):
            assert time.monotonic() < until, self.hints
            time.sleep(0.005)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "seeds"
    made.mkdir()
    return made


@pytest.fixture
def noted(root: Path) -> Iterator[Noted]:
    made = Noted(root)
    made.watcher.start()
    yield made
    made.watcher.stop()


def test_every_kind_of_change_is_a_hint(root: Path, noted: Noted) -> None:
    """Written, changed in time alone, renamed (both names), deleted; folders made, renamed and removed."""
    (root / "a.md").write_text("x")
    noted.wait("a.md")
    noted.hints.clear()
    os.utime(root / "a.md")
    noted.wait("a.md")
    (root / "a.md").rename(root / "b.markdown")
    noted.wait("a.md", "b.markdown")
    (root / "deep").mkdir()
    noted.wait("deep")
    (root / "deep/c.md").write_text("x")
    noted.wait("deep/c.md")
    (root / "deep").rename(root / "deeper")
    noted.wait("deep", "deeper")
    (root / "deeper/c.md").unlink()
    (root / "deeper").rmdir()
    noted.wait("deeper/c.md")
    assert noted.doubts == []


def test_what_can_be_no_seed_is_no_hint(root: Path, noted: Noted) -> None:
    """Hidden files and folders, editors' swap files, other suffixes; but a rename from one of them is."""
    (root / ".git").mkdir()
    (root / ".git/x.md").write_text("x")
    (root / ".a.md.swp").write_text("x")
    (root / "picture.jpg").write_text("x")
    (root / "a.md.tmp").write_text("x")
    (root / "a.md.tmp").rename(root / "a.md")
    noted.wait("a.md")
    assert set(noted.hints) == {"a.md"}


def test_reading_the_seeds_is_no_hint(root: Path, noted: Noted) -> None:
    """Else our own scan would cause the next."""
    (root / "a.md").write_text("x")
    noted.wait("a.md")
    time.sleep(0.1)
    noted.hints.clear()
    for _ in range(3):
        (root / "a.md").read_text()
        list(root.iterdir())
    (root / "b.md").write_text("x")
    noted.wait("b.md")
    assert set(noted.hints) == {"b.md"}


def test_a_root_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    """At the start that is an error with the reason in it, and no thread stays."""
    noted = Noted(tmp_path / "nowhere")
    with pytest.raises(NotWatchableError, match="nowhere: cannot be watched"):
        noted.watcher.start()
    noted.watcher.stop()
    assert noted.watcher.threads() == {}


def test_a_root_that_goes_and_comes_is_watched_again(root: Path, noted: Noted) -> None:
    """Gone: said. Back, or another in its place: watched, and a doubt."""
    assert noted.watcher.check() == ""
    root.rename(root.with_name("away"))
    assert noted.watcher.check() == "the seeds folder is not there"
    assert noted.watcher.check() == "the seeds folder is not there"
    assert noted.watcher.threads() == {}
    root.mkdir()
    assert noted.watcher.check() == ""
    assert noted.doubts == ["the seeds folder is another one than before"]
    (root / "a.md").write_text("x")
    noted.wait("a.md")
    assert noted.watcher.check() == ""
    assert len(noted.doubts) == 1


def test_a_link_that_points_elsewhere_is_another_root(tmp_path: Path, root: Path) -> None:
    """Also where it leads to the same folder by another way: new folders would be looked for in the old place."""
    link = tmp_path / "link"
    link.symlink_to(root)
    noted = Noted(link)
    noted.watcher.start()
    try:
        root.rename(tmp_path / "moved")
        link.unlink()
        link.symlink_to(tmp_path / "moved")
        assert noted.watcher.check() == ""
        assert len(noted.doubts) == 1
        (tmp_path / "moved/new").mkdir()
        noted.wait("new")
        (tmp_path / "moved/new/a.md").write_text("x")
        noted.wait("new/a.md")
    finally:
        noted.watcher.stop()


def test_folders_that_are_not_watched_are_told(root: Path, noted: Noted) -> None:
    """Of those it is asked for."""
    (root / "deep/er").mkdir(parents=True)
    noted.wait("deep")
    until = time.monotonic() + 5
    while noted.watcher.unwatched(["", "deep/", "deep/er/"]):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert noted.watcher.unwatched(["deep/", "unknown/"]) == ["unknown/"]


@pytest.mark.parametrize(
    ("said", "overflows"),
    [("Inotify queue overflowed; filesystem events were lost", 1), ("something else went wrong", 0)],
)
def test_what_the_library_only_logs_is_a_doubt(noted: Noted, said: str, overflows: int) -> None:
    """Overflows are counted; debugging words are not heard."""
    logging.getLogger("watchdog.observers.inotify_c").warning(said)
    logging.getLogger("watchdog.observers.inotify_c").debug("chatter")
    assert len(noted.doubts) == 1
    assert noted.watcher.overflows == overflows
    noted.watcher.stop()
    logging.getLogger("watchdog.observers.inotify_c").warning(said)
    assert len(noted.doubts) == 1


def test_a_local_folder_is_not_remote(root: Path) -> None:
    """Neither is one that is not there."""
    assert remote_filesystem(str(root)) == ""
    assert remote_filesystem(str(root / "nowhere")) == ""


@pytest.mark.parametrize(
    ("mounted", "kind", "wanted"),
    [
        ("/mnt/news", "nfs4", "nfs4"), ("/mnt/news/seeds", "cifs", "cifs"), ("/mnt/other", "nfs4", ""), ("/mnt/new", "nfs4", ""),
        ("/mnt/news", "ext4", ""), ("/mnt", "virtiofs", "virtiofs"), ("/mnt/news/seeds/below", "nfs", ""),
    ],
)  # fmt: skip
def test_the_innermost_mount_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: str, kind: str, wanted: str
) -> None:
    """proc(5): mount points with their types, the last one of a place on top."""
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 0:40 / {mounted} rw,relatime shared:1 - {kind} server:/x rw\n"
    )
    monkeypatch.setattr(events, "_MOUNTS", str(table))
    assert remote_filesystem("/mnt/news/seeds") == wanted


def test_a_mount_point_may_have_a_space_and_an_accent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """proc(5) writes a space as backslash 040."""
    table = tmp_path / "mountinfo"
    table.write_text("1 0 8:1 / / rw - ext4 x rw\n2 1 0:40 / /mnt/my\\040café rw - nfs x rw\n", encoding="utf-8")
    monkeypatch.setattr(events, "_MOUNTS", str(table))
    assert remote_filesystem("/mnt/my café/seeds") == "nfs"
