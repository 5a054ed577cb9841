"""The pages of items: which there are, where they lie, what they say, and what an edit, a rename or a withdrawal does."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html
from support.failing_operations import fail_to_flush
from support.site_folder import NOW, SiteFolder, iso

from aggregator.index.index import opened_read_only
from aggregator.model.item_pages import own_link, page_name
from aggregator.model.items import Item, Seed
from aggregator.normalizer import content
from aggregator.site import item_pages as site_item_pages
from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.progress import Progress
from aggregator.site.site import Site

DAY = 86_400
SITE = "https://feeds.example.org/"
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
CANARY = "Heliotrope"


def pages(site: SiteFolder) -> list[str]:
    return pages_in(site.feeds)


def pages_in(feeds: Path) -> list[str]:
    return sorted(str(path.relative_to(feeds)) for path in feeds.glob("items/*/*/index.html"))


def is_encoded(name: str) -> bool:
    return name.endswith((".gz", ".br"))


def page(site: SiteFolder, title: str) -> tuple[str, html.HtmlElement]:
    """Return the name of the page with a heading, and its tree."""
    found = [(name, html.fromstring((site.feeds / name).read_bytes())) for name in pages(site)]
    return next((name, tree) for name, tree in found if tree.xpath("string(//h1)") == title)


def listed(site: SiteFolder) -> list[str]:
    """Return the addresses that the sitemap leads to, without those of feeds."""
    locations = etree.parse(site.feeds / "sitemap.xml").iter(f"{MAPS}loc")
    parts = [str(one.text).removeprefix(SITE) for one in locations if "feeds" not in str(one.text).removeprefix(SITE)]
    return [str(one.text) for part in parts for one in etree.parse(site.feeds / part).iter(f"{MAPS}loc")]


def ours(site: SiteFolder) -> dict[str, bytes]:
    """Return what the site wrote, without encodings."""
    return {name: body for name, body in site.documents().items() if not is_encoded(name)}


@pytest.fixture
def own(site: SiteFolder) -> SiteFolder:
    """A site whose seeds without a link get a page."""
    site.settings["pages"] = {"items": "own"}
    return site


@pytest.fixture
def every(site: SiteFolder) -> SiteFolder:
    """A site in which every item has a page."""
    site.settings["pages"] = {"items": "all"}
    return site


# -- which there are


def test_without_the_setting_there_are_none_and_a_seed_needs_a_link(site: SiteFolder) -> None:
    """The message says what would give it a page."""
    site.settings["pages"] = {"items": "none"}
    site.write("a.md")
    site.write("own.md", webUrl=None)
    turn = site.build()
    assert (pages(site), list(site.feeds.glob("sitemap*"))) == ([], [])
    assert "set `pages.items`" in turn.problems[0].hint


def test_a_site_whose_seeds_all_have_links_has_no_pages_and_no_sitemap(site: SiteFolder) -> None:
    """By default: nothing is new for it, and the index has no row."""
    site.write("a.md")
    site.build()
    assert (pages(site), list(site.feeds.glob("sitemap*"))) == ([], [])
    with opened_read_only(str(site.root / "state")) as index:
        assert index is not None
        assert index.item_pages.is_empty()


@pytest.mark.parametrize("key", ["weburl", "url", "orginalUrl"])
def test_a_misspelt_link_is_an_error_and_no_page(site: SiteFolder, key: str) -> None:
    """Its page would be the item's link for good."""
    site.write("a.md", webUrl=None, **{key: "https://news.example.org/a"})
    turn = site.build()
    assert pages(site) == []
    assert turn.problems[0].line == 4
    assert f" for `{key}`" in turn.problems[0].hint


@pytest.mark.parametrize("how", [{"keys": {"topics": ["section"]}}, {"base": "https://blog.example.org/"}], ids=str)
def test_a_seed_of_a_folder_that_is_read_otherwise_has_a_page(own: SiteFolder, how: dict[str, Any]) -> None:
    """Further names of keys, and a base for relative addresses, do not change that a page is the link."""
    own.settings["seeds"] = {"folder": "../seeds"} | how
    own.write("own.md", webUrl=None)
    assert (own.build().problems, pages(own)) == ((), ["items/2026/05-27-item-own/index.html"])
    own.settings["pages"] = {"items": "none"}
    assert "set `pages.items`" in own.build().problems[0].hint


def test_a_page_comes_goes_and_comes_back_with_the_link(site: SiteFolder) -> None:
    """An edit that gives a seed a link removes its page, which stays the item's id; without the link it is back."""
    site.write("a.md", webUrl=None)
    site.write("b.md")
    site.build()
    (name,) = pages(site)
    (id,) = [one["id"] for one in site.feed() if "/items/" in one["id"]]  # noqa: A001
    site.write("a.md", webUrl="https://news.example.org/elsewhere")
    site.build(now=NOW + 1)
    assert pages(site) == []
    assert id in site.ids()
    site.write("a.md", webUrl=None)
    site.build(now=NOW + 2)
    assert pages(site) == [name]
    assert id in site.ids()


def test_the_page_of_a_seed_without_a_link_is_its_link(own: SiteFolder) -> None:
    """In every format; a seed with a link has none unless all have."""
    own.write("a.md")
    own.write("b.md", "The *text*.", title="A first headline", webUrl=None, publishedDateTime="2026-05-01T10:00:00Z")
    own.build()
    link = f"{SITE}items/2026/05-01-a-first-headline/"
    assert pages(own) == ["items/2026/05-01-a-first-headline/index.html"]
    (item,) = [one for one in own.feed() if one["title"] == "A first headline"]
    assert (item["url"], item["id"]) == (link, link)
    assert f"<link>{link}</link>".encode() in (own.feeds / "all/rss.xml").read_bytes()
    assert page(own, "A first headline")[1].xpath("//link[@rel='canonical']/@href") == [link]
    own.settings["pages"] = {"items": "all"}
    own.build(now=NOW + 1)
    assert len(pages(own)) == 2


