"""Compare buckets with folders: `python tests/benchmarks/storage.py FOLDER [COUNT [ROUNDS]]`.

Makes COUNT seeds (10,000) in FOLDER, and SeaweedFS on this machine holds the same. Builds both from nothing, feeds alone
and with the whole history, and again with nothing changed; then ROUNDS times (100) the daemon is told of an edited
object, from that moment until the feed in the bucket shows it; beside it until the put of the seed was answered. Prints
a line of JSON for each: wall seconds, and those of processors of our processes (the store's are its own).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.http_client import fetch  # noqa: E402
from support.running_daemon import free_port  # noqa: E402
from support.seaweedfs import SeaweedFS, running_store  # noqa: E402

TOKEN = "a-token-of-the-benchmark"
CONFIG = """\
site: {{title: Bench, url: "https://feeds.example.org/"}}
rules: {{min_quality: 70}}
feed: {{archives: {archives}}}
seeds: {seeds}
feeds: {feeds}
state: ../{name}.state
schedule: {{scan: 1h}}
server: {{port: {port}, token: ../token}}
"""


def tell(**values: object) -> None:
    print(
        json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in values.items()}),
        flush=True,
    )


def config(folder: Path, name: str, seeds: str, feeds: str, *, archives: bool, port: int = 8080) -> Path:
    path = folder / f"config/{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(CONFIG.format(archives=json.dumps(archives), seeds=seeds, feeds=feeds, name=name, port=port))
    return path


def build(path: Path, store: SeaweedFS, **said: object) -> None:
    """Run a build and print its cost."""
    words = [sys.executable, "-m", "aggregator", "build", "--json", "--config", str(path)]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(words, env=environment(store), capture_output=True, check=True)
    seconds, after = time.perf_counter() - began, os.times()
    turn = json.loads(done.stdout)
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    tell(
        **said,
        seconds=seconds,
        processor=processor,
        read=turn["read"],
        written=len(turn["written"]),
        stages=turn["stages"],
    )


def environment(store: SeaweedFS) -> dict[str, str]:
    return {**os.environ, **store.environment, "PYTHONPATH": str(ROOT)}


def fill(folder: Path, store: SeaweedFS, count: int) -> None:
    """Create the seeds, and put them into the bucket."""
    if not (folder / "seeds").is_dir():
        subprocess.run(
            [sys.executable, str(ROOT / "tests/benchmarks/corpus.py"), str(folder / "seeds"), str(count)], check=True
        )
    store.make_buckets("newsroom", "public")
    paths = sorted(path for path in (folder / "seeds").rglob("*.md"))
    before, began = os.times(), time.perf_counter()
    names = {f"newsroom/in/{path.relative_to(folder / 'seeds')}": path.read_bytes() for path in paths}
    store.filesystem().pipe(names, batch_size=16)
    after = os.times()
    tell(
        what="put the seeds", count=len(paths), seconds=time.perf_counter() - began, processor=after.user - before.user
    )


def notify(folder: Path, store: SeaweedFS, rounds: int) -> None:
    """Edit seeds in the bucket, notify the daemon, and print the latency until the feed shows them."""
    port, filesystem = free_port(), store.filesystem()
    (folder / "token").write_text(TOKEN)
    path = config(folder, "bucket", "s3://newsroom/in", "s3://public/bucket", archives=True, port=port)
    words = [sys.executable, "-m", "aggregator", "run", "--log-format", "json", "--config", str(path)]
    url, puts, shown = f"http://127.0.0.1:{port}/", [], []
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(words, env=environment(store), stderr=log)
    try:
        while (
            b'"scanned"' not in (state := told(url))
            and daemon.poll() is None
            and not state.startswith(b'{"healthy":true')
        ):
            time.sleep(0.2)
        time.sleep(2)
        before = used(daemon.pid)
        for number in range(rounds):
            word = f"Edited{number}x"
            text = (
                f"---\ntitle: {word}\nquality: 99\nwebUrl: https://a.example/{number % 10}\n"
                f"publishedDateTime: 2026-11-20T08:00:00Z\ntopics: [Open Data]\n---\n"
            )
            began = time.perf_counter()
            filesystem.pipe_file(f"newsroom/in/edited-{number % 10}.md", text.encode())
            put = time.perf_counter()
            record = {"s3": {"bucket": {"name": "newsroom"}, "object": {"key": f"in/edited-{number % 10}.md"}}}
            fetch(
                url,
                "/-/notify",
                "POST",
                body=json.dumps({"Records": [record]}).encode(),
                authorization=f"Bearer {TOKEN}",
            )
            while word.encode() not in store.get("public/bucket/all/feed.json").body:
                time.sleep(0.005)
            puts.append(1_000 * (put - began))
            shown.append(1_000 * (time.perf_counter() - put))
        each = 1_000 * (used(daemon.pid) - before) / rounds
    finally:
        daemon.terminate()
        daemon.wait()
    tell(
        what="notification to feed, ms",
        processor_each=each,
        rounds=rounds,
        **percentiles(shown),
        put_of_the_seed=percentiles(puts),
    )


def used(pid: int) -> float:
    """Return the processor seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(url: str) -> bytes:
    try:
        return fetch(url, "/healthz").body
    except OSError:
        return b""


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": round(statistics.median(ordered), 1), "p99": round(ordered[round(0.99 * (len(ordered) - 1))], 1)}


def main(folder: Path, count: int, rounds: int) -> None:
    """Create the seeds, then measure builds and notifications."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_store(folder / f"weed-{os.getpid()}") as store:
        fill(folder, store, count)
        for archives in (False, True):
            name = "bucket" if archives else "bucket-feeds"
            disk = config(folder, f"{name}-disk", "../seeds", f"../{name}", archives=archives)
            bucket = config(folder, name, "s3://newsroom/in", f"s3://public/{name}", archives=archives)
            for again in (False, True):
                for where, path in (("disk", disk), ("bucket", bucket)):
                    build(path, store, what="unchanged" if again else "from nothing", where=where, archives=archives)
        notify(folder, store, rounds)


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[2:]]
    main(Path(sys.argv[1]), *(numbers + [10_000, 100][len(numbers) :]))
