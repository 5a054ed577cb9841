"""The results in one JSON file: the machine, and rows that a later run of the same measurement replaces."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measuring import ALL_MEMORY

Row = dict[str, Any]
KEYS = {"builds": ("seeds", "work", "tool"), "daemon": ("seeds", "work", "tool"), "serving": ("answer",)}


def load(path: Path) -> dict[str, Any]:
    """Return the results so far."""
    return json.loads(path.read_text()) if path.exists() else {kind: [] for kind in KEYS}


def keep(path: Path, kind: str, rows: Iterable[Row], versions: dict[str, str]) -> list[Row]:
    """Add rows to the file, replacing those of the same measurement; return all rows of the kind in order."""
    found = load(path)
    known = {tuple(row[key] for key in KEYS[kind]): row for row in found[kind]}
    for row in rows:
        known[tuple(row[key] for key in KEYS[kind])] = row
    found[kind] = sorted(known.values(), key=lambda row: row.get("seeds", 0))
    found["machine"] = machine()
    found["versions"] = {**found.get("versions", {}), **versions}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found, indent=1) + "\n")
    new.replace(path)
    return found[kind]


def machine() -> dict[str, str | int]:
    """Describe this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.machine(), "cores": os.cpu_count() or 1, "memory_gb": round(ALL_MEMORY / 1e9),
        "kernel": platform.release(), "python": platform.python_version(),
    }  # fmt: skip


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))
