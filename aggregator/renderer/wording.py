"""What every format says about a feed and its items: the same words under the same URLs. Pure."""

from __future__ import annotations

import html

from aggregator.model.archive_layout import ARCHIVE
from aggregator.model.feeds import SITE_FEED, Feed, FeedSpec, Site
from aggregator.model.items import Item, Person, Source
from aggregator.renderer import dates

GENERATOR = "aggregator"
"""The program's name in every document, without its version: an upgrade would change, and so resend, every feed."""

MEDIA_NS = "http://search.yahoo.com/mrss/"
"""The namespace of Media RSS (rssboard.org/media-rss), which RSS and Atom feeds use for pictures."""

HISTORY_NS = "http://purl.org/syndication/history/1.0"
"""The namespace of `archive`, which marks a page of an archive (RFC 5005 §4), and `complete`, its only page (§2)."""


def title(spec: FeedSpec) -> str:
    """Return the feed's title, never "": RSS, Atom and JSON Feed all require one."""
    return spec.title or spec.slug


def description(spec: FeedSpec, site: Site) -> str:
    """Return the feed's description, never "": RSS requires one."""
    return spec.description or site.description or f"{subject(spec)} from {site.title}"


def subject(spec: FeedSpec) -> str:
    """Return what the feed is about, to be read beside the site's title, which the site's own feed shares."""
    return "Everything" if spec.slug == SITE_FEED else title(spec)


def shorten(text: str, length: int) -> str:
    """Return `text` in at most `length` characters, cut between words if it is too long."""
    if len(text) <= length:
        return text
    words = text[: length - 1].rpartition(" ")[0] or text[: max(0, length - 1)]
    return f"{words.rstrip(' ,;:.–-')}…" if length else ""


def headline(item: Item) -> str:
    """Return the item's title, never "": Atom requires one."""
    return item.title or item.link


def author_name(item: Item) -> str:
    """Return whom readers see as the author: the item's own, else its source, else ""."""
    return item.author or (item.provider.name if item.provider else "")


def people(item: Item) -> tuple[Person, ...]:
    """Return whom readers see as the authors: the item's own, else `author_name` alone."""
    return item.authors or ((Person(name=name),) if (name := author_name(item)) else ())


def person_name(person: Person) -> str:
    """Return how readers call an author, never ""."""
    return person.name or person.email or person.url


def source_title(source: Source) -> str:
    """Return how readers call the feed that an item was collected from, never ""."""
    return source.title or (source.url or source.link or source.id).partition("://")[2].partition("/")[0] or source.id


def content(item: Item) -> str:
    """Return the item's content as HTML, never "": without any it is the summary, and without that the title."""
    return item.content or f"<p>{html.escape(item.summary or headline(item), quote=False)}</p>"


def categories(item: Item, base: str) -> list[tuple[str, str]]:
    """Return the item's topics and tags, each with its scheme: a URL of the site, whose own URL is `base`."""
    topics = frozenset(item.topics)
    return [(name, f"{base}#{'topics' if name in topics else 'tags'}") for name in item.tags]


def icon_url(spec: FeedSpec, site: Site) -> str:
    """Return the URL of the feed's picture, or ""."""
    return spec.image or site.icon


def language_if_different(item: Item, site: Site) -> str:
    """Return the item's language if it is not the site's, else ""."""
    return "" if item.language.lower() == site.language.lower() else item.language


def document_url(spec: FeedSpec, site: Site, file: str, folder: str = "") -> str:
    """Return the absolute URL of the feed's document `file` (`rss.xml`), or of that in its archive's `folder`."""
    return site.address(document_name(spec, file, folder))


def document_name(spec: FeedSpec, file: str, folder: str = "") -> str:
    """Return the name of the feed's document `file`: `all/rss.xml`, in an archive `all/archive/2026-10/rss.xml`."""
    return f"{spec.slug}/{ARCHIVE}/{folder}/{file}" if folder else f"{spec.slug}/{file}"


def archive_page_name(folder: str) -> str:
    """Return what people call the page `folder` of an archive: "October 2026", or "October 2026, to the 16th"."""
    month, _, end = folder[5:].partition("-")
    name = f"{dates.MONTHS[int(month) - 1]} {folder[:4]}"
    if not end:
        return name
    day, _, time = end.partition("T")
    hour, _, slot = time.partition("-")
    words = f"{name}, to the {_ordinal(int(day))}"
    return f"{words}, {hour}:59{f' (part {slot})' if slot else ''}" if hour else words


def _ordinal(number: int) -> str:
    suffix = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def is_complete(feed: Feed) -> bool:
    """Return whether a document is the only page of its feed's archive, which so has all its items (RFC 5005 §2)."""
    place = feed.archive_position
    return bool(place.folder) and not (place.prev or place.next)


def archive_links(feed: Feed, site: Site, file: str) -> list[tuple[str, str]]:
    """Return relation and URL of the neighbours of a document in the feed's archive (RFC 5005 §4)."""
    links = [("prev-archive", feed.archive_position.prev), ("next-archive", feed.archive_position.next)]
    found = [(relation, document_url(feed.spec, site, file, folder)) for relation, folder in links if folder]
    return [("current", document_url(feed.spec, site, file)), *found] if feed.archive_position.folder else found
