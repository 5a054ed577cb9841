"""Files beside a seed, such as the sound of an episode: their length, and their duration if `tinytag` is installed.

Looks at the file system. A file counts if it lies in the folder of the seed or below it, and is no symbolic link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import unquote

from aggregator.model.seed_roots import SeedRoot
from aggregator.model.store import is_url

Measured = tuple[int, int]
"""The length of a file in bytes, and its duration in seconds (0 if unknown)."""

Measure = Callable[[str, str], Measured | None]
"""Returns what is known of the file with an address, relative to that of its seed's folder, beside the seed `path`."""


def measure_in(roots: Sequence[SeedRoot]) -> Measure | None:
    """Return what measures the files beside the seeds of these roots, None if all are in stores.

    It can be sent to another process.
    """
    folders = tuple((root.prefix, root.folder) for root in roots if not is_url(root.folder))
    return partial(measured, folders) if folders else None


def measured(folders: Sequence[tuple[str, str]], path: str, address: str) -> Measured | None:
    """Return what is known of a file beside the seed `path`, None if there is none; see `Measure`.

    `folders` are the folders of roots by their prefixes.
    """
    parts = unquote(address).split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        return None
    for prefix, folder in folders:
        if path.startswith(prefix):
            return _measured(os.path.join(folder, os.path.dirname(path[len(prefix) :])), parts)
    return None


def _measured(folder: str, parts: Sequence[str]) -> Measured | None:
    here = folder
    with suppress(OSError, ValueError):
        for part in parts:
            here = os.path.join(here, part)
            found = os.lstat(here)
            if stat.S_ISLNK(found.st_mode):
                return None
        if stat.S_ISREG(found.st_mode):
            return found.st_size, _duration(here)
    return None


def _duration(file: str) -> int:
    """Return how many seconds a sound or film plays, 0 if that cannot be told."""
    try:
        from tinytag import TinyTag  # noqa: PLC0415 - an extra, and few have such files
    except ImportError:
        return 0
    with suppress(Exception):  # whatever the file holds: its duration is optional
        return round(TinyTag.get(file, tags=False).duration or 0)
    return 0
