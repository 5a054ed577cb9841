"""Run the daemon through many changes: `python tests/benchmarks/soak.py SITE [EDITS] [LIMIT_MB]`.

The daemon runs over SITE (filled by `corpus.py`) with its address space limited, while EDITS random changes are made:
edits, adds, deletes, renames, broken and repaired files. Prints memory, threads and file descriptors along the way, and at
the end whether the feeds equal those of a fresh build.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import corpus
import latency


def standing(pid: int) -> dict[str, int]:
    """Return resident memory (MB), threads and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {
        "rss_mb": int(status.split("VmRSS:")[1].split()[0]) // 1000,
        "threads": int(status.split("Threads:")[1].split()[0]),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
    }


def change(dice: random.Random, seeds: Path, known: list[Path], number: int) -> None:
    """Make one random change."""
    kind = dice.choice(["edit", "edit", "edit", "add", "delete", "rename", "break"])
    path = dice.choice(known)
    if kind == "add" or not path.exists():
        path = seeds / f"soak/{number}.md"
        path.write_text(corpus.seed_text(dice.randrange(40)).replace("/story-", f"/soak-{number}-"), encoding="utf-8")
        known.append(path)
    elif kind == "edit":
        path.write_text(corpus.seed_text(dice.randrange(400)).replace("/story-", f"/soak-{number}-"), encoding="utf-8")
    elif kind == "break":
        path.write_text("---\ntitle: [broken\n", encoding="utf-8")
    elif kind == "rename":
        target = seeds / f"soak/moved-{number}.md"
        path.rename(target)
        known.append(target)
    else:
        path.unlink()


def measure(site: Path, edits: int, limit_mb: int) -> dict[str, object]:
    """Make the changes and print the daemon's resources."""
    seeds = site / "seeds"
    shutil.rmtree(seeds / "soak", ignore_errors=True)
    (seeds / "soak").mkdir()
    latency.command(site, "build", "--accept-deletions")
    process, _ = latency.started(site, latency.OURS, limit_mb=limit_mb)
    dice = random.Random(1)
    known = list(seeds.rglob("*.md"))[:2000]
    rows = []
    try:
        time.sleep(4)
        began = time.monotonic()
        for number in range(edits):
            change(dice, seeds, known, number)
            if number % 50 == 49:
                known = [path for path in known if path.exists()]
                time.sleep(0.1)
            if number % (edits // 10) == edits // 10 - 1:
                time.sleep(1)
                rows.append({"edits": number + 1, **standing(process.pid)})
        seconds = time.monotonic() - began
        time.sleep(5)
        alive = process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    before = {path: path.read_bytes() for path in (site / "feeds").rglob("feed.json")}
    latency.command(site, "build", "--fresh")
    same = all(path.read_bytes() == body for path, body in before.items())
    return {
        "edits": edits,
        "seconds": round(seconds),
        "limit_mb": limit_mb,
        "alive": alive,
        "exit": process.returncode,
        "rows": rows,
        "equals_fresh_build": same,
    }


if __name__ == "__main__":
    print(
        json.dumps(
            measure(
                Path(sys.argv[1]),
                int(sys.argv[2]) if len(sys.argv) > 2 else 50_000,
                int(sys.argv[3]) if len(sys.argv) > 3 else 2_000,
            ),
            indent=1,
        )
    )
