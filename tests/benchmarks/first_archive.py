"""Edits while a daemon writes a first archive: `python tests/benchmarks/first_archive.py SITE [ROUNDS]`.

SITE is a folder that `corpus.py` filled. Feeds and state are removed, a daemon is started, and from the moment at which
the first feed is on disk one of the newest seeds is edited again and again, until the archive is complete. Prints one
line of JSON: how many edits there were, p50 and p99 in milliseconds until the feed showed each, and the seconds that the
archive took.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import sys
import time
from pathlib import Path

import corpus
from latency import OURS, has_turned, percentile, put, restore, started, text_of, wait_until

PAUSE = 0.25
QUIET = 2.0
"""After so many seconds without a new page of the archive it is taken for complete."""


def pages(site: Path) -> int:
    """Return the number of pages of the archive on disk."""
    return sum(1 for _ in site.glob("feeds/*/archive/*/rss.xml"))


def edits(site: Path, feed: Path) -> tuple[list[float], float]:
    """Edit until the archive is complete; return the milliseconds of each edit and the seconds of the archive."""
    times: list[float] = []
    began = grown = time.monotonic()
    known = edits_then = 0
    while time.monotonic() - grown < QUIET:
        if (count := pages(site)) > known:
            known, grown, edits_then = count, time.monotonic(), len(times)
        number = len(times)
        word = f"Edit{number}x{os.getpid()}"
        old = [one for one in range(60) if one % 5 != 4][number % 20]
        closed = put(site / "seeds" / corpus.path_of(old), text_of(old, word, OURS))
        times.append(wait_until(feed, word.encode(), present=True, began=closed))
        time.sleep(PAUSE)
    return times[:edits_then], grown - began


def measure(site: Path) -> dict[str, float]:
    """Run once."""
    for folder in ("feeds", ".aggregator"):
        shutil.rmtree(site / folder, ignore_errors=True)
    process, feed = started(site, OURS)
    try:
        while not (feed.exists() and has_turned(site)):
            time.sleep(0.01)
        times, lasted = edits(site, feed)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        restore(site / "seeds", OURS)
    found = {"p50": statistics.median(times), "p99": percentile(times, 0.99), "archive_seconds": lasted}
    return {"edits": len(times), **{name: round(value, 1) for name, value in found.items()}}


if __name__ == "__main__":
    corpus.spread_as(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
        print(json.dumps(measure(Path(sys.argv[1]))))
