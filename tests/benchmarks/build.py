"""Compare our builds with other tools' on the same seeds: `python tests/benchmarks/build.py FOLDER [COUNT]... [--only TOOL]...`.

Creates the seeds (10,000 and 100,000 unless counts are given) and each tool's site in FOLDER, where they stay for the next
time, installs missing tools there (Hugo, Eleventy, Pelican, Jekyll; `--only` names some of them), and builds in
turns: from nothing, then with nothing changed. Every feed must hold the same items, by title and link, in the same order,
for every tool. Prints a Markdown table of medians: wall time, its ratio to ours, processor seconds of all processes
together, and the most memory they held at one moment, pages that several share counted once. `FOLDER/results.json` keeps
the rows for `plot.py`. One row does nothing but read the files.

A tool has five turns, or fewer once they took two minutes; it is given up after 15 minutes or most of the machine's
memory, and not tried if a tenth of the seeds already took too long.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import corpus
import hugo
import peers
import results
from measuring import ALL_MEMORY, OLD, PATIENCE, SHARE_OF_MEMORY, Run, Tool, run

ROOT = Path(__file__).parents[2]
ROUNDS = 5
FEW = 30
ENOUGH = 120.0
"""Seconds of one tool's builds after which it is not run again."""
OURS = "aggregator, feeds alone"
CONFIG = """\
site: {{title: Bench, url: "https://feeds.example.org/"}}
rules: {{min_quality: 70}}
feed: {{archives: {archives}}}
seeds: ../seeds
feeds: ../{name}
state: ../{name}.state
"""
FRESH, AGAIN = "from nothing", "nothing changed"
SAME_WORK = """
"Feeds alone" is the same work: a feed of everything and one a topic, 50 items each, and a page for each list; we write
each feed in four formats with a .gz and .br beside them, the others write RSS and HTML. "A page a seed" is how people run
these tools, and more work. "The whole history" is more of ours: pages of archives with every item, in three formats.
"""
HEADS = ("seeds", "work", "tool", "rounds", "wall", "to ours", "processors", "memory")


def prepared(site: Path, name: str, prepare: Callable[[Path], None]) -> None:
    """Create a part of a site, unless an earlier run completed it."""
    mark = site / f"{name}.ready"
    site.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        results.say(f"{site.name}: prepares {name}")
        prepare(site)
        mark.touch()


def make_ours(site: Path) -> None:
    """Write the seeds and our two configs."""
    corpus.write(site / "seeds", int(site.name))
    (site / "config").mkdir(exist_ok=True)
    for name, archives in (("alone", "false"), ("archives", "true")):
        (site / f"config/{name}.yaml").write_text(CONFIG.format(name=name, archives=archives))


