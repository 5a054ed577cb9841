"""From closing a seed's file to the replaced feed on disk: `python tests/benchmarks/latency.py SITE [ROUNDS] [HUGO]`.

SITE is a folder that `corpus.py` filled (`SITE/seeds`, `SITE/config`). The daemon, or with the path of a program `hugo`
that one in its watch mode, or with the word `dialect` the daemon over Hugo's folder, runs as a separate process; this one edits, adds and deletes in turn and reads the feed
file every half millisecond. Prints one line of JSON: p50 and p99 in milliseconds for each kind of change, for an edit
also until all feeds of the item show it in all formats (`everywhere`), and what the daemon and its server use at rest.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import corpus  # noqa: E402 - ours are found by the line above
import hugo  # noqa: E402
from measuring import family, held  # noqa: E402

from aggregator.service.control import Request, ask  # noqa: E402

PATIENCE = 30.0
FIRST_BUILD = 600.0
REST = 60.0
OURS, DIALECT = "aggregator", "dialect"
STATES = {OURS: ".aggregator", DIALECT: "dialect.state"}


def percentile(values: list[float], share: float) -> float:
    """Return the quantile `share` of `values`."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def wait_until(feed: Path, wanted: bytes, *, present: bool, began: float) -> float:
    """Wait until `feed` contains `wanted`, or no longer does; return the milliseconds since `began`."""
    seen: tuple[int, int] | None = None
    while time.perf_counter() - began < PATIENCE:
        try:
            found = feed.stat()
            if (found.st_ino, found.st_mtime_ns) != seen:
                seen = found.st_ino, found.st_mtime_ns
                if (wanted in feed.read_bytes()) == present:
                    return (time.perf_counter() - began) * 1000
        except FileNotFoundError:
            pass
        time.sleep(0.0005)
    raise SystemExit(f"{feed}: not {'shown' if present else 'withdrawn'} within {PATIENCE} s: {wanted!r}")


def usage(pid: int) -> tuple[float, int]:
    """Return the processor time (seconds) and the memory (bytes) of a process and its descendants."""
    ticks = memory = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        memory += held(one)
    return ticks / os.sysconf("SC_CLK_TCK"), memory


def started(site: Path, tool: str, limit_mb: int = 0) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the daemon, or the program `hugo` at a path; return the process and the feed to read."""
    if tool not in STATES:
        out = site / "hugo/public"
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen(
            [tool, "--watch", "-s", site / "hugo", "-d", out, "--quiet"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return process, out / "index.xml"
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--log-format", "json", *config_of(site, tool)], cwd=site,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=(site / "log").open("wb"),
    )  # fmt: skip
    if limit_mb:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit_mb * 1_000_000,) * 2)
    return process, site / ("feeds" if tool == OURS else "dialect") / "all/rss.xml"


def config_of(site: Path, tool: str) -> list[str]:
    """Return the option that names the config, which is written if it is that of Hugo's folder."""
    if tool == OURS:
        return []
    (site / "config/dialect.yaml").write_text(hugo.DIALECT)
    return ["--config", "config/dialect.yaml"]


def command(site: Path, *words: str) -> None:
    """Run a command of the program on the site."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "aggregator", *words],
        cwd=site,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def text_of(number: int, title: str, tool: str) -> str:
    """Return one of the newest seeds, which are in every tool's feed."""
    text = corpus.seed_text(number).replace('title: "', f'title: "{title} ', 1)
    return text if tool == OURS else hugo.seed(text)


