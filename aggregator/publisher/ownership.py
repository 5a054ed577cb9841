"""Whose file lies at the name of a document: ours if it carries the mark of this program, else somebody else's.

Every document carries a mark: `<generator>` in RSS and Atom, `_aggregator` in JSON, `<meta name="generator">` in pages,
in lists of feeds the attributes of an outline, in that of sources and in sitemaps a comment; files of a search are
known by what pagefind writes. So our files are known even if the state folder was lost, and what another program or a
person wrote is never replaced (guarantee G16).
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import brotli

from aggregator.model.document_names import ATOM, DISCOVERY, JSON, OPML, PAGE, RSS, SOURCES_OPML, kind_of
from aggregator.model.item_pages import SITEMAP
from aggregator.model.search_files import DATA, ENTRY, PROGRAM
from aggregator.publisher.encodings import BROTLI, CODINGS, GZIP

if TYPE_CHECKING:
    from aggregator.publisher.destination import Destination

START = 65_536
"""How many bytes at the beginning of a file are enough to find the mark."""

NOT_A_FILE = b"a link or a device"
"""Stands for the content of what is no regular file and no folder; it carries no mark."""

_OUTLINE = rb'type="rss" version="RSS" xmlUrl="[^"]*/([a-z0-9-]{1,64})/rss\.xml" htmlUrl="[^"]*/\1/"'
_MARKS = {
    RSS: re.compile(rb"<generator>aggregator</generator>"),
    ATOM: re.compile(rb"<generator>aggregator</generator>"),
    JSON: re.compile(rb'"_aggregator":\{"about":"[^"]*#json-extension"\}'),
    # `data-root` alone is in the pages of versions that did not write the generator yet.
    PAGE: re.compile(rb'<meta name="generator" content="aggregator">|<html lang="[^"]*" data-root="'),
    OPML: re.compile(_OUTLINE),
    DISCOVERY: re.compile(_OUTLINE),
    SOURCES_OPML: re.compile(rb"<!-- Made with aggregator -->"),
    SITEMAP: re.compile(rb"<!-- Made with aggregator -->"),
    # What pagefind makes has marks of its own; the compressed files begin as gzip's do.
    PROGRAM: re.compile(rb"pagefind_version"),
    ENTRY: re.compile(rb'^\{"version":"[^"]*","languages":'),
    DATA: re.compile(rb"^\x1f\x8b"),
}
_ITEMS = re.compile(rb'<item[ >]|<entry[ >]|"items":\[')
"""Where the items of a feed begin; what stands in them proves nothing, since they may quote one of our feeds."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_ours(name: str, start: bytes) -> bool:
    """Return whether the file at a document's name is ours, by its first `START` bytes.

    A file without any text counts as ours: nothing is lost with it, and a crash of the machine can leave one. So does
    a list without feeds.
    """
    if kind_of(name) in {OPML, DISCOVERY} and b"<opml" in start and b"<outline" not in start:
        return True
    head = _ITEMS.split(start, maxsplit=1)[0]
    return not start.strip(b"\0 \t\r\n") or _MARKS[kind_of(name)].search(head) is not None


def foreign_files(destination: Destination, names: Iterable[str]) -> Iterator[str]:
    """Yield those files at the names of documents, or of their encodings, that somebody else wrote.

    The encodings beside a document of ours are ours; without the document they are decoded.

    Raises:
        PublishError: if a file cannot be read.
    """
    for name in names:
        body = destination.read_start(name)
        if body is not None:
            if not is_ours(name, body):
                yield name
            continue
        for suffix in CODINGS:
            found = destination.read_start(name + suffix)
            if found is not None and not is_ours(name, _decoded(found, suffix)):
                yield name + suffix


def start_of(path: str) -> bytes | None:
    """Return the first `START` bytes of the file `path`, None if there is none; a folder counts as none.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            return None  # it cannot be replaced; writing reports it
        if not stat.S_ISREG(mode):
            return NOT_A_FILE
        fd = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return os.read(fd, START)
    finally:
        os.close(fd)


def _decoded(encoded: bytes, suffix: str) -> bytes:
    """Return the beginning of what is encoded; if it is not encoded, the bytes as they are."""
    try:
        if suffix == GZIP:
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(encoded, START)
        assert suffix == BROTLI
        return bytes(brotli.Decompressor().process(encoded, output_buffer_limit=START))
    except (zlib.error, brotli.error):
        return encoded
