"""Astro: docs.astro.build (content collections, Markdown), and its blog template. Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="astro",
    program="Astro",
    forms=("yaml", "toml", "none"),
    published=(
        "pubDate",
        "publishDate",
        "pubDatetime",
        "publishedAt",
        "publishedDate",
        "published",
        "datePublished",
        "date",
        "created",
    ),
    updated=("updatedDate", "updatedAt", "modDatetime", "lastModified", "lastmod", "updated", "modified"),
    topics=("categories", "category"),
    images=("heroImage", "image", "cover", "coverImage", "ogImage", "banner", "thumbnail", "hero"),
    address=("url", "permalink"),
    elsewhere=("externalUrl", "external_url"),
    aliases=("aliases", "canonicalURL"),
    imported_images=(".", "~", "@", "src/", "import"),
    slugs="plain",
    link="/{path}/",
    path_is="slug",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"mdx"}),
)
