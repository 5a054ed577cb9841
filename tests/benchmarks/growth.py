"""Print how each row grows with the seeds: `python tests/benchmarks/growth.py RESULTS`.

An exponent of 1 is linear (ten times the seeds, ten times the cost), 0 is flat. Prints a Markdown table: for each row of
`results.json` that was measured at several counts, the exponent from each to the next.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import results

LINEAR = 1.05
"""An exponent above this is marked as worse than linear; below, it is noise."""
COSTS = {"wall": "wall", "cpu": "processors", "memory": "memory", "p50": "p50", "p99": "p99", "from_first": "wall"}
HEADS = ("work", "tool", "cost", "seeds", "exponent")


def exponent(fewer: tuple[int, float], more: tuple[int, float]) -> float:
    """Return the exponent with which a cost grows between two counts of seeds."""
    return math.log(more[1] / fewer[1]) / math.log(more[0] / fewer[0])


def growths(rows: list[results.Row]) -> Iterator[list[str]]:
    """Return the rows of the table."""
    costs: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for row in rows:
        for cost in COSTS:
            if row.get(cost) and not row.get("given_up"):
                costs.setdefault((row["work"], row["tool"], cost), []).append((row["seeds"], row[cost]))
    for (work, tool, cost), found in costs.items():
        for fewer, more in zip(sorted(found), sorted(found)[1:], strict=False):
            power = exponent(fewer, more)
            mark = " (worse than linear)" if power > LINEAR else ""
            yield [work, tool, COSTS[cost], f"{fewer[0]:,} to {more[0]:,}", f"{power:.2f}{mark}"]


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())
    print(results.table(HEADS, growths([*found["builds"], *found["daemon"]])))
