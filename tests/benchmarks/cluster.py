"""A build on a Dask cluster: `python tests/benchmarks/cluster.py SITE [archives] [WORKERS]...`.

SITE/seeds must exist (`corpus.py SITE/seeds COUNT`). Builds the site from nothing on this machine alone, then with
a scheduler and 1, 2 and 4 workers (or those given), as processes on the loopback interface; every published file must be
the same. Prints a Markdown table: wall time, processor seconds of client, scheduler and workers, microseconds of them
for a seed, and the bytes for a seed that the client's connections carried each way.
"""

from __future__ import annotations

import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1]))

from build import CONFIG
from support.dask_cluster import DaskCluster
from support.running_daemon import children_of

from aggregator import load_config
from aggregator.site.cluster import cluster
from aggregator.site.site import Site

NOW = 1_793_500_000
"""2026-10-31: none of the seeds is embargoed then, and no change has been due since."""


class Cost(NamedTuple):
    """The cost of a build: seconds, processor seconds of each party, bytes sent and received; and the seconds of each stage."""

    seeds: int
    wall: float
    client: float
    scheduler: float
    workers: float
    sent: int
    received: int
    stages: dict[str, float]


def build(site: Path, name: str, *, archives: bool, workers: int) -> Cost:
    """Build from nothing with `workers` of a cluster, or in this process alone if there are none."""
    for folder in (site / name, site / f"{name}.state"):
        shutil.rmtree(folder, ignore_errors=True)
    (site / "config").mkdir(exist_ok=True)
    path = site / f"config/{name}.yaml"
    path.write_text(CONFIG.format(name=name, archives=str(archives).lower()))
    with ExitStack() as held:
        executor = made = None
        if workers:
            made = DaskCluster(Path(held.enter_context(tempfile.TemporaryDirectory())))
            held.callback(made.stop)
            made.add_workers(workers)
            made.wait(workers)
            executor = held.enter_context(cluster(made.address))
        opened = held.enter_context(Site(load_config(path), jobs=1, cluster=executor))
        before, elsewhere, began = _own_seconds(), _seconds(made), time.perf_counter()
        turn = opened.build(now=NOW)
        wall, after, by_then = time.perf_counter() - began, _own_seconds(), _seconds(made)
        sent, received = _carried() if workers else (0, 0)
    if turn.failed:
        raise SystemExit("\n".join(turn.failed))
    scheduler, helpers = (later - sooner for later, sooner in zip(by_then, elsewhere, strict=True))
    return Cost(turn.seeds, wall, after - before, scheduler, helpers, sent, received, dict(turn.stages))


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _seconds(made: DaskCluster | None) -> tuple[float, float]:
    """Return the processor seconds of the scheduler and of the workers so far."""
    if made is None:
        return 0.0, 0.0
    return _used(made.scheduler.pid), sum(map(_used, made.workers()))


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _carried() -> tuple[int, int]:
    """Return the bytes that this process's connections sent and received (tcp(7), TCP_INFO)."""
    lines = subprocess.run(["ss", "-tinpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    sent = received = 0
    for line, told in itertools.pairwise(lines):
        if f"pid={os.getpid()}," in line:
            sent += sum(map(int, re.findall(r"bytes_sent:(\d+)", told)))
            received += sum(map(int, re.findall(r"bytes_received:(\d+)", told)))
    return sent, received


def insist_on_the_same(alone: Path, together: Path) -> None:
    """Exit unless every file is the same, byte for byte."""
    result = subprocess.run(["diff", "-rq", alone, together], capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"the cluster wrote other files:\n{result.stdout[:2000]}")


def row(workers: int, cost: Cost) -> str:
    """Return a row of the table."""
    seconds = (cost.wall, cost.client, cost.scheduler, cost.workers)
    micro = (1e6 * one / cost.seeds for one in seconds[1:])
    cells = [f"{workers or 'none'}", *(f"{one:.1f} s" for one in seconds), *(f"{one:.0f} µs" for one in micro)]
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in cost.stages.items())
    carried = (f"{one / cost.seeds:,.0f} B" for one in (cost.sent, cost.received))
    return f"| {' | '.join([*cells, *carried, stages])} |"


def rows(site: Path, counts: list[int], *, archives: bool) -> Iterator[str]:
    """Build, compare and print the table."""
    yield "| workers | wall | client | scheduler | workers | client | scheduler | workers | out | back | stages, s |"
    yield "|" + "---|" * 11
    for workers in (0, *counts):
        cost = build(site, f"on-{workers}", archives=archives, workers=workers)
        if workers:
            insist_on_the_same(site / "on-0", site / f"on-{workers}")
            shutil.rmtree(site / f"on-{workers}")
        yield row(workers, cost)


if __name__ == "__main__":
    words = sys.argv[2:]
    given = [int(word) for word in words if word.isdigit()] or [1, 2, 4]
    for line in rows(Path(sys.argv[1]).absolute(), given, archives="archives" in words):
        print(line, flush=True)
    assert not children_of(os.getpid())
