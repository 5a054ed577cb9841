"""What feedgen cannot say in RSS by itself: come in its finished elements, go out the same, completed; pure.

feedgen calls `extend_rss` of an extension with each element it has built, which may then add, change and remove.
"""

from __future__ import annotations

import re
from typing import Any

from lxml.etree import SubElement

from aggregator.model.items import Image

ATOM_NS = "http://www.w3.org/2005/Atom"
CONTENT_NS = "http://purl.org/rss/1.0/modules/content/"
DC_NS = "http://purl.org/dc/elements/1.1/"
HISTORY_NS = "http://purl.org/syndication/history/1.0"
MEDIA_NS = "http://search.yahoo.com/mrss/"

_PLAIN_TEXT = re.compile(rb"<(?:title|description|category|dc:creator)>[^<&]*&[^<]*")


class ChannelWords:
    """The channel's extension: `links` are pairs of a relation and an address, `archived` says whether of an archive.

    `last_build` is the text of lastBuildDate or "" for none.
    """

    links: tuple[tuple[str, str], ...] = ()
    archived = False
    last_build = ""

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes that the channel and its items use."""
        return {"dc": DC_NS, "media": MEDIA_NS, **({"fh": HISTORY_NS} if self.archived else {})}

    def extend_rss(self, rss: Any) -> Any:
        """Add the links and fh:archive, and write lastBuildDate from the data, where feedgen has the clock's time."""
        channel = rss[0]
        last = channel.find(f"{{{ATOM_NS}}}link")
        for relation, address in self.links:
            last.addnext(channel.makeelement(f"{{{ATOM_NS}}}link", {"href": address, "rel": relation}))
            last = last.getnext()
        if self.archived:
            last.addnext(channel.makeelement(f"{{{HISTORY_NS}}}archive"))
        date = channel.find("lastBuildDate")
        if self.last_build:
            date.text = self.last_build
        else:
            channel.remove(date)
        return rss


class ItemWords:
    """An item's extension: who wrote it, when it appeared, its picture.

    `content_only` says that it has content but no summary: feedgen puts the content into the description then.
    """

    content_only = False
    categories: tuple[str, ...] = ()
    creator = ""
    published = ""
    image: Image | None = None

    def extend_rss(self, item: Any) -> Any:
        """Add categories, pubDate, dc:creator and media elements; keep content out of the description."""
        # feedgen checks each category at five times the cost of writing it.
        for category in self.categories:
            SubElement(item, "category").text = category
        # feedgen's own pubDate switches the locale of the whole process back and forth for each item.
        SubElement(item, "pubDate").text = self.published
        if self.content_only:
            item.find("description").tag = f"{{{CONTENT_NS}}}encoded"
        if self.creator:
            SubElement(item, f"{{{DC_NS}}}creator").text = self.creator
        if self.image:
            _illustrate(item, self.image)
        return item


def spell_plain_text(document: bytes) -> bytes:
    """Write `&` and `<` in plain-text elements as `&#x26;` and `&#x3C;`, as the RSS Best Practices Profile advises.

    In a serialised document every literal `<` opens markup, so the pattern cannot match inside text or attributes.
    """
    return _PLAIN_TEXT.sub(_spell, document)


def _spell(match: re.Match[bytes]) -> bytes:
    return match[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def _illustrate(item: Any, image: Image) -> None:
    size = {name: str(pixels) for name, pixels in (("width", image.width), ("height", image.height)) if pixels > 0}
    content = SubElement(item, f"{{{MEDIA_NS}}}content", {"url": image.url, "medium": "image", **size})
    if image.title:
        SubElement(content, f"{{{MEDIA_NS}}}title", {"type": "plain"}).text = image.title
    SubElement(item, f"{{{MEDIA_NS}}}thumbnail", {"url": image.url, **size})
