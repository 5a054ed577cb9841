"""Files in a folder of seeds, written and read one at a time."""

from __future__ import annotations

from pathlib import Path

from aggregator.model.seed_files import SeedFile
from aggregator.watcher import files


def put(root: Path, path: str, text: str = "x") -> Path:
    """Write a file and the folders that it needs."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def only(root: Path, path: str, limit: int = 100) -> SeedFile | None:
    """Read one file, of at most `limit` bytes."""
    return next(files.read(str(root), [path], limit))
