"""The document cache: serves exactly the documents in the feeds folder, and notices changes soon."""

from __future__ import annotations

import gzip
import os
import socket
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.running_daemon import wait_until

from aggregator.model import document_names
from aggregator.model.feeds import Document, Site
from aggregator.publisher.files import FolderWriter
from aggregator.service.http.document_cache import CHECK_INTERVAL, MAX_BYTES, DocumentCache
from aggregator.service.http.responses import CachedDocument

SITE = Site(title="Test", url="https://feeds.example.org/")
LONG_AGO = 1_700_000_000


def cache_of(feeds: Path, *, now: float | None = None, max_bytes: int = MAX_BYTES) -> DocumentCache:
    return DocumentCache(str(feeds), SITE, clock=time.time if now is None else lambda: now, max_bytes=max_bytes)


def put(feeds: Path, name: str, body: bytes, *, at: float | None = LONG_AGO) -> None:
    """Write a document with its encodings as the writer does, each by replacing; `at` is when, in seconds since 1970."""
    encoded = {"": body, ".gz": gzip.compress(body, mtime=0), ".br": brotli.compress(body)}
    for suffix, content in encoded.items():
        target = feeds / (name + suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(".new" + target.name)
        temporary.write_bytes(content)
        if at is not None:
            os.utime(temporary, (at, at))
        temporary.replace(target)


def bodies(document: CachedDocument | None) -> dict[str, bytes]:
    """Return the decoded body of each coding."""
    assert document is not None
    decode = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
    return {coding: decode[coding](version.body) for coding, version in document.representations.items()}


def body_of(cache: DocumentCache, name: str = "all/rss.xml") -> bytes:
    document = cache.get(name)
    assert document is not None
    return document.representations[""].body


def header(document: CachedDocument | None, name: str) -> str:
    assert document is not None
    return dict(document.representations[""].headers)[name]


def test_what_is_on_disk_is_served(feeds: Path) -> None:
    """Each document comes with its encodings, each of them the same content."""
    for name in ("all/rss.xml", "all/feed.json", "index.html", ".well-known/feeds", "all/archive/2026-05/atom.xml"):
        put(feeds, name, name.encode())
        assert bodies(cache_of(feeds).get(name)) == dict.fromkeys(("", "gzip", "br"), name.encode())


def test_what_the_writer_wrote_is_served(writer: FolderWriter, feeds: Path) -> None:
    """The writer and the cache agree on names and encodings."""
    writer.publish([Document(name="all/rss.xml", media_type="application/rss+xml", body=b"<rss/>" * 100)])
    assert bodies(cache_of(feeds).get("all/rss.xml")) == dict.fromkeys(("", "gzip", "br"), b"<rss/>" * 100)


def test_what_is_not_there_is_not_served(feeds: Path) -> None:
    """A missing folder or document is not served, and is once it exists."""
    cache = cache_of(feeds)
    assert cache.get("all/rss.xml") is None
    put(feeds, "all/atom.xml", b"x")
    assert cache.get("all/rss.xml") is None
    put(feeds, "all/rss.xml", b"here")
    assert body_of(cache) == b"here"


def test_invalidation_shows_a_replaced_document_at_once(feeds: Path) -> None:
    """After a turn the next request gets the new version, not one a second old."""
    cache = cache_of(feeds)
    for number in range(50):
        body = b"version %d" % number
        put(feeds, "all/rss.xml", body)
        cache.invalidate(["all"])
        assert bodies(cache.get("all/rss.xml")) == dict.fromkeys(("", "gzip", "br"), body)


@pytest.mark.parametrize("name", ["index.html", "feeds.opml", ".well-known/feeds"])
def test_invalidating_any_feed_invalidates_the_sites_documents(feeds: Path, name: str) -> None:
    """The index, the OPML and the discovery list depend on every feed."""
    cache = cache_of(feeds)
    put(feeds, name, b"old")
    assert body_of(cache, name) == b"old"
    put(feeds, name, b"new")
    cache.invalidate(["some-topic"])
    assert body_of(cache, name) == b"new"


def test_what_is_not_invalidated_is_not_read_again(feeds: Path) -> None:
    """Within a second a document costs no disk access, whatever happens to others."""
    cache = cache_of(feeds)
    put(feeds, "all/rss.xml", b"old")
    document = cache.get("all/rss.xml")
    cache.invalidate(["other"])
    assert cache.get("all/rss.xml") is document


def test_a_replaced_document_is_noticed_without_invalidation(feeds: Path) -> None:
    """It is noticed after about a second, without a check at every request."""
    cache = cache_of(feeds)
    put(feeds, "all/rss.xml", b"old")
    assert body_of(cache) == b"old"
    put(feeds, "all/rss.xml", b"new")
    assert wait_until(lambda: body_of(cache) == b"new") > CHECK_INTERVAL / 2


def test_a_removed_document_is_no_longer_served(feeds: Path) -> None:
    """A pruned feed leaves the cache within a second and takes no memory."""
    cache = cache_of(feeds)
    put(feeds, "all/rss.xml", b"old")
    assert body_of(cache) == b"old"
    (feeds / "all/rss.xml").unlink()
    wait_until(lambda: cache.get("all/rss.xml") is None)
    assert cache.size == 0


def test_an_edit_in_place_is_noticed(feeds: Path) -> None:
    """Same name and inode, other bytes."""
    cache = cache_of(feeds)
    put(feeds, "all/rss.xml", b"old")
    assert body_of(cache) == b"old"
    with (feeds / "all/rss.xml").open("r+b") as file:
        file.write(b"new")
    wait_until(lambda: body_of(cache) == b"new")


def test_an_edit_that_keeps_size_and_times_is_noticed_while_the_file_is_young(feeds: Path) -> None:
    """Within the resolution of file times, size and times may stay the same: a young file is read again each second."""
    put(feeds, "all/rss.xml", b"old", at=LONG_AGO)
    cache = cache_of(feeds, now=LONG_AGO + 1)
    first = cache.get("all/rss.xml")
    wait_until(lambda: cache.get("all/rss.xml") is not first)


def test_last_modified_is_when_it_was_written(feeds: Path) -> None:
    """To the second, for a file that is old enough."""
    put(feeds, "all/rss.xml", b"x", at=LONG_AGO + 0.9)
    assert header(cache_of(feeds, now=LONG_AGO + 60).get("all/rss.xml"), "last-modified") == formatdate(
        LONG_AGO, usegmt=True
    )


def test_there_is_no_last_modified_in_the_second_of_writing(feeds: Path) -> None:
    """Two versions of one second would share the date (RFC 9110 §8.8.2.2)."""
    put(feeds, "all/rss.xml", b"first", at=LONG_AGO + 0.2)
    cache = cache_of(feeds, now=LONG_AGO + 0.3)
    first = cache.get("all/rss.xml")
    later = cache_of(feeds, now=LONG_AGO + 60).get("all/rss.xml")
    assert "last-modified" not in dict(first.representations[""].headers)
    assert header(later, "last-modified") == formatdate(LONG_AGO, usegmt=True)


@pytest.mark.parametrize("ahead", [1.5, 3_600, 10 * 365 * 86_400])
def test_last_modified_is_never_in_the_future(feeds: Path, ahead: float) -> None:
    """RFC 9110 §8.8.2.1, even if a clock was wrong when the file was written."""
    put(feeds, "all/rss.xml", b"x", at=LONG_AGO + ahead)
    assert cache_of(feeds, now=LONG_AGO).get("all/rss.xml").modified is None


def test_etags_are_those_of_the_bytes(feeds: Path) -> None:
    """The same after a restart and for a file written again; different for each encoding and version."""
    put(feeds, "all/rss.xml", b"one")
    tags = {coding: version.etag for coding, version in cache_of(feeds).get("all/rss.xml").representations.items()}
    put(feeds, "all/rss.xml", b"one", at=None)
    again = {coding: version.etag for coding, version in cache_of(feeds).get("all/rss.xml").representations.items()}
    put(feeds, "all/rss.xml", b"two")
    other = {coding: version.etag for coding, version in cache_of(feeds).get("all/rss.xml").representations.items()}
    assert tags == again
    assert len({*tags.values(), *other.values()}) == 6


@pytest.mark.parametrize(
    ("missing", "left"), [([".gz"], {"", "br"}), ([".br"], {"", "gzip"}), ([".gz", ".br"], {""}), ([""], None)]
)
def test_a_missing_encoding_is_skipped(feeds: Path, missing: list[str], left: set[str] | None) -> None:
    """What exists is served; encodings without a body are not."""
    put(feeds, "all/rss.xml", b"x")
    for suffix in missing:
        (feeds / f"all/rss.xml{suffix}").unlink()
    document = cache_of(feeds).get("all/rss.xml")
    assert (None if document is None else set(document.representations)) == left


def test_an_encoding_that_appears_later_is_used(feeds: Path) -> None:
    """The writer replaces a body first, then its encodings."""
    put(feeds, "all/rss.xml", b"x")
    (feeds / "all/rss.xml.br").rename(feeds / "kept")
    cache = cache_of(feeds)
    assert set(cache.get("all/rss.xml").representations) == {"", "gzip"}
    (feeds / "kept").rename(feeds / "all/rss.xml.br")
    wait_until(lambda: set(cache.get("all/rss.xml").representations) == {"", "gzip", "br"})


# -- how much is kept


def test_memory_is_bounded_in_bytes(feeds: Path) -> None:
    """The least recently requested documents leave memory first; all are still served."""
    names = [f"t{number}/rss.xml" for number in range(20)]
    for name in names:
        put(feeds, name, os.urandom(1_000))
    cache = cache_of(feeds, max_bytes=20_000)
    wanted = {name: (feeds / name).read_bytes() for name in names}
    for _ in range(3):
        for name in names:
            assert body_of(cache, name) == wanted[name]
            assert 0 < cache.size <= 20_000


def test_the_least_recently_requested_document_leaves_first(feeds: Path) -> None:
    """A document that is requested all the time is not read again because of others."""
    for number in range(30):
        put(feeds, f"t{number}/rss.xml", os.urandom(1_000))
    cache = cache_of(feeds, max_bytes=20_000)
    favourite = cache.get("t0/rss.xml")
    for number in range(1, 30):
        cache.get(f"t{number}/rss.xml")
        assert cache.get("t0/rss.xml") is favourite


def test_a_document_too_large_to_keep_is_served(feeds: Path) -> None:
    """One giant must not displace all others."""
    put(feeds, "small/rss.xml", os.urandom(500))
    put(feeds, "giant/rss.xml", os.urandom(50_000))
    cache = cache_of(feeds, max_bytes=20_000)
    small = cache.get("small/rss.xml")
    assert len(body_of(cache, "giant/rss.xml")) == 50_000
    assert cache.get("small/rss.xml") is small
    assert cache.size <= 20_000


def test_no_descriptor_is_left_open(feeds: Path) -> None:
    """Neither after reading nor after failing to read."""
    put(feeds, "all/rss.xml", b"x")
    (feeds / "dir/rss.xml").mkdir(parents=True)
    cache = cache_of(feeds)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        cache.invalidate(["all", "dir"])
        assert cache.get("all/rss.xml") is not None
        assert cache.get("dir/rss.xml") is None
        assert cache.get("none/rss.xml") is None
    assert len(os.listdir("/proc/self/fd")) == before


# -- what is never served


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "socket", "folder", "loop", "device"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_is_not_a_regular_file_is_never_served_and_never_blocks(
    feeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    """A planted link, FIFO, socket, device or folder counts as missing; other encodings are not affected."""
    put(feeds, "all/rss.xml", b"x")
    put(feeds, "other/rss.xml", b"y")
    secret = tmp_path / "secret"
    secret.write_bytes(gzip.compress(b"secret") if suffix else b"secret")
    target = feeds / f"all/rss.xml{suffix}"
    target.unlink()
    plant(target, kind, secret, monkeypatch)
    document = cache_of(feeds).get("all/rss.xml")
    if suffix:
        assert bodies(document) == {"": b"x", "br": b"x"}
    else:
        assert document is None
    assert body_of(cache_of(feeds), "other/rss.xml") == b"y"


def plant(target: Path, kind: str, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "socket":
        monkeypatch.chdir(target.parent)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(target.name)
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to({"link": secret, "dangling": secret / "none", "loop": target, "device": "/dev/zero"}[kind])


def test_a_folder_that_is_a_link_is_not_followed(feeds: Path, tmp_path: Path) -> None:
    """A link instead of a feed's folder is not followed, even if documents lie behind it."""
    put(tmp_path, "outside/rss.xml", b"secret")
    feeds.mkdir()
    (feeds / "all").symlink_to(tmp_path / "outside")
    (feeds / ".well-known").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/feeds").write_bytes(b"secret")
    cache = cache_of(feeds)
    assert cache.get("all/rss.xml") is None
    assert cache.get(".well-known/feeds") is None


def test_a_link_that_replaces_a_document_is_not_served(feeds: Path, tmp_path: Path) -> None:
    """Even if the document was served before."""
    put(feeds, "all/rss.xml", b"x")
    cache = cache_of(feeds)
    assert body_of(cache) == b"x"
    (tmp_path / "secret").write_bytes(b"secret")
    (feeds / "all/rss.xml").unlink()
    (feeds / "all/rss.xml").symlink_to(tmp_path / "secret")
    wait_until(lambda: cache.get("all/rss.xml") is None)


def test_the_feeds_folder_itself_may_be_a_link(feeds: Path, tmp_path: Path) -> None:
    """The owner chose it in the config."""
    put(tmp_path / "real", "all/rss.xml", b"x")
    feeds.symlink_to(tmp_path / "real")
    assert body_of(cache_of(feeds)) == b"x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_not_served(feeds: Path) -> None:
    """It is no error of the server: the turn that wrote it reports it."""
    put(feeds, "all/rss.xml", b"x")
    (feeds / "all/rss.xml").chmod(0)
    assert cache_of(feeds).get("all/rss.xml") is None


ALL_IS_THERE = [
    "all/.rss.xml", ".git/config", "all/.aggregator-1.tmp", "all/rss.xml.gz", "all/rss.xml.br", "all/rss.xml~", "rss.xml",
    "all/other.xml", "ALL/rss.xml", "all/RSS.XML", "all/deeper/rss.xml", "all/archive/rss.xml", "all/archive/2026/rss.xml",
    "all/archive/2026-05/feed.html", "a_b/rss.xml", ".hidden/rss.xml", ".well-known/rss.xml", ".well-known/feeds.gz",
    "x" * 65 + "/rss.xml", "all\\rss.xml", "all/rss.xml ", " all/rss.xml", "all/rss.xml\n", "é/rss.xml", "control.sock", "index.db",
]  # fmt: skip


@pytest.mark.parametrize("name", ALL_IS_THERE)
def test_files_with_names_that_are_not_ours_are_never_served(feeds: Path, name: str) -> None:
    """Dot files, temporary files, encodings and similar names exist, but neither name nor path gets them."""
    put(feeds, "all/rss.xml", b"ours")
    (feeds / name).parent.mkdir(parents=True, exist_ok=True)
    (feeds / name).write_bytes(b"secret")
    assert cache_of(feeds).get(name) is None
    assert document_names.requested_name(f"/{name}") == ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "index.html"), ("/index.html", "index.html"), ("/all/", "all/index.html"), ("/all/index.html", "all/index.html"),
        ("/all/rss.xml", "all/rss.xml"), ("/feeds.opml", "feeds.opml"), ("/.well-known/feeds", ".well-known/feeds"),
        ("/a-1/archive/2026-05/rss.xml", "a-1/archive/2026-05/rss.xml"),
        ("/a-1/archive/2026-05-16/feed.json", "a-1/archive/2026-05-16/feed.json"),
    ],
)  # fmt: skip
def test_document_names_are_found(path: str, name: str) -> None:
    """Each document has its path; a folder's page has the path of the folder."""
    assert document_names.requested_name(path) == name


