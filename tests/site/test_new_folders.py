"""Many new documents brought to the disk together: what is told, and what waits for it."""

from __future__ import annotations

import threading

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.publisher import files
from aggregator.site.progress import Progress
from aggregator.site.site import Site


def write_many(site: SiteFolder) -> None:
    site.settings["pages"] = {"items": "all"}
    for number in range(8):
        site.write(f"{number}.md", webUrl=None)


def test_a_turn_that_waits_for_a_slow_disk_says_so_and_can_be_ended(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is a daemon taken for dead, nor does it stop late (G14); the next turn has all pages."""
    write_many(site)
    is_through, waiting = threading.Event(), threading.Event()

    def slow(_: str) -> None:
        is_through.wait(30)

    def stop() -> None:
        waiting.set()
        raise InterruptedError

    with monkeypatch.context() as patches:
        patches.setattr(files, "flush_file_system", slow)
        with (
            Site(site.config(), jobs=2, progress=Progress(on_wait=stop)) as living,
            pytest.raises(InterruptedError),
        ):
            living.build(now=NOW)
        assert waiting.is_set()
        (flushing,) = [one for one in threading.enumerate() if one.name == "flush"]
        assert flushing.daemon  # else the process would wait for the disk at its end
        is_through.set()
        flushing.join(30)
    assert site.build(jobs=2).failed == ()
    assert len(list(site.feeds.glob("items/*/*/index.html"))) == 8


def test_what_has_written_no_new_page_flushes_nothing(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait for all that others write on the same file system."""
    write_many(site)
    site.build(jobs=2)
    flushed: list[str] = []
    monkeypatch.setattr(files, "flush_file_system", flushed.append)
    site.write("1.md", title="Edited", webUrl=None)
    assert site.build(jobs=2).written
    assert flushed == []
