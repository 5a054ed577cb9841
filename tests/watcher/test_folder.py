"""What a walk sees, what it makes of it, and what reading gives."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.site_folder import NOW, SiteFolder

from aggregator.model.errors import FolderError
from aggregator.site.progress import Progress
from aggregator.site.site import Site
from aggregator.watcher import folder

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


def only(root: Path, path: str, limit: int = 100) -> folder.File | None:
    return next(folder.read(str(root), [path], limit))


def test_a_walk_gives_seeds_in_the_order_of_their_stored_paths(root: Path) -> None:
    """The order of UTF-8 bytes, which is SQLite's: the two are merged, not kept."""
    for name in NAMES:
        put(root, name)
    assert paths(root) == sorted(NAMES, key=str.encode)


def test_a_folder_whose_name_is_not_utf8_is_in_that_order_too(root: Path) -> None:
    """Its seeds lie where their printable paths belong, so a second look finds nothing new and nothing gone."""
    raw = os.fsencode(root)
    os.mkdir(raw + b"/caf\xe9")
    for name in (b"/caf\xe9/x.md", b"/cafz.md", b"/caf\xe8.md"):
        with open(raw + name, "wb"):
            pass
    known = list(folder.Walk(str(root)))
    assert [path for path, _ in known] == ["caf\\xe8.md", "caf\\xe9/x.md", "cafz.md"]
    found = folder.compare(folder.Walk(str(root)), known)
    assert (list(found.read), list(found.gone), found.added) == ([], [], 0)


def test_hidden_names_other_endings_and_linked_folders_are_no_seeds(root: Path, tmp_path: Path) -> None:
    """Nothing is followed out of the folder, and what begins with a dot is nobody's business."""
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
    """New or changed is read, missing is gone, and all is counted; whatever was there and is here."""
    keys = [folder.StatKey(1, 1, 1, 1, stamp) for stamp in (0, 1)]

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


def test_what_lay_below_an_unreadable_folder_is_kept_not_gone() -> None:
    """A folder of a like name beside it hides nothing."""

    class Barred(folder.Walk):
        def __iter__(self):
            self.unreadable["a"] = folder.Refusal("Permission denied", "")
            return iter(())

    key = (1, 1, 1, 1, 1)
    difference = folder.compare(Barred("/nowhere"), [("a-b.md", key), ("a/b.md", key), ("ab/c.md", key)])
    assert (list(difference.gone), list(difference.kept)) == (["a-b.md", "ab/c.md"], ["a/b.md"])


def test_a_file_has_the_same_key_whoever_looks_and_wherever_its_disk_is(root: Path) -> None:
    """Walk, look and read agree, and the disk's number, another on each machine, is no part of it."""
    (root / "a.md").write_text("a")
    (walked,) = folder.Walk(str(root))
    assert folder.look(str(root), "a.md") == (walked,)
    assert only(root, "a.md").key == walked[1]
    assert walked[1].dev == 0 != root.stat().st_dev


def test_a_root_that_is_gone_is_an_error_and_no_empty_folder(root: Path) -> None:
    """Neither walking nor reading takes it for a folder without seeds."""
    root.rmdir()
    with pytest.raises(FolderError, match="cannot be read"):
        paths(root)
    with pytest.raises(FolderError, match="cannot be read"):
        only(root, "a.md")


def test_reading_gives_bytes_and_the_key_that_a_walk_gives(root: Path) -> None:
    """So a file read once is known again."""
    put(root, "sub/a.md", "text")
    file = only(root, "sub/a.md")
    assert file is not None
    assert file.data == b"text"
    assert dict(folder.Walk(str(root))) == {"sub/a.md": file.key}
    assert only(root, "sub/gone.md") is None
    assert only(root, "gone/a.md") is None


@pytest.mark.parametrize(("size", "read"), [(0, True), (99, True), (100, True), (101, False)])
def test_a_file_beyond_the_limit_is_refused_unread(root: Path, size: int, *, read: bool) -> None:
    """The limit is the last size that is read; an empty file is read as empty."""
    put(root, "a.md", "x" * size)
    file = only(root, "a.md")
    assert file is not None
    assert (file.data == b"x" * size) is read
    assert read or file.reason == "has 101 bytes, at most 100 are read"


def test_links_are_not_followed_wherever_they_are_on_the_way(root: Path, tmp_path: Path) -> None:
    """A file or a folder that is swapped for a link between walk and read leads nowhere."""
    secret = put(tmp_path, "outside/secret.md")
    (root / "a.md").symlink_to(secret)
    (root / "sub").symlink_to(secret.parent)
    for path in ("a.md", "sub/secret.md"):
        file = only(root, path)
        assert file is not None
        assert (file.data, file.reason) == (None, "is a symbolic link, which is not followed")


