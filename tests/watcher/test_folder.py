"""Walks over the seeds folder, and their comparison with what is known."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.site_folder import NOW, SiteFolder

from aggregator.model.errors import FolderError
from aggregator.model.seed_files import FileKey, SeedFile
from aggregator.site.progress import Progress
from aggregator.site.site import Site
from aggregator.watcher import files, folder
from aggregator.watcher.seeds import FolderSeeds

NAMES = [
    "a.md",
    "a/b.md",
    "a-b.md",
    "a.markdown",
    "a/b/c.md",
    "é.md",
    "a\U0001f600.md",
    "a\uffee/x.md",
    "Z.md",
    "z/é.md",
]


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


def paths(root: Path) -> list[str]:
    return [path for path, _ in folder.Walk(str(root))]


def only(root: Path, path: str, limit: int = 100) -> SeedFile | None:
    return next(files.read(str(root), [path], limit))


def test_a_walk_gives_seeds_in_the_order_of_their_stored_paths(root: Path) -> None:
    """The order of UTF-8 bytes, which is SQLite's, so that both can be merged without a list."""
    for name in NAMES:
        put(root, name)
    assert paths(root) == sorted(NAMES, key=str.encode)


def test_a_folder_whose_name_is_not_utf8_is_in_that_order_too(root: Path) -> None:
    """Its seeds are sorted by their printable paths, so a second walk finds nothing new and nothing gone."""
    raw = os.fsencode(root)
    os.mkdir(raw + b"/caf\xe9")
    for name in (b"/caf\xe9/x.md", b"/cafz.md", b"/caf\xe8.md"):
        with open(raw + name, "wb"):
            pass
    known = list(folder.Walk(str(root)))
    assert [path for path, _ in known] == ["caf\\xe8.md", "caf\\xe9/x.md", "cafz.md"]
    found = folder.compare(folder.Walk(str(root)), known)
    assert (list(found.read), list(found.gone), found.added) == ([], [], 0)


def test_hidden_names_other_suffixes_and_linked_folders_are_not_seeds(root: Path, tmp_path: Path) -> None:
    """No link is followed out of the folder, and names that begin with a dot are ignored."""
    put(tmp_path, "outside/secret.md")
    for name in (".hidden.md", ".git/x.md", "note.txt", "x.md~", "x.md.swp", "a.md"):
        put(root, name)
    (root / "linked").symlink_to(tmp_path / "outside")
    assert paths(root) == ["a.md"]
    assert folder.is_hidden("a/.b/c.md")
    assert not folder.is_hidden("a/b.c/d.md")


@given(
    known=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1)),
    found=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1)),
    every=st.booleans(),
)
def test_comparing_is_a_difference_of_sets(known: dict[str, int], found: dict[str, int], *, every: bool) -> None:
    """New or changed paths are to be read, missing ones are gone, and all are counted."""
    keys = [FileKey(1, 1, 1, 1, stamp) for stamp in (0, 1)]

    class Found(folder.Walk):
        def __iter__(self):
            return iter(sorted((path, keys[stamp]) for path, stamp in found.items()))

    difference = folder.compare(
        Found("/nowhere"), sorted((path, keys[stamp]) for path, stamp in known.items()), every=every
    )
    assert set(difference.read) == {path for path in found if every or known.get(path) != found[path]}
    assert set(difference.gone) == known.keys() - found.keys()
    assert (difference.seen, difference.known, difference.added) == (
        len(found),
        len(known),
        len(found.keys() - known.keys()),
    )
    assert list(difference.read) == sorted(difference.read)


def test_seeds_below_an_unreadable_folder_are_kept() -> None:
    """Seeds in a folder with a similar name are still gone."""

    class Barred(folder.Walk):
        def __iter__(self):
            self.unreadable["a"] = folder.FolderProblem("Permission denied", "")
            return iter(())

    key = (1, 1, 1, 1, 1)
    difference = folder.compare(Barred("/nowhere"), [("a-b.md", key), ("a/b.md", key), ("ab/c.md", key)])
    assert (list(difference.gone), list(difference.kept)) == (["a-b.md", "ab/c.md"], ["a/b.md"])


def test_a_file_has_the_same_key_in_walk_find_and_read(root: Path) -> None:
    """The device number, which differs between machines, is not part of it."""
    (root / "a.md").write_text("a")
    (walked,) = folder.Walk(str(root))
    assert folder.find(str(root), "a.md") == (walked,)
    assert only(root, "a.md").key == walked[1]
    assert walked[1].dev == 0 != root.stat().st_dev


