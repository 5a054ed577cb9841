"""From closing a seed's file to a subscriber that holds the new feed: `python tests/benchmarks/push.py [ROUNDS]`.

The daemon and Flask-WebSub's hub run as separate processes; this one saves seeds, serves the feeds to the hub and
is the subscriber, each on a thread. A site of 40 seeds in 5 feeds; the subscriber has the feed of everything as Atom.
Prints one line of JSON: p50 and p99 in milliseconds for the file on disk, for the first ping of a round at a hub that
only listens, and for the subscriber.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.site_folder import SiteFolder  # noqa: E402
from support.websub_hubs import FeedServer, FlaskHub, Hub, Subscriber  # noqa: E402

PATIENCE = 30.0
SEEDS = 40
TOPIC = "all/atom.xml"


def percentiles(values: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return {"p50": round(statistics.median(ordered), 1), "p99": round(p99, 1)}


def wait_until(condition: Callable[[], object]) -> float:
    """Wait until `condition` is true and return the time."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > PATIENCE:
            raise SystemExit("what was waited for did not come")
        time.sleep(0.0005)
    return time.perf_counter()


def started(site: SiteFolder) -> subprocess.Popen[bytes]:
    """Start the daemon, and wait until the hub was notified of the first build."""
    site.config()
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--config", "config/feeds.yaml", "--log-format", "json"],
        cwd=site.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=(site.root / "log").open("wb"),
    )  # fmt: skip
    wait_until(lambda: b"hub told" in (site.root / "log").read_bytes())
    time.sleep(3)
    return process


def save(site: SiteFolder, number: int, word: str) -> float:
    """Save a seed and return the time at which it was closed."""
    site.write(f"{number % SEEDS}.md", "A sentence of some length. " * 40, title=word, topics=[f"Topic {number % 4}"])
    return time.perf_counter()


def to_subscriber(site: SiteFolder, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Measure the latency to the disk, and to the subscriber through Flask-WebSub's hub."""
    with FlaskHub(folder) as hub, FeedServer(site.feeds) as server, Subscriber() as subscriber:
        server.hub = hub.url
        site.settings |= {"websub": {"hub": hub.url}, "site": {"title": "Test", "url": server.url}}
        process = started(site)
        subscriber.subscribe(hub.url, server.url + TOPIC)
        disk, whole = [], []
        for number in range(rounds):
            word = f"Word{number}x"
            began = save(site, number, word)
            disk.append((wait_until(lambda word=word: word in (site.feeds / TOPIC).read_text()) - began) * 1000)
            wait_until(lambda word=word: any(word.encode() in body for _, body, _ in subscriber.got))
            whole.append((subscriber.got[-1][2] - began) * 1000)
            subscriber.got.clear()
            time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return {"disk": percentiles(disk), "subscriber": percentiles(whole)}


def to_hub(site: SiteFolder, rounds: int) -> dict[str, dict[str, float]]:
    """Measure the latency to the first and the last of a round's six pings, at a hub that only records them."""
    with Hub() as hub:
        site.settings["websub"] = {"hub": hub.url}
        process = started(site)
        first, last = [], []
        for number in range(rounds):
            hub.pings.clear()
            began = save(site, number, f"Other{number}x")
            first.append((wait_until(lambda: hub.pings) - began) * 1000)
            last.append((wait_until(lambda: len(hub.pings) >= 6) - began) * 1000)
            time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return {"first_ping": percentiles(first), "last_ping": percentiles(last)}


def main(rounds: int) -> None:
    """Run both measurements."""
    with tempfile.TemporaryDirectory() as folder:
        site = SiteFolder(Path(folder))
        for number in range(SEEDS):
            save(site, number, f"Seed {number}")
        print(json.dumps({"rounds": rounds, **to_subscriber(site, rounds, Path(folder)), **to_hub(site, rounds)}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
