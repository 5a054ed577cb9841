"""The published topics, each with an identity and a digest, in a folder or a store. Only reads."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aggregator.model.slugs import SLUG
from aggregator.model.store import is_url
from aggregator.publisher.hub import policy

if TYPE_CHECKING:
    from aggregator.object_store import Store


class Documents(Protocol):
    """The topics of a site (`policy.is_topic`)."""

    def identities(self, names: Iterable[str] | None) -> Iterable[tuple[str, str]]:
        """Yield those of `names` that exist (None = all), each with an identity that changes with its content.

        Raises:
            StoreError: if they lie in a store that does not answer.
            OSError: if the store refuses.
        """

    def digest(self, name: str, identity: str) -> bytes | None:
        """Return the digest of the document with this identity, None if it no longer exists."""


class FolderDocuments(NamedTuple):
    """Documents in a folder."""

    folder: str

    def identities(self, names: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        """Yield those that exist."""
        for name in self._all() if names is None else names:
            with suppress(OSError):
                found = os.lstat(os.path.join(self.folder, name))
                if stat.S_ISREG(found.st_mode):
                    yield name, f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"

    def digest(self, name: str, _identity: str) -> bytes | None:
        """Return the digest of the document's content."""
        try:
            # If it was replaced since its identity was read, the identity differs at the next comparison.
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
    """Documents in an object store, whose tags change with their content."""

    store: Store

    def identities(self, names: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        """Yield those that exist."""
        for entry in self.store.entries() if names is None else self.store.stat(names):
            if entry is not None and policy.is_topic(entry.name):
                yield entry.name, f"{entry.tag}:{entry.size}:{entry.modified}"

    def digest(self, _name: str, identity: str) -> bytes | None:
        """Return a digest of the tag; nothing is read."""
        return hashlib.blake2b(identity.encode(), digest_size=16).digest()


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def documents_in(location: str) -> Documents:
    """Return the published documents in a folder of this machine or at the URL of an object store."""
    if not is_url(location):
        return FolderDocuments(location)
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    return StoreDocuments(Store(location))
