"""Our own seeds, with further keys, in a folder that has a base or a pattern of addresses. Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="native",
    program="this program",
    title_from=(),
    forms=("yaml",),
    published=(),
    updated=(),
    expires=(),
    excerpt=(),
    topics=(),
    tags=(),
    authors=(),
    images=(),
    locale=(),
    address=(),
    aliases=(),
    slug=("slug",),
    held_if_true=(),
    shown_if_false=(),
    link="",
)
