"""Pictures and files of an item are in every format, as the readers of each find them."""

from __future__ import annotations

import json
from typing import Any

import feedparser
import msgspec
from lxml import etree

from aggregator.model.feeds import Feed, Site
from aggregator.model.items import Image, Media
from aggregator.renderer import atom, json_feed, rss

EPISODE = Media(
    url="https://cdn.example.org/e1.mp3?a=1&b=2", type="audio/mpeg", size=12_345_678, seconds=1_830, title="Episode <1>",
    transcript="https://cdn.example.org/e1.vtt", chapters="https://cdn.example.org/e1.json",
)  # fmt: skip
FILM = Media(url="https://cdn.example.org/e1.mp4", type="video/mp4")
ITUNES, PODCAST = "{http://www.itunes.com/dtds/podcast-1.0.dtd}", "{https://podcastindex.org/namespace/1.0}"


def with_media(feed: Feed) -> Feed:
    first = msgspec.structs.replace(feed.items[0], media=(EPISODE, FILM))
    return msgspec.structs.replace(feed, items=(first, *feed.items[1:]))


def read(fmt: Any, feed: Feed, site: Site) -> Any:
    return feedparser.parse(fmt.render(with_media(feed), site).body).entries[0]


def test_rss_has_one_enclosure_with_length_and_type(feed: Feed, site: Site) -> None:
    """RSS 2.0 "enclosure": three attributes are required, and several enclosures are read differently by readers."""
    (enclosure,) = read(rss, feed, site).enclosures
    assert (enclosure.href, enclosure.length, enclosure.type) == (EPISODE.url, "12345678", "audio/mpeg")


def test_players_find_duration_transcript_and_chapters(feed: Feed, site: Site) -> None:
    """`itunes:duration` in seconds; `podcast:transcript` and `podcast:chapters` with their types."""
    item = etree.fromstring(rss.render(with_media(feed), site).body).find("channel/item")
    assert item.findtext(f"{ITUNES}duration") == "1830"
    assert dict(item.find(f"{PODCAST}transcript").attrib) == {"url": EPISODE.transcript, "type": "text/vtt"}
    assert dict(item.find(f"{PODCAST}chapters").attrib) == {
        "url": EPISODE.chapters, "type": "application/json+chapters",
    }  # fmt: skip


def test_atom_links_to_every_file(feed: Feed, site: Site) -> None:
    """RFC 4287 §4.2.7: `rel=enclosure` with type, and length and title if they are known."""
    found = [dict(one) for one in read(atom, feed, site).links if one.rel == "enclosure"]
    assert found == [
        {"href": EPISODE.url, "rel": "enclosure", "type": "audio/mpeg", "length": "12345678", "title": "Episode <1>"},
        {"href": FILM.url, "rel": "enclosure", "type": "video/mp4"},
    ]


def test_json_attaches_every_file(feed: Feed, site: Site) -> None:
    """JSON Feed 1.1, "attachments": url and mime_type are required, and nothing is empty."""
    found = json.loads(json_feed.render(with_media(feed), site).body)["items"][0]["attachments"]
    assert found == [
        {
            "url": EPISODE.url, "mime_type": "audio/mpeg", "title": "Episode <1>", "size_in_bytes": 12_345_678,
            "duration_in_seconds": 1_830,
        },
        {"url": FILM.url, "mime_type": "video/mp4"},
    ]  # fmt: skip


def test_a_picture_is_in_atom_as_in_rss(feed: Feed, site: Site) -> None:
    """Readers of Atom find pictures as `media:thumbnail` and `media:content`, as in feeds of YouTube and Jekyll."""
    picture = Image(url="https://example.org/p.png", width=640, height=360, title="A robot")
    shown = msgspec.structs.replace(feed, items=(msgspec.structs.replace(feed.items[0], image=picture),))
    entries = [feedparser.parse(fmt.render(shown, site).body).entries[0] for fmt in (rss, atom)]
    assert entries[0].media_thumbnail == entries[1].media_thumbnail
    assert entries[0].media_content == entries[1].media_content
    assert entries[1].media_thumbnail == [{"url": picture.url, "width": "640", "height": "360"}]


def test_an_item_of_title_link_and_date_has_its_title_as_content(feed: Feed, site: Site) -> None:
    """Without it, readers show an empty page; it is the same in all formats."""
    bare = msgspec.structs.replace(feed.items[0], summary="", content="", title="Vec<T> & more", related=())
    shown = msgspec.structs.replace(feed, items=(bare,))
    expected = "<p>Vec&lt;T&gt; &amp; more</p>"
    assert json.loads(json_feed.render(shown, site).body)["items"][0]["content_html"] == expected
    for fmt in (rss, atom):
        entry = feedparser.parse(fmt.render(shown, site).body, sanitize_html=False).entries[0]
        assert entry.content[0].value == expected
