"""The folder writer on a working disk: right files, untouched if right already, never outside the folder."""

import errno
import gzip
import os
import random
import tempfile
import threading
import tracemalloc
from pathlib import Path

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model.feeds import Document
from aggregator.publisher.atomic import Disk
from aggregator.publisher.destination import Published
from aggregator.publisher.files import FolderWriter

BODY = b"<rss>" + b"<item>One story after another.</item>" * 900 + b"</rss>"


def document(name: str, body: bytes = BODY) -> Document:
    return Document(name=name, media_type="application/rss+xml", body=body)


def identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_ino, status.st_mtime_ns


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def triple(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{suffix}" for suffix in ("", ".gz", ".br")]


def test_a_document_is_written_with_both_encodings(writer, feeds):
    """A document is written as is, as gzip and as brotli, readable by a web server, and nothing else is left."""
    assert writer.publish([document("all/rss.xml")]) == Published(written=("all/rss.xml",))

    found = files(feeds)
    assert sorted(found) == ["all/rss.xml", "all/rss.xml.br", "all/rss.xml.gz"]
    assert found["all/rss.xml"] == BODY
    assert gzip.decompress(found["all/rss.xml.gz"]) == BODY
    assert brotli.decompress(found["all/rss.xml.br"]) == BODY
    assert {path.stat().st_mode & 0o777 for path in triple(feeds, "all/rss.xml")} == {0o644}


def test_given_encodings_are_not_made_again(writer, feeds):
    """An encoding that comes with the document is written as it is, the other is made; both count as right later."""
    ready = gzip.compress(BODY, 1, mtime=0)
    one = Document(name="all/rss.xml", media_type="application/rss+xml", body=BODY, encoded=((".gz", ready),))
    assert writer.publish([one]).written == ("all/rss.xml",)
    assert (feeds / "all/rss.xml.gz").read_bytes() == ready
    assert brotli.decompress((feeds / "all/rss.xml.br").read_bytes()) == BODY
    (feeds / "all/rss.xml.gz").write_bytes(b"something else")
    assert writer.publish([one]).written == ("all/rss.xml",)
    assert (feeds / "all/rss.xml.gz").read_bytes() == ready


def test_encodings_are_the_same_bytes_everywhere(writer, feeds, tmp_path):
    """Two folders filled at different times hold the same bytes; the gzip header has no time, file name or system."""
    other = FolderWriter(str(tmp_path / "other"), fsync=False)
    writer.publish([document("all/rss.xml")])
    other.publish([document("all/rss.xml")])

    assert files(feeds) == files(tmp_path / "other")
    assert (feeds / "all/rss.xml.gz").read_bytes()[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_a_page_of_an_archive_is_compressed_quickly(writer, feeds):
    """Archive pages are many and rarely fetched; a feed, fetched every day, is compressed better."""
    text = " ".join(
        random.Random(1).choices(
            ["the", "news", "of", "the", "day", "are", "told", "by", "people", "who", "know", "them"], k=9_000
        )
    )
    for name in ("all/rss.xml", "all/archive/2026-10/rss.xml"):
        writer.publish([Document(name=name, media_type="application/rss+xml", body=text.encode())])
    for suffix, decode in ((".gz", gzip.decompress), (".br", brotli.decompress)):
        feed, page = ((feeds / f"all/{folder}rss.xml{suffix}").read_bytes() for folder in ("", "archive/2026-10/"))
        assert decode(feed) == decode(page) == text.encode()
        assert len(feed) < len(page) < len(text) / 2


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=3000), tampered=st.binary(max_size=300))
def test_any_bytes_survive_and_any_damage_is_repaired(body, tampered):
    """Whatever a document holds and whatever its encodings were overwritten with, publishing repairs all three."""
    with tempfile.TemporaryDirectory() as folder:
        writer = FolderWriter(folder, fsync=False)
        writer.publish([document("a.xml", body)])
        right = files(Path(folder))
        assert gzip.decompress(right["a.xml.gz"]) == brotli.decompress(right["a.xml.br"]) == right["a.xml"] == body
        assert writer.publish([document("a.xml", body)]).unchanged == ("a.xml",)

        for damaged in triple(Path(folder), "a.xml"):
            damaged.write_bytes(tampered)
            writer.publish([document("a.xml", body)])
            found = files(Path(folder))
            # Not the same bytes: what was written over an encoding may be another right encoding of the body.
            assert gzip.decompress(found["a.xml.gz"]) == brotli.decompress(found["a.xml.br"]) == found["a.xml"] == body


def test_unchanged_files_keep_inode_and_mtime(writer, feeds):
    """Publishing the same bytes again changes no file and reports that, so that ETag and Last-Modified stay."""
    documents = [document("all/rss.xml"), document("feeds.opml", b"<opml/>"), document("empty", b"")]
    writer.publish(documents)
    before = {path: identity(path) for path in feeds.rglob("*")}

    result = writer.publish(documents)

    assert result == Published(unchanged=("all/rss.xml", "feeds.opml", "empty"))
    assert {path: identity(path) for path in feeds.rglob("*")} == before


