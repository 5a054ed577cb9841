"""Render a feed as an RSS 2.0 document; the channel is written by feedgen. Pure.

https://www.rssboard.org/rss-specification, with the Best Practices Profile's advice on plain text. What feedgen cannot
write by itself is added by an extension: feedgen calls `extend_rss` with the channel that it has built.
"""

from __future__ import annotations

import html
import re
from typing import Any

from feedgen.feed import FeedGenerator
from lxml.etree import SubElement

from aggregator.model.document_names import MEDIA_TYPES, PAGE, RSS, content_type
from aggregator.model.feeds import Document, Feed, Site
from aggregator.model.items import Item
from aggregator.renderer import dates, wording
from aggregator.renderer.elements import Element, markup
from aggregator.renderer.item_cache import ItemWriter, insert_items
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.media import (
    ITUNES_NS,
    PODCAST_NS,
    add_show,
    enclosures,
    is_episode,
    people,
    picture,
)

TTL_MINUTES = 30
SPECIFICATION = "https://www.rssboard.org/rss-specification"

_ATOM_NS = "http://www.w3.org/2005/Atom"
_DC_NS = "http://purl.org/dc/elements/1.1/"

_PLAIN_TEXT = re.compile(rb"<(?:title|description|dc:creator)>[^<&]*+&[^<]*+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
# The start of a tag or declaration in HTML (§13.2.5.6); any other `<` is text.
_TAG = re.compile(r"<[A-Za-z/!?]")


_Key = tuple[Item, str]
"""What an item is written from: itself, and the site's URL, of which its categories' schemes are made."""


def render(feed: Feed, site: Site) -> Document:
    """Return `feed` as `<slug>/rss.xml`, or a page of its archive as `<slug>/archive/<folder>/rss.xml`."""
    items = _writer.write([(item, site.url) for item in feed.items])
    body = insert_items(with_legal_text(_channel, feed, site), items, b"  </channel>")
    name = wording.document_name(feed.spec, RSS, feed.archive_position.folder)
    return Document(name=name, media_type=content_type(RSS), body=body)


def _channel(feed: Feed, site: Site) -> bytes:
    """Return the document without its items."""
    return _serialised(_generator(feed, site))


def _item(key: _Key) -> bytes:
    """Return an item, which every feed shows in the same bytes."""
    return markup([Element("item", children=_elements(*key))], depth=2)


_writer: ItemWriter[_Key] = ItemWriter(_item)


def _generator(feed: Feed, site: Site) -> Any:
    channel = FeedGenerator()
    channel.register_extension("extra", _ChannelExtension, atom=False)
    spec, folder = feed.spec, feed.archive_position.folder
    channel.title(wording.title(spec))
    channel.description(wording.description(spec, site))
    channel.link(href=wording.document_url(spec, site, RSS, folder), rel="self", type=MEDIA_TYPES[RSS])
    channel.link(href=wording.document_url(spec, site, PAGE), rel="alternate")  # RSS's <link> is the one added last
    channel.language(site.language)
    channel.ttl(TTL_MINUTES)
    channel.generator(wording.GENERATOR)
    channel.docs(SPECIFICATION)
    if icon := wording.icon_url(spec, site):
        channel.logo(icon)
    channel.extra.archived, channel.extra.complete = bool(folder), wording.is_complete(feed)
    channel.extra.has_media = any(item.media for item in feed.items)
    # A hub announces the current document only: nobody subscribes to a page of the archive.
    hub = [("hub", site.hub)] if site.hub and not folder else []
    channel.extra.links = (*hub, *wording.archive_links(feed, site, RSS))
    channel.extra.author = site.author
    if any(map(is_episode, feed.items)):
        channel.extra.show = site, wording.document_url(spec, site, RSS), wording.icon_url(spec, site)
    channel.extra.last_build = dates.rfc822(feed.updated) if feed.items else ""
    return channel


def _elements(item: Item, base: str) -> list[Element]:
    """Return what is in an item; `base` is the site's URL."""
    source = item.source
    return [
        Element("title", wording.headline(item), plain=True),
        Element("link", item.link),
        *_texts(item),
        Element("guid", item.id, {"isPermaLink": "true" if item.id == item.link else "false"}),
        *(Element("category", name, {"domain": scheme}, plain=True) for name, scheme in wording.categories(item, base)),
        Element("pubDate", dates.rfc822(item.published)),
        # Never beside `author`, which has to be an e-mail address (RSS 2.0).
        *(Element("dc:creator", wording.person_name(one), plain=True) for one in wording.people(item)),
        # RSS 2.0, "source": the URL is required.
        *([Element("source", wording.source_title(source), {"url": source.url}, plain=True)]
          if source and source.url else ()),
        *(picture(item.image) if item.image else ()),
        *enclosures(item.media),
        *(people(wording.people(item)) if is_episode(item) else ()),
    ]  # fmt: skip


def _texts(item: Item) -> list[Element]:
    found = [Element("description", _as_html(item.summary), plain=True)] if item.summary else []
    if item.content or not item.summary:
        found.append(Element("content:encoded", wording.content(item)))
    return found


def _as_html(text: str) -> str:
    """Return plain text as HTML, which is what readers take a description for. Most text needs no change."""
    reads_the_same = not _TAG.search(text) and html.unescape(text) == text
    return text if reads_the_same else html.escape(text, quote=False)


class _ChannelExtension:
    """What the channel has beside feedgen's own elements.

    `links` are pairs of a relation and a URL, `archived` is true for a page of an archive (RFC 5005 §4), `complete`
    for its only page (§2), `last_build` is the text of lastBuildDate ("" = none). `has_media` is true if an item has a
    file, `author` is who publishes the feed. `show` is the site, the feed's URL and that of its
    picture if it has episodes.
    """

    links: tuple[tuple[str, str], ...] = ()
    has_media = False
    archived = False
    complete = False
    last_build = ""
    author = ""
    show: tuple[Site, str, str] | None = None

    def extend_ns(self) -> dict[str, str]:
        """Return the namespace prefixes that the channel and its items use."""
        episodes = {"itunes": ITUNES_NS, "podcast": PODCAST_NS} if self.has_media else {}
        history = {"fh": wording.HISTORY_NS} if self.archived else {}
        return {"dc": _DC_NS, "media": wording.MEDIA_NS, **episodes, **history}

    def extend_rss(self, rss: Any) -> Any:
        """Add the links, fh:archive and the author, and set lastBuildDate, for which feedgen takes the clock's time."""
        channel = rss[0]
        last = channel.find(f"{{{_ATOM_NS}}}link")
        for relation, address in self.links:
            last.addnext(channel.makeelement(f"{{{_ATOM_NS}}}link", {"href": address, "rel": relation}))
            last = last.getnext()
        if self.archived:
            last.addnext(channel.makeelement(f"{{{wording.HISTORY_NS}}}archive"))
        if self.complete:
            last.addnext(channel.makeelement(f"{{{wording.HISTORY_NS}}}complete"))
        if self.author:
            _add_editor(channel, self.author)
        if self.show:
            site, address, picture = self.show
            add_show(channel, site, feed_url=address, picture=picture)
        date = channel.find("lastBuildDate")
        if self.last_build:
            date.text = self.last_build
        else:
            channel.remove(date)
        return rss


def _add_editor(channel: Any, author: str) -> None:
    """Add who publishes the feed; RSS 2.0 asks for an e-mail address in `managingEditor`, so not without one."""
    if found := _EMAIL.search(author):
        name = (author[: found.start()] + author[found.end() :]).strip(" \t<>()[],;:")
        text = f"{found[0]} ({name})" if name else found[0]
        SubElement(channel, "managingEditor").text = text
    SubElement(channel, f"{{{_DC_NS}}}creator").text = author


def _serialised(generator: Any) -> bytes:
    """Return the document, with `&` and `<` in plain-text elements as `&#x26;` and `&#x3C;` (Best Practices Profile).

    In a serialised document every literal `<` begins markup, so the pattern cannot match inside text or attributes.
    """
    return _PLAIN_TEXT.sub(
        lambda match: match[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), generator.rss_str(pretty=True)
    )
