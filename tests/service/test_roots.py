"""The daemon over several roots and over links: it notices changes in each, and what a swapped link leads to."""

from __future__ import annotations

import json
import shutil

import pytest
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import SiteFolder

SELDOM = {"scan": "1h"}
"""So that only events are noticed."""


@pytest.fixture
def both(running: DaemonProcess) -> DaemonProcess:
    """Return a daemon over two folders, each with a seed."""
    site = running.site
    site.settings |= {"seeds": ["../seeds", {"folder": "../blog", "ignore": ["drafts/"]}], "schedule": SELDOM}
    site.write("a.md", title="A")
    site.write("../blog/b.md", title="B")
    return running.start()


def swap(site: SiteFolder, link: str, target: str) -> None:
    """Replace a link by one rename, as the kubelet and git-sync do."""
    (site.seeds / f"{link}_tmp").symlink_to(target)
    (site.seeds / f"{link}_tmp").rename(site.seeds / link)


def test_every_root_is_watched(both: DaemonProcess) -> None:
    """Edits, new folders and deletions in each, but for ignored folders; both together equal a fresh build."""
    site = both.site
    both.wait_for_titles("A", "B")
    site.write("../blog/new/c.md", title="C")
    both.wait_for_titles("A", "B", "C")
    site.write("../blog/drafts/d.md", title="D")
    site.write("new/e.md", title="E")
    both.wait_for_titles("A", "B", "C", "E")
    (site.root / "blog/new/c.md").unlink()
    (site.seeds / "a.md").unlink()
    both.wait_for_titles("B", "E")
    both.wait_for_fresh_build()
    threads = both.status()["threads"]
    assert {name.partition("/")[0] for name in threads if "/" in name} == {"blog", "seeds"}
    assert all(threads.values())


@pytest.mark.slow
def test_a_root_that_vanishes_is_reported_and_the_others_go_on(both: DaemonProcess) -> None:
    """Nothing of it is withdrawn, the daemon is unhealthy until it returns, and then it is followed again."""
    site = both.site
    (site.root / "blog").rename(site.root / "away")
    wait_until(lambda: "blog" in both.status()["problems"].get("watcher", ""))
    site.write("c.md", title="C")
    both.wait_for_titles("A", "B", "C")
    both.trigger()
    assert "blog" in both.status()["problems"]["folder"]
    assert sorted(site.titles()) == ["A", "B", "C"]
    site.write("../away/d.md", title="D")
    (site.root / "away").rename(site.root / "blog")
    both.wait_for_titles("A", "B", "C", "D")
    wait_until(lambda: both.status()["healthy"])
    site.write("../blog/e.md", title="E")
    both.wait_for_titles("A", "B", "C", "D", "E")


@pytest.mark.slow
def test_a_root_that_is_missing_at_the_start_harms_no_other(both: DaemonProcess) -> None:
    """The others are watched by events meanwhile, and it is followed once it is there."""
    site = both.site
    both.stop()
    (site.root / "blog").rename(site.root / "away")
    both.process = both.spawn()
    wait_until(both.is_ready, 20)
    wait_until(lambda: "blog" in both.status()["problems"].get("folder", ""))
    site.write("c.md", title="C")
    both.wait_for_titles("A", "B", "C")
    assert both.status()["backend"] == "native"
    site.write("../away/d.md", title="D")
    (site.root / "away").rename(site.root / "blog")
    both.wait_for_titles("A", "B", "C", "D")
    site.write("../blog/e.md", title="E")
    both.wait_for_titles("A", "B", "C", "D", "E")
    wait_until(lambda: both.status()["healthy"])


@pytest.mark.slow
def test_a_reload_may_add_a_root_and_change_what_is_ignored(both: DaemonProcess) -> None:
    """New roots are read and watched, and one that does not exist is rejected."""
    site = both.site
    site.write("../more/c.md", title="C")
    site.write("../blog/drafts/d.md", title="D")
    both.wait_for_titles("A", "B")
    site.config(seeds=["../seeds", "../blog", "../nowhere"])
    wait_until(lambda: "nowhere" in both.status()["problems"].get("config", ""))
    site.config(seeds=["../seeds", "../blog", "../more"])
    both.wait_for_titles("A", "B", "C", "D")
    site.write("../more/e.md", title="E")
    site.write("../blog/drafts/d.md", title="D2")
    both.wait_for_titles("A", "B", "C", "D2", "E")
    wait_until(lambda: both.status()["healthy"])


@pytest.mark.slow
def test_a_swapped_config_map_is_noticed(running: DaemonProcess) -> None:
    """By the event of the one link that changes, though its name and all it leads to are hidden."""
    site = running.site
    site.settings["schedule"] = SELDOM
    for version in ("1", "2"):
        for name in ("a", "b"):
            site.write(f"..{version}/{name}.md", title=f"{name}{version}", webUrl=f"https://news.example.org/{name}")
    swap(site, "..data", "..1")
    for name in ("a", "b"):
        (site.seeds / f"{name}.md").symlink_to(f"..data/{name}.md")
    running.start()
    running.wait_for_titles("a1", "b1")
    swap(site, "..data", "..2")
    shutil.rmtree(site.seeds / "..1")
    running.wait_for_titles("a2", "b2")
    running.wait_for_fresh_build()
    assert running.status()["healthy"]


@pytest.mark.slow
def test_a_swapped_link_to_a_work_tree_is_noticed(running: DaemonProcess) -> None:
    """As git-sync swaps it: seeds are changed, added and removed at once, and the ids stay."""
    site = running.site
    site.settings["schedule"] = SELDOM
    site.write(".worktrees/1/posts/a.md", title="A", webUrl="https://news.example.org/a")
    site.write(".worktrees/1/b.md", title="B")
    swap(site, "current", ".worktrees/1")
    running.start()
    running.wait_for_titles("A", "B")
    ids = json.dumps(site.ids())
    site.write(".worktrees/2/posts/a.md", title="A2", webUrl="https://news.example.org/a")
    site.write(".worktrees/2/c.md", title="C")
    swap(site, "current", ".worktrees/2")
    running.wait_for_titles("A2", "C")
    assert "https://news.example.org/a" in ids
    assert "https://news.example.org/a" in site.ids()
    running.wait_for_fresh_build()
    assert running.status()["healthy"]


@pytest.mark.slow
def test_a_link_that_appears_later_is_noticed(running: DaemonProcess) -> None:
    """So is that it is gone."""
    site = running.site
    site.settings["schedule"] = SELDOM
    site.write("a.md", title="A")
    site.write(".hidden/b.md", title="B")
    running.start()
    running.wait_for_titles("A")
    swap(site, "current", ".hidden")
    running.wait_for_titles("A", "B")
    (site.seeds / "current").unlink()
    running.wait_for_titles("A")
