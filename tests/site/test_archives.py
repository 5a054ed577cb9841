"""A feed's whole history: months as pages (RFC 5005 §4), and tombstones of withdrawn items (RFC 6721)."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urljoin

import feedparser
import pytest
from benchmarks import corpus
from lxml import etree, html
from support.archive_walk import ADDRESS, ATOM, FORMATS, HISTORY, ArchiveReader, ids, links
from support.failing_operations import FailingOperations
from support.http_client import ServeProcess, fetch
from support.site_folder import NOW, SiteFolder, iso, without_tombstones

from aggregator.model.errors import AggregatorError
from aggregator.site.progress import Progress
from aggregator.site.site import Site

DAY = 86_400
AT_LENGTH = pytest.mark.slow
ROUNDS = [(1, "atom.xml"), (2, "feed.json")]
FURTHER_ROUNDS = [pytest.param(*one, marks=AT_LENGTH) for one in product((1, 2), FORMATS) if one not in ROUNDS]
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}"


def fill(site: SiteFolder, count: int = 300, days: float = 0.5, **keys: object) -> None:
    """Write seeds that go back from now; by default five months, some with more items than a page holds."""
    for number in range(count):
        site.write(
            f"{number}.md", title=f"T{number}", topics=[f"Topic {number % 3}"],
            publishedDateTime=iso(NOW - int(days * DAY * number)), **keys,
        )  # fmt: skip


def edit(site: SiteFolder, number: int, days: float = 0.5, **keys: object) -> None:
    """Change the title of a seed that `fill` wrote."""
    said = {"topics": [f"Topic {number % 3}"], "publishedDateTime": iso(NOW - int(days * DAY * number)), **keys}
    site.write(f"{number}.md", **{"title": f"T{number} edited", **said})


def bodies(site: SiteFolder) -> dict[str, bytes]:
    return {name: body for name, body in site.documents().items() if not name.endswith((".gz", ".br"))}


def pages(site: SiteFolder, slug: str = "all") -> list[str]:
    return sorted(path.name for path in site.feeds.glob(f"{slug}/archive/*"))


# -- reading the whole history


def older(site: SiteFolder, slug: str = "all") -> tuple[str, str]:
    """Return the page to which "Older items" leads from a feed's page, and the id of the item there."""
    link = html.fromstring((site.feeds / slug / "index.html").read_bytes()).xpath("//a[text()='Older items']/@href")[0]
    page, _, fragment = link.partition("#")
    return f"{slug}/{page}index.html", unquote(fragment)


def titles_after(site: SiteFolder, name: str, item: str) -> list[str]:
    articles = html.fromstring((site.feeds / name).read_bytes()).xpath("//article")
    shown = [(article.get("id"), article.xpath("string(.//h2)").strip()) for article in articles]
    return [title for _, title in shown[[one for one, _ in shown].index(item) :]]


def test_a_person_reads_on_at_the_first_item_that_the_feed_does_not_show(site: SiteFolder) -> None:
    """In whichever page of the archive that item is, also after the month was cut or became smaller."""
    fill(site, 60, days=0.1)
    site.build()
    assert pages(site) == ["2026-05"]
    assert older(site)[0] == "all/archive/2026-05/index.html"
    assert titles_after(site, *older(site))[:2] == ["T50", "T51"]
    fill(site, 220, days=0.1)
    site.build()
    assert len(pages(site)) > 2
    assert older(site)[0] == "all/archive/2026-05-24/index.html"
    assert titles_after(site, *older(site))[:2] == ["T50", "T51"]
    for number in range(60, 220):
        (site.seeds / f"{number}.md").unlink()
    (site.seeds / "7.md").unlink()
    site.build(accept_deletions=True)
    assert older(site)[0] == "all/archive/2026-05/index.html"
    assert titles_after(site, *older(site))[:2] == ["T51", "T52"]


def test_a_person_reads_on_where_the_bytes_end(site: SiteFolder) -> None:
    """If the feed is bounded by its bytes, that is the first item that did not fit."""
    site.settings["feed"] = {"limit": None, "max_bytes": "10kB"}
    fill(site, 60, days=0.1)
    site.build()
    shown = html.fromstring((site.feeds / "all/index.html").read_bytes()).xpath("count(//article)")
    assert titles_after(site, *older(site))[0] == f"T{int(shown)}"


def test_a_feed_that_shows_everything_has_nothing_older(site: SiteFolder) -> None:
    """Nor has one without an archive."""
    fill(site, 5)
    site.build()
    assert b"Older items" not in (site.feeds / "all/index.html").read_bytes()
    site.settings["feed"] = {"limit": 3, "archives": False}
    site.build()
    assert b"Older items" not in (site.feeds / "all/index.html").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_a_reader_gets_back_to_the_first_item(site: SiteFolder, kind: str) -> None:
    """The archive pages of each feed hold every item once, and every page is reached."""
    fill(site)
    site.build()
    for slug, count in (("all", 300), ("topic-1", 100)):
        walk = ArchiveReader(site.feeds, kind)
        assert len(walk.ids(slug)) == count
        assert sum(len(ids(body)) for name, body in bodies(site).items() if _is_page(name, slug, kind)) == count
        if kind != "feed.json":
            assert sorted(walk.folders) == pages(site, slug)


def _is_page(name: str, slug: str, kind: str) -> bool:
    return name.startswith(f"{slug}/archive/") and name.endswith(kind)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "kind"), ROUNDS + FURTHER_ROUNDS)
