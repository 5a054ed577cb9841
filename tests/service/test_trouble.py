"""Problems are reported, everything else goes on, and the daemon recovers by itself (guarantees G3, G11, G12)."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from support.mounted import mounted
from support.running_daemon import DaemonProcess, DaemonThread, wait_until
from support.site_folder import iso

from aggregator.normalizer import content

CANARY = "canary7b3f"


@pytest.mark.slow
def test_a_feed_that_cannot_be_written_harms_no_other(running: DaemonProcess) -> None:
    """A file in place of a feed's folder is in log and status; once it is removed the feed is written."""
    site = running.site
    site.settings["schedule"] = {"scan": "1s"}
    site.write("a.md", title="A")
    running.start()
    (site.feeds / "sea").write_text("in the way")
    site.write("b.md", title="B", topics=["Sea"])
    running.wait_for_titles("A", "B")
    wait_until(lambda: "sea" in running.status()["problems"].get("writing", ""))
    wait_until(lambda: any("sea" in line["what"] for line in running.lines("trouble")))
    (site.feeds / "sea").unlink()
    wait_until(lambda: site.titles("sea") == ["B"])
    wait_until(lambda: running.status()["healthy"])
    running.wait_for_fresh_build()


@pytest.mark.slow
def test_a_full_disk_is_reported_and_survived(running: DaemonProcess) -> None:
    """The feeds are on a file system of 200 kB: what fits is published, and the rest once there is space."""
    site = running.site
    site.settings |= {"schedule": {"scan": "1s"}}
    site.feeds.mkdir()
    with mounted(site.feeds, "200k"):
        for number in range(3):
            site.write(f"{number}.md", title=f"T{number}")
        running.start()
        running.wait_for_title("T2")
        for number in range(30):
            site.write(f"big{number}.md", "word " * 2_000, title=f"Big{number}", topics=[f"Topic {number}"])
        wait_until(lambda: "No space left" in str(running.status()["problems"]))
        subprocess.run(["mount", "-o", "remount,size=100m", site.feeds], check=True)
        wait_until(lambda: running.status()["healthy"], 10)
        running.wait_for_fresh_build()
        running.stop()


