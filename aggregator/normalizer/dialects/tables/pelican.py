"""Pelican: docs.getpelican.com (content, settings). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="pelican",
    program="Pelican",
    forms=("lines", "yaml", "meta", "none"),
    any_case=True,
    title_from=("page", "words"),
    published=("date",),
    updated=("modified", "updated"),
    excerpt=("summary", "description", "subtitle"),
    topics=("category", "categories"),
    topics_from="parent",
    tags=("tags", "keywords"),
    separators=";,",
    authors=("author", "authors"),
    images=("image", "cover", "banner", "thumbnail", "hero", "og_image", "featured_image"),
    locale=("lang",),
    address=("url",),
    aliases=(),
    states={"status": ("draft", "hidden", "skip")},
    link="/{slug}.html",
    slug_from="title",
    slugs="ascii_words",
    constructs=frozenset({"filenames", "attributes", "admonitions"}),
)