def test_a_reader_misses_nothing_while_the_site_changes(site: SiteFolder, kind: str, number: int) -> None:
    """Between any two requests of the reader, items are edited, added (so that pages are cut) and deleted."""
    fill(site, 240, days=0.3)
    site.build()
    kept = {f"https://news.example.org/{number}" for number in range(200)}
    dice, added, gone = random.Random(number), iter(range(1000, 9999)), iter(range(200, 240))

    def change() -> None:
        for _ in range(6):
            edit(site, dice.randrange(200), days=0.3)
        for _ in range(40):
            site.write(f"{next(added)}.md", publishedDateTime=iso(NOW - dice.randrange(70 * DAY)))
        (site.seeds / f"{next(gone)}.md").unlink()
        site.build()

    walk = ArchiveReader(site.feeds, kind, change)
    assert walk.ids("all") >= kept
    assert len(walk.folders) > 3


class ServedWalk(ArchiveReader):
    """Walks back through feeds as a server sends them, and follows redirects."""

    def __init__(self, server: ServeProcess, kind: str, before: Callable[[], object]) -> None:
        super().__init__(server.site.feeds, kind, before)
        self._address = server.address
        self.sent: list[str] = []

    def _fetch(self, name: str) -> tuple[str, bytes]:
        reply = fetch(self._address, f"/{name}")
        if reply.status == 302:
            name = urljoin(f"/{name}", reply.headers["location"]).removeprefix("/")
            self.sent.append(name)
            # What was read there before is read once more, with what it took in.
            self.folders.discard(name.split("/")[2])
            reply = fetch(self._address, f"/{name}")
        assert reply.status == 200, name
        return name, reply.body


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["atom.xml", *(pytest.param(kind, marks=AT_LENGTH) for kind in ("rss.xml", "feed.json"))]
)
def test_a_reader_misses_nothing_while_pages_become_one(site: SiteFolder, kind: str) -> None:
    """Deletions merge the pages of crowded months and empty one month: a request for a removed page is redirected."""
    fill(site, 600, days=0.1)
    site.build()
    kept = {f"https://news.example.org/{number}" for number in range(0, 600, 8) if number < 400 or number > 560}
    gone = [number for number in range(600) if f"https://news.example.org/{number}" not in kept]
    server = ServeProcess(site)

    def delete() -> None:
        for number in gone[:100]:
            (site.seeds / f"{number}.md").unlink()
        del gone[:100]
        site.build()

    walk = ServedWalk(server, kind, delete)
    try:
        assert walk.ids("all") >= kept
        assert walk.sent
        assert not gone, "nothing was left to walk through"
    finally:
        server.stop()


@pytest.mark.slow
def test_json_begins_where_the_current_items_end(site: SiteFolder) -> None:
    """`next_url` points to the newest month with items that are not shown; it is missing if all are shown."""
    fill(site, 120, days=1)
    site.settings["feed"] = {"limit": 40}
    site.build()
    assert _next_url(site) == f"{ADDRESS}all/archive/2026-04/feed.json"
    site.settings["feed"] = {"limit": None, "max_bytes": None}
    site.build()
    assert _next_url(site) is None
    site.settings["feed"] = {"limit": None, "max_bytes": "20kB"}
    site.build()
    shown = len(site.ids())
    assert shown < 120
    month = datetime.fromtimestamp(NOW - shown * DAY, UTC)
    assert _next_url(site) == f"{ADDRESS}all/archive/{month:%Y-%m}/feed.json"
    assert (site.feeds / "all/feed.json").stat().st_size <= 20_000


def _next_url(site: SiteFolder, name: str = "all/feed.json") -> str | None:
    found: str | None = json.loads((site.feeds / name).read_bytes()).get("next_url")
    return found


# -- what a change costs


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 250])
def test_an_edit_rewrites_one_page_of_each_feed_that_holds_the_item(site: SiteFolder, number: int) -> None:
    """Current documents are rewritten only if they show the item; every other file keeps its inode and mtime."""
    fill(site)
    site.build()
    before = site.file_identities()
    edit(site, number)
    turn = site.build()
    changed = {name.rpartition("/")[0] for name, stamp in site.file_identities().items() if before[name] != stamp}
    archived = Counter(name.split("/")[0] for name in changed if "/archive/" in name)
    assert archived == {"all": 1, f"topic-{number % 3}": 1}
    assert (changed >= {"all", f"topic-{number % 3}"}) == (number == 3)
    assert turn.rendered == (2 if number == 3 else 0)


def test_a_new_item_rewrites_its_page_and_a_new_month_the_link_of_the_one_before(site: SiteFolder) -> None:
    """In a growing month only that page changes; the first item of a month also changes `next-archive` once."""
    fill(site, 60, days=1)
    site.build()
    site.write("new.md", publishedDateTime=iso(NOW - 10))
    assert _pages_written(site) == {"all/archive/2026-05"}
    later = NOW + 6 * DAY
    site.write("june.md", publishedDateTime=iso(later - 10))
    assert _pages_written(site, later) == {"all/archive/2026-05", "all/archive/2026-06"}
    site.write("june2.md", publishedDateTime=iso(later - 20))
    assert _pages_written(site, later) == {"all/archive/2026-06"}
    assert "next-archive" in links((site.feeds / "all/archive/2026-05/rss.xml").read_bytes())


def _pages_written(site: SiteFolder, now: int = NOW) -> set[str]:
    return {name.rpartition("/")[0] for name in site.build(now=now).written if "/archive/" in name}


def test_a_second_build_writes_no_page(site: SiteFolder) -> None:
    """No inode changes."""
    fill(site, 150)
    site.build()
    before = site.file_identities()
    assert site.build().written == ()
    assert site.file_identities() == before


