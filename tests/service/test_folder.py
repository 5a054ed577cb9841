"""A missing folder withdraws nothing (guarantee G5), and is watched again once it is back (G1)."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, DaemonThread, wait_until
from support.site_folder import SiteFolder

from aggregator import AggregatorError
from aggregator.site.scanning import AT_ONCE, MASS_DELETION

COUNT = 60


def filled(site: SiteFolder, number: int = COUNT) -> None:
    """Write `number` seeds."""
    site.settings["feed"] = {"limit": 100}
    for one in range(number):
        site.write(f"f{one % 3}/{one}.md", title=f"T{one}")


def is_unhealthy(running: DaemonProcess, reason: str) -> bool:
    """Return whether the daemon is unhealthy for this reason."""
    status = running.status()
    return not status["healthy"] and reason in str(status["problems"])


@pytest.mark.slow
def test_a_root_emptied_file_by_file_withdraws_nothing_until_accepted(running: DaemonProcess) -> None:
    """After 60 files were deleted one by one, the feeds stay, the status says why, and a trigger can accept it."""
    filled(running.site)
    running.start()
    for path in sorted(running.site.seeds.rglob("*.md")):
        path.unlink()
    wait_until(lambda: is_unhealthy(running, "gone at once"))
    assert len(running.site.titles()) == COUNT
    assert [line["reason"] for line in running.lines("not believed")] != []
    refused = running.command("trigger")
    assert refused.returncode == 1
    assert "--accept-deletions" in refused.stderr
    assert len(running.site.titles()) == COUNT
    accepted = running.command("trigger", "--accept-deletions")
    assert accepted.returncode == 0
    assert running.site.titles() == []
    wait_until(lambda: running.status()["healthy"])


@pytest.mark.slow
def test_a_root_that_is_emptied_slowly_loses_only_a_few_items(running: DaemonProcess) -> None:
    """Files are deleted slowly, each in a turn of its own: the feeds lose a few and keep the rest."""
    filled(running.site)
    running.start()
    for path in sorted(running.site.seeds.rglob("*.md")):
        path.unlink()
        time.sleep(0.03)
    wait_until(lambda: is_unhealthy(running, "gone at once"))
    assert len(running.site.titles()) > COUNT - MASS_DELETION


@pytest.mark.slow
def test_a_change_that_comes_with_a_rejected_scan_is_published(inside: DaemonThread) -> None:
    """While full scans are rejected because most seeds are missing, single edits and deletions are published at once."""
    site = inside.site
    filled(site)
    site.write("one.md", title="one")
    inside.start()
    for number in range(COUNT):
        if number > 10:
            (site.seeds / f"f{number % 3}/{number}.md").unlink()
    wait_until(lambda: "gone at once" in inside.status()["problems"].get("folder", ""))
    for title in ("edited", "edited again"):
        site.write("one.md", title=title)
        inside.daemon._parts.inbox.put("hint", "one.md")
        inside.daemon._parts.inbox.put("regenerate")
        inside.wait_for_title(title)
    time.sleep(AT_ONCE)  # otherwise it counts as one of the many
    (site.seeds / "one.md").unlink()
    inside.daemon._parts.inbox.put("hint", "one.md")
    inside.daemon._parts.inbox.put("regenerate")
    inside.wait_for_title("edited again", present=False)
    assert len(site.titles()) == COUNT


@pytest.mark.slow
def test_seeds_that_come_back_make_it_healthy_again(running: DaemonProcess) -> None:
    """Lost files are restored by hand: nothing is withdrawn meanwhile, and no command is needed."""
    filled(running.site)
    running.start()
    kept = running.site.root / "kept"
    shutil.copytree(running.site.seeds, kept)
    shutil.rmtree(running.site.seeds / "f0")
    shutil.rmtree(running.site.seeds / "f1")
    wait_until(lambda: is_unhealthy(running, "gone at once"))
    assert len(running.site.titles()) == COUNT
    shutil.copytree(kept, running.site.seeds, dirs_exist_ok=True)
    wait_until(lambda: running.status()["healthy"])
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_a_root_that_is_moved_away_and_back_loses_nothing(running: DaemonProcess) -> None:
    """If the folder is missing, nothing is withdrawn, however few seeds it had; it is watched again once it is back."""
    site, number = running.site, 3
    filled(site, number)
    running.start()
    site.seeds.rename(site.root / "away")
    wait_until(lambda: is_unhealthy(running, "the seeds folder is missing"))
    with pytest.raises(AggregatorError, match="cannot be read"):
        running.trigger()
    assert len(site.titles()) == number
    (site.root / "away").rename(site.seeds)
    wait_until(lambda: running.status()["healthy"])
    site.write("f0/0.md", title="after")
    running.wait_for_title("after")
    running.wait_for_fresh_build()


@pytest.mark.parametrize("number", [pytest.param(3, marks=pytest.mark.slow), COUNT])
def test_a_root_that_is_removed_and_created_again_is_followed(running: DaemonProcess, number: int) -> None:
    """`rm -rf` of the root withdraws nothing; seeds in the new root are published."""
    site = running.site
    filled(site, number)
    running.start()
    shutil.rmtree(site.seeds)
    wait_until(lambda: is_unhealthy(running, "the seeds folder is missing"))
    time.sleep(0.5)  # so that turns for the deleted files can happen
    assert len(site.titles()) == number
    site.seeds.mkdir()
    filled(site, number)
    wait_until(lambda: running.status()["healthy"])
    site.write("new/deep/x.md", title="after")
    running.wait_for_title("after")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_a_root_that_is_replaced_by_another_folder_is_followed(running: DaemonProcess) -> None:
    """Another folder with other seeds takes its path."""
    site = running.site
    filled(site, 5)
    site.write("../other/x.md", title="other")
    running.start()
    site.seeds.rename(site.root / "old")
    (site.root / "other").rename(site.seeds)
    running.wait_for_titles("other")
    site.write("y.md", title="later")
    running.wait_for_titles("other", "later")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_a_root_that_is_a_link_can_be_pointed_elsewhere(running: DaemonProcess) -> None:
    """A symbolic link is replaced by another, as deployments do."""
    site = running.site
    site.write("a.md", title="first")
    site.write("../second/b.md", title="second")
    site.seeds.rename(site.root / "one")
    (site.root / "second").rename(site.root / "two")
    site.seeds.symlink_to(site.root / "one")
    running.start()
    running.wait_for_titles("first")
    link = Path(f"{site.seeds}.new")
    link.symlink_to(site.root / "two")
    link.rename(site.seeds)
    running.wait_for_titles("second")
    site.write("c.md", title="later")
    running.wait_for_titles("second", "later")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_a_folder_that_holds_all_seeds_may_be_renamed(running: DaemonProcess) -> None:
    """Moved seeds are not lost, so the guard does not reject the scan."""
    site = running.site
    site.settings["feed"] = {"limit": 100}
    for one in range(COUNT):
        site.write(f"2025/{one}.md", title=f"T{one}")
    running.start()
    before = sorted(site.ids())
    (site.seeds / "2025").rename(site.seeds / "archive")
    site.write("archive/0.md", title="after")
    running.wait_for_title("after")
    wait_until(lambda: running.count_indexed("2025/") == 0)
    assert sorted(site.ids()) == before
    wait_until(lambda: running.status()["healthy"])
    running.wait_for_fresh_build()
