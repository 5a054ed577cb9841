"""Events become hints, and what the library only logs becomes doubts."""

from __future__ import annotations

import ctypes
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.deep_folders import remove_deep
from support.running_daemon import time_limit, wait_until

from aggregator.watcher import folder
from aggregator.watcher.events import EventWatcher, NotWatchableError
from aggregator.watcher.folder import FolderKey, folder_key


class Noted:
    """A watcher and the hints and doubts that it reported."""

    def __init__(self, root: Path) -> None:
        self.hints: list[str] = []
        self.doubts: list[str] = []
        self.complete: list[str] = []
        self.watcher = EventWatcher(
            str(root), hint=self.hints.append, complete=self._on_complete, doubt=self.doubts.append
        )

    def _on_complete(self, path: str) -> None:
        self.complete.append(path)
        self.hints.append(path)

    def wait(self, *hints: str) -> None:
        """Wait for hints."""
        until = time.monotonic() + time_limit(5)
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
    """Writing, touching, renaming (both names) and deleting files; making, renaming and removing folders."""
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


def test_a_file_that_was_closed_or_moved_in_is_complete(root: Path, noted: Noted) -> None:
    """One that is being written, was deleted, or left under its old name is not."""
    with (root / "a.md").open("w") as file:
        file.write("x")
        file.flush()
        noted.wait("a.md")
        assert noted.complete == []
    (root / "saved.tmp").write_text("x")
    (root / "saved.tmp").rename(root / "b.md")
    (root / "b.md").rename(root / "c.md")
    (root / "a.md").unlink()
    (root / "end.md").write_text("x")
    noted.wait("c.md", "end.md")
    assert {one for one in noted.complete if one != "end.md"} == {"a.md", "b.md", "c.md"}
    assert noted.hints.count("b.md") > noted.complete.count("b.md")


def test_what_cannot_be_a_seed_is_no_hint(root: Path, noted: Noted) -> None:
    """Hidden files and folders, swap files of editors, other suffixes; a rename from one of them to a seed is a hint."""
    (root / ".git").mkdir()
    (root / ".git/x.md").write_text("x")
    (root / ".a.md.swp").write_text("x")
    (root / "picture.jpg").write_text("x")
    (root / "a.md.tmp").write_text("x")
    (root / "a.md.tmp").rename(root / "a.md")
    noted.wait("a.md")
    assert set(noted.hints) == {"a.md"}


def test_reading_the_seeds_is_no_hint(root: Path, noted: Noted) -> None:
    """Otherwise our own scan would cause the next."""
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


def test_a_missing_root_cannot_be_watched(tmp_path: Path) -> None:
    """`start` raises an error with the reason, and no thread is left."""
    noted = Noted(tmp_path / "nowhere")
    with pytest.raises(NotWatchableError, match="nowhere: cannot be watched"):
        noted.watcher.start()
    noted.watcher.stop()
    assert noted.watcher.threads() == {}


def test_a_root_that_disappears_and_returns_is_watched_again(root: Path, noted: Noted) -> None:
    """`check` reports that it is gone; once it or another is there, it is watched and there is a doubt."""
    assert noted.watcher.check() == ""
    root.rename(root.with_name("away"))
    assert noted.watcher.check() == "the seeds folder is missing"
    assert noted.watcher.check() == "the seeds folder is missing"
    assert noted.watcher.threads() == {}
    root.mkdir()
    assert noted.watcher.check() == ""
    assert noted.doubts == ["the seeds folder was replaced"]
    (root / "a.md").write_text("x")
    noted.wait("a.md")
    assert noted.watcher.check() == ""
    assert len(noted.doubts) == 1


def test_a_link_that_points_elsewhere_is_another_root(tmp_path: Path, root: Path) -> None:
    """Even if it leads to the same folder by another path: new folders would be watched at the old path."""
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


def keys(root: Path, *folders: str) -> dict[str, FolderKey]:
    return {one: folder_key(f"{root}/{one}") for one in folders}


def test_unwatched_folders_are_returned(root: Path, noted: Noted) -> None:
    """Only of those given; a folder that is not the one watched at its path is one of them."""
    (root / "deep/er").mkdir(parents=True)
    noted.wait("deep")
    found = keys(root, "", "deep/", "deep/er/")
    wait_until(lambda: not noted.watcher.unwatched(found))
    other = found["deep/er/"]
    assert noted.watcher.unwatched({"deep/": found["deep/"], "unknown/": other}) == ["unknown/"]
    assert noted.watcher.unwatched({"deep/": other}) == ["deep/"]