# -- the chain of pages


@pytest.mark.slow
def test_a_month_that_loses_its_last_item_leaves_no_hole(site: SiteFolder) -> None:
    """Its page is removed, its neighbours link past it, and everything equals a fresh build."""
    fill(site, 130, days=1)
    site.settings["feed"] = {"tombstones": None}
    site.build()
    assert "2026-03" in pages(site)
    for number in range(130):
        if iso(NOW - number * DAY).startswith("2026-03"):
            (site.seeds / f"{number}.md").unlink()
    site.build()
    assert "2026-03" not in pages(site)
    assert links((site.feeds / "all/archive/2026-04/atom.xml").read_bytes())["prev-archive"].endswith(
        "/2026-02/atom.xml"
    )
    assert links((site.feeds / "all/archive/2026-02/rss.xml").read_bytes())["next-archive"].endswith("/2026-04/rss.xml")
    site.build(feeds="other", state="state2")
    assert site.documents() == site.documents("other")


def test_a_renamed_topic_takes_its_archive_along(site: SiteFolder) -> None:
    """The pages of the old topic are removed, its feed stays empty, and `--prune` removes that too."""
    fill(site, 70, days=1)
    site.build()
    old = pages(site, "topic-1")
    for number in range(1, 70, 3):
        edit(site, number, days=1, topics=["Else"])
    site.build()
    assert (pages(site, "topic-1"), pages(site, "else")) == ([], old)
    site.build(prune=True)
    assert not (site.feeds / "topic-1").exists()


@pytest.mark.parametrize("lost", ["state", "nothing"])
def test_pages_that_nothing_leads_to_are_removed(site: SiteFolder, lost: str) -> None:
    """Also by a build whose index was lost, and by a fresh build."""
    fill(site, 70, days=1)
    site.build()
    for number in range(40, 70):
        (site.seeds / f"{number}.md").unlink()
    if lost == "state":
        shutil.rmtree(site.root / "state")
    site.build(fresh=lost == "nothing", accept_deletions=True)
    site.build(feeds="other", state="state2")
    ours, theirs = without_tombstones(site.documents()), without_tombstones(site.documents("other"))
    assert ours == theirs
    assert pages(site) == ["2026-04", "2026-05"]


def test_archives_can_be_switched_off_and_on(site: SiteFolder) -> None:
    """Off: no page, and no link to one, in any format; on again: as before."""
    fill(site, 70, days=1)
    site.build()
    before = site.documents()
    site.settings["feed"] = {"archives": False}
    site.build()
    assert not list(site.feeds.glob("*/archive"))
    assert not [name for name, body in bodies(site).items() if b"archive" in body or b"next_url" in body]
    site.settings["feed"] = {}
    site.build()
    assert site.documents() == before


def test_a_page_that_somebody_changed_is_repaired(site: SiteFolder) -> None:
    """A page that was overwritten in place, deleted, or whose folder was deleted is written again."""
    fill(site, 70, days=1)
    site.build()
    before = site.documents()
    (site.feeds / "all/archive/2026-04/rss.xml.gz").write_bytes(b"?")
    (site.feeds / "all/archive/2026-05/feed.json").unlink()
    shutil.rmtree(site.feeds / "topic-2/archive/2026-03")
    site.build()
    assert site.documents() == before
    assert site.build().written == ()


def test_a_page_that_cannot_be_written_is_tried_again(site: SiteFolder) -> None:
    """The turn reports it, the other pages are written, and the next turn that can write it does."""
    fill(site, 70, days=1)
    (site.feeds / "all/archive").mkdir(parents=True)
    (site.feeds / "all/archive/2026-04").write_text("in the way")
    turn = site.build()
    assert [line for line in turn.failed if "2026-04" in line]
    assert "2026-03" in pages(site)
    (site.feeds / "all/archive/2026-04").unlink()
    assert site.build().failed == ()
    site.build(feeds="other", state="state2")
    assert site.documents() == site.documents("other")


def test_an_embargo_lifts_onto_its_months_page(site: SiteFolder) -> None:
    """A month with only embargoed items has no page; the page appears with the item and is removed with its expiry."""
    site.write("now.md")
    site.write("june.md", publishedDateTime=iso(NOW + 6 * DAY), expires=iso(NOW + 7 * DAY))
    found = []
    for moment in (NOW, NOW + 6 * DAY, NOW + 7 * DAY):
        site.build(now=moment)
        found.append(pages(site))
    assert found == [["2026-05"], ["2026-05", "2026-06"], ["2026-05"]]


def test_dates_of_every_year_have_a_page(site: SiteFolder) -> None:
    """Dates long before 1970 have pages too."""
    site.write("old.md", publishedDateTime="1884-01-02T00:00:00Z")
    site.write("sixties.md", publishedDateTime="1969-12-31T23:59:59Z")
    site.write("new.md")
    assert site.build().failed == ()
    assert pages(site) == ["1884-01", "1969-12", "2026-05"]
    assert len(ArchiveReader(site.feeds, "atom.xml").ids("all")) == 3


def test_many_seeds_of_one_second_fill_several_pages(site: SiteFolder) -> None:
    """This happens if an old site is imported with dates alone; no page grows without limit."""
    for number in range(260):
        site.write(f"{number}.md", publishedDateTime="2020-01-01")
    site.build()
    assert len(pages(site)) >= 3
    assert len(ArchiveReader(site.feeds, "rss.xml").ids("all")) == 260


