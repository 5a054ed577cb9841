"""Any text is read back as it was, and makes no writer fail."""

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from aggregator.model.feeds import Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Image, Item, Provider, Related
from aggregator.renderer import atom, json_feed, opml, page, rss

MOMENT = datetime(2026, 10, 3, 12, tzinfo=UTC)
SITE = Site(title="Site", url="https://feeds.example.org/")
A, CONTENT, DC = (
    "{http://www.w3.org/2005/Atom}",
    "{http://purl.org/rss/1.0/modules/content/}",
    "{http://purl.org/dc/elements/1.1/}",
)

# What the normalizer lets through: no control, surrogate, unassigned or noncharacter, and no blank text.
clean = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=60).filter(str.strip)
NASTY = [
    "]]>",
    "<![CDATA[x]]>",
    "<!DOCTYPE html>",
    '<!DOCTYPE x [<!ENTITY a "b">]>',
    "&a; &amp; &#38; &#x26; &amp;amp;",
    "</item><item>",
    "</title><title>a & b</title>",
    "<!-- <title>& -->",
    "<?xml version='1.0'?>",
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "</details></style></script>",
]


def a_feed(text, *, title="T"):
    item = Item(
        id="https://e.example/1",
        link="https://e.example/1",
        title=text,
        published=MOMENT,
        updated=MOMENT,
        summary=text,
        content=text,
        author=text,
        tags=(text,),
        image=Image(url="https://e.example/i.png", title=text),
        provider=Provider(name=text, domain="e.example"),
        related=(Related(title=text, link="https://e.example/2"),),
    )
    return Feed(spec=FeedSpec(slug="x", title=title, description=title), items=(item,), updated=MOMENT)


def summaries(text):
    return [
        FeedSummary(
            spec=FeedSpec(slug="all", title=text, description=text),
            count=1,
            updated=MOMENT,
            newest_title=text,
            newest_published=MOMENT,
        )
    ]


def nasty(test):
    for text in NASTY:
        test = example(text)(test)
    return test


@nasty
@given(clean)
def test_rss(text):
    """Any text in RSS is read back as it was, in one item; its description is read as HTML."""
    (item,) = etree.fromstring(rss.render(a_feed(text, title=text), SITE).body).iter("item")

    assert [text] * 5 == [
        item.findtext("title"),
        "".join(Reader(item.findtext("description").encode()).text),
        item.findtext(f"{CONTENT}encoded"),
        item.findtext(f"{DC}creator"),
        item.findtext("category"),
    ]
    assert text == item.getparent().findtext("title") == item.getparent().findtext("description")


@nasty
@given(clean)
def test_atom(text):
    """Any text in Atom is read back as it was, in one entry."""
    root = etree.fromstring(atom.render(a_feed(text, title=text), SITE).body)
    (entry,) = root.iter(f"{A}entry")

    assert [text] * 5 == [
        entry.findtext(f"{A}title"),
        entry.findtext(f"{A}summary"),
        entry.findtext(f"{A}content"),
        entry.findtext(f"{A}author/{A}name"),
        entry.find(f"{A}category").get("term"),
    ]
    assert text == root.findtext(f"{A}title") == root.findtext(f"{A}subtitle")


@nasty
@given(clean)
def test_json(text):
    """Any text in JSON is read back as it was, in one item."""
    document = json.loads(json_feed.render(a_feed(text, title=text), SITE).body)
    (item,) = document["items"]

    assert [text] * 5 == [
        item["title"],
        item["summary"],
        item["content_html"],
        item["authors"][0]["name"],
        item["tags"][0],
    ]
    assert text == document["title"] == document["description"]


@nasty
@given(clean)
def test_opml(text):
    """Any title in OPML is read back as it was, in one outline."""
    (outline,) = etree.fromstring(opml.render(summaries(text), SITE)[0].body).iter("outline")

    assert text == outline.get("text") == outline.get("title") == outline.get("description")


class Reader(HTMLParser):
    """Collects the elements, attributes and text of a page."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.attributes, self.text = [], set(), []
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.slow
@nasty
@given(clean)
def test_pages_hold_text_as_text(text):
    """A page has the same elements and attributes whatever the text is."""
    for expected, actual in (
        (page.render(a_feed("x", title="x"), SITE, ()), page.render(a_feed(text, title=text), SITE, ())),
        (page.render_index(summaries("x"), SITE), page.render_index(summaries(text), SITE)),
    ):
        assert Reader(expected.body).tags == Reader(actual.body).tags
        assert Reader(expected.body).attributes == Reader(actual.body).attributes


@given(clean)
def test_plain_text_is_spelled_for_all_readers(text):
    """In RSS's plain-text elements `&` and `<` are hexadecimal references, elsewhere they are not."""
    body = rss.render(a_feed(f"&<{text}"), SITE).body

    for element in (b"title", b"category", b"dc:creator"):
        assert re.search(rb"<" + element + rb"(?: [^<>]*)?>&#x26;&#x3C;", body)
    assert b"<description>&#x26;" in body
    assert b"<content:encoded>&amp;&lt;" in body


@pytest.mark.parametrize("text", ["AT&T & co", "1 < 2 > 0", "a&b=c", "R&D; 3 <4"])
def test_a_description_that_html_reads_alike_is_written_as_it_is(text):
    """Readers that take it for plain text see no needless escape."""
    (item,) = etree.fromstring(rss.render(a_feed(text), SITE).body).iter("item")

    assert item.findtext("description") == text


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_no_character_makes_a_writer_fail(bad):
    """Characters that no format can hold are left out; the feed and the rest of the text stay."""
    feed, all_summaries = a_feed(f"be{bad}fore", title=f"be{bad}fore"), summaries(f"be{bad}fore")
    for document in (
        rss.render(feed, SITE),
        atom.render(feed, SITE),
        *opml.render(all_summaries, SITE),
    ):
        assert etree.fromstring(document.body) is not None
        assert b"before" in document.body
    assert json.loads(json_feed.render(feed, SITE).body)["items"]
    assert b"fore" in page.render(feed, SITE, all_summaries).body
    assert b"fore" in page.render_index(all_summaries, SITE).body


def test_nothing_but_bad_characters():
    """If a title has only such characters, the feed is valid and titled by its slug or link."""
    feed = a_feed("\x00", title="\x00")

    assert etree.fromstring(rss.render(feed, SITE).body).findtext("channel/title") == "x"
    assert etree.fromstring(atom.render(feed, SITE).body).findtext(f"{A}entry/{A}title") == "https://e.example/1"