def test_a_tree_of_any_depth_is_watched_as_deep_as_seeds_are_read(make_deep: Callable[..., None], root: Path) -> None:
    """Two thousand folders within each other neither end a thread nor take a watch each; what is near is reported."""
    make_deep(root, 2_000)
    noted = Noted(root)
    noted.watcher.start()
    try:
        near = "/".join(["d"] * folder.DEEPEST)
        (root / near / "a.md").write_text("x")
        noted.wait(f"{near}/a.md")
        assert noted.watcher.unwatched(keys(root, f"{near}/")) == []
        assert noted.watcher.unwatched(keys(root, f"{near}/d/")) == [f"{near}/d/"]
        assert all(noted.watcher.threads().values())
    finally:
        noted.watcher.stop()


@pytest.mark.slow
def test_a_deep_tree_that_comes_or_goes_while_it_is_watched_harms_nothing(
    make_deep: Callable[..., None], root: Path, tmp_path: Path, noted: Noted
) -> None:
    """Made in place, moved in, moved within and removed; what follows is reported, and no thread died."""
    make_deep(root, 1_000)
    make_deep(tmp_path / "outside", 1_000)
    (tmp_path / "outside").rename(root / "moved")
    (root / "moved").rename(root / "again")
    (root / "b.md").write_text("x")
    noted.wait("d", "moved", "again", "b.md")
    remove_deep(root)
    (root / "c.md").write_text("x")
    noted.wait("c.md")
    assert (noted.watcher.check(), noted.doubts) == ("", [])
    assert all(noted.watcher.threads().values())


def test_what_moves_up_from_below_the_depth_that_is_watched_is_watched(root: Path, noted: Noted) -> None:
    """So is a folder that was hidden."""
    near = "/".join(["d"] * folder.DEEPEST)
    (root / near / "far/farther").mkdir(parents=True)
    (root / ".hidden/deep").mkdir(parents=True)
    (root / near / "far").rename(root / "far")
    (root / ".hidden").rename(root / "seen")
    noted.wait("far", "seen")
    (root / "far/farther/a.md").write_text("x")
    (root / "seen/deep/b.md").write_text("x")
    noted.wait("far/farther/a.md", "seen/deep/b.md")


def test_two_folders_that_change_places_are_watched_by_their_new_paths(root: Path, noted: Noted) -> None:
    """Whatever is written in them afterwards is reported by the path at which it lies."""
    for name in ("a", "b"):
        (root / name / "in").mkdir(parents=True)
    noted.wait("a", "b")
    exchange(root / "a", root / "b")
    (root / "c.md").write_text("x")
    noted.wait("c.md")
    wait_until(lambda: not noted.watcher.unwatched(keys(root, "a/", "b/", "a/in/", "b/in/")))
    noted.hints.clear()
    (root / "a/x.md").write_text("x")
    (root / "b/in/y.md").write_text("x")
    noted.wait("a/x.md", "b/in/y.md")
    assert not {"b/x.md", "a/in/y.md"} & set(noted.hints)


def exchange(one: Path, other: Path) -> None:
    """Let two folders change places in one step (renameat2(2), RENAME_EXCHANGE)."""
    at_cwd, swap = -100, 2
    assert ctypes.CDLL(None).renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), swap) == 0


@pytest.mark.parametrize(
    ("said", "overflows"),
    [("Inotify queue overflowed; filesystem events were lost", 1), ("something else went wrong", 0)],
)
def test_what_the_library_only_logs_is_a_doubt(noted: Noted, said: str, overflows: int) -> None:
    """Overflows are counted; debug messages are ignored."""
    logging.getLogger("watchdog.observers.inotify_c").warning(said)
    logging.getLogger("watchdog.observers.inotify_c").debug("chatter")
    assert len(noted.doubts) == 1
    assert noted.watcher.overflows == overflows
    noted.watcher.stop()
    logging.getLogger("watchdog.observers.inotify_c").warning(said)
    assert len(noted.doubts) == 1
