"""Draw time against seeds: `python tests/benchmarks/plot.py RESULTS OUT.svg`.

Draws the builds from nothing that `build.py` kept in `results.json`, both scales logarithmic: a line a tool, its name at
the line's end. The same results give the same bytes. The colours follow the reader's light or dark setting.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import results

WIDTH, HEIGHT = 860, 540
LEFT, RIGHT, TOP, BOTTOM = 72, 608, 88, 484
GAP = 17.0
"""The least distance between names."""
LINES = {
    "aggregator, feeds alone": ("ours", "aggregator"),
    "aggregator, the whole history": ("ours thin", "aggregator, whole history"),
    "Hugo, feeds alone": ("hugo thin", "Hugo, feeds alone"),
    "Hugo, a page a seed": ("hugo", "Hugo"),
    "Eleventy, a page a seed": ("eleventy", "Eleventy"),
    "Pelican, a page a seed": ("pelican", "Pelican"),
    "Jekyll, a page a seed": ("jekyll", "Jekyll"),
    "(only reads the files, 2 processes)": ("floor", "reading the files alone"),
}
"""The tools that are drawn, the classes of their lines and their names."""
STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
.title { font-size: 17px; font-weight: 600 }
.quiet { fill: var(--quiet) }
.grid { stroke: var(--grid); stroke-width: 1 }
.lead { stroke: var(--quiet); stroke-width: .75; fill: none }
.line { fill: none; stroke: var(--color); stroke-width: 1.75; stroke-linejoin: round }
.dot { fill: var(--color); stroke: var(--paper); stroke-width: 1.5 }
.name { fill: var(--color); paint-order: stroke; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round }
.ours .line { stroke-width: 2.75 }
.ours .name { font-weight: 600 } .thin .name { font-weight: 400 }
.thin .line { stroke-width: 1.75; stroke-dasharray: 7 3 }
.floor .line { stroke-dasharray: 1.5 4; stroke-linecap: round }
:root {
  --paper: #fff; --ink: #1f2328; --quiet: #656d76; --grid: #e4e7eb;
  --ours: #0b5cd6; --hugo: #c2255c; --eleventy: #6b7000; --pelican: #0a7c72; --jekyll: #8a4fbf
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --grid: #262c34;
    --ours: #6cb0ff; --hugo: #ff7ba5; --eleventy: #c9c24d; --pelican: #4fd1c0; --jekyll: #c9a2f5
  }
}
.ours { --color: var(--ours) } .hugo { --color: var(--hugo) } .eleventy { --color: var(--eleventy) }
.pelican { --color: var(--pelican) } .jekyll { --color: var(--jekyll) } .floor { --color: var(--quiet) }
"""


class Series(NamedTuple):
    """A tool and its points (seeds, seconds), ordered by seeds."""

    name: str
    points: list[tuple[int, float]]


class Scales(NamedTuple):
    """The scales: coordinates of seeds and seconds."""

    seeds: tuple[float, float]
    seconds: tuple[float, float]

    def x(self, seeds: float) -> float:
        """Return the x coordinate of a number of seeds."""
        return LEFT + _share(seeds, *self.seeds) * (RIGHT - LEFT)

    def y(self, seconds: float) -> float:
        """Return the y coordinate of a time in seconds."""
        return BOTTOM - _share(seconds, *self.seconds) * (BOTTOM - TOP)


def _share(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low)


