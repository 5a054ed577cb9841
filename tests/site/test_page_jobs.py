"""Archive pages rendered in other processes: the same bytes, whatever happens to the processes."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, Executor
from datetime import UTC, datetime

import msgspec
import pytest
from support.failing_operations import fail_to_flush
from support.site_folder import NOW, SiteFolder, iso
from support.stored_item import PUBLISHER, SETTINGS, SPEC, stored_item

from aggregator.index.index import opened_read_only
from aggregator.model.feeds import ArchivePosition, Document
from aggregator.normalizer.rules import Verdict
from aggregator.normalizer.stored import pack_stored
from aggregator.publisher import files
from aggregator.site import render_jobs
from aggregator.site.archives import StalePages
from aggregator.site.render_jobs import Batch, BatchResult, PageJob, StoredItem
from aggregator.site.render_queue import RenderQueue
from aggregator.site.scanning import Changes
from aggregator.site.site import Site
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.turn import update_index
from aggregator.site.workers import MANY_PAGES, Workers

POSITION = ArchivePosition(folder="2026-05")


def fill(site: SiteFolder, count: int = 240) -> None:
    """Write seeds half a day apart, with enough pages to start processes."""
    for number in range(count):
        body = f"*Body* of {number}" if number % 7 == 0 else ""
        when = iso(NOW - 43_200 * number)
        site.write(f"{number}.md", body, topics=[f"Topic {number % 4}", "Every"], publishedDateTime=when)


def render(items: list[StoredItem]) -> BatchResult:
    """Render one page of these items."""
    page = PageJob(SPEC, POSITION, items=tuple(range(len(items))))
    batch = Batch(SETTINGS.packed, NOW, items, [page])
    return render_jobs.unpack_results(render_jobs.render(render_jobs.pack(batch)))


def documents(folder: SiteFolder, executor: Executor | None) -> list[Document]:
    """Update the index and render every archive page."""
    with Site(folder.config(state=f"state-{executor is None}")) as site:
        paths = tuple(sorted(path.name for path in folder.seeds.iterdir()))
        update_index(site, Changes(paths, ()), Workers(1), now=NOW, watch=Stopwatch())
        found = StalePages(site.catalog, RenderQueue(site.items)).renderings(now=NOW, on_disk=False, executor=executor)
        return [msgspec.structs.replace(one, encoded=()) for page in found for one in page.documents]


@pytest.mark.slow
def test_pages_from_processes_are_the_same_bytes(site: SiteFolder) -> None:
    """A site built in one process and in two: all files are equal, encodings included."""
    fill(site)
    site.build(jobs=1)
    site.build(feeds="other", state="state2", jobs=2)
    assert len(list(site.feeds.glob("*/archive/*"))) >= MANY_PAGES
    assert site.documents() == site.documents("other")


@pytest.mark.slow
def test_an_edit_renders_the_same_page_in_a_process(site: SiteFolder) -> None:
    """A page that is on disk already is written again with the same bytes, and then nothing is left to do."""
    fill(site, 40)
    site.build(jobs=2)
    site.write("30.md", title="Edited", topics=["Every"], publishedDateTime=iso(NOW - 43_200 * 30))
    site.build(jobs=2)
    site.build(feeds="other", state="state2", jobs=1)
    assert site.documents() == site.documents("other")
    assert site.build(jobs=2).written == ()


def test_a_page_that_a_process_cannot_write_is_reported_and_written_later(site: SiteFolder) -> None:
    """A file is in the way of one folder: the other pages are written, and that one once the file is gone."""
    fill(site)
    site.build(feeds="other", state="state2", jobs=1)
    in_the_way = site.feeds / "every/archive/2026-03"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    turn = site.build(jobs=2)
    assert turn.failed
    assert all(one.startswith("every/archive/2026-03/") for one in turn.failed)
    assert (site.feeds / "every/archive/2026-04/rss.xml").exists()
    in_the_way.unlink()
    assert site.build(jobs=2).failed == ()
    assert site.documents() == site.documents("other")


@pytest.mark.parametrize("failing", [1, 10**9], ids=["the first time", "every time"])
def test_pages_that_cannot_be_flushed_are_not_published(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The disk's failure, which the system reports only once, is told, and the next build flushes them once more."""
    fill(site)
    site.build(feeds="other", state="state2", jobs=1)

    with monkeypatch.context() as patches:
        fail_to_flush(patches, failing)
        assert "Input/output error" in site.build(jobs=2).failed[0]
    with opened_read_only(str(site.root / "state")) as index:
        assert index is not None
        assert index.archive_pages.count_written() == 0
    flushed: list[str] = []
    with monkeypatch.context() as patches:
        patches.setattr(files, "flush_file_system", flushed.append)
        assert site.build(jobs=2).failed == ()
    assert set(flushed) == {str(site.feeds)}
    assert site.documents() == site.documents("other")


