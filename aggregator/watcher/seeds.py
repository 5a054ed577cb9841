"""The seeds of a site: in folders of this machine or, if a location is a URL, in an object store.

A site has one root or several; the paths of several begin with the names of the roots. Code for stores is imported only
if there is a URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aggregator.model.errors import FolderError
from aggregator.model.seed_files import ReadSeeds, SeedFile
from aggregator.model.seed_roots import SeedRoot
from aggregator.model.store import is_url
from aggregator.watcher import files, folder
from aggregator.watcher.folder import FolderKey, Known
from aggregator.watcher.links import route_of
from aggregator.watcher.selection import Selection, selection_of

if TYPE_CHECKING:
    from aggregator.object_store import Store


class ChangedPaths(NamedTuple):
    """The paths to read and those that are gone, of some that were compared; `doubt` says why not all could be.

    `unreadable` are the folders among them that were not read, `links` the links met (`folder.Difference`).
    """

    read: set[str]
    gone: set[str]
    doubt: str = ""
    unreadable: dict[str, folder.FolderProblem] = {}  # noqa: RUF012 - never changed
    links: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed


class Seeds(Protocol):
    """The seeds of one root, wherever they lie; all paths begin with the prefix of the root."""

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
    prefix: str = ""
    selection: Selection | None = None

    @property
    def reader(self) -> ReadSeeds:
        """Reads them by path, in this process or another."""
        return partial(files.read, self.root, prefix=self.prefix, selection=self.selection)

    def is_there(self) -> bool:
        """Return whether the folder exists."""
        return folder.is_there(self.root)

    def walk(self) -> folder.Walk:
        """Return a walk over all seeds."""
        return folder.Walk(self.root, prefix=self.prefix, selection=self.selection)

    def compare_all(
        self, known: Callable[[], Known], *, every: bool, keepalive: Callable[[], object]
    ) -> folder.Difference:
        """Compare all seeds with those known."""
        return folder.compare(self.walk(), known(), every=every, keepalive=keepalive)

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the seeds at or below `paths` with those known there."""
        found = ChangedPaths(set(), set(), "", {}, {})
        walked: set[str] = set()
        doubt = ""
        for path in sorted({self._path_to_scan(path) for path in paths}):
            if folder.is_below(path, walked):  # of a thousand new folders within each other, the first is walked
                continue
            try:
                one = self._compare_at(path, list(known(self.prefix + path)))
            except FolderError as error:
                doubt = str(error)
                continue
            found.read.update(one.read)
            found.gone.update(one.gone)
            found.unreadable.update(one.unreadable)
            found.links.update(one.links)
            if (places := route_of(self.root, path, self.selection)) is not None:
                found.links[self.prefix + path] = tuple(self.prefix + place for place in places)
            if one.folders:
                walked.add(path)
        return found._replace(doubt=doubt)

    def _path_to_scan(self, hint: str) -> str:
        """Return the path below the root to scan for a hint; one of a bundle concerns its whole folder."""
        path = folder.path_to_scan(self.root, hint[len(self.prefix) :])
        above, _, name = path.rpartition("/")
        is_bundle = above and self.selection is not None and self.selection.is_bundle_file(name)
        return above if is_bundle else path

    def _compare_at(self, path: str, known: Known) -> folder.Difference:
        walk = folder.find(self.root, path, prefix=self.prefix, selection=self.selection) if path else self.walk()
        if isinstance(walk, folder.Walk):
            return folder.compare(walk, known)
        return folder.compare_found(dict(walk), dict(known))


