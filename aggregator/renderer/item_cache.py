"""Items written once and put into every feed that shows them; bytes in, bytes out, pure.

An edit changes one item of a feed's fifty, and an item stands in several feeds: so each is written once by feedgen, as
one of a feed of all that are not written yet, and kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from aggregator.model.feeds import Feed, FeedSpec, Site
from aggregator.renderer import dates
from aggregator.renderer.legal_text import writable

KEPT_FRAGMENTS = 2_048
KEPT_BYTES = 8 * 2**20
"""How many written items each format keeps, and of how many bytes."""

NOWHERE = Site(title="-", url="https://feeds.invalid/")
ALONE = Feed(spec=FeedSpec(slug="-", title="-", description="-"), items=(), updated=dates.EPOCH)

Key = TypeVar("Key", bound=Hashable)


class Kept(Generic[Key]):
    """The latest items that were written, by what they are written from: so many, and of so many bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> bytes | None:
        """Give what was written for `key`, None if it is not kept."""
        return self._kept.get(key)

    def put(self, key: Key, written: bytes) -> None:
        """Keep what was written for a key that is not kept yet."""
        self._kept[key] = written
        self._bytes += len(written)
        while len(self._kept) > KEPT_FRAGMENTS or self._bytes > KEPT_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])


class Fragments(Generic[Key]):
    """Written items by what they are written from; `write` writes several at once, each as `opening` … `closing`."""

    def __init__(self, write: Callable[[Sequence[Key]], bytes], opening: bytes, closing: bytes) -> None:
        self._write, self._opening, self._closing = write, opening, closing
        self._kept: Kept[Key] = Kept()

    def of(self, keys: Sequence[Key]) -> list[bytes]:
        """Give the fragment of each key, written now or before."""
        found = [self._kept.get(key) for key in keys]
        missing = list(dict.fromkeys(key for key, known in zip(keys, found, strict=True) if known is None))
        if not missing:
            return [known for known in found if known is not None]
        written = dict(zip(missing, self._written(missing), strict=True))
        for key, fragment in written.items():
            self._kept.put(key, fragment)
        return [written[key] if known is None else known for key, known in zip(keys, found, strict=True)]

    def _written(self, keys: Sequence[Key]) -> list[bytes]:
        try:
            return self._cut(self._write(keys))
        except ValueError:  # a character that no writer can write: whose it is, is found one by one
            return [self._cut(writable(lambda key: self._write([key]), key))[0] for key in keys]

    def _cut(self, document: bytes) -> list[bytes]:
        """Cut the items out of a feed. No text can hold their tags: there they are written as `&lt;`."""
        parts = document.split(self._opening)[1:]
        return [self._opening + part[: part.rindex(self._closing)] + self._closing for part in parts]


def spliced(document: bytes, fragments: Sequence[bytes], closing: bytes) -> bytes:
    """Put items before the `closing` tag of a feed without any."""
    end = document.rindex(closing)
    return b"".join((document[:end], *fragments, document[end:]))
