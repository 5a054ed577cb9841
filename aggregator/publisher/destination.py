"""What publishes documents in a folder or in an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.model.store import is_url

if TYPE_CHECKING:
    from aggregator.publisher.bucket import BucketWriter
    from aggregator.publisher.files import Writer


def writer_to(place: str) -> Writer | BucketWriter:
    """Give what publishes documents in a folder or in a place in a store."""
    if is_url(place):
        from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it
        from aggregator.publisher.bucket import BucketWriter  # noqa: PLC0415

        return BucketWriter(Store(place))
    from aggregator.publisher.files import Writer  # noqa: PLC0415

    return Writer(place)
