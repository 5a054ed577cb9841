"""Pictures and files of an item as elements of RSS and Atom. Pure.

Media RSS 1.5 (rssboard.org/media-rss); the podcast namespace (podcasting2.org/docs) and that of Apple
(help.apple.com/itc/podcasts_connect, "A Podcaster's Guide to RSS").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from lxml.etree import SubElement

from aggregator.model.feeds import Site
from aggregator.model.items import Image, Item, Media, Person
from aggregator.renderer import wording
from aggregator.renderer.elements import Element

ITUNES_NS = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST_NS = "https://podcastindex.org/namespace/1.0"

_TRANSCRIPT_TYPES = {
    "html": "text/html", "json": "application/json", "srt": "application/x-subrip", "txt": "text/plain",
    "vtt": "text/vtt",
}  # fmt: skip
LONGEST_PERSON = 128
"""The most characters that `podcast:person` may have."""

_GUIDS = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
"""The namespace of `podcast:guid`: a UUID of version 5 of the feed's URL, without scheme and slash at the end."""

_CHAPTERS_TYPE = "application/json+chapters"


def picture(image: Image) -> list[Element]:
    """Return a picture for readers that show it (`media:content`), and for those that list it (`media:thumbnail`)."""
    size = {name: str(pixels) for name, pixels in (("width", image.width), ("height", image.height)) if pixels > 0}
    title = _media_title(image.title)
    return [
        Element("media:content", attributes={"url": image.url, "medium": "image", **size}, children=title),
        Element("media:thumbnail", attributes={"url": image.url, **size}),
    ]


def is_episode(item: Item) -> bool:
    """Return whether players of podcasts play an item: its first file is a sound or a film."""
    return bool(item.media) and item.media[0].type.startswith(("audio/", "video/"))


def add_show(channel: Any, site: Site, *, feed_url: str, picture: str) -> None:
    """Add what directories of podcasts want to know of a feed with episodes, as far as it is known."""
    SubElement(channel, f"{{{ITUNES_NS}}}author").text = site.author or site.title
    if site.podcast.category:
        SubElement(channel, f"{{{ITUNES_NS}}}category", {"text": site.podcast.category})
    if site.podcast.explicit is not None:
        SubElement(channel, f"{{{ITUNES_NS}}}explicit").text = "true" if site.podcast.explicit else "false"
    if picture:
        SubElement(channel, f"{{{ITUNES_NS}}}image", {"href": picture})
    address = feed_url.partition("://")[2].rstrip("/")
    SubElement(channel, f"{{{PODCAST_NS}}}guid").text = str(uuid5(_GUIDS, address))


def people(persons: Iterable[Person]) -> list[Element]:
    """Return whom an episode is by (podcasting2.org/docs, "person")."""
    return [
        Element(
            "podcast:person",
            wording.shorten(wording.person_name(person), LONGEST_PERSON),
            {"href": person.url} if person.url else {},
        )
        for person in persons
    ]


def enclosures(media: tuple[Media, ...]) -> list[Element]:
    """Return the files of an item of RSS: the first as its enclosure, as many readers take one alone, then others.

    RSS 2.0, "enclosure": url, length (0 if unknown) and type are required.
    """
    if not media:
        return []
    first, *others = media
    enclosure = Element("enclosure", attributes={"url": first.url, "length": str(first.size), "type": first.type})
    return [enclosure, *_episode(first), *map(_further, others)]


def _further(media: Media) -> Element:
    optional = {"fileSize": media.size, "duration": media.seconds}
    given = {name: str(value) for name, value in optional.items() if value}
    return Element(
        "media:content", attributes={"url": media.url, "type": media.type, **given}, children=_media_title(media.title)
    )


def _media_title(title: str) -> list[Element]:
    return [Element("media:title", title, {"type": "plain"})] if title else []


def _episode(media: Media) -> list[Element]:
    """Return what players of podcasts show of an enclosure."""
    found = []
    if media.seconds:
        found.append(Element("itunes:duration", str(media.seconds)))
    if media.transcript:
        kind = _TRANSCRIPT_TYPES.get(media.transcript.rpartition(".")[2].lower(), "text/html")
        found.append(Element("podcast:transcript", attributes={"url": media.transcript, "type": kind}))
    if media.chapters:
        found.append(Element("podcast:chapters", attributes={"url": media.chapters, "type": _CHAPTERS_TYPE}))
    return found
