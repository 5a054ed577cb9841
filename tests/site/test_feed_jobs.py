"""Current documents rendered in other processes: the same bytes, whatever happens to the processes."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, Executor

import msgspec
import pytest
from support.site_folder import NOW, SiteFolder, iso
from support.stored_item import SETTINGS, SPEC, stored_item

from aggregator.model.feeds import Document
from aggregator.normalizer.rules import Verdict
from aggregator.normalizer.stored import pack_stored
from aggregator.site import render_jobs
from aggregator.site.feeds import StaleFeeds
from aggregator.site.render_jobs import Batch, BatchResult, FeedJob, Result, StoredItem, unpack_documents
from aggregator.site.render_queue import RenderQueue
from aggregator.site.scanning import Changes
from aggregator.site.site import Site
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.turn import update_index
from aggregator.site.workers import MANY_FEEDS, Workers


def fill(site: SiteFolder, topics: int = MANY_FEEDS + 3) -> None:
    """Write seeds of enough topics to start processes, with limits, a topic tree, tombstones and tags."""
    for number in range(topics * 4):
        site.write(
            f"{number}.md", body="*Body*" * (number % 3), topics=[f"T{number % topics}", f"T{number // topics}"],
            tags=[f"T{number % 7}"], publishedDateTime=iso(NOW - 86_400 * number),
        )  # fmt: skip
    site.write_topic("t1", name="First", parent="t2")
    site.write_topic("t2", name="Second")
    site.settings["feed"] = {"limit": 9, "tombstones": "30d", "max_bytes": "3kB"}


@pytest.mark.slow
def test_feeds_from_processes_are_the_same_bytes(site: SiteFolder) -> None:
    """A site built in one process and in two, and again after items were deleted and changed: all files are equal."""
    fill(site)
    for number in range(2):
        site.build(jobs=1)
        site.build(feeds="other", state="state2", jobs=2)
        assert len(site.slugs()) >= MANY_FEEDS
        assert site.documents() == site.documents("other")
        (site.seeds / f"{number}.md").unlink()
        site.write("7.md", title=f"Edited {number}", topics=["T1", "New"], publishedDateTime=iso(NOW - 86_400))
    assert site.build(jobs=2).written != ()
    assert site.build(jobs=2).written == ()


@pytest.mark.slow
def test_many_feeds_are_rendered_in_processes(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for many feeds; the few feeds of an edit are rendered in this process."""
    this_process = os.getpid()

    def fail_here(*_: object) -> None:
        raise TypeError if os.getpid() == this_process else KeyError

    fill(site)
    monkeypatch.setattr(render_jobs, "render_feed", fail_here)
    # Processes that are forked fail in their own way; those of a fork server, which a second thread calls for, do not fail.
    assert "TypeError" not in str(site.build(jobs=2).failed)
    site.write("7.md", title="Edited", topics=["T1"], publishedDateTime=iso(NOW - 86_400))
    assert "TypeError" in str(site.build(jobs=1).failed)
    monkeypatch.undo()
    assert site.build(jobs=2).failed == ()


def rendered(folder: SiteFolder, executor: Executor | None) -> list[Document]:
    """Update the index and render every feed."""
    with Site(folder.config(state=f"state-{executor is None}")) as site:
        paths = tuple(sorted(path.name for path in folder.seeds.iterdir()))
        update_index(site, Changes(paths, ()), Workers(1), now=NOW, watch=Stopwatch())
        stale = StaleFeeds(site.catalog, RenderQueue(site.items))
        found = stale.renderings(now=NOW, is_intact=lambda _: False, executor=executor)
        return [msgspec.structs.replace(one, encoded=()) for feed in found for one in feed.documents]


@pytest.mark.slow
def test_a_process_that_dies_costs_no_feed(site: SiteFolder) -> None:
    """The jobs of processes that died are done here: the same documents in the same order."""
    fill(site)
    with Workers(2) as workers:
        dying = workers.executor(2)
        assert dying is not None
        with pytest.raises(BrokenExecutor):
            dying.submit(os._exit, 1).result()
        found = rendered(site, dying)
    assert found == rendered(site, None) != []


def render(items: list[StoredItem], *numbers: tuple[int, ...]) -> BatchResult:
    """Render feeds that show the items at these positions."""
    batch = Batch(SETTINGS.packed, NOW, items, [FeedJob(SPEC, items=shown) for shown in numbers])
    return render_jobs.unpack_results(render_jobs.render(render_jobs.pack(batch)))


def test_an_item_that_meets_a_bug_is_left_out_alone(site: SiteFolder) -> None:
    """Its file and the type of the exception are reported, without its message; the feed is published without it."""
    verdict = pack_stored(Verdict(stand_in=9, link="https://private.example.org/"))
    broken = msgspec.structs.replace(stored_item(site, "b"), verdict=verdict)
    found = render([broken, stored_item(site)], (0, 1))
    assert found.left_out == [(7, "IndexError")]
    result = found.results[0]
    assert isinstance(result, Result)
    made = unpack_documents(result.documents)
    assert [one.name for one in made] == ["all/rss.xml", "all/atom.xml", "all/feed.json", "all/index.html"]
    assert [one["title"] for one in msgspec.json.decode(made[2].body)["items"]] == ["a"]
    assert result.contents is not None
    assert (result.contents.count, result.contents.newest_title) == (1, "a")
    assert b"private" not in b"".join(one.body for one in made)


def test_a_feed_that_meets_a_bug_does_not_harm_the_others(site: SiteFolder) -> None:
    """The type of its exception is returned in its place."""
    found = render([stored_item(site)], (0,), (5,), (0,))
    counts = [one if isinstance(one, str) else one.contents and one.contents.count for one in found.results]
    assert counts == [1, "IndexError", 1]


def test_a_stored_seed_that_is_damaged_is_not_shown(site: SiteFolder) -> None:
    """A flipped bit means a damaged index, which is made again; it never reaches a feed."""
    one = stored_item(site)
    for damaged in ({"seed": one.seed[:-1] + b"\0"}, {"verdict": one.verdict[:-1] + b"\0"}):
        with pytest.raises(msgspec.DecodeError, match="damaged"):
            render([msgspec.structs.replace(one, **damaged)], (0,))
