"""Render the public page of a site's sources, and the list of them in OPML. Pure: without a clock.

Both are for readers, and for those whose feed is collected: is it known, is it well, and why is nothing new of it
shown? They hold no moments, so that a poll that changes nothing changes no byte. Sources at private addresses are not
for everybody; the caller leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.model.document_names import SOURCES_OPML, SOURCES_PAGE, content_type
from aggregator.model.feeds import Document, Site
from aggregator.renderer import layout, opml
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.source_rows import SourceRow

STYLES = (*layout.STYLES, "sources.css")


def render(rows: Sequence[SourceRow], site: Site) -> tuple[Document, Document]:
    """Return `sources/index.html` and `sources.opml`; `rows` are of the sources that everybody may see."""
    page = with_legal_text(_page, rows, site)
    listed = opml.sources([(row.name, row.url) for row in rows], site)
    return (
        Document(name=SOURCES_PAGE, media_type=content_type(SOURCES_PAGE), body=page),
        Document(name=SOURCES_OPML, media_type=content_type(SOURCES_OPML), body=listed),
    )


def _page(rows: Sequence[SourceRow], site: Site) -> bytes:
    return layout.render_page(
        "sources.html",
        styles=STYLES,
        site=site,
        root="../",
        canonical=site.address(SOURCES_PAGE),
        description=f"The feeds that {site.title} collects from, and how they are.",
        picture=site.icon,
        rows=rows,
        well=sum(row.is_well for row in rows),
        new=sum(row.is_new for row in rows),
    )
