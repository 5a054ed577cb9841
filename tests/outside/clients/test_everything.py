"""One seed that carries everything: each reader finds the same in RSS, Atom and JSON, but what it or a format lacks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from outside.clients.readers import run_feedsmith, run_newsboat, seconds
from support.needed_tools import require_package
from support.site_folder import NOW, SiteFolder, iso
from support.web_servers import LoggedServer

FORMATS = ("rss.xml", "atom.xml", "feed.json")
Facts = dict[str, Any]

SOUND, FILM = "https://cdn.example/e.mp3?x=1&y=2", "https://cdn.example/e.mp4"
SOURCE = {"url": "https://e.example/feed.xml?a&b", "title": "E & F", "link": "https://e.example/", "id": "urn:x:1"}
SEED: dict[str, Any] = {
    "title": "Vec<T> & co", "id": "no uri 1", "webUrl": "https://news.example.org/1?a=1&b=2",
    "publishedDateTime": iso(NOW - 86_400), "updatedDateTime": iso(NOW - 3_600), "excerpt": "Summary & more, 1 < 2",
    "authors": [
        {"name": "Ann & Co", "email": "ann@example.org", "url": "https://ann.example/"},
        {"name": "Bob", "email": "bob@example.org", "url": "https://bob.example/"},
    ],
    "source": SOURCE, "topics": ["Sea"], "tags": ["R&D"], "locale": "pt-BR", "quality": 80, "heat": 3,
    "provider": {"name": "Prov", "domain": "prov.example"},
    "images": [{"url": "https://cdn.example/p.jpg", "width": 640, "height": 360, "title": "A picture"}],
    "media": [
        {"url": SOUND, "bytes": 12_345, "seconds": 60, "title": "Ep", "transcript": "https://cdn.example/e.vtt"},
        {"url": FILM, "bytes": 99},
    ],
    "related": [{"title": "Elsewhere", "webUrl": "https://other.example/"}],
}  # fmt: skip
HTML = (
    '<p>With <strong>bold</strong> and <a href="https://news.example.org/x">a link</a>.</p>\n'
    '<h4>Related coverage</h4><ul><li><a href="https://other.example/">Elsewhere</a></li></ul>'
)
EXPECTED: Facts = {
    "title": SEED["title"], "link": SEED["webUrl"], "published": NOW - 86_400, "updated": NOW - 3_600,
    "summary": SEED["excerpt"], "html": HTML, "authors": ["Ann & Co", "Bob"], "tags": ["Sea", "R&D"],
    "files": [(SOUND, "audio/mpeg", 12_345), (FILM, "video/mp4", 99)], "picture": "https://cdn.example/p.jpg",
    "source": (SOURCE["url"], SOURCE["title"]),
}  # fmt: skip
"""What a reader may show; the id is made, and compared between the formats."""


def facts(home: Path, address: str, reader: str) -> Facts:
    """Return what a reader shows of the only item of a feed."""
    return _READERS[reader](home, address)


def feedparser(_home: Path, address: str) -> Facts:
    (one,) = require_package("feedparser").parse(address).entries
    found = {
        "id": one.id, "title": one.title, "link": one.link, "published": seconds(one.published),
        "summary": one.summary, "html": one.content[0].value, "authors": [each.name for each in one.authors],
        "tags": [tag.term for tag in one.tags], "picture": one.media_thumbnail[0]["url"],
        "files": [(each.href, each.type, int(each.length)) for each in one.enclosures],
        "source": (one.source.get("href") or one.source.links[-1].href, one.source.title),
    }  # fmt: skip
    return {**found, "updated": seconds(one.updated)} if "updated" in one else found


def fastfeedparser(_home: Path, address: str) -> Facts:
    (one,) = require_package("fastfeedparser").parse(address)["entries"]
    found = {
        "id": one["id"], "title": one["title"], "link": one["link"], "published": seconds(one["published"]),
        "summary": one["description"], "html": one["content"][0]["value"], "authors": [one["author"]],
        "tags": [tag["term"] for tag in one["tags"]],
    }  # fmt: skip
    if "enclosures" in one:
        found["files"] = [(each["url"], each["type"], each["length"]) for each in one["enclosures"]]
    if "updated" in one:
        found["updated"] = seconds(one["updated"])
    return {**found, "picture": one["image"] if "image" in one else one["media_content"][0]["url"]}


def reader(_home: Path, address: str) -> Facts:
    with closing(require_package("reader").make_reader(":memory:")) as store:
        store.add_feed(address)
        store.update_feed(address)
        (one,) = store.get_entries()
    found = {
        "id": one.id, "title": one.title, "link": one.link, "published": int(one.published.timestamp()),
        "summary": one.summary, "html": one.content[0].value, "authors": [each.name for each in one.authors],
        "files": [(each.href, each.type, each.length) for each in one.enclosures],
    }  # fmt: skip
    if one.updated:
        found["updated"] = int(one.updated.timestamp())
    return {**found, "source": (one.source.url, one.source.title)} if one.source else found


def newsboat(home: Path, address: str) -> Facts:
    (home / "urls").write_text(f"{address}\n")
    run_newsboat(home, "-x", "reload")
    columns = "guid, title, url, pubDate, content, author, enclosure_url, enclosure_type"
    with closing(sqlite3.connect(home / "cache.db")) as cache:
        (one,) = cache.execute(f"SELECT {columns} FROM rss_item")
    return {
        "id": one[0], "title": one[1], "link": one[2], "published": one[3], "html": one[4],
        "authors": one[5].split(", "), "files": [one[6:8]],
    }  # fmt: skip


def feedsmith(home: Path, address: str) -> Facts:
    one: Mapping[str, Any] = run_feedsmith(home, "item", address)
    return {"rss.xml": _smith_rss, "atom.xml": _smith_atom, "feed.json": _smith_json}[address.rpartition("/")[2]](one)


def _smith_rss(one: Mapping[str, Any]) -> Facts:
    return {
        "id": one["guid"]["value"], "title": one["title"], "link": one["link"], "published": seconds(one["pubDate"]),
        "summary": one["description"], "html": one["content"]["encoded"], "authors": one["dc"]["creators"],
        "tags": [each["name"] for each in one["categories"]], "picture": one["media"]["thumbnails"][0]["url"],
        "files": [
            *((each["url"], each["type"], each["length"]) for each in one["enclosures"]),
            *((each["url"], each["type"], each["fileSize"]) for each in one["media"]["contents"] if "type" in each),
        ],
        "source": (one["source"]["url"], one["source"]["title"]),
    }  # fmt: skip


def _smith_atom(one: Mapping[str, Any]) -> Facts:
    links = [each for each in one["links"] if each["rel"] == "enclosure"]
    source = one["source"]
    return {
        "id": one["id"], "title": one["title"]["value"], "published": seconds(one["published"]),
        "link": next(each["href"] for each in one["links"] if each["rel"] == "alternate"),
        "updated": seconds(one["updated"]), "summary": one["summary"]["value"], "html": one["content"]["value"],
        "authors": [each["name"] for each in one["authors"]], "tags": [each["term"] for each in one["categories"]],
        "files": [(each["href"], each["type"], each["length"]) for each in links],
        "picture": one["media"]["thumbnails"][0]["url"],
        "source": (next(each["href"] for each in source["links"] if each["rel"] == "self"), source["title"]["value"]),
    }  # fmt: skip


def _smith_json(one: Mapping[str, Any]) -> Facts:
    return {
        "id": one["id"], "title": one["title"], "link": one["url"], "published": seconds(one["date_published"]),
        "updated": seconds(one["date_modified"]), "summary": one["summary"], "html": one["content_html"],
        "authors": [each["name"] for each in one["authors"]], "tags": one["tags"], "picture": one["image"],
        "files": [(each["url"], each["mime_type"], each["size_in_bytes"]) for each in one["attachments"]],
    }  # fmt: skip


_READERS: dict[str, Callable[[Path, str], Facts]] = {
    "feedparser": feedparser, "fastfeedparser": fastfeedparser, "reader": reader, "newsboat": newsboat,
    "feedsmith": feedsmith,
}  # fmt: skip

FIRST_FILE, LAST_FILE = EXPECTED["files"][:1], [(FILM, "video/mp4")]
LACKS: dict[tuple[str, str], dict[str, Any]] = {
    # RSS has no date of an update, and one enclosure: what has room for more is media:content.
    ("feedparser", "rss.xml"): {"updated": None, "files": FIRST_FILE},
    ("fastfeedparser", "rss.xml"): {"updated": None, "files": FIRST_FILE, "authors": ["Ann & Co"], "source": None},
    ("fastfeedparser", "atom.xml"): {"files": None, "authors": ["Ann & Co"], "source": None},
    ("fastfeedparser", "feed.json"): {"authors": ["Ann & Co"], "source": None},
    # It takes the author that feedparser names last, and shows neither tags nor pictures.
    ("reader", "rss.xml"): {"updated": None, "files": FIRST_FILE, "authors": ["Bob"], "tags": None, "picture": None},
    ("reader", "atom.xml"): {"authors": ["Bob"], "tags": None, "picture": None},
    ("reader", "feed.json"): {"tags": None, "picture": None, "source": None},
    # It shows one file, the last, and of RSS the last author.
    ("newsboat", "rss.xml"): {"files": LAST_FILE, "authors": ["Bob"]},
    ("newsboat", "atom.xml"): {"files": LAST_FILE},
    ("feedsmith", "rss.xml"): {"updated": None},
    ("feedsmith", "feed.json"): {"source": None},
}  # fmt: skip
"""By reader and format, what it shows otherwise than the seed says; None if it does not show it."""

NEVER = {"newsboat": {"updated", "summary", "tags", "picture", "source"}}
"""What a reader has no place for."""


@pytest.mark.slow
@pytest.mark.parametrize("name", _READERS)
def test_every_format_carries_everything(name: str, site: SiteFolder, serving: LoggedServer, tmp_path: Path) -> None:
    """What a reader shows of the item is what the seed says, in each format, and its id is the same in all."""
    site.write("1.md", "With **bold** and [a link](/x).", **SEED)
    site.build()
    ids = set()
    for form in FORMATS:
        if form == "feed.json" and name in {"feedparser", "newsboat"}:
            continue  # they do not read JSON
        home = tmp_path / form
        home.mkdir()
        found = facts(home, f"{serving.url}all/{form}", name)
        ids.add(found.pop("id"))
        wanted = {**EXPECTED, **LACKS.get((name, form), {}), **dict.fromkeys(NEVER.get(name, ()))}
        assert found == {key: value for key, value in wanted.items() if value is not None}, form
    assert len(ids) == 1
    assert ids.pop().startswith("tag:")


def test_what_no_reader_knows_is_in_the_extension(site: SiteFolder) -> None:
    """The source, quality, heat and provider are in `_aggregator` of JSON."""
    site.write("1.md", **SEED)
    site.build()
    (item,) = json.loads((site.feeds / "all/feed.json").read_bytes())["items"]
    assert item["_aggregator"] == {
        "quality": 80, "heat": 3, "provider": SEED["provider"], "source": SOURCE,
        "related": [{"title": "Elsewhere", "url": "https://other.example/"}],
    }  # fmt: skip
