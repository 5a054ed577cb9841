"""Docusaurus: docusaurus.io/docs (blog, its plugin, Markdown features). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="docusaurus",
    program="Docusaurus",
    published=("date",),
    updated=("last_update.date",),
    topics=("tags",),
    tags=("tags", "keywords"),
    authors=("authors", "author"),
    images=("image",),
    address=(),
    aliases=(),
    link="/blog/{path}/",
    link_if=(("slug", "/blog/{slug}/"), ("path", "/blog/{year}/{month}/{day}/{slug}/")),
    slugs="kept",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"mdx", "admonitions", "filenames"}),
)
