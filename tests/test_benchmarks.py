"""The benchmarks in short: they run, compare the feeds and draw. No test checks how long something takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.needed_tools import require_program, skip_missing

BENCHMARKS = Path(__file__).parent / "benchmarks"
SEEDS = 100
PEERS = {"hugo": 2, "eleventy": 1, "pelican": 1, "jekyll": 1}
"""The number of builds that are measured for each."""
FLOOR_AND_OURS = 4


def run_script(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a script and return its result."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def peer(name: str) -> str:
    """Return a peer's name, or skip the test if it is not installed."""
    folder = Path(os.environ.get("AGGREGATOR_NODE_MODULES", ""))
    if name != "eleventy":
        require_program(name)
    elif not (folder / ".bin/eleventy").exists():
        skip_missing("the npm package @11ty/eleventy in the folder that AGGREGATOR_NODE_MODULES names")
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmarks")


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_measured_on_the_same_items(folder: Path, name: str) -> None:
    """Each tool builds from nothing and again, its feeds contain our items, and each build has a row."""
    result = run_script("build.py", folder, SEEDS, "--rounds", 1, "--only", peer(name))
    assert result.returncode == 0, result.stderr
    rows = json.loads((folder / "results.json").read_text())["builds"]
    for work in ("from nothing", "nothing changed"):
        found = [row for row in rows if row["work"] == work and row["tool"].lower().startswith(name)]
        assert len(found) == PEERS[name]
        assert all(row["seeds"] == SEEDS and row["cpu"] > 0 and not row["given_up"] for row in found)
    assert result.stdout.count("\n") >= 2 + 2 * (FLOOR_AND_OURS + PEERS[name])


@pytest.mark.slow
def test_a_tool_that_writes_other_items_ends_the_benchmark(folder: Path) -> None:
    """The benchmark fails and names the feeds that differ."""
    words = (folder, SEEDS, "--rounds", 1, "--only", peer("hugo"))
    assert run_script("build.py", *words).returncode == 0
    newest = folder / f"{SEEDS}/hugo/content/0000/2026-11-01-story-0.md"
    kept = newest.read_text()
    newest.write_text(kept.replace('title: "', 'title: "Other ', 1))
    result = run_script("build.py", *words)
    newest.write_text(kept)
    assert result.returncode == 1
    assert "Hugo's folder wrote other items than aggregator, feeds alone: all, open, open-data" in result.stderr


@pytest.mark.slow
def test_the_daemon_is_measured_and_its_seeds_are_restored(folder: Path) -> None:
    """Edits, adds, deletes, rest and many files at once each have a row."""
    site = folder / "100"
    words = ("--rounds", 2, "--drop", 40, "--rest", 1, "--without", "hugo", "--without", "serving")
    result = run_script("daemon.py", folder, 100, *words)
    assert result.returncode == 0, result.stderr
    rows = json.loads((folder / "results.json").read_text())["daemon"]
    assert [row["work"] for row in rows] == ["one edit", "one add", "one delete", "at rest", "40 files at once"]
    again = folder / "again"
    assert run_script("corpus.py", again, 100).returncode == 0
    assert texts(site / "seeds") == texts(again)


def texts(seeds: Path) -> dict[Path, bytes]:
    return {path.relative_to(seeds): path.read_bytes() for path in seeds.rglob("*.md")}


def row(seeds: int, tool: str, wall: float, **others: object) -> dict[str, object]:
    return {"seeds": seeds, "work": "from nothing", "tool": tool, "wall": wall, "given_up": "", **others}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Write results of two tools: one is linear, the other is worse and was given up."""
    rows = [
        row(10_000, "aggregator, feeds alone", 1.5),
        row(100_000, "aggregator, feeds alone", 15),
        row(10_000, "Hugo, a page a seed", 5),
        row(100_000, "Hugo, a page a seed", 100),
        row(1_000_000, "Hugo, a page a seed", 900, given_up="over 15 min"),
    ]
    latency = [
        {"seeds": seeds, "work": "one edit", "tool": "aggregator", "p50": 40, "p99": 90} for seeds in (10_000, 100_000)
    ]
    file = tmp_path / "results.json"
    file.write_text(
        json.dumps({"builds": rows, "daemon": latency, "machine": {"cores": 2, "processor": "A <good> one"}})
    )
    return file


def test_the_plot_names_each_line_and_is_deterministic(results: Path) -> None:
    """The picture is well-formed and deterministic, and leaves out builds that were given up."""
    pictures = [results.with_name(name) for name in ("one.svg", "other.svg")]
    for picture in pictures:
        result = run_script("plot.py", results, picture)
        assert result.returncode == 0, result.stderr
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    drawn = ET.parse(pictures[0]).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert [text.text for text in drawn.iter(f"{space}text") if text.get("class") == "name"] == [
        "aggregator, 15 s",
        "Hugo, 100 s",
    ]
    assert [len(line.get("points", "").split()) for line in drawn.iter(f"{space}polyline")] == [2, 2]


def test_growth_distinguishes_linear_flat_and_worse(results: Path) -> None:
    """Ten times the cost for ten times the seeds is 1, the same cost 0; twenty times is marked."""
    result = run_script("growth.py", results).stdout
    assert "| from nothing | aggregator, feeds alone | wall | 10,000 to 100,000 | 1.00 |" in result
    assert "| from nothing | Hugo, a page a seed | wall | 10,000 to 100,000 | 1.30 (worse than linear) |" in result
    assert "| one edit | aggregator | p50 | 10,000 to 100,000 | 0.00 |" in result


@pytest.mark.slow
def test_generated_seeds_depend_on_their_number_only(tmp_path: Path) -> None:
    """One process and several write the same seeds, and a smaller corpus is a part of a larger one."""
    for count in (30, 10_001):
        assert run_script("corpus.py", tmp_path / str(count), count).returncode == 0
    few, many = texts(tmp_path / "30"), texts(tmp_path / "10001")
    assert (len(few), len(many)) == (30, 10_001)
    assert few.items() <= many.items()


@pytest.mark.slow
def test_the_house_report_finds_no_circle_and_no_upward_arrow() -> None:
    """The report of the import graph runs on this package, whose rooms import only rooms of a lower rank."""
    report = run_script("house_report.py")
    assert report.returncode == 0, report.stderr
    figures = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in report.stdout.splitlines() if "  " in line)
    assert (figures["upward arrows"], figures["load circles"]) == ("0", "0")
    assert "circles of boxes 0" in report.stdout