def test_a_bug_in_one_items_content_harms_no_other(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """The item is left out, its path is logged without its text, and all other items are published."""
    real = content.item

    def item(seed, **rest):
        if "bug" in seed.title:
            raise RuntimeError(f"about {seed.title}")
        return real(seed, **rest)

    monkeypatch.setattr(content, "item", item)
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    site.write("deep/b.md", title=f"bug {CANARY}")
    site.write("c.md", title="C")
    inside.wait_for_titles("A", "C")
    wait_until(lambda: any("deep/b.md" in str(line) and "RuntimeError" in str(line) for line in inside.lines()))
    assert CANARY not in inside.log_file.read_text()
    site.write("deep/b.md", title="mended")
    inside.wait_for_titles("A", "C", "mended")


def test_a_seed_that_was_being_written_is_no_problem_in_the_log(inside: DaemonThread) -> None:
    """An incomplete file is not logged if the rest follows soon; one that stays invalid is logged once."""
    site = inside.site
    inside.start()
    site.write_text("slow.md", "---\ntitle: A\n")
    site.write_text("empty.md", "")
    wait_until(lambda: inside.count_indexed("slow.md") and inside.count_indexed("empty.md"))
    site.write("slow.md", title="A")
    inside.wait_for_titles("A")
    wait_until(lambda: inside.lines("problem"))
    assert [line["path"] for line in inside.lines("problem")] == ["empty.md"]
    site.write_text("late.md", "")
    wait_until(lambda: inside.count_indexed("late.md"))
    inside.stop()
    assert [line["path"] for line in inside.lines("problem")] == ["empty.md", "late.md"]


def test_seeds_with_thousands_of_problems_do_not_flood_the_log(inside: DaemonThread) -> None:
    """Some are named, the rest is counted, and the log tells what lists them all."""
    site = inside.site
    head = "---\ntitle: T\npublishedDateTime: 2026-01-01\nwebUrl: https://a.example/"
    for seed in range(10):
        keys = "".join(f"k{seed}x{number}: v\n" for number in range(1_000))
        site.write_text(f"keys{seed}.md", f"{head}{seed}\n{keys}---\n")
    for seed in range(150):
        site.write_text(f"empty{seed}.md", "")
    site.write("good.md", title="Good")
    inside.start()
    inside.wait_for_titles("Good", *["T"] * 10)
    inside.stop()
    # The unknown keys and how many more there are, then the empty files, which must last before they are logged.
    assert len(inside.lines("problem")) == 200
    assert [line["more"] for line in inside.lines("problems")] == [11, 50]


def test_a_bug_in_the_reading_of_one_seed_harms_no_other(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last good version stays, and the problem says that it is a bug."""
    from aggregator.normalizer import seed as seeds

    real = seeds.read_together

    def read(files, **rest):
        if any(b"bug" in data for _, data in files):
            raise RuntimeError(str(files))
        return real(files, **rest)

    monkeypatch.setattr(seeds, "read_together", read)
    site = inside.site
    site.write("a.md", title="A")
    inside.start()
    site.write("a.md", title=f"bug {CANARY}")
    site.write("b.md", title="B")
    inside.wait_for_titles("A", "B")
    wait_until(lambda: any(line["path"] == "a.md" for line in inside.lines("problem")))
    found = [line for line in inside.lines("problem") if line["path"] == "a.md"]
    assert "RuntimeError" in found[0]["what"]
    assert "bug" in found[0]["what"]
    assert CANARY not in inside.log_file.read_text()
    assert inside.status()["problems"] == {}


def test_a_bug_in_the_rendering_of_one_feed_harms_no_other(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed stays as it was, is reported, and is rendered again later."""
    from aggregator.renderer import rss

    real, broken = rss.render, True

    def render(feed, site):
        if broken and feed.spec.slug == "sea":
            raise RuntimeError(CANARY)
        return real(feed, site)

    monkeypatch.setattr(rss, "render", render)
    site = inside.site
    site.settings["schedule"] = {"scan": "1s"}
    inside.start()
    site.write("a.md", title="A", topics=["Sea"])
    inside.wait_for_titles("A")
    wait_until(lambda: "sea" in inside.status()["problems"].get("writing", ""))
    assert CANARY not in inside.log_file.read_text()
    broken = False
    wait_until(lambda: site.titles("sea") == ["A"])
    wait_until(lambda: inside.status()["healthy"])


def test_a_failed_turn_is_retried(inside: DaemonThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is logged, reported and answered; a full scan follows."""
    monkeypatch.setattr("aggregator.service.turns.RETRY", 0.3)
    site = inside.site
    inside.start()
    real = inside.daemon._parts.site._take_turn

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(inside.daemon._parts.site, "_take_turn", fails)
    site.write("a.md", title="A")
    wait_until(lambda: "RuntimeError" in inside.status()["problems"].get("turn", ""))
    with pytest.raises(Exception, match="the turn failed: RuntimeError"):
        inside.trigger()
    monkeypatch.setattr(inside.daemon._parts.site, "_take_turn", real)
    inside.wait_for_titles("A")
    wait_until(lambda: inside.status()["healthy"])
    assert CANARY not in inside.log_file.read_text()


def test_a_turn_that_the_disk_refuses_is_not_called_a_bug(
    inside: DaemonThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the path, the system's error and advice; the turn is retried."""
    monkeypatch.setattr("aggregator.service.turns.RETRY", 0.3)
    inside.start()
    real = inside.daemon._parts.site._take_turn

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/index.db.new")

    monkeypatch.setattr(inside.daemon._parts.site, "_take_turn", fails)
    inside.site.write("a.md", title="A")
    message = "/state/index.db.new: No space left on device (free some space)"
    wait_until(lambda: inside.status()["problems"].get("turn") == message)
    monkeypatch.setattr(inside.daemon._parts.site, "_take_turn", real)
    inside.wait_for_titles("A")
    wait_until(lambda: inside.status()["healthy"])


def test_a_damaged_index_is_replaced_at_run_time(inside: DaemonThread) -> None:
    """It is overwritten on disk: the next turns replace it, and no seed is lost."""
    site = inside.site
    for number in range(5):
        site.write(f"{number}.md", title=f"T{number}")
    inside.start()
    with closing(sqlite3.connect(site.root / "state/index.db")) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(site.root / "state/index.db", "r+b") as file:
        file.seek(0)
        file.write(os.urandom(200_000))
    site.write("new.md", title="new")
    inside.wait_for_titles(*(f"T{number}" for number in range(5)), "new")
    wait_until(lambda: inside.status()["healthy"])


@pytest.mark.slow
def test_no_text_of_a_seed_is_ever_logged(running: DaemonProcess) -> None:
    """Whatever the state of a seed and whatever happens to it, log lines have only its path and reasons."""
    site = running.site
    keys = {"title": CANARY, "excerpt": f"x {CANARY}", "secured": CANARY, "topics": [f"t {CANARY}"], "author": CANARY}
    site.write("good.md", CANARY, **keys)
    site.write("draft.md", published=False, **keys)
    site.write("later.md", **{**keys, "publishedDateTime": iso(4_000_000_000)})
    site.write_text("broken.md", f"---\ntitle: {CANARY}: {CANARY}\nsecured: {CANARY}\n  {CANARY}\n---\n")
    site.write_text(
        "wrong.md", f"---\ntitle: {CANARY}\nquality: {CANARY}\npublishedDateTime: {CANARY}\nwebUrl: {CANARY}\n---\n"
    )
    site.write_text("list.md", f"---\n- {CANARY}\n---\n")
    site.write_text("twice.md", f"---\ntitle: {CANARY}\ntitle: {CANARY}\n---\n")
    (site.seeds / "bytes.md").write_bytes(f"---\ntitle: {CANARY}\n".encode() + b"\xff\xfe\n---\n")
    running.start()
    site.write("good.md", **{**keys, "title": f"{CANARY} again"})
    running.wait_for_title(f"{CANARY} again")
    (site.seeds / "good.md").unlink()
    shutil.copy(site.seeds / "wrong.md", site.seeds / "wrong2.md")
    wait_until(lambda: any(line["path"] == "wrong2.md" for line in running.lines("problem")))
    running.trigger()
    running.stop()
    assert len({line["path"] for line in running.lines("problem")}) >= 6
    assert [line for line in running.lines() if CANARY in str(line)] == []


@pytest.mark.slow
def test_an_index_that_somebody_removes_is_written_again(running: DaemonProcess) -> None:
    """Otherwise what only the index knows would be lost at the next start."""
    site = running.site
    site.write("a.md", title="A")
    running.start()
    site.write("a.md", title="moved", webUrl="https://news.example.org/moved")
    running.wait_for_title("moved")
    for path in Path(running.state).glob("index.db*"):
        path.unlink()
    wait_until(lambda: running.lines("the index was removed"))
    site.write("b.md", title="B")
    running.wait_for_titles("moved", "B")
    running.stop()
    site.build(fresh=True)
    assert "https://news.example.org/a" in site.ids()


@pytest.mark.slow
def test_a_daemon_whose_lock_is_removed_ends(running: DaemonProcess) -> None:
    """Another daemon may start there; systemd may start this one again."""
    running.site.write("a.md", title="A")
    running.start()
    shutil.rmtree(running.state)
    assert running.process.wait(60) == 1
    assert "lock was removed or replaced" in running.lines("cannot go on")[0]["reason"]
    running.start()
    running.wait_for_titles("A")
