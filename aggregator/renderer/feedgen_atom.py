"""What feedgen cannot say in Atom by itself: come in its finished elements, go out the same, completed; pure."""

from __future__ import annotations

from typing import Any

from lxml.etree import SubElement

HISTORY_NS = "http://purl.org/syndication/history/1.0"
TOMBSTONES_NS = "http://purl.org/atompub/tombstones/1.0"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class FeedWords:
    """The feed's extension: its `updated` as text, since feedgen writes dates with an offset of zero hours.

    `archived` says that it is a page of an archive (RFC 5005 §4); `withdrawn` are pairs of an id and a moment, and
    `withdrawn_by` is who did it (RFC 6721 §3).
    """

    updated = ""
    archived = False
    withdrawn: tuple[tuple[str, str], ...] = ()
    withdrawn_by = ""

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes that are used; Atom is the default namespace."""
        history = {"fh": HISTORY_NS} if self.archived else {}
        return {**history, "at": TOMBSTONES_NS} if self.withdrawn else history

    def extend_atom(self, feed: Any) -> Any:
        """Write the date, fh:archive, and what was withdrawn."""
        feed.find("updated").text = self.updated
        if self.archived:
            SubElement(feed, f"{{{HISTORY_NS}}}archive")
        for ref, when in self.withdrawn:
            tombstone = SubElement(feed, f"{{{TOMBSTONES_NS}}}deleted-entry", {"ref": ref, "when": when})
            SubElement(SubElement(tombstone, f"{{{TOMBSTONES_NS}}}by"), "name").text = self.withdrawn_by
        return feed


class EntryWords:
    """An entry's extension: its dates as text, and its language where it is not the feed's."""

    categories: tuple[str, ...] = ()
    updated = ""
    published = ""
    language = ""

    def extend_atom(self, entry: Any) -> Any:
        """Write categories, dates and the language, and what feedgen loses to an overwritten variable: `rel`."""
        entry.find("updated").text = self.updated
        # feedgen checks each category at five times the cost of writing it.
        for category in self.categories:
            SubElement(entry, "category", term=category)
        SubElement(entry, "published").text = self.published
        for link in entry.iterfind("link"):
            link.set("rel", "alternate")
        if self.language:
            entry.set(XML_LANG, self.language)
        return entry
