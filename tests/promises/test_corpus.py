"""The real seeds of the workplace, outside the repository; skipped if they are missing."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser
import pytest
from support.site_folder import NOW, SiteFolder

CORPUS = Path(__file__).parents[2].parent / "shared/corpus"
GIVEN = "given/2020-06-25-ibm-quits-facial-recognition-joins-call-for-police-reforms.md"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real seeds is not here")


@pytest.fixture
def corpus(site: SiteFolder) -> SiteFolder:
    """Return a site of the real seeds and topics, without a limit on feeds."""
    site.settings = {
        "rules": {"min_quality": 70}, "feed": {"limit": None, "max_bytes": None}, "seeds": str(CORPUS / "seeds"),
        "topics": {"folder": str(CORPUS / "topics")},
    }  # fmt: skip
    return site


def test_the_real_seeds_become_the_feeds_they_should(corpus: SiteFolder) -> None:
    """105 items are published; every seed that is held back is held back by the right rule."""
    turn = corpus.build()
    assert {feed.slug: feed.items for feed in turn.feeds} == {
        "all": 105, "power-apps": 105, "portals": 9, "model-driven-apps": 6, "teams-integration": 4, "canvas-apps": 3, "ai-builder": 3,
    }  # fmt: skip
    assert turn.held == {"state": 29, "valid": 12}
    errors = [problem for problem in turn.problems if not problem.warning]
    untitled = {problem.path for problem in errors if problem.message.startswith("title: is missing")}
    undated = {problem.path for problem in errors if problem.message.startswith("publishedDateTime: is missing")}
    assert (len(untitled), len(undated - untitled)) == (5, 7)


@pytest.mark.slow
def test_the_formats_agree_as_readers_read_them(corpus: SiteFolder) -> None:
    """RSS, Atom and JSON of each feed and archive page have the same ids, titles, links, dates, HTML, tags and authors."""
    corpus.build()
    folders = sorted(path.parent for path in corpus.feeds.rglob("feed.json"))
    assert len([one for one in folders if one.parent.name == "archive"]) > 10
    for folder in folders:
        expected = [
            (
                item["id"], item["title"], item["url"], item["date_published"], item["content_html"],
                item.get("tags", []), [one["name"] for one in item.get("authors", [])],
            )
            for item in json.loads((folder / "feed.json").read_bytes())["items"]
        ]  # fmt: skip
        for name in ("rss.xml", "atom.xml"):
            document = (folder / name).read_bytes()
            parsed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
            assert not parsed.bozo
            assert [_read(entry) for entry in parsed.entries] == expected, folder


def _read(entry: feedparser.FeedParserDict) -> tuple[object, ...]:
    date = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*entry.published_parsed[:6])
    tags = [tag.term for tag in entry.get("tags", [])]
    authors = [author.name for author in entry.get("authors", [])]
    return entry.id, entry.title, entry.link, date, entry.content[0].value, tags, authors


def test_the_given_seed_is_in_no_feed_and_its_best_related_item_can_stand_in(corpus: SiteFolder) -> None:
    """It is unpublished and in no feed; with `related: promote` its related item of quality 84 is in the feeds of its topics."""
    corpus.build()
    link = "https://www.seattletimes.com/business/ibm-quits-facial-recognition-joins-call-for-police-reforms/"
    assert not any(
        link.encode() in body for name, body in corpus.documents().items() if not name.endswith((".gz", ".br"))
    )
    corpus.settings["related"] = "promote"
    corpus.build()
    for slug in ("computer-vision", "ai"):
        assert [item["_aggregator"]["quality"] for item in corpus.feed(slug)] == [84]


def test_no_private_blob_of_the_real_seeds_is_anywhere(corpus: SiteFolder) -> None:
    """The content of `secured` is in no published file and not in the state folder."""
    corpus.build(now=NOW)
    texts = (path.read_text(encoding="utf-8") for path in (CORPUS / "seeds").rglob("*.md"))
    secrets = [
        line.split('"')[1][:60].encode() for text in texts for line in text.splitlines() if line.startswith("secured:")
    ]
    assert len(secrets) > 100
    stored = b"".join(path.read_bytes() for path in (corpus.root / "state").iterdir())
    everything = b"".join(corpus.documents().values()) + stored
    assert not [secret for secret in secrets if secret in everything]
