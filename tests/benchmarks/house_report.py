"""Print the figures of the import graph and of the vocabulary of a package, to compare two versions of the house.

    uv run python tests/benchmarks/house_report.py [PACKAGE_DIR]

PACKAGE_DIR is the folder of the package, by default this checkout's `aggregator`. It is only read, not imported, so any
older version will do. A box is a module or a folder at the root of the package:

- boxes: how many there are, `__init__.py` and `__main__.py` included;
- floors: the longest chain of boxes of which each imports the next one, with a circle counted as one box;
- arrows: pairs of boxes of which one imports the other, at any time (also in functions and for type checking);
- imports: the same, counted as pairs of modules;
- upward: arrows to a box of the same or a higher rank (see `tests/test_house.py`), if every box has a rank;
- circles: boxes, and modules at load time, that import each other;
- docstrings that begin with "Give", "Say whether" or "Have", and functions, classes and attributes with a vague word in
  their name, both of which the vocabulary of the house excludes.

`journeys.py` beside it shows which files one piece of work passes.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from test_house import RANKS as ROOMS  # noqa: E402 - found by the line above

RANKS = {**ROOMS, "__init__": 5.5, "__main__": 7}
OPENINGS = ("Give", "Say whether", "Have")
VAGUE = ("place", "look", "shown", "stamp", "sealed", "shelf")

Graph = dict[str, set[str]]


def imported_names(tree: ast.Module, *, at_load_time: bool) -> Iterator[str]:
    """Yield the dotted names that a module imports: all of them, or only those at its top level."""
    for node in tree.body if at_load_time else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_graph(trees: dict[str, ast.Module], package: str, *, at_load_time: bool = False) -> Graph:
    """Return which modules each module imports; names are relative to the package, such as `index.intake`."""

    def module_of(name: str) -> str | None:
        parts = name.split(".")
        if parts[0] != package:
            return None
        candidates = (".".join(parts[1 : 1 + depth]) for depth in (len(parts) - 1, len(parts) - 2))
        return next((one for one in candidates if one in trees), None) or "__init__"

    return {
        name: {found for one in imported_names(tree, at_load_time=at_load_time) if (found := module_of(one))} - {name}
        for name, tree in trees.items()
    }


def box_of(module: str) -> str:
    """Return the box of a module: the first part of its name."""
    return module.partition(".")[0]


def box_graph(modules: Graph) -> Graph:
    """Return which boxes each box imports."""
    graph: Graph = defaultdict(set)
    for module, others in modules.items():
        graph[box_of(module)] |= {box_of(other) for other in others} - {box_of(module)}
    return dict(graph)


def reachable(graph: Graph, start: str) -> set[str]:
    """Return the nodes that can be reached from a node by at least one arrow."""
    found: set[str] = set()
    waiting = [*graph.get(start, ())]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph.get(node, ())
    return found


def circles(graph: Graph) -> list[set[str]]:
    """Return the strongly connected components of more than one node."""
    reach = {node: reachable(graph, node) for node in graph}
    found: list[set[str]] = []
    for node in graph:
        circle = {other for other in reach[node] if node in reach.get(other, ())}
        if circle and circle not in found:
            found.append(circle)
    return found


def floors(graph: Graph) -> int:
    """Return the length of the longest chain in the condensation of a graph."""
    whole = {node: "+".join(sorted(circle)) for circle in circles(graph) for node in circle}
    condensed: Graph = defaultdict(set)
    for node, others in graph.items():
        condensed[whole.get(node, node)] |= {whole.get(other, other) for other in others}
    height: dict[str, int] = {}
    for node in TopologicalSorter({node: others - {node} for node, others in condensed.items()}).static_order():
        height[node] = 1 + max((height[other] for other in condensed[node] - {node}), default=0)
    return max(height.values())


def upward(graph: Graph) -> str:
    """Return the arrows to a box of the same or a higher rank."""
    unranked = graph.keys() - RANKS.keys()
    if unranked:
        return f"unknown ({len(unranked)} boxes have no rank)"
    found = sorted(f"{one} -> {other}" for one in graph for other in graph[one] if RANKS[other] >= RANKS[one])
    return f"{len(found)} {' '.join(found)}".strip()


def defined_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the functions, classes and attributes that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        if isinstance(node, ast.ClassDef | ast.Module):
            for one in node.body:
                targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def has_word(name: str, word: str) -> bool:
    """Return whether a name contains a word or an inflected form of it: `looked_at` has "look", `replace` not "place"."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return any(part.lower() in {word, f"{word}s", f"{word}d", f"{word}ed", f"{word}ing"} for part in parts)


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of a module and of everything in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def main() -> None:
    """Print the figures, one a line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "aggregator").resolve()
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in sorted(folder.rglob("*.py"))}
    sources = {name.removesuffix(".__init__"): path.read_text() for path, name in names.items()}
    trees = {name: ast.parse(source) for name, source in sources.items()}
    modules = module_graph(trees, folder.name)
    boxes = box_graph(modules)
    between = sum(box_of(one) != box_of(other) for one, others in modules.items() for other in others)
    print(f"package          {folder}")
    print(f"modules          {len(trees)} ({sum(len(source.splitlines()) for source in sources.values()):,} lines)")
    print(f"boxes            {len(boxes)}")
    print(f"floors           {floors(boxes)}")
    print(f"arrows           {sum(map(len, boxes.values()))} (imports: {between})")
    print(f"upward arrows    {upward(boxes)}")
    print(
        f"circles of boxes {len(circles(boxes))} {' '.join('+'.join(sorted(one)) for one in circles(boxes))}".rstrip()
    )
    try:
        TopologicalSorter(module_graph(trees, folder.name, at_load_time=True)).prepare()
        print("load circles     0")
    except CycleError as error:
        print(f"load circles     {' -> '.join(error.args[1])}")
    texts = [text for tree in trees.values() for text in docstrings(tree)]
    counts = {opening: sum(bool(re.match(rf"{opening}\b", text)) for text in texts) for opening in OPENINGS}
    print(f"docstrings       {', '.join(f'{opening}: {count}' for opening, count in counts.items())}")
    defined = {name for tree in trees.values() for name in defined_names(tree)}
    for word in VAGUE:
        found = sorted(name for name in defined if has_word(name, word))
        print(f"names with {word:<6}{len(found):>3} {' '.join(found)}".rstrip())


if __name__ == "__main__":
    main()
