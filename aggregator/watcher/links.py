"""Symbolic links below a root: where they lead, and whether they are followed. Reads the file system.

A link is followed if its target lies in the root once all links are resolved, and is not read anyway: a file or folder
whose name begins with a dot, as in a Kubernetes ConfigMap (`a.md -> ..data/a.md`, `..data -> ..2026_05_01/`) and with
git-sync (`current -> .worktrees/1a2b/`), or one that is ignored. A link in a folder that was reached by a link may lead
only into that folder, so following ends.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from aggregator.watcher.selection import SUFFIXES, Selection

MOVE = "move the file or folder itself here"


class NotFollowedError(Exception):
    """A link is not followed; `hint` says what to do.

    `link` is the path of the link below the root.
    """

    def __init__(self, link: str, message: str, hint: str = MOVE, *, place: str = "") -> None:
        """Take a message that completes "it is a link that …"; `{}` in it stands for `place`, a path below the root."""
        super().__init__(message.format(place))
        self.link, self.hint = link, hint
        self._message, self._place = message, place

    def reason(self, path: str, prefix: str) -> str:
        """Return why the seed `path` is not read, as the rest of a sentence about it; `prefix` is that of the root."""
        words = f"a symbolic link that {self._message.format(prefix + self._place)}"
        return f"is {words}" if path == self.link else f"lies behind {prefix}{self.link}, {words}"

    def sentence(self, prefix: str) -> str:
        """Return why the link is not followed, as a sentence with the hint; `prefix` is that of the root."""
        return f"{prefix}{self.link} {self.reason(self.link, prefix)} ({self.hint})"


class ReadAnywayError(NotFollowedError):
    """The target of a link is read anyway, under its own path."""


class Target(NamedTuple):
    """Where a link leads: the path below the root, no part of which is a link."""

    real: str
    is_folder: bool


class Located(NamedTuple):
    """Where a path leads: the path below the root, no part of which is a link, and the links on the way.

    These are pairs of a link's path, with a `/` at the end, and where it leads.
    """

    real: str
    links: tuple[tuple[str, str], ...]


def locate(root: str, path: str, selection: Selection | None) -> Located:
    """Return where a path below `root` leads.

    Raises:
        NotFollowedError: if there is a link on the way that is not followed.
        OSError: if there is nothing, or it cannot be examined.
    """
    real, links, parts = "", [("", "")], path.split("/")
    for depth, part in enumerate(parts, 1):
        here = f"{real}/{part}" if real else part
        if stat.S_ISLNK(os.lstat(f"{root}/{here}").st_mode):
            base, context = links[-1]
            seen = "/".join(parts[:depth])
            here = follow(root, here, seen, base=base, context=context, selection=selection).real
            links.append((f"{seen}/", here))
        real = here
    return Located(real, tuple(links[1:]))


def follow(root: str, link: str, seen: str, *, base: str, context: str, selection: Selection | None) -> Target:
    """Return where a link below `root` leads.

    Args:
        root: the folder of the seeds.
        link: the path of the link below it, no other part of which is a link.
        seen: the path by which a walk reached it.
        base: that of the link by which its folder was reached, with a `/` at the end, "" without one.
        context: where that link leads, "" without one.
        selection: what is a seed below the root; None if our own suffixes decide that.

    Raises:
        NotFollowedError: if it is not followed.
    """
    top = os.path.realpath(root)
    try:
        resolved = os.path.realpath(f"{top}/{link}", strict=True)
        is_folder = stat.S_ISDIR(os.stat(resolved).st_mode)
    except OSError as error:
        where = "leads in a circle" if error.errno == errno.ELOOP else "leads nowhere"
        raise NotFollowedError(seen, where, "correct or remove it") from error
    inside = resolved.startswith(f"{top}/")
    real = resolved[len(top) + 1 :]
    if resolved == top or (inside and f"{link}/".startswith(f"{real}/")):
        raise NotFollowedError(seen, "leads in a circle", "remove it")
    if not inside:
        raise NotFollowedError(seen, "leads out of the seeds folder, and is not followed")
    if context and not real.startswith(f"{context}/"):
        raise NotFollowedError(seen, "leads out of {}, itself behind a link, and is not followed", place=base)
    target = base + (real[len(context) + 1 :] if context else real)
    if _is_walked(target, base, selection, is_folder=is_folder):
        raise ReadAnywayError(seen, "leads to {}, which is read itself", "nothing is missing", place=target)
    return Target(real, is_folder)


def route(root: str, link: str, target: str) -> tuple[str, ...]:
    """Return the paths below `root` that, if they change, may change where `link` leads.

    Of one with a hidden part, it is the path up to there. `target` is where it leads now, "" if nowhere.
    """
    found = {first_hidden(target)} if target else set()
    try:
        text = os.readlink(f"{root}/{link}")
    except OSError:
        return tuple(found)
    if not text.startswith("/"):
        step = os.path.normpath(os.path.join(os.path.dirname(link), text))
        if not step.startswith(".." + "/") and step != "..":
            found.add(first_hidden(step))
    return tuple(sorted(found))


def route_of(root: str, path: str, selection: Selection | None) -> tuple[str, ...] | None:
    """Return the route of `path`, if that is a link, else None."""
    if not os.path.islink(f"{root}/{path}"):
        return None
    try:
        target = locate(root, path, selection).real
    except (NotFollowedError, OSError):
        target = ""
    return route(root, path, target)


def first_hidden(path: str) -> str:
    """Return a path up to its first part that begins with a dot; the whole path if it has none."""
    parts = path.split("/")
    hidden = next((count for count, part in enumerate(parts, 1) if part.startswith(".")), len(parts))
    return "/".join(parts[:hidden])


def _is_walked(path: str, base: str, selection: Selection | None, *, is_folder: bool) -> bool:
    """Return whether a walk reaches `path` without a link below `base`."""
    if any(part.startswith(".") for part in path[len(base) :].split("/")):
        return False
    if selection is not None:
        return selection.selects(path, is_folder=is_folder)
    *folders, name = path.split("/")
    return not any(one.endswith(SUFFIXES) for one in folders) and (name.endswith(SUFFIXES) != is_folder)
