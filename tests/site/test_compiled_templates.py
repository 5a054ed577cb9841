"""Compiled templates are kept from one process to the next, and whatever is there instead of them does no harm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment
from support.site_folder import SiteFolder

from aggregator.site.compiled_templates import CompiledTemplates

ROOT = Path(__file__).parents[2]


class Counting(Environment):
    """Counts how many templates it compiles."""

    compiled = 0

    def compile(self, *args: Any, **options: Any) -> Any:
        self.compiled += 1
        return super().compile(*args, **options)


def shown(folder: Path, text: str = "<p>{{ word }}") -> tuple[str, int]:
    """Return what a template in a new process shows, and how many it had to compile."""
    made = Counting(loader=DictLoader({"a.html": text}), autoescape=True, bytecode_cache=CompiledTemplates(str(folder)))
    return made.get_template("a.html").render(word="a & b"), made.compiled


@pytest.fixture(autouse=True)
def _writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    assert shown(tmp_path / "cache") == ("<p>a &amp; b", 1)
    assert shown(tmp_path / "cache") == ("<p>a &amp; b", 0)


def test_a_template_that_changed_is_compiled_again(tmp_path: Path) -> None:
    shown(tmp_path)
    assert shown(tmp_path, "<b>{{ word }}") == ("<b>a &amp; b", 1)


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_one_is_compiled_again(tmp_path: Path, damage: bytes | None) -> None:
    """None stands for one that is cut off in the middle."""
    shown(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-20] if damage is None else damage)
    assert shown(tmp_path) == ("<p>a &amp; b", 1)
    assert shown(tmp_path) == ("<p>a &amp; b", 0)


def test_where_nothing_can_be_written_it_is_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        assert shown(tmp_path / "file/cache") == ("<p>a &amp; b", 1)


def test_where_python_writes_no_compiled_files_neither_do_we(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    shown(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "work",
    ["import aggregator; aggregator.build(aggregator.load_config(sys.argv[1]), now=1_780_000_000)",
     "from aggregator.site import render_jobs; render_jobs.load()"],
    ids=["a build", "a process that renders for it"],
)  # fmt: skip
def test_who_renders_keeps_what_is_compiled(site: SiteFolder, work: str) -> None:
    site.write("a.md")
    site.config()
    asked = "from aggregator.site.compiled_templates import keep_compiled_templates as keep; print(keep.cache_info().currsize)"
    words = [sys.executable, "-c", f"import sys\n{work}\n{asked}", str(site.root / "config/feeds.yaml")]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1] == "1"