def test_only_what_changed_is_replaced(writer, feeds):
    """Of several documents only the changed one gets new files."""
    writer.publish([document("all/rss.xml"), document("ai/rss.xml")])
    before = [identity(path) for path in triple(feeds, "ai/rss.xml")]

    result = writer.publish([document("all/rss.xml", b"new"), document("ai/rss.xml")])

    assert result == Published(written=("all/rss.xml",), unchanged=("ai/rss.xml",))
    assert [identity(path) for path in triple(feeds, "ai/rss.xml")] == before
    assert gzip.decompress((feeds / "all/rss.xml.gz").read_bytes()) == b"new"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".gz", ".br"])
@pytest.mark.parametrize("damage", ["missing", "cut", "longer", "old", "huge", "link", "by another tool"])
def test_a_wrong_encoding_is_repaired_alone(writer, feeds, tmp_path, suffix, damage):
    """A missing or wrong encoding is made again, and the body keeps its inode."""
    writer.publish([document("all/rss.xml")])
    body, broken = feeds / "all/rss.xml", feeds / f"all/rss.xml{suffix}"
    right, before = broken.read_bytes(), identity(body)
    (tmp_path / "secret").write_bytes(right)
    broken.unlink()
    wrong = {
        "cut": right[:-1],
        "longer": right + b"\0",
        "old": gzip.compress(b"old", mtime=0) if suffix == ".gz" else brotli.compress(b"old"),
        "huge": gzip.compress(bytes(10**7)) if suffix == ".gz" else brotli.compress(bytes(10**7)),
        "by another tool": gzip.compress(BODY, mtime=1) if suffix == ".gz" else b"\xff" * 40,
    }
    if damage == "link":
        broken.symlink_to(tmp_path / "secret")
    elif damage in wrong:
        broken.write_bytes(wrong[damage])

    assert writer.publish([document("all/rss.xml")]).written == ("all/rss.xml",)

    assert broken.read_bytes() == right
    assert not broken.is_symlink()
    assert identity(body) == before
    assert (tmp_path / "secret").read_bytes() == right


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".gz", ".br"])
def test_a_compression_bomb_is_not_decompressed(writer, feeds, suffix):
    """A planted encoding that decompresses to 50 MB takes little memory and is replaced."""
    writer.publish([document("a.xml", BODY * 10)])
    bomb = gzip.compress(bytes(50_000_000)) if suffix == ".gz" else brotli.compress(bytes(50_000_000))
    if suffix == ".gz":
        bomb = (feeds / "a.xml.gz").read_bytes()[:10] + bomb[10:]
    (feeds / f"a.xml{suffix}").write_bytes(bomb)
    tracemalloc.start()

    result = writer.publish([document("a.xml", BODY * 10)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert result.written == ("a.xml",)
    assert peak < 5_000_000


@pytest.mark.slow
def test_a_reader_sees_only_complete_files(writer, feeds):
    """During 300 rewrites, a reading thread sees only complete old or complete new files."""
    bodies = {bytes([65 + version]) * 30_000 for version in range(20)}
    writer.publish([document("all/rss.xml", b"A" * 30_000)])
    done, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            for path, decode in zip(
                triple(feeds, "all/rss.xml"), (bytes, gzip.decompress, brotli.decompress), strict=True
            ):
                try:
                    body = decode(path.read_bytes())
                except (OSError, EOFError, brotli.error) as error:
                    wrong.append(repr(error))
                else:
                    seen.add(body)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(1, 301):
        writer.publish([document("all/rss.xml", bytes([65 + version % 20]) * 30_000)])
    done.set()
    reader.join()

    assert wrong == []
    assert len(seen) > 1
    assert seen <= bodies


def test_two_writers_at_once_never_mix_a_file(feeds):
    """Two writers that should not share a folder, but do, still leave every file as one of them wrote it."""
    bodies = [b"1" * 20_000, b"2" * 20_000]

    failed = []

    def write(body: bytes) -> None:
        own = FolderWriter(str(feeds), fsync=False)
        for _ in range(60):
            failed.extend(own.publish([document("all/rss.xml", body), document("all/atom.xml", body)]).failed)
            failed.extend(own.publish([document("all/rss.xml", b"")]).failed)

    threads = [threading.Thread(target=write, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert (feeds / "all/atom.xml").read_bytes() in bodies
    assert (feeds / "all/rss.xml").read_bytes() in [*bodies, b""]


@pytest.mark.parametrize(
    "name",
    ["", "/abs/rss.xml", "../rss.xml", "a/../b", "a//b", "./a", "a/", "a\\b", "a\0b", "..", "\ud800"],
)
def test_names_that_lead_out_of_the_folder_raise_value_error(writer, feeds, name):
    """A name that is not plainly relative is a ValueError and writes nothing."""
    with pytest.raises(ValueError):
        writer.publish([document(name)])
    with pytest.raises(ValueError):
        writer.remove([name])
    assert list(feeds.iterdir()) == []


@pytest.mark.parametrize("name", ["rss.xml.gz", "rss.xml.br", "all/.aggregator-x.tmp"])
def test_reserved_names_raise_value_error(writer, feeds, name):
    """A document named like an encoding or a temporary file is a ValueError and writes nothing."""
    with pytest.raises(ValueError, match="is a name reserved"):
        writer.publish([document(name)])
    assert list(feeds.iterdir()) == []


def test_one_name_twice_raises_value_error(writer):
    """Two documents of one name in one call are a ValueError, as only one of them could stay."""
    with pytest.raises(ValueError, match=r"'a\.xml' is published twice"):
        writer.publish([document("a.xml", b"1"), document("a.xml", b"2")])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(name=st.lists(st.sampled_from(["a", "/", ".", "..", "\\", "\0", "-rf", "%2e", "é", " ", "\n"])).map("".join))
def test_no_name_leads_out_of_the_folder(name):
    """Whatever a document's name is, nothing appears outside the feeds folder."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            written = FolderWriter(f"{folder}/feeds", fsync=False).publish([document(name, b"x")]).written
        except ValueError:
            written = ()
        assert set(os.listdir(folder)) <= {"feeds"}
        assert all((Path(folder) / "feeds" / each).read_bytes() == b"x" for each in written)


def test_a_name_too_long_for_the_disk_fails_alone(writer):
    """A name the file system refuses is a failure of that document with the system's reason."""
    result = writer.publish([document("a" * 250), document("b.xml")])

    assert result.written == ("b.xml",)
    assert [str(error) for error in result.failed] == [f"{'a' * 250}: File name too long"]


def test_documents_are_read_one_folder_at_a_time(writer, feeds):
    """Documents may come from a generator; those of one folder are on disk before the next folder's are requested."""
    there = []

    def render():
        yield document("a/rss.xml")
        yield document("a/atom.xml")
        yield document("b/rss.xml")
        there.append((feeds / "a/rss.xml").exists())
        yield document("c/rss.xml")

    assert len(writer.publish(render()).written) == 4
    assert there == [True]


def test_an_error_of_the_documents_source_leaves_nothing_open(writer, feeds):
    """An exception of the generator is raised; what came before is published and no temporary file is left."""

    def render():
        yield document("a/rss.xml")
        yield document("b/rss.xml")
        raise RuntimeError("boom")

    open_files = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RuntimeError, match="boom"):
        writer.publish(render())

    assert len(os.listdir("/proc/self/fd")) == open_files
    assert sorted(path.name for path in (feeds / "a").iterdir()) == ["rss.xml", "rss.xml.br", "rss.xml.gz"]


def test_short_writes_are_continued(feeds):
    """A disk that accepts a few bytes at a time still gets the complete file."""
    writer = FolderWriter(str(feeds), disk=Disk(write=lambda fd, rest: os.write(fd, rest[:1000])))

    assert writer.publish([document("a.xml")]).written == ("a.xml",)
    assert (feeds / "a.xml").read_bytes() == BODY


def recording(events: list[str]) -> Disk:
    """Return a disk that records which files it flushes, replaces and unlinks, in order."""

    def fsync(fd: int) -> None:
        events.append("flush " + os.path.basename(os.readlink(f"/proc/self/fd/{fd}")).split(".xml")[0])
        os.fsync(fd)

    def replace(temp: str, name: str, **folders: int) -> None:
        events.append(f"replace {name}")
        os.replace(temp, name, **folders)

    def unlink(name: str, **folder: int) -> None:
        events.append(f"unlink {name}")
        os.unlink(name, **folder)

    return Disk(fsync=fsync, replace=replace, unlink=unlink)


def test_all_is_flushed_before_anything_is_replaced_and_the_folder_last(writer, feeds):
    """A new folder is flushed into its parent; its files are flushed, then replaced, body first, then it is flushed."""
    events: list[str] = []

    FolderWriter(str(feeds), disk=recording(events)).publish([document("all/a.xml"), document("all/b.xml")])

    assert events[0] == "flush feeds"
    assert sorted(events[1:7]) == ["flush .aggregator-a"] * 3 + ["flush .aggregator-b"] * 3
    assert events[7:-1] == [f"replace {name}.xml{suffix}" for name in "ab" for suffix in ("", ".gz", ".br")]
    assert events[-1] == "flush all"


def test_a_removal_is_flushed(writer, feeds):
    """Encodings go before their body, and both folders concerned are flushed."""
    writer.publish([document("all/a.xml")])
    events: list[str] = []

    FolderWriter(str(feeds), disk=recording(events)).remove(["all/a.xml"])

    assert events == ["unlink a.xml.gz", "unlink a.xml.br", "unlink a.xml", "flush all", "flush feeds"]


def test_without_fsync_nothing_is_flushed(feeds):
    """Without `fsync` no file is flushed."""
    events: list[str] = []

    FolderWriter(str(feeds), fsync=False, disk=recording(events)).publish([document("all/a.xml")])

    assert [event for event in events if event.startswith("flush")] == []


def test_a_file_system_that_cannot_flush_folders_is_fine(feeds):
    """If the file system does not support flushing folders, publishing succeeds all the same."""

    def fsync(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        os.fsync(fd)

    assert FolderWriter(str(feeds), disk=Disk(fsync=fsync)).publish([document("all/a.xml")]).written == ("all/a.xml",)