def test_a_missing_root_is_an_error_and_not_an_empty_folder(root: Path) -> None:
    """Both walking and reading raise FolderError."""
    root.rmdir()
    with pytest.raises(FolderError, match="cannot be read"):
        paths(root)
    with pytest.raises(FolderError, match="cannot be read"):
        only(root, "a.md")


def test_find_returns_a_file_a_folder_or_nothing(root: Path) -> None:
    """The path of an event may be either, or gone."""
    put(root, "sub/a.md")
    put(root, "b.txt")
    assert [path for path, _ in folder.find(str(root), "sub")] == ["sub/a.md"]
    assert [path for path, _ in folder.find(str(root), "sub/a.md")] == ["sub/a.md"]
    assert list(folder.find(str(root), "gone.md")) == []
    assert list(folder.find(str(root), "b.txt")) == []


def test_changed_folders_are_found(root: Path) -> None:
    """A file added, renamed or removed changes its folder, an edit in place does not; a gone folder has changed."""
    for path in ("a/x.md", "b/x.md", "c/x.md"):
        put(root, path)
    walk = folder.Walk(str(root))
    list(walk)
    later = 4_000_000_000
    assert folder.changed_folders(str(root), walk.folders, now=later) == []
    assert set(folder.changed_folders(str(root), walk.folders, now=0)) == {"", "a", "b", "c"}
    put(root, "a/y.md")
    put(root, "b/x.md", "other")
    (root / "c/x.md").unlink()
    (root / "c").rmdir()
    assert set(folder.changed_folders(str(root), walk.folders, now=later)) == {"", "a", "c"}


def test_a_long_walk_calls_keepalive(tmp_path) -> None:
    """After each `OFTEN` files, so that systemd does not take a slow walk for a hang."""
    for number in range(folder.OFTEN * 2 + 10):
        path = tmp_path / f"{number % 7}/{number}.md"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    calls: list[int] = []
    folder.compare(folder.Walk(str(tmp_path)), [], keepalive=lambda: calls.append(1))
    assert len(calls) == 2


def test_a_walk_can_be_ended(site: SiteFolder) -> None:
    """An exception of `alive` ends the turn before anything is done, so the daemon stops in time."""

    def stop() -> None:
        raise InterruptedError

    for number in range(folder.OFTEN):
        site.write(f"{number}.md")
    with Site(site.config(), progress=Progress(tick=stop)) as living:
        with pytest.raises(InterruptedError):
            living.build(now=NOW)
        assert site.documents() == {}
    site.build()
    assert len(site.ids()) == 50


