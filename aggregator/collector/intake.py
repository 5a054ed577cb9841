"""From what was received to seeds: the formats on one side, the folder of collected seeds on the other.

The shell around `documents`, `seeds` and `writing`. What reads formats is imported when the first document comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from aggregator.collector import seeds, writing
from aggregator.collector.answers import Answer
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.guards import Write
from aggregator.collector.state import Known, Pending
from aggregator.collector.timing import field, iso_date
from aggregator.model.sources import Source, SourceList

UNKNOWN = "?"
"""Begins the key of an entry recovered from its seed, until the source lists it again; its short id follows."""

_TOLD: dict[writing.Done, str] = {
    "edited": "Shown as a person changed its seed; what the source says now is not taken over",
    "deleted": "Not shown: a person deleted its seed",
}


class Intake:
    """Reads documents, and writes seeds into a folder."""

    def __init__(self, folder: str) -> None:
        """Write into `folder`, which is never made: it may be a disk that is not mounted."""
        self._folder = folder
        self._lists: dict[str, tuple[tuple[int, int, str], tuple[Source, ...] | str]] = {}

    def parse(self, pending: Pending) -> Document | NoDocument:
        """Return what a received document holds."""
        from aggregator.collector.documents import parse  # noqa: PLC0415 - feedparser and lxml

        return parse(pending.body, content_type=pending.content_type, url=pending.url)

    def recover(self, source: Source) -> list[Known]:
        """Return the entries whose seeds lie in the folder of a source, if the database knows of none.

        Raises:
            AggregatorError: If the folder cannot be read.
        """
        return [
            Known(
                key=UNKNOWN + one.short_id, seen_at=date, date=date, title=one.title, link=one.link, path=one.path,
                is_withdrawn=one.is_removed, note=f"{_TOLD['edited']}" if one.is_edited else "",
            )
            for one in writing.collected(self._folder, source)
            for date in [iso_date(one.published) or iso_date(one.date) or 0]
        ]  # fmt: skip

    def write(self, source: Source, write: Write, document: Document | None, *, page: str | None = None) -> Known:
        """Write a seed, and return its row with the path, and with what a person did to it.

        Raises:
            AggregatorError: If it cannot be written.
        """
        row = write.known
        if write.is_withdrawn:
            done = writing.withdraw(self._folder, write.path)
            return msgspec.structs.replace(row, note=_TOLD.get(done, ""))
        entry = msgspec.structs.replace(write.entry, content=page) if page else write.entry
        path = write.path or writing.place_of(self._folder, seeds.path_of(entry, source, first_seen=row.date))
        data = seeds.seed_of(entry, source, document, first_seen=row.date)
        done = writing.put(self._folder, path, data, is_new=not write.path)
        return msgspec.structs.replace(row, path=path, note=_TOLD.get(done, ""))

    def list_of(self, one: SourceList) -> tuple[Source, ...] | str:
        """Return the sources of a living list that is a file, or why it cannot be read."""
        from aggregator.collector import lists  # noqa: PLC0415 - lxml

        try:
            with open(one.location, "rb") as file:
                stat = os.fstat(file.fileno())
                version = (stat.st_mtime_ns, stat.st_size, repr(one.defaults))
                known = self._lists.get(one.location)
                if known is None or known[0] != version:
                    known = self._lists[one.location] = (version, self.parse_list(file.read(lists.LARGEST + 1), one))
        except OSError as error:
            return f"{one.location}: {error.strerror}"
        return known[1]

    def parse_list(self, data: bytes, one: SourceList) -> tuple[Source, ...] | str:
        """Return the sources of a living list, or why it is none."""
        from aggregator.collector import lists  # noqa: PLC0415 - lxml

        return lists.sources_of(data, defaults=one.defaults)

    def check_pages(self) -> None:
        """Check that texts of pages can be found.

        Raises:
            AggregatorError: If the extra `fulltext` is not installed.
        """
        from aggregator.collector import page  # noqa: PLC0415 - only for `content: page`

        page.check()

    def text_of_page(self, answer: Answer) -> str:
        """Return the text of a page as HTML, "" if none is found."""
        from aggregator.collector import page  # noqa: PLC0415 - readability-lxml

        return page.text_of_page(answer.body, content_type=field(answer.headers, "content-type"), url=answer.url)

    def remove_leftovers(self) -> None:
        """Remove temporary files of a process that was killed.

        Raises:
            AggregatorError: If the folder cannot be read.
        """
        writing.remove_leftovers(self._folder)


def recognised(known: dict[str, Known], document: Document, source: Source) -> dict[str, Known]:
    """Return the rows with those that were recovered from seeds under the keys that a document has for them."""
    lost = {row.key for row in known.values() if row.key.startswith(UNKNOWN)}
    if not lost:
        return known
    keys = {UNKNOWN + seeds.short_id(source, key): key for key in _keys(document)}
    return {
        key: msgspec.structs.replace(row, key=key)
        for row in known.values()
        for key in [keys.get(row.key, row.key) if row.key in lost else row.key]
    }


def _keys(document: Document) -> Iterable[str]:
    yield from (entry.key for entry in document.entries)
    yield from document.deleted
