"""What changed in the seeds, and whether that can be believed (guarantee G5). Reads the seeds and the index."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from aggregator.config.loading import written_root
from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.dialect_files import SECTION_FILES
from aggregator.model.errors import AggregatorError, ConfigError, FolderError
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import SeedRoot
from aggregator.model.store import is_url
from aggregator.model.words import LISTED_PROBLEMS
from aggregator.site.progress import Progress
from aggregator.watcher.folder import Difference, FolderProblem, problems_of
from aggregator.watcher.path_list import PathList
from aggregator.watcher.seeds import seeds_in

MASS_DELETION = 20
"""If this many files (and a twentieth of all) disappear at once, only a scan of the whole folder confirms it."""

AT_ONCE = 2
"""Files that disappear within this many seconds disappear at once, in however many scans it is noticed."""

_GUARDED = 20
"""A folder with fewer seeds may lose them all."""


_FOLDERS = "unread folders"
"""The key under which the index stores the problems of folders that were not read."""


_HEADS = "heads"
"""The key under which the index stores the commit at the head of each root in a work tree of git."""


class Changes(NamedTuple):
    """What a scan found: paths to read (new or changed), and paths that are gone, both sorted.

    `is_full_scan` is false if only some places were scanned.
    """

    read: Collection[str]
    gone: Collection[str]
    is_full_scan: bool = True


def vanished(known: int, seen: int) -> bool:
    """Return whether a folder lost so many seeds at once that this is doubted, not believed (guarantee G5).

    `seen` counts new seeds too, so seeds that were moved or replaced count as still there.
    """
    return known >= _GUARDED and seen * 2 < known


def merged(differences: Sequence[Difference]) -> Difference:
    """Return the differences of several roots as one."""
    return Difference(
        PathList(chain.from_iterable(one.read for one in differences)),
        PathList(chain.from_iterable(one.gone for one in differences)),
        sum(one.seen for one in differences),
        sum(one.known for one in differences),
        sum(one.added for one in differences),
        {path: key for one in differences for path, key in one.folders.items()},
        {path: problem for one in differences for path, problem in one.unreadable.items()},
        PathList(chain.from_iterable(one.kept for one in differences)),
        {path: places for one in differences for path, places in one.links.items()},
    )


class Scanner:
    """Compares the seeds with the index."""

    def __init__(self, roots: Sequence[SeedRoot], index: Index, progress: Progress) -> None:
        """Scan the seeds of `roots`."""
        self._index = index
        self._progress = progress
        self._known = 0
        self._gone: list[tuple[int, int]] = []
        self._heads: dict[str, str] = {}
        self.use(roots)

    def use(self, roots: Sequence[SeedRoot]) -> None:
        """Scan the seeds of other roots from now on."""
        self.seeds = seeds_in(roots)
        self.links: dict[str, tuple[str, ...]] = {}
        """The links met, each with the paths that decide where it leads."""
        self.unread: set[str] = set()
        """The prefixes of the roots of which the last full scan did not believe what it found."""
        self.held_folders: dict[str, dict[str, tuple[str, ...]]] = {}
        """By the prefixes of roots, the files that hold back what is below their folders, and the keys that say so."""
        self.doubted: tuple[str, ...] = ()
        """Why the last full scan did not believe what it found of some of several roots."""

    def look_for_held_folders(self) -> None:
        """Find the folders that a file in them holds back: if these are others than before, all below is read again."""
        if all(root.dialect not in SECTION_FILES for root in self.seeds.roots):
            return
        from aggregator.normalizer.dialects.sections import held_folder  # noqa: PLC0415 - only other dialects need it
        from aggregator.watcher.section_files import all_section_files  # noqa: PLC0415 - likewise

        for root in self.seeds.roots:
            found = (held_folder(root.dialect, (one,)) for one in all_section_files(root))
            self.held_folders[root.prefix] = {one.path: one.keys for one in found if one is not None}

    def scan_everything(self, *, reread: Container[str], accept_deletions: bool) -> Difference:
        """Compare all seeds with the index. One of several roots that is not believed harms no other.

        Args:
            reread: the prefixes of the roots whose seeds are all listed as changed.
            accept_deletions: believe it if most seeds are gone.

        Raises:
            FolderError: if the seeds of no root can be listed, or most of the only root are gone.
        """
        found: list[Difference] = []
        doubted: list[str] = []
        self.unread = set()
        self._forget_commits()
        for root in self.seeds.roots:
            try:
                found.append(self._scan(root, every=root.prefix in reread, accept_deletions=accept_deletions))
            except FolderError as error:
                doubted.append(str(error))
                self.unread.add(root.prefix)
                if len(doubted) == len(self.seeds.roots):
                    raise FolderError("; ".join(doubted)) from error
                found.append(self._not_believed(root, error))
        self.doubted = tuple(doubted)
        difference = (
            found[0]
            if "" in self.seeds.parts
            else merged([*self._left_behind(accept_deletions=accept_deletions), *found])
        )
        self.links = difference.links
        self._known = difference.seen
        return difference

    def _scan(self, root: SeedRoot, *, every: bool, accept_deletions: bool) -> Difference:
        known = partial(self._index.files.stat_keys, root.prefix)
        found = self.seeds.parts[root.prefix].compare_all(known, every=every, keepalive=self._progress.tick)
        if vanished(found.known, found.known - len(found.gone) + found.added) and not accept_deletions:
            raise FolderError(
                f"{root.folder}: {len(found.gone)} of {found.known} known seeds are gone at once; nothing was"
                " withdrawn (bring them back, or run `aggregator trigger --accept-deletions`)"
            )
        return found

    def _forget_commits(self) -> None:
        """Have the files read again whose dates are those of commits, if there is another commit at the head."""
        if all(root.is_plain_native for root in self.seeds.roots):
            return
        from aggregator.watcher.commits import heads  # noqa: PLC0415 - only other dialects need it

        stored: str | None = self._index.meta(_HEADS)
        known = msgspec.json.decode(stored, type=dict[str, str]) if stored else {}
        found = heads(self.seeds.roots)
        for root in self.seeds.roots:
            if found.get(root.name, known.get(root.name)) != known.get(root.name):
                self._index.files.forget_commits(root.prefix)
        self._heads = known | found

    def remember_heads(self) -> None:
        """Store at which commits the last full scan saw the roots, once their files have been read."""
        if self._heads:
            self._index.set_meta(_HEADS, msgspec.json.encode(self._heads, order="deterministic").decode())

    def _not_believed(self, root: SeedRoot, error: FolderError) -> Difference:
        """Return that nothing of a root changed, and why that is not known."""
        kept = PathList(path for path, _ in self._index.files.stat_keys(root.prefix))
        problem = {root.name: FolderProblem(str(error), "")}
        nothing = PathList()
        return Difference(nothing, nothing, len(kept), len(kept), 0, {}, problem, kept)

    def _left_behind(self, *, accept_deletions: bool) -> list[Difference]:
        """Return the seeds of roots that are no longer in the config: gone, unless one that is was not believed.

        Its seeds may be the same ones, which keep their ids if both happens at once.
        """
        outside = PathList(self._index.files.outside(root.prefix for root in self.seeds.roots))
        if not outside:
            return []
        nothing, count = PathList(), len(outside)
        gone, kept = (nothing, outside) if self.unread and not accept_deletions else (outside, nothing)
        return [Difference(nothing, gone, len(kept), count, 0, {}, {}, kept)]

    def scan_paths(self, paths: Iterable[str], now: int) -> tuple[Changes, str, dict[str, FolderProblem]]:
        """Compare some places with the index; `now` is in seconds since 1970.

        Returns the changes, why a full scan is needed ("" if it is not), and the folders that were not read. In doubt
        nothing counts as gone.
        """
        read, gone, doubt, unreadable, links = self.seeds.compare_some(paths, self._index.files.stat_keys)
        self.links |= links
        self._gone = [(at, count) for at, count in self._gone if 0 <= now - at < AT_ONCE] + [(now, len(gone))]
        if unreadable:
            known_problems = stored_problems(self._index)
            self.store_problems(tuple(dict.fromkeys((*known_problems, *problems_of(unreadable)))))
        together = sum(count for _, count in self._gone)
        if gone and together >= max(MASS_DELETION, self._known // 20):
            doubt, gone = f"{together} seeds are gone at once", set()
        elif gone and (missing := self.seeds.missing(gone)):
            doubt = "; ".join(f"{root.folder}: the seeds folder is missing" for root in missing)
            gone = {path for path in gone if not path.startswith(tuple(root.prefix for root in missing))}
        return Changes(tuple(sorted(read)), tuple(sorted(gone)), is_full_scan=False), doubt, unreadable

    def store_problems(self, problems: tuple[Problem, ...]) -> None:
        """Store the folders that could not be read, and why, for the status."""
        if problems or self._index.meta(_FOLDERS) is not None:  # most sites never have any
            self._index.set_meta(_FOLDERS, msgspec.msgpack.encode(problems[:LISTED_PROBLEMS]))


def missing_seeds(config: Config, missing: Sequence[SeedRoot]) -> AggregatorError | None:
    """Return the error that there are no seeds, or None: of several roots that were there, some may be missing now."""
    # A folder that was never there is a mistake in the config; one that was there is missing for now.
    if missing and not os.path.exists(os.path.join(config.state, "index.db")):
        return ConfigError([_never_there(config, root) for root in missing])
    if len(missing) == len(config.seeds):
        return FolderError(f"{'; '.join(map(_missing, missing))}; nothing was withdrawn (bring it back)")
    return None


def _never_there(config: Config, root: SeedRoot) -> Problem:
    key, entry = written_root(config.path, [one.folder for one in config.seeds].index(root.folder))
    node = entry and (entry.at("folder") or entry)
    line, column = (node.line, node.column) if node is not None else (0, 0)
    hint = "make it, or correct this" if not os.path.exists(root.folder) else "name the folder in which the seeds lie"
    return Problem(path=config.path, line=line, column=column, message=f"{key}: {_missing(root)}", hint=hint)


def _missing(root: SeedRoot) -> str:
    if is_url(root.folder):
        return f"{root.folder}: the bucket is missing"
    wrong = "is a file, not a folder" if os.path.exists(root.folder) else "the seeds folder is missing"
    return f"{root.folder}: {wrong}"


def stored_problems(index: Index) -> tuple[Problem, ...]:
    """Return the folders that the last scans could not read, and why."""
    stored = index.meta(_FOLDERS)
    return msgspec.msgpack.decode(stored, type=tuple[Problem, ...]) if stored else ()
