"""The seeds in an object store as they are now: which objects exist, and their bytes. Only reads.

As `folder` and `files`, for a store instead of a folder: the same names are seeds, and the listing decides, whatever
notifications say. An object's tag changes with its content and a store's listing is never outdated, so an object is not
read again until its tag differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from aggregator.model.errors import FolderError, StoreError
from aggregator.model.seed_files import NO_KEY, FileKey, SeedFile
from aggregator.object_store import Entry, Fetched, Store
from aggregator.watcher.folder import (
    Difference,
    FolderKey,
    FolderProblem,
    Known,
    compare,
    compare_found,
    is_hidden,
)
from aggregator.watcher.selection import SUFFIXES, Selection


class UnsortedError(Exception):
    """A listing is not in the order of paths."""


class Walk:
    """A walk over the seeds of a store, in the order of their paths, as `folder.Walk` is for a folder.

    With `sort`, the whole listing is read and sorted; a store that lists in that order, as S3 does, needs no `sort`.
    `prefix` and `selection` are as in `folder.Walk`.
    """

    def __init__(
        self, store: Store, *, sort: bool = False, prefix: str = "", selection: Selection | None = None
    ) -> None:
        self._store, self._sort, self._prefix, self._selection = store, sort, prefix, selection
        self.folders: dict[str, FolderKey] = {}
        self.unreadable: dict[str, FolderProblem] = {}
        self.links: dict[str, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[tuple[str, FileKey]]:
        """Yield path and key of each seed.

        Raises:
            FolderError: if the store cannot be listed.
            UnsortedError: if the store does not list in the order of paths, and `sort` was not given.
        """
        try:
            found = self._seeds()
            last = ""
            for path, key in sorted(found) if self._sort else found:
                if path < last:
                    raise UnsortedError
                last = path
                yield self._prefix + path, key
        except (OSError, StoreError) as error:
            raise store_error(self._store, error) from error

    def _seeds(self) -> Iterator[tuple[str, FileKey]]:
        for entry in self._store.entries():
            if is_seed(entry.name, self._selection):
                yield entry.name, object_key(entry)


def is_there(store: Store) -> bool:
    """Return whether the bucket exists.

    Raises:
        FolderError: if its store does not tell.
    """
    try:
        return store.is_there()
    except (OSError, StoreError) as error:
        raise store_error(store, error) from error


def compare_all(
    store: Store, known: Callable[[], Known], *, every: bool = False, keepalive: Callable[[], object] | None = None,
    prefix: str = "", selection: Selection | None = None,
) -> Difference:  # fmt: skip
    """Compare the seeds of a store with those known, as `folder.compare` does.

    Raises:
        FolderError: if the store cannot be listed.
    """
    walk = Walk(store, prefix=prefix, selection=selection)
    try:
        return compare(walk, known(), every=every, keepalive=keepalive)
    except UnsortedError:
        walk = Walk(store, sort=True, prefix=prefix, selection=selection)
        return compare(walk, known(), every=every, keepalive=keepalive)


def compare_some(
    store: Store, paths: Iterable[str], known: Callable[[str], Known], *,
    prefix: str = "", selection: Selection | None = None,
) -> Difference:  # fmt: skip
    """Compare the objects at `paths` with what is known of each; the paths begin with `prefix`.

    Raises:
        FolderError: if the store does not answer, or the bucket itself is gone.
    """
    names = [name for path in paths if is_seed(name := path[len(prefix) :], selection)]
    try:
        entries = list(store.stat(names))
        if None in entries and not store.is_there():
            raise FileNotFoundError("it is not there")
    except (OSError, StoreError) as error:
        raise store_error(store, error) from error
    found = {prefix + entry.name: object_key(entry) for entry in entries if entry is not None}
    # Of the path alone: in a store, a seed's path may begin with that of another.
    before = {path: key for name in names for path, key in known(prefix + name) if path == prefix + name}
    return compare_found(found, before)


def read(store: Store, paths: Sequence[str], limit: int, *, prefix: str = "") -> Iterator[SeedFile | None]:
    """Read objects, each at most `limit` bytes; yield None for one that no longer exists. Paths begin with `prefix`.

    Raises:
        FolderError: if the store does not answer.
    """
    try:
        names = [path[len(prefix) :] for path in paths]
        for path, found in zip(paths, store.fetch(names, limit), strict=True):
            yield None if found is None else _file(path, found, limit)
    except StoreError as error:
        raise store_error(store, error) from error


def _file(path: str, found: Fetched | OSError, limit: int) -> SeedFile:
    if isinstance(found, OSError):
        hint = "allow this account to read it" if isinstance(found, PermissionError) else "check the store"
        return SeedFile(path, NO_KEY, None, f"cannot be read: {found.strerror or found}", hint)
    if found.data is None:
        message = f"has {found.entry.size:,} bytes, at most {limit:,} are read"
        return SeedFile(path, object_key(found.entry), None, message, "link to large content")
    return SeedFile(path, object_key(found.entry), found.data)


def is_seed(path: str, selection: Selection | None = None) -> bool:
    """Return whether an object's name is that of a seed: as for a file, and with no empty part."""
    if selection is not None:
        return selection.selects(path) and "" not in path.split("/")
    return path.endswith(SUFFIXES) and not is_hidden(path) and "" not in path.split("/")


def object_key(entry: Entry) -> FileKey:
    """Return the key of an object: its tag hashed into two numbers, its size and its time."""
    digest = hashlib.blake2b(entry.tag.encode(), digest_size=16).digest()
    dev, ino = (int.from_bytes(half, signed=True) for half in (digest[:8], digest[8:]))
    return FileKey(dev, ino, entry.size, entry.modified, 0)


def store_error(store: Store, error: Exception) -> FolderError:
    """Return the error that says why the seeds cannot be listed or read."""
    if isinstance(error, StoreError):
        return FolderError(f"{error}; nothing was withdrawn")
    if isinstance(error, FileNotFoundError):
        return FolderError(f"{store.url}: the bucket is missing; nothing was withdrawn (bring it back)")
    reason = getattr(error, "strerror", None) or str(error)
    return FolderError(f"{store.url}: the seeds cannot be listed: {reason}; nothing was withdrawn")
