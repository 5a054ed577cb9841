"""The rules of the house: which room may import which, purity, the size of functions and classes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aggregator"
FILES = sorted(PACKAGE.rglob("*.py"))
RANKS = {
    "model": 0, "config": 1, "renderer": 1, "object_store": 1, "normalizer": 2, "watcher": 2, "collector": 2, "publisher": 2,
    "index": 3, "site": 4, "service": 5, "cli": 6,
}  # fmt: skip
"""The rooms. Each may import itself and rooms of a lower rank."""

AT_THE_ROOT = {"__init__.py", "__main__.py", "object_store.py"}
PURE_ROOMS = {"model", "config", "renderer", "normalizer"}
SHELL = {"config/loading.py", "config/token.py"}
"""Modules with side effects in rooms that are otherwise pure."""

PURE_PARTS = {
    "collector/addresses.py",
    "collector/answers.py",
    "collector/dates.py",
    "collector/decoding.py",
    "collector/documents.py",
    "collector/domains.py",
    "collector/drafts.py",
    "collector/entries.py",
    "collector/guards.py",
    "collector/html.py",
    "collector/json_feeds.py",
    "collector/lists.py",
    "collector/mending.py",
    "collector/outline.py",
    "collector/page.py",
    "collector/robots.py",
    "collector/seeds.py",
    "collector/state.py",
    "collector/subscriptions.py",
    "collector/timing.py",
    "collector/xml_feeds.py",
    "index/schema.py",
    "publisher/encodings.py",
    "publisher/hub/policy.py",
    "publisher/pagefind_order.py",
    "service/scan_timing.py",
    "site/display_settings.py",
    "site/render_jobs.py",
    "watcher/notifications.py",
    "watcher/path_list.py",
}
FORBIDDEN = {
    "os", "io", "socket", "random", "logging", "subprocess", "sqlite3", "threading", "time", "shutil", "tempfile", "pathlib",
}  # fmt: skip
WIDEST_CLASS = 25


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file, which many tests look at."""
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_modules(path: Path) -> Iterator[Path]:
    """Yield the files of this package that a file imports at any time."""
    for name in imports(path):
        parts = name.split(".")
        for depth in (len(parts), len(parts) - 1):
            module = ROOT.joinpath(*parts[:depth]).with_suffix(".py")
            if parts[0] == "aggregator" and module in FILES:
                yield module
                break


def is_pure(path: Path) -> bool:
    name = name_of(path)
    return name in PURE_PARTS or (room_of(path) in PURE_ROOMS and name not in SHELL)


def loaded_at_once(path: Path) -> Iterator[Path]:
    """Yield the modules that a file imports while it is loaded."""
    tree = parsed(path)
    names = {
        f"{node.module}.{alias.name}" for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for name in names:
        parts = name.split(".")
        for depth in (len(parts), len(parts) - 1):
            module = ROOT.joinpath(*parts[:depth]).with_suffix(".py")
            if parts[0] == "aggregator" and module in FILES:
                yield module
                break


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    """A room imports itself and rooms of a lower rank, never another room of the same rank."""
    room = room_of(path)
    if name_of(path) in AT_THE_ROOT - {"object_store.py"}:
        return
    known = {room_of(module) for module in own_modules(path)} - {room}
    assert {other for other in known if RANKS.get(other, 99) >= RANKS[room]} == set()


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path) not in AT_THE_ROOT], ids=name_of)
def test_no_room_imports_the_package_root(path: Path) -> None:
    """The public names of `aggregator` are for other programs; a room imports from rooms."""
    assert {name.split(".")[1] for name in imports(path) if name.startswith("aggregator.")} <= RANKS.keys()


def test_no_module_lies_loose() -> None:
    """Every module is in a room, except for a few at the root."""
    assert {path.name for path in PACKAGE.glob("*.py")} == AT_THE_ROOT
    assert {room_of(path) for path in FILES} <= RANKS.keys() | {name.removesuffix(".py") for name in AT_THE_ROOT}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Modules that are imported at load time form no circle; `graphlib` names it otherwise."""
    TopologicalSorter({path: set(loaded_at_once(path)) for path in FILES}).prepare()


@pytest.mark.parametrize("path", [path for path in FILES if is_pure(path)], ids=name_of)
def test_pure_modules_have_no_side_effects(path: Path) -> None:
    """Pure modules use no files, network, threads, randomness, logging or clock."""
    assert not {name.split(".")[0] for name in imports(path)} & FORBIDDEN
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"open", "datetime.now", "datetime.utcnow", "date.today", "input", "print"}, called


def test_the_clock_is_read_in_one_place() -> None:
    """`now` is a parameter everywhere; `clock()` reads the clock, and the daemon gets the function."""
    readers = [
        name_of(path)
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"time.time", "datetime.now", "datetime.utcnow", "date.today"}
    ]
    assert sorted(readers) == ["cli/commands.py", "site/clock.py"]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_are_short_and_documented(path: Path) -> None:
    """No function has over 60 lines; every module, public function and class has a docstring."""
    tree = parsed(path)
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or body[-1].end_lineno - body[0].lineno < 60, node.name
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_class_does_everything(path: Path) -> None:
    """A class has at most 25 public methods."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            public = [
                one.name
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("_")
            ]
            assert len(public) <= WIDEST_CLASS, node.name


def test_a_build_with_nothing_to_do_loads_nothing_heavy(site) -> None:
    """Start-up is fast: libraries for feeds, templates, schedules and tables are not loaded."""
    site.write("a.md")
    site.build()
    script = (
        "import sys, aggregator; aggregator.build(aggregator.load_config(sys.argv[1]), now=1_780_000_000)\n"
        "heavy = {'feedgen', 'lxml', 'jinja2', 'nh3', 'markdown_it', 'apscheduler', 'watchdog', 'regex', 'idna', 'anyascii', 'httpx2', 'httpcore2', 'feedparser', 'publicsuffixlist', 'asyncio', 'concurrent.futures', 'logging'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    words = [sys.executable, "-c", script, str(site.root / "config/feeds.yaml")]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_public_names_exist() -> None:
    """`__all__` is sorted, and every name in it exists."""
    import aggregator

    assert list(aggregator.__all__) == sorted(aggregator.__all__, key=lambda name: (not name[0].isupper(), name))
    assert all(hasattr(aggregator, name) for name in aggregator.__all__)


@pytest.mark.slow
def test_a_misspelt_public_name_is_an_error_to_a_type_checker(tmp_path: Path) -> None:
    """Though they are loaded when they are asked for."""
    (tmp_path / "script.py").write_text("import aggregator\n\nprint(aggregator.build)\nprint(aggregator.biuld)\n")
    words = [sys.executable, "-m", "mypy", str(tmp_path / "script.py")]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert [line.partition("script.py:")[2] for line in result.stdout.splitlines()[:-1]] == [
        '4: error: Module has no attribute "biuld"; maybe "build"?  [attr-defined]'
    ], result.stderr
