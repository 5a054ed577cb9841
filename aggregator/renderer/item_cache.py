"""A cache of rendered items, so that each is written once and put into every feed that shows it. Pure.

An edit changes one item of a feed's fifty, and an item is in several feeds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from aggregator.renderer.legal_text import with_legal_text

MAX_ITEMS = 2_048
MAX_BYTES = 8 * 2**20
"""How many rendered items, and bytes of them, are cached for each format."""

Key = TypeVar("Key", bound=Hashable)


class ItemCache(Generic[Key]):
    """The items rendered last, by what they are rendered from; at most `MAX_ITEMS` items and `MAX_BYTES` bytes."""

    def __init__(self) -> None:
        self._items: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> bytes | None:
        """Return what was rendered from `key`, or None if it is not cached."""
        return self._items.get(key)

    def put(self, key: Key, rendered: bytes) -> None:
        """Cache what was rendered from `key`, which is not cached yet; the oldest items make room."""
        self._items[key] = rendered
        self._bytes += len(rendered)
        while len(self._items) > MAX_ITEMS or self._bytes > MAX_BYTES:
            self._bytes -= len(self._items.popitem(last=False)[1])


class ItemWriter(Generic[Key]):
    """Renders items, each once; `render` makes an item's bytes, and raises ValueError for what XML cannot hold."""

    def __init__(self, render: Callable[[Key], bytes]) -> None:
        self._render = render
        self._cache: ItemCache[Key] = ItemCache()

    def write(self, keys: Sequence[Key]) -> list[bytes]:
        """Return each key's item, rendered now or before."""
        return [self._written(key) for key in keys]

    def _written(self, key: Key) -> bytes:
        known = self._cache.get(key)
        if known is None:
            known = with_legal_text(self._render, key)
            self._cache.put(key, known)
        return known


def insert_items(document: bytes, items: Sequence[bytes], closing: bytes) -> bytes:
    """Return a document without items with `items` inserted before its `closing` tag."""
    end = document.rindex(closing)
    return b"".join((document[:end], *items, document[end:]))
