"""The names of published documents, and the media type and lifetime of each. Pure.

A name is relative to the feeds folder (`all/rss.xml`). Files with other names are never served.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aggregator.model.archive_layout import page_of
from aggregator.model.item_pages import SITEMAP, is_item_page, is_sitemap
from aggregator.model.search_files import (
    DATA,
    ENTRY,
    PROGRAM,
    SEARCH_PAGE,
    is_part_of_index,
    is_search_data,
    is_search_file,
)

RSS, ATOM, JSON, PAGE, OPML = "rss.xml", "atom.xml", "feed.json", "index.html", "feeds.opml"
DISCOVERY = ".well-known/feeds"
SOURCES = "sources"
"""The folder of the page of sources: a site that has any has no feed of that name."""

SOURCES_PAGE, SOURCES_OPML = f"{SOURCES}/{PAGE}", "sources.opml"

FEED_DOCUMENTS = (RSS, ATOM, JSON, PAGE)
SITE_DOCUMENTS = (PAGE, OPML, DISCOVERY)
SOURCE_DOCUMENTS = (SOURCES_PAGE, SOURCES_OPML)

MEDIA_TYPES = {
    RSS: "application/rss+xml",
    ATOM: "application/atom+xml",
    JSON: "application/feed+json",
    OPML: "text/x-opml",
    DISCOVERY: "text/x-opml",
    SOURCES_OPML: "text/x-opml",
    PAGE: "text/html",
    SITEMAP: "application/xml",
    PROGRAM: "text/javascript",
    ENTRY: "application/json",
    DATA: "application/octet-stream",
}

_NAME = re.compile(
    r"index\.html|feeds\.opml|sources\.opml|\.well-known/feeds|[a-z0-9-]{1,64}/(?:index\.html|rss\.xml|atom\.xml|feed\.json)"
)
_FEED_FOLDER = re.compile(r"[a-z0-9-]{1,64}")


def is_document_name(name: str) -> bool:
    """Return whether `name` is the name of a document."""
    if _NAME.fullmatch(name) is not None or is_item_page(name) or is_sitemap(name):
        return True
    if name == SEARCH_PAGE or is_search_file(name):
        return True
    return page_of(name) is not None and kind_of(name) in MEDIA_TYPES


def requested_name(path: str) -> str:
    """Return the name of the document that the path of a request asks for, or "" if it is not the name of one.

    The names need no percent-encoding, so a path with any is rejected, as are unusual dots and slashes.
    """
    if not path.startswith("/"):
        return ""
    name = path[1:] + PAGE if path.endswith("/") else path[1:]
    return name if is_document_name(name) else ""


def is_feed_folder(path: str) -> bool:
    """Return whether the path of a request is that of a feed's page without the slash at its end."""
    return _FEED_FOLDER.fullmatch(path.removeprefix("/")) is not None


def kind_of(name: str) -> str:
    """Return the kind of a document: its key in `MEDIA_TYPES`."""
    if is_sitemap(name):
        return SITEMAP
    if is_search_data(name):
        return DATA
    return name if name in MEDIA_TYPES else name.rpartition("/")[2]


def content_type(name: str) -> str:
    """Return the Content-Type of a document; JSON is always UTF-8 and has no charset parameter (RFC 8259 §11)."""
    media_type = MEDIA_TYPES[kind_of(name)]
    return media_type if kind_of(name) in {JSON, ENTRY, DATA} else f"{media_type}; charset=utf-8"


def cache_control(name: str, now: float) -> str:
    """Return the Cache-Control of a document at `now` (seconds since 1970).

    HTML pages are revalidated each time, which costs a 304. Archive pages of a month that is over rarely change, so
    they may be kept for a day; they still change (an edit, the link to the next month), so none is immutable. Nor are
    the parts of a search's index: pagefind names them by 28 bits of a hash. What it shows of an item is compared each
    time, since the item may be withdrawn.
    """
    if is_search_file(name):
        return "max-age=86400" if is_part_of_index(name) else "no-cache"
    if kind_of(name) == PAGE:
        return "no-cache"
    page = page_of(name)
    month_is_closed = page is not None and page.month < datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
    return "max-age=86400" if month_is_closed else "max-age=1800"
