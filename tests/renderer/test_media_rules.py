"""What the specifications say of `source`, `enclosure`, `itunes`, `podcast` and `media`, as rules that feeds keep.

There is no validator to be had here, so the rules are written down from their documents, each with its section. Each
rule is tried on a document that breaks it, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from lxml import etree

from aggregator.model.feeds import Feed, Podcast, Site
from aggregator.model.items import Image, Item, Media, Person, Source
from aggregator.renderer import atom, rss

ITUNES, PODCAST = "{http://www.itunes.com/dtds/podcast-1.0.dtd}", "{https://podcastindex.org/namespace/1.0}"
MEDIA, ATOM, DC = (
    "{http://search.yahoo.com/mrss/}",
    "{http://www.w3.org/2005/Atom}",
    "{http://purl.org/dc/elements/1.1/}",
)

SOUND = Media(
    url="https://cdn.example/1.mp3?a=1&b", type="audio/mpeg", size=7, seconds=9, title="<One>",
    transcript="https://cdn.example/1.srt", chapters="https://cdn.example/1.json",
)  # fmt: skip
FILM, PAPER = Media(url="https://cdn.example/1.mp4", type="video/mp4"), Media(url="https://cdn.example/1", type="a/b")
PICTURE = Image(url="https://cdn.example/p.png", width=1, height=2, title="A & B")
PEOPLE = (
    Person(name="Ann", email="a@b.example", url="https://ann.example/"),
    Person(email="c@d.example"),
    Person(name="long " * 60),
)
SOURCES = (
    Source(url="https://e.example/feed", title="E", link="https://e.example/", id="urn:e"), Source(title="E"),
    Source(link="https://e.example/"), Source(url="https://e.example/feed", original="https://e.example/1"), None,
)  # fmt: skip
FILES = ((), (SOUND,), (SOUND, FILM, PAPER), (PAPER, SOUND), (FILM,))


def feeds(feed: Feed) -> list[Feed]:
    """Return feeds of items with each combination of files and sources, with and without pictures and authors."""
    items = [
        msgspec.structs.replace(
            feed.items[0], id=f"urn:x:{number}:{other}", media=media, source=source,
            image=PICTURE if other % 2 else None, authors=PEOPLE if number % 2 else (),
        )
        for number, media in enumerate(FILES)
        for other, source in enumerate(SOURCES)
    ]  # fmt: skip
    return [msgspec.structs.replace(feed, items=tuple(items)), *(one_of(feed, item) for item in items)]


def one_of(feed: Feed, item: Item) -> Feed:
    return msgspec.structs.replace(feed, items=(item,))


def is_url(text: str | None) -> bool:
    return re.fullmatch(r"https?://[!-~]+", text or "") is not None


# -- RSS 2.0, rssboard.org/rss-specification


def rss_source(root: Any) -> Iterable[bool]:
    """`<source>` sub-element of `<item>`: its value is the name of the channel, the attribute url is required."""
    for item in root.iter("item"):
        yield len(item.findall("source")) <= 1
        yield all(set(one.attrib) == {"url"} and is_url(one.get("url")) and one.text for one in item.findall("source"))


def rss_enclosure(root: Any) -> Iterable[bool]:
    """`<enclosure>` sub-element of `<item>`: url, length and type are required, url is http; best practice: one."""
    for item in root.iter("item"):
        yield len(item.findall("enclosure")) <= 1
        for one in item.findall("enclosure"):
            yield set(one.attrib) == {"url", "length", "type"}
            yield is_url(one.get("url")) and one.get("length", "").isdigit() and one.get("type", "").count("/") == 1
            yield one.text is None


def rss_author(root: Any) -> Iterable[bool]:
    """Best Practices Profile, "author" and "dc:creator": an address in `author`, a name in `dc:creator`, never both."""
    for item in root.iter("item"):
        yield not (item.findall("author") and item.findall(f"{DC}creator"))
    for one in root.iter("author", "managingEditor"):
        yield re.match(r"[^\s@]+@[^\s@]+( \(.+\))?$", one.text or "") is not None


def rss_category(root: Any) -> Iterable[bool]:
    """`<category>` sub-element of `<item>`: one optional attribute, domain, that identifies a taxonomy."""
    for one in root.iter("category"):
        yield set(one.attrib) <= {"domain"} and bool(one.text)


# -- Apple, "A Podcaster's Guide to RSS", help.apple.com/itc/podcasts_connect


def itunes_show(root: Any) -> Iterable[bool]:
    """Required tags of a show: `itunes:image` (href), `itunes:category` (text), `itunes:explicit` (true or false)."""
    episodes = [one for one in root.iter("enclosure") if one.get("type").startswith(("audio/", "video/"))]
    for channel in root.iter("channel"):
        found = {name: channel.findall(f"{ITUNES}{name}") for name in ("image", "category", "explicit", "author")}
        yield all(len(several) == bool(episodes) for several in found.values())
        yield all(is_url(one.get("href")) and one.text is None for one in found["image"])
        yield all(one.get("text") for one in found["category"])
        yield all(one.text in {"true", "false"} for one in found["explicit"])
        yield not episodes or bool(channel.findtext("language") and channel.findtext("description"))


def itunes_episode(root: Any) -> Iterable[bool]:
    """Required and recommended tags of an episode: an enclosure with a length; `itunes:duration` in seconds."""
    for item in root.iter("item"):
        yield all(one.text.isdigit() for one in item.findall(f"{ITUNES}duration"))
        yield len(item.findall(f"{ITUNES}duration")) <= len(item.findall("enclosure"))
        yield bool(item.findtext("title"))


# -- the podcast namespace, podcasting2.org/docs/podcast-namespace


def podcast_guid(root: Any) -> Iterable[bool]:
    """`guid`: in the channel, once; a UUIDv5 of the feed's URL without scheme and slashes at the end."""
    for channel in root.iter("channel"):
        address = channel.find(f"{ATOM}link[@rel='self']").get("href").partition("://")[2].rstrip("/")
        expected = str(uuid5(UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6"), address))
        yield [one.text for one in channel.iter(f"{PODCAST}guid")] in ([], [expected])


def podcast_transcript(root: Any) -> Iterable[bool]:
    """`transcript`: in an item; url and type are required."""
    for one in root.iter(f"{PODCAST}transcript"):
        yield one.getparent().tag == "item" and is_url(one.get("url"))
        yield one.get("type") in {
            "text/plain", "text/html", "text/vtt", "application/json", "application/x-subrip", "application/srt",
        }  # fmt: skip


def podcast_chapters(root: Any) -> Iterable[bool]:
    """`chapters`: once in an item; url and type are required, `application/json+chapters` preferred."""
    for item in root.iter("item"):
        yield len(item.findall(f"{PODCAST}chapters")) <= 1
    for one in root.iter(f"{PODCAST}chapters"):
        yield is_url(one.get("url")) and one.get("type") == "application/json+chapters"


def podcast_person(root: Any) -> Iterable[bool]:
    """`person`: its value is a name of at most 128 characters; href is a URL."""
    for one in root.iter(f"{PODCAST}person"):
        yield 0 < len(one.text or "") <= 128 and set(one.attrib) <= {"href", "img", "role", "group"}
        yield "href" not in one.attrib or is_url(one.get("href"))


# -- Media RSS 1.5, rssboard.org/media-rss


def media_content(root: Any) -> Iterable[bool]:
    """Primary elements, `<media:content>`: a URL or a player; numbers are digits; the medium is one of five."""
    for one in root.iter(f"{MEDIA}content"):
        yield is_url(one.get("url"))
        yield all(one.get(name, "1").isdigit() for name in ("fileSize", "duration", "width", "height"))
        yield one.get("medium", "image") in {"image", "audio", "video", "document", "executable"}
        yield one.getparent().tag in {"item", f"{ATOM}entry", f"{MEDIA}group"}


def media_thumbnail(root: Any) -> Iterable[bool]:
    """Optional elements, `<media:thumbnail>`: url is required, width and height are digits; `title` is plain or html."""
    for one in root.iter(f"{MEDIA}thumbnail"):
        yield is_url(one.get("url")) and all(one.get(name, "1").isdigit() for name in ("width", "height"))
    for one in root.iter(f"{MEDIA}title"):
        yield one.get("type", "plain") in {"plain", "html"} and bool(one.text)


# -- RFC 4287


def atom_source(root: Any) -> Iterable[bool]:
    """§4.2.11: at most one in an entry; with id, title and updated, one alternate link, and nothing of an entry."""
    for entry in root.iter(f"{ATOM}entry"):
        yield len(entry.findall(f"{ATOM}source")) <= 1
    for one in root.iter(f"{ATOM}source"):
        names = [part.tag.removeprefix(ATOM) for part in one]
        yield all(names.count(name) == 1 and one.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated"))
        yield len([link for link in one.findall(f"{ATOM}link") if link.get("rel") == "alternate"]) <= 1
        yield set(names) <= {"id", "title", "updated", "link", "author", "category", "generator", "icon", "rights"}


def atom_links(root: Any) -> Iterable[bool]:
    """§4.1.2 and §4.2.7: one alternate link in an entry; href is required, length is digits, type is a media type."""
    for entry in root.iter(f"{ATOM}entry"):
        found = entry.findall(f"{ATOM}link")
        yield [one.get("rel") for one in found].count("alternate") == 1
        for one in found:
            yield (
                is_url(one.get("href")) and one.get("length", "1").isdigit() and one.get("type", "a/b").count("/") == 1
            )


def atom_people(root: Any) -> Iterable[bool]:
    """§3.2: one name, at most one uri and one e-mail address of the form x@y."""
    for one in root.iter(f"{ATOM}author"):
        names = [part.tag.removeprefix(ATOM) for part in one]
        yield names.count("name") == 1 and len(set(names)) == len(names) and set(names) <= {"name", "uri", "email"}
        yield "@" in one.findtext(f"{ATOM}email", "x@y") and bool(one.findtext(f"{ATOM}name"))


def atom_category(root: Any) -> Iterable[bool]:
    """§4.2.2: term is required, scheme is an IRI."""
    for one in root.iter(f"{ATOM}category"):
        yield bool(one.get("term")) and is_url(one.get("scheme"))


BROKEN: dict[Callable[[Any], Iterable[bool]], list[str]] = {
    rss_source: ["<item><source>E</source></item>", "<item><source url='https://e/'/></item>"],
    rss_enclosure: ["<item><enclosure url='https://e/' type='a/b'/></item>", "<item><enclosure/><enclosure/></item>"],
    rss_author: ["<item><author>Ann</author></item>", "<managingEditor>Ann</managingEditor>"],
    rss_category: ["<item><category scheme='x'>y</category></item>", "<item><category/></item>"],
    itunes_show: ["<item><enclosure type='audio/mpeg'/></item>", "<i:image href='x'/>"],
    itunes_episode: ["<item><title>T</title><enclosure/><i:duration>1:30</i:duration></item>", "<item/>"],
    podcast_guid: ["<a:link rel='self' href='https://e/'/><p:guid>x</p:guid>"],
    podcast_transcript: [
        "<item><p:transcript url='https://e/'/></item>",
        "<p:transcript url='https://e/' type='text/vtt'/>",
    ],
    podcast_chapters: ["<item><p:chapters url='https://e/' type='text/html'/></item>"],
    podcast_person: ["<item><p:person/></item>", "<item><p:person href='x'>Ann</p:person></item>"],
    media_content: ["<item><m:content/></item>", "<item><m:content url='https://e/' medium='film'/></item>"],
    media_thumbnail: ["<item><m:thumbnail width='1'/></item>", "<item><m:title type='text'>x</m:title></item>"],
    atom_source: ["<a:entry><a:source><a:id>x</a:id></a:source></a:entry>"],
    atom_links: ["<a:entry/>", "<a:entry><a:link rel='alternate' href='x'/></a:entry>"],
    atom_people: ["<a:author/>", "<a:author><a:name>A</a:name><a:email>x</a:email></a:author>"],
    atom_category: ["<a:category term='x' scheme='tags'/>", "<a:category scheme='https://e/'/>"],
}
"""Each rule, with pieces of channels that break it."""

SHOW = Podcast(category="News", explicit=False)


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_our_feeds_keep_the_rule(rule: Callable[[Any], Iterable[bool]], feed: Feed, site: Site) -> None:
    """Whatever files, source, picture and authors the items have."""
    show = msgspec.structs.replace(site, podcast=SHOW, author="Desk <desk@example.org>")
    for one in feeds(feed):
        for fmt in (rss, atom):
            assert all(rule(etree.fromstring(fmt.render(one, show).body)))


@pytest.mark.parametrize(("rule", "piece"), [(rule, piece) for rule, pieces in BROKEN.items() for piece in pieces])
def test_the_rule_finds_what_breaks_it(rule: Callable[[Any], Iterable[bool]], piece: str) -> None:
    """A rule that nothing breaks would be none."""
    names = {"i": ITUNES, "p": PODCAST, "m": MEDIA, "a": ATOM}
    spaces = " ".join(f"xmlns:{prefix}='{uri[1:-1]}'" for prefix, uri in names.items())
    assert not all(rule(etree.fromstring(f"<rss {spaces}><channel>{piece}</channel></rss>")))


def test_the_documents_have_all_that_the_rules_are_about(feed: Feed, site: Site) -> None:
    """So that no rule is kept because there is nothing to look at."""
    every = msgspec.structs.replace(site, podcast=SHOW, author="Desk <desk@example.org>")
    both = [etree.fromstring(fmt.render(feeds(feed)[0], every).body) for fmt in (rss, atom)]
    for name in (
        "source", "enclosure", "category", "managingEditor", f"{ITUNES}image", f"{ITUNES}duration", f"{PODCAST}guid",
        f"{PODCAST}transcript", f"{PODCAST}chapters", f"{PODCAST}person", f"{MEDIA}content", f"{MEDIA}thumbnail",
        f"{MEDIA}title", f"{ATOM}source", f"{ATOM}author", f"{ATOM}category",
    ):  # fmt: skip
        assert any(next(root.iter(name), None) is not None for root in both), name
