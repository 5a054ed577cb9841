"""The bytes that a source answered with become a document, or why they are none. Pure.

What a document is, is told by how it begins, never by its media type: half of all feeds are sent with a wrong one.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

from aggregator.collector import html
from aggregator.collector.decoding import text_of
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.json_feeds import parse_json
from aggregator.collector.xml_feeds import parse_xml

LARGEST = 15 * 1024 * 1024
"""The largest document that is read, in bytes."""

_FEED_TYPES = {
    "application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "application/json",
}  # fmt: skip
_MOST_FEEDS = 20
_HEAD = 1_000_000
# How far the warnings of a script may reach before the feed itself.
_JUNK = 20_000
_ROOT = re.compile(r"<(rss|feed|[A-Za-z][\w.-]*:(?:RDF|feed)|RDF|channel)[\s>]", re.IGNORECASE)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|title|meta)\b", re.IGNORECASE)
_COMMENT_START = "<!--"


def parse(body: bytes, *, content_type: str, url: str) -> Document | NoDocument:
    """Return the document that `body` is, or why it is none, with the feeds that it names if it is an HTML page.

    Args:
        body: RSS 0.90 to 2.0, RDF, Atom 0.3 or 1.0, or JSON Feed 1 or 1.1, as it was sent, without content coding.
        content_type: what the server says of it; only its `charset` counts.
        url: where it was found, against which its relative addresses resolve.
    """
    if len(body) > LARGEST:
        return NoDocument(reason=f"has {len(body):,} bytes, at most {LARGEST:,} are read")
    text = text_of(body, content_type).lstrip("\ufeff\ufffd \t\n\r\f\v\0\xa0")
    if not text:
        return NoDocument(reason="is empty")
    if text[0] in "{[":
        return parse_json(text, url=url)
    root = _ROOT.search(_without_comments(text[:_JUNK]))
    page = _PAGE.search(text[:_JUNK])
    if root is not None and (page is None or page.start() > text.find(root[0])):
        return parse_xml(text, url=url)
    if page is not None:
        return _page(text, url)
    if text[0] == "<":
        return parse_xml(text, url=url)
    return NoDocument(reason=f"is no feed: it begins with {html.cut(html.one_line(text[:60]), 40)!r}")


def _without_comments(text: str) -> str:
    parts, position = list[str](), 0
    while (start := text.find(_COMMENT_START, position)) >= 0:
        parts.append(text[position:start])
        end = text.find("-->", start)
        if end < 0:
            return "".join(parts)
        position = end + 3
    return "".join([*parts, text[position:]])


def _page(text: str, url: str) -> NoDocument:
    feeds = feeds_named(text, url)
    if not feeds:
        return NoDocument(reason="is an HTML page that names no feed (list the address of the feed itself)")
    return NoDocument(reason=f"is an HTML page that names {len(feeds)} feed{'s' * (len(feeds) > 1)}", feeds=feeds)


def feeds_named(text: str, url: str) -> tuple[str, ...]:
    """Return the feeds that an HTML page names by `<link rel="alternate">`, absolute, in its order."""
    from lxml import etree  # noqa: PLC0415 - few answers are pages

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text[:_HEAD].encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return ()
    base = url
    found = list[str]()
    for element in () if root is None else root.iter("base", "link"):
        address = (element.get("href") or "").strip()
        if element.tag == "base" and base == url and address:
            base = _joined(url, address)
        relations = (element.get("rel") or "").lower().split()
        kind = (element.get("type") or "").partition(";")[0].strip().lower()
        if element.tag == "link" and address and kind in _FEED_TYPES and "alternate" in relations:
            found.append(html.address_of(address, base))
    return tuple(dict.fromkeys(filter(None, found)))[:_MOST_FEEDS]


def _joined(url: str, address: str) -> str:
    try:
        return urljoin(url, address)
    except ValueError:
        return url
