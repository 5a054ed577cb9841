"""Jekyll: jekyllrb.com/docs (front-matter, posts, permalinks, drafts). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="jekyll",
    program="Jekyll",
    forms=("yaml", "none"),
    title_from=("capitals",),
    published=("date",),
    updated=("last_modified_at", "updated", "modified"),
    excerpt=("description", "excerpt", "summary", "subtitle"),
    separators=" ",
    topics=("categories", "category"),
    topics_from="above_posts",
    category_is="all",
    images=(
        "image",
        "images",
        "header.og_image",
        "header.image",
        "header.overlay_image",
        "header.teaser",
        "cover",
        "banner",
        "thumbnail",
        "hero",
        "img",
        "feature_image",
        "featured_image",
        "cover-img",
    ),
    address=("permalink",),
    elsewhere=("external_url", "external-url", "link"),
    aliases=("redirect_from",),
    held_folders=("_drafts",),
    link="/{category}/{year}/{month}/{day}/{slug}.html",
    slugs="cased",
    times_in="UTC",
    constructs=frozenset({"liquid", "attributes"}),
)
