"""Documents to objects of a store: a reader finds each one whole, old or new, since each is written by one put.

The same as `writer` for what is no folder. In come documents, out goes which of them were written, were right already,
or failed and why. Each is three objects: the document as it is, and beside it `.gz` and `.br`, which say so in their
Content-Encoding. A store does not choose among them by what a client accepts; whoever stands before it may.

What is there is known from one listing for each look at everything (`begin`), and from our own puts after it; an object
whose tag says that it holds the right bytes is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from aggregator.model import document_names
from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.errors import PublishError, StoreError, reason_of
from aggregator.model.feeds import Document
from aggregator.model.slugs import SLUG
from aggregator.publisher.encodings import BROTLI, CODINGS, GZIP, encoded
from aggregator.publisher.files import Published

THREADS = 16
"""So many documents are on their way at once."""

_CODING_NAMES = {GZIP: "gzip", BROTLI: "br"}


class Store(Protocol):
    """What is needed of a store (`stores.Store`)."""

    @property
    def url(self) -> str:
        """The place, for messages."""

    def make(self) -> None:
        """Make a folder that is not there."""

    def entries(self, below: str = "") -> Iterable[Any]:
        """List it."""

    def put(self, name: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """Write an object and give its entry."""

    def holds(self, entry: Any, body: bytes) -> bool:
        """Say whether an object holds these bytes."""

    def remove(self, name: str) -> None:
        """Remove an object."""


class BucketWriter:
    """Keeps the published documents in `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Any] | None = None
        self._now = 0
        self._silence: StoreError | None = None
        self._is_fresh = False

    def prepare(self) -> list[str]:
        """See that the store can be listed; it has no temporary files to clear away.

        Raises:
            PublishError: where it cannot.
        """
        self.begin(0, look=True)
        self._is_fresh = True
        return []

    def begin(self, now: int, *, look: bool) -> None:
        """Begin a turn at `now` (seconds since 1970), which decides how long documents may be kept.

        With `look` the store is asked what is there, else that is taken for known.

        Raises:
            PublishError: where it cannot be listed.
        """
        self._now, self._silence = now, None
        is_fresh, self._is_fresh = self._is_fresh, False
        if (look and not is_fresh) or self._known is None:
            self._known = None
            try:
                self._known = self._listed()
            except StoreError as error:
                raise PublishError("feeds", str(error)) from error
            except OSError as error:
                raise PublishError(self._store.url, f"cannot be listed: {_reason(error)}") from error

    def _listed(self) -> dict[str, Any]:
        try:
            return {entry.name: entry for entry in self._store.entries()}
        except FileNotFoundError:
            self._store.make()
            return {}

    def publish(self, wanted: Iterable[Document]) -> Published:
        """Bring the objects of `wanted` up to date; those that are right already keep their tag and date."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 10 ms that a build with no change saves

        written: list[str] = []
        unchanged: list[str] = []
        failed: list[PublishError] = []
        with ThreadPoolExecutor(THREADS) as pool:
            for name, result in pool.map(self._publish, wanted):
                if isinstance(result, PublishError):
                    failed.append(result)
                else:
                    (written if result else unchanged).append(name)
        return Published(written=tuple(written), unchanged=tuple(unchanged), failed=tuple(failed))

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove the documents `names`; give those of which anything was there.

        The first one that cannot be removed ends it with a `PublishError`.
        """
        return tuple(name for name in names if self._remove(name))

    def stamp(self, name: str) -> str | None:
        """Give a cheap identity of a published document's three objects, None unless all are there."""
        entries = [self._entries.get(name + suffix) for suffix in ("", *CODINGS)]
        return " ".join(f"{at.tag}:{at.size}:{at.modified}" for at in entries if at) if all(entries) else None

    def has(self, name: str) -> bool:
        """Say whether anything is there under a document's name."""
        return name in self._entries

    def feeds(self) -> list[str]:
        """Name the folders of feeds."""
        return sorted(filter(SLUG.fullmatch, {name.partition("/")[0] for name in self._entries if "/" in name}))

    def pages(self, slug: str) -> list[str]:
        """Name the folders of pages in a feed's archive."""
        start = f"{slug}/{ARCHIVE}/"
        found = {name[len(start) :].partition("/")[0] for name in self._entries if name.startswith(start)}
        return sorted(found)

    @property
    def _entries(self) -> dict[str, Any]:
        if self._known is None:
            self.begin(self._now, look=True)
        assert self._known is not None
        return self._known

    def _publish(self, document: Document) -> tuple[str, bool | PublishError]:
        """Bring the three objects of a document up to date; says whether any was written, or what went wrong."""
        name = document.name
        try:
            if self._silence is not None:  # each further request would have to be waited for
                raise self._silence
            changed = [self._put(name, suffix, body) for suffix, body in _bodies(document)]
            return name, any(changed)
        except StoreError as error:
            self._silence = error
            return name, PublishError(name, str(error))
        except OSError as error:
            return name, PublishError(name, _reason(error))

    def _put(self, name: str, suffix: str, body: bytes) -> bool:
        entry = self._entries.get(name + suffix)
        if entry is not None and self._store.holds(entry, body):
            return False
        headers = {
            "content-type": document_names.content_type(name),
            "cache-control": document_names.lifetime(name, self._now),
            **({"content-encoding": _CODING_NAMES[suffix]} if suffix else {}),
        }
        self._entries[name + suffix] = self._store.put(name + suffix, body, headers)
        return True

    def _remove(self, name: str) -> bool:
        removed = False
        try:
            # The body last: as long as it is there, a removal that was cut short is asked for again.
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
        return "the bucket is not there"
    return str(error) if error.errno is None else reason_of(error)
