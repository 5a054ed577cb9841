"""Hugo: gohugo.io/content-management (front-matter, urls, page-bundles, taxonomies). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="hugo",
    program="Hugo",
    forms=("yaml", "toml", "json", "none"),
    any_case=True,
    published=("publishdate", "pubdate", "published", "date", "lastmod", "modified"),
    addressed=("date",),
    own_offset=True,
    updated=("lastmod", "modified"),
    expires=("expirydate", "unpublishdate", "expires"),
    excerpt=("description", "summary", "subtitle"),
    topics=("categories", "category"),
    topics_from="folder",
    images=(
        "images",
        "image",
        "cover.image",
        "cover",
        "featured_image",
        "featuredimage",
        "featureimage",
        "banner",
        "thumbnail",
        "hero",
        "params.image",
        "params.cover",
    ),
    authors=("author", "authors", "params.author", "params.authors"),
    locale=("lang", "language"),
    address=("url",),
    elsewhere=("externalurl", "external_url", "externallink", "external_link"),
    held_if_true=("draft", "hidden", "unlisted", "headless"),
    states={
        "build.render": ("never", "false", "link"),
        "build.list": ("never", "false", "local"),
        "_build.render": ("never", "false", "link"),
        "_build.list": ("never", "false", "local"),
    },
    link="/{path}/",
    path_is="file_or_slug",
    aliases_from="page",
    constructs=frozenset({"shortcodes", "attributes"}),
)
