"""The names of published documents: which they are, what each is, and how long it may be kept; pure.

A name is relative to the feeds folder (`all/rss.xml`). Whatever has no such name is not published: it is never served,
wherever it comes from.
"""

from __future__ import annotations

import re

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

_MONTH = r"archive/\d{4}-\d{2}(?:-\d+)?/"
_NAME = re.compile(
    rf"(?:index\.html|feeds\.opml|\.well-known/feeds|[a-z0-9-]{{1,64}}/(?:index\.html|(?:{_MONTH})?(?:rss\.xml|atom\.xml|feed\.json)))"
)
_FEED_FOLDER = re.compile(r"[a-z0-9-]{1,64}")


def is_published(name: str) -> bool:
    """Say whether `name` is one that we give to documents."""
    return _NAME.fullmatch(name) is not None


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


def lifetime(name: str) -> str:
    """Give the Cache-Control of a document: a page is asked for anew each time, and costs a 304 then."""
    return "no-cache" if file_of(name) == PAGE else "max-age=1800"
