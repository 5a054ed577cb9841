"""What feedgen cannot say in Atom by itself: come in its finished elements, go out the same, completed; pure."""

from __future__ import annotations

from typing import Any

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class FeedWords:
    """The feed's extension: its `updated` as text, since feedgen writes dates with an offset of zero hours."""

    updated = ""

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes that are used: none, Atom is the default namespace."""
        return {}

    def extend_atom(self, feed: Any) -> Any:
        """Write the date."""
        feed.find("updated").text = self.updated
        return feed


class EntryWords:
    """An entry's extension: its dates as text, and its language where it is not the feed's."""

    updated = ""
    published = ""
    language = ""

    def extend_atom(self, entry: Any) -> Any:
        """Write the dates, the language, and the links' relation, which feedgen loses to an overwritten variable."""
        entry.find("updated").text = self.updated
        entry.find("published").text = self.published
        for link in entry.iterfind("link"):
            link.set("rel", "alternate")
        if self.language:
            entry.set(XML_LANG, self.language)
        return entry
