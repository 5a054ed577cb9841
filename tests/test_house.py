"""The house of the design, kept by a test: who may import whom, what stays pure, how long things get."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aggregator"
FILES = sorted(PACKAGE.rglob("*.py"))
STAGES = {"watcher", "normalizer", "renderer", "publisher"}
VOCABULARY = {
    "model", "errors", "config", "slugs", "version", "yaml_text", "yaml_faults", "scalars", "decode", "config_shape",
    "config_values", "config_file", "addresses", "documents", "cron_line", "topic_files", "archive_names",
}  # fmt: skip
ALLOWED = {
    "database": {"index_schema"},
    "index_schema": set(),
    "archive_index": {"database"},
    "index_overview": {"database"},
    "index": {"archive_index", "database", "index_overview"},
    "outcome": {"normalizer"},
    "preparing": {"normalizer", "outcome"},
    "page_batches": {"normalizer", "outcome", "preparing", "publisher", "renderer"},
    "feed_batches": {"normalizer", "page_batches", "preparing", "renderer"},
    "items": {"index", "intake", "outcome", "page_batches", "preparing"},
    "touched": set(),
    "intake": {"index", "normalizer", "outcome", "touched"},
    "upkeep": {"index", "intake"},
    "pipeline": {
        "archive_index", "database", "feed_batches", "index", "intake", "items", "normalizer", "outcome", "page_batches", "preparing",
        "renderer", "stopwatch", "upkeep", "workers",
    },
    "archives": {"archive_index", "database", "index", "page_batches", "pipeline", "workers"},
    "writing": {"publisher", "stopwatch"},
    "archiving": {"archives", "index", "publisher", "stopwatch", "writing"},
    "workers": {"memory"}, "memory": set(), "stopwatch": set(), "locking": set(), "cluster": set(),
    "stores": set(), "places": {"publisher", "stores", "watcher"},
    "publishing": {"archives", "archiving", "index", "pipeline", "publisher", "stopwatch", "workers", "writing"},
    "site": {
        "archiving", "database", "index", "intake", "locking", "logs", "outcome", "workers", "pipeline", "places",
        "publisher", "publishing", "stopwatch", "watcher",
    },
    "logs": set(), "control": set(), "supervisor": set(), "health": set(), "report": set(),
}  # fmt: skip
PURE = {"normalizer", "renderer"} | VOCABULARY
PURE_PARTS = {
    "publisher/pings.py",
    "publisher/encodings.py",
    "preparing.py",
    "page_batches.py",
    "feed_batches.py",
    "touched.py",
    "watcher/paths.py",
    "looks.py",
    "index_schema.py",
    "notices.py",
}
FORBIDDEN = {
    "os", "io", "socket", "random", "logging", "subprocess", "sqlite3", "threading", "time", "shutil", "tempfile", "pathlib",
}  # fmt: skip


def stage_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("aggregator.") and len(name.split(".")) > 1}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    """Stages know the vocabulary alone, never each other; the pipeline and the shell sit on top."""
    stage = stage_of(path)
    known = own_imports(path)
    if stage in STAGES:
        assert known <= VOCABULARY | {stage}
    elif stage in VOCABULARY:
        assert known <= VOCABULARY
    elif stage in ALLOWED:
        assert known <= VOCABULARY | ALLOWED[stage]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if stage_of(path) in PURE or str(path.relative_to(PACKAGE)) in PURE_PARTS],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_middle_never_touches_the_world(path: Path) -> None:
    """No files, network, threads, randomness or logging in the pure parts; and no clock."""
    assert not {name.split(".")[0] for name in imports(path)} & FORBIDDEN
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"open", "datetime.now", "datetime.utcnow", "date.today", "input", "print"}, called


def test_the_clock_is_read_in_one_place() -> None:
    """`now` is a parameter everywhere; `clock()` reads it, and the daemon is handed the function."""
    readers = [
        path.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"time.time", "datetime.now", "datetime.utcnow", "date.today"}
    ]
    assert sorted(readers) == ["__init__.py", "cli.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_fit_on_a_screen_and_say_what_they_do(path: Path) -> None:
    """No function over 60 lines, no module over 500; every module and public name has a docstring."""
    source = path.read_text()
    tree = ast.parse(source)
    assert source.count("\n") <= 500
    assert not source.strip() or ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or body[-1].end_lineno - body[0].lineno < 60, node.name
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_a_build_with_nothing_to_do_loads_nothing_heavy(site) -> None:
    """Start-up stays light: no writer of feeds, no templates, no scheduler, no tables."""
    site.write("a.md")
    site.build()
    script = (
        "import sys, aggregator; aggregator.build(aggregator.load_config(sys.argv[1]), now=1_780_000_000)\n"
        "heavy = {'feedgen', 'lxml', 'jinja2', 'nh3', 'markdown_it', 'rich', 'apscheduler', 'watchdog', 'regex', 'idna', 'anyascii', 'httpx', 'asyncio', 'concurrent.futures', 'logging'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    words = [sys.executable, "-c", script, str(site.root / "config/feeds.yaml")]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_library_offers_what_it_says() -> None:
    """`__all__` is sorted, and every name in it is there."""
    import aggregator

    assert list(aggregator.__all__) == sorted(aggregator.__all__, key=lambda name: (not name[0].isupper(), name))
    assert all(hasattr(aggregator, name) for name in aggregator.__all__)


def test_the_package_that_is_built_holds_only_the_program(tmp_path: Path) -> None:
    """Seeds, feeds, config and tests stay outside; templates and the typing mark go along."""
    pytest.importorskip("setuptools")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "aggregator").symlink_to(PACKAGE)
    for name in ("seeds", "feeds", "config", "tests"):
        (tmp_path / name).mkdir()
    script = "import setuptools.build_meta as build; print(build.build_wheel('dist'))"
    (tmp_path / "dist").mkdir()
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    names = zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"aggregator"}
    assert {"aggregator/py.typed", "aggregator/renderer/templates/layout.html"} <= set(names)
