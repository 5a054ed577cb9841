"""Whatever editors, bots and git do to the folder, the feeds follow within 2 s and equal a fresh build (guarantee G1)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, wait_until

ROUNDS = int(os.environ.get("AGGREGATOR_ROUNDS", "200"))


def seed_text(site, title: str) -> str:
    """Return the text of a seed without leaving the file in the seeds folder."""
    path = site.write("draft.tmp", title=title, webUrl=f"https://news.example.org/{title}")
    text = path.read_text()
    path.unlink()
    return text


def test_an_edit_an_addition_a_deletion_and_a_renaming_are_published(running: DaemonProcess) -> None:
    """Each is visible in the feed, and a renamed file keeps its id."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    site.write("a.md", title="B")
    running.wait_for_titles("B")
    site.write("c.md", title="C")
    running.wait_for_titles("B", "C")
    (site.seeds / "c.md").rename(site.seeds / "d.md")
    before = site.ids()
    running.wait_for_fresh_build()
    assert site.ids() == before
    (site.seeds / "a.md").unlink()
    running.wait_for_titles("C")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_folders_that_are_added_renamed_and_removed_are_followed(running: DaemonProcess) -> None:
    """A folder is moved in, renamed, moved below another and moved out; later changes in it are noticed, too."""
    site = running.site
    outside = site.root / "outside"
    site.write("a.md", title="A")
    site.write("../outside/deep/b.md", title="B")
    running.start()
    outside.rename(site.seeds / "in")
    running.wait_for_titles("A", "B")
    (site.seeds / "in").rename(site.seeds / "renamed")
    site.write("renamed/deep/c.md", title="C")
    running.wait_for_titles("A", "B", "C")
    running.wait_for_fresh_build()
    (site.seeds / "other").mkdir()
    (site.seeds / "renamed").rename(site.seeds / "other/renamed")
    site.write("other/renamed/deep/b.md", title="B2")
    running.wait_for_titles("A", "B2", "C")
    (site.seeds / "other").rename(outside)
    running.wait_for_titles("A")
    site.write("../outside/renamed/deep/b.md", title="not a seed")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_seeds_in_new_deep_folders_are_found(running: DaemonProcess) -> None:
    """After `mkdir -p a/b/c` with a file at once, none is lost between the event and the watch."""
    new_folders(running, ROUNDS)


@pytest.mark.slow
def test_seeds_in_very_many_new_folders_are_found(running: DaemonProcess) -> None:
    """As above, 2,000 times."""
    new_folders(running, 2_000)


def new_folders(running: DaemonProcess, number: int) -> None:
    """Create `number` folders with a seed in each, wait until all are known, and compare with a fresh build."""
    site = running.site
    running.start()
    for one in range(number):
        site.write(f"year{one}/month/day/{one}.md", title=f"T{one}", topics=[f"Topic {one % 7}"])
    wait_until(lambda: running.count_indexed() == number, 5 + number / 400)
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_every_way_to_save_a_file_is_seen(running: DaemonProcess) -> None:
    """The ways of vim, VS Code, rsync and sed; a slow writer; a hard link; a changed mtime only."""
    site = running.site
    target = site.write("a.md", title="first")
    running.start()

    swap = site.seeds / ".a.md.swp"
    swap.write_text("vim's own")
    (site.seeds / "a.md").rename(site.seeds / "a.md~")
    target.write_text(seed_text(site, "vim"))
    (site.seeds / "a.md~").unlink()
    swap.unlink()
    running.wait_for_titles("vim")

    temporary = site.seeds / ".a.md.Xy12"
    temporary.write_text(seed_text(site, "rsync"))
    temporary.rename(target)
    running.wait_for_titles("rsync")

    target.write_text(seed_text(site, "code"))  # VS Code writes in place
    running.wait_for_titles("code")

    subprocess.run(["sed", "-i", "s/title: .*/title: sed/", target], check=True)
    running.wait_for_titles("sed")

    with target.open("w") as file:
        for piece in (
            "---\ntitle: slow\n",
            "webUrl: https://news.example.org/s\n",
            "published",
            "DateTime: 2026-01-01\n---\n",
        ):
            file.write(piece)
            file.flush()
            time.sleep(0.15)
    running.wait_for_titles("slow")

    outside = site.root / "linked"
    outside.write_text(seed_text(site, "linked"))
    os.link(outside, site.seeds / "b.md")
    running.wait_for_titles("slow", "linked")
    os.utime(target)
    running.wait_for_fresh_build()


