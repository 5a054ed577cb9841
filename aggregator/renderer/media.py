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
from aggregator.renderer.wording import MEDIA_NS

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


def add_picture(parent: Any, image: Image) -> None:
    """Add a picture as `media:content`, for readers that show it, and as `media:thumbnail`, for those that list it."""
    size = {name: str(pixels) for name, pixels in (("width", image.width), ("height", image.height)) if pixels > 0}
    content = SubElement(parent, f"{{{MEDIA_NS}}}content", {"url": image.url, "medium": "image", **size})
    if image.title:
        SubElement(content, f"{{{MEDIA_NS}}}title", {"type": "plain"}).text = image.title
    SubElement(parent, f"{{{MEDIA_NS}}}thumbnail", {"url": image.url, **size})


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


def add_people(item: Any, people: Iterable[Person]) -> None:
    """Add whom an episode is by (podcasting2.org/docs, "person")."""
    for person in people:
        page = {"href": person.url} if person.url else {}
        name = wording.shorten(wording.person_name(person), LONGEST_PERSON)
        SubElement(item, f"{{{PODCAST_NS}}}person", page).text = name


def add_enclosures(item: Any, media: tuple[Media, ...]) -> None:
    """Add the files of an item of RSS: the first as its enclosure, as many readers take one alone, others beside it.

    RSS 2.0, "enclosure": url, length (0 if unknown) and type are required.
    """
    for number, one in enumerate(media):
        if number == 0:
            SubElement(item, "enclosure", {"url": one.url, "length": str(one.size), "type": one.type})
            _add_episode(item, one)
        else:
            optional = {"fileSize": one.size, "duration": one.seconds}
            given = {name: str(value) for name, value in optional.items() if value}
            content = SubElement(item, f"{{{MEDIA_NS}}}content", {"url": one.url, "type": one.type, **given})
            if one.title:
                SubElement(content, f"{{{MEDIA_NS}}}title", {"type": "plain"}).text = one.title


def _add_episode(item: Any, media: Media) -> None:
    """Add what players of podcasts show of an enclosure."""
    if media.seconds:
        SubElement(item, f"{{{ITUNES_NS}}}duration").text = str(media.seconds)
    if media.transcript:
        kind = _TRANSCRIPT_TYPES.get(media.transcript.rpartition(".")[2].lower(), "text/html")
        SubElement(item, f"{{{PODCAST_NS}}}transcript", {"url": media.transcript, "type": kind})
    if media.chapters:
        SubElement(item, f"{{{PODCAST_NS}}}chapters", {"url": media.chapters, "type": _CHAPTERS_TYPE})