@pytest.mark.parametrize(
    "names", [(b"\xff.md", b"\\xff.md"), (b"\xff/a.md", b"\\xff/a.md", b"\xff/b.md", b"\\xff/b.md")]
)
def test_two_names_that_are_escaped_alike_do_not_fail_a_build(site: SiteFolder, names: tuple[bytes, ...]) -> None:
    """A name that is not UTF-8 is escaped, and another file may have the escaped name."""
    site.write("good.md", title="good")
    text = site.write("like.md", title="like").read_bytes()
    for name in names:
        path = os.path.join(os.fsencode(site.seeds), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(text.replace(b"like", name.replace(b"\xff", b"x").replace(b"\\", b"")))
    for _ in range(2):
        assert site.build().failed == ()
        assert {"good", "like"} <= set(site.titles())


def test_a_file_whose_name_is_not_utf8_stays_a_problem_when_it_is_touched(site: SiteFolder) -> None:
    """An event has its bytes, the index its escaped name; it does not count as gone."""
    name = os.path.join(os.fsencode(site.seeds), b"new", b"\xfe.md")
    os.makedirs(os.path.dirname(name))
    Path(os.fsdecode(name)).write_bytes(b"x")
    site.build()
    with Site(site.config()) as opened:
        Path(os.fsdecode(name)).write_bytes(b"y")
        turn = opened.full_report(opened.take_partial_turn([os.fsdecode(b"new/\xfe.md")], now=NOW))
    assert [problem.path for problem in turn.problems] == ["new/\\xfe.md"]


def test_a_folder_named_like_a_seed_has_no_seeds(root: Path) -> None:
    """No walk enters it, so an event from within is ignored too."""
    put(root, "a.md/b.md")
    assert list(folder.find(str(root), "a.md/b.md")) == []
    assert [path for path, _ in folder.Walk(str(root))] == ["a.md"]


def test_numbers_that_sqlite_cannot_hold_are_masked() -> None:
    """File systems in user space have 64-bit inodes and devices; keys still differ."""
    times = (1.0, 2.0, 3.0, 1, 2, 3)
    found = [os.stat_result((stat.S_IFREG, inode, 2**64 - 3, 1, 0, 0, 9, 1, 2, 3, *times)) for inode in (2**64 - 5, 7)]
    keys = [folder.file_key(one, 1) for one in found]
    assert all(0 <= number < 2**63 for key in keys for number in key)
    assert keys[0] != keys[1]


def test_what_is_nested_too_deep_is_named_and_not_read(make_deep: Callable[..., None], root: Path) -> None:
    """The first folder beyond the depth is named; seeds up to it and beside it are found, however deep it goes on."""
    make_deep(root, 3_000)
    near = "/".join(["d"] * folder.DEEPEST)
    put(root, f"{near}/a.md")
    put(root, f"{near}/d/hidden-below.md")
    put(root, "z.md")
    walk = folder.Walk(str(root))
    assert [path for path, _ in walk] == [f"{near}/a.md", "z.md"]
    assert list(walk.unreadable) == [f"{near}/d"]
    (problem,) = folder.problems_of(walk.unreadable)
    assert str(problem) == "d/d/…/d/d/: nested more than 64 folders deep, not read (move it up)"


def test_hints_below_a_folder_that_is_walked_cost_nothing(
    make_deep: Callable[..., None], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of hints within each other, deeper than is read, lead to one walk that lists each folder once."""
    make_deep(root, 1_000)
    put(root, "d/d/a.md")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    hints = ["/".join(["d"] * count) for count in range(1, 1_000)] + ["d/d/a.md", "d/" * 900 + "b.md"]
    found = FolderSeeds(str(root)).compare_some(hints, lambda _: ())
    monkeypatch.undo()
    assert (found.read, found.gone, found.doubt) == ({"d/d/a.md"}, set(), "")
    assert len(listed) == folder.DEEPEST
    assert list(found.unreadable) == ["/".join(["d"] * (folder.DEEPEST + 1))]


def test_a_hint_beyond_the_depth_reports_the_folder_that_is_not_read(
    make_deep: Callable[..., None], root: Path
) -> None:
    """Nothing there counts as new or gone, and nothing is in doubt; a hint of a name that no file can have neither."""
    make_deep(root, 200)
    too_deep = "/".join(["d"] * 150)
    found = FolderSeeds(str(root)).compare_some([f"{too_deep}/a.md", "x" * 300, "x" * 300 + "/y.md"], lambda _: ())
    assert (found.read, found.gone, found.doubt) == (set(), set(), "")
    assert list(found.unreadable) == ["/".join(["d"] * (folder.DEEPEST + 1))]


@pytest.mark.parametrize("hinted", [False, True])
def test_a_path_longer_than_the_system_opens_is_named(
    make_deep: Callable[..., None], root: Path, *, hinted: bool
) -> None:
    """Names of 255 bytes are read as long as every file in their folder can be; the first folder beyond is named."""
    make_deep(root, 30, "n" * 255)
    put(root, "n" * 252 + ".md")
    fits = next(count for count in range(30, 0, -1) if len(f"{root}/{'/'.join(['n' * 255] * count)}") < 4096 - 256)
    last = "/".join(["n" * 255] * fits)
    put(root, f"{last}/{'m' * 252}.md")
    hints = [f"{last}/{'n' * 255}/{'n' * 255}/x.md", last, "n" * 252 + ".md"] if hinted else [""]
    found = FolderSeeds(str(root)).compare_some(hints, lambda _: ())
    assert found.read == {"n" * 252 + ".md", f"{last}/{'m' * 252}.md"}
    (problem,) = folder.problems_of(found.unreadable)
    assert problem.path == folder.shortened(f"{last}/{'n' * 255}") + "/"
    assert "its path has more than 3,839 bytes, not read" in problem.message
    assert found.doubt == ""


def test_links_in_a_circle_are_not_followed(root: Path) -> None:
    """A link to the folder itself, to the one above and to itself."""
    put(root, "a/a.md")
    for name, target in (("a/self", "."), ("a/up", ".."), ("a/loop", "loop"), ("a/loop.md", "loop.md")):
        (root / name).symlink_to(target)
    walk = folder.Walk(str(root))
    assert [path for path, _ in walk] == ["a/a.md", "a/loop.md"]
    assert walk.unreadable == {}
