"""Render the sitemap of a site (sitemaps.org): the list of its parts, that of the feeds, and one for each month. Pure.

The list of the parts says nothing of when they changed: so an edit changes the part of its month alone.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aggregator.model.document_names import PAGE, content_type
from aggregator.model.feeds import Document, FeedSummary, Site
from aggregator.model.item_pages import MOST_IN_PART, SITEMAP, SITEMAP_OF_FEEDS, sitemap_name
from aggregator.renderer import dates

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def render_list(parts: Iterable[str], site: Site) -> Document:
    """Return the sitemap that leads to its `parts`, which are names of documents."""
    return _document(SITEMAP, "sitemapindex", [f"<sitemap>{_location(site, one)}</sitemap>" for one in parts])


def render_feeds(summaries: Sequence[FeedSummary], site: Site) -> Document:
    """Return the part with the index and the pages of the feeds."""
    names = [PAGE, *(f"{one.spec.slug}/{PAGE}" for one in summaries)]
    return _document(SITEMAP_OF_FEEDS, "urlset", [f"<url>{_location(site, one)}</url>" for one in names])


def render_month(month: int, pages: Sequence[tuple[str, int]], site: Site) -> tuple[Document, ...]:
    """Return the parts with the pages of a month: each is a name and when it changed, in seconds since 1970."""
    cut = [pages[start : start + MOST_IN_PART] for start in range(0, len(pages), MOST_IN_PART)]
    return tuple(
        _document(sitemap_name(month, number), "urlset", [_page(site, *one) for one in some])
        for number, some in enumerate(cut, start=1)
    )


def _page(site: Site, name: str, changed: int) -> str:
    moment = dates.rfc3339(datetime.fromtimestamp(changed, UTC))
    return f"<url>{_location(site, name)}<lastmod>{moment}</lastmod></url>"


def _location(site: Site, name: str) -> str:
    return f"<loc>{html.escape(site.address(name))}</loc>"


def _document(name: str, root: str, rows: Sequence[str]) -> Document:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- Made with aggregator -->\n<{root} xmlns="{_NAMESPACE}">'
    body = "\n".join((head, *rows, f"</{root}>\n")).encode()
    return Document(name=name, media_type=content_type(name), body=body)
