"""Notes, advisories and data of no program: any form of metadata, or none. Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="plain",
    program="any other program",
    forms=("yaml", "toml", "json", "fence", "lines", "meta", "file", "none"),
    any_case=True,
    title=("title", "name", "headline", "advisory.title"),
    published=(
        "date",
        "publisheddatetime",
        "published",
        "publishdate",
        "pubdate",
        "date_published",
        "created",
        "created_at",
        "added",
        "advisory.date",
    ),
    updated=("updated", "updateddatetime", "lastmod", "modified", "date_modified", "updated_at"),
    topics_from="folder",
    excerpt=("description", "summary", "excerpt", "subtitle"),
    separators=",",
    address=("url", "permalink", "link", "weburl"),
    elsewhere=("external_url",),
    aliases=(),
    body=("content_html", "content", "content_text", "body", "details"),
    link="/{path}/",
    constructs=frozenset({"attributes"}),
)