@pytest.mark.parametrize("by_rename", [pytest.param(False, marks=pytest.mark.slow), True], ids=["plain", "renamed"])
def test_hundreds_of_files_at_once_are_all_published(running: DaemonProcess, *, by_rename: bool) -> None:
    """500 files are written as fast as possible: none is lost, and no worker process remains."""
    drop(running, 500, by_rename=by_rename)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("by_rename", [False, True], ids=["plain", "renamed"])
def test_very_many_files_at_once_are_all_published(running: DaemonProcess, *, by_rename: bool) -> None:
    """20,000 files are written as fast as possible: none is lost."""
    drop(running, 20_000, by_rename=by_rename)


def drop(running: DaemonProcess, number: int, *, by_rename: bool) -> None:
    """Write `number` files, wait until all are known, and compare with a fresh build."""
    site = running.site
    site.write("0.md", title="T0")
    running.start()
    text = (site.seeds / "0.md").read_text()
    began = time.monotonic()
    for one in range(1, number):
        target = site.seeds / f"{one}.md"
        written = target.with_suffix(".part") if by_rename else target
        written.write_text(text.replace("/0", f"/{one}").replace("T0", f"T{one}"))
        if by_rename:
            written.rename(target)
    wait_until(lambda: running.count_indexed() == number, 10 + number / 400, what="some are missing")
    print(f"{number} files: all known {time.monotonic() - began:.1f} s after the first was written")
    running.wait_for_fresh_build(10)
    wait_until(lambda: running.children() == [], 5, what=f"processes stayed behind: {running.children()}")


@pytest.mark.slow
def test_a_checkout_of_another_branch_and_back_is_followed(running: DaemonProcess, tmp_path: Path) -> None:
    """Git replaces, adds and removes files and folders at once."""
    site = running.site
    for number in range(30):
        site.write(f"f{number % 3}/{number}.md", title=f"main {number}")

    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *identity, *words], cwd=site.seeds, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "main")
    git("checkout", "-b", "other")
    for number in range(30):
        path = site.seeds / f"f{number % 3}/{number}.md"
        if number % 3 == 2:
            path.unlink()
        else:
            site.write(f"f{number % 3}/{number}.md", title=f"other {number}")
    site.write("new/deep/x.md", title="other x")
    git("add", "-A")
    git("commit", "-m", "other")
    git("checkout", "main")
    running.start()
    running.wait_for_title("main 5")
    git("checkout", "other")
    running.wait_for_title("other x")
    running.wait_for_title("main 5", present=False)
    running.wait_for_fresh_build()
    git("checkout", "main")
    running.wait_for_title("other x", present=False)
    running.wait_for_title("main 5")
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_hundreds_of_folders_are_watched(running: DaemonProcess) -> None:
    """600 folders at the start and 100 later ones are all watched."""
    folders(running, 600)


@pytest.mark.slow
def test_thousands_of_folders_are_watched(running: DaemonProcess) -> None:
    """As above, with 6,000 folders."""
    folders(running, 6_000)


def folders(running: DaemonProcess, number: int) -> None:
    """Edit seeds in the first, the last and a later copied folder among `number`."""
    site = running.site
    for one in range(number):
        (site.seeds / f"group{one % 20}/folder{one}").mkdir(parents=True)
    site.write("group0/folder0/a.md", title="A")
    running.start()
    site.write(f"group{(number - 1) % 20}/folder{number - 1}/b.md", title="B")
    running.wait_for_titles("A", "B")
    shutil.copytree(site.seeds / "group0", site.seeds / "copy")
    running.wait_for_fresh_build()
    site.write("copy/folder0/a.md", title="Copied", webUrl="https://news.example.org/copied")
    running.wait_for_titles("A", "B", "Copied")
    assert running.status()["backend"] == "native"
    running.wait_for_fresh_build()
