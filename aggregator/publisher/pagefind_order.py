"""The files of pagefind in an order of their own: the same items make the same files (guarantee G6). Pure.

A filter lists its values as a hash table has them, in another order each time, and its file is named by a hash of that.
Here the values are sorted, and the files that name it are corrected. They hold CBOR (RFC 8949) in gzip, behind a mark;
of CBOR only numbers, text and lists occur.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from aggregator.model.search_files import ENTRY
from aggregator.publisher.encodings import CODINGS, GZIP

_MARK = b"pagefind_dcd"
_NUMBER, _TEXT, _LIST = 0, 3, 4
_FILTERS = 3
"""Where the list of filters stands in the file that describes an index: each with its name and that of its file."""

_SIZES = ((24, 1), (25, 2), (26, 4), (27, 8))
"""What stands for a number that takes so many bytes."""


def in_order(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return files of pagefind, by name, with sorted filters; those of another form than is known here as they are."""
    try:
        return _in_order(files)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error):
        return files


def _in_order(files: dict[str, bytes]) -> dict[str, bytes]:
    entry = json.loads(files[ENTRY])
    found = dict(files)
    for language, index in sorted(entry["languages"].items()):
        described = _read(found.pop(f"pagefind.{index['hash']}.pf_meta"))
        described[_FILTERS] = sorted(_sorted_filter(found, language, name, file) for name, file in described[_FILTERS])
        body = _written(described)
        index["hash"] = _name(language, body)
        found[f"pagefind.{index['hash']}.pf_meta"] = body
    found[ENTRY] = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()
    return found


def _sorted_filter(files: dict[str, bytes], language: str, name: str, file: str) -> list[str]:
    """Sort the values of a filter in place of its file; return its name and that of the new file."""
    named, values = _read(files.pop(f"filter/{file}.pf_filter"))
    body = _written([named, sorted(values)])
    made = _name(language, body)
    files[f"filter/{made}.pf_filter"] = body
    return [name, made]


def _name(language: str, body: bytes) -> str:
    return f"{language}_{hashlib.blake2b(body, digest_size=6).hexdigest()}"


def _read(body: bytes) -> Any:
    raw = zlib.decompress(body, zlib.MAX_WBITS | 16)
    value, end = decode(raw, len(_MARK))
    if not raw.startswith(_MARK) or end != len(raw):
        raise ValueError("another form")
    return value


def _written(value: Any) -> bytes:
    return CODINGS[GZIP].encode(_MARK + encode(value))


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the CBOR value that begins at a byte, and where it ends.

    Raises:
        ValueError: if it is of another kind than those that occur.
        IndexError: if it is cut short.
    """
    kind, number = data[at] >> 5, data[at] & 31
    at += 1
    if number > 23:
        size = dict(_SIZES).get(number, 0)
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
        if not size:
            raise ValueError("a length that is not told")
    if kind == _NUMBER:
        return number, at
    if kind == _TEXT:
        return data[at : at + number].decode(), at + number
    if kind != _LIST:
        raise ValueError(f"another kind of value: {kind}")
    values = []
    for _ in range(number):
        value, at = decode(data, at)
        values.append(value)
    return values, at


def encode(value: Any) -> bytes:
    """Return numbers, text and lists as CBOR."""
    if isinstance(value, int):
        return _head(_NUMBER, value)
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    return _head(_LIST, len(value)) + b"".join(map(encode, value))


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    mark, size = next((mark, size) for mark, size in _SIZES if number < 256**size)
    return bytes([kind << 5 | mark]) + number.to_bytes(size, "big")
