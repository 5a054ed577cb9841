"""MkDocs, and the blog of Material for MkDocs: squidfunk.github.io/mkdocs-material/plugins/blog. Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="mkdocs",
    program="MkDocs",
    published=("date.created", "date", "created", "published"),
    updated=("date.updated", "updated", "revision_date"),
    topics=("categories", "category"),
    tags=("tags",),
    aliases=(),
    address=(),
    link="/{path}/",
    link_if=(("date", "/blog/{year}/{month}/{day}/{slug}/"),),
    states={"status": ("draft", "hidden", "private", "unlisted")},
    shown_states=("new", "deprecated"),
    slug_from="title",
    slugs="plain",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"admonitions", "filenames", "beside", "snippets", "attributes"}),
)
