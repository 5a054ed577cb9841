"""What every format says of a feed and its items in the same words and under the same addresses; pure."""

from __future__ import annotations

from aggregator.documents import ATOM, JSON, MEDIA_TYPES, OPML, PAGE, RSS
from aggregator.model import FeedSpec, Item, Site

__all__ = ["ATOM", "INDEX", "JSON", "MEDIA_TYPES", "OPML", "PAGE", "RSS"]

GENERATOR = "aggregator"
# No version here: an upgrade would change, and so resend, every feed.

INDEX = PAGE


def title(spec: FeedSpec) -> str:
    """Name the feed; RSS, Atom and JSON Feed all require a title."""
    return spec.title or spec.slug


def description(spec: FeedSpec, site: Site) -> str:
    """Say what the feed holds; RSS requires a description."""
    return spec.description or site.description or f"{title(spec)} from {site.title}"


def short(text: str, most: int) -> str:
    """Give `text` in at most `most` characters, cut between words where it is too long."""
    if len(text) <= most:
        return text
    words = text[: most - 1].rpartition(" ")[0] or text[: max(0, most - 1)]
    return f"{words.rstrip(' ,;:.–-')}…" if most else ""


def headline(item: Item) -> str:
    """Name the item; Atom requires a title."""
    return item.title or item.link


def credit(item: Item) -> str:
    """Name whom readers see as the author: the item's own, else its source, else nobody ("")."""
    return item.author or (item.provider.name if item.provider else "")


def icon(spec: FeedSpec, site: Site) -> str:
    """Give the address of the feed's picture, or ""."""
    return spec.image or site.icon


def foreign(item: Item, site: Site) -> str:
    """Give the item's language where it is not the site's, else ""."""
    return "" if item.language.lower() == site.language.lower() else item.language


def address(spec: FeedSpec, site: Site, name: str) -> str:
    """Give the absolute URL of the feed's document `name`, such as `rss.xml`."""
    return site.address(f"{spec.slug}/{name}")
