"""Published documents in memory, ready to be served. Reads the feeds folder and nothing else.

A document is opened once, without following a link, and read completely; what is served is what was read, never a file
that was examined first and opened later. It is read again if it changed: after a turn said so (`invalidate`), and at
most a second after anybody else replaced it. The cache is bounded in bytes; the least recently used documents leave it.
"""

from __future__ import annotations

import os
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.model import document_names
from aggregator.model.archive_layout import ARCHIVE, page_of, replacement_of
from aggregator.model.words import utc_time
from aggregator.service.http.responses import CachedDocument, cached_document

if TYPE_CHECKING:
    from aggregator.model.feeds import Site

MAX_BYTES = 64 * 1024 * 1024
CHECK_INTERVAL = 1.0
"""How long, in seconds, a document is served before its files are compared again."""

RACY = 2.0
"""A file younger than this, in seconds, may change again and keep its times."""

_SUFFIXES = {"": "", "gzip": ".gz", "br": ".br"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Identity = tuple[tuple[int, ...] | None, ...]


@dataclass(slots=True)
class _Slot:
    document: CachedDocument
    identity: _Identity
    settled: bool
    checked: float


class DocumentCache:
    """The documents of the feeds folder `folder`, for `site` (whose address and hub the Link headers name).

    `clock` returns seconds since 1970, for comparison with the files' times. At most `max_bytes` are kept.
    `check_interval` is after how many seconds files are compared again, if nobody reported a change.
    """

    def __init__(
        self, folder: str, site: Site, *, clock: Callable[[], float], max_bytes: int = MAX_BYTES,
        check_interval: float = CHECK_INTERVAL,
    ) -> None:  # fmt: skip
        self._folder, self._site, self._clock, self._max_bytes = folder, site, clock, max_bytes
        self._check_interval = check_interval
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._size = 0

    def get(self, name: str) -> CachedDocument | None:
        """Return the document `name`, or None if it does not exist or is not a valid document name."""
        slot = self._slots.get(name)
        if slot is None:
            return self._load(name) if document_names.is_document_name(name) else None
        if time.monotonic() - slot.checked > self._check_interval:
            return self._load_if_changed(name, slot)
        self._slots.move_to_end(name)
        return slot.document

    def invalidate(self, slugs: Iterable[str]) -> None:
        """Read the documents of these feeds, of the site and of its search again when they are next requested."""
        changed = {*slugs, *document_names.SITE_DOCUMENTS, ".well-known", "-"}
        for name, slot in self._slots.items():
            if name.partition("/")[0] in changed:
                slot.checked = float("-inf")
                slot.settled = False

    def replacement(self, name: str) -> str:
        """Return the document that has the items of the removed archive document `name` now, "" if none has."""
        page = page_of(name)
        if page is None or page.month > utc_time(int(self._clock()))[:7]:
            return ""  # no page of a month to come can have been removed
        found = replacement_of(page, _folders(f"{self._folder}/{page.slug}/{ARCHIVE}"))
        other = f"{page.slug}/{ARCHIVE}/{found}/{document_names.kind_of(name)}"
        return other if found and self.get(other) else ""

    @property
    def site(self) -> Site:
        """Whose documents these are."""
        return self._site

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._size

    def _load_if_changed(self, name: str, slot: _Slot) -> CachedDocument | None:
        if slot.settled and _identities(self._folder, name) == slot.identity:
            slot.checked = time.monotonic()
            self._slots.move_to_end(name)
            return slot.document
        return self._load(name)

    def _load(self, name: str) -> CachedDocument | None:
        self._drop(name)
        checked = time.monotonic()
        identity = _identities(self._folder, name)
        bodies, modified = _read(self._folder, name)
        if "" not in bodies:
            return None
        now = self._clock()
        # A date in seconds does not distinguish two versions of the same second (RFC 9110 §8.8.2.2): newsboat would
        # miss the second one. Nor may the date be in the future.
        settled = now - modified >= RACY
        document = cached_document(name, bodies, modified=int(modified) if settled else None, site=self._site, now=now)
        self._keep(name, _Slot(document, identity, settled, checked))
        return document

    def _keep(self, name: str, slot: _Slot) -> None:
        if slot.document.size > self._max_bytes // 2:
            return
        self._slots[name] = slot
        self._size += slot.document.size
        while self._size > self._max_bytes:
            self._drop(next(iter(self._slots)))

    def _drop(self, name: str) -> None:
        slot = self._slots.pop(name, None)
        if slot is not None:
            self._size -= slot.document.size


def _identities(folder: str, name: str) -> _Identity:
    return tuple(_identity(f"{folder}/{name}{suffix}") for suffix in _SUFFIXES.values())


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _folders(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(folder: str, name: str) -> tuple[dict[str, bytes], float]:
    """Read a document and its encodings, and when it was written; return no bodies if it is not a regular file."""
    *parts, file = name.split("/")
    bodies: dict[str, bytes] = {}
    modified = 0.0
    opened: list[int] = []
    try:
        opened.append(os.open(folder, _FOLDER & ~os.O_NOFOLLOW))
        for part in parts:
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
        for coding, suffix in _SUFFIXES.items():
            found = _read_file(file + suffix, opened[-1])
            if found is not None:
                bodies[coding], written = found
                modified = modified or written
    except OSError:
        pass  # a missing document is not served; a turn that writes reports what is wrong with the disk
    finally:
        for fd in opened:
            os.close(fd)
    return bodies, modified


def _read_file(file: str, folder: int) -> tuple[bytes, float] | None:
    """Read a regular file in an open folder, and when it was written; return None for anything else."""
    try:
        fd = os.open(file, _FILE, dir_fd=folder)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return None
        with open(fd, "rb", closefd=False, buffering=0) as opened:
            return opened.readall(), found.st_mtime
    finally:
        os.close(fd)