def series(rows: list[results.Row]) -> list[Series]:
    """Return the lines: builds from nothing that were completed."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["work"] == "from nothing" and not row["given_up"]:
            found.setdefault(row["tool"], []).append((row["seeds"], row["wall"]))
    return [Series(name, sorted(found[name])) for name in LINES if name in found]


def scales(lines: list[Series]) -> Scales:
    """Return scales that contain all points: whole powers of ten of seconds, with a margin for the seeds."""
    seeds = [one for line in lines for one, _ in line.points]
    seconds = [one for line in lines for _, one in line.points]
    low, high = 10 ** math.floor(math.log10(min(seconds))), 10 ** math.ceil(math.log10(max(seconds)))
    return Scales((min(seeds) / 1.15, max(*seeds, min(seeds) * 10) * 1.02), (low, high))


def powers(low: float, high: float) -> list[int]:
    """Return the powers of ten from `low` to `high`."""
    return list(range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1))


def grid(scale: Scales) -> Iterator[str]:
    """Draw the grid and its labels."""
    for power in powers(*scale.seconds):
        y = scale.y(10.0**power)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{LEFT - 10}" y="{y + 4.5:.1f}" text-anchor="end">{tick(power)} s</text>'
    for power in powers(*scale.seeds):
        x = scale.x(10.0**power)
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{BOTTOM + 22}" text-anchor="middle">{10**power:,}</text>'
    yield f'<text class="quiet" x="{(LEFT + RIGHT) / 2:.0f}" y="{BOTTOM + 43}" text-anchor="middle">seeds</text>'


def tick(power: int) -> str:
    """Return a power of ten as a number."""
    return f"{10.0**power:,.{max(0, -power)}f}"


def places(lines: list[Series], scale: Scales) -> dict[str, float]:
    """Return the y coordinate of each name: that of its line's end, moved so that names do not overlap."""
    found = {}
    for end in sorted({line.points[-1][0] for line in lines}):
        names = sorted((scale.y(line.points[-1][1]), line.name) for line in lines if line.points[-1][0] == end)
        heights = [height for height, _ in names]
        for _ in range(200):
            for upper in range(len(heights) - 1):
                missing = GAP - (heights[upper + 1] - heights[upper])
                if missing > 0:
                    heights[upper] -= missing / 2
                    heights[upper + 1] += missing / 2
        found.update({name: height for (_, name), height in zip(names, heights, strict=True)})
    return found


def drawn(line: Series, scale: Scales) -> str:
    """Draw a line and its points."""
    points = [f"{scale.x(seeds):.1f},{scale.y(seconds):.1f}" for seeds, seconds in line.points]
    dots = "".join('<circle class="dot" cx="{}" cy="{}" r="3.75"/>'.format(*point.split(",")) for point in points)
    return f'<g class="{LINES[line.name][0]}"><polyline class="line" points="{" ".join(points)}"/>{dots}</g>'


def named(line: Series, scale: Scales, height: float) -> str:
    """Write a line's name and last time at its end, above all lines."""
    kind, name = LINES[line.name]
    seeds, seconds = line.points[-1]
    x, y = scale.x(seeds), scale.y(seconds)
    lead = f'<path class="lead" d="M{x + 6:.1f} {y:.1f}L{x + 16:.1f} {height:.1f}"/>' if abs(height - y) > 2 else ""
    text = f'<text class="name" x="{x + 20:.1f}" y="{height + 4.5:.1f}">{name}, {in_seconds(seconds)}</text>'
    return f'<g class="{kind}">{lead}{text}</g>'


def in_seconds(seconds: float) -> str:
    """Return a time in seconds with its unit."""
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


def picture(found: dict[str, object]) -> str:
    """Return the picture of all results."""
    lines = series(found["builds"])
    scale = scales(lines)
    heights = places(lines, scale)
    machine = found["machine"]
    title = "Build from nothing: seconds against seeds"
    under = f"{machine['cores']} cores, {machine['processor']}; medians; lower is faster, both scales logarithmic"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
            f"<style>\n{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--paper)"/>',
            f'<text class="title" x="{LEFT - 44}" y="34">{title}</text>',
            f'<text class="quiet" x="{LEFT - 44}" y="56">{escape(under)}</text>',
            *grid(scale),
            *(drawn(line, scale) for line in reversed(lines)),
            *(named(line, scale, heights[line.name]) for line in lines),
            "</svg>\n",
        )
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(json.loads(Path(sys.argv[1]).read_text())), encoding="utf-8")
