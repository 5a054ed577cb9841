"""The seeds of a site: in a folder of this machine or, if their location is a URL, in an object store.

Code for stores is imported only if there is a URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aggregator.model.errors import FolderError
from aggregator.model.seed_files import ReadSeeds, SeedFile
from aggregator.model.store import is_url
from aggregator.watcher import files, folder
from aggregator.watcher.folder import Known

if TYPE_CHECKING:
    from aggregator.object_store import Store


class ChangedPaths(NamedTuple):
    """The paths to read and those that are gone, of some that were compared; `doubt` says why not all could be.

    `unreadable` are the folders among them that were not read.
    """

    read: set[str]
    gone: set[str]
    doubt: str = ""
    unreadable: dict[str, folder.FolderProblem] = {}  # noqa: RUF012 - never changed


class Seeds(Protocol):
    """The seeds of a site, wherever they lie."""

    @property
    def reader(self) -> ReadSeeds:
        """Reads them by path, in this process or another."""

    def is_there(self) -> bool:
        """Return whether the folder or bucket exists.

        Raises:
            FolderError: if the file system or the store cannot tell.
        """

    def walk(self) -> folder.SeedWalk:
        """Return a walk over all seeds, in the order of their paths."""

    def compare_all(
        self, known: Callable[[], Known], *, every: bool, keepalive: Callable[[], object]
    ) -> folder.Difference:
        """Compare all seeds with those known; `every` and `keepalive` are as in `folder.compare`.

        Raises:
            FolderError: if they cannot be listed.
        """

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the seeds at or below `paths` with those known there."""


class FolderSeeds(NamedTuple):
    """Seeds in a folder of this machine."""

    root: str

    @property
    def reader(self) -> ReadSeeds:
        """Reads them by path, in this process or another."""
        return partial(files.read, self.root)

    def is_there(self) -> bool:
        """Return whether the folder exists."""
        return folder.is_there(self.root)

    def walk(self) -> folder.Walk:
        """Return a walk over all seeds."""
        return folder.Walk(self.root)

    def compare_all(
        self, known: Callable[[], Known], *, every: bool, keepalive: Callable[[], object]
    ) -> folder.Difference:
        """Compare all seeds with those known."""
        return folder.compare(folder.Walk(self.root), known(), every=every, keepalive=keepalive)

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the seeds at or below `paths` with those known there."""
        read: set[str] = set()
        gone: set[str] = set()
        unreadable: dict[str, folder.FolderProblem] = {}
        walked: set[str] = set()
        doubt = ""
        for path in sorted({folder.path_to_scan(self.root, path) for path in paths}):
            if folder.is_below(path, walked):  # of a thousand new folders within each other, the first is walked
                continue
            try:
                found = self._compare_at(path, list(known(path)))
            except FolderError as error:
                doubt = str(error)
                continue
            read.update(found.read)
            gone.update(found.gone)
            unreadable |= found.unreadable
            if found.folders:
                walked.add(path)
        return ChangedPaths(read, gone, doubt, unreadable)

    def _compare_at(self, path: str, known: Known) -> folder.Difference:
        walk = folder.find(self.root, path) if path else folder.Walk(self.root)
        if isinstance(walk, folder.Walk):
            return folder.compare(walk, known)
        return folder.compare_found(dict(walk), dict(known))


class StoreSeeds(NamedTuple):
    """Seeds in an object store."""

    store: Store

    @property
    def reader(self) -> ReadSeeds:
        """Reads them by path, in this process or another."""
        from aggregator.watcher import bucket  # noqa: PLC0415 - only a site with a store needs it

        return partial(bucket.read, self.store)

    def is_there(self) -> bool:
        """Return whether the bucket exists."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.is_there(self.store)

    def walk(self) -> folder.SeedWalk:
        """Return a walk over all seeds."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.Walk(self.store, sort=True)

    def compare_all(
        self, known: Callable[[], Known], *, every: bool, keepalive: Callable[[], object]
    ) -> folder.Difference:
        """Compare all seeds with those known."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.compare_all(self.store, known, every=every, keepalive=keepalive)

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the objects at `paths` with those known."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        try:
            found = bucket.compare_some(self.store, paths, known)
        except FolderError as error:
            return ChangedPaths(set(), set(), str(error))
        return ChangedPaths(set(found.read), set(found.gone))


def seeds_in(location: str) -> Seeds:
    """Return the seeds in a folder of this machine or at the URL of an object store."""
    if not is_url(location):
        return FolderSeeds(location)
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    return StoreSeeds(Store(location))


def read_on_worker(reader: ReadSeeds, paths: Sequence[str], limit: int) -> Iterator[SeedFile | None]:
    """Read seeds with `reader` on a worker that may be another machine than the one that found them.

    Raises:
        FolderError: if most of them are missing: then the worker does not have the same seeds folder.
    """
    missing = 0
    for file in reader(paths, limit):
        missing += file is None
        yield file
    if missing * 2 > len(paths):
        raise FolderError(
            f"{missing} of {len(paths)} seeds just found are missing here; nothing was withdrawn (all machines"
            " need the same seeds folder at the same path, or a bucket)"
        )
