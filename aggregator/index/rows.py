"""Rows of `index.db` as they are read: each is checked for types, ranges and checksums before anything uses it. Pure.

SQLite returns whatever the file holds: a flipped bit makes a BLOB a text, an integer a huge one. Every function here
raises `DamagedRowError` for a row that this program cannot have written. None quotes a value: it may be private.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from aggregator.model.item_pages import is_item_page
from aggregator.model.slugs import SLUG
from aggregator.normalizer.identity import is_uri
from aggregator.normalizer.stored import CHECKSUM, entries_decoder, pack, unpack_seed, verified

MOST_ROWS = 2**40
"""Numbers of stories, files and feeds are below this."""

_YEAR_10000 = 253_402_300_800
"""No moment that is shown is later, in seconds since 1970."""

Row = tuple[Any, ...]

_entries = entries_decoder.decode


class DamagedRowError(sqlite3.DatabaseError):
    """A row is not as it was written: the index is damaged."""

    def __init__(self, table: str) -> None:
        """Name the table."""
        super().__init__(f"a row of the table {table} is damaged")


# -- checksums


def checksum(*values: object) -> int:
    """Return the checksum that is stored beside these values; a damaged file may hold values of any type."""
    return text_checksum(" ".join(map(str, values)))


def text_checksum(text: str) -> int:
    """Return the checksum of an id."""
    return zlib.crc32(text.encode("utf-8", "surrogateescape"))


def file_checksum(row: tuple[Any, ...]) -> int:
    """Return the checksum of a row of the table `file`; its stat key and digest change without it."""
    return zlib.crc32(pack(row[8:21] + row[:2]))


# -- types


class Columns:
    """Checks the types of the columns of rows; a combination that was valid once is recognised at once."""

    def __init__(self, table: str, *types: type | tuple[type, ...]) -> None:
        self._table = table
        self._types = types
        self._valid: set[tuple[type, ...]] = set()

    def __call__(self, row: Row) -> Row:
        """Return the row.

        Raises:
            DamagedRowError: if a value has a type that its column never has.
        """
        found = tuple(map(type, row))
        if found not in self._valid:
            if not all(map(_is_one_of, found, self._types)):
                raise DamagedRowError(self._table)
            self._valid.add(found)
        return row

    def all(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, each after its check."""
        return map(self, rows)


def _is_one_of(found: type, wanted: type | tuple[type, ...]) -> bool:
    return found is wanted or (type(wanted) is tuple and found in wanted)


def is_text(value: object) -> bool:
    """Return whether a value is text that this program may have stored as a name, a path or an id."""
    return type(value) is str and "\0" not in value


def is_number(value: object, start: int, end: int) -> bool:
    """Return whether a value is an integer with start <= value < end."""
    return type(value) is int and start <= value < end


# -- rows of one table


def check_file(row: Row) -> Row:
    """Return a row of the table `file`, whose last column is its checksum."""
    if file_checksum(row) != row[21]:
        raise DamagedRowError("file")
    return row


def is_story(row: Row) -> bool:
    """Return whether a row of the table `story` can have been written."""
    story, id, own, final, stored = row  # noqa: A001 - the column's name
    numbers = is_number(story, 1, MOST_ROWS) and is_number(own, 0, 2) and is_number(final, 0, 2)
    return numbers and is_text(id) and checksum(id) == stored


def is_alias(row: Row) -> bool:
    """Return whether a row of the table `alias` can have been written."""
    return type(row[0]) is int and is_number(row[1], 1, MOST_ROWS)


def is_public_id(row: Row) -> bool:
    """Return whether a row of the table `public_id` can have been written."""
    own, id, stored = row  # noqa: A001 - the column's name
    return is_text(own) and is_text(id) and is_uri(id) and checksum(own, id) == stored


def is_last_good(row: Row) -> bool:
    """Return whether a row of the table `last_good` can have been written."""
    path, seed, digest = row
    try:
        unpack_seed(verified(seed, digest))
    except msgspec.MsgspecError:
        return False
    return is_text(path)


def is_withdrawn(row: Row) -> bool:
    """Return whether a row of the table `withdrawn` can have been written."""
    story, slug, at, ends, id = row  # noqa: A001 - the column's name
    times = is_number(at, 0, _YEAR_10000) and is_number(ends, at, 2 * _YEAR_10000) and ends % 60 == 0
    return times and is_number(story, 1, MOST_ROWS) and is_slug(slug) and is_text(id)


def is_topic_name(row: Row) -> bool:
    """Return whether a row of the table `topic_name` can have been written."""
    slug, name, uses = row
    return is_slug(slug) and is_text(name) and is_number(uses, 0, MOST_ROWS)


def is_gone_page(row: Row) -> bool:
    """Return whether a row of the table `gone_page` can have been written."""
    name, at, stored = row
    return is_text(name) and is_item_page(name) and is_number(at, 0, _YEAR_10000) and checksum(name, at) == stored


def is_slug(value: object) -> bool:
    """Return whether a value is the slug of a feed."""
    return type(value) is str and SLUG.fullmatch(value) is not None


