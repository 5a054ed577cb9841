"""The link under which an item is listed elsewhere: that of its page, if its seed has no other. Reads the index."""

from __future__ import annotations

from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.item_pages import is_own, shown_link
from aggregator.model.items import Seed


def link_of(index: Index, row: FileRow, seed: Seed, site: str) -> str:
    """Return the link of the item of a file whose seed is `seed`, on the site with the URL `site`."""
    if row.story is None or not (site and is_own(seed.link, site)):
        return seed.link
    return shown_link(index.stories.get([row.story])[row.story].id, seed.link, seed.published, site)
