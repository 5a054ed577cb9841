"""Cases of the fault list that concern the whole program: bombs, devices, file limits, clocks, races, the Host header."""

from __future__ import annotations

import ast
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.http_client import ServeProcess, send_bytes, statuses
from support.running_daemon import ROOT, DaemonProcess, wait_until
from support.site_checks import SECRET, find_leaks, published_documents
from support.site_folder import NOW, SiteFolder, iso

from aggregator.model.errors import AggregatorError
from aggregator.watcher import files

LIMITED = f"""
import resource, sys, aggregator
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
turn = aggregator.build(aggregator.load_config("config/feeds.yaml"), now={NOW}, jobs=1)
print(turn.items, len(turn.failed), open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


def built(site: SiteFolder, *, files: int) -> list[int]:
    """Build in a process with a limit of open files; return items, failed documents and peak memory in kB."""
    site.config()
    words = [sys.executable, "-c", LIMITED, str(files)]
    result = subprocess.run(
        words, cwd=site.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return list(map(int, result.stdout.split()))


@pytest.mark.slow
def test_bombs_stay_within_little_memory(site: SiteFolder) -> None:
    """A file of 100 MB, lines of 10 MB and 1 MB, nesting and aliases take under 400 MB; other seeds are published."""
    site.write("good.md")
    with (site.seeds / "huge.md").open("wb") as file:
        file.truncate(100_000_000)
    site.write_text("line.md", "---\ntitle: " + "x" * 10_000_000)
    site.write_text(
        "body.md", "---\ntitle: x\nwebUrl: https://a.example/\npublishedDateTime: 2026-01-01\n---\n" + "*a " * 100_000
    )
    site.write_text("nested.md", "---\na: " + "[" * 200_000)
    site.write_text(
        "quotes.md", "---\ntitle: x\nwebUrl: https://b.example/\npublishedDateTime: 2026-01-01\n---\n" + ">" * 500_000
    )
    site.write_text(
        "deep.md", "---\ntitle: x\nwebUrl: https://c.example/\npublishedDateTime: 2026-01-01\n---\n" + "<div>" * 200_000
    )
    site.write_text(
        "aliases.md", "---\na: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(2_000)) + "---\n"
    )
    items, failed, memory = built(site, files=256)
    assert (items, failed) == (4, 0)
    assert memory < 400_000
    assert "Item good" in site.titles()


@pytest.mark.slow
def test_a_build_with_32_file_descriptors_succeeds(site: SiteFolder) -> None:
    """This holds for a large turn too: files are read one at a time, documents written four at a time."""
    for number in range(120):
        site.write(f"{'deep/' * (number % 12)}{number}.md", topics=[f"T{number % 7}"])
    assert built(site, files=32)[:2] == [120, 0]


def test_a_device_among_the_seeds_is_not_read(site: SiteFolder) -> None:
    """An endless device is reported, and other seeds are published."""
    site.write("good.md")
    try:
        os.mknod(site.seeds / "zero.md", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("needs the right to make devices")
    turn = site.build()
    assert site.titles() == ["Item good"]
    assert [problem.message for problem in turn.problems] == ["is not a regular file"]


@pytest.mark.slow
def test_an_emptied_config_is_refused_while_the_daemon_runs(running: DaemonProcess) -> None:
    """An empty config, as in the middle of a save, is reported as an error; the daemon goes on with the old one."""
    running.site.write("a.md", title="before")
    running.start()
    config = running.site.root / "config/feeds.yaml"
    text = config.read_bytes()
    config.write_bytes(b"")
    wait_until(lambda: "site" in running.status()["problems"].get("config", ""))
    running.site.write("b.md", title="after")
    running.wait_for_titles("before", "after")
    config.write_bytes(text)
    wait_until(lambda: running.status()["healthy"])


@pytest.mark.parametrize("step", [60, 3_600, 10 * 365 * 86_400])
def test_a_clock_that_steps_shows_what_is_due_by_it(site: SiteFolder, step: int) -> None:
    """If the clock steps and steps back, an item that is due in between appears and disappears; nothing else changes."""
    site.write("now.md")
    site.write("soon.md", publishedDateTime=iso(NOW + step))
    site.build()
    before = site.documents()
    site.build(NOW + step)
    assert site.titles() == ["Item soon", "Item now"]
    site.build(NOW)
    assert site.documents().keys() >= before.keys()
    assert site.titles() == ["Item now"]


def test_a_clock_of_1970_at_boot_costs_nothing_once_it_is_right(site: SiteFolder) -> None:
    """A machine without a clock battery boots in 1970: with the right time the feeds are right again, ids included."""
    site.write("a.md")
    site.write("b.md", webUrl="https://news.example.org/old")
    site.build()
    site.write("b.md", webUrl="https://news.example.org/new")
    site.build()
    before = site.documents()
    site.build(5)
    assert published_documents(site.feeds)
    site.build()
    assert "https://news.example.org/old" in site.ids()
    assert site.documents() == before


def test_a_seed_from_the_future_is_read_whenever_it_changes(site: SiteFolder) -> None:
    """An mtime of next year is no embargo, and the next save is noticed."""
    ahead = (NOW + 365 * 86_400) * 10**9
    for title in ("one", "two", "six"):
        path = site.write("a.md", title=title)
        os.utime(path, ns=(ahead, ahead))
        site.build()
        assert site.titles() == [title]


def test_a_seed_swapped_for_a_link_never_leads_outside(tmp_path: Path) -> None:
    """A seed that is constantly replaced by a link while it is read is read, refused as a link or missing."""
    root, outside = tmp_path / "seeds", tmp_path / "outside"
    for place in (root / "sub", outside):
        place.mkdir(parents=True)
    (root / "sub/a.md").write_text("seed")
    (outside / "a.md").write_text(SECRET)
    ended, seen = threading.Event(), set()

    def swap() -> None:
        kept, link = root / "kept", root / "link"
        while not ended.is_set():
            link.symlink_to(outside)
            (root / "sub").rename(kept)
            link.rename(root / "sub")
            (root / "sub").unlink()
            kept.rename(root / "sub")

    swapping = threading.Thread(target=swap)
    swapping.start()
    until = time.monotonic() + 20
    while time.monotonic() < until and (len(seen) < 2 or None not in seen or sum(map(bool, seen)) < 1):
        for _ in range(200):
            file = next(iter(files.read(str(root), ["sub/a.md"], 100)))
            assert file is None or SECRET.encode() not in (file.data or b"")
            seen.add(file and file.data)
    ended.set()
    swapping.join()
    assert b"seed" in seen


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Call a function again and again on a thread, ignoring errors of the system."""
    ended = threading.Event()

    def again() -> None:
        while not ended.is_set():
            with suppress(OSError):
                act()

    acting = threading.Thread(target=again)
    acting.start()
    try:
        yield
    finally:
        ended.set()
        acting.join()


