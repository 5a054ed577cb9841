"""RSS, Atom and JSON of a feed say the same; feedparser reads the first two."""

import calendar
import html
import json
from datetime import UTC, datetime, timedelta, timezone

import feedparser
import msgspec
import pytest
from lxml import etree

from aggregator.model.items import Provider
from aggregator.renderer import atom, json_feed, rss

XML = pytest.mark.parametrize("fmt", [rss, atom], ids=["rss", "atom"])


def read(document):
    return feedparser.parse(document.body, sanitize_html=False, resolve_relative_uris=False)


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp())


@XML
def test_items_agree_with_json(fmt, feed, site):
    """The XML formats have the ids, order, titles, links, dates, tags and authors of the JSON format."""
    parsed = read(fmt.render(feed, site))
    expected = json.loads(json_feed.render(feed, site).body)["items"]

    assert not parsed.bozo
    assert [
        (
            item["id"],
            item["title"],
            item["url"],
            seconds(item["date_published"]),
            item.get("tags", []),
            item.get("authors", [{}])[0].get("name", ""),
            item.get("summary", ""),
        )
        for item in expected
    ] == [
        (
            entry.id,
            entry.title,
            entry.link,
            calendar.timegm(entry.published_parsed),
            [tag.term for tag in entry.get("tags", [])],
            entry.get("author", ""),
            # In RSS a description is HTML.
            (html.unescape(entry.summary) if fmt is rss else entry.summary) if item.get("summary") else "",
        )
        for entry, item in zip(parsed.entries, expected, strict=True)
    ]


@XML
def test_content_agrees(fmt, feed, site):
    """Content is read back as it was; an item with neither content nor a summary has its title."""
    parsed = read(fmt.render(feed, site))

    assert [item.content or ("" if item.summary else f"<p>{item.title}</p>") for item in feed.items] == [
        entry.content[0].value if "content" in entry else "" for entry in parsed.entries
    ]


@XML
def test_channel(fmt, feed, site):
    """The feed has its title, the URLs of its page, itself and its hub, its language, and when it changed."""
    channel = read(fmt.render(feed, site)).feed

    assert feed.spec.title == channel.title
    assert feed.spec.description == channel.subtitle
    assert channel.link == "https://feeds.example.org/ai/"
    assert {("alternate", "https://feeds.example.org/ai/"), ("hub", site.hub)} < {
        (link.rel, link.href) for link in channel.links
    }
    assert f"https://feeds.example.org/ai/{fmt.__name__.rpartition('.')[2]}.xml" in [
        link.href for link in channel.links if link.rel == "self"
    ]
    assert channel.language == "en-us"
    assert int(feed.updated.timestamp()) == calendar.timegm(channel.updated_parsed)


def test_atom_links_in_order(feed, site):
    """In Atom the page comes first among the feed's links, then the feed itself, then the hub."""
    links = read(atom.render(feed, site)).feed.links

    assert [link.rel for link in links] == ["alternate", "self", "hub"]


def test_guid_is_permalink_only_if_it_is_the_link(feed, site):
    """An RSS guid is a permalink only if the id is the link."""
    guids = etree.fromstring(rss.render(feed, site).body).iter("guid")

    assert [(item.id, item.id == item.link) for item in feed.items] == [
        (guid.text, guid.get("isPermaLink") == "true") for guid in guids
    ]


def test_atom_updated_is_unique(feed, site):
    """Entries changed in the same second have different times, which a new entry on top does not change."""
    before = [entry.updated for entry in read(atom.render(feed, site)).entries]
    newcomer = msgspec.structs.replace(feed.items[1], id="https://paper.example/new")
    grown = msgspec.structs.replace(feed, items=(newcomer, *feed.items))
    after = [entry.updated for entry in read(atom.render(grown, site)).entries]

    assert len(set(after)) == len(after)
    assert before == after[1:]


@XML
def test_no_date_from_the_clock(fmt, feed, site):
    """Every date in a document comes from the feed: if the feed is of 1999, so are all of them."""
    then = datetime(1999, 12, 31, tzinfo=UTC)
    items = [msgspec.structs.replace(item, published=then, updated=then) for item in feed.items]
    body = fmt.render(msgspec.structs.replace(feed, items=tuple(items), updated=then), site).body.decode()

    assert "1999" in body
    assert not [year for year in range(2000, 2100) if f"{year}-" in body or f" {year} " in body]


@XML
def test_other_zones_become_utc(fmt, feed, site):
    """A moment in another time zone is written in UTC."""
    zone = timezone(timedelta(hours=5, minutes=45))
    moved = tuple(msgspec.structs.replace(item, published=item.published.astimezone(zone)) for item in feed.items)

    assert fmt.render(feed, site) == fmt.render(msgspec.structs.replace(feed, items=moved), site)


@XML
def test_empty_feed(fmt, empty, site):
    """A feed without items is valid; its date of change is missing in RSS, and 1970 in Atom."""
    parsed = read(fmt.render(empty, site))

    assert not parsed.bozo
    assert parsed.feed.title
    assert parsed.entries == []
    assert parsed.feed.get("updated", "") == ("" if fmt is rss else "1970-01-01T00:00:00Z")


def test_author_falls_back_to_the_source(feed, site):
    """The author of an item without one is its source, if it has any."""
    with_source = msgspec.structs.replace(feed.items[0], author="", provider=Provider(name="The Source"))
    without = msgspec.structs.replace(feed.items[0], author="", provider=None)
    bare = msgspec.structs.replace(site, author="")
    body = rss.render(msgspec.structs.replace(feed, items=(with_source, without)), bare).body

    assert body.count(b"<dc:creator>") == body.count(b"<dc:creator>The Source</dc:creator>") == 1


def test_feed_without_title_and_description(feed, site):
    """A missing title, description or site author makes no format invalid."""
    plain = msgspec.structs.replace(feed.spec, description="", title="")
    bare = msgspec.structs.replace(site, description="", author="", icon="", hub="")
    for fmt in (rss, atom):
        parsed = read(fmt.render(msgspec.structs.replace(feed, spec=plain), bare))

        assert not parsed.bozo
        assert parsed.feed.title == "ai"
        assert parsed.feed.subtitle == "ai from Example News & Views"
        assert [link for link in parsed.feed.links if link.rel == "hub"] == []


def test_the_feed_of_everything_says_so(feed, site):
    """It has the site's title, so a description made from its title would repeat that."""
    everything = msgspec.structs.replace(feed.spec, slug="all", title=site.title, description="")
    bare = msgspec.structs.replace(site, description="")
    for fmt in (rss, atom):
        parsed = read(fmt.render(msgspec.structs.replace(feed, spec=everything), bare))
        assert parsed.feed.subtitle == "Everything from Example News & Views"


def test_many_ties_stay_unique(feed, site):
    """More equal times than a second has milliseconds still become different times."""
    base = feed.items[3]
    items = tuple(
        msgspec.structs.replace(base, id=f"urn:x:{n}", updated=base.updated - timedelta(seconds=n // 1100))
        for n in range(2200)
    )
    body = atom.render(msgspec.structs.replace(feed, items=items), site).body.decode()
    times = [line for line in body.splitlines() if line.startswith("    <updated>")]

    assert len(set(times)) == 2200
