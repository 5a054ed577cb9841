"""Links below a seeds folder: followed if they stay in it and lead to what is not read anyway, read safely, named if not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aggregator.model.seed_files import NO_KEY
from aggregator.watcher import files, folder
from aggregator.watcher.links import NotFollowedError, locate
from aggregator.watcher.unread import unread_seeds, why_not_read

SEED = "---\ntitle: A\n---\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "seeds"
    made.mkdir()
    return made


def put(root: Path, path: str, text: str = SEED) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def config_map(root: Path, version: str, **texts: str) -> None:
    """Write a version of a ConfigMap as the kubelet does: a new folder, then `..data` is replaced by one rename."""
    for name, text in texts.items():
        put(root, f"..{version}/{name}.md", text)
        if not (root / f"{name}.md").is_symlink():
            (root / f"{name}.md").symlink_to(f"..data/{name}.md")
    (root / "..data_tmp").symlink_to(f"..{version}")
    (root / "..data_tmp").rename(root / "..data")


def walked(root: Path) -> list[str]:
    return [path for path, _ in folder.Walk(str(root))]


def text_of(root: Path, path: str) -> bytes | str | None:
    """Return the bytes of a seed, else why it is not read; None if it does not exist."""
    (found,) = files.read(str(root), [path], 1_000)
    return None if found is None else found.reason if found.data is None else found.data


def test_the_files_of_a_config_map_are_seeds(root: Path) -> None:
    """They change when `..data` is swapped, and the links themselves stay."""
    config_map(root, "2026_05_01", a="one", b="two")
    before = dict(folder.Walk(str(root)))
    assert list(before) == ["a.md", "b.md"]
    assert text_of(root, "a.md") == b"one"
    assert files_key(root, "a.md") == before["a.md"]

    config_map(root, "2026_05_02", a="new", b="two")
    after = dict(folder.Walk(str(root)))
    assert before.keys() == after.keys()
    assert before["a.md"] != after["a.md"]
    assert text_of(root, "a.md") == b"new"
    assert dict(folder.find(str(root), "a.md")) == {"a.md": after["a.md"]}


def files_key(root: Path, path: str) -> object:
    (found,) = files.read(str(root), [path], 1_000)
    assert found is not None
    return found.key


def test_a_folder_behind_a_link_is_walked_under_the_name_of_the_link(root: Path) -> None:
    """As git-sync has it; what is found by events is the same."""
    put(root, ".worktrees/abc/posts/a.md", "one")
    put(root, ".worktrees/abc/b.md")
    (root / "current").symlink_to(".worktrees/abc")
    assert walked(root) == ["current/b.md", "current/posts/a.md"]
    assert text_of(root, "current/posts/a.md") == b"one"
    everything = dict(folder.Walk(str(root)))
    for hint in ("current", "current/posts", "current/posts/a.md", "current/b.md"):
        found = dict(folder.find(str(root), hint))
        assert found == {path: key for path, key in everything.items() if path.startswith(hint)}


def test_what_is_read_anyway_is_not_read_twice(root: Path) -> None:
    """A link to a seed or a folder of seeds is none, nor is a second link to what a first one leads to."""
    put(root, "posts/a.md")
    put(root, ".hidden/b.md")
    (root / "latest.md").symlink_to("posts/a.md")
    (root / "copy").symlink_to("posts")
    (root / "one").symlink_to(".hidden")
    (root / "two").symlink_to(".hidden")
    assert walked(root) == ["one/b.md", "posts/a.md"]
    assert list(folder.find(str(root), "latest.md")) == []
    assert why_not_read(str(root), "latest.md") == (
        "latest.md is a symbolic link that leads to posts/a.md, which is read itself (nothing is missing)"
    )
    assert list(unread_seeds(str(root))) == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/hostname", "leads out of the seeds folder, and is not followed"),
        ("../outside/a.md", "leads out of the seeds folder, and is not followed"),
        ("nowhere.md", "leads nowhere"),
        ("x.md", "leads in a circle"),
    ],
)
def test_other_links_are_named_and_never_read(root: Path, target: str, reason: str) -> None:
    """Reading says why, so that `check` and `explain` do."""
    put(root.parent, "outside/a.md", "secret")
    (root / "x.md").symlink_to(target)
    assert dict(folder.Walk(str(root))) == {"x.md": NO_KEY} == dict(folder.find(str(root), "x.md"))
    assert text_of(root, "x.md") == f"is a symbolic link that {reason}"


def test_folders_that_contain_links_to_themselves_end(root: Path) -> None:
    """Circles, also through two hidden folders, and a link out of what a link leads to."""
    put(root, ".a/one.md")
    put(root, ".b/two.md")
    for link, target in (
        (".a/loop", "."),
        (".a/up", ".."),
        (".a/b", "../.b"),
        (".b/a", "../.a"),
        ("a", ".a"),
        ("all", "."),
    ):
        (root / link).symlink_to(target)
    assert walked(root) == ["a/one.md"]
    with pytest.raises(NotFollowedError, match="leads out of a/, itself behind a link"):
        locate(str(root), "a/b/two.md", None)
    for path in ("a/loop/one.md", "a/up/a/one.md", "all/a/one.md"):
        with pytest.raises(NotFollowedError, match="leads in a circle"):
            locate(str(root), path, None)


def test_many_links_between_hidden_folders_cost_no_more_than_there_are_folders(root: Path) -> None:
    """Each place is entered once, however many ways lead there."""
    depth = 20
    for level in range(depth):
        place = root.joinpath(*[".x"] * level)
        (place / ".x").mkdir()
        for name in ("p", "q", "r"):
            (place / name).symlink_to(".x")
    put(root, "/".join([*[".x"] * depth, "a.md"]))
    assert walked(root) == ["/".join([*["p"] * depth, "a.md"])]


def test_a_link_swapped_between_walk_and_reading_leads_nowhere_else(root: Path, tmp_path: Path) -> None:
    """Where it leads is opened part by part: a folder on the way that became a link is not followed either."""
    put(tmp_path, "outside/a.md", "secret")
    put(root, ".data/sub/a.md", "one")
    (root / "a.md").symlink_to(".data/sub/a.md")
    assert walked(root) == ["a.md"]
    (root / ".data/sub/a.md").unlink()
    (root / ".data/sub").rmdir()
    (root / ".data/sub").symlink_to(tmp_path / "outside")
    assert text_of(root, "a.md") == "is a symbolic link that leads out of the seeds folder, and is not followed"


def test_a_target_that_goes_while_it_is_followed_is_looked_for_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swap of `..data` between finding and opening loses nothing."""
    config_map(root, "1", a="one")
    opened = files._OpenFolder.open

    def swap_first(self: files._OpenFolder, path: str) -> int:
        if path == "..1/a.md":
            config_map(root, "2", a="two")
            os.remove(root / "..1/a.md")
        return opened(self, path)

    monkeypatch.setattr(files._OpenFolder, "open", swap_first)
    assert text_of(root, "a.md") == b"two"


def test_a_folder_behind_a_link_out_of_the_root_is_named(root: Path, tmp_path: Path) -> None:
    """If there are seeds behind it; `explain` names it for each of its files."""
    put(tmp_path, "outside/a.md")
    (tmp_path / "empty").mkdir()
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "empty").symlink_to(tmp_path / "empty")
    reason = "linked is a symbolic link that leads out of the seeds folder, and is not followed"
    assert [(path, message) for path, message, _ in unread_seeds(str(root))] == [("linked", reason)]
    assert why_not_read(str(root), "linked/a.md").startswith(reason)
    assert walked(root) == []
