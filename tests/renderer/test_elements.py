"""Items are written as text, in the very bytes that feedgen and lxml would write for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.feedgen_items import atom_entry, rss_item

from aggregator.model.items import Image, Item, Media, Person, Provider, Source
from aggregator.renderer import atom, rss
from aggregator.renderer.elements import Element, markup

BASE = "https://feeds.example.org/?a=1&b=2"

WORDS = st.sampled_from(
    ["", "a", "A & B", "1 < 2 > 0", "]]>", "&amp;", '"q"', "'", "é", "日本", "🛰", "\r", "\n", "\t", "<br>"]
)
TEXT = st.lists(WORDS, max_size=5).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF]))),
    max_size=30,
)  # fmt: skip
SOME_TEXT = TEXT.filter(bool)
MOMENTS = st.integers(0, 4_000_000_000).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
PERSONS = st.builds(Person, name=SOME_TEXT, email=TEXT, url=TEXT)
IMAGES = st.builds(Image, url=SOME_TEXT, width=st.integers(0, 9), height=st.integers(0, 9), title=TEXT)
TRANSCRIPTS = st.sampled_from(["", "https://a.example/t.srt", "https://a.example/t?x=1&y=2"])
MEDIA = st.builds(
    Media,
    url=SOME_TEXT,
    type=st.sampled_from(["audio/mpeg", "video/mp4", "application/pdf", 'a/b;c="d"']),
    size=st.integers(0, 9),
    seconds=st.integers(0, 9),
    title=TEXT,
    transcript=TRANSCRIPTS,
    chapters=TRANSCRIPTS,
)
SOURCES = st.builds(Source, url=TEXT, title=TEXT, link=TEXT, id=TEXT, original=TEXT)
ITEMS = st.builds(
    Item,
    id=SOME_TEXT,
    link=SOME_TEXT,
    title=TEXT,
    published=MOMENTS,
    updated=MOMENTS,
    summary=TEXT,
    content=TEXT,
    authors=st.lists(PERSONS, max_size=3).map(tuple),
    author=TEXT,
    provider=st.none() | st.builds(Provider, name=TEXT),
    topics=st.lists(SOME_TEXT, max_size=2).map(tuple),
    tags=st.lists(SOME_TEXT, max_size=3).map(tuple),
    image=st.none() | IMAGES,
    media=st.lists(MEDIA, max_size=3).map(tuple),
    source=st.none() | SOURCES,
    language=st.sampled_from(["", "de", "en-us"]),
)


def compare(item: Item, moment: datetime) -> None:
    """Compare an item in both formats with feedgen's."""
    assert rss._item((item, BASE)) == rss_item(item, BASE)
    key = (item, moment, item.language, BASE)
    assert atom._entry(key) == atom_entry(key)


@settings(max_examples=150)
@given(ITEMS, MOMENTS)
def test_any_item_equals_that_of_feedgen(item: Item, moment: datetime) -> None:
    """Whatever it holds and whatever it lacks."""
    compare(item, moment)


@pytest.mark.slow
@settings(max_examples=5_000)
@given(ITEMS, MOMENTS)
def test_thousands_of_items_equal_those_of_feedgen(item: Item, moment: datetime) -> None:
    """Whatever they hold and whatever they lack."""
    compare(item, moment)


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
@settings(max_examples=100_000)
@given(ITEMS, MOMENTS)
def test_a_hundred_thousand_items_equal_those_of_feedgen(item: Item, moment: datetime) -> None:
    """Whatever they hold and whatever they lack."""
    compare(item, moment)


def test_the_item_that_has_everything_equals_that_of_feedgen(feed) -> None:
    """The items of the golden files."""
    for item in feed.items:
        compare(item, item.updated)


@pytest.mark.parametrize("text", ["\x00", "\x0b", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold_is_refused(text: str) -> None:
    """In a text and in an attribute."""
    for element in (Element("a", text), Element("a", attributes={"b": text})):
        with pytest.raises(ValueError):
            markup([element], depth=0)
