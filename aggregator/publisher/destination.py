"""Where documents are published: a folder or an object store, behind one protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from aggregator.model.errors import PublishError
from aggregator.model.feeds import Document
from aggregator.model.store import is_url


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a `publish`: the names of the documents written and of those right already, and the errors."""

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[PublishError, ...] = ()


class Destination(Protocol):
    """Where the documents of a site are published; a reader finds each one complete, old or new."""

    def prepare(self) -> list[str]:
        """Make ready to publish; return the paths of leftover temporary files that were removed.

        Raises:
            PublishError: if the destination cannot be used.
        """

    def close(self) -> None:
        """End what is kept from one call to the next; what is published stays."""

    def begin(self, now: int, *, relist: bool) -> None:
        """Begin a turn at `now` (seconds since 1970). With `relist`, what is known of the destination is read again.

        Raises:
            PublishError: if the destination cannot be listed.
        """

    def publish(self, documents: Iterable[Document]) -> Published:
        """Write the documents that differ from what is published; one that fails does not stop the others."""

    @property
    def shared_folder(self) -> str | None:
        """The folder that other processes of this machine may write to; None if they must leave that to this one."""

    def flush(self) -> None:
        """Make all that was written durable, so that something may lead there.

        Raises:
            PublishError: if that fails.
        """

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove the documents `names`; return those of which anything existed.

        Raises:
            PublishError: for the first document that cannot be removed.
        """

    def publish_data(self, documents: Iterable[Document]) -> Published:
        """Write documents that differ, without encodings beside them; nothing of them is flushed (`flush`)."""

    def remove_data(self, names: Iterable[str]) -> None:
        """Remove documents that have no encodings; some may be gone already.

        Raises:
            PublishError: for the first document that cannot be removed.
        """

    def search_files(self) -> dict[str, int]:
        """Return the names of the documents that have the names of files of a search, with their sizes in bytes.

        Raises:
            PublishError: if the destination cannot be listed.
        """

    def file_identity(self, name: str) -> str | None:
        """Return a cheap identity of a document and its two encodings, or None unless all three exist.

        It changes if anybody changes one of them.
        """

    def is_whole(self, name: str) -> bool:
        """Return whether a document still holds what was written, as far as reading it and its encodings can tell."""

    def read_start(self, file: str) -> bytes | None:
        """Return the first bytes (`ownership.START`) of a document or of one of its encodings, None if there is none.

        Raises:
            PublishError: if it cannot be read.
        """

    def feeds(self) -> list[str]:
        """Return the slugs of the published feeds, sorted.

        Raises:
            PublishError: if the destination cannot be listed.
        """

    def pages(self, slug: str) -> list[str]:
        """Return the names of the page folders in a feed's archive, sorted.

        Raises:
            PublishError: if the destination cannot be listed.
        """

    def item_pages(self) -> list[str]:
        """Return the names of the documents that have the names of items' pages, sorted.

        Raises:
            PublishError: if the destination cannot be listed.
        """


def open_destination(location: str, *, keep_threads: bool = False) -> Destination:
    """Return the destination for a folder of this machine or the URL of an object store.

    With `keep_threads`, for a daemon, a folder's threads stay from one turn to the next.
    """
    if is_url(location):
        from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it
        from aggregator.publisher.bucket import BucketWriter  # noqa: PLC0415

        return BucketWriter(Store(location))
    from aggregator.publisher.files import FolderWriter  # noqa: PLC0415 - would be a circle

    return FolderWriter(location, keep_threads=keep_threads)
