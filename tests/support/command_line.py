"""The command line as people and scripts start it: real processes, in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.forked_command import run_forked

ROOT = Path(__file__).parents[2]
CONFIG = 'site: {title: Test, url: "https://feeds.tram.test/"}\nrules: {min_quality: 70}\n'
GOOD = """---
title: A tram to the harbour
publishedDateTime: 2026-05-01T08:00:00Z
webUrl: https://news.example.org/tram
quality: 80
topics: [Cities]
---
"""


def run(folder: Path, *words: str, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder` and assert its exit code; with an environment of its own it is started anew."""
    result = run_forked(folder, words) if not environment else subprocess.run(
        [sys.executable, "-m", "aggregator", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert result.returncode == expect, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def write_site(folder: Path) -> None:
    """Make a site with one valid seed."""
    (folder / "config").mkdir()
    (folder / "config/aggregator.yaml").write_text(CONFIG)
    (folder / "seeds").mkdir()
    (folder / "seeds/tram.md").write_text(GOOD)
