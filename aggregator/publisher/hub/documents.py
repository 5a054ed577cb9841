"""What is published, looked at from outside: names of documents, each with a stamp and a digest. Reads alone."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aggregator.model.slugs import SLUG
from aggregator.model.store import is_url
from aggregator.publisher.hub import policy

if TYPE_CHECKING:
    pass


class Documents(Protocol):
    """The documents of a site that a hub is told of (`pings.is_topic`)."""

    def seen(self, names: Iterable[str] | None) -> Iterable[tuple[str, str]]:
        """Give those of `names` that are there, None for all there are; each with a stamp that changes with it.

        Raises:
            StoreError: where they lie in a store that does not answer.
            OSError: where it refuses.
        """

    def digest(self, name: str, stamp: str) -> bytes | None:
        """Give the digest of what the document with this stamp holds, None where it is gone by now."""


class FolderDocuments(NamedTuple):
    """Documents in a folder."""

    folder: str

    def seen(self, names: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        """Give those that are there."""
        for name in self._all() if names is None else names:
            with suppress(OSError):
                found = os.lstat(os.path.join(self.folder, name))
                if stat.S_ISREG(found.st_mode):
                    yield name, f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"

    def digest(self, name: str, _stamp: str) -> bytes | None:
        """Read a document."""
        try:
            # Where it was replaced since its stamp was taken, the stamp differs at the next look, and no harm is done.
            with open(os.path.join(self.folder, name), "rb", opener=_opened) as file:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
        except OSError:
            return None

    def _all(self) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            slugs = sorted(
                entry.name for entry in entries if SLUG.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            )
            yield from (f"{slug}/{name}" for slug in slugs for name in policy.FORMATS)


class StoreDocuments(NamedTuple):
    """Documents in a store (`stores.Store`), whose tags change with what they hold."""

    store: Any

    def seen(self, names: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        """Give those that are there."""
        for entry in self.store.entries() if names is None else self.store.look(names):
            if entry is not None and policy.is_topic(entry.name):
                yield entry.name, f"{entry.tag}:{entry.size}:{entry.modified}"

    def digest(self, _name: str, stamp: str) -> bytes | None:
        """Give the digest of the tag: nothing has to be read."""
        return hashlib.blake2b(stamp.encode(), digest_size=16).digest()


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def documents_in(place: str) -> Documents:
    """Give what tells which documents are published in a folder or in a place in a store."""
    if not is_url(place):
        return FolderDocuments(place)
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    return StoreDocuments(Store(place))
