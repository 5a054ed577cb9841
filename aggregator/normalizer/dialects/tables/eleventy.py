"""Eleventy: 11ty.dev/docs (data-frontmatter, dates, permalinks, collections). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="eleventy",
    program="Eleventy",
    forms=("yaml", "toml", "json", "none"),
    published=("date", "published", "pubDate", "created"),
    not_dates=("created", "last modified", "git created", "git last modified"),
    updated=("updated", "lastmod", "modified"),
    topics=("tags", "categories", "category"),
    not_topics=("post", "posts", "all", "nav", "blog", "article", "articles", "page", "pages"),
    tags=("tags", "keywords"),
    images=(
        "image",
        "images",
        "cover",
        "banner",
        "thumbnail",
        "hero",
        "heroImage",
        "featuredImage",
        "ogImage",
        "eleventyNavigation.image",
    ),
    address=("permalink",),
    strips_index=True,
    elsewhere=("external_url", "externalUrl"),
    aliases=("aliases", "redirect_from"),
    held_if_true=("draft", "hidden", "unlisted", "eleventyExcludeFromCollections"),
    shown_if_false=("published", "publish", "permalink"),
    held_folders=("_drafts", "drafts"),
    link="/{path}/",
    slugs="kept",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"liquid"}),
)
