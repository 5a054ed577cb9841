"""Twenty thousand files at once: `python tests/benchmarks/drop.py SITE [COUNT] [rename]`.

The daemon runs over SITE (filled by `corpus.py`); COUNT new seeds are written as fast as the disk takes them, plainly or
under another name and renamed. Prints one line of JSON: seconds from the first file, and from the last one, until every
new item is published, and the daemon's peak memory over all its processes' life (its own, in MB).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import corpus
import latency

PATIENCE = 300.0


def published(site: Path) -> int:
    """Return how many seeds of the drop are items in the index, or -1 if a feed is still to be rendered."""
    try:
        with closing(sqlite3.connect(f"file:{site}/.aggregator/index.db?mode=ro", uri=True)) as db:
            (dirty,) = db.execute("SELECT count(*) FROM feed WHERE dirty").fetchone()
            # A range of paths, not LIKE: the query must not read a million rows twenty times a second.
            (items,) = db.execute(
                "SELECT count(*) FROM file WHERE path >= 'drop/' AND path < 'drop0' AND story IS NOT NULL"
            ).fetchone()
    except sqlite3.Error:
        return -1
    return int(items) if not dirty else -1


def clear(site: Path, target: Path) -> None:
    """Remove the drop; since it may be more than half of the site, the deletions are accepted."""
    shutil.rmtree(target, ignore_errors=True)
    latency.command(site, "build", "--accept-deletions")


def measure(site: Path, count: int, *, rename: bool) -> dict[str, object]:
    """Write `count` seeds and wait until all are published."""
    corpus.spread_as(site)
    target = site / "seeds/drop"
    clear(site, target)
    numbers = [number for number in range(2_000_000, 2_000_000 + count * 2) if number % 5 != 4][:count]
    texts = [corpus.seed_text(number) for number in numbers]
    process, feed = latency.started(site, latency.OURS)
    try:
        latency.wait_until_built(site, feed, latency.OURS)
        target.mkdir()
        began = time.perf_counter()
        for number, text in zip(numbers, texts, strict=True):
            path = target / f"{number}.md"
            written = path.with_suffix(".tmp") if rename else path
            written.write_text(text, encoding="utf-8")
            if rename:
                written.rename(path)
        dropped = time.perf_counter()
        while published(site) != count:
            if time.perf_counter() - dropped > PATIENCE:
                raise SystemExit(f"only {published(site)} of {count} were published")
            time.sleep(0.05)
        done = time.perf_counter()
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) // 1000
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        clear(site, target)
    return {
        "site": site.name, "dropped": count, "rename": rename, "writing_s": round(dropped - began, 2), "from_first_s": round(done - began, 2),
        "from_last_s": round(done - dropped, 2), "peak_mb": peak, "cores": os.cpu_count(),
    }  # fmt: skip


if __name__ == "__main__":
    print(
        json.dumps(
            measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000, rename="rename" in sys.argv)
        )
    )
