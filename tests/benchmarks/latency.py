"""From closing a seed's file to the replaced feed on disk: `python tests/benchmarks/latency.py SITE [ROUNDS] [hugo]`.

SITE is a folder that `corpus.py` filled (`SITE/seeds`, `SITE/config`). The daemon, or `hugo --watch`, runs as a process
of its own; this one edits, adds and deletes in turn and looks at the feed file every half millisecond. Prints one line
of JSON: p50 and p99 in milliseconds for each kind of change, and what the daemon uses at rest.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import corpus
import hugo

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


def percentile(values: list[float], share: float) -> float:
    """Give the value below which `share` of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def wait_until(feed: Path, wanted: bytes, *, present: bool, began: float) -> float:
    """Wait until `feed` holds `wanted`, or no longer does; gives the milliseconds since `began`."""
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
    """Give the processor time (seconds) and resident memory (kB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(
        next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[
            1
        ]
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident


def started(site: Path, tool: str, limit_mb: int = 0) -> tuple[subprocess.Popen[bytes], Path, Path]:
    """Start the daemon or its peer; gives the process, where seeds go, and the feed to look at."""
    if tool == "hugo":
        content = site / "hugo/content"
        out = site / "hugo/public"
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen(
            ["hugo", "--watch", "-s", site / "hugo", "-d", out, "--quiet"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return process, content, out / "index.xml"
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--log-format", "json"], cwd=site,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=(site / "log").open("wb"),
    )  # fmt: skip
    if limit_mb:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit_mb * 1_000_000,) * 2)
    return process, site / "seeds", site / "feeds/all/rss.xml"


def command(site: Path, *words: str) -> None:
    """Run one of our commands on the site."""
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
    """Give a seed among the newest, so that every tool shows it."""
    text = corpus.seed_text(number).replace('title: "', f'title: "{title} ', 1)
    return text if tool != "hugo" else hugo.seed(text)


def put(path: Path, text: str) -> float:
    """Write a file; gives the moment at which it was closed."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
    return time.perf_counter()


def measure(site: Path, rounds: int, tool: str) -> dict[str, object]:
    """Run the rounds; each edits one of the newest seeds, adds one and deletes it again."""
    corpus.spread_as(site)
    process, seeds, feed = started(site, tool)
    found: dict[str, list[float]] = {"edit": [], "add": [], "delete": []}
    try:
        deadline = time.monotonic() + 600
        while not feed.exists() or b"</rss>" not in feed.read_bytes():
            if time.monotonic() > deadline:
                raise SystemExit("the first build did not end")
            time.sleep(0.2)
        time.sleep(4)
        for number in range(rounds):
            old = [one for one in range(60) if one % 5 != 4][number % 20]
            word = f"Edit{number}x{os.getpid()}"
            found["edit"].append(
                wait_until(
                    feed, word.encode(), present=True, began=put(seeds / corpus.path_of(old), text_of(old, word, tool))
                )
            )
            time.sleep(0.15)
            word = f"Fresh{number}x{os.getpid()}"
            path = seeds / f"0000/2026-11-01-{word.lower()}.md"
            text = text_of(3, word, tool).replace("/story-3", f"/{word}")
            found["add"].append(wait_until(feed, word.encode(), present=True, began=put(path, text)))
            time.sleep(0.15)
            path.unlink()
            found["delete"].append(wait_until(feed, word.encode(), present=False, began=time.perf_counter()))
            time.sleep(0.15)
        for one in range(60):
            put(seeds / corpus.path_of(one), text_of(one, "", tool).replace('title: " ', 'title: "', 1))
        time.sleep(3)
        before, _ = usage(process.pid)
        time.sleep(20)
        after, memory = usage(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    rows = {
        kind: {"p50": round(statistics.median(times), 1), "p99": round(percentile(times, 0.99), 1)}
        for kind, times in found.items()
    }
    return {
        "tool": tool,
        "site": site.name,
        "rounds": rounds,
        **rows,
        "rest_percent_of_a_core": round((after - before) * 5, 3),
        "rest_mb": memory // 1000,
    }


if __name__ == "__main__":
    print(
        json.dumps(
            measure(
                Path(sys.argv[1]),
                int(sys.argv[2]) if len(sys.argv) > 2 else 100,
                sys.argv[3] if len(sys.argv) > 3 else "aggregator",
            )
        )
    )
