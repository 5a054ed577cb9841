"""Render the list of all feeds, nested by topic, and that of all sources, as OPML 2.0 documents. Pure.

http://opml.org/spec2.opml
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml.etree import Comment, Element, SubElement, tostring

from aggregator.model.document_names import DISCOVERY, OPML, PAGE, RSS, content_type
from aggregator.model.feeds import Document, FeedSummary, Site
from aggregator.renderer import dates, wording
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.topic_tree import Branch, build_tree


def render(summaries: Sequence[FeedSummary], site: Site) -> tuple[Document, Document]:
    """Return the list as `feeds.opml`, and again as `.well-known/feeds`, where software looks for it."""
    body = with_legal_text(_body, summaries, site)
    return (
        Document(name=OPML, media_type=content_type(OPML), body=body),
        Document(name=DISCOVERY, media_type=content_type(DISCOVERY), body=body),
    )


def sources(feeds: Sequence[tuple[str, str]], site: Site) -> bytes:
    """Return the list of the sources of a site, given as pairs of name and address, in this order."""
    return with_legal_text(_sources, feeds, site)


def _sources(feeds: Sequence[tuple[str, str]], site: Site) -> bytes:
    opml = Element("opml", {"version": "2.0"})
    opml.append(Comment(f" Made with {wording.GENERATOR} "))  # by this the file is known to be ours
    SubElement(SubElement(opml, "head"), "title").text = f"Sources of {site.title}"
    body = SubElement(opml, "body")
    for name, url in feeds:
        SubElement(body, "outline", {"text": name, "title": name, "type": "rss", "xmlUrl": url})
    document: bytes = tostring(opml, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return document


def _body(summaries: Sequence[FeedSummary], site: Site) -> bytes:
    opml = Element("opml", {"version": "2.0"})
    head = SubElement(opml, "head")
    SubElement(head, "title").text = site.title
    updated = max((summary.updated for summary in summaries), default=dates.EPOCH)
    if updated > dates.EPOCH:
        SubElement(head, "dateModified").text = dates.rfc822(updated)
    body = SubElement(opml, "body")
    for branch in build_tree(summaries):
        _add(body, branch, site)
    document: bytes = tostring(opml, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return document


def _add(parent: Any, branch: Branch, site: Site) -> None:
    # Readers such as Miniflux and NetNewsWire take an outline with an xmlUrl for a feed and ignore what is nested in
    # it. So a topic with subtopics is a folder, which holds its own feed first.
    if not branch.children:
        _add_feed(parent, branch.summary, site)
        return
    title = wording.title(branch.summary.spec)
    # Without a type, validators complain. That of links would need a `url`, which newsboat takes for a feed.
    folder = SubElement(parent, "outline", {"text": title, "title": title, "type": "folder"})
    _add_feed(folder, branch.summary, site)
    for child in branch.children:
        _add(folder, child, site)


def _add_feed(parent: Any, summary: FeedSummary, site: Site) -> None:
    spec = summary.spec
    attributes = {
        "text": wording.title(spec),
        "title": wording.title(spec),
        "type": "rss",
        "version": "RSS",  # what the specification calls RSS 2.0
        "xmlUrl": wording.document_url(spec, site, RSS),
        "htmlUrl": wording.document_url(spec, site, PAGE),
    }
    if spec.description:
        attributes["description"] = spec.description
    SubElement(parent, "outline", attributes)
