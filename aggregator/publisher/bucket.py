"""Documents published in an object store: each object is written by one put, so a reader finds it complete, old or new.

As `files`, for a store instead of a folder. Each document is three objects: the document as it is, and beside it `.gz`
and `.br` with their Content-Encoding. A store does not choose among them by what a client accepts; a proxy in front of
it may. Touches the store and nothing else.

What exists is known from one listing (`begin`) and from our own puts after it. An object whose tag shows that it holds
the right bytes is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from aggregator.model import document_names
from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.errors import PublishError, StoreError, reason_of
from aggregator.model.feeds import Document
from aggregator.model.item_pages import is_item_page
from aggregator.model.search_files import is_search_file
from aggregator.model.slugs import SLUG
from aggregator.object_store import Entry, Store
from aggregator.publisher.destination import Destination, Published
from aggregator.publisher.encodings import BROTLI, CODINGS, GZIP, encoded
from aggregator.publisher.ownership import NOT_A_FILE, START

THREADS = 16
"""How many documents are written at the same time."""

LARGEST = 64 * 1024 * 1024
"""How large, in bytes, an object of ours may be; a larger one is somebody else's."""

_CODING_NAMES = {GZIP: "gzip", BROTLI: "br"}


class BucketWriter(Destination):
    """Publishes documents in `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Entry] | None = None
        self._now = 0
        self._outage: StoreError | None = None
        self._is_listed = False

    def close(self) -> None:
        """Do nothing: a store is not held."""

    def prepare(self) -> list[str]:
        """List the store, which has no temporary files.

        Raises:
            PublishError: if it cannot be listed.
        """
        self.begin(0, relist=True)
        self._is_listed = True
        return []

    def begin(self, now: int, *, relist: bool) -> None:
        """Begin a turn at `now` (seconds since 1970), on which the Cache-Control of documents depends.

        With `relist`, the store is listed again; else what is known of it is taken for right.

        Raises:
            PublishError: if it cannot be listed.
        """
        self._now, self._outage = now, None
        is_listed, self._is_listed = self._is_listed, False
        if (relist and not is_listed) or self._known is None:
            self._known = None
            try:
                self._known = self._listed()
            except StoreError as error:
                raise PublishError("feeds", str(error)) from error
            except OSError as error:
                raise PublishError(self._store.url, f"cannot be listed: {_reason(error)}") from error

    def _listed(self) -> dict[str, Entry]:
        try:
            return {entry.name: entry for entry in self._store.entries()}
        except FileNotFoundError:
            self._store.make()
            return {}

    def publish(self, documents: Iterable[Document]) -> Published:
        """Write the objects of `documents` that differ; those that are right already keep their tag and date."""
        return self._publish_all(documents, self._publish)

    def _publish_all(
        self, documents: Iterable[Document], publish: Callable[[Document], tuple[str, bool | PublishError]]
    ) -> Published:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 10 ms that a build without changes saves

        written: list[str] = []
        unchanged: list[str] = []
        failed: list[PublishError] = []
        with ThreadPoolExecutor(THREADS) as pool:
            for name, result in pool.map(publish, documents):
                if isinstance(result, PublishError):
                    failed.append(result)
                else:
                    (written if result else unchanged).append(name)
        return Published(written=tuple(written), unchanged=tuple(unchanged), failed=tuple(failed))

    def publish_data(self, documents: Iterable[Document]) -> Published:
        """Write the objects of documents that differ, without encodings beside them."""
        return self._publish_all(documents, self._publish_one)

    def remove_data(self, names: Iterable[str]) -> None:
        """Remove documents that have no encodings; some may be gone already, or were put by another process.

        Raises:
            PublishError: for the first document that cannot be removed.
        """
        for name in names:
            try:
                self._store.remove(name)
            except (StoreError, OSError) as error:
                raise PublishError(name, str(error) if isinstance(error, StoreError) else _reason(error)) from error
            self._entries.pop(name, None)

    def search_files(self) -> dict[str, int]:
        """Return the names of the documents that have the names of files of a search, with their sizes in bytes."""
        return {name: entry.size for name, entry in self._entries.items() if is_search_file(name)}

    @property
    def shared_folder(self) -> str | None:
        """None: what this process knows of the store's objects would be wrong."""
        return None

    def flush(self) -> None:
        """Do nothing: a store answers once an object is safe."""

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove the documents `names`; return those that had any object.

        Raises:
            PublishError: for the first document that cannot be removed.
        """
        return tuple(name for name in names if self._remove(name))

    def file_identity(self, name: str) -> str | None:
        """Return the identity (tag, size, date) of a document's three objects, or None unless all three exist."""
        entries = [self._entries.get(name + suffix) for suffix in ("", *CODINGS)]
        return " ".join(f"{at.tag}:{at.size}:{at.modified}" for at in entries if at) if all(entries) else None

    def is_whole(self, name: str) -> bool:
        """Return True without reading: a store keeps checksums of its own, and a listing shows each object's tag."""
        return name in self._entries

    def read_start(self, file: str) -> bytes | None:
        """Return the first bytes of an object, None if there is none.

        Raises:
            PublishError: if it cannot be read.
        """
        if file not in self._entries:
            return None
        try:
            (found,) = self._store.fetch([file], LARGEST)
        except StoreError as error:
            raise PublishError(file, str(error)) from error
        if isinstance(found, OSError):
            raise PublishError(file, _reason(found)) from found
        if found is None:
            return None
        return NOT_A_FILE if found.data is None else found.data[:START]

    def feeds(self) -> list[str]:
        """Return the slugs of the published feeds, sorted."""
        return sorted(filter(SLUG.fullmatch, {name.partition("/")[0] for name in self._entries if "/" in name}))

    def pages(self, slug: str) -> list[str]:
        """Return the names of the page folders in a feed's archive, sorted."""
        start = f"{slug}/{ARCHIVE}/"
        found = {name[len(start) :].partition("/")[0] for name in self._entries if name.startswith(start)}
        return sorted(found)

    def item_pages(self) -> list[str]:
        """Return the names of the documents that have the names of items' pages, sorted."""
        return sorted(filter(is_item_page, self._entries))

    @property
    def _entries(self) -> dict[str, Entry]:
        if self._known is None:
            self.begin(self._now, relist=True)
        assert self._known is not None
        return self._known

    def _publish(self, document: Document) -> tuple[str, bool | PublishError]:
        """Write the objects of a document that differ; return its name and whether any was written, or the error."""
        return self._put_all(document.name, _bodies(document))

    def _publish_one(self, document: Document) -> tuple[str, bool | PublishError]:
        """Write the one object of a document, likewise."""
        return self._put_all(document.name, [("", document.body)])

    def _put_all(self, name: str, bodies: Iterable[tuple[str, bytes]]) -> tuple[str, bool | PublishError]:
        try:
            if self._outage is not None:  # each further request would wait for its time limit
                raise self._outage
            changed = [self._put(name, suffix, body) for suffix, body in bodies]
            return name, any(changed)
        except StoreError as error:
            self._outage = error
            return name, PublishError(name, str(error))
        except OSError as error:
            return name, PublishError(name, _reason(error))

    def _put(self, name: str, suffix: str, body: bytes) -> bool:
        entry = self._entries.get(name + suffix)
        if entry is not None and self._store.holds(entry, body):
            return False
        headers = {
            "content-type": document_names.content_type(name),
            "cache-control": document_names.cache_control(name, self._now),
            **({"content-encoding": _CODING_NAMES[suffix]} if suffix else {}),
        }
        self._entries[name + suffix] = self._store.put(name + suffix, body, headers)
        return True

    def _remove(self, name: str) -> bool:
        removed = False
        try:
            # The body goes last: as long as it exists, an interrupted removal is requested again.
            for suffix in (*CODINGS, ""):
                if name + suffix in self._entries:
                    self._store.remove(name + suffix)
                    del self._entries[name + suffix]
                    removed = True
        except (StoreError, OSError) as error:
            reason = str(error) if isinstance(error, StoreError) else _reason(error)
            raise PublishError(name, reason) from error
        return removed


def _bodies(document: Document) -> Iterator[tuple[str, bytes]]:
    ready = dict(document.encoded)
    yield "", document.body
    for suffix in CODINGS:
        yield suffix, ready.get(suffix) or encoded(document, suffix)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the bucket is missing"
    return str(error) if error.errno is None else reason_of(error)
