"""The names of published documents: which they are, what each is, and how long it may be kept; pure.

A name is relative to the feeds folder (`all/rss.xml`). Whatever has no such name is not published: it is never served,
wherever it comes from.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aggregator.model.archive_layout import page_of

RSS, ATOM, JSON, PAGE, OPML = "rss.xml", "atom.xml", "feed.json", "index.html", "feeds.opml"
DISCOVERY = ".well-known/feeds"

FEED_DOCUMENTS = (RSS, ATOM, JSON, PAGE)
SITE_DOCUMENTS = (PAGE, OPML, DISCOVERY)

MEDIA_TYPES = {
    RSS: "application/rss+xml",
    ATOM: "application/atom+xml",
    JSON: "application/feed+json",
    OPML: "text/x-opml",
    DISCOVERY: "text/x-opml",
    PAGE: "text/html",
}

_NAME = re.compile(
    r"index\.html|feeds\.opml|\.well-known/feeds|[a-z0-9-]{1,64}/(?:index\.html|rss\.xml|atom\.xml|feed\.json)"
)
_FEED_FOLDER = re.compile(r"[a-z0-9-]{1,64}")


def is_published(name: str) -> bool:
    """Say whether `name` is one that we give to documents."""
    return _NAME.fullmatch(name) is not None or (page_of(name) is not None and file_of(name) in MEDIA_TYPES)


def asked_for(path: str) -> str:
    """Give the name of the document that the path of a request asks for, "" if that can be none of ours.

    Our names need no percent-encoding, so a path that has any, or dots and slashes in another way, names nothing.
    """
    if not path.startswith("/"):
        return ""
    name = path[1:] + PAGE if path.endswith("/") else path[1:]
    return name if is_published(name) else ""


def is_folder(path: str) -> bool:
    """Say whether the path of a request is that of a feed's page but for the slash at its end."""
    return _FEED_FOLDER.fullmatch(path.removeprefix("/")) is not None


def file_of(name: str) -> str:
    """Give what kind of document a name stands for: the key in `MEDIA_TYPES`."""
    return name if name in MEDIA_TYPES else name.rpartition("/")[2]


def content_type(name: str) -> str:
    """Give the Content-Type of a document; JSON is always UTF-8 and has no such parameter (RFC 8259 §11)."""
    media_type = MEDIA_TYPES[file_of(name)]
    return media_type if file_of(name) == JSON else f"{media_type}; charset=utf-8"


def lifetime(name: str, now: float) -> str:
    """Give the Cache-Control of a document at `now` (seconds since 1970).

    A page is asked for anew each time, and costs a 304 then. A month of an archive is sealed once over: it changes
    only where one of its own items does, so nobody need ask again within a day.
    """
    if file_of(name) == PAGE:
        return "no-cache"
    page = page_of(name)
    is_sealed = page is not None and page.month < datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
    return "max-age=86400, immutable" if is_sealed else "max-age=1800"
