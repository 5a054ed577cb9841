"""File systems that a test mounts; it is skipped where that is not allowed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


class mounted:  # noqa: N801 - reads as a word in `with`
    """A small file system in memory, mounted for a while."""

    def __init__(self, folder: Path, size: str = "1m") -> None:
        self._folder, self._size = folder, size

    def __enter__(self) -> None:
        words = ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self._folder)]
        if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
            pytest.skip("file systems cannot be mounted here")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=False)
