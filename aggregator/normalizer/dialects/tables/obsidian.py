"""Obsidian (help.obsidian.md: properties, publish) and Quartz (quartz.jzhao.xyz: authoring). Data."""

from __future__ import annotations

from aggregator.normalizer.dialects.table import Dialect

DIALECT = Dialect(
    name="obsidian",
    program="Obsidian and Quartz",
    title_from=("file",),
    published=("date", "published", "publishDate", "created", "added"),
    updated=("modified", "lastmod", "updated", "last-modified"),
    topics=("tags", "tag"),
    tags=("tags", "tag"),
    separators=",",
    images=("image", "socialImage", "cover", "banner", "thumbnail", "hero"),
    address=("permalink",),
    aliases=(),
    shown_if_false=("published", "publish", "dg-publish"),
    link="/{path}",
    slugs="kept",
    days_in="UTC",
    times_in="UTC",
    constructs=frozenset({"wikilinks", "admonitions", "filenames"}),
)