def test_what_was_withdrawn_leaves_the_archive_though_new_pages_cannot_be_flushed(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may fail for ever (G12); no feed leads to the new page."""
    fill(site, 80)
    site.build(jobs=2)
    (site.seeds / "70.md").unlink()
    site.write("200.md", topics=["Every"], publishedDateTime=iso(NOW + 4 * 86_400))
    later = NOW + 5 * 86_400

    fail_to_flush(monkeypatch)
    assert "Input/output error" in site.build(later, jobs=2).failed[0]
    feeds = {name: body for name, body in site.documents().items() if name.endswith("feed.json")}
    assert not [name for name, body in feeds.items() if b'"Item 70"' in body]
    assert b"archive/2026-06" not in feeds["every/feed.json"] + site.documents()["every/index.html"]
    monkeypatch.undo()
    assert site.build(later + 1, jobs=2).failed == ()
    assert b"archive/2026-06" in site.documents()["every/index.html"]


def test_somebody_elses_page_stays(site: SiteFolder) -> None:
    """A file that we did not write lies where a page belongs: processes do not replace it either."""
    fill(site)
    theirs = site.feeds / "every/archive/2026-03/rss.xml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    assert "every/archive/2026-03/rss.xml: somebody else wrote this file" in site.build(jobs=2).failed[0]
    assert theirs.read_text() == "theirs"


def test_a_process_that_dies_costs_no_page(site: SiteFolder) -> None:
    """The jobs of processes that died are done here: the same documents in the same order."""
    fill(site, 60)
    with Workers(2) as workers:
        dying = workers.executor(2)
        assert dying is not None
        with pytest.raises(BrokenExecutor):
            dying.submit(os._exit, 1).result()
        found = documents(site, dying)
    assert found == documents(site, None) != []


def test_an_item_that_meets_a_bug_is_left_out_alone(site: SiteFolder) -> None:
    """Its file and the type of the exception are reported, without its message; the page is published without it."""
    verdict = pack_stored(Verdict(stand_in=9, link="https://private.example.org/"))
    broken = msgspec.structs.replace(stored_item(site, "b"), verdict=verdict)
    found = render([broken, stored_item(site)])
    assert found.left_out == [(7, "IndexError")]
    page = found.results[0]
    assert not isinstance(page, str)
    rss, atom, feed, people = render_jobs.unpack_documents(page.documents)
    assert [one["title"] for one in msgspec.json.decode(feed.body)["items"]] == ["a"]
    assert rss.name == "all/archive/2026-05/rss.xml"
    assert b"private" not in rss.body + atom.body + feed.body + people.body


def test_a_stored_seed_that_is_damaged_is_not_shown(site: SiteFolder) -> None:
    """A flipped bit means a damaged index, which is made again; it never reaches a page."""
    one = stored_item(site)
    with pytest.raises(msgspec.DecodeError, match="damaged"):
        render([msgspec.structs.replace(one, seed=one.seed[:-1] + b"\0")])


def test_a_page_without_items_is_as_old_as_time(site: SiteFolder) -> None:
    """Its date is 1970, not the clock's."""
    page = render_jobs.render_page(PageJob(SPEC, POSITION), (), PUBLISHER).documents
    since = datetime(1970, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    assert since in page[1].body
