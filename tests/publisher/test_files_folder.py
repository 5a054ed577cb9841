"""The folder writer and what it finds in the feeds folder: leftovers, planted links, documents to remove."""

import os
from pathlib import Path

import pytest

from aggregator.model.errors import PublishError
from aggregator.model.feeds import Document
from aggregator.publisher.atomic import Disk
from aggregator.publisher.files import FolderWriter

BODY = b"<rss>" + b"<item>One story after another.</item>" * 900 + b"</rss>"


def document(name: str, body: bytes = BODY) -> Document:
    return Document(name=name, media_type="application/rss+xml", body=body)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def triple(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{suffix}" for suffix in ("", ".gz", ".br")]


def test_prepare_makes_the_folder_and_its_parents(tmp_path):
    """A missing feeds folder is made, however deep, and nothing is removed."""
    assert FolderWriter(str(tmp_path / "a/b/feeds")).prepare() == []

    assert (tmp_path / "a/b/feeds").is_dir()
    assert (tmp_path / "a/b/feeds").stat().st_mode & 0o777 == 0o755


def test_a_planted_link_is_replaced_and_never_followed(writer, feeds, tmp_path):
    """A symbolic link with a document's name is replaced by the document; its target stays as it is."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    (feeds / "all").mkdir()
    for path in triple(feeds, "all/rss.xml"):
        path.symlink_to(secret)

    assert writer.publish([document("all/rss.xml")]).written == ("all/rss.xml",)

    assert secret.read_bytes() == b"mine"
    assert all(path.is_file() and not path.is_symlink() for path in triple(feeds, "all/rss.xml"))


def test_a_link_to_the_same_bytes_is_replaced_too(writer, feeds, tmp_path):
    """A link whose target happens to hold the right bytes is no published file."""
    (tmp_path / "copy").write_bytes(BODY)
    (feeds / "rss.xml").symlink_to(tmp_path / "copy")

    assert writer.publish([document("rss.xml")]).written == ("rss.xml",)
    assert not (feeds / "rss.xml").is_symlink()


@pytest.mark.timeout(120)
def test_a_pipe_in_the_way_is_replaced(writer, feeds):
    """A FIFO with a document's name neither blocks nor stays."""
    os.mkfifo(feeds / "rss.xml")
    os.mkfifo(feeds / "rss.xml.gz")

    assert writer.publish([document("rss.xml")]).written == ("rss.xml",)
    assert (feeds / "rss.xml").read_bytes() == BODY


def test_a_pipe_in_the_way_is_not_even_opened(writer, feeds):
    """Only regular files are opened: opening others could block, or start a device."""
    opened = []

    def note(path, *arguments, **named):
        opened.append(path)
        return os.open(path, *arguments, **named)

    os.mkfifo(feeds / "rss.xml")
    FolderWriter(str(feeds), disk=Disk(open=note)).publish([document("rss.xml", b"")])

    assert "rss.xml" not in opened
    assert (feeds / "rss.xml").is_file()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("swapped", ["link", "pipe", "nothing"])
def test_a_file_swapped_at_the_last_moment_is_replaced(writer, feeds, tmp_path, swapped):
    """A link or pipe put there between `lstat` and `open` is neither followed nor waited for."""
    (tmp_path / "copy").write_bytes(BODY)

    def swap(path, *arguments, **named):
        if path == "rss.xml":
            (feeds / path).unlink()
            if swapped == "link":
                (feeds / path).symlink_to(tmp_path / "copy")
            elif swapped == "pipe":
                os.mkfifo(feeds / path)
        return os.open(path, *arguments, **named)

    writer.publish([document("rss.xml")])
    result = FolderWriter(str(feeds), disk=Disk(open=swap)).publish([document("rss.xml")])

    assert result.written == ("rss.xml",)
    assert not (feeds / "rss.xml").is_symlink()
    assert (feeds / "rss.xml").read_bytes() == BODY


@pytest.mark.parametrize("planted", ["link to a folder", "link to nothing", "file"])
def test_a_link_or_file_instead_of_a_folder_fails_its_documents_only(writer, feeds, tmp_path, planted):
    """It is rejected by name with advice, and other folders are written."""
    (tmp_path / "elsewhere").mkdir()
    if planted == "file":
        (feeds / "all").write_bytes(b"mine")
    else:
        (feeds / "all").symlink_to(tmp_path / ("elsewhere" if planted == "link to a folder" else "nothing"))

    result = writer.publish([document("all/rss.xml"), document("ai/rss.xml")])

    assert result.written == ("ai/rss.xml",)
    assert [str(error) for error in result.failed] == [
        "all/rss.xml: all is a link or a file, not a folder (remove it or move it away)"
    ]
    assert result.failed[0].name == "all/rss.xml"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
def test_a_folder_instead_of_a_file_fails_that_document(writer, feeds, suffix):
    """A folder with the name of one of its three files fails the document before any of them is replaced."""
    (feeds / "all" / f"rss.xml{suffix}").mkdir(parents=True)

    result = writer.publish([document("all/rss.xml"), document("all/atom.xml")])

    assert result.written == ("all/atom.xml",)
    assert [str(error) for error in result.failed] == [
        f"all/rss.xml: rss.xml{suffix} is a folder, not a file (remove it or move it away)"
    ]
    assert sorted(files(feeds)) == ["all/atom.xml", "all/atom.xml.br", "all/atom.xml.gz"]


def test_a_feeds_folder_that_is_a_file_is_named(tmp_path):
    """When the feeds folder itself is a file, prepare and publish both name its path."""
    (tmp_path / "feeds").write_bytes(b"mine")
    writer = FolderWriter(str(tmp_path / "feeds"))

    with pytest.raises(PublishError, match="Not a directory"):
        writer.prepare()
    (error,) = writer.publish([document("rss.xml")]).failed
    assert str(error) == f"rss.xml: {tmp_path}/feeds: Not a directory (remove it or move it away)"


def test_a_feeds_folder_behind_a_link_is_the_operators_choice(tmp_path):
    """The feeds folder itself may be a link, to a web server's folder for example."""
    (tmp_path / "www").mkdir()
    (tmp_path / "feeds").symlink_to(tmp_path / "www")
    (tmp_path / "www/.aggregator-a.tmp").touch()
    writer = FolderWriter(str(tmp_path / "feeds"))

    assert writer.prepare() == [".aggregator-a.tmp"]
    assert writer.publish([document("a.xml")]).written == ("a.xml",)
    assert (tmp_path / "www/a.xml").read_bytes() == BODY


def test_a_deleted_feeds_folder_is_made_again(writer, feeds):
    """Publishing after the feeds folder was deleted makes it again."""
    feeds.rmdir()

    assert writer.publish([document(".well-known/feeds")]).written == (".well-known/feeds",)
    assert (feeds / ".well-known/feeds").read_bytes() == BODY


def test_leftover_temporary_files_are_removed_and_other_files_stay(writer, feeds, tmp_path):
    """Only files and links with our temporary names are removed, as deep as documents lie, but not through linked folders."""
    outside = tmp_path / "outside"
    for folder in (feeds / "all/deep", outside, feeds / ".aggregator-folder.tmp"):
        folder.mkdir(parents=True)
    ours = [feeds / ".aggregator-x.tmp", feeds / "all/deep/.aggregator-rss.xml.1-2.tmp"]
    strangers = [feeds / "x.tmp", feeds / ".aggregator-x", feeds / "all/.vimrc.tmp", outside / ".aggregator-x.tmp"]
    for path in ours + strangers:
        path.write_bytes(b"half")
    (feeds / "linked").symlink_to(outside)
    (feeds / ".aggregator-link.tmp").symlink_to(outside)

    removed = writer.prepare()

    assert removed == [".aggregator-link.tmp", ".aggregator-x.tmp", "all/deep/.aggregator-rss.xml.1-2.tmp"]
    assert [path for path in ours if path.exists()] == []
    assert [path for path in strangers if not path.exists()] == []
    assert (feeds / ".aggregator-folder.tmp").is_dir()
    assert not (feeds / ".aggregator-link.tmp").is_symlink()
    assert writer.prepare() == []


def test_removing_includes_encodings_and_empty_folders(writer, feeds):
    """The encodings are removed with the document, and its folder if nothing else is in it."""
    writer.publish([document(name) for name in ("ai/rss.xml", "ai/atom.xml", "all/rss.xml", "index.html")])
    (feeds / "all/theirs.txt").touch()

    assert writer.remove(["ai/rss.xml"]) == ("ai/rss.xml",)
    assert (feeds / "ai").is_dir()
    assert writer.remove(["ai/atom.xml", "all/rss.xml", "index.html"]) == ("ai/atom.xml", "all/rss.xml", "index.html")

    assert sorted(path.name for path in feeds.rglob("*")) == ["all", "theirs.txt"]


def test_removing_what_is_not_there_is_fine(writer, feeds):
    """Missing documents and folders are no error; a document with only an encoding left counts as removed."""
    (feeds / "ai").mkdir()
    (feeds / "ai/rss.xml.gz").touch()

    assert writer.remove(["none/rss.xml", "gone.xml", "ai/rss.xml"]) == ("ai/rss.xml",)
    assert list(feeds.iterdir()) == []
    feeds.rmdir()
    assert writer.remove(["ai/rss.xml"]) == ()


def test_removing_follows_no_link(writer, feeds, tmp_path):
    """A document behind a linked folder is rejected by name, and what lies there stays."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/rss.xml").write_bytes(b"mine")
    (feeds / "ai").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PublishError, match=r"^ai/rss\.xml: ai is a link or a file, not a folder"):
        writer.remove(["ai/rss.xml"])
    assert (tmp_path / "elsewhere/rss.xml").read_bytes() == b"mine"


def test_a_file_identity_stays_while_the_files_do(writer):
    """The identity of a published document is the same text until a file changes, also for another writer."""
    writer.publish([document("all/rss.xml"), document("all/atom.xml")])
    before = writer.file_identity("all/rss.xml")
    writer.publish([document("all/rss.xml"), document("all/atom.xml", b"new")])

    assert isinstance(before, str)
    assert writer.file_identity("all/rss.xml") == before
    assert writer.file_identity("all/atom.xml") != before


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
def test_any_change_of_a_file_changes_the_file_identity(writer, feeds, suffix):
    """Editing, replacing or deleting any of the three files changes it; it is None unless all exist."""
    writer.publish([document("all/rss.xml")])
    path = feeds / f"all/rss.xml{suffix}"
    identities = [writer.file_identity("all/rss.xml")]
    path.write_bytes(b"edited")
    identities.append(writer.file_identity("all/rss.xml"))
    path.unlink()
    assert writer.file_identity("all/rss.xml") is None
    path.symlink_to(feeds / "elsewhere")
    assert writer.file_identity("all/rss.xml") is None
    writer.publish([document("all/rss.xml")])
    identities.append(writer.file_identity("all/rss.xml"))

    assert None not in identities
    assert len(set(identities)) == 3
