"""Every feed reader shows the same items, updated and not duplicated, with few transfers."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
import yaml
from outside.clients.readers import IMPORTS, READERS, Reader, Shown, seconds
from support.site_folder import NOW, SiteFolder, iso
from support.web_servers import LoggedServer, fetch

DAY = 86_400
ROOT = Path(__file__).parents[3]
SAMPLE_NOW = 1_795_000_000
"""18 November 2026, when all but the newest of the sample seeds are published."""

TITLES = [
    "Fish & chips: 5 < 6, or so they say", "“Quotes” and 'others' — with a dash", "Ünïcödé, 漢字 and an emoji 🐟",
    "חדשות מהנמל", "AT&amp;T, written twice", "A <b>bold</b> tag", "]]> closes nothing", "Plain",
]  # fmt: skip


def cases() -> list[object]:
    """Return each pair of a reader and a format that it reads."""
    return [pytest.param((name, form), id=f"{name}-{form}") for name in READERS for form in READERS[name].formats]


class Subscriber:
    """A person who reads a feed in one reader, with files in a separate folder."""

    def __init__(self, reader: Reader, address: str, folder: Path) -> None:
        self.reader, self.address, self._folder = reader, address, folder
        self._homes = 0
        self.home = self._new_home()

    def _new_home(self) -> Path:
        self._homes += 1
        home = self._folder / f"home-{self._homes}"
        home.mkdir()
        return home

    def looks(self) -> list[Shown]:
        """Update the feed and return the items shown."""
        return self.reader.look(self.home, self.address)

    def settles(self) -> list[Shown]:
        """Update so often that the reader has the feed's validators."""
        for _ in range(2, self.reader.asks_from):
            self.looks()
        return self.looks()

    def newcomer_looks(self) -> list[Shown]:
        """Return the items that a new subscriber sees."""
        return self.reader.look(self._new_home(), self.address)


@pytest.fixture(params=cases())
def subscriber(request: pytest.FixtureRequest, site: SiteFolder, serving: LoggedServer, tmp_path: Path) -> Subscriber:
    """Subscribe to the feed `all`; nothing is published yet."""
    name, form = request.param
    return Subscriber(READERS[name], f"{serving.url}all/{form}", tmp_path)


@pytest.fixture
def items(site: SiteFolder) -> SiteFolder:
    """Publish items with text that is hard to parse."""
    for number, title in enumerate(TITLES):
        site.write(
            f"{number}.md",
            f"Text {number}, with *Markdown*.",
            title=title,
            publishedDateTime=iso(NOW - DAY * (number + 1)),
        )
    site.write(
        "own.md", id="tag:example.org,2026:own", publishedDateTime=iso(NOW - 3600), updatedDateTime=iso(NOW - 60)
    )
    site.build()
    age(site)
    return site


@pytest.fixture(scope="module")
def sample_feeds(tmp_path_factory: pytest.TempPathFactory, serving: LoggedServer) -> Path:
    """Build this project's sample site at the served URL."""
    site = SiteFolder(tmp_path_factory.mktemp("sample") / "site")
    settings = yaml.safe_load((ROOT / "config/aggregator.yaml").read_text())
    site.settings = {**settings, "site": {**settings["site"], "url": serving.url}}
    for name in ("seeds", "feeds", "state"):
        del site.settings[name]
    shutil.copytree(ROOT / "seeds", site.seeds, dirs_exist_ok=True)
    shutil.copytree(ROOT / "config/topics", site.root / "config/topics", dirs_exist_ok=True)
    site.build(SAMPLE_NOW)
    return site.feeds


@pytest.fixture
def sample(site: SiteFolder, sample_feeds: Path) -> SiteFolder:
    """Publish the sample site."""
    shutil.copytree(sample_feeds, site.feeds)
    return site


def age(site: SiteFolder) -> None:
    """Set the dates of the feeds a day back.

    HTTP dates are whole seconds, and newsboat (libcurl) takes what was changed twice in one for unchanged.
    """
    then = time.time() - DAY
    for path in site.feeds.rglob("*.*"):
        os.utime(path, (then, then))


def published(site: SiteFolder, slug: str = "all") -> list[Shown]:
    """Return the items of the JSON feed, parsed by json only."""
    return [Shown(one["id"], one["title"], one["url"], seconds(one["date_published"])) for one in site.feed(slug)]


