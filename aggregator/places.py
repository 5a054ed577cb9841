"""Where a site's seeds come from and its feeds go: folders of this machine, or places in stores by their URLs.

The one seam between them. What is behind it for a folder is `watcher.folder` and `publisher.writer`, for a URL
`watcher.bucket` and `publisher.bucket_writer` on a `stores.Store`; those are imported only where there is a URL.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aggregator.config import is_url
from aggregator.errors import AggregatorError, FolderError
from aggregator.watcher import folder

if TYPE_CHECKING:
    from aggregator.publisher.bucket_writer import BucketWriter
    from aggregator.publisher.published import Documents
    from aggregator.publisher.writer import Writer
    from aggregator.stores import Store

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
    return StoreSeeds(_store(place)) if is_url(place) else FolderSeeds(place)


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


def put_seed(place: str, name: str, text: str) -> str:
    """Write a new seed into a place in a store and give its URL.

    Raises:
        FileExistsError: where one of that name is there.
        AggregatorError: where the store does not take it.
    """
    store, url = _store(place), f"{place}/{name}"
    try:
        is_new = store.look([name]) == [None]
        if is_new:
            store.put(name, text.encode(), {"content-type": "text/markdown; charset=utf-8"})
    except OSError as error:
        raise AggregatorError(f"{url}: cannot be written: {error.strerror or error}") from error
    if not is_new:
        raise FileExistsError(errno.EEXIST, "it is there already", url)
    return url


def writer_to(place: str) -> Writer | BucketWriter:
    """Give what publishes documents in a folder or in a place in a store."""
    if is_url(place):
        from aggregator.publisher.bucket_writer import BucketWriter  # noqa: PLC0415 - see `StoreSeeds`

        return BucketWriter(_store(place))
    from aggregator.publisher.writer import Writer  # noqa: PLC0415

    return Writer(place)


def documents_in(place: str) -> Documents:
    """Give what tells which documents are published in a folder or in a place in a store."""
    from aggregator.publisher.published import FolderDocuments, StoreDocuments  # noqa: PLC0415 - for a hub alone

    return StoreDocuments(_store(place)) if is_url(place) else FolderDocuments(place)


def jobs_for(place: str, jobs: int | None) -> int | None:
    """Give how many processes may read the seeds there: what lies in this one's memory, no other can see."""
    return 1 if place.startswith("memory://") else jobs


def why_not(url: str) -> str:
    """Say why a place in a store cannot be used here, "" where it can."""
    from importlib.util import find_spec  # noqa: PLC0415 - see `StoreSeeds`

    extra = "needs the extra `cluster`: run pip install '.[cluster]' in the clone"
    if find_spec("fsspec") is None:
        return extra
    from fsspec.registry import known_implementations, registry  # noqa: PLC0415

    scheme = url.partition("://")[0]
    if scheme in registry:
        return ""
    if scheme not in known_implementations:
        return f"names a kind of store that is not known: {scheme}"
    package = known_implementations[scheme]["class"].partition(".")[0]
    if find_spec(package) is not None:
        return ""
    return extra if package == "s3fs" else f"needs the package {package}"


def _store(url: str) -> Store:
    from aggregator.stores import Store  # noqa: PLC0415 - see `StoreSeeds`

    return Store(url)
