"""Feeds in a bucket of a real object store, as plain HTTP clients get them."""

from __future__ import annotations

import gzip
import time

import brotli
import pytest
from support.bucket_site import BucketSite, run_command
from support.site_folder import NOW, iso

from aggregator.model.document_names import content_type, is_document_name
from aggregator.object_store import Store

pytestmark = pytest.mark.slow  # a store of its own has to start, and clients that take a second to import

CANARY = "canary-7f3a"


def headers(buckets: BucketSite, name: str) -> dict[str, str]:
    """Return the headers of a document without credentials."""
    reply = buckets.store.get(f"{buckets.feeds}/{name}")
    assert reply.status == 200, name
    return {key.lower(): value for key, value in reply.headers.items()}


def test_documents_have_the_servers_headers(buckets: BucketSite) -> None:
    """Content-Type, Cache-Control and Content-Encoding of every object are those of our server."""
    for month in range(3):
        buckets.write(f"{month}.md", topics=["AI"], publishedDateTime=iso(NOW - month * 31 * 86_400))
    buckets.build()
    for name in buckets.documents():
        plain = name.removesuffix(".gz").removesuffix(".br")
        found = headers(buckets, name)
        assert is_document_name(plain), name
        assert found["content-type"] == content_type(plain), name
        assert found.get("content-encoding", "") == {"gz": "gzip", "br": "br"}.get(name.rpartition(".")[2], ""), name
    assert headers(buckets, "all/rss.xml")["cache-control"] == "max-age=1800"
    assert headers(buckets, "ai/index.html.br")["cache-control"] == "no-cache"
    assert headers(buckets, "all/archive/2026-03/atom.xml")["cache-control"] == "max-age=86400"
    assert headers(buckets, "all/archive/2026-05/feed.json")["cache-control"] == "max-age=1800"


def test_the_encoded_objects_decode_to_the_document(buckets: BucketSite) -> None:
    """The .gz and .br objects decode to the document."""
    buckets.write("a.md")
    buckets.build()
    found = buckets.documents()
    for name in (one for one in found if not one.endswith((".gz", ".br"))):
        assert gzip.decompress(found[f"{name}.gz"]) == brotli.decompress(found[f"{name}.br"]) == found[name]


def test_unchanged_documents_are_not_written(buckets: BucketSite) -> None:
    """ETag and date stay after a build with nothing to do, a fresh build and an edit of another topic."""
    buckets.write("a.md", topics=["AI"])
    buckets.write("b.md", topics=["Cities"])
    buckets.build()
    first = buckets.object_versions()
    time.sleep(1.1)  # dates of objects are in whole seconds
    again = buckets.build()
    assert (again.written, again.rendered) == ((), 0)
    assert buckets.build(fresh=True).written == ()
    (buckets.site.root / "bucket-state/index.db").unlink()
    assert buckets.build().written == ()
    assert buckets.object_versions() == first
    buckets.write("b.md", topics=["Cities"], title="edited")
    buckets.build()
    changed = {name for name, stamp in buckets.object_versions().items() if stamp != first[name]}
    assert {name.partition("/")[0] for name in changed} <= {
        "all",
        "cities",
        "index.html",
        "index.html.gz",
        "index.html.br",
    }
    assert "cities/rss.xml" in changed


def test_bytes_are_compared_if_the_etag_is_no_digest(buckets: BucketSite) -> None:
    """The bytes are compared if the ETag is not their digest (encryption, multipart uploads)."""
    buckets.write("a.md")
    buckets.build()
    store = Store(f"s3://{buckets.feeds}")
    (entry,) = store.stat(["all/rss.xml"])
    body = buckets.documents()["all/rss.xml"]
    assert store.holds(entry._replace(tag="x-7"), body)
    assert not store.holds(entry._replace(tag="x-7"), body[:-1] + b"!")