def test_seeds_that_become_links_between_scan_and_reading_show_nothing_from_outside(site: SiteFolder) -> None:
    """Files and folders are constantly replaced by links during builds: nothing outside is published."""
    outside = site.root / "outside"
    outside.mkdir()
    site.write("sub/a.md", title="Seed")
    good = (site.seeds / "sub/a.md").read_text()
    (outside / "a.md").write_text(good.replace("Seed", SECRET))
    file, link, folder_link = (site.seeds / name for name in ("b.md", "b.link", "c"))

    def swap() -> None:
        (site.seeds / "part").write_text(good.replace("Seed", "Swapped").replace("org/a", "org/b"))
        (site.seeds / "part").replace(file)
        link.symlink_to(outside / "a.md")
        link.replace(file)
        folder_link.symlink_to(outside)
        folder_link.unlink()
        folder_link.mkdir()
        folder_link.rmdir()

    seen = set()
    with meanwhile(swap):
        for number in range(25):
            turn = site.build(accept_deletions=True, fresh=number % 5 == 4)
            assert turn.failed == ()
            assert find_leaks(site, repr(turn)) == []
            seen.update(site.titles())
    assert "Seed" in seen


def test_links_planted_while_feeds_are_written_are_never_followed(site: SiteFolder) -> None:
    """Feeds and folders are constantly replaced by links: nothing outside is written, and the next build repairs all."""
    outside = site.root / "outside"
    outside.mkdir()
    for name in ("rss.xml", "atom.xml", "feed.json", "index.html"):
        (outside / name).write_text("precious")
    site.write("a.md", topics=["T"])
    site.build()
    document, folder_of_feed, aside = site.feeds / "all/rss.xml", site.feeds / "t", site.root / "aside"

    def plant() -> None:
        (site.root / "link").symlink_to(outside / "rss.xml")
        (site.root / "link").replace(document)
        folder_of_feed.rename(aside)
        folder_of_feed.symlink_to(outside)
        folder_of_feed.unlink()
        aside.rename(folder_of_feed)

    with meanwhile(plant):
        for number in range(25):
            site.write("a.md", title=f"Title {number}", topics=["T"])
            with suppress(AggregatorError):  # the folder may be missing at that moment, which is an error
                site.build()
    assert {path.name: path.read_text() for path in outside.iterdir()} == dict.fromkeys(
        ("rss.xml", "atom.xml", "feed.json", "index.html"), "precious"
    )
    for left in (folder_of_feed, site.root / "link"):
        if left.is_symlink():
            left.unlink()
    assert site.build(adopt=True).failed == ()  # a link is nobody's document, and may be somebody's
    assert not document.is_symlink()
    assert b"Title 24" in published_documents(site.feeds)["t/rss.xml"]


def test_the_token_is_compared_in_constant_time() -> None:
    """The token is compared by `hmac.compare_digest` only, so that response times do not reveal it."""
    sources = [
        ROOT / "aggregator/service/http/access.py",
        ROOT / "aggregator/config/token.py",
        ROOT / "aggregator/service/http/posting.py",
    ]
    tree = ast.parse("\n".join(path.read_text().replace("from __future__ import annotations", "") for path in sources))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "hmac.compare_digest" in called
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert {text for text in compared if "token" in text.lower()} == {"len(token) >= SHORTEST_TOKEN"}


def test_a_strange_host_changes_no_link(site: SiteFolder) -> None:
    """A forged Host or X-Forwarded-Host changes no byte; links in headers point to the site's own URL."""
    site.write("a.md")
    site.build()
    server = ServeProcess(site)
    try:
        for name in ("all/rss.xml", "all/feed.json", "index.html"):
            lines = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\n"
            answer = send_bytes(server.address, f"GET /{name} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
            assert statuses(answer) == [200]
            assert b"evil.example" not in answer
            assert answer.partition(b"\r\n\r\n")[2] == (site.feeds / name).read_bytes()
    finally:
        server.stop()
