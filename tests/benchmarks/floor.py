"""Read the same files and do nothing: `python tests/benchmarks/floor.py SEEDS PROCESSES`.

No tool in the same language that reads every seed can be faster; the difference is the tool's own work.
"""

from __future__ import annotations

import os
import sys


def read(folder: str) -> None:
    """Read every byte below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                read(entry.path)
                continue
            file = os.open(entry.path, os.O_RDONLY)
            while os.read(file, 65536):
                pass
            os.close(file)


def main(seeds: str, processes: int) -> None:
    """Distribute the folders among processes and wait for them."""
    folders = sorted(entry.path for entry in os.scandir(seeds) if entry.is_dir())
    children = []
    for number in range(1, processes):
        child = os.fork()
        if not child:
            for folder in folders[number::processes]:
                read(folder)
            os._exit(0)
        children.append(child)
    for folder in folders[::processes]:
        read(folder)
    if any(os.waitpid(child, 0)[1] for child in children):
        raise SystemExit("a reader failed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