def ours(site: Path) -> Iterator[Tool]:
    """Return our two builds: the default one, and feeds alone."""
    command = [sys.executable, "-m", "aggregator", "build", "--config"]
    for way, made in (("feeds alone", "alone"), ("the whole history", "archives")):
        yield Tool(
            f"aggregator, {way}", [*command, str(site / f"config/{made}.yaml")], site,
            (site / made, site / f"{made}.state"),
            lambda made=made: ((feed.parent.name, feed) for feed in (site / made).glob("*/rss.xml")),
            {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def floor(site: Path) -> Iterator[Tool]:
    """Return the builds that only read the same files, with one process and with two."""
    script = Path(__file__).with_name("floor.py")
    for processes in (2, 1):
        name = f"(only reads the files, {processes} process{'es' * (processes > 1)})"
        yield Tool(name, [sys.executable, str(script), str(site / "seeds"), str(processes)], site)


def turns(tools: list[Tool], site: Path, rounds: int, *, fresh: bool) -> dict[str, list[Run]]:
    """Run the builds in turns, so that other load on the machine affects all alike."""
    runs: dict[str, list[Run]] = {tool.name: [] for tool in tools}
    for number in range(rounds):
        for tool in tools:
            done = runs[tool.name]
            if sum(one.wall for one in done) > ENOUGH or any(one.given_up for one in done):
                continue
            done.append(run(tool, site / "log", fresh=fresh))
            cost = f"{done[-1].wall:.2f} s, {done[-1].cpu:.2f} s of processors, {done[-1].memory / 1e6:,.0f} MB"
            results.say(f"{site.name}, {FRESH if fresh else AGAIN}, {number + 1}: {tool.name} {cost}")
    shutil.rmtree(site / OLD, ignore_errors=True)
    return runs


def items(feed: Path) -> list[tuple[str, str]]:
    """Return title and link of each item of an RSS feed."""
    found = ET.parse(feed).getroot().iter("item")
    return [(item.findtext("title", ""), item.findtext("link", "")) for item in found]


def insist_on_the_same(tools: Iterable[Tool]) -> None:
    """Compare the feeds of all tools with those of the first.

    Raises:
        SystemExit: where one wrote another feed or item.
    """
    # A topic whose seeds are all held back may have an empty feed or none.
    written = [
        (tool.name, {slug: found for slug, feed in tool.feeds() if (found := items(feed))})
        for tool in tools
        if tool.feeds
    ]
    ours, mine = written[0]
    for name, theirs in written:
        different = sorted(slug for slug in mine.keys() | theirs.keys() if mine.get(slug) != theirs.get(slug))
        if different or not mine:
            raise SystemExit(f"{name} wrote other items than {ours}: {', '.join(different) or 'no feed at all'}")


def rows(count: int, work: str, runs: dict[str, list[Run]]) -> Iterator[results.Row]:
    """Return the medians of each tool's costs."""
    ours = statistics.median(one.wall for one in runs[OURS])
    for name, found in runs.items():
        row = {"seeds": count, "work": work, "tool": name, "rounds": len(found), "given_up": found[-1].given_up}
        wall, cpu, memory = (statistics.median(values) for values in list(zip(*found, strict=True))[:3])
        yield {**row, "wall": round(wall, 4), "to_ours": round(wall / ours, 3), "cpu": round(cpu, 3), "memory": memory}


def cells(row: results.Row) -> list[str]:
    """Return the cells of a row of the table."""
    first = [f"{row['seeds']:,}", row["work"], row["tool"]]
    if row["given_up"]:
        return [*first, str(row["rounds"]), row["given_up"], "", "", ""]
    cost = [f"{row['wall']:.2f} s", f"{row['to_ours']:.2f}", f"{row['cpu']:.2f} s", f"{row['memory'] / 1e6:,.0f} MB"]
    return [*first, str(row["rounds"]), *cost]


def hopeless(known: list[results.Row], tool: Tool, count: int) -> str:
    """Return why a tool is not tried, judging by its cost for fewer seeds; "" if it is tried."""
    fewer = [row for row in known if row["tool"] == tool.name and row["work"] == FRESH and row["seeds"] < count]
    for row in fewer[-1:]:
        times = count / row["seeds"]
        if row["given_up"] or row["wall"] * times > PATIENCE:
            return f"not tried: over {PATIENCE / 60:.0f} min"
        if row["memory"] * times > SHARE_OF_MEMORY * ALL_MEMORY:
            return f"not tried: about {row['memory'] * times / 1e9:.0f} GB"
    return ""


def everyone(site: Path, programs: dict[str, str]) -> Iterator[tuple[str, Callable[[Path], None], Tool]]:
    """Return each tool, the part of the site that it needs, and the function that creates it."""
    yield from (("ours", make_ours, tool) for tool in (*floor(site), *ours(site)))
    if "hugo" in programs:
        yield from (("hugo", hugo.prepare, tool) for tool in hugo.ours(site, {"PYTHONPATH": str(ROOT)}))
    for peer in peers.PEERS:
        if peer.name in programs:
            yield from ((peer.name, peer.prepare, tool) for tool in peer.tools(site, programs[peer.name]))


def measure(site: Path, programs: dict[str, str], rounds: int, file: Path) -> None:
    """Build, compare, and keep the rows."""
    count = int(site.name)
    versions = {peer.name: peers.version(peer, programs[peer.name]) for peer in peers.PEERS if peer.name in programs}
    tools, left_out = [], []
    for name, prepare, tool in everyone(site, programs):
        if reason := hopeless(results.load(file)["builds"], tool, count):
            left_out.append({"seeds": count, "work": FRESH, "tool": tool.name, "rounds": 0, "given_up": reason})
        else:
            prepared(site, name, prepare)
            tools.append(tool)
    run(tools[0], site / "log")  # fills the page cache for all alike
    fresh = turns(tools, site, rounds, fresh=True)
    if fresh[OURS][-1].given_up:
        raise SystemExit(f"without {OURS} there is nothing to compare with")
    done = [tool for tool in tools if not fresh[tool.name][-1].given_up]
    insist_on_the_same(done)
    results.keep(file, "builds", [*rows(count, FRESH, fresh), *left_out], versions)
    again = turns(done, site, rounds, fresh=False)
    results.keep(file, "builds", rows(count, AGAIN, again), versions)


def that_work(folder: Path, programs: dict[str, str]) -> dict[str, str]:
    """Return the peers that can build a small site.

    What happens once, such as Python's writing of byte code, happens here and is not measured.
    """
    site = folder / str(FEW)
    broken = set()
    for name, prepare, tool in everyone(site, programs):
        prepared(site, name, prepare)
        if run(tool, site / "log").given_up:
            results.say(f"{tool.name} cannot build {FEW} seeds and is left out")
            broken.add(name)
    return {name: path for name, path in programs.items() if name not in broken}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--only", action="append", choices=["ours", *(peer.name for peer in peers.PEERS)])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    wanted = [peer for peer in peers.PEERS if not arguments.only or peer.name in arguments.only]
    programs = {peer.name: path for peer in wanted if (path := peers.installed(peer, folder / "tools"))}
    programs = that_work(folder, programs)
    for count in sorted(arguments.count):
        measure(folder / str(count), programs, arguments.rounds, folder / "results.json")
        found = [row for row in results.load(folder / "results.json")["builds"] if row["seeds"] == count]
        print(results.table(HEADS, map(cells, sorted(found, key=lambda row: row["work"] == AGAIN))), flush=True)
    print(SAME_WORK)


if __name__ == "__main__":
    main()
