"""Zola: getzola.org/documentation/content (page, taxonomies). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="zola",
    program="Zola",
    forms=("toml", "yaml"),
    published=("date",),
    updated=("updated",),
    excerpt=("description", "summary", "extra.description", "extra.subtitle"),
    topics=("taxonomies.categories", "taxonomies.category", "taxonomies.topics"),
    topics_from="folder",
    tags=("taxonomies.tags", "taxonomies.tag", "extra.tags"),
    authors=("authors", "extra.author", "extra.authors"),
    images=(
        "extra.image",
        "extra.cover_image",
        "extra.cover",
        "extra.banner",
        "extra.thumbnail",
        "extra.hero",
        "extra.og_image",
        "extra.social_media_card",
    ),
    locale=("extra.lang",),
    shown_if_false=("published", "publish", "render"),
    address=("path",),
    elsewhere=("extra.external_url", "extra.link_to"),
    aliases=("aliases",),
    link="/{path}/",
    path_is="undated",
    ends_with_slash=True,
    slugs="ascii",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"shortcodes", "filenames"}),
)
