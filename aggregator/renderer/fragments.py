"""Items written once and put into every feed that shows them; bytes in, bytes out, pure.

An edit changes one item of a feed's fifty, and an item stands in several feeds: so each is written once by feedgen, as
a feed of one, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.model import Feed, FeedSpec, Site
from aggregator.renderer import stamps

KEPT_FRAGMENTS = 2_048
"""How many written items each format keeps."""

NOWHERE = Site(title="-", url="https://feeds.invalid/")
ALONE = Feed(spec=FeedSpec(slug="-", title="-", description="-"), items=(), updated=stamps.EPOCH)


def fragment(document: bytes, opening: bytes, closing: bytes) -> bytes:
    """Cut the one item out of a feed of one. No text can hold its tags: there they are written as `&lt;`."""
    return document[document.index(opening) : document.rindex(closing) + len(closing)]


def spliced(document: bytes, fragments: Sequence[bytes], closing: bytes) -> bytes:
    """Put items before the `closing` tag of a feed without any."""
    end = document.rindex(closing)
    return b"".join((document[:end], *fragments, document[end:]))
