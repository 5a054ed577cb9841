"""Files below the seeds folder that no build reads, and why: their name, or a link on the way. Reads the disk.

People put files there and wait for an item: `explain` and `check` name them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from aggregator.model.errors import reason_of
from aggregator.watcher.folder import DEEPEST, bundle_of, printable
from aggregator.watcher.links import NotFollowedError, ReadAnywayError, locate
from aggregator.watcher.selection import SUFFIXES, Selection

MOST_BEHIND_A_LINK = 1_000
"""How many entries behind a link are examined; it may lead to a whole disk."""

NO_TEXTS = frozenset({
    ".astro", ".vue", ".svelte", ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".css", ".scss", ".sass", ".less",
    ".xml", ".rss", ".atom", ".xsl", ".json", ".webmanifest", ".yml", ".yaml", ".toml", ".csv", ".svg", ".py", ".rb",
})  # fmt: skip
"""The endings of programs, styles and data, which may begin like a seed and are none."""

_START = 65_536
_FRONT_MATTER = re.compile(rb"(?:\xef\xbb\xbf)?(---|\+\+\+)[ \t]*\r?\n(?:.*\n)*?\1[ \t]*(?:\r?\n|$)")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def why_not_read(root: str, path: str, selection: Selection | None = None, prefix: str = "") -> str:
    """Return why no build reads the file `path` (relative to the seeds folder `root`), or "" if builds read it.

    `selection` says what is a seed there; None if our own suffixes decide that. Other paths are named with `prefix`,
    that of the root.
    """
    for part in path.split("/"):
        if part.startswith("."):
            return f"names that begin with a dot are skipped (rename {printable(part)})"
    try:
        locate(root, path, selection)
    except NotFollowedError as error:
        return printable(error.sentence(prefix))
    except OSError:
        return ""  # reading it says why
    return _not_selected(root, path, selection, prefix)


def _not_selected(root: str, path: str, selection: Selection | None, prefix: str) -> str:
    if selection is None:
        *folders, name = path.split("/")
        if like_seeds := [count for count, one in enumerate(folders, 1) if one.endswith(SUFFIXES)]:
            folder = prefix + printable("/".join(folders[: like_seeds[0]]))
            return f"the folder {folder} has the name of a seed (rename it)"
        return "" if path.endswith(SUFFIXES) else _wrong_suffix(name)
    if language := selection.language_of(path):
        return f"is in {language}, which is not read here (write it as Markdown, or name it in `ignore`)"
    if why := selection.why_not(printable(path), prefix):
        return why
    if bundle := bundle_of(root, path, selection):
        return f"it lies in a bundle, of which {prefix}{printable(bundle)} is the seed (move it elsewhere)"
    return ""


def unread_seeds(root: str, selection: Selection | None = None, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the files that no build reads though they look like seeds: path, what is wrong, and what to do instead.

    They have front matter, or are in a language that their program reads. What the config or the dialect ignores is
    meant so, and nobody expects a page of Jekyll or a program to be a seed. Links that are not followed are named if
    they lead to seeds. All paths begin with `prefix`.
    """
    failed: list[OSError] = []
    for path, folders, files in _walk(root, failed.append, selection):
        below = os.path.relpath(path, root)
        start = "" if below == "." else f"{below}/"
        for seed in (start + name for name in sorted(folders)):
            if reason := _link_problem(root, seed, selection, prefix):
                yield _split(prefix + printable(seed), reason)
        for seed, reason in _unread_files(root, start, files, selection, prefix=prefix):
            yield _split(prefix + printable(seed), reason)
    for error in failed:
        yield f"{prefix}{printable(os.path.relpath(error.filename, root))}/", reason_of(error, reading=True), ""


def _unread_files(
    root: str, start: str, names: Iterable[str], selection: Selection | None, *, prefix: str
) -> Iterator[tuple[str, str]]:
    """Yield path and reason of the files with front matter in a folder that are not read; reading reports on links."""
    for name in sorted(names):
        path = start + name
        file = os.path.join(root, path)
        if name.startswith(".") or os.path.islink(file) or os.path.splitext(name)[1].lower() in NO_TEXTS:
            continue
        if selection is not None and (
            selection.ignores(path) or (not selection.takes(path) and selection.is_page(path))
        ):
            continue
        is_post = selection is not None and selection.language_of(path) != ""
        if (reason := _not_selected(root, path, selection, prefix)) and (is_post or has_front_matter(file)):
            yield path, reason


def _link_problem(root: str, path: str, selection: Selection | None, prefix: str) -> str:
    """Return why a link to a folder is not followed, if there are seeds behind it, else ""."""
    if not os.path.islink(os.path.join(root, path)):
        return ""
    try:
        locate(root, path, selection)
    except ReadAnywayError:
        return ""
    except NotFollowedError as error:
        if _leads_to_seeds(os.path.join(root, path)):
            return printable(error.sentence(prefix))
    except OSError:
        return ""
    return ""


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


def _walk(
    root: str, on_error: Callable[[OSError], object], selection: Selection | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does, at most `DEEPEST` folders deep: that calls itself for each level before Python 3.12.

    Hidden and ignored folders are not entered, and links are not followed.
    """
    waiting = [(root, 0)]
    while waiting:
        path, depth = waiting.pop()
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            on_error(OSError(error.errno, error.strerror, path))
            continue
        folders = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        if selection is not None:
            start = len(root.rstrip("/")) + 1
            folders = [name for name in folders if selection.enters(os.path.join(path, name)[start:])]
        yield path, folders, [entry.name for entry in entries if not entry.is_dir()]
        if depth < DEEPEST:
            below = [os.path.join(path, name) for name in reversed(folders)]
            waiting += [(one, depth + 1) for one in below if not os.path.islink(one)]


def _wrong_suffix(name: str) -> str:
    return f"seeds end in .md or .markdown (rename it to {printable(os.path.splitext(name)[0] or name)}.md)"


def _split(path: str, reason: str) -> tuple[str, str, str]:
    message, _, hint = reason.partition(" (")
    return path, message, hint.removesuffix(")")
