"""A cache of rendered items, so that each is written once and put into every feed that shows it. Pure.

An edit changes one item of a feed's fifty, and an item is in several feeds. So feedgen writes only the items that are
not cached yet, as one document, from which they are cut out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from aggregator.model.feeds import Feed, FeedSpec, Site
from aggregator.renderer import dates
from aggregator.renderer.legal_text import with_legal_text

MAX_ITEMS = 2_048
MAX_BYTES = 8 * 2**20
"""How many rendered items, and bytes of them, are cached for each format."""

DUMMY_SITE = Site(title="-", url="https://feeds.invalid/")
DUMMY_FEED = Feed(spec=FeedSpec(slug="-", title="-", description="-"), items=(), updated=dates.EPOCH)
"""The frame of a document from which only the items are taken."""

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
    """Renders items, each once.

    `render` makes one document of several items, in which each of them stands between `opening` and `closing`.
    """

    def __init__(self, render: Callable[[Sequence[Key]], bytes], opening: bytes, closing: bytes) -> None:
        self._render, self._opening, self._closing = render, opening, closing
        self._cache: ItemCache[Key] = ItemCache()

    def write(self, keys: Sequence[Key]) -> list[bytes]:
        """Return each key's item, rendered now or before."""
        cached = [self._cache.get(key) for key in keys]
        missing = list(dict.fromkeys(key for key, known in zip(keys, cached, strict=True) if known is None))
        if not missing:
            return [known for known in cached if known is not None]
        rendered = dict(zip(missing, self._render_items(missing), strict=True))
        for key, item in rendered.items():
            self._cache.put(key, item)
        return [rendered[key] if known is None else known for key, known in zip(keys, cached, strict=True)]

    def _render_items(self, keys: Sequence[Key]) -> list[bytes]:
        try:
            return self._cut(self._render(keys))
        except ValueError:  # an illegal character in one of them: rendering them one by one shows in which
            return [self._cut(with_legal_text(lambda key: self._render([key]), key))[0] for key in keys]

    def _cut(self, document: bytes) -> list[bytes]:
        """Cut the items out of a document. No text can hold their tags: in text `<` is written `&lt;`."""
        parts = document.split(self._opening)[1:]
        return [self._opening + part[: part.rindex(self._closing)] + self._closing for part in parts]


def insert_items(document: bytes, items: Sequence[bytes], closing: bytes) -> bytes:
    """Return a document without items with `items` inserted before its `closing` tag."""
    end = document.rindex(closing)
    return b"".join((document[:end], *items, document[end:]))