def test_an_index_of_an_older_shape_is_made_anew_and_ids_stay(site: SiteFolder) -> None:
    """The index of an earlier version, without archives, is replaced."""
    site.write("a.md")
    site.build()
    site.write("a.md", webUrl="https://news.example.org/moved")
    site.build()
    with closing(sqlite3.connect(site.root / "state/index.db", isolation_level=None)) as db:
        for table in ("page", "withdrawn"):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE feed DROP COLUMN shelf")
        db.execute("PRAGMA user_version=1")
    os.unlink(site.root / "state/index.db.sum")
    shutil.rmtree(site.feeds / "all/archive")
    turn = site.build()
    assert "version" in turn.notes[0]
    assert site.ids() == ["https://news.example.org/a"]
    assert pages(site) == ["2026-05"]


@pytest.mark.slow
def test_a_site_that_may_not_take_long_writes_its_archive_turn_by_turn(site: SiteFolder) -> None:
    """The first turn writes the current documents, each turn some pages; the result equals one build."""
    fill(site, 300, days=1)
    site.build(feeds="other", state="state2")
    with Site(site.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        turn = slow.build(now=NOW)
        assert turn.unfinished
        assert len(site.ids()) == 50
        assert 0 < len(pages(site)) < len(list(site.root.glob("other/all/archive/*")))
        turns = 1
        while turn.unfinished:
            turns += 1
            turn = slow.take_partial_turn([], now=NOW)
    assert turns > 2
    assert site.documents() == site.documents("other")


@pytest.mark.slow
def test_a_feed_on_disk_leads_only_to_pages_that_are_there(site: SiteFolder) -> None:
    """While the first archive is written in several turns, no document links to a page that does not exist yet."""
    fill(site, 200, days=1)
    site.settings["feed"] = {"archives": False}
    site.build()
    site.settings["feed"] = {}
    with Site(site.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        turn = slow.build(now=NOW)
        while turn.unfinished:
            assert not [lead for lead in leads(site) if not lead.is_file()]
            turn = slow.take_partial_turn([], now=NOW)
    assert len(ArchiveReader(site.feeds, "rss.xml").ids("all")) == 200
    assert site.build().written == ()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [pytest.param(50, marks=pytest.mark.slow), 3])
def test_what_changes_while_an_archive_is_written_is_shown_before_it_is_done(site: SiteFolder, limit: int) -> None:
    """The next turn shows an item of a month without a page, an edit and a deletion, and links to no missing page.

    The final result equals one build.
    """
    settings = {"tombstones": None, "limit": limit}
    site.settings["feed"] = {**settings, "archives": False}
    fill(site, 200, days=1)
    site.build(now=NOW - DAY * 20)
    site.settings["feed"] = settings
    with Site(site.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        turn = slow.build(now=NOW - DAY * 20)
        site.write("news.md", title="News", topics=["Topic 1"], publishedDateTime=iso(NOW - 60))
        edit(site, 25, days=1)
        (site.seeds / "24.md").unlink()
        turn = slow.take_partial_turn(["news.md", "24.md", "25.md"], now=NOW)
        assert turn.unfinished
        assert site.titles()[:2] == ["T0", "News"]
        assert site.titles("topic-1")[0] == "News"
        assert limit == 3 or ("T25 edited" in site.titles() and "T24" not in site.titles())
        shown = site.documents()
        rewritten: Counter[str] = Counter()
        while turn.unfinished:
            assert not [lead for lead in leads(site) if not lead.is_file()]
            turn = slow.take_partial_turn([], now=NOW)
            rewritten.update(name for name in turn.written if name.count("/") == 1)
    assert set(rewritten.values()) == {1}  # each once, when all its pages are written
    assert site.documents() != shown
    site.build(feeds="other", state="state2")
    assert site.documents() == site.documents("other")


def test_a_feed_that_is_damaged_while_an_archive_is_written_is_mended_at_once(site: SiteFolder) -> None:
    """Readers do not wait for pages that few of them request."""
    fill(site, 200, days=1)
    site.settings["feed"] = {"archives": False}
    site.build()
    site.settings["feed"] = {}
    with Site(site.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        assert slow.build(now=NOW).unfinished
        (site.feeds / "all/rss.xml").write_bytes(b"")
        assert slow.take_full_turn(now=NOW).unfinished
        assert len(ids((site.feeds / "all/rss.xml").read_bytes())) == 50


def test_one_document_that_cannot_be_written_holds_up_no_archive(site: SiteFolder) -> None:
    """A folder lies in place of a feed's file: all other archive pages are written turn by turn nevertheless."""
    fill(site, 200, days=1)
    (site.feeds / "topic-1/rss.xml/in the way").mkdir(parents=True)
    with Site(site.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        turn = slow.build(now=NOW)
        turns = 1
        while turn.unfinished:
            turns += 1
            turn = slow.take_partial_turn([], now=NOW)
        assert turns > 5
        assert slow.index.archive_pages.dirty(on_disk=False) == []
        assert "topic-1/rss.xml" in turn.failed[0]
    shutil.rmtree(site.feeds / "topic-1/rss.xml")
    site.build()
    assert len(ArchiveReader(site.feeds, "rss.xml").ids("topic-1")) == 67


def leads(site: SiteFolder) -> list[Path]:
    """Return the documents that feeds and archive pages link to for older items."""
    found = []
    for name, body in bodies(site).items():
        if name.endswith(".xml"):
            found.append(links(body).get("prev-archive", ADDRESS))
        elif name.endswith("feed.json"):
            found.append(json.loads(body).get("next_url", ADDRESS))
    return [site.feeds / address.removeprefix(ADDRESS) for address in found if address != ADDRESS]


# -- as the specifications say


@pytest.mark.parametrize("kind", ["rss.xml", "atom.xml"])
def test_documents_are_marked_and_linked_as_rfc_5005_says(site: SiteFolder, kind: str) -> None:
    """§4: only archive documents have fh:archive; current, prev-archive and next-archive are absolute URLs."""
    fill(site, 70, days=1)
    site.build()
    base = f"{ADDRESS}all/"
    current = (site.feeds / "all" / kind).read_bytes()
    assert _relations(current, kind) == {"prev-archive": f"{base}archive/2026-05/{kind}"}
    assert not etree.fromstring(current).findall(f".//{HISTORY}archive")
    newest, middle, oldest = ((site.feeds / f"all/archive/2026-{month:02}/{kind}").read_bytes() for month in (5, 4, 3))
    at = {"current": f"{base}{kind}"}
    april, march, may = (f"{base}archive/2026-{month:02}/{kind}" for month in (4, 3, 5))
    assert _relations(newest, kind) == {**at, "prev-archive": april}
    assert _relations(middle, kind) == {**at, "prev-archive": march, "next-archive": may}
    assert _relations(oldest, kind) == {**at, "next-archive": april}
    for body in (newest, middle, oldest):
        root = etree.fromstring(body)
        head = root if kind == "atom.xml" else root[0]
        assert len(head.findall(f"{HISTORY}archive")) == len(root.findall(f".//{HISTORY}archive")) == 1
        assert not root.findall(f".//{HISTORY}complete")


@pytest.mark.parametrize("kind", ["rss.xml", "atom.xml"])
def test_an_archive_of_one_month_is_complete(site: SiteFolder, kind: str) -> None:
    """RFC 5005 §2: its page has every item of the feed, and says so until there is another page."""
    page = site.feeds / "all/archive/2026-05" / kind
    site.write("a.md")
    site.build()
    root = etree.fromstring(page.read_bytes())
    assert len((root if kind == "atom.xml" else root[0]).findall(f"{HISTORY}complete")) == 1
    assert HISTORY[1:-1].encode() not in (site.feeds / "all" / kind).read_bytes()
    site.write("old.md", publishedDateTime=iso(NOW - 60 * DAY))
    site.build()
    assert not etree.fromstring(page.read_bytes()).findall(f".//{HISTORY}complete")


def _relations(body: bytes, kind: str) -> dict[str, str]:
    found = links(body)
    assert found.pop("self").endswith(kind)
    found.pop("alternate", None)
    return found


@pytest.mark.parametrize("kind", ["rss.xml", "atom.xml"])
def test_feedparser_reads_a_page(site: SiteFolder, kind: str) -> None:
    """It reports no error and returns the links; the page has the same feed metadata as the current document."""
    fill(site, 70, days=1)
    site.build()
    page = feedparser.parse((site.feeds / "all/archive/2026-04" / kind).read_bytes())
    current = feedparser.parse((site.feeds / "all" / kind).read_bytes())
    assert not page.bozo
    assert len(page.entries) == 30
    assert {link.rel for link in page.feed.links} >= {"self", "current", "prev-archive", "next-archive"}
    assert [page.feed.get(key) for key in ("id", "title", "link")] == [
        current.feed.get(key) for key in ("id", "title", "link")
    ]


def test_a_page_names_itself_and_no_hub(site: SiteFolder) -> None:
    """A hub is notified of current documents only."""
    fill(site, 70, days=1)
    site.settings["websub"] = {"hub": "https://hub.example.org/"}
    site.build()
    for kind in FORMATS:
        body = (site.feeds / "all/archive/2026-04" / kind).read_bytes()
        assert f"{ADDRESS}all/archive/2026-04/{kind}".encode() in body
        assert b"hub.example.org" not in body
        assert b"hub.example.org" in (site.feeds / "all" / kind).read_bytes()


@pytest.mark.slow
def test_a_feeds_page_lists_its_months_and_the_list_of_feeds_does_not(site: SiteFolder) -> None:
    """By year, newest first, each month once, however many pages it has; OPML lists current feeds only."""
    fill(site, 300, days=1)
    site.build()
    html = (site.feeds / "all/index.html").read_text()
    listed = html[html.index("<summary>2026") :]
    months = [part.split("/")[0] for part in listed.split('href="archive/')[1:]]
    assert list(dict.fromkeys(months)) == sorted(set(months), reverse=True)
    assert set(months) == {name[:7] for name in pages(site)}
    assert html.index("<summary>2026") < html.index("<summary>2025")
    assert all((site.feeds / "all/archive" / month / "feed.json").exists() for month in months)
    assert b"archive" not in (site.feeds / "feeds.opml").read_bytes()


# -- what was withdrawn


def tombstones(site: SiteFolder, slug: str = "all") -> dict[str, str]:
    """Return the ids that a feed names as withdrawn, and when each was."""
    root = etree.fromstring((site.feeds / slug / "atom.xml").read_bytes())
    return {one.get("ref"): one.get("when") for one in root.findall(f"{TOMBSTONE}deleted-entry")}


A = "https://news.example.org/a"


@pytest.mark.parametrize(
    "keys", [None, {"published": False}, {"removed": True}, {"deleted": True}, {"quality": 1}], ids=str
)
def test_a_withdrawn_item_leaves_a_tombstone_for_a_time(site: SiteFolder, keys: dict | None) -> None:
    """Every feed that showed it has a tombstone with the moment of withdrawal, until it expires (to the minute)."""
    site.settings["feed"] = {"tombstones": "2h"}
    site.write("a.md", topics=["Sea"])
    site.write("b.md", topics=["Ice"])
    site.build()
    if keys is None:
        (site.seeds / "a.md").unlink()
    else:
        site.write("a.md", topics=["Sea"], **keys)
    turn = site.build(now=NOW + 5)
    vanishes = -(-(NOW + 5 + 7200) // 60) * 60
    assert turn.due == vanishes
    for moment in (NOW + 5, NOW + 60, vanishes - 1):
        site.build(now=moment)
        assert tombstones(site) == tombstones(site, "sea") == {A: iso(NOW + 5)}
        assert tombstones(site, "ice") == {}
    assert site.build(now=vanishes).due is None
    assert tombstones(site) == {}


def test_tombstones_are_written_as_rfc_6721_says(site: SiteFolder) -> None:
    """§3: a child of the feed with ref, when and by; feedparser does not take it for an entry."""
    site.write("a.md")
    site.write("b.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build()
    body = (site.feeds / "all/atom.xml").read_bytes()
    root = etree.fromstring(body)
    (one,) = root.iter(f"{TOMBSTONE}deleted-entry")
    assert one.getparent() is root
    assert dict(one.attrib) == {"ref": A, "when": iso(NOW)}
    assert one.findtext(f"{TOMBSTONE}by/{ATOM}name") == root.findtext(f"{ATOM}author/{ATOM}name") == "Test"
    parsed = feedparser.parse(body)
    assert not parsed.bozo
    assert len(parsed.entries) == 1
    assert TOMBSTONE.encode() not in (site.feeds / "all/archive/2026-05/atom.xml").read_bytes()


@pytest.mark.parametrize("way", ["", "fresh", "rules"])
def test_an_expired_item_was_withdrawn_when_it_expired(site: SiteFolder, way: str) -> None:
    """Not when a build noticed it: also after a pause, and if all seeds are decided again."""
    site.write("a.md", expires=iso(NOW + 60))
    site.build()
    if way == "rules":
        site.settings["rules"] = {"min_quality": 51}
    site.build(now=NOW + 5000, fresh=way == "fresh")
    assert tombstones(site) == {A: iso(NOW + 60)}


@pytest.mark.parametrize("way", ["", "fresh", "rules"])
def test_what_came_and_went_between_two_builds_has_no_tombstone(site: SiteFolder, way: str) -> None:
    """An item that was cancelled before anybody saw it stays private, even if its embargo is over by then."""
    site.write("a.md", publishedDateTime=iso(NOW + 60))
    site.build()
    site.write("a.md", publishedDateTime=iso(NOW + 60), published=False)
    if way == "rules":
        site.settings["rules"] = {"min_quality": 51}
    site.build(now=NOW + 120, fresh=way == "fresh")
    assert tombstones(site) == {}


@pytest.mark.parametrize("path", ["a.md", "b.md"])
def test_a_tombstone_names_the_id_that_readers_saw(site: SiteFolder, path: str) -> None:
    """Not the id of an embargoed version or copy that appears in the turn in which the item is withdrawn."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.write(path, webUrl=A, id="urn:x:private", publishedDateTime=iso(NOW + 60))
    site.build()
    assert tombstones(site) == {A: iso(NOW)}
    site.build(fresh=True)
    assert tombstones(site) == {A: iso(NOW)}
    site.build(now=NOW + 60)
    assert (site.ids(), tombstones(site)) == (["urn:x:private"], {})


def test_what_comes_back_loses_its_tombstone(site: SiteFolder) -> None:
    """If it is withdrawn again, its tombstone has the new time."""
    site.write("a.md")
    site.build()
    for moment in (NOW + 10, NOW + 20):
        (site.seeds / "a.md").unlink()
        site.build(now=moment)
        assert tombstones(site) == {A: iso(moment)}
        site.write("a.md", title="Back")
        site.build(now=moment + 1)
        assert tombstones(site) == {}


def test_what_comes_back_elsewhere_loses_its_tombstone(site: SiteFolder) -> None:
    """Also in the feed of a topic that it no longer has, as a fresh build shows it."""
    site.write("a.md", topics=["Sea"])
    site.build()
    site.write("a.md", topics=["Sea"], published=False)
    site.build()
    assert tombstones(site, "sea") == {A: iso(NOW)}
    site.write("a.md", topics=["Ice"])
    site.build()
    assert tombstones(site, "sea") == {}


def test_what_readers_never_saw_or_still_see_has_no_tombstone(site: SiteFolder) -> None:
    """An embargoed item; a duplicate; one that left a topic or the limit, or that is older than max_age."""
    site.settings = {"rules": {"max_age": "2d"}, "feed": {"limit": 2}}
    site.write("embargoed.md", publishedDateTime=iso(NOW + 60))
    site.write("twin.md", webUrl=A)
    site.write("a.md", webUrl=A)
    site.write("moves.md", topics=["Sea"])
    site.write("ages.md", publishedDateTime=iso(NOW - 2 * DAY + 30))
    site.build()
    for name in ("embargoed.md", "twin.md"):
        (site.seeds / name).unlink()
    site.write("moves.md", topics=["Ice"])
    for number in range(3):
        site.write(f"more{number}.md")
    site.build(now=NOW + 40)
    assert [tombstones(site, slug) for slug in ("all", "sea", "ice")] == [{}, {}, {}]
    (site.seeds / "ages.md").unlink()
    site.build(now=NOW + 50)
    assert tombstones(site) == {}


@pytest.mark.parametrize("way", ["fresh", "damage", "rules", "again"])
def test_tombstones_are_remembered(site: SiteFolder, way: str) -> None:
    """A fresh build, one with a damaged index and one with new rules keep them; one without state has none."""
    for name in ("a", "b", "c"):
        site.write(f"{name}.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build()
    if way == "damage":
        with closing(sqlite3.connect(site.root / "state/index.db", isolation_level=None)) as db:
            db.execute("DROP TABLE entry")
        os.unlink(site.root / "state/index.db.sum")
    elif way == "rules":
        site.settings["rules"] = {"min_quality": 51}
    site.build(now=NOW + 9, fresh=way == "fresh")
    assert tombstones(site) == {A: iso(NOW)}
    site.build(feeds="other", state="state2")
    assert without_tombstones(site.documents()) == without_tombstones(site.documents("other"))
    assert site.documents() != site.documents("other")


def test_what_goes_in_the_turn_of_a_fresh_build_or_of_new_rules_has_a_tombstone(site: SiteFolder) -> None:
    """Although the index of feeds is filled again in that turn."""
    for name in ("a", "b", "c"):
        site.write(f"{name}.md", quality=60 if name == "b" else 90)
    site.build()
    (site.seeds / "a.md").unlink()
    site.build(now=NOW + 1, fresh=True)
    site.settings["rules"] = {"min_quality": 70}
    site.build(now=NOW + 2)
    assert tombstones(site) == {A: iso(NOW + 1), A[:-1] + "b": iso(NOW + 2)}


@pytest.mark.slow
def test_a_fresh_build_that_fails_takes_nothing_back(site: SiteFolder) -> None:
    """Whichever step fails: an item in an archive has no tombstone, also if its feed changes later."""
    site.settings["feed"] = {"limit": 1}
    site.write("old.md", publishedDateTime=iso(NOW - 2 * DAY))
    site.write("new.md")
    site.build()
    for number in itertools.count(1, 5):
        with (
            FailingOperations(site.root, number, random.Random(number), only="sql") as faults,
            suppress(AggregatorError),
        ):
            site.build(fresh=True)
        site.write("new.md", title=f"Edit {number}")
        site.build()
        assert tombstones(site) == {}, faults.failed
        if not faults.failed:
            break
    assert number > 50


def test_the_length_can_change_and_none_means_none(site: SiteFolder) -> None:
    """Tombstones that exist expire by the new duration, counted from the withdrawal."""
    site.write("a.md")
    site.build()
    (site.seeds / "a.md").unlink()
    site.build()
    site.settings["feed"] = {"tombstones": "1h"}
    assert site.build(now=NOW + 60).due == -(-(NOW + 3600) // 60) * 60
    site.settings["feed"] = {"tombstones": 0}
    assert site.build(now=NOW + 61).due is None
    assert tombstones(site) == {}


def test_a_mass_deletion_names_the_latest_hundred(site: SiteFolder) -> None:
    """A feed does not grow beyond its items by what was withdrawn."""
    fill(site, 130, days=0.1)
    site.write("stays.md")
    site.build()
    for number in range(130):
        (site.seeds / f"{number}.md").unlink()
    site.build(accept_deletions=True)
    assert len(tombstones(site)) == 100


def test_explain_says_on_which_pages_an_item_lies(site: SiteFolder) -> None:
    """For each feed, by the names of the page folders."""
    from aggregator.index.index import Index
    from aggregator.site.explain import explain

    fill(site, 300, days=0.25)
    site.build()
    index = Index(str(site.root / "state/index.db"), read_only=True)
    (found,) = explain(site.config(), index, "200.md", now=NOW)
    index.close()
    month = iso(NOW - 50 * DAY)[:7]
    holds = {
        slug: next(
            path.parent.name
            for path in site.feeds.glob(f"{slug}/archive/*/rss.xml")
            if b'<guid isPermaLink="true">https://news.example.org/200<' in path.read_bytes()
        )
        for slug in ("all", "topic-2")
    }
    assert holds["all"].startswith(month)
    assert f"archive: all {holds['all']}, topic-2 {holds['topic-2']}" in found.details


@pytest.mark.slow
def test_pages_are_the_same_for_every_order_and_hash_seed(site: SiteFolder) -> None:
    """Items that were added one by one are on the same pages as items that were added at once."""
    site.settings["feed"] = {"tombstones": None}
    fill(site, 130, days=0.2)
    site.build()
    for number in range(130):
        (site.seeds / f"{number}.md").rename(site.root / f"{number}.md")
    numbers = list(range(130))
    random.Random(3).shuffle(numbers)
    for start in range(0, 130, 13):
        for number in numbers[start : start + 13]:
            (site.root / f"{number}.md").rename(site.seeds / f"{number}.md")
        site.build(feeds="other", state="state2")
    assert site.documents("other") == site.documents()


def test_nothing_of_an_embargoed_item_is_on_a_page(site: SiteFolder, tmp_path: Path) -> None:
    """Of a withdrawn item, only its id is."""
    site.write("a.md", title="Canary one", publishedDateTime=iso(NOW + 600))
    site.write("b.md", title="Canary two")
    site.build()
    site.write("b.md", title="Canary two", published=False)
    site.build()
    assert not [name for name, body in bodies(site).items() if b"Canary" in body]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sixty_months_stay_whole_under_random_changes(site: SiteFolder) -> None:
    """Five thousand benchmark seeds: after hundreds of changes all can be read back, as in a fresh build."""
    dice = random.Random(5)
    corpus.write(site.seeds, 5_000, minutes=60 * corpus.MINUTES_OF_A_MONTH / 5_000)
    site.settings = {"rules": {"min_quality": 70}}
    now = int(corpus.LAST_DAY.timestamp()) + 3600
    site.build(now=now)
    files = sorted(site.seeds.rglob("*.md"))
    for turn in range(30):
        for path in dice.sample(files, 20):
            if path.exists() and dice.random() < 0.2:
                path.unlink()
            elif path.exists():
                path.write_text(path.read_text().replace('title: "', 'title: "Edited ', 1))
        for number in range(10):
            when = iso(now - dice.randrange(60 * 30 * DAY))
            site.write(f"late/{turn}-{number}.md", topics=["Open Data"], publishedDateTime=when)
        assert site.build(now=now + turn).failed == ()
    for slug in ("all", "open", "urban-seas"):
        held = [ArchiveReader(site.feeds, kind).ids(slug) for kind in FORMATS]
        assert held[0] == held[1] == held[2]
    shutil.copytree(site.root / "state", site.root / "state2")
    site.build(now=now + 29, feeds="other", state="state2", fresh=True)
    assert site.documents() == site.documents("other")
    site.build(now=now + 29, feeds="blank", state="state3")
    assert without_tombstones(site.documents()) == without_tombstones(site.documents("blank"))


# -- months for people


def articles(page: Path) -> list[str]:
    """Return the links of the items on a page."""
    return [str(link) for link in html.fromstring(page.read_text()).xpath("//article//h2/a/@href")]


def test_the_page_of_a_month_holds_what_its_feed_pages_hold(site: SiteFolder) -> None:
    """Every page of an archive has the same items for people, and is linked from the one after it."""
    fill(site, 150)
    site.build()
    folders = pages(site)
    for folder in folders:
        told = json.loads((site.feeds / f"all/archive/{folder}/feed.json").read_text())["items"]
        assert articles(site.feeds / f"all/archive/{folder}/index.html") == [item["url"] for item in told]
    walked, place = list[str](), "all/index.html"
    found = html.fromstring((site.feeds / place).read_text()).xpath("//nav[@class='months']//a/@href")[:1]
    while found:
        place = urljoin(place, str(found[0])) + "index.html"
        walked.append(place.split("/")[2])
        found = html.fromstring((site.feeds / place).read_text()).xpath("//header//a[@rel='prev']/@href")

    assert sorted(walked) == folders
    assert len(folders) > 2


def test_a_lifted_embargo_and_a_withdrawal_change_the_page_of_the_month(site: SiteFolder) -> None:
    """An embargoed item is on no page before its time, and a deleted one on none after it."""
    fill(site, 3)
    site.write("soon.md", title="Not yet", publishedDateTime=iso(NOW + 60))
    site.build()
    month = site.feeds / "all/archive/2026-05/index.html"
    assert b"Not yet" not in month.read_bytes()
    site.build(now=NOW + 61)
    assert b"Not yet" in month.read_bytes()
    (site.seeds / "soon.md").unlink()
    site.build(now=NOW + 62)
    assert b"Not yet" not in month.read_bytes()


def test_a_parent_that_is_renamed_is_renamed_on_the_pages_below(site: SiteFolder) -> None:
    """The path at the top of a month's page names the topics above, as they are called now."""
    site.write_topic("up", name="Above")
    site.write_topic("down", name="Below", parent="Above")
    site.write("one.md", topics=["Below"], publishedDateTime=iso(NOW - 60))
    site.build()
    month = site.feeds / "down/archive/2026-05/index.html"
    assert html.fromstring(month.read_text()).xpath("//nav[@class='crumbs']//a/text()")[1:] == ["Above", "Below"]
    site.write_topic("up", name="Over")
    site.write_topic("down", name="Below", parent="Over")
    site.build()
    assert html.fromstring(month.read_text()).xpath("//nav[@class='crumbs']//a/text()")[1:] == ["Over", "Below"]


def test_the_page_of_what_is_withdrawn_goes_though_another_document_cannot_be_written(site: SiteFolder) -> None:
    """That may be for ever, and the only item of a month must not stay for as long (G12)."""
    site.write("a.md", topics=["Topic 1"])
    site.write("old.md", title="Heliotrope", publishedDateTime=iso(NOW - DAY * 90))
    site.build()
    assert len(pages(site)) == 2
    shutil.rmtree(site.feeds / "topic-1")
    (site.feeds / "topic-1/rss.xml/in the way").mkdir(parents=True)
    site.write("old.md", title="Heliotrope", publishedDateTime=iso(NOW - DAY * 90), published=False)
    assert site.build(now=NOW + 1).failed
    assert not [name for name, body in bodies(site).items() if b"Heliotrope" in body]


def test_a_feed_does_not_lead_to_a_page_that_could_not_be_written(site: SiteFolder) -> None:
    """It is shown without the page, and leads there once the page is written."""
    site.settings["feed"] = {"limit": 2}
    for number in range(3):
        site.write(f"{number}.md", publishedDateTime=iso(NOW - DAY * 40 - number))
    site.build()
    (site.feeds / "all/archive/2026-05").write_text("in the way")
    for number in range(3, 6):
        site.write(f"{number}.md", publishedDateTime=iso(NOW - number))
    assert site.build(now=NOW + 1).failed
    assert site.titles() == ["Item 3", "Item 4"]
    assert not [lead for lead in leads(site) if not lead.is_file()]
    (site.feeds / "all/archive/2026-05").unlink()
    site.build(now=NOW + 2)
    site.build(feeds="other", state="state2", now=NOW + 2)
    assert site.documents() == site.documents("other")
