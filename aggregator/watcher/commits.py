"""When the files below a folder were first committed to git: the last resort for the date of a seed. Runs `git`.

One `git log` tells it for all files, and only if somebody asks. The repository may be anybody's, so nothing in it runs:
no hook, monitor, pager, filter, signature check or fetch. Without git, in a shallow clone for what lies beyond its
boundary, and for what was never committed, the answer is None.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from aggregator.model.seed_roots import SeedRoot
from aggregator.model.store import is_url
from aggregator.watcher.folder import printable

PATIENCE = 120.0
"""How long, in seconds, git may take."""

_SAFE = (
    "--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.allow=never", "-c", "log.showSignature=false",
)  # fmt: skip
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


class _Folder(NamedTuple):
    """What is known of a folder: asked in this turn, at this commit, and the first commit of each path below it."""

    turn: int
    head: str
    firsts: dict[str, int]


_known: dict[str, _Folder] = {}
"""By folder, in each process."""


def first_commits(roots: Sequence[SeedRoot], *, turn: int) -> Callable[[str], int | None] | None:
    """Return what tells when a seed was first committed, by its path: seconds since 1970, None if that is not known.

    It can be sent to another process. It is None if no root can lie in a work tree of git. `turn` names the turn in
    which the commits stay the same.
    """
    found = tuple((root.prefix, root.folder) for root in roots if _may_be_in_work_tree(root))
    return partial(first_commit, found, turn) if found else None


def heads(roots: Sequence[SeedRoot]) -> dict[str, str]:
    """Return what `first_commits` depends on for each root, by its name: other dates of commits come with another text.

    It holds only roots in a work tree of git that has a commit.
    """
    found = {root.name: _head(root.folder)[0] for root in roots if _may_be_in_work_tree(root)}
    return {name: head for name, head in found.items() if head}


def first_commit(folders: Sequence[tuple[str, str]], turn: int, path: str) -> int | None:
    """Return when the seed `path` was first committed, in seconds since 1970, None if that is not known.

    `folders` are the folders of roots by their prefixes.
    """
    for prefix, folder in folders:
        if path.startswith(prefix):
            return _first_commits(folder, turn).get(path[len(prefix) :])
    return None


def _may_be_in_work_tree(root: SeedRoot) -> bool:
    if root.is_plain_native or is_url(root.folder):
        return False
    folder = os.path.realpath(root.folder)
    while not os.path.lexists(os.path.join(folder, ".git")):
        if (above := os.path.dirname(folder)) == folder:
            return False
        folder = above
    return True


def _first_commits(folder: str, turn: int) -> dict[str, int]:
    known = _known.get(folder)
    if known is not None and known.turn == turn:
        return known.firsts
    head, boundary = _head(folder)
    if known is None or known.head != head:
        known = _Folder(turn, head, _log(folder, boundary) if head else {})
    _known[folder] = known._replace(turn=turn)
    return known.firsts


def _head(folder: str) -> tuple[str, frozenset[str]]:
    """Return the commit at the head ("" if there is none) and those at the boundary of a shallow clone."""
    said = _git(folder, "rev-parse", "--is-shallow-repository", "--git-path", "shallow", "--verify", "HEAD")
    lines = said.decode("utf-8", "surrogateescape").splitlines()
    if len(lines) != 3:
        return "", frozenset()
    shallow, path, head = lines
    boundary = ""
    if shallow != "false":
        with suppress(OSError), open(os.path.join(folder, path), encoding="ascii", errors="replace") as file:
            boundary = file.read()
    return f"{head} {boundary}", frozenset(boundary.split())


def _log(folder: str, boundary: frozenset[str]) -> dict[str, int]:
    """Return the time of the first commit of each path, by one `git log`, the newest commit first."""
    sign = f"\2{os.urandom(8).hex()} "  # no file has such a name
    said = _git(
        folder, "log", "-z", "--no-renames", "--diff-filter=A", "--name-only", "--relative", "--no-ext-diff",
        "--no-textconv", "--no-show-signature", f"--format={sign}%H %at", "--", ".",
    )  # fmt: skip
    firsts: dict[str, int] = {}
    when: int | None = None
    for part in said.decode("utf-8", "surrogateescape").split("\0"):
        text = part.removeprefix("\n")
        if text.startswith(sign):
            commit, _, time = text[len(sign) :].partition(" ")
            when = None if commit in boundary else _number(time)
        elif text and when is not None:
            firsts[printable(text)] = when
        elif text:
            firsts.pop(printable(text), None)  # it is at least as old as the boundary, and nobody knows how old
    return firsts


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() and len(text) < 13 else None


def _git(folder: str, *words: str) -> bytes:
    """Return what git prints, b"" if it fails or is not installed."""
    if (program := shutil.which("git")) is None:
        return b""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and nothing of what is given comes from the repository
            [program, *_SAFE, *words],
            cwd=folder, env=environment | _ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout if done.returncode == 0 else b""
