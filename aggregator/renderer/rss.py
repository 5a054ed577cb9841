"""Feed -> RSS 2.0 document, written by feedgen; pure.

https://www.rssboard.org/rss-specification, with the Best Practices Profile's advice on plain text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from feedgen.feed import FeedGenerator

from aggregator.model.feeds import Document, Feed, Site
from aggregator.model.items import Item
from aggregator.renderer import dates, wording
from aggregator.renderer.feedgen_rss import ChannelWords, ItemWords, spell_plain_text
from aggregator.renderer.item_cache import ALONE, NOWHERE, Fragments, spliced
from aggregator.renderer.legal_text import writable

TTL_MINUTES = 30
SPECIFICATION = "https://www.rssboard.org/rss-specification"


def render(feed: Feed, site: Site) -> Document:
    """Write `feed` as `<slug>/rss.xml`, or a page of its archive as `<slug>/archive/<folder>/rss.xml`."""
    media_type = f"{wording.MEDIA_TYPES[wording.RSS]}; charset=utf-8"
    body = spliced(writable(_channel, feed, site), _fragments.of(feed.items), b"  </channel>")
    name = wording.document(feed.spec, wording.RSS, feed.place.folder)
    return Document(name=name, media_type=media_type, body=body)


def _channel(feed: Feed, site: Site) -> bytes:
    """Write the feed without its items."""
    channel = FeedGenerator()
    channel.register_extension("words", ChannelWords, ItemWords, atom=False)
    _describe(channel, feed, site)
    return spell_plain_text(channel.rss_str(pretty=True))


def _items(items: Sequence[Item]) -> bytes:
    """Write items as every feed shows them, within a feed of which nothing else is wanted."""
    channel = FeedGenerator()
    channel.register_extension("words", ChannelWords, ItemWords, atom=False)
    _describe(channel, ALONE, NOWHERE)
    for item in items:
        _add(channel.add_entry(order="append"), item)
    return spell_plain_text(channel.rss_str(pretty=True))


_fragments: Fragments[Item] = Fragments(_items, b"    <item>", b"</item>\n")


def _describe(channel: Any, feed: Feed, site: Site) -> None:
    spec = feed.spec
    channel.title(wording.title(spec))
    channel.description(wording.description(spec, site))
    self_address = wording.address(spec, site, wording.RSS, feed.place.folder)
    channel.link(href=self_address, rel="self", type=wording.MEDIA_TYPES[wording.RSS])
    channel.link(href=wording.address(spec, site, wording.PAGE), rel="alternate")  # RSS's link is the one added last
    channel.language(site.language)
    channel.ttl(TTL_MINUTES)
    channel.generator(wording.GENERATOR)
    channel.docs(SPECIFICATION)
    if icon := wording.icon(spec, site):
        channel.logo(icon)
    channel.words.archived = bool(feed.place.folder)
    # A hub tells of the current document; nobody subscribes to a page of the archive.
    hub = [("hub", site.hub)] if site.hub and not feed.place.folder else []
    channel.words.links = (*hub, *wording.chain(feed, site, wording.RSS))
    channel.words.last_build = dates.rfc822(feed.updated) if feed.items else ""


# What opens a tag, or a declaration, in HTML (§13.2.5.6); anything else behind a `<` is text.
_TAG = re.compile(r"<[A-Za-z/!?]")


def _as_html(text: str) -> str:
    """Give plain text as an item's description, which every reader takes for HTML: most text reads the same there."""
    reads_the_same = not _TAG.search(text) and html.unescape(text) == text
    return text if reads_the_same else html.escape(text, quote=False)


def _add(entry: Any, item: Item) -> None:
    entry.title(wording.headline(item))
    entry.link(href=item.link, rel="alternate")
    entry.guid(item.id, permalink=item.id == item.link)
    if item.summary:
        entry.description(_as_html(item.summary), isSummary=True)
    if item.content:
        entry.content(item.content, type="html")
    entry.words.content_only = bool(item.content and not item.summary)
    entry.words.categories = item.tags
    entry.words.creator = wording.credit(item)
    entry.words.published = dates.rfc822(item.published)
    entry.words.image = item.image
