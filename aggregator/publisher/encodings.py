"""The compressed forms of a document, as they lie beside it in a `.gz` and a `.br`. Pure.

The same bytes are always compressed to the same bytes, on every machine with the same libraries.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import brotli

from aggregator.model.archive_layout import page_of
from aggregator.model.feeds import Document
from aggregator.model.item_pages import is_item_page

# RFC 1952: deflate, no name, no time, operating system "unknown", so that every machine writes the same bytes.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Coding(NamedTuple):
    """A content coding: compresses bytes at a level, and tells whether compressed bytes hold exactly those given.

    `encode` is for documents that readers fetch every day, `encode_quickly` for pages of archives and of items, which
    are many and rarely fetched.
    """

    encode: Callable[[bytes], bytes]
    encode_quickly: Callable[[bytes], bytes]
    holds: Callable[[bytes, bytes], bool]


def encoded(document: Document, suffix: str) -> bytes:
    """Return the content of a document's file with this suffix (`.gz` or `.br`)."""
    coding = CODINGS[suffix]
    is_one_of_many = page_of(document.name) or is_item_page(document.name)
    return (coding.encode_quickly if is_one_of_many else coding.encode)(document.body)


def encoded_sizes(body: bytes) -> range:
    """Return the sizes that `body` may have compressed: if it cannot be compressed, each block grows by a few bytes."""
    return range(1, len(body) + len(body) // 8 + 1024)


def gunzip(encoded: bytes) -> bytes:
    """Return the decompressed content of a `.gz`.

    Raises:
        zlib.error: if it is not valid gzip.
    """
    return zlib.decompress(encoded, zlib.MAX_WBITS | 16)  # 16: with gzip's header and checksum


def _gzip(body: bytes) -> bytes:
    from deflate import deflate_compress  # noqa: PLC0415 - a build with nothing to do compresses nothing

    # Level 6 of libdeflate: 4 % fewer bytes than zlib's level 5, in three quarters of its time.
    return _gzipped(bytes(deflate_compress(body, 6)), body)


def _gzip_quickly(body: bytes) -> bytes:
    from isal import isal_zlib  # noqa: PLC0415 - as above

    # Level 2 of ISA-L: fewer bytes than zlib's level 2, in a third of its time. Level 3 differs between processors.
    return _gzipped(isal_zlib.compress(body, 2, -zlib.MAX_WBITS), body)


def _gzipped(deflated: bytes, body: bytes) -> bytes:
    return GZIP_HEADER + deflated + struct.pack("<LL", zlib.crc32(body), len(body) & 0xFFFFFFFF)


def _gzip_holds(encoded: bytes, body: bytes) -> bool:
    if not encoded.startswith(GZIP_HEADER):
        return False
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        # One byte more than expected is enough to tell, however large a foreign file would become.
        return inflate.decompress(encoded, len(body) + 1) == body and inflate.eof and not inflate.unused_data
    except zlib.error:
        return False


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=5))


def _brotli_quickly(body: bytes) -> bytes:
    # Quality 1 takes half the time of 2, and 4 % more bytes.
    return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=1))


def _brotli_holds(encoded: bytes, body: bytes) -> bool:
    decompressor = brotli.Decompressor()
    try:
        return bool(
            decompressor.process(encoded, output_buffer_limit=len(body) + 1) == body and decompressor.is_finished()
        )
    except brotli.error:
        return False


GZIP, BROTLI = ".gz", ".br"
CODINGS = {
    GZIP: Coding(_gzip, _gzip_quickly, _gzip_holds),
    BROTLI: Coding(_brotli, _brotli_quickly, _brotli_holds),
}
"""The content codings by the end of the names of their files."""
