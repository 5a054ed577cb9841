"""Authors and the source of an item are in every format, as the documents of each say."""

from __future__ import annotations

import json
from typing import Any

import feedparser
import msgspec
import pytest
from lxml import etree

from aggregator.model.feeds import Feed, Site
from aggregator.model.items import Person, Source
from aggregator.renderer import atom, json_feed, rss

ANN = Person(name="Ann & Co", email="ann@example.org", url="https://ann.example/?a=1&b=2")
BOB, DESK = Person(name="Bob"), Person(email="desk@example.org")
SOURCE = Source(
    url="https://e.example/feed?a&b", title="E <news> & F", link="https://e.example/", id="urn:x:1",
    original="https://e.example/a",
)  # fmt: skip
ATOM, DC = "{http://www.w3.org/2005/Atom}", "{http://purl.org/dc/elements/1.1/}"


def with_origin(feed: Feed, source: Source = SOURCE) -> Feed:
    first = msgspec.structs.replace(feed.items[0], authors=(ANN, BOB, DESK), source=source)
    return msgspec.structs.replace(feed, items=(first,))


def entry_of(fmt: Any, feed: Feed, site: Site) -> Any:
    root = etree.fromstring(fmt.render(feed, site).body)
    return root.find("channel/item") if fmt is rss else root.find(f"{ATOM}entry")


def test_every_author_is_in_rss(feed: Feed, site: Site) -> None:
    """One `dc:creator` each (Dublin Core), and never an `author` beside them (RSS Best Practices)."""
    item = entry_of(rss, with_origin(feed), site)
    assert [one.text for one in item.iter(f"{DC}creator")] == ["Ann & Co", "Bob", "desk@example.org"]
    assert item.find("author") is None


def test_every_author_is_in_atom(feed: Feed, site: Site) -> None:
    """RFC 4287 §3.2: a name, and an e-mail address and a page if they are known."""
    people = [{part.tag.removeprefix(ATOM): part.text for part in one} for one in entry_of(atom, with_origin(feed), site)
              if one.tag == f"{ATOM}author"]  # fmt: skip
    assert people == [
        {"name": "Ann & Co", "email": ANN.email, "uri": ANN.url}, {"name": "Bob"},
        {"name": DESK.email, "email": DESK.email},
    ]  # fmt: skip


def test_every_author_is_in_json(feed: Feed, site: Site) -> None:
    """JSON Feed 1.1, "authors": the URL may be a `mailto:`, as an address is one."""
    item = json.loads(json_feed.render(with_origin(feed), site).body)["items"][0]
    assert item["authors"] == [
        {"name": "Ann & Co", "url": ANN.url}, {"name": "Bob"}, {"name": DESK.email, "url": "mailto:desk@example.org"},
    ]  # fmt: skip


def test_the_source_is_in_rss(feed: Feed, site: Site) -> None:
    """RSS 2.0, "source": the URL of the feed is required, the text is its title."""
    source = entry_of(rss, with_origin(feed), site).find("source")
    assert (dict(source.attrib), source.text) == ({"url": SOURCE.url}, SOURCE.title)
    untitled = entry_of(rss, with_origin(feed, Source(url=SOURCE.url)), site).find("source")
    assert untitled.text == "e.example"
    assert entry_of(rss, with_origin(feed, Source(title="E", link=SOURCE.link)), site).find("source") is None


def test_the_source_is_in_atom(feed: Feed, site: Site) -> None:
    """RFC 4287 §4.2.11 with id, title, updated and links; the entry's `via` is the original, and it keeps one page."""
    entry = entry_of(atom, with_origin(feed), site)
    source = entry.find(f"{ATOM}source")
    found = {name: source.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated")}
    assert found == {"id": "urn:x:1", "title": SOURCE.title, "updated": entry.findtext(f"{ATOM}updated")}
    assert [dict(one.attrib) for one in source.iter(f"{ATOM}link")] == [
        {"href": SOURCE.link, "rel": "alternate"}, {"href": SOURCE.url, "rel": "self"},
    ]  # fmt: skip
    links = {one.get("rel"): one.get("href") for one in entry.iterfind(f"{ATOM}link")}
    assert links == {"alternate": feed.items[0].link, "via": SOURCE.original}
    assert feedparser.parse(atom.render(with_origin(feed), site).body).entries[0].id == feed.items[0].id


def test_a_source_without_an_address_has_no_id(feed: Feed, site: Site) -> None:
    """Then Atom leaves it out, as an `atom:source` without an id says nothing; JSON has what is known."""
    named = with_origin(feed, Source(title="E"))
    assert entry_of(atom, named, site).find(f"{ATOM}source") is None
    assert json.loads(json_feed.render(named, site).body)["items"][0]["_aggregator"]["source"] == {"title": "E"}


def test_the_source_is_in_json(feed: Feed, site: Site) -> None:
    """`_aggregator.source` has the four keys that a seed has."""
    source = json.loads(json_feed.render(with_origin(feed), site).body)["items"][0]["_aggregator"]["source"]
    assert source == {"url": SOURCE.url, "title": SOURCE.title, "link": SOURCE.link, "id": SOURCE.id}


def test_topics_and_tags_are_told_apart(feed: Feed, site: Site) -> None:
    """RFC 4287 §4.2.2.2 `scheme`, RSS 2.0 `domain`: two URLs of the site; JSON has one list of names."""
    schemes = [("AI", f"{site.url}#topics"), ("R&D", f"{site.url}#tags"), ("hardware", f"{site.url}#tags")]
    categories = entry_of(rss, feed, site).findall("category")
    assert [(one.text, one.get("domain")) for one in categories] == schemes
    categories = entry_of(atom, feed, site).findall(f"{ATOM}category")
    assert [(one.get("term"), one.get("scheme")) for one in categories] == schemes
    assert json.loads(json_feed.render(feed, site).body)["items"][0]["tags"] == ["AI", "R&D", "hardware"]


@pytest.mark.parametrize(
    ("author", "editor"),
    [
        ("Example Desk", None), ("Example Desk <desk@example.org>", "desk@example.org (Example Desk)"),
        ("desk@example.org (Desk & Co)", "desk@example.org (Desk & Co)"), ("desk@example.org", "desk@example.org"),
        ("", None),
    ],
)  # fmt: skip
def test_who_publishes_a_feed_is_in_rss(feed: Feed, site: Site, author: str, editor: str | None) -> None:
    """`dc:creator`, and `managingEditor` if there is an e-mail address, which RSS 2.0 requires in it."""
    channel = etree.fromstring(rss.render(feed, msgspec.structs.replace(site, author=author)).body).find("channel")
    assert (channel.findtext(f"{DC}creator"), channel.findtext("managingEditor")) == (author or None, editor)