def test_no_feed_leads_to_a_page_that_is_yet_to_be_written(own: SiteFolder) -> None:
    """However little time a turn may take for pages: that of an item is its link."""
    for number in range(30):
        own.write(f"{number}.md", webUrl=None, title=f"T{number}")
    with Site(own.config(), progress=Progress(may_stop=lambda _: True)) as hurried:
        turn = hurried.build(now=NOW)
        assert len(own.ids()) == len(pages(own)) == 30
        own.write("more.md", webUrl=None, title="More")
        own.write("most.md", webUrl=None, title="Most")
        turn = hurried.take_partial_turn(["more.md", "most.md"], now=NOW + 1)
        assert len(own.ids()) == len(pages(own)) == 32
        while turn.unfinished:
            turn = hurried.take_partial_turn([], now=NOW + 1)
    assert len(listed(own)) == 32


def test_an_edit_does_not_wait_for_many_changed_pages(every: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that look otherwise, of which one moves to another year, follow in the turns after that of the edit."""
    monkeypatch.setattr(site_item_pages, "MANY_CHANGED", 3)
    for number in range(8):
        every.write(f"{number}.md", title=f"T{number}")
    every.build()
    before = pages(every)
    every.settings["site"] = {"url": SITE, "title": "Another"}
    every.write("3.md", title="T3", publishedDateTime=iso(NOW - 400 * DAY))
    with Site(every.config(), progress=Progress(may_stop=lambda _: True)) as hurried:
        turn = hurried.take_partial_turn(["3.md"], now=NOW + 1)
        assert turn.unfinished
        assert pages(every) == before
        while turn.unfinished:
            turn = hurried.take_partial_turn([], now=NOW + 1)
    moved = set(pages(every)) ^ set(before)
    assert len(moved) == 2
    assert len(pages(every)) == 8
    every.build(feeds="again", state="other", now=NOW + 1)
    assert pages(every) == pages_in(every.root / "again")


def test_the_canonical_address_of_other_pages_is_the_source(every: SiteFolder) -> None:
    """It is not listed in the sitemap, which names canonical addresses alone, and links to the source."""
    every.write("a.md", "Text.")
    every.build()
    name, tree = page(every, "Item a")
    assert name == page_name("https://news.example.org/a", "https://news.example.org/a", NOW - DAY, SITE)
    assert tree.xpath("//link[@rel='canonical']/@href") == ["https://news.example.org/a"]
    assert "https://news.example.org/a" in tree.xpath("//main//a/@href")
    assert listed(every) == []


def test_a_page_is_read_by_programs(own: SiteFolder) -> None:
    """As an h-entry, as JSON-LD, and by whoever shows a shared link; nothing of it can end the script."""
    title = "Tea & </script><b>cake</b>"
    own.write("a.md", "First.\n\n# Part\n\n![A pier](https://x.example.org/p.jpg)\n", title=title, webUrl=None,
              author="Ada", topics=["Solar"], updatedDateTime=iso(NOW - 60), excerpt="In short.",
              images=[{"url": "https://x.example.org/i.jpg"}])  # fmt: skip
    own.build()
    (name,) = pages(own)
    tree = html.fromstring((own.feeds / name).read_bytes())
    assert tree.xpath("string(//*[@class='h-entry entry']//h1[@class='p-name'])") == "Tea & </script>cake"
    assert tree.xpath("//time[@class='dt-published']/@datetime") == [iso(NOW - DAY)]
    assert tree.xpath("//time[@class='dt-updated']/@datetime") == [iso(NOW - 60)]
    assert tree.xpath("string(//*[contains(@class, 'p-author')])") == "Ada"
    assert [one.text_content() for one in tree.xpath("//*[contains(@class, 'e-content')]//h2")] == ["Part"]
    assert tree.xpath("//*[contains(@class, 'e-content')]//img/@referrerpolicy") == ["no-referrer"]
    assert tree.xpath("//a[@class='p-category']/@href") == ["../../../solar/"]
    facts = json.loads(tree.xpath("string(//script[@type='application/ld+json'])"))
    assert (facts["@type"], facts["headline"], facts["author"][0]["name"]) == ("Article", "Tea & </script>cake", "Ada")
    said = {one.get("property"): one.get("content") for one in tree.xpath("//meta[@property]")}
    assert (said["og:type"], said["og:title"], said["og:description"]) == (
        "article",
        "Tea & </script>cake",
        "In short.",
    )
    assert said["og:image"] == "https://x.example.org/i.jpg"


@pytest.mark.parametrize("levels", [(1, 2, 1), (2, 3, 2), (3, 4, 6)])
def test_no_heading_level_is_skipped_below_the_title(own: SiteFolder, levels: tuple[int, ...]) -> None:
    """Whether the author begins with `#`, or with `##` as beside a title of the front matter."""
    own.write("a.md", "\n\n".join(f"{'#' * level} Part\n\nText." for level in levels), webUrl=None)
    own.build()
    found = page(own, "Item a")[1].xpath(
        "//*[contains(@class, 'e-content')]//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5]"
    )
    assert [int(one.tag[1]) for one in found] == [level + 2 - levels[0] for level in levels]


def test_pages_lead_to_those_beside_them_in_their_first_topic(own: SiteFolder) -> None:
    """In the order of the feed, also among items of the same moment; what is not visible is passed over."""
    for number in range(3):
        own.write(f"{number}.md", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW - DAY * number))
    own.write("3.md", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW - 2 * DAY))
    own.write("4.md", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW + 60))
    own.write("x.md", webUrl=None, topics=["Wind"], publishedDateTime=iso(NOW - DAY - 9))
    own.build()

    def chain(rel: str) -> list[str]:
        name, found = page(own, "Item 0" if rel == "prev" else "Item 2")[0], []
        while True:
            tree = html.fromstring((own.feeds / name).read_bytes())
            found.append(tree.xpath("string(//h1)"))
            links = tree.xpath(f"//a[@rel='{rel}']/@href")
            if not links:
                return found
            name = f"{links[0].removeprefix('../../../')}index.html"

    assert chain("prev") == ["Item 0", "Item 1", "Item 3", "Item 2"]
    assert chain("next") == ["Item 2", "Item 3", "Item 1", "Item 0"]
    own.build(now=NOW + 61)
    assert chain("next") == ["Item 2", "Item 3", "Item 1", "Item 0", "Item 4"]
    (own.seeds / "1.md").unlink()
    own.build(now=NOW + 62)
    assert chain("next") == ["Item 2", "Item 3", "Item 0", "Item 4"]


def test_a_page_names_its_topic_above_and_among_its_tags(own: SiteFolder) -> None:
    """Not a third time at its foot, which leads to all feeds."""
    own.write("a.md", webUrl=None, topics=["Solar"])
    own.build()
    tree = page(own, "Item a")[1]
    leading = tree.xpath("//a[@href='../../../solar/']")
    assert [one.xpath("string(ancestor::*[@aria-label][1]/@aria-label)") for one in leading] == ["Breadcrumb", "Topics"]
    assert tree.xpath("//footer//a/@href") == ["../../../"]


# -- where they stay


def test_a_page_stays_where_it_is(every: SiteFolder) -> None:
    """Though its file is renamed, its title, its link, or both are changed one after the other."""
    every.write("a.md", webUrl=None, title="One")
    every.write("b.md", webUrl="https://news.example.org/b", title="Two")
    every.build()
    before = pages(every)
    (every.seeds / "a.md").rename(every.seeds / "c.md")
    (every.seeds / "b.md").rename(every.seeds / "d.md")
    every.build(now=NOW + 1)
    every.write("c.md", webUrl=None, title="Other")
    every.write("d.md", webUrl="https://news.example.org/other", title="Another")
    every.build(now=NOW + 2)
    assert pages(every) == before
    (item,) = [one for one in every.feed() if one["title"] == "Other"]
    assert item["id"] == item["url"] == f"{SITE}{before[0].removesuffix('index.html')}"
    (every.root / "state").rename(every.root / "before")
    every.build(now=NOW + 3)
    assert len(pages(every)) == 2


@pytest.mark.parametrize(("id", "stays"), [(None, False), ("tag:example.org,2026:tram", True)])
def test_a_page_moves_if_file_and_title_change_in_one_turn(own: SiteFolder, id: str | None, *, stays: bool) -> None:  # noqa: A002 - the field's own name
    """Nothing says then that it is the same item, unless the seed says its id."""
    own.write("a.md", webUrl=None, title="One", id=id)
    own.build()
    (before,) = pages(own)
    (own.seeds / "a.md").unlink()
    own.write("b.md", webUrl=None, title="Other", id=id)
    own.build(now=NOW + 1)
    assert (pages(own) == [before]) == stays
    with opened_read_only(str(own.root / "state")) as index:
        assert index is not None
        assert index.item_pages.is_gone(before) != stays


def test_the_page_of_a_seed_without_a_link_stays_in_another_year(own: SiteFolder) -> None:
    """Its address is its link."""
    own.write("a.md", webUrl=None, publishedDateTime="2025-05-01")
    own.build()
    before = pages(own)
    own.write("a.md", webUrl=None, publishedDateTime="2026-05-01")
    own.build(now=NOW + 1)
    assert pages(own) == before


def test_two_seeds_without_a_link_are_two_items(own: SiteFolder) -> None:
    """Unless they have the same title on the same day; ids of their own then tell them apart."""
    own.write("a.md", webUrl=None, title="Notes", publishedDateTime="2026-05-01")
    own.write("b.md", webUrl=None, title="Notes", publishedDateTime="2026-05-08", id="one")
    own.write("c.md", webUrl=None, title="Notes", publishedDateTime="2026-05-08", id="other")
    own.build()
    assert len(pages(own)) == len(own.feed()) == 3


def test_another_year_moves_a_page_that_is_named_after_it(every: SiteFolder) -> None:
    """The former one is removed, and nothing leads there."""
    every.write("a.md", topics=["Solar"], publishedDateTime="2025-05-01")
    every.build()
    assert [name[:11] for name in pages(every)] == ["items/2025/"]
    every.write("a.md", topics=["Solar"], publishedDateTime="2026-05-01")
    every.build(now=NOW + 1)
    assert [name[:11] for name in pages(every)] == ["items/2026/"]


@pytest.mark.parametrize(
    ("start", "end"),
    [("", ""), (SITE, "/index.html"), ("127.0.0.1:8191/", "/"), ("http://localhost/", "/?a=1#b"), ("http://[::1]:8191/", "")],
)  # fmt: skip
def test_explain_takes_a_page_as_a_browser_shows_it(own: SiteFolder, start: str, end: str) -> None:
    """On the site or on this machine; once it was removed, it says when."""
    own.write("a.md", webUrl=None, title="Kept", publishedDateTime="2026-05-01")
    own.build()
    address = f"{start}items/2026/05-01-kept{end}"
    with opened_read_only(str(own.root / "state")) as index:
        (found,) = explain(own.config(), index, address, now=NOW)
    assert found.headline.startswith("a.md: in ")
    (own.seeds / "a.md").unlink()
    own.build(now=NOW + 1)
    with opened_read_only(str(own.root / "state")) as index:
        (found,) = explain(own.config(), index, address, now=NOW + 1)
    assert found.headline == f"items/2026/05-01-kept/: this page was removed at {iso(NOW + 1)}; our server answers 410"


def test_explain_knows_the_path_of_what_was_withdrawn(own: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """When, from which feeds and why; of a seed that was never shown, it knows nothing."""
    own.write("a.md", webUrl=None, topics=["Solar"])
    own.write("b.md", published=False)
    own.build()
    for name in ("a.md", "b.md"):
        (own.seeds / name).unlink()
    own.build(now=NOW + 1)
    monkeypatch.chdir(own.root)
    with opened_read_only(str(own.root / "state")) as index:
        told = [explain(own.config(), index, one, now=NOW + 2) for one in ("a.md", "seeds/a.md", "b.md")]
    said = f"a.md: its item was withdrawn at {iso(NOW + 1)} from 2 feeds: all, solar (its file was gone)"
    assert [[one.headline for one in found] for found in told] == [[said], [said], []]


# -- what changes them


def test_an_edit_rewrites_its_page_its_feeds_and_its_part_of_the_sitemap(own: SiteFolder) -> None:
    """Nothing else: neither the list of the parts nor the pages beside it."""
    for number in range(6):
        own.write(f"{number}.md", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW - 40 * DAY * number))
    own.write("x.md", topics=["Wind"])
    own.build()
    own.write("1.md", "More.", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW - 40 * DAY),
              updatedDateTime=iso(NOW - 5))  # fmt: skip
    written = set(own.build(now=NOW + 1).written)
    assert {name for name in written if not name.startswith(("all/", "solar/"))} == {
        page(own, "Item 1")[0], "sitemap-2026-04.xml",
    }  # fmt: skip
    assert own.build(now=NOW + 2).written == ()


def test_what_is_not_visible_has_no_page(every: SiteFolder) -> None:
    """Neither an embargoed item, nor one that a rule holds back, nor a duplicate; its name is nowhere (G12)."""
    every.write("later.md", CANARY, title=f"{CANARY} later", webUrl=None, publishedDateTime=iso(NOW + 60))
    every.write("held.md", CANARY, title=f"{CANARY} held", webUrl=None, quality=1)
    every.write("draft.md", CANARY, title=f"{CANARY} draft", webUrl=None, published=False)
    every.write("a.md")
    every.write("b.md", webUrl="https://news.example.org/a", publishedDateTime=iso(NOW - 2 * DAY))
    every.build()
    assert len(pages(every)) == 1
    assert not [name for name, body in ours(every).items() if CANARY.lower() in (name + body.decode()).lower()]
    every.build(now=NOW + 60)
    assert len(pages(every)) == 2


@pytest.mark.parametrize("how", ["deleted", "unpublished", "expired", "switched off"])
def test_the_page_of_what_is_withdrawn_goes_and_is_remembered(own: SiteFolder, how: str) -> None:
    """So that our server answers 410; when the item is back, so is its page, and it is no longer remembered."""
    own.write("a.md", webUrl=None, expires=iso(NOW + 60) if how == "expired" else None)
    own.write("b.md", webUrl=None)
    own.build()
    name = page(own, "Item a")[0]
    if how == "deleted":
        (own.seeds / "a.md").unlink()
    elif how == "unpublished":
        own.write("a.md", webUrl=None, published=False)
    elif how == "switched off":
        own.settings["pages"] = {"items": "none"}
    own.build(now=NOW + 61)
    assert (name in pages(own), (own.feeds / name).parent.exists()) == (False, False)
    with opened_read_only(str(own.root / "state")) as index:
        assert index is not None
        assert index.item_pages.is_gone(name)
    if how == "switched off":
        assert own.feed() == []  # without its page a last good version would lead nowhere
        assert not list(own.feeds.glob("sitemap*"))
        assert not (own.feeds / "items").exists()
    else:
        assert listed(own) == [f"{SITE}{page(own, 'Item b')[0].removesuffix('index.html')}"]
    own.settings["pages"] = {"items": "own"}
    own.write("a.md", webUrl=None)
    own.build(now=NOW + 62)
    assert name in pages(own)
    with opened_read_only(str(own.root / "state")) as index:
        assert index is not None
        assert not index.item_pages.is_gone(name)


def test_a_last_good_version_keeps_its_page(own: SiteFolder) -> None:
    """As it stays in its feeds while its file cannot be read (G4)."""
    own.write("a.md", "Good.", webUrl=None)
    own.build()
    before = ours(own)
    own.write_text("a.md", "---\ntitle: Foo: bar\n---\n")
    own.build(now=NOW + 1)
    assert ours(own) == before


# -- what is on disk


def test_what_somebody_else_changed_or_removed_is_written_again(every: SiteFolder) -> None:
    """By the next full scan, as with other documents: pages, their encodings and the sitemap."""
    every.write("a.md", webUrl=None)
    every.write("b.md")
    every.build()
    before = every.documents()
    names = pages(every)
    (every.feeds / names[0]).write_text("changed")
    (every.feeds / f"{names[1]}.gz").unlink()
    (every.feeds / "sitemap-2026-05.xml").unlink()
    every.build(now=NOW + 1)
    assert every.documents() == before


def test_pages_are_adopted_after_a_lost_index(every: SiteFolder) -> None:
    """Those that nobody wants any more are removed; a page of somebody else is kept and named (G16)."""
    for name in "abc":
        every.write(f"{name}.md", webUrl=None)
    every.build()
    before = every.documents()
    shutil.rmtree(every.root / "state")
    (every.seeds / "c.md").unlink()
    foreign = every.feeds / "items/2026/by-hand/index.html"
    foreign.parent.mkdir()
    foreign.write_text("<!DOCTYPE html><title>Mine</title>")
    every.build(now=NOW + 1)
    kept = {name for name in before if name.startswith("items/") and name.endswith("html") and "item-c" not in name}
    assert set(pages(every)) == kept | {"items/2026/by-hand/index.html"}
    assert foreign.read_text() == "<!DOCTYPE html><title>Mine</title>"


def test_somebody_elses_file_is_not_replaced(own: SiteFolder) -> None:
    """Where a page would lie; it is named, and other pages are published."""
    own.write("a.md", webUrl=None)
    own.write("b.md", webUrl=None)
    foreign = own.feeds / "items/2026/05-27-item-a/index.html"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    turn = own.build()
    assert [name for name in turn.failed if "05-27-item-a" in name]
    assert foreign.read_text() == "mine"
    assert "items/2026/05-27-item-b/index.html" in pages(own)


def test_a_build_from_nothing_makes_the_same_pages(every: SiteFolder, tmp_path: Path) -> None:
    """As many small steps did (G6)."""
    for number in range(12):
        every.write(f"{number}.md", webUrl=None if number % 2 else f"https://news.example.org/{number}",
                    topics=[f"T{number % 3}"], publishedDateTime=iso(NOW - number * 20 * DAY))  # fmt: skip
        every.build(now=NOW)
    (every.seeds / "4.md").unlink()
    every.build(now=NOW)
    every.build(now=NOW, feeds="again", state="other")
    again = {
        str(one.relative_to(every.root / "again")): one.read_bytes()
        for one in (every.root / "again").rglob("*")
        if one.is_file()
    }
    assert {name for name in ours(every) if name.startswith(("items/", "sitemap"))} == {
        name for name in again if name.startswith(("items/", "sitemap")) and not name.endswith((".gz", ".br"))
    }
    assert all(again[name] == body for name, body in ours(every).items() if name.startswith(("items/", "sitemap")))


def write_hourly(site: SiteFolder, count: int) -> None:
    """Write seeds without a link, an hour apart."""
    for number in range(count):
        when = iso(NOW - number * 3600)
        site.write(f"{number}.md", "Text.", webUrl=None, topics=[f"T{number % 3}"], publishedDateTime=when)


@pytest.mark.slow
def test_processes_make_the_same_pages(every: SiteFolder) -> None:
    """A large site is rendered by several."""
    write_hourly(every, 450)
    every.build(jobs=1)
    every.build(feeds="again", state="other", jobs=2)
    for name in pages(every):
        assert (every.root / "again" / name).read_bytes() == (every.feeds / name).read_bytes()


def test_processes_write_new_pages_as_this_one_does(every: SiteFolder) -> None:
    """Also the rest of the site, and nothing is left to do."""
    write_hourly(every, 8)
    every.build(jobs=1)
    every.build(feeds="again", state="other", jobs=2)
    assert every.documents("again") == every.documents()
    assert every.build(feeds="again", state="other", jobs=2).written == ()


def test_a_file_in_the_way_of_a_page_of_a_process_stays(every: SiteFolder) -> None:
    """The others are written, and that one once the file is gone."""
    write_hourly(every, 8)
    every.build(feeds="again", state="other", jobs=1)
    name = pages_in(every.root / "again")[0]
    theirs = every.feeds / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    assert f"{name}: somebody else wrote this file" in every.build(jobs=2).failed[0]
    assert theirs.read_text() == "theirs"
    assert len(pages(every)) == 8
    theirs.unlink()
    assert every.build(jobs=2).failed == ()
    assert ours(every) == {name: body for name, body in every.documents("again").items() if not is_encoded(name)}


@pytest.mark.parametrize("failing", [1, 10**9], ids=["the first time", "every time"])
def test_new_pages_that_cannot_be_flushed_are_not_published(
    every: SiteFolder, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The disk's failure, which the system reports only once, is told, and the next build flushes them once more."""
    write_hourly(every, 8)
    with monkeypatch.context() as patches:
        fail_to_flush(patches, failing)
        assert "Input/output error" in every.build(jobs=2).failed[0]
    with opened_read_only(str(every.root / "state")) as index:
        assert index is not None
        assert index.item_pages.count_written() == 0
    (every.seeds / "0.md").unlink()
    assert every.build(jobs=2).failed == ()
    every.build(feeds="again", state="other", jobs=1)
    assert pages(every) == pages_in(every.root / "again")
    assert [(every.feeds / one).read_bytes() for one in pages(every)] == [
        (every.root / "again" / one).read_bytes() for one in pages(every)
    ]
    assert_all_are_known(every, 7)


def assert_all_are_known(site: SiteFolder, count: int) -> None:
    """Assert that the index knows so many pages to be on disk, and that the sitemap names them."""
    with opened_read_only(str(site.root / "state")) as index:
        assert index is not None
        assert index.item_pages.count_written() == count
    assert len(listed(site)) == len(pages(site)) == count


def build_interrupted(folder: SiteFolder) -> None:
    """Build with processes until the first pages are there, and nobody has noted them."""

    def interrupt() -> None:
        if pages(folder):
            raise InterruptedError

    with Site(folder.config(), jobs=2, progress=Progress(tick=interrupt)) as site, pytest.raises(InterruptedError):
        site.build(now=NOW)


def test_pages_that_an_interrupted_turn_wrote_are_known_to_the_next(every: SiteFolder) -> None:
    """Processes wrote them, but nobody had noted it yet; all of them are in the sitemap."""
    write_hourly(every, 8)
    build_interrupted(every)
    assert len(pages(every)) == 8
    assert every.build(jobs=2).failed == ()
    assert_all_are_known(every, 8)


def test_an_interrupted_turn_waits_for_few_pages(every: SiteFolder) -> None:
    """Those that processes have begun: a daemon is to stop soon (G14)."""
    write_hourly(every, 500)
    build_interrupted(every)
    assert len(pages(every)) <= 300


def test_a_page_that_vanishes_as_it_is_written_comes_back(every: SiteFolder) -> None:
    """Somebody removes it before what was written is noted: the next build writes it again."""
    write_hourly(every, 8)
    removed: list[str] = []

    def remove() -> None:
        if not removed and (found := pages(every)):
            shutil.rmtree((every.feeds / found[0]).parent)
            removed.append(found[0])

    with Site(every.config(), jobs=2, progress=Progress(tick=remove)) as site:
        site.build(now=NOW)
    assert removed[0] not in pages(every)
    every.build(jobs=2)
    assert_all_are_known(every, 8)


def test_a_process_leaves_out_the_page_of_an_item_that_meets_a_bug(
    every: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As this process does: the others are written, nothing fails, and the item is named once."""
    write_hourly(every, 8)
    make = content.item

    def broken(seed: Seed, **others: Any) -> Item:
        return make(seed, **others) if seed.title != "Item 3" else make(seed)  # type: ignore[call-arg]

    monkeypatch.setattr(content, "item", broken)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # only processes that are forked meet the bug
    for jobs in (1, 2):
        turn = every.build(feeds=f"feeds{jobs}", state=f"state{jobs}", jobs=jobs)
        assert turn.failed == ()
        assert [one.partition(":")[0] for one in turn.notes] == ["3.md"]
        assert len(pages_in(every.root / f"feeds{jobs}")) == 7


def test_a_large_month_of_the_sitemap_is_cut(own: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into parts with at most so many addresses; what becomes empty goes."""
    from aggregator.renderer import sitemap

    monkeypatch.setattr(sitemap, "MOST_IN_PART", 2)
    for number in range(5):
        own.write(f"{number}.md", webUrl=None)
    own.build()
    assert sorted(path.name for path in own.feeds.glob("sitemap*.xml")) == [
        "sitemap-2026-05-2.xml", "sitemap-2026-05-3.xml", "sitemap-2026-05.xml", "sitemap-feeds.xml", "sitemap.xml",
    ]  # fmt: skip
    assert len(listed(own)) == 5
    for number in range(3):
        (own.seeds / f"{number}.md").unlink()
    own.build(now=NOW + 1)
    assert (len(listed(own)), len(list(own.feeds.glob("sitemap-2026-05*.xml")))) == (2, 1)


# -- what knows of them


def test_explain_names_the_page_and_knows_it_by_its_address(every: SiteFolder) -> None:
    """Of an item with a link elsewhere too."""
    every.write("a.md")
    every.write("own.md", webUrl=None)
    every.build()
    config = every.config()
    with opened_read_only(config.state) as index:
        for title, path in (("Item a", "a.md"), ("Item own", "own.md")):
            address = f"{SITE}{page(every, title)[0].removesuffix('index.html')}"
            (found,) = explain(config, index, address, now=NOW)
            assert found.path == path
            assert any(address in line for line in found.details)


def test_check_accepts_a_seed_without_a_link(own: SiteFolder) -> None:
    """If it gets a page; its title and date are needed all the same."""
    own.write("a.md", webUrl=None)
    assert not [one for one in check(own.config(), now=NOW).problems if not one.warning]
    own.write("b.md", webUrl=None, publishedDateTime=None)
    (problem,) = [one for one in check(own.config(), now=NOW).problems if not one.warning]
    assert problem.path == "b.md"


def test_the_link_of_a_seed_without_one_is_bounded() -> None:
    """And a slug that is cut ends with a hash of the title."""
    long, other = (own_link(SITE, "x" * 300 + end, NOW) for end in "ab")
    assert long != other
    assert len(long.split("/")[-2]) <= 64
    assert site_item_pages.is_own(long, SITE)


def test_a_page_that_was_written_before_a_kill_is_found_again(own: SiteFolder) -> None:
    """Though its seed is gone by then: its name is known before it is on disk."""
    own.write("a.md", webUrl=None)
    own.write("b.md", webUrl=None)
    own.build()
    name = page(own, "Item a")[0]
    with closing(sqlite3.connect(own.root / "state/index.db")) as db:
        db.execute("UPDATE item_page SET key=NULL, stamps=NULL, dirty=1")
        db.commit()
    (own.seeds / "a.md").unlink()
    own.build(now=NOW + 1)
    assert name not in pages(own)
    assert len(pages(own)) == 1


def test_another_name_of_a_topic_is_on_the_pages_of_its_items(every: SiteFolder) -> None:
    """And on no other; another title of the site is on all."""
    every.write("a.md", topics=["Solar"])
    every.write("b.md", topics=["Wind"])
    every.build()
    (every.root / "config/topics/solar.yaml").write_text("_id: solar\nname: Solar power\n")
    written = every.build(now=NOW + 1).written
    assert page(every, "Item a")[0] in written
    assert page(every, "Item b")[0] not in written
    assert "Solar power" in page(every, "Item a")[1].xpath("//nav[@class='crumbs']//a/text()")
    every.settings["site"] = {**every.settings.get("site", {}), "url": SITE, "title": "Another"}
    assert set(pages(every)) <= set(every.build(now=NOW + 2).written)


def test_a_page_shows_the_whole_text_though_feeds_show_summaries(own: SiteFolder) -> None:
    """There is nowhere else to read it."""
    own.settings["feed"] = {"content": "summary"}
    own.write("a.md", "The *whole* text.", webUrl=None, excerpt="In short.")
    own.build()
    assert "The whole text." in page(own, "Item a")[1].text_content()
    assert own.feed()[0]["content_html"] == "<p>In short.</p>"


# -- in which order, and whatever fails


def test_a_feed_leads_to_no_page_that_is_not_on_disk(own: SiteFolder) -> None:
    """Though messages wait for the daemon: new pages are written before the feeds, all of them."""
    for number in range(30):
        own.write(f"{number}.md", webUrl=None)
    with Site(own.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        slow.build(now=NOW)
    links = [one["url"].removeprefix(SITE) for one in own.feed()]
    assert len(links) == 30
    assert sorted(f"{one}index.html" for one in links) == pages(own)


@pytest.mark.parametrize("name", ["sitemap.xml", "items/2026/05-27-item-c/index.html"])
def test_what_is_withdrawn_goes_though_something_else_cannot_be_written(own: SiteFolder, name: str) -> None:
    """A file of somebody else may be in the way for ever (G12)."""
    own.write("a.md", CANARY, webUrl=None)
    own.write("b.md", webUrl=None)
    own.build()
    (own.feeds / name).unlink(missing_ok=True)
    (own.feeds / name).parent.mkdir(parents=True, exist_ok=True)
    (own.feeds / name).write_text("mine")
    shutil.rmtree(own.root / "state")
    own.write("c.md", webUrl=None)
    assert own.build(now=NOW + 1).failed
    own.write("a.md", CANARY, webUrl=None, published=False)
    assert own.build(now=NOW + 2).failed
    assert not [one for one, body in ours(own).items() if CANARY.encode() in body]
    assert not [one for one, body in ours(own).items() if one.startswith("sitemap") and b"item-a" in body]


def test_what_is_withdrawn_goes_before_a_first_archive_is_finished(own: SiteFolder) -> None:
    """Which takes many turns of a busy daemon."""
    own.write("a.md", CANARY, webUrl=None)
    own.build()
    own.settings["feed"] = {"archives": True}
    for number in range(40):
        own.write(f"{number}.md", publishedDateTime=iso(NOW - 31 * DAY * number))
    own.write("a.md", CANARY, webUrl=None, published=False)
    with Site(own.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        turn = slow.build(now=NOW + 1)
        assert turn.unfinished
    assert pages(own) == []


def test_a_page_that_moves_is_known_under_both_names(every: SiteFolder) -> None:
    """Whatever happens in between: neither stays behind when its item is withdrawn (G12)."""
    every.write("a.md", CANARY, publishedDateTime="2025-05-01")
    every.build()
    every.write("a.md", CANARY, publishedDateTime="2026-05-01")
    with Site(every.config()) as site:
        site.index.item_pages.put = _interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            site.build(now=NOW + 1)
    assert len(pages(every)) == 2
    (every.seeds / "a.md").unlink()
    every.build(now=NOW + 2)
    assert pages(every) == []


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_page_that_cannot_move_is_known_under_its_former_name(every: SiteFolder) -> None:
    """It is tried again, and then the former one goes."""
    every.write("a.md", publishedDateTime="2025-05-01")
    every.build()
    (former,) = pages(every)
    every.write("a.md", publishedDateTime="2026-05-01")
    moved = every.feeds / former.replace("2025", "2026")
    moved.mkdir(parents=True)
    assert every.build(now=NOW + 1).failed
    moved.rmdir()
    every.build(now=NOW + 2)
    assert pages(every) == [former.replace("2025", "2026")]


def test_two_items_never_have_one_page(every: SiteFolder) -> None:
    """Though both are new: one gets it, and a note names the other."""
    ids = "https://news.example.org/27551/a", "https://news.example.org/30876/a"  # with one hash
    assert len({page_name(one, one, NOW, SITE) for one in ids}) == 1
    for number, one in enumerate(ids):
        every.write(f"{number}.md", id=one)
    turn = every.build()
    assert len(pages(every)) == 1
    assert any("two items would have this page" in note for note in turn.notes)


def test_a_source_takes_no_page_of_another_item(own: SiteFolder) -> None:
    """Whatever id and link it gives to its own (G18)."""
    ids = "https://evil.example.org/items/2026/05-27-item-a/", f"{SITE}evil/items/2026/05-27-item-a/"
    for number, one in enumerate(ids):
        own.write(f"evil{number}.md", title="Evil", id=one, webUrl=f"{SITE}items/2026/evil{number}/")
    own.build()
    own.write("a.md", webUrl=None)
    own.build(now=NOW + 1)
    assert page(own, "Item a")[0] == "items/2026/05-27-item-a/index.html"
    assert len(pages(own)) == 3


def test_a_page_stays_where_it_is_when_the_site_moves(own: SiteFolder) -> None:
    """Its path does: redirects from the former address lead there."""
    own.write("a.md", webUrl=None)
    own.build()
    before = pages(own)
    own.settings["site"] = {"title": "Test", "url": "https://other.example.org/below/"}
    own.build(now=NOW + 1)
    assert pages(own) == before


def test_another_address_of_the_site_is_in_the_whole_sitemap(own: SiteFolder) -> None:
    """As in all other documents."""
    own.write("a.md", webUrl=None)
    own.build()
    own.settings["site"] = {"title": "Test", "url": "https://other.example.org/"}
    own.build(now=NOW + 1)
    assert SITE not in "".join(path.read_text() for path in own.feeds.glob("sitemap*.xml"))


def test_in_another_folder_pages_are_written_before_what_leads_there(own: SiteFolder) -> None:
    """As in the first one."""
    own.write("a.md", webUrl=None)
    own.build()
    own.write("b.md", webUrl=None)
    written = own.build(now=NOW + 1, feeds="moved").written
    before = [one for one in written if one.startswith(("items/", "all/archive/"))]
    assert max(map(written.index, before)) < written.index("all/rss.xml")


def test_a_heading_of_the_author_is_no_list_of_ours(own: SiteFolder) -> None:
    """What the text ends with stays, if nothing is listed with the item."""
    own.write(
        "a.md",
        "Text.\n\n<h4>Related coverage</h4><ul><li><a href='https://x.example.org/'>One</a></li></ul>\n",
        webUrl=None,
    )
    own.build()
    assert page(own, "Item a")[1].xpath("//a[@href='https://x.example.org/']")


def test_a_turn_that_removes_many_pages_says_that_it_is_alive(own: SiteFolder) -> None:
    """After each: a site that no longer wants pages may have a hundred thousand."""
    for number in range(5):
        own.write(f"{number}.md", webUrl=None)
    own.build()
    own.settings["pages"] = {"items": "none"}
    left: list[int] = []
    with Site(own.config(), progress=Progress(tick=lambda: left.append(len(pages(own))))) as slow:
        slow.build(now=NOW + 1)
    assert {5, 4, 3, 2, 1} <= set(left)


@pytest.mark.parametrize("name", ["sitemap.xml", "sitemap-2026-05.xml", "items/2026/05-27-item-a/index.html"])
def test_in_another_folder_somebody_elses_file_is_not_replaced(own: SiteFolder, name: str) -> None:
    """Though the index knows of a document with its name, in the first folder (G16)."""
    own.write("a.md", webUrl=None)
    own.build()
    foreign = own.root / "moved" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    turn = own.build(now=NOW + 1, feeds="moved")
    assert foreign.read_text() == "mine"
    assert [one for one in turn.failed if name in one]
    own.settings["pages"] = {"items": "none"}
    own.build(now=NOW + 2, feeds="moved")
    assert foreign.read_text() == "mine"


def test_a_further_part_of_the_sitemap_replaces_nobodys_file(own: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the first part is ours (G16); no list leads there, also after further builds."""
    from aggregator.renderer import sitemap

    monkeypatch.setattr(sitemap, "MOST_IN_PART", 1)
    own.write("a.md", webUrl=None)
    own.build()
    (own.feeds / "sitemap-2026-05-2.xml").write_text("mine")
    own.write("b.md", webUrl=None)
    for number in (1, 2):
        assert own.build(now=NOW + number).failed
        assert (own.feeds / "sitemap-2026-05-2.xml").read_text() == "mine"
        assert len(listed(own)) == 1
    own.write("c.md", webUrl=None)
    (own.seeds / "a.md").unlink()
    assert own.build(now=NOW + 3).failed
    assert listed(own) == [f"{SITE}items/2026/05-27-item-b/"]  # what was withdrawn goes all the same (G12)
    (own.feeds / "sitemap-2026-05-2.xml").unlink()
    assert not own.build(now=NOW + 4).failed
    assert len(listed(own)) == 2


def test_a_part_that_is_no_longer_needed_is_removed_unless_it_is_somebody_elses(
    own: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder the part of that name may be (G16)."""
    from aggregator.renderer import sitemap

    monkeypatch.setattr(sitemap, "MOST_IN_PART", 1)
    own.write("a.md", webUrl=None)
    own.write("b.md", webUrl=None)
    own.build()
    (own.seeds / "b.md").unlink()
    foreign = own.root / "moved/sitemap-2026-05-2.xml"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    own.build(now=NOW + 1, feeds="moved")
    assert foreign.read_text() == "mine"


def test_a_busy_site_keeps_pace_with_the_pages_beside_new_items(own: SiteFolder) -> None:
    """Each new item changes two: they must not become ever more while messages never pause."""
    own.settings["feed"] = {"archives": False}
    for number in range(12):
        own.write(f"{number}.md", webUrl=None, topics=["Solar"], publishedDateTime=iso(NOW - DAY * number))
    own.build()
    with Site(own.config(), progress=Progress(may_stop=lambda _: True)) as slow:
        for number in (2, 5, 8):
            moment = iso(NOW - DAY * number - 60)
            own.write(f"new{number}.md", webUrl=None, topics=["Solar"], publishedDateTime=moment)
            assert not slow.take_partial_turn([f"new{number}.md"], now=NOW + number).unfinished
