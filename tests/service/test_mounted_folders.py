"""Folders of seeds over which something is mounted: what lies there is watched, or health says that it is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.mounted import mounted
from support.running_daemon import DaemonProcess, DaemonThread, wait_until

from aggregator.watcher import mounts


def write_in_place(path: Path, before: str, after: str) -> None:
    """Change a seed without a change of its folder's list of names."""
    text = path.read_text()
    with path.open("r+") as file:
        file.write(text.replace(before, after))
        file.truncate()


@pytest.mark.slow
def test_a_file_system_mounted_over_a_folder_is_watched(running: DaemonProcess) -> None:
    """So is what lies deeper in it, and what it covered once it is unmounted; no scan is due meanwhile."""
    site = running.site
    site.settings |= {"schedule": {"scan": "1h"}}
    site.write("sub/below/a.md", title="covered")
    site.write("b.md", title="B")
    running.start()
    with mounted(site.seeds / "sub"):
        running.wait_for_titles("B")
        path = site.write("sub/below/a.md", title="first")
        running.wait_for_titles("B", "first")
        wait_until(lambda: any("were not watched" in line["reason"] for line in running.lines("doubt")))
        for number in range(3):
            write_in_place(path, *[("first", "later0"), ("later0", "later1"), ("later1", "later2")][number])
            running.wait_for_titles("B", f"later{number}")
        assert running.status()["healthy"]
    running.wait_for_titles("B", "covered")
    wait_until(lambda: len([1 for line in running.lines("doubt") if "mounted or unmounted" in line["reason"]]) == 2)
    write_in_place(site.seeds / "sub/below/a.md", "covered", "uncovered")
    running.wait_for_titles("B", "uncovered")
    assert running.status()["healthy"]


@pytest.mark.slow
def test_a_folder_bound_over_another_is_watched(running: DaemonProcess, tmp_path: Path) -> None:
    """An edit by either path is published."""
    site = running.site
    site.settings |= {"schedule": {"scan": "1h"}}
    site.write("sub/a.md", title="covered")
    site.write("b.md", title="B")
    running.start()
    (tmp_path / "other").mkdir()
    with mounted(tmp_path / "other"):
        path = tmp_path / "other/c.md"
        path.write_bytes((site.seeds / "b.md").read_bytes().replace(b"B", b"C").replace(b"/b", b"/c"))
        subprocess.run(["mount", "--bind", tmp_path / "other", site.seeds / "sub"], check=True)
        try:
            running.wait_for_titles("B", "C")
            wait_until(lambda: any("were not watched" in line["reason"] for line in running.lines("doubt")))
            write_in_place(path, "C", "D")
            running.wait_for_titles("B", "D")
        finally:
            subprocess.run(["umount", "-l", site.seeds / "sub"], check=False)
    running.wait_for_titles("B", "covered")


@pytest.mark.parametrize("backend", ["auto", "native"])
def test_a_remote_file_system_below_the_seeds_is_polled_or_named(
    inside: DaemonThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """By itself the daemon polls; if the config insists on events, health says what is not watched, until it is gone."""
    site = inside.site
    site.settings |= {"watch": {"backend": backend}}
    site.write("sub/a.md", title="A")
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 8:1 / {site.seeds}/sub rw - nfs4 server:/x rw\n")
    monkeypatch.setattr(mounts, "_TABLE", str(table))
    inside.start()
    inside.wait_for_titles("A")
    reason = "sub lies on nfs4, where changes cause no events"
    if backend == "auto":
        assert inside.status()["backend"] == "polling"
        assert any(reason in line["reason"] for line in inside.lines("polling"))
        assert inside.status()["healthy"]
    else:
        wait_until(lambda: inside.status()["problems"] == {"backend": reason})
        assert inside.status()["backend"] == "native"