_pieces = st.sampled_from([
    "/", "//", "..", ".", "%2e", "%2F", "%252e%252e%252f", "\\", "..\\", "\0", "%00", "all", "rss.xml", "feed.json", ".gz",
    "~", ".tmp", ".aggregator-", "index.html", "index", "archive", "2026-05", "2026-13-1", "etc/passwd", ":", ";", "?", "#",
    "\n", "\r", " ", "é", "٣", "ALL", ".well-known", "feeds", "-rf", "feeds.opml",
])  # fmt: skip
_paths = st.lists(_pieces, max_size=8).map("".join) | st.text(max_size=40)


@given(_paths)
def test_no_path_gets_anything_but_document_names(path: str) -> None:
    """Whatever is requested, decoded once, twice or not at all, only a normalised document name is found."""
    for asked in (path, "/" + path, unquote(path), unquote(unquote(path)), "/" + unquote(unquote(path))):
        name = document_names.requested_name(asked)
        if name:
            assert document_names.is_document_name(name)
            assert asked in {"/" + name, "/" + name.removesuffix("index.html")}
            parts = name.split("/")
            assert all(part not in {"", ".", ".."} and "\\" not in part and "\0" not in part for part in parts)
            assert parts[-1] in document_names.MEDIA_TYPES or name == document_names.DISCOVERY
            assert name.isascii()
            assert name.isprintable()


@given(_paths)
def test_no_other_name_is_read(path: str) -> None:
    """The cache checks names itself and never accesses the disk for others."""
    cache = DocumentCache("/", SITE, clock=lambda: LONG_AGO)
    if not document_names.is_document_name(path):
        assert cache.get(path) is None
