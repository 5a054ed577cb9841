"""Seeds in buckets of a real object store: the same feeds and guarantees as with a folder."""

from __future__ import annotations

import pytest
from support.bucket_site import BucketSite, run_command
from support.running_daemon import free_port
from support.site_folder import NOW, iso

import aggregator
from aggregator.object_store import Store

pytestmark = pytest.mark.slow  # a store of its own has to start, and clients that take a second to import


def fill(buckets: BucketSite) -> None:
    """Write seeds of several topics and months, a broken one, an empty one and a draft."""
    for number in range(24):
        buckets.write(
            f"news/{number:02}.md", f"Body *{number}*.", topics=[f"Topic {number % 3}"],
            publishedDateTime=iso(NOW - number * 9 * 86_400), quality=60 + number,
        )  # fmt: skip
    buckets.write("draft.md", published=False)
    for path, text in (("broken.md", "---\ntitle: a: b\n---\n"), ("empty.md", "")):
        buckets.put(path, buckets.site.write_text(path, text).read_bytes())


def test_feeds_are_the_same_bytes_as_from_a_folder(buckets: BucketSite) -> None:
    """A build from bucket to bucket gives the same documents, encodings and problems as with folders."""
    fill(buckets)
    from_folder = buckets.site.build()
    turn = buckets.build()
    assert buckets.documents() == buckets.site.documents()
    assert turn.problems == from_folder.problems
    assert (turn.seeds, turn.items, turn.held) == (from_folder.seeds, from_folder.items, from_folder.held)


def test_unchanged_objects_are_not_read_again(buckets: BucketSite) -> None:
    """A second build reads nothing, even right after the seeds were written, because ETags are compared."""
    fill(buckets)
    assert buckets.build().read == 27
    again = buckets.build()
    assert (again.read, again.written) == (0, ())


def test_edits_and_deletions_are_published(buckets: BucketSite) -> None:
    """An edited item changes, a deleted one is removed, and the others stay."""
    for name in "abc":
        buckets.write(f"{name}.md", title=name)
    buckets.build()
    buckets.write("a.md", title="edited")
    buckets.delete("b.md")
    turn = buckets.build()
    assert (turn.read, turn.changed, turn.removed) == (1, 1, 1)
    assert sorted(buckets.titles()) == ["c", "edited"]


def test_objects_are_seeds_by_the_same_rules_as_files(buckets: BucketSite) -> None:
    """Hidden names, other extensions, placeholders of folders and keys that no file can have are ignored."""
    good = {"a b+c%.md": "one", "ü/日本.markdown": "two", "x.md/deep.md": "three", "x.md": "four"}
    for path, title in good.items():
        buckets.put(
            path,
            f"---\ntitle: {title}\nwebUrl: https://a.example/{title}\npublishedDateTime: {iso(NOW)}\n---\n".encode(),
        )
    for key in (".hidden.md", ".git/a.md", "a.txt", "folder/", "folder.md/", "..md", "a/.b/c.md"):
        buckets.put(key, b"---\ntitle: never\n---\n")
    turn = buckets.build(now=NOW + 1)
    assert sorted(buckets.titles()) == sorted(good.values())
    assert (turn.seeds, turn.problems) == (4, ())


def test_a_listing_in_another_order_withdraws_nothing(buckets: BucketSite) -> None:
    """SeaweedFS lists `a/` before `a-b.md` and `a.md`, S3 and the index after them: a second build does nothing."""
    for path in ("a/x.md", "a/y.md", "a.md", "a-b.md", "b.md"):
        buckets.write(path)
    listed = [entry.name for entry in Store(f"s3://{buckets.seeds}").entries()]
    assert listed != sorted(listed), "the store lists in order now: this test shows nothing"
    assert buckets.build().read == 5
    again = buckets.build()
    assert (again.read, again.removed, again.written) == (0, 0, ())


def test_a_paginated_listing_is_read_completely(buckets: BucketSite) -> None:
    """More objects than one response lists are all found."""
    buckets.filesystem.pipe({f"{buckets.seeds}/{number:04}.md": b"x" for number in range(1_005)}, batch_size=32)
    assert len(list(Store(f"s3://{buckets.seeds}").entries())) == 1_005


