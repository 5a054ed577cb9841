"""Where a site's seeds come from and its feeds go: folders of this machine, or places in stores by their URLs.

The one seam between them. What is behind it for a folder is `watcher.folder` and `publisher.writer`, for a URL
`watcher.bucket` and `publisher.bucket_writer` on a `stores.Store`; those are imported only where there is a URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aggregator.model.errors import FolderError
from aggregator.model.store import is_url
from aggregator.watcher import folder

if TYPE_CHECKING:
    from aggregator.object_store import Store

Known = Iterable[tuple[str, tuple[int, int, int, int, int]]]
Reader = Callable[[Iterable[str], int], Iterable[folder.File | None]]


class Found(NamedTuple):
    """What is to be read and what is gone of some paths; `doubt` says why not all could be looked at."""

    read: set[str]
    gone: set[str]
    doubt: str = ""


class Seeds(Protocol):
    """The seeds of a site, wherever they lie."""

    @property
    def reader(self) -> Reader:
        """What reads them by path, here or in another process."""

    def is_there(self) -> bool:
        """Say whether the place itself is there."""

    def walk(self) -> folder.Walked:
        """Walk over all of them; a store's may come in an order of its own."""

    def compare_all(self, known: Callable[[], Known], *, every: bool, alive: Callable[[], object]) -> folder.Difference:
        """Compare all of them with what is known; raises FolderError where they cannot be listed.

        `alive` is called now and then meanwhile.
        """

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> Found:
        """Compare the places that something pointed to with what is known of them."""


class FolderSeeds(NamedTuple):
    """Seeds in a folder of this machine."""

    root: str

    @property
    def reader(self) -> Reader:
        """What reads them by path, here or in another process."""
        return partial(folder.read, self.root)

    def is_there(self) -> bool:
        """Say whether the folder is there; raises FolderError where that cannot be said."""
        return folder.is_there(self.root)

    def walk(self) -> folder.Walk:
        """Walk over all of them."""
        return folder.Walk(self.root)

    def compare_all(self, known: Callable[[], Known], *, every: bool, alive: Callable[[], object]) -> folder.Difference:
        """Compare all of them with what is known."""
        return folder.compare(folder.Walk(self.root), known(), every=every, alive=alive)

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> Found:
        """Compare the places that something pointed to with what is known of them."""
        read: set[str] = set()
        gone: set[str] = set()
        doubt = ""
        for path in sorted(set(map(folder.place_of, paths))):
            try:
                found = self._compare_at(path, list(known(path)))
            except FolderError as error:
                doubt = str(error)
                continue
            read.update(found.read)
            gone.update(found.gone)
        return Found(read, gone, doubt)

    def _compare_at(self, path: str, known: Known) -> folder.Difference:
        walk = folder.look(self.root, path) if path else folder.Walk(self.root)
        if isinstance(walk, folder.Walk):
            return folder.compare(walk, known)
        return folder.compare_few(dict(walk), dict(known))


class StoreSeeds(NamedTuple):
    """Seeds in a store."""

    store: Store

    @property
    def reader(self) -> Reader:
        """What reads them by path, here or in another process."""
        from aggregator.watcher import bucket  # noqa: PLC0415 - only a site with a store needs it

        return partial(bucket.read, self.store)

    def is_there(self) -> bool:
        """Say whether the bucket is there; raises FolderError where its store does not say."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.is_there(self.store)

    def walk(self) -> folder.Walked:
        """Walk over all of them, in the store's order."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.Walk(self.store, ordered=True)

    def compare_all(self, known: Callable[[], Known], *, every: bool, alive: Callable[[], object]) -> folder.Difference:
        """Compare all of them with what is known."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        return bucket.compare_all(self.store, known, every=every, alive=alive)

    def compare_some(self, paths: Iterable[str], known: Callable[[str], Known]) -> Found:
        """Compare the objects that something pointed to with what is known of them."""
        from aggregator.watcher import bucket  # noqa: PLC0415

        try:
            found = bucket.compare_some(self.store, paths, known)
        except FolderError as error:
            return Found(set(), set(), str(error))
        return Found(set(found.read), set(found.gone))


def seeds_in(place: str) -> Seeds:
    """Give the seeds of a folder or of a place in a store."""
    if not is_url(place):
        return FolderSeeds(place)
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    return StoreSeeds(Store(place))


def read_elsewhere(reader: Reader, paths: Sequence[str], limit: int) -> Iterator[folder.File | None]:
    """Read seeds with `reader`, on another machine than the one that has just seen them.

    Raises:
        FolderError: where most of them are not there: then it is not the same place for both.
    """
    missing = 0
    for file in reader(paths, limit):
        missing += file is None
        yield file
    if missing * 2 > len(paths):
        raise FolderError(
            f"{missing} of {len(paths)} seeds that were just seen are not there; nothing was withdrawn (all machines"
            " need the same seeds folder at the same path, or a bucket)"
        )
