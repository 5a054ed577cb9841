"""Where the keys of a front matter stand, for warnings; found in the text: the fast parser has no positions. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_QUOTES = (b"", b'"', b"'")
_SEPARATORS = (b":", b"=")


def key_positions(data: bytes, keys: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return the line and column of each key of the top level of a seed; (0, 0) if it begins no line of its own.

    Args:
        data: the bytes of the seed.
        keys: names of keys, which stand before a colon or an equals sign.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    end = data.find(b"\n" + data[:3], 3) if data[:3] in {b"---", b"+++"} else -1
    front = data if end < 0 else data[: end + 1]
    return tuple(_position(front, key.encode("utf-8", "surrogatepass")) for key in keys)


def _position(front: bytes, key: bytes) -> tuple[int, int]:
    for quote in _QUOTES:
        written = b"\n" + quote + key + quote
        found = front.find(written)
        while found >= 0:
            if front[found + len(written) : found + len(written) + 8].lstrip(b" \t").startswith(_SEPARATORS):
                return front.count(b"\n", 0, found) + 2, 1
            found = front.find(written, found + 1)
    return 0, 0