@pytest.mark.slow
def test_every_reader_shows_the_same_items(subscriber: Subscriber, items: SiteFolder) -> None:
    """All readers and formats have the same ids, titles, links and dates in the same order."""
    assert len(published(items)) == len(TITLES) + 1
    assert subscriber.looks() == published(items)


def test_every_reader_shows_the_sample_site(subscriber: Subscriber, sample: SiteFolder) -> None:
    """This holds for articles in several scripts, with pictures, videos and related coverage."""
    assert len(published(sample)) > 30
    assert subscriber.looks() == published(sample)


@pytest.mark.slow
def test_an_update_without_changes_changes_nothing(
    subscriber: Subscriber, items: SiteFolder, serving: LoggedServer
) -> None:
    """The response is a 304 if the reader sends conditional requests."""
    subscriber.settles()
    answers = serving.requests_during(subscriber.looks)
    assert [answer.status for answer in answers] == [304 if subscriber.reader.asks_from else 200]
    assert subscriber.looks() == published(items)


@pytest.mark.slow
def test_an_edited_item_is_updated(subscriber: Subscriber, items: SiteFolder) -> None:
    """It appears once, with its new title, in its old position."""
    before = subscriber.settles()
    items.write(
        "3.md", "Another text.", title="Corrected title", publishedDateTime=iso(NOW - DAY * 4), updatedDateTime=iso(NOW)
    )
    items.build(NOW + 60)
    after = subscriber.looks()
    assert [one.id for one in after] == [one.id for one in before]
    assert [one.title for one in after].count("Corrected title") == 1
    assert after == published(items)


def test_a_renamed_seed_or_a_changed_link_is_no_new_item(subscriber: Subscriber, items: SiteFolder) -> None:
    """The id stays the same, so that nobody reads the same story twice."""
    before = subscriber.settles()
    (items.seeds / "2.md").rename(items.seeds / "another-name.md")
    items.write(
        "7.md", title=TITLES[7], webUrl="https://news.example.org/moved/here", publishedDateTime=iso(NOW - DAY * 8)
    )
    items.build(NOW + 60)
    after = subscriber.looks()
    assert [one.id for one in after] == [one.id for one in before]
    assert "https://news.example.org/moved/here" in {one.link for one in after}


@pytest.mark.slow
def test_a_deleted_item_leaves(subscriber: Subscriber, items: SiteFolder) -> None:
    """A new subscriber does not see it, and the old one gets no other item for it."""
    before = subscriber.settles()
    (items.seeds / "4.md").unlink()
    items.build(NOW + 60)
    left = [one for one in before if not one.link.endswith("/4")]
    assert len(left) == len(before) - 1
    assert subscriber.newcomer_looks() == left
    assert subscriber.looks() == (before if subscriber.reader.keeps else left)


def test_a_new_item_arrives(subscriber: Subscriber, items: SiteFolder) -> None:
    """It appears first, once, at the next update."""
    before = subscriber.settles()
    items.write("new.md", publishedDateTime=iso(NOW + 30))
    items.build(NOW + 60)
    after = subscriber.looks()
    assert [one.title for one in after] == ["Item new", *(one.title for one in before)]


@pytest.mark.parametrize("name", ["feeds.opml", ".well-known/feeds"])
@pytest.mark.parametrize("reader", IMPORTS)
def test_the_list_of_feeds_can_be_imported(
    site: SiteFolder, serving: LoggedServer, tmp_path: Path, reader: str, name: str
) -> None:
    """Every feed of the site, including children of topics, and all their items can be read from the OPML file.

    newsboat shows an item in one of its feeds, the first that brings it.
    """
    site.write_topic("energy", name="Energy")
    site.write_topic("solar", name="Solar", parent="Energy")
    for number, topic in enumerate(["Solar", "Energy", "Cities & towns"]):
        site.write(f"{number}.md", topics=[topic], publishedDateTime=iso(NOW - DAY * (number + 1)))
    site.build()
    opml = tmp_path / "list.opml"
    opml.write_bytes(fetch(serving.port, f"/{name}").body)
    home = tmp_path / "home"
    home.mkdir()
    wanted = {f"{serving.url}{slug}/rss.xml": published(site, slug) for slug in site.slugs()}

    shown = IMPORTS[reader](home, opml)

    assert len(wanted) == 4
    if reader == "newsboat":
        assert set(shown) == set(wanted)
        assert sorted(one for items in shown.values() for one in items) == sorted(published(site))
    else:
        assert shown == wanted