def put(path: Path, text: str) -> float:
    """Write a file and return the time at which it was closed."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
    return time.perf_counter()


def wait_until_built(site: Path, feed: Path, tool: str) -> None:
    """Wait until the first build is complete: the feed can be parsed, and our daemon has taken a turn.

    Raises:
        SystemExit: where it does not end.
    """
    deadline = time.monotonic() + FIRST_BUILD
    while not (has_turned(site, tool) if tool in STATES else feed.exists() and b"</rss>" in feed.read_bytes()):
        if time.monotonic() > deadline:
            raise SystemExit("the first build did not end")
        time.sleep(0.2)
    time.sleep(4)


def has_turned(site: Path, tool: str = OURS) -> bool:
    """Return whether the daemon has completed a full scan."""
    told = ask(str(site / STATES[tool]), Request(do="status"))
    return told is not None and told["turns"] > 0


def change(number: int, seeds: Path, feed: Path, tool: str) -> dict[str, float]:
    """Edit one of the newest seeds, add one and delete it; return how long each took."""
    old = [one for one in range(60) if one % 5 != 4][number % 20]
    documents = documents_of(old, feed) if tool in STATES else [feed]
    word = f"Edit{number}x{os.getpid()}"
    began = put(seeds / corpus.path_of(old), text_of(old, word, tool))
    edit = wait_until(feed, word.encode(), present=True, began=began)
    everywhere = max(wait_until(one, word.encode(), present=True, began=began) for one in documents)
    time.sleep(0.15)
    word = f"Fresh{number}x{os.getpid()}"
    path = seeds / f"0000/2026-11-01-{word.lower()}.md"
    began = put(path, text_of(3, word, tool).replace("/story-3", f"/{word}"))
    add = wait_until(feed, word.encode(), present=True, began=began)
    time.sleep(0.15)
    path.unlink()
    delete = wait_until(feed, word.encode(), present=False, began=time.perf_counter())
    time.sleep(0.15)
    return {"edit": edit, "everywhere": everywhere, "add": add, "delete": delete}


def documents_of(number: int, feed: Path) -> list[Path]:
    """Return the feeds of a seed in every format, beside the feed of everything."""
    end = f"/story-{number}".encode()
    pattern = re.compile(re.escape(end) + rb"(?![0-9])")
    feeds = [one.parent for one in feed.parents[1].glob("*/rss.xml") if pattern.search(one.read_bytes())]
    return [one / name for one in feeds for name in ("rss.xml", "atom.xml", "feed.json")]


def restore(seeds: Path, tool: str) -> None:
    """Restore the seeds as they were before this run, or an earlier one that was interrupted."""
    for path in (seeds / "0000").glob("*-fresh*.md"):
        path.unlink()
    for one in range(60):
        text, path = text_of(one, "", tool).replace('title: " ', 'title: "', 1), seeds / corpus.path_of(one)
        if path.read_text() != text:
            put(path, text)


def at_rest(pid: int, seconds: float) -> dict[str, float]:
    """Return what the tool uses at rest."""
    time.sleep(3)
    before, _ = usage(pid)
    time.sleep(seconds)
    after, memory = usage(pid)
    return {"rest_percent_of_a_core": round((after - before) / seconds * 100, 3), "rest_mb": memory // 1_000_000}


def measure(site: Path, rounds: int, tool: str, rest: float = REST) -> dict[str, object]:
    """Run the rounds, then measure the tool at rest."""
    corpus.spread_as(site)
    seeds = site / ("seeds" if tool == OURS else "hugo/content")
    restore(seeds, tool)
    process, feed = started(site, tool)
    try:
        wait_until_built(site, feed, tool)
        times = [change(number, seeds, feed, tool) for number in range(rounds)]
        restore(seeds, tool)
        resting = at_rest(process.pid, rest)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        restore(seeds, tool)
    found = {kind: [one[kind] for one in times] for kind in times[0]}
    rows = {
        kind: {"p50": round(statistics.median(values), 1), "p99": round(percentile(values, 0.99), 1)}
        for kind, values in found.items()
    }
    return {"tool": Path(tool).name, "site": site.name, "rounds": rounds, **rows, **resting}


if __name__ == "__main__":
    print(
        json.dumps(
            measure(
                Path(sys.argv[1]),
                int(sys.argv[2]) if len(sys.argv) > 2 else 100,
                sys.argv[3] if len(sys.argv) > 3 else OURS,
            )
        )
    )
