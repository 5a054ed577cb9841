"""Files below the seeds folder that no build reads, and why: their name, or a link on the way. Reads the disk.

People put files there and wait for an item: `explain` and `check` name them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress

from aggregator.model.errors import reason_of
from aggregator.watcher.folder import DEEPEST, SUFFIXES, printable

MOST_BEHIND_A_LINK = 1_000
"""How many entries behind a link are examined; it may lead to a whole disk."""

_START = 65_536
_FRONT_MATTER = re.compile(rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:.*\n)*?---[ \t]*(?:\r?\n|$)")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def why_not_read(root: str, path: str) -> str:
    """Return why no build reads the file `path` (relative to the seeds folder `root`), or "" if builds read it."""
    parts = path.split("/")
    for depth, part in enumerate(parts, 1):
        if part.startswith("."):
            return f"names that begin with a dot are skipped (rename {printable(part)})"
        if depth < len(parts) and os.path.islink(os.path.join(root, *parts[:depth])):
            return _linked(printable("/".join(parts[:depth])))
    return "" if path.endswith(SUFFIXES) else _wrong_suffix(parts[-1])


def unread_seeds(root: str) -> Iterator[tuple[str, str, str]]:
    """Yield the files with front matter that no build reads: path, what is wrong, and what to do instead."""
    failed: list[OSError] = []
    for path, folders, files in _walk(root, failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(path, root)
        start = "" if below == "." else f"{below}/"
        for name in folders:
            if os.path.islink(os.path.join(path, name)) and _leads_to_seeds(os.path.join(path, name)):
                yield _split(printable(start + name), _linked(printable(start + name)))
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith(SUFFIXES) and has_front_matter(os.path.join(path, name)):
                yield _split(printable(start + name), _wrong_suffix(name))
    for error in failed:
        yield f"{printable(os.path.relpath(error.filename, root))}/", reason_of(error, reading=True), ""


def has_front_matter(path: str) -> bool:
    """Return whether a file begins with front matter, as a seed does; what cannot be read has none."""
    with suppress(OSError):
        fd = os.open(path, _READ)
        try:
            return stat.S_ISREG(os.fstat(fd).st_mode) and _FRONT_MATTER.match(os.read(fd, _START)) is not None
        finally:
            os.close(fd)
    return False


def _leads_to_seeds(link: str) -> bool:
    count = 0
    for path, folders, files in _walk(link, lambda _: None):
        folders.sort()
        for name in files:
            count += 1
            if name.endswith(SUFFIXES) and has_front_matter(os.path.join(path, name)):
                return True
        if count > MOST_BEHIND_A_LINK:
            return False
    return False


def _walk(root: str, on_error: Callable[[OSError], object]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does, at most `DEEPEST` folders deep: that calls itself for each level before Python 3.12."""
    waiting = [(root, 0)]
    while waiting:
        path, depth = waiting.pop()
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            on_error(OSError(error.errno, error.strerror, path))
            continue
        folders = [entry.name for entry in entries if entry.is_dir()]
        yield path, folders, [entry.name for entry in entries if not entry.is_dir()]
        if depth < DEEPEST:
            below = [os.path.join(path, name) for name in reversed(folders)]
            waiting += [(one, depth + 1) for one in below if not os.path.islink(one)]


def _wrong_suffix(name: str) -> str:
    return f"seeds end in .md or .markdown (rename it to {printable(os.path.splitext(name)[0] or name)}.md)"


def _linked(folder: str) -> str:
    return f"{folder} is a link, and links are not followed (move the folder itself here)"


def _split(path: str, reason: str) -> tuple[str, str, str]:
    message, _, hint = reason.partition(" (")
    return path, message, hint.removesuffix(")")