VALID: dict[str, Callable[[Row], bool]] = {
    "alias": is_alias,
    "story": is_story,
    "public_id": is_public_id,
    "last_good": is_last_good,
    "withdrawn": is_withdrawn,
    "topic_name": is_topic_name,
    "gone_page": is_gone_page,
}
"""By table, the check of a row of what cannot be derived from the seeds."""


def check(table: str, row: Row) -> Row:
    """Return a row of a table of `VALID`, with all its columns."""
    if not VALID[table](row):
        raise DamagedRowError(table)
    return row


def check_visible(row: Row) -> Row:
    """Return the first five columns of an item that a feed shows, after comparing it with what its file says.

    The row is file, content, verdict, id, since; feed, sort, worst, tie, starts, ends; the file's packed entries; the
    checksum of the id, whether the seed chose it, its public form and the checksum of that. The id that is returned is
    the public one.
    """
    _, content, verdict, id, _, feed, sort, worst, tie, starts, ends, shown, stored, *public = row  # noqa: A001
    if content.__class__ is not bytes or verdict.__class__ is not bytes or shown.__class__ is not bytes:
        raise DamagedRowError("file")
    if id.__class__ is not str or text_checksum(id) != stored:
        raise DamagedRowError("story")
    # Without a look at their checksum, since they are compared.
    in_order, by_worst, by_tie, windows = _entries(shown[:-CHECKSUM])
    if in_order != sort or by_worst != worst or by_tie != tie or (feed, starts, ends) not in windows:
        raise DamagedRowError("entry")
    return row[:5] if public == [0, None, None] else (*row[:3], _public_id(id, *public), row[4])


def _public_id(id: str, own: int, public: Any, stored: Any) -> str:  # noqa: A002 - the column's name
    """Return the form of an id in feeds: its own if that is a URI."""
    if public is None and is_uri(id):
        return id
    if own not in {0, 1} or not is_public_id((id, public, stored)):
        raise DamagedRowError("public_id")
    return str(public)


def check_feed(row: Row) -> Row:
    """Return a row of the table `feed`, without its checksum."""
    feed, slug, dirty, key, stamps, summary, _, stored = _feed(row)
    was_written = stamps is not None or key is None
    if not (is_slug(slug) and 0 <= dirty <= 2 and was_written and checksum(feed, slug) == stored):
        raise DamagedRowError("feed")
    if (stamps is not None and summary is None) or (key is not None and not summary):
        raise DamagedRowError("feed")
    return row[:7]


_blob = (type(None), bytes)
_feed = Columns("feed", int, str, int, _blob, _blob, _blob, _blob, int)


def check_meta(key: str, value: Any) -> Any:
    """Return the value that is stored under a key."""
    if type(value) is not META.get(key, type(value)):
        raise DamagedRowError("meta")
    return value


META = {
    "archives": int,
    "item_pages": str,
    "items_show": bytes,
    "policy": bytes,
    "heads": str,
    "reading": str,
    "shows": bytes,
    "site": bytes,
    "sitemap": bytes,
    "tombstones": int,
    "words": str,
}
"""The keys of the table `meta`, each with the type of its value."""


def check_page(row: Row) -> Row:
    """Return a row that begins with feed, month, last and the checksum of these."""
    if checksum(*row[:3]) != row[3]:
        raise DamagedRowError("page")
    return row


def check_item_page(row: Row) -> Row:
    """Return a row of the table `item_page`: story, name, month, changed, listed, key, stamps, checksum."""
    story, name, month, changed, listed, key, stamps, stored = _item_page(row)
    if checksum(story, name or "", month, changed, listed) != stored or (key is not None and not (name and stamps)):
        raise DamagedRowError("item_page")
    return row


_item_page = Columns("item_page", int, (type(None), str), int, int, int, _blob, _blob, int)


def check_sitemap(row: Row) -> Row:
    """Return a row of the table `sitemap`: month, parts, stamps, checksum."""
    if checksum(row[0], row[1]) != _sitemap(row)[3]:
        raise DamagedRowError("sitemap")
    return row


_sitemap = Columns("sitemap", int, int, _blob, int)


def check_alike(row: Row) -> tuple[int, int, int]:
    """Return file, other file and share of a row of the table `alike`, whose last column is its checksum."""
    if checksum(*row[:3]) != row[3]:
        raise DamagedRowError("alike")
    return row[0], row[1], row[2]


def check_coverage(row: Row) -> tuple[int, int, int]:
    """Return file, other file and share of a row of the table `coverage`, whose last column is its checksum."""
    if checksum(*row[:3]) != row[3]:
        raise DamagedRowError("coverage")
    return row[0], row[1], row[2]


def check_copy(row: Row) -> tuple[int, int]:
    """Return file and original of a row of the table `copy`, whose last column is its checksum."""
    if checksum(*row[:2]) != row[2]:
        raise DamagedRowError("copy")
    return row[0], row[1]


def check_slug(slug: Any) -> str:
    """Return the slug of a feed that another row names."""
    if not is_slug(slug):
        raise DamagedRowError("feed")
    return str(slug)
