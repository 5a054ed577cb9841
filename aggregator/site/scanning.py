"""What changed in the seeds, and whether that can be believed (guarantee G5). Reads the seeds and the index."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from aggregator.config.settings import Config
from aggregator.index.index import Index
from aggregator.model.errors import AggregatorError, ConfigError, FolderError
from aggregator.model.reports import Problem
from aggregator.model.store import is_url
from aggregator.model.words import LISTED_PROBLEMS
from aggregator.site.progress import Progress
from aggregator.watcher.folder import Difference, FolderProblem, problems_of
from aggregator.watcher.seeds import seeds_in

MASS_DELETION = 20
"""If this many files (and a twentieth of all) disappear at once, only a scan of the whole folder confirms it."""

AT_ONCE = 2
"""Files that disappear within this many seconds disappear at once, in however many scans it is noticed."""

_GUARDED = 20
"""A folder with fewer seeds may lose them all."""


_FOLDERS = "unread folders"
"""The key under which the index stores the problems of folders that were not read."""


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


class Scanner:
    """Compares the seeds with the index."""

    def __init__(self, location: str, index: Index, progress: Progress) -> None:
        """Scan the seeds at `location`, a folder or the URL of a store."""
        self._index = index
        self._progress = progress
        self._known = 0
        self._gone: list[tuple[int, int]] = []
        self.use(location)

    def use(self, location: str) -> None:
        """Scan the seeds at another location from now on."""
        self._location = location
        self.seeds = seeds_in(location)

    def scan_everything(self, *, reread: bool, accept_deletions: bool) -> Difference:
        """Compare all seeds with the index.

        Args:
            reread: list all seeds as changed.
            accept_deletions: believe it if most seeds are gone.

        Raises:
            FolderError: if the seeds cannot be listed, or most of them are gone.
        """
        found = self.seeds.compare_all(self._index.files.stat_keys, every=reread, keepalive=self._progress.tick)
        if vanished(found.known, found.known - len(found.gone) + found.added) and not accept_deletions:
            raise FolderError(
                f"{self._location}: {len(found.gone)} of {found.known} known seeds are gone at once; nothing was"
                " withdrawn (bring them back, or run `aggregator trigger --accept-deletions`)"
            )
        self._known = found.seen
        return found

    def scan_paths(self, paths: Iterable[str], now: int) -> tuple[Changes, str, dict[str, FolderProblem]]:
        """Compare some places with the index; `now` is in seconds since 1970.

        Returns the changes, why a full scan is needed ("" if it is not), and the folders that were not read. In doubt
        nothing counts as gone.
        """
        read, gone, doubt, unreadable = self.seeds.compare_some(paths, self._index.files.stat_keys)
        self._gone = [(at, count) for at, count in self._gone if 0 <= now - at < AT_ONCE] + [(now, len(gone))]
        if unreadable:
            known_problems = stored_problems(self._index)
            self.store_problems(tuple(dict.fromkeys((*known_problems, *problems_of(unreadable)))))
        together = sum(count for _, count in self._gone)
        if gone and together >= max(MASS_DELETION, self._known // 20):
            doubt, gone = f"{together} seeds are gone at once", set()
        elif gone and not self.seeds.is_there():
            doubt, gone = f"{self._location}: the seeds folder is missing", set()
        return Changes(tuple(sorted(read)), tuple(sorted(gone)), is_full_scan=False), doubt, unreadable

    def store_problems(self, problems: tuple[Problem, ...]) -> None:
        """Store the folders that could not be read, and why, for the status."""
        if problems or self._index.meta(_FOLDERS) is not None:  # most sites never have any
            self._index.set_meta(_FOLDERS, msgspec.msgpack.encode(problems[:LISTED_PROBLEMS]))


def missing_seeds(config: Config) -> AggregatorError:
    """Return the error that the seeds folder, or the bucket, is missing."""
    # A folder that was never there is a mistake in the config; one that was there is missing for now.
    what = "bucket" if is_url(config.seeds) else "seeds folder"
    message = f"{config.seeds}: the {what} is missing"
    if os.path.exists(os.path.join(config.state, "index.db")):
        return FolderError(f"{message}; nothing was withdrawn (bring it back)")
    return ConfigError([f"{message} (make it, or correct `seeds` in {config.path})"])


def stored_problems(index: Index) -> tuple[Problem, ...]:
    """Return the folders that the last scans could not read, and why."""
    stored = index.meta(_FOLDERS)
    return msgspec.msgpack.decode(stored, type=tuple[Problem, ...]) if stored else ()