class StoreSeeds(NamedTuple):
    """Seeds in an object store."""

    store: Store
    prefix: str = ""
    selection: Selection | None = None

    @property
    def reader(self) -> ReadSeeds:
        """Reads them by path, in this process or another."""
        from aggregator.watcher import bucket  # noqa: PLC0415 - only a site with a store needs it

        return partial(bucket.read, self.store, prefix=self.prefix)

    def is_there(self) -> bool:
        """Return whether the bucket exists."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.is_there(self.store)

    def walk(self) -> folder.SeedWalk:
        """Return a walk over all seeds."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.Walk(self.store, sort=True, prefix=self.prefix, selection=self.selection)

    def compare_all(
        self, known: Callable[[], Known], *, every: bool, keepalive: Callable[[], object]
    ) -> folder.Difference:
        """Compare all seeds with those known."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.compare_all(
            self.store, known, every=every, keepalive=keepalive, prefix=self.prefix, selection=self.selection
        )

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the objects at `paths` with those known."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        try:
            found = bucket.compare_some(self.store, paths, known, prefix=self.prefix, selection=self.selection)
        except FolderError as error:
            return ChangedPaths(set(), set(), str(error))
        return ChangedPaths(set(found.read), set(found.gone))


class SiteSeeds:
    """The seeds of a site: those of its roots, by their prefixes and in the order of paths."""

    def __init__(self, roots: Sequence[SeedRoot]) -> None:
        self.roots = tuple(sorted(roots, key=lambda root: root.prefix))
        self.parts: dict[str, Seeds] = {root.prefix: _seeds_of(root) for root in self.roots}

    @property
    def reader(self) -> ReadSeeds:
        """Reads seeds by path, in this process or another."""
        readers = {prefix: part.reader for prefix, part in self.parts.items()}
        return readers[""] if "" in readers else partial(_read_several, readers)

    def missing(self, paths: Iterable[str] | None = None) -> list[SeedRoot]:
        """Return the roots that do not exist, or of those in which `paths` lie, if they are given.

        Raises:
            FolderError: if the file system or a store cannot tell.
        """
        asked = self.roots
        if paths is not None and "" not in self.parts:
            prefixes = set(map(prefix_of, paths))
            asked = tuple(root for root in self.roots if root.prefix in prefixes)
        return [root for root in asked if not self.parts[root.prefix].is_there()]

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> ChangedPaths:
        """Compare the seeds at or below `paths` with those known there."""
        found = [part.compare_some(some, known) for part, some in self._by_part(paths)]
        if len(found) == 1:
            return found[0]
        return ChangedPaths(
            set(chain.from_iterable(one.read for one in found)),
            set(chain.from_iterable(one.gone for one in found)),
            "; ".join(one.doubt for one in found if one.doubt),
            {path: problem for one in found for path, problem in one.unreadable.items()},
            {path: places for one in found for path, places in one.links.items()},
        )

    def _by_part(self, paths: Iterable[str]) -> Iterator[tuple[Seeds, list[str]]]:
        if "" in self.parts:
            yield self.parts[""], list(paths)
            return
        for prefix, some in groupby(sorted(paths), prefix_of):
            if prefix in self.parts:
                yield self.parts[prefix], [path if "/" in path else prefix for path in some]

    def changed_folders(self, folders: Mapping[str, FolderKey], *, now: float) -> list[str]:
        """Return those of `folders` whose list of names changed, or changed too shortly before `now` to tell."""
        changed = []
        for root in self.roots:
            start = len(root.prefix)
            own = {path[start:]: key for path, key in folders.items() if path.startswith(root.prefix)}
            changed += [f"{root.prefix}{path}" for path in folder.changed_folders(root.folder, own, now=now)]
        return changed


def seeds_in(roots: Sequence[SeedRoot]) -> SiteSeeds:
    """Return the seeds in the roots of a site."""
    return SiteSeeds(roots)


def prefix_of(path: str) -> str:
    """Return the prefix of the root of a path, if there are several."""
    return f"{path.partition('/')[0]}/"


def _seeds_of(root: SeedRoot) -> Seeds:
    selection = selection_of(root)
    if not is_url(root.folder):
        return FolderSeeds(root.folder, root.prefix, selection)
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    return StoreSeeds(Store(root.folder), root.prefix, selection)


def _read_several(readers: Mapping[str, ReadSeeds], paths: Sequence[str], limit: int) -> Iterator[SeedFile | None]:
    """Read the seeds of several roots; None for one of a root that no longer exists."""
    for prefix, some in groupby(paths, prefix_of):
        if reader := readers.get(prefix):
            yield from reader(list(some), limit)
        else:
            yield from (None for _ in some)


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
