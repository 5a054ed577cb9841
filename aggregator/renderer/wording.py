"""What every format says of a feed and its items in the same words and under the same addresses; pure."""

from __future__ import annotations

from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.feeds import SITE_FEED, Feed, FeedSpec, Site
from aggregator.model.items import Item

GENERATOR = "aggregator"
"""The program's name in every document, without its version: an upgrade would change, and so resend, every feed."""

HISTORY_NS = "http://purl.org/syndication/history/1.0"
"""The namespace of `archive`, which marks a page of an archive (RFC 5005 §4)."""


def title(spec: FeedSpec) -> str:
    """Name the feed; RSS, Atom and JSON Feed all require a title."""
    return spec.title or spec.slug


def description(spec: FeedSpec, site: Site) -> str:
    """Say what the feed holds; RSS requires a description."""
    return spec.description or site.description or f"{subject(spec)} from {site.title}"


def subject(spec: FeedSpec) -> str:
    """Say what the feed is about, beside the site's title, which the feed of everything shares."""
    return "Everything" if spec.slug == SITE_FEED else title(spec)


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


def address(spec: FeedSpec, site: Site, name: str, folder: str = "") -> str:
    """Give the absolute URL of the feed's document `name`, such as `rss.xml`; in the archive's `folder` if given."""
    return site.address(document(spec, name, folder))


def document(spec: FeedSpec, name: str, folder: str = "") -> str:
    """Name the feed's document `name`: `all/rss.xml`, or in the archive's folder `all/archive/2026-10/rss.xml`."""
    return f"{spec.slug}/{ARCHIVE}/{folder}/{name}" if folder else f"{spec.slug}/{name}"


def chain(feed: Feed, site: Site, name: str) -> list[tuple[str, str]]:
    """Give relation and address of the documents beside this one in the feed's archive (RFC 5005 §4)."""
    place = feed.place
    links = [("prev-archive", place.prev), ("next-archive", place.next)]
    found = [(relation, address(feed.spec, site, name, folder)) for relation, folder in links if folder]
    return [("current", address(feed.spec, site, name)), *found] if place.folder else found
