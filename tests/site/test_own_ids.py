"""An id that is no URI is made one, alike in all formats, and never changes afterwards."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import feedparser
import pytest
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.normalizer.identity import is_uri, public_id
from aggregator.site.explain import explain

YEAR = datetime.fromtimestamp(NOW, UTC).year


def ids(site: SiteFolder, feed: str = "all") -> set[str]:
    """Return the ids of a feed, which are the same in every format."""
    folder = site.feeds / feed
    found = [{item["id"] for item in json.loads((folder / "feed.json").read_bytes())["items"]}]
    found += [
        {entry.id for entry in feedparser.parse((folder / name).read_bytes()).entries}
        for name in ("rss.xml", "atom.xml")
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("1234", "tag:news.example.org,2026:1234"), ("a b/ü%", "tag:news.example.org,2026:a%20b/%C3%BC%25"),
        ("a#b[c]", "tag:news.example.org,2026:a%23b%5Bc%5D"),
    ],
)  # fmt: skip
def test_the_form_of_such_an_id(own: str, expected: str) -> None:
    """RFC 4151: `tag:`, a host and a year, then what the seed says, with other signs percent-encoded."""
    assert public_id(own, "News.example.org", 2026) == expected
    assert is_uri(expected)
    assert public_id("1", "::1", 7) == "tag:1,0007:1"
    assert public_id("1", "", 2026) == "tag:localhost,2026:1"


def test_it_never_changes(site: SiteFolder) -> None:
    """Neither by another date, nor by another address of the site, nor by a build from nothing, nor by an embargo."""
    host = site.config().site.url.split("/")[2].partition(":")[0]
    expected = f"tag:{host},{YEAR}:1234"
    site.write("a.md", id="1234")
    site.write("later.md", id="5", publishedDateTime=iso(NOW + 400 * 86_400))
    site.write("uri.md", id="urn:x:1")
    site.build()
    assert ids(site) == {expected, "urn:x:1"}
    site.write("a.md", id="1234", publishedDateTime=iso(NOW - 800 * 86_400))
    site.build()
    assert expected in ids(site)
    site.settings["site"] = {"title": "Test", "url": "https://elsewhere.example/"}
    site.build()
    assert ids(site) == {expected, "urn:x:1"}
    site.build(fresh=True)
    assert ids(site) == {expected, "urn:x:1"}
    site.build(now=NOW + 500 * 86_400)
    assert ids(site) == {expected, "urn:x:1", f"tag:elsewhere.example,{YEAR + 1}:5"}


def test_a_withdrawn_item_is_named_as_readers_saw_it(site: SiteFolder) -> None:
    """The tombstone in Atom has the id of the feeds."""
    site.settings["feed"] = {"tombstones": "30d"}
    site.write("a.md", id="1234")
    site.write("b.md")
    site.build()
    (made,) = (one for one in ids(site) if one.startswith("tag:"))
    (site.seeds / "a.md").unlink()
    site.build(now=NOW + 60)
    assert f'ref="{made}"' in (site.feeds / "all/atom.xml").read_text()
    site.write("a.md", id="1234")
    site.build(now=NOW + 120)
    assert made in ids(site)


def test_explain_knows_both_ids(site: SiteFolder) -> None:
    """The seed's own, and the one that readers see."""
    site.write("a.md", id="1234")
    site.build()
    (made,) = ids(site)
    with opened_read_only(site.config().state) as index:
        for target in ("1234", made):
            (found,) = explain(site.config(), index, target, now=NOW)
            assert (found.headline.partition(":")[0], f"id: {made}" in found.details) == ("a.md", True)


def test_an_index_of_before_is_brought_up_to_date(site: SiteFolder) -> None:
    """The next build makes the ids, keeps all others, and needs no hand."""
    site.write("a.md", id="1234")
    site.write("b.md")
    site.build()
    expected = ids(site)
    site.write("b.md", webUrl="https://news.example.org/moved")
    site.build()
    with closing(sqlite3.connect(site.root / "state/index.db")) as db:
        db.execute("DROP TABLE public_id")
        db.execute("PRAGMA user_version=4")
        db.commit()
    shutil.rmtree(site.feeds)
    site.build()
    assert ids(site) == expected


def test_who_takes_its_id_back_keeps_what_readers_saw(site: SiteFolder) -> None:
    """A seed whose `id` is removed is the same item, under the form of that id in feeds."""
    site.write("a.md", id="number 7")
    site.build()
    before = site.ids()

    site.write("a.md")
    site.build(NOW + 10)
    assert site.ids() == before


@pytest.mark.parametrize("own", ["http number 7", "http://a b", "https:x\\y", "http|1", "HTTP 7"])
def test_who_takes_back_an_id_that_begins_like_a_link_keeps_what_readers_saw(site: SiteFolder, own: str) -> None:
    """It is no link, and no damage of the index."""
    site.write("a.md", id=own)
    site.build()
    before = site.ids()
    site.write("a.md")
    turn = site.build(NOW + 10)
    assert site.ids() == before
    assert not turn.problems


def forms(site: SiteFolder) -> dict[str, str]:
    """Return the id of each item of the feed by its title; no two are alike."""
    found = {item["title"]: item["id"] for item in site.feed()}
    assert len(set(found.values())) == len(found)
    return found


def test_no_two_items_have_one_id_in_feeds(site: SiteFolder) -> None:
    """A seed that chooses what another one's id has become gets another form, and what readers saw stays."""
    host = site.config().site.url.split("/")[2]
    made = f"tag:{host},{YEAR}:a%20b"
    site.write("first.md", id="a b")
    site.build()
    assert forms(site) == {"Item first": made}
    site.write("second.md", id=made)
    site.build(NOW + 10)
    before = forms(site)
    assert before["Item first"] == made
    assert is_uri(before["Item second"])
    site.build(NOW + 20, fresh=True)
    assert forms(site) == before
    (site.seeds / "first.md").unlink()
    site.build(NOW + 30)
    assert forms(site) == {"Item second": before["Item second"]}


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_chosen_uri_stays_as_it_is_if_nobody_saw_the_other(site: SiteFolder, names: tuple[str, str]) -> None:
    """Whichever seed comes first, in one turn or in two: the one whose id is a URI has it."""
    host = site.config().site.url.split("/")[2]
    made = f"tag:{host},{YEAR}:7"
    site.write(f"{names[0]}.md", id=made, title="Chosen")
    site.write(f"{names[1]}.md", id="7", title="Other")
    site.build()
    together = forms(site)
    assert together["Chosen"] == made
    (site.seeds / f"{names[1]}.md").unlink()
    site.build(NOW + 10)
    site.write(f"{names[1]}.md", id="7", title="Other")
    site.build(NOW + 20)
    assert forms(site) == together


@pytest.mark.parametrize(("own", "link"), [("2026/x", "http://id:2026/x"), ("7/", "https://id:7/")])
def test_a_link_is_never_taken_for_an_id(site: SiteFolder, own: str, link: str) -> None:
    """The host `id` with a port looks like a key of an id, and `path` like one of a path; neither joins another item."""
    site.write("own.md", id=own)
    site.build()
    site.write("foreign.md", webUrl=link, publishedDateTime=iso(NOW - 9))
    site.write("path.md", webUrl="http://path:8080/own.md", publishedDateTime=iso(NOW - 9))
    site.write("8080/own.md", webUrl="https://news.example.org/8080", title="In a folder")
    site.build(NOW + 10)
    assert len(forms(site)) == 4
