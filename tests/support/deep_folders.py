"""Trees of folders so deep that no path reaches their end."""

from __future__ import annotations

import os
from pathlib import Path


def make_deep_tree(root: Path, count: int, name: str = "d") -> None:
    """Make `count` folders within each other in `root`, which is made too."""
    root.mkdir(exist_ok=True)
    fd = os.open(root, os.O_RDONLY)
    for _ in range(count):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def remove_deep(root: Path) -> None:
    """Remove everything below `root`, as deep as it may be: what is too deep is moved up first."""
    fd = os.open(root, os.O_RDONLY)
    try:
        waiting = os.listdir(root)
        number = 0
        while waiting:
            name = waiting.pop()
            if os.path.islink(root / name) or not os.path.isdir(root / name):
                os.unlink(name, dir_fd=fd)
                continue
            for inner in os.listdir(root / name):
                os.rename(f"{name}/{inner}", f".up-{number}", src_dir_fd=fd, dst_dir_fd=fd)
                waiting.append(f".up-{number}")
                number += 1
            os.rmdir(name, dir_fd=fd)
    finally:
        os.close(fd)
