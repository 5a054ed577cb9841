"""A tree of folders that is too deep harms nothing but itself: it is named, and the rest goes on (G3, G7, G11)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from support.deep_folders import remove_deep
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import NOW, SiteFolder

from aggregator.index.index import Index
from aggregator.site.check import check
from aggregator.site.status import site_status

NAMED = "d/d/…/d/d/: nested more than 64 folders deep, not read (move it up)"


@pytest.mark.parametrize("where", ["seeds", "feeds", "feeds/all", "seeds/.hidden"])
def test_a_build_beside_a_deep_tree_goes_on(make_deep: Callable[..., None], site: SiteFolder, where: str) -> None:
    """In the seeds it is named by `build`, `check` and `status`; in the feeds folder it is nobody's business."""
    site.write("a.md", title="A")
    for folder in ("feeds", "feeds/all", "seeds/.hidden"):
        (site.root / folder).mkdir(exist_ok=True)
    make_deep(site.root / where, 2_000)
    for options in ({}, {"prune": True}, {"fresh": True}):
        turn = site.build(**options)
        assert site.titles() == ["A"]
        assert turn.failed == ()
        assert list(turn.notes) == [NAMED] * (where == "seeds")
    checked = check(site.config(), now=NOW)
    index = Index(str(site.root / "state/index.db"))
    status = site_status(site.config(), index, now=NOW)
    for problems in (checked.problems, status.problems):
        assert list(map(str, problems)) == [NAMED] * (where == "seeds")
    index.close()


def test_a_deep_tree_that_is_gone_is_no_longer_named(make_deep: Callable[..., None], site: SiteFolder) -> None:
    """By the next build, and by the status after it."""
    make_deep(site.seeds, 70)
    assert NAMED in site.build().notes
    remove_deep(site.seeds)
    assert site.build().notes == ()
    index = Index(str(site.root / "state/index.db"))
    assert site_status(site.config(), index, now=NOW).problems == ()
    index.close()


@pytest.mark.slow
def test_a_daemon_survives_deep_trees_and_edits_stay_fast(
    make_deep: Callable[..., None], running: DaemonProcess
) -> None:
    """A thousand folders made, moved and removed while it runs, and there at its start: it names them and goes on."""
    site = running.site
    site.write("a.md", title="A")
    make_deep(site.root / "feeds", 1_000)
    running.start()
    make_deep(site.seeds, 1_000)
    deep = "/".join(["d"] * 64)
    site.write(f"{deep}/b.md", title="B")
    running.wait_for_titles("A", "B")
    wait_until(lambda: any(NAMED in line.get("what", "") for line in running.lines("trouble")))
    for number in range(3):
        site.write(f"{deep}/b.md", title=f"B{number}")
        running.wait_for_titles("A", f"B{number}")
    assert running.status()["healthy"]
    assert running.stop() == 0
    running.start()
    running.wait_for_titles("A", "B2")
    (site.seeds / "d").rename(site.seeds / "e")
    site.write("c.md", title="C")
    running.wait_for_titles("A", "B2", "C")
    remove_deep(site.seeds)
    site.write("f.md", title="F")
    running.wait_for_titles("F")
    status = running.status()
    assert (status["healthy"], all(status["threads"].values())) == (True, True)
    assert not any("exception" in line["event"] for line in running.lines())
    assert os.path.isdir(site.root / "feeds/d")
