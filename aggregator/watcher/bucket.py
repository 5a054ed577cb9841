"""The seeds in an object store as they are now: which objects there are, and their bytes. Only ever reads.

The same as `folder` for what is no folder: what counts as a seed, how a walk is compared with what is known, and that
the listing decides, whatever notifications say. An object's tag changes with its content and a store's listing is
never behind, so what is read once is not read again until its tag differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from aggregator.model.errors import FolderError, StoreError
from aggregator.watcher.folder import (
    NO_KEY,
    SUFFIXES,
    Difference,
    File,
    FolderKey,
    Refusal,
    StatKey,
    compare,
    compare_few,
    is_hidden,
)

Known = Iterable[tuple[str, tuple[int, int, int, int, int]]]


class Entry(Protocol):
    """An object as a store describes it (`stores.Entry`)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def tag(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def modified(self) -> int: ...  # noqa: D102


class Store(Protocol):
    """What is needed of a store (`stores.Store`)."""

    @property
    def url(self) -> str:
        """The place, for messages."""

    def is_there(self) -> bool:
        """Say whether the bucket is there."""

    def entries(self, below: str = "") -> Iterable[Entry]:
        """List it."""

    def look(self, names: Iterable[str]) -> Iterable[Entry | None]:
        """Look at single objects."""

    def fetch(self, names: Iterable[str], limit: int) -> Iterable[Any]:
        """Read them, each with its entry, or an error, or None where it is gone."""


class DisorderError(Exception):
    """A listing came in another order than that of paths."""


class Walk:
    """A walk over the seeds of a store, in the order of their paths, as `folder.Walk` is one over a folder.

    Nothing is kept where the store lists in that order, as S3 does; where it does not it must be `ordered` here.
    """

    def __init__(self, store: Store, *, ordered: bool = False) -> None:
        self._store, self._ordered = store, ordered
        self.folders: dict[str, FolderKey] = {}
        self.unreadable: dict[str, Refusal] = {}

    def __iter__(self) -> Iterator[tuple[str, StatKey]]:
        """Give path and stat key of each seed.

        Raises:
            FolderError: where the store cannot be listed.
            DisorderError: where it is to be ordered here and was not asked to be.
        """
        try:
            found = self._seeds()
            last = ""
            for path, key in sorted(found) if self._ordered else found:
                if path < last:
                    raise DisorderError
                last = path
                yield path, key
        except (OSError, StoreError) as error:
            raise unreadable(self._store, error) from error

    def _seeds(self) -> Iterator[tuple[str, StatKey]]:
        for entry in self._store.entries():
            if is_seed(entry.name):
                yield entry.name, key_of(entry)


def is_there(store: Store) -> bool:
    """Say whether the bucket is there.

    Raises:
        FolderError: where its store does not say.
    """
    try:
        return store.is_there()
    except (OSError, StoreError) as error:
        raise unreadable(store, error) from error


def compare_all(
    store: Store, known: Callable[[], Known], *, every: bool = False, alive: Callable[[], object] = bool
) -> Difference:
    """List a store against what is known of it; `every` reads all anew, `alive` is called now and then.

    Raises:
        FolderError: where the store cannot be listed.
    """
    try:
        return compare(Walk(store), known(), every=every, alive=alive)
    except DisorderError:
        return compare(Walk(store, ordered=True), known(), every=every, alive=alive)


def compare_some(store: Store, paths: Iterable[str], known: Callable[[str], Known]) -> Difference:
    """Look at the objects that something pointed to, and compare them with what is known of each.

    Raises:
        FolderError: where the store does not answer, or the bucket is gone and not the objects.
    """
    names = [path for path in paths if is_seed(path)]
    try:
        entries = list(store.look(names))
        if None in entries and not store.is_there():
            raise FileNotFoundError("it is not there")
    except (OSError, StoreError) as error:
        raise unreadable(store, error) from error
    found = {entry.name: key_of(entry) for entry in entries if entry is not None}
    # Of the path itself: in a store there may be seeds below the name of another.
    before = {path: key for name in names for path, key in known(name) if path == name}
    return compare_few(found, before)


def read(store: Store, paths: Iterable[str], limit: int) -> Iterator[File | None]:
    """Read objects, each at most `limit` bytes; None for one that is gone.

    Raises:
        FolderError: where the store does not answer.
    """
    paths = tuple(paths)
    try:
        for path, found in zip(paths, store.fetch(paths, limit), strict=True):
            yield found and _file(path, found, limit)
    except StoreError as error:
        raise unreadable(store, error) from error


def _file(path: str, found: Any, limit: int) -> File:
    if isinstance(found, OSError):
        hint = "let the account this runs as read it" if isinstance(found, PermissionError) else "look at the store"
        return File(path, NO_KEY, None, f"cannot be read: {found.strerror or found}", hint)
    if found.data is None:
        message = f"has {found.entry.size:,} bytes, at most {limit:,} are read"
        return File(path, key_of(found.entry), None, message, "link to large content")
    return File(path, key_of(found.entry), found.data)


def is_seed(path: str) -> bool:
    """Say whether an object's name is one of a seed, as a file's is; no folder has a part without a name."""
    return path.endswith(SUFFIXES) and not is_hidden(path) and "" not in path.split("/")


def key_of(entry: Entry) -> StatKey:
    """Give the stat key of an object: its tag, hashed into numbers, size and time."""
    digest = hashlib.blake2b(entry.tag.encode(), digest_size=16).digest()
    dev, ino = (int.from_bytes(half, signed=True) for half in (digest[:8], digest[8:]))
    return StatKey(dev, ino, entry.size, entry.modified, 0)


def unreadable(store: Store, error: Exception) -> FolderError:
    """Say that the seeds cannot be listed or read now, and why."""
    if isinstance(error, StoreError):
        return FolderError(f"{error}; nothing was withdrawn")
    if isinstance(error, FileNotFoundError):
        return FolderError(f"{store.url}: the bucket is not there; nothing was withdrawn (bring it back)")
    reason = getattr(error, "strerror", None) or str(error)
    return FolderError(f"{store.url}: the seeds cannot be listed: {reason}; nothing was withdrawn")