def test_a_large_object_is_not_read_completely(buckets: BucketSite) -> None:
    """At most one byte more than the limit is read; the message is that of a large file."""
    buckets.write("a.md", title="A")
    for path in ("large.md", "exact.md"):
        buckets.put(path, buckets.site.write_text(path, "-" * 2**20 + ("-" if path == "large.md" else "")).read_bytes())
    turn, from_folder = buckets.build(), buckets.site.build()
    assert turn.problems == from_folder.problems
    assert "1,048,577 bytes, at most 1,048,576 are read" in str(turn.problems)
    (large, exact) = Store(f"s3://{buckets.seeds}").fetch(["large.md", "exact.md"], 2**20)
    assert large.data is None
    assert len(exact.data) == 2**20


def test_an_emptied_bucket_withdraws_nothing(buckets: BucketSite) -> None:
    """More than half of at least 20 known seeds missing at once withdraws nothing unless accepted (guarantee G5)."""
    for number in range(20):
        buckets.write(f"{number:02}.md")
    buckets.build()
    before = buckets.object_versions()
    buckets.filesystem.rm(buckets.seeds, recursive=True)
    with pytest.raises(aggregator.FolderError, match="20 of 20 known seeds are gone at once"):
        buckets.build()
    assert buckets.object_versions() == before
    assert buckets.build(accept_deletions=True).removed == 20


def test_a_vanished_bucket_withdraws_nothing(buckets: BucketSite) -> None:
    """This holds for any number of seeds; a bucket that never existed is an error of the config."""
    with pytest.raises(aggregator.ConfigError, match="s3://nowhere/in: the bucket is missing"):
        buckets.build(settings={"seeds": "s3://nowhere/in"})
    buckets.write("a.md")
    buckets.build()
    before = buckets.object_versions()
    with pytest.raises(aggregator.FolderError, match="the bucket is missing; nothing was withdrawn"):
        buckets.build(settings={"seeds": "s3://nowhere/in"})
    assert buckets.object_versions() == before


def test_a_store_that_is_down_withdraws_nothing(buckets: BucketSite) -> None:
    """The message is one line with the URL, the exit code 1; once the store is back, all is as before."""
    buckets.write("a.md", title="A")
    buckets.build()
    before = buckets.object_versions()
    failed = run_command(buckets, "build", AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{free_port()}")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"aggregator: s3://{buckets.seeds}: the store does not answer: ")
    assert failed.stderr.endswith("; nothing was withdrawn\n")
    assert failed.stderr.count("\naggregator: ") == 1
    assert buckets.build().read == 0
    assert buckets.object_versions() == before


def test_wrong_credentials_are_reported_without_the_secret(buckets: BucketSite) -> None:
    """There is a message, no traceback, without key and secret."""
    buckets.write("a.md")
    buckets.config()
    wrong = {"AWS_ACCESS_KEY_ID": "a-wrong-key-id", "AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}
    failed = run_command(buckets, "build", **wrong)
    assert failed.returncode == 1
    assert f"aggregator: s3://{buckets.seeds}: the seeds cannot be listed: " in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "a-wrong" not in failed.stderr + failed.stdout


def test_worker_processes_read_objects(buckets: BucketSite) -> None:
    """With --jobs several processes read seeds over their own connections, with the same bytes."""
    fill(buckets)
    buckets.site.build()
    buckets.build(jobs=2)
    assert buckets.documents() == buckets.site.documents()


def test_the_other_commands_work_with_buckets(buckets: BucketSite) -> None:
    """`check` reads all seeds, `explain` takes paths and URLs, `status` counts, `new` writes a seed."""
    fill(buckets)
    buckets.config()
    checked = run_command(buckets, "check")
    assert checked.returncode == 1
    assert f"s3://{buckets.seeds}/broken.md:2:9: " in checked.stdout
    assert "27 seeds: 2 errors" in checked.stdout
    run_command(buckets, "build")
    for target in ("draft.md", f"s3://{buckets.seeds}/draft.md"):
        assert "draft.md: in no feed: published: false (rule: state)" in run_command(buckets, "explain", target).stdout
    assert "27 seeds, 24 items" in run_command(buckets, "status").stdout
    made = run_command(buckets, "new", "A tram", "--link", "https://news.example.org/tram")
    assert made.stdout.startswith(f"s3://{buckets.seeds}/")
    assert buckets.filesystem.exists(made.stdout.strip())
    assert "already exists (choose another title)" in run_command(buckets, "new", "A tram").stderr
