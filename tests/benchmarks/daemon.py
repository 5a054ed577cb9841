"""The daemon and its server: `python tests/benchmarks/daemon.py FOLDER [COUNT]... [--rounds N] [--without PART]...`.

For the sites that `build.py` keeps in FOLDER (10,000 and 100,000 seeds unless counts are given; created if they are
missing): one edit, add and delete until the feed on disk shows it, beside Hugo in its watch mode; what the daemon with
its server uses at rest; many files dropped at once; and serving beside nginx. The parts are `latency`, `hugo`, `drop` and
`serving`, each a script in this folder. Prints Markdown tables; `FOLDER/results.json` keeps the rows.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import build
import drop
import hugo
import latency
import peers
import results
import serving

PARTS = ("latency", "hugo", "drop", "serving")
CHANGES = ("edit", "add", "delete")
CONFIG = """\
site: {title: Bench, url: "https://feeds.example.org/"}
rules: {min_quality: 70}
server: {port: 0}
"""
HEADS = ("seeds", "work", "tool", "rounds", "p50 / p99, or what it takes")


def prepared(site: Path) -> None:
    """Create the seeds, the config and the first build, so that only the daemon is measured."""
    build.prepared(site, "ours", build.make_ours)
    (site / "config/aggregator.yaml").write_text(CONFIG)
    shutil.rmtree(site / "seeds/drop", ignore_errors=True)
    latency.restore(site / "seeds", latency.OURS)
    results.say(f"{site.name}: the first build")
    latency.command(site, "build", "--accept-deletions")


def changes(site: Path, rounds: int, tool: str, name: str, rest: float) -> Iterator[results.Row]:
    """Return the rows of single changes and of rest."""
    results.say(f"{site.name}: {rounds} rounds of changes, {name}")
    found = latency.measure(site, rounds, tool, rest)
    common = {"seeds": int(site.name), "tool": name}
    for kind in CHANGES:
        p50, p99 = found[kind]["p50"], found[kind]["p99"]
        yield {**common, "work": f"one {kind}", "rounds": rounds, "p50": p50, "p99": p99}
    resting = {"percent": found["rest_percent_of_a_core"], "mb": found["rest_mb"]}
    yield {**common, "work": "at rest", "rounds": 1, **resting}


def dropped(site: Path, count: int) -> results.Row:
    """Return the row of many files dropped at once."""
    results.say(f"{site.name}: {count} files at once")
    found = drop.measure(site, count, rename=False)
    seconds = {"from_first": found["from_first_s"], "from_last": found["from_last_s"], "mb": found["peak_mb"]}
    return {"seeds": int(site.name), "tool": "aggregator", "work": f"{count:,} files at once", "rounds": 1, **seconds}


def cells(row: results.Row) -> list[str]:
    """Return the cells of a row of the table."""
    first = [f"{row['seeds']:,}", row["work"], row["tool"], str(row["rounds"])]
    if "p50" in row:
        return [*first, f"{row['p50']:.0f} / {row['p99']:.0f} ms"]
    if "percent" in row:
        return [*first, f"{row['mb']:,} MB, {row['percent']:.2f} % of a core"]
    return [*first, f"{row['from_first']:.1f} s, {row['from_last']:.1f} s after the last was written; {row['mb']} MB"]


def measure(site: Path, arguments: argparse.Namespace, hugo_program: str | None) -> Iterator[results.Row]:
    """Run the parts for a site."""
    if {"latency", "drop"} - set(arguments.without):
        prepared(site)
    if "latency" not in arguments.without:
        yield from changes(site, arguments.rounds, latency.OURS, "aggregator", arguments.rest)
    if "hugo" not in arguments.without and hugo_program:
        build.prepared(site, "hugo", hugo.prepare)
        yield from changes(site, max(1, arguments.rounds // 4), hugo_program, "Hugo, feeds alone", arguments.rest)
    if "drop" not in arguments.without:
        yield dropped(site, arguments.drop)


def served(file: Path, runs: int) -> None:
    """Measure serving, store the rows and print them."""
    results.say("serving, beside nginx")
    asked, rows = serving.measure(runs, 3)
    results.keep(file, "serving", rows, {})
    print(f"\n{asked}\n\n{serving.table(rows)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--drop", type=int, default=20_000, help="how many files at once")
    parser.add_argument("--rest", type=float, default=latency.REST, help="seconds to look at what is used at rest")
    parser.add_argument("--without", action="append", choices=PARTS, default=[])
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    peer = peers.PEERS[0]
    program = None if "hugo" in arguments.without else peers.installed(peer, folder / "tools")
    file = folder / "results.json"
    for count in sorted(arguments.count):
        for row in measure(folder / str(count), arguments, program):
            results.keep(file, "daemon", [row], {})
    print(results.table(HEADS, map(cells, results.load(file)["daemon"])), flush=True)
    if "serving" not in arguments.without:
        served(file, 5)


if __name__ == "__main__":
    main()
