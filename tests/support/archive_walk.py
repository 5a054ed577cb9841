"""A client that reads a feed and its archive back to the first item, following links."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lxml import etree

FORMATS = ("rss.xml", "atom.xml", "feed.json")
ADDRESS = "https://feeds.example.org/"
ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"


def links(body: bytes) -> dict[str, str]:
    """Return the `atom:link` elements of an RSS or Atom feed: relation to href."""
    root = etree.fromstring(body)
    head = root if root.tag == f"{ATOM}feed" else root[0]
    return {link.get("rel"): link.get("href") for link in head.iterfind(f"{ATOM}link")}


def ids(body: bytes) -> list[str]:
    """Return the ids of a feed of any format."""
    if body.startswith(b"{"):
        return [item["id"] for item in json.loads(body)["items"]]
    root = etree.fromstring(body)
    return [one.text for one in (*root.iterfind(f"{ATOM}entry/{ATOM}id"), *root.iterfind("channel/item/guid"))]


class ArchiveReader:
    """Reads feeds in a folder back to their first pages; `before` is called before each document is read."""

    def __init__(self, feeds: Path, kind: str, before: Callable[[], object] = lambda: None) -> None:
        self._feeds, self._kind, self._before = feeds, kind, before
        self.folders: set[str] = set()
        self.ids_of_archive: set[str] = set()

    def ids(self, slug: str) -> set[str]:
        """Return the ids of all items from the current document to the first page; assert that there is no circle."""
        address = f"{ADDRESS}{slug}/{self._kind}"
        found: set[str] = set()
        while address:
            assert address.startswith(ADDRESS)
            self._before()
            name = address.removeprefix(ADDRESS)
            name, body = self._fetch(name)
            found.update(ids(body))
            if "/archive/" in name:
                assert name.split("/")[2] not in self.folders, "the chain is a circle"
                self.folders.add(name.split("/")[2])
                self.ids_of_archive.update(ids(body))
            address = self._next(body)
        return found

    def _fetch(self, name: str) -> tuple[str, bytes]:
        return name, (self._feeds / name).read_bytes()

    def _next(self, body: bytes) -> str:
        if self._kind == "feed.json":
            return str(json.loads(body).get("next_url", ""))
        return links(body).get("prev-archive", "")