def test_pipes_sockets_and_folders_are_refused_without_waiting(root: Path) -> None:
    """Opening a pipe nobody writes to would wait for ever."""
    os.mkfifo(root / "pipe.md")
    (root / "folder.md").mkdir()
    os.mknod(root / "socket.md", stat.S_IFSOCK | 0o600)
    for path in ("pipe.md", "folder.md", "socket.md"):
        file = only(root, path)
        assert file is not None
        assert file.data is None
        assert file.reason


def test_reading_leaves_no_file_open(root: Path) -> None:
    """Not after links, pipes and files that are gone, nor where nobody reads on."""
    put(root, "sub/deep/a.md")
    (root / "b.md").symlink_to("nowhere")
    os.mkfifo(root / "c.md")
    before = len(os.listdir("/proc/self/fd"))
    list(folder.read(str(root), ["sub/deep/a.md", "sub/deep/no.md", "b.md", "c.md", "no/a.md"], 10))
    reading = folder.read(str(root), ["sub/deep/a.md", "b.md"], 10)
    next(reading)
    reading.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_looking_at_one_place_sees_a_file_a_folder_or_nothing(root: Path) -> None:
    """What an event names may be either, or gone by now."""
    put(root, "sub/a.md")
    put(root, "b.txt")
    assert [path for path, _ in folder.look(str(root), "sub")] == ["sub/a.md"]
    assert [path for path, _ in folder.look(str(root), "sub/a.md")] == ["sub/a.md"]
    assert list(folder.look(str(root), "gone.md")) == []
    assert list(folder.look(str(root), "b.txt")) == []


def test_folders_tell_whether_their_names_changed(root: Path) -> None:
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


def test_a_folder_replaced_while_its_files_are_read_is_read_anew(root: Path) -> None:
    """A checkout that makes a folder anew loses none of its files, wherever reading is just then."""
    (root / "news").mkdir(exist_ok=True)
    for name in ("x.md", "y.md"):
        (root / "news" / name).write_text("old")
    reading = folder.read(str(root), ["news/x.md", "news/y.md"], 1_000)
    first = next(reading)
    shutil.rmtree(root / "news")
    (root / "news").mkdir()
    (root / "news/y.md").write_text("new")
    second = next(reading)
    assert [first and first.data, second and second.data] == [b"old", b"new"]


def test_a_folder_that_is_not_there_does_not_mislead_what_is_read_next(root: Path) -> None:
    """What comes after it is read where it belongs, in the root too."""
    (root / "news").mkdir(exist_ok=True)
    (root / "news/a.md").write_text("below")
    (root / "a.md").write_text("above")
    found = folder.read(str(root), ["news/missing/a.md", "a.md", "news/a.md"], 1_000)
    assert [one and one.data for one in found] == [None, b"above", b"below"]


def test_a_long_walk_says_that_it_goes_on(tmp_path) -> None:
    """Every so many files, wherever they lie, so that systemd does not take minutes over a network for a hang."""
    for number in range(folder.OFTEN * 2 + 10):
        path = tmp_path / f"{number % 7}/{number}.md"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    said: list[int] = []
    folder.compare(folder.Walk(str(tmp_path)), [], alive=lambda: said.append(1))
    assert len(said) == 2


def test_a_walk_can_be_ended(site: SiteFolder) -> None:
    """What `alive` raises ends the turn before anything is done: so the daemon stops in time."""

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
def test_two_names_that_are_spelt_alike_do_not_end_a_build(site: SiteFolder, names: tuple[bytes, ...]) -> None:
    """A name that is not UTF-8 is spelt out, as another may be called: that one is known, whatever else is there is."""
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
    """An event names it by its bytes, the index as it is spelt out: it is not gone."""
    name = os.path.join(os.fsencode(site.seeds), b"new", b"\xfe.md")
    os.makedirs(os.path.dirname(name))
    Path(os.fsdecode(name)).write_bytes(b"x")
    site.build()
    with Site(site.config()) as opened:
        Path(os.fsdecode(name)).write_bytes(b"y")
        turn = opened.full_report(opened.look_at([os.fsdecode(b"new/\xfe.md")], now=NOW))
    assert [problem.path for problem in turn.problems] == ["new/\\xfe.md"]


def test_a_seed_in_a_folder_that_is_called_like_one_is_none(root: Path) -> None:
    """No walk enters such a folder, so an event from within it says nothing either."""
    put(root, "a.md/b.md")
    assert list(folder.look(str(root), "a.md/b.md")) == []
    assert [path for path, _ in folder.Walk(str(root))] == ["a.md"]


def test_numbers_that_sqlite_cannot_hold_are_folded() -> None:
    """File systems in user space give inodes and devices of 64 bits; a file is told from others all the same."""
    times = (1.0, 2.0, 3.0, 1, 2, 3)
    found = [os.stat_result((stat.S_IFREG, inode, 2**64 - 3, 1, 0, 0, 9, 1, 2, 3, *times)) for inode in (2**64 - 5, 7)]
    keys = [folder.key_of(one, 1) for one in found]
    assert all(0 <= number < 2**63 for key in keys for number in key)
    assert keys[0] != keys[1]
