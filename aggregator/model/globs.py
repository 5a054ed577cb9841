"""Globs of paths, as `.gitignore` files have them, and what they match. Pure.

A glob without a `/` (one at its end does not count) matches a name in any folder, any other a path from the root on;
`*`, `?` and `[…]` match within a name, `**` any number of folders, `{a,b}` one or the other. A glob that ends with `/`
or `/**` matches folders only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST_GLOB = 200
MOST_DOUBLE_STARS = 3
"""More `**` in one glob may take long to match."""

_TOKEN = re.compile(
    r"\*\*/|\*+|\?|\[(?P<not>[!^]?)(?P<set>[^\]/]+)\]|\{(?P<choices>[^{}/*?[\]]*,[^{}/*?[\]]*)\}|(?P<text>.)", re.DOTALL
)
_SPECIAL = re.compile(r"[*?\[\]{}]")
_STAR = "[^/]*"
_STARS = (_STAR, "(?>[^/]*")


def glob_problem(glob: str) -> tuple[str, str] | None:
    """Return what is wrong with a glob and what to write instead, None if it is valid."""
    if not glob.strip().strip("/*"):
        return "matches everything", "write what is meant, such as `drafts/**` or `*.md`"
    if len(glob) > LONGEST_GLOB or glob.count("**") > MOST_DOUBLE_STARS:
        return f"has more than {LONGEST_GLOB} characters or {MOST_DOUBLE_STARS} `**`", "write several shorter ones"
    if glob.startswith("!"):
        return "`!` has no effect", "write what is to be read in `include`, and the rest in `ignore`"
    if "\\" in glob:
        return "a `\\` has no effect", "folders are separated by `/`, and a sign is meant literally in `[ ]`"
    if any(part in {".", ".."} for part in glob.split("/")):
        return "paths are relative to the folder, without `.` and `..`", "such as `drafts/**`"
    try:
        re.compile(_regex(glob))
    except (re.error, ValueError):
        return "a `[ ]` or `{ }` in it is not right", "such as `[0-9]*.md` or `*.{md,mdx}`"
    return None


class Globs:
    """Some globs, each valid (`glob_problem`)."""

    def __init__(self, globs: Iterable[str]) -> None:
        self.globs = tuple(globs)
        self._of_files, self._of_folders = _Some(_of_files(self.globs)), _Some(self.globs)

    def __bool__(self) -> bool:
        return bool(self.globs)

    def match_file(self, path: str) -> bool:
        """Return whether one of them matches the path of a file."""
        return self._of_files.match(path)

    def match_folder(self, path: str) -> bool:
        """Return whether one of them matches the path of a folder."""
        return self._of_folders.match(path)

    def first(self, path: str, *, is_folder: bool) -> str:
        """Return the first of them that matches a path, "" if none does."""
        found = (
            one for one in self.globs if (is_folder or not _is_of_folders(one)) and Globs((one,)).match_folder(path)
        )
        return next(found, "")


class _Some:
    """Globs that are matched together: those of whole names and of suffixes without a regular expression."""

    def __init__(self, globs: Iterable[str]) -> None:
        names = [one.removesuffix("/") for one in globs if not _is_anchored(one)]
        self._exact = frozenset(one for one in names if not _SPECIAL.search(one))
        self._suffixes = tuple(one[1:] for one in names if one.startswith("*") and not _SPECIAL.search(one[1:]))
        others = [one for one in names if one not in self._exact and one[1:] not in self._suffixes]
        self._names, self._paths = _together(others), _together(one for one in globs if _is_anchored(one))

    def match(self, path: str) -> bool:
        name = path[path.rfind("/") + 1 :]
        if name in self._exact or name.endswith(self._suffixes):
            return True
        if self._names is not None and self._names.fullmatch(name):
            return True
        return self._paths is not None and self._paths.fullmatch(path) is not None


def _together(globs: Iterable[str]) -> re.Pattern[str] | None:
    parts = [_regex(glob) for glob in globs]
    return re.compile("|".join(parts), re.DOTALL) if parts else None


def _of_files(globs: Iterable[str]) -> list[str]:
    return [glob for glob in globs if not _is_of_folders(glob)]


def _is_of_folders(glob: str) -> bool:
    return glob.endswith(("/", "/**"))


def _is_anchored(glob: str) -> bool:
    if glob.endswith("/**"):
        return True
    return "/" in glob.removesuffix("/")


def _regex(glob: str) -> str:
    text = glob.removesuffix("/**").removesuffix("/").removeprefix("/")
    tokens = list(_TOKEN.finditer(text))
    if sum(len(token[0]) for token in tokens) != len(text):
        raise ValueError(glob)
    regex = ""
    waiting = ""  # what follows a `*`, as long as it is the same in every match
    for token in reversed(tokens):
        part = _part(token)
        if part == _STAR:
            # Before another `*` the first match is as good as any: without a way back, no name takes long.
            regex, waiting = (f"(?>[^/]*?{waiting})" if regex.startswith(_STARS) else _STAR + waiting) + regex, ""
        elif token["choices"] or token[0] in {"/", "**/"}:
            regex, waiting = part + waiting + regex, ""
        else:
            waiting = part + waiting
    return waiting + regex


def _part(token: re.Match[str]) -> str:
    if token["set"]:
        inner = re.sub(r"[&~|[]", lambda sign: f"\\{sign[0]}", token["set"])
        return f"(?!/)[{'^' if token['not'] else ''}{inner}]"
    if token["choices"]:
        return f"(?:{'|'.join(map(re.escape, token['choices'].split(',')))})"
    if (text := token["text"]) is not None:
        if text in "[]{}":
            raise ValueError(text)
        return re.escape(text)
    return {"**/": "(?:[^/]+/)*", "?": "[^/]"}.get(token[0], _STAR)