def test_objects_that_others_changed_are_written_again(buckets: BucketSite) -> None:
    """The next build restores an object that somebody deleted or replaced."""
    buckets.write("a.md", topics=["AI"])
    buckets.build()
    before = buckets.documents()
    buckets.filesystem.rm_file(f"{buckets.feeds}/ai/rss.xml.br")
    buckets.filesystem.pipe_file(f"{buckets.feeds}/all/atom.xml", b"not ours")
    assert set(buckets.build().written) == {"all/atom.xml", "ai/rss.xml"}
    assert buckets.documents() == before


def test_empty_pages_and_feeds_are_removed(buckets: BucketSite) -> None:
    """A month without items is removed, with `prune` also a feed, with all encodings; also after lost state."""
    buckets.write("a.md", topics=["AI"], publishedDateTime=iso(NOW - 40 * 86_400))
    buckets.write("b.md", topics=["Cities"])
    buckets.build()
    assert any(name.startswith("all/archive/2026-04/") for name in buckets.documents())
    (buckets.site.root / "bucket-state/index.db").unlink()
    buckets.delete("a.md")
    buckets.build()
    assert not any("2026-04" in name for name in buckets.documents())
    assert buckets.titles("ai") == []
    assert buckets.build(prune=True).pruned == ("ai",)
    assert not any(name.startswith("ai/") for name in buckets.documents())


def test_private_text_is_in_no_object(buckets: BucketSite) -> None:
    """The content of `secured`, drafts and embargoed items is in no object, name or header."""
    buckets.write("a.md", title="public", secured={"note": CANARY})
    buckets.write("b.md", title=CANARY, published=False)
    buckets.write("c.md", title=CANARY, publishedDateTime=iso(NOW + 3_600))
    buckets.write("d.md", body=CANARY, title="broken", secured=CANARY, publishedDateTime=CANARY)
    turn = buckets.build()
    assert buckets.titles() == ["public"]
    found = buckets.documents()
    unfolded = [brotli.decompress(body) for name, body in found.items() if name.endswith(".br")]
    messages = [str(headers(buckets, name)) for name in found]
    assert not [one for one in (*found.values(), *unfolded) if CANARY.encode() in one]
    assert not [one for one in (*found, *messages, str(turn)) if CANARY in one]


def test_a_bucket_that_cannot_be_written_is_named(buckets: BucketSite) -> None:
    """Without the bucket the exit code is 1 with the reason; once it is back, the next build repairs the feeds."""
    buckets.write("a.md")
    buckets.feeds = "not-there-yet/out"
    buckets.config()
    failed = run_command(buckets, "build")
    assert failed.returncode == 1
    assert (
        failed.stderr.splitlines(keepends=True)[-1]
        == "aggregator: s3://not-there-yet/out: cannot be listed: the bucket is missing\n"
    )
    buckets.filesystem.mkdir("not-there-yet")
    assert run_command(buckets, "build").returncode == 0
    assert len(buckets.documents()) > 12


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_other_stores_hold_the_same_feeds(kind: str, buckets: BucketSite) -> None:
    """The memory store of fsspec and a `file:` URL get the same bytes."""
    buckets.write("a.md", topics=["AI"])
    places = {
        "memory": {"seeds": f"memory://{buckets.seeds}", "feeds": f"memory://{buckets.feeds}"},
        "file": {"seeds": f"file://{buckets.site.seeds}", "feeds": f"file://{buckets.site.root}/with%20space"},
    }[kind]
    buckets.site.build()
    if kind == "memory":
        Store(places["seeds"]).put("a.md", (buckets.site.seeds / "a.md").read_bytes(), {})
    assert buckets.build(settings=places).items == 1
    assert buckets.build(settings=places).written == ()
    if kind == "file":
        assert buckets.site.documents("with space") == buckets.site.documents()
    else:
        store = Store(places["feeds"])
        names = [entry.name for entry in store.entries()]
        found = {name: one.data for name, one in zip(names, store.fetch(names, 2**20), strict=True)}
        assert found == buckets.site.documents()
