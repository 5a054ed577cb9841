"""Published documents in memory, as they are served: a name in, an `Entry` out that is what lies in the feeds folder.

Reads the feeds folder and nothing else. A document is opened once, without following a link, and read whole; what is
served is what was read, never a file that is looked at first and opened later. It is looked at again when a turn says
so (`doubt`), and at most a second after anybody else replaced it. How much is kept is bounded in bytes; what was not
asked for lately is read again when it is.
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
from aggregator.model.archive_layout import ARCHIVE, instead_of, page_of
from aggregator.service.http.responses import Entry, shelve

if TYPE_CHECKING:
    from aggregator.model.feeds import Site

KEPT_BYTES = 64 * 1024 * 1024
LOOK_AGAIN = 1.0
"""How long, in seconds, what was read is served before it is asked whether the files are still those."""

RACY = 2.0
"""A file younger than that, in seconds, may change again without its times telling."""

_SUFFIXES = {"": "", "gzip": ".gz", "br": ".br"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Stamp = tuple[tuple[int, ...] | None, ...]


@dataclass(slots=True)
class _Place:
    entry: Entry
    stamp: _Stamp
    settled: bool
    looked: float


class Shelf:
    """The documents of the feeds folder `folder`, for `site` (whose address and hub the Link headers name).

    `clock` gives seconds since 1970, for comparison with the files' times; `kept` is how many bytes may be kept,
    `look_again` after how many seconds the files are looked at again where nobody said that they changed.
    """

    def __init__(
        self, folder: str, site: Site, *, clock: Callable[[], float], kept: int = KEPT_BYTES,
        look_again: float = LOOK_AGAIN,
    ) -> None:  # fmt: skip
        self._folder, self._site, self._clock, self._most = folder, site, clock, kept
        self._patience = look_again
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._size = 0

    def get(self, name: str) -> Entry | None:
        """Give the document `name`, None where there is none; anything but a name of ours is refused unseen."""
        place = self._places.get(name)
        if place is None:
            return self._load(name) if document_names.is_published(name) else None
        if time.monotonic() - place.looked > self._patience:
            return self._look_again(name, place)
        self._places.move_to_end(name)
        return place.entry

    def doubt(self, slugs: Iterable[str]) -> None:
        """Look again, when they are next asked for, at the documents of these feeds and at those of the site."""
        changed = {*slugs, *document_names.SITE_DOCUMENTS, ".well-known"}
        for name, place in self._places.items():
            if name.partition("/")[0] in changed:
                place.looked = float("-inf")
                place.settled = False

    def moved(self, name: str) -> str:
        """Give the document that holds what the document `name` of an archive held before it went, "" if none does."""
        page = page_of(name)
        if page is None:
            return ""
        found = instead_of(page, _folders(f"{self._folder}/{page.slug}/{ARCHIVE}"))
        other = f"{page.slug}/{ARCHIVE}/{found}/{document_names.file_of(name)}"
        return other if found and self.get(other) else ""

    @property
    def size(self) -> int:
        """Give how many bytes are kept."""
        return self._size

    def _look_again(self, name: str, place: _Place) -> Entry | None:
        if place.settled and _stamp(self._folder, name) == place.stamp:
            place.looked = time.monotonic()
            self._places.move_to_end(name)
            return place.entry
        return self._load(name)

    def _load(self, name: str) -> Entry | None:
        self._drop(name)
        looked = time.monotonic()
        stamp = _stamp(self._folder, name)
        bodies, modified = _read(self._folder, name)
        if "" not in bodies:
            return None
        now = self._clock()
        # Within the second in which it was written a date cannot tell it from what may follow it (RFC 9110 §8.8.2.2):
        # newsboat takes a second change of the same second for none. Nor may it be later than now.
        settled = now - modified >= RACY
        entry = shelve(name, bodies, modified=int(modified) if settled else None, site=self._site, now=now)
        self._keep(name, _Place(entry, stamp, settled, looked))
        return entry

    def _keep(self, name: str, place: _Place) -> None:
        if place.entry.size > self._most // 2:
            return
        self._places[name] = place
        self._size += place.entry.size
        while self._size > self._most:
            self._drop(next(iter(self._places)))

    def _drop(self, name: str) -> None:
        place = self._places.pop(name, None)
        if place is not None:
            self._size -= place.entry.size


def _stamp(folder: str, name: str) -> _Stamp:
    return tuple(_stamp_of(f"{folder}/{name}{suffix}") for suffix in _SUFFIXES.values())


def _stamp_of(path: str) -> tuple[int, ...] | None:
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
    """Read a document's body and its encodings, and when the body was written; nothing where it is not a file."""
    *parts, file = name.split("/")
    bodies: dict[str, bytes] = {}
    modified = 0.0
    opened: list[int] = []
    try:
        opened.append(os.open(folder, _FOLDER & ~os.O_NOFOLLOW))
        for part in parts:
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
        for coding, suffix in _SUFFIXES.items():
            found = _whole(file + suffix, opened[-1])
            if found is not None:
                bodies[coding], written = found
                modified = modified or written
    except OSError:
        pass  # what is not there, or no longer, is not served; the writer's turn says what is wrong with the disk
    finally:
        for fd in opened:
            os.close(fd)
    return bodies, modified


def _whole(file: str, folder: int) -> tuple[bytes, float] | None:
    """Read a regular file of an open folder, and when it was written; None for anything else."""
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
