"""The link under which an item is listed elsewhere: that of its page, if its seed has no other. Reads the index."""

from __future__ import annotations

from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.item_pages import is_own, shown_link
from aggregator.model.items import Seed
from aggregator.normalizer import identity


def link_of(index: Index, row: FileRow, seed: Seed, *, site: str, host: str) -> str:
    """Return the link of the item of a file whose seed is `seed`.

    Args:
        index: knows the item's id.
        row: the file.
        seed: what acts for it.
        site: the site's URL, "" if items have no pages.
        host: the site's host, for ids that are no URIs.
    """
    if row.story is None or not (site and is_own(seed.link, site)):
        return seed.link
    own = index.stories.get([row.story])[row.story].id
    shown = index.stories.public_ids([own]).get(own) or identity.expected_id(own, host, seed.published)
    return shown_link(shown, seed.link, seed.published, site)
