"""Options for editors, scripts and CI: `check FILE`, `--format github`, `explain --json`, `new --edit`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import run


@pytest.fixture
def with_bad_seeds(folder: Path) -> Path:
    """Add two bad seeds to the site."""
    for name in ("bad.md", "worse, 100%.md"):
        (folder / "seeds" / name).write_text("---\ntitle: Foo: bar\n---\n")
    return folder


def test_check_takes_files(with_bad_seeds: Path) -> None:
    """Only their problems count; a file elsewhere is wrong usage."""
    folder = with_bad_seeds
    assert "1 seed: 0 errors" in run(folder, "check", "seeds/tram.md").stdout
    answer = run(folder, "check", "seeds/tram.md", "seeds/bad.md", expect=1).stdout
    assert "seeds/bad.md:2:" in answer
    assert "2 seeds: 1 error," in answer
    assert "worse" not in answer
    assert "lies outside the seeds folder" in run(folder, "check", "config/aggregator.yaml", expect=2).stderr
    assert "there is no such file" in run(folder, "check", "seeds/none.md", expect=2).stderr


def test_problems_can_be_annotations(with_bad_seeds: Path) -> None:
    """`--format github` prints workflow commands, escaped as the runner wants them."""
    lines = run(with_bad_seeds, "check", "--format", "github", expect=1).stdout.splitlines()
    assert lines[0].startswith("::error file=seeds/bad.md,line=2,col=")
    assert lines[1].startswith("::error file=seeds/worse%2C 100%25.md,line=2,col=")


def test_explain_answers_in_json(folder: Path) -> None:
    """A list with a headline and details."""
    (found,) = json.loads(run(folder, "explain", "--json", "seeds/tram.md").stdout)
    assert found["headline"] == "tram.md: in all, cities from the next build on"
    assert "link: https://news.example.org/tram" in found["details"]


def test_new_opens_the_editor(folder: Path) -> None:
    """`new --edit` runs $VISUAL, else $EDITOR, with the new seed's path."""
    editor = folder / "editor"
    editor.write_text('#!/bin/sh\necho edited >> "$1"\n')
    editor.chmod(0o755)
    path = run(folder, "new", "A tram", "--edit", VISUAL=str(editor)).stdout.strip()
    assert Path(path).read_text().endswith("edited\n")
