"""G16 in the feeds folder: what we did not write is neither replaced nor removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.running_daemon import DaemonProcess, wait_until
from support.site_folder import NOW, SiteFolder

from aggregator.publisher.destination import open_destination
from aggregator.publisher.ownership import foreign_files

FOREIGN = {
    "index.html": b"<!doctype html><title>My own site</title><p>aggregator</p>",
    "feeds.opml": b'<opml version="2.0"><body><outline text="mine" type="rss" xmlUrl="https://a.example/rss.xml"/></body></opml>',
    "all/rss.xml": b"<rss><channel><generator>Hugo</generator><item><generator>aggregator</generator></item></channel></rss>",
    "all/atom.xml": b"<feed><generator>Jekyll</generator></feed>",
    "all/feed.json": b'{"version":"https://jsonfeed.org/version/1.1","title":"Mine","items":[]}',
    "all/rss.xml.gz": b"no gzip",
    "sea/index.html": b"<h1>The sea</h1>",
    "all/archive/2026-05/rss.xml": b"<rss/>",
}


def put(site: SiteFolder, name: str) -> Path:
    path = site.feeds / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FOREIGN[name])
    return path


@pytest.mark.parametrize("state", ["first build", "state lost", "another feeds folder"])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_stops_the_build(site: SiteFolder, name: str, state: str) -> None:
    """It is named with `--adopt`, and nothing is written; `--adopt` replaces it, and later builds need no option."""
    site.write("a.md", topics=["Sea"])
    if state != "first build":
        site.build()
        shutil.rmtree(site.feeds)
        if state == "state lost":
            shutil.rmtree(site.root / "state")
    path = put(site, name)
    if state == "another feeds folder":
        (site.feeds).rename(site.root / "public")
        site.feeds = site.root / "public"
        path = site.feeds / name
    folder = site.feeds.name
    turn = site.build(feeds=folder)
    assert [line.partition(":")[0] for line in turn.failed] == [name]
    assert "--adopt" in turn.failed[0]
    assert turn.written == ()
    assert site.documents(folder) == {name: FOREIGN[name]}
    assert site.build(feeds=folder, adopt=True).failed == ()
    assert not path.exists() or path.read_bytes() != FOREIGN[name]
    assert site.build(feeds=folder).failed == ()


def test_files_at_other_names_stay(site: SiteFolder) -> None:
    """A feed of somebody else at a name that is not published is neither taken for ours nor replaced."""
    site.write("a.md")
    for name in ("blog/rss.xml", "blog/index.html", "blog/archive/2026-01/rss.xml", "robots.txt"):
        path = site.feeds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<rss>mine</rss>")
    turn = site.build(prune=True)
    assert turn.failed == ()
    assert {name for name, body in site.documents().items() if body == b"<rss>mine</rss>"} == {
        "blog/rss.xml", "blog/index.html", "blog/archive/2026-01/rss.xml", "robots.txt",
    }  # fmt: skip
    shutil.rmtree(site.root / "state")
    assert site.build(prune=True).failed == ()
    assert (site.feeds / "blog/rss.xml").read_bytes() == b"<rss>mine</rss>"


def test_all_that_is_ours_is_known_without_the_state(site: SiteFolder) -> None:
    """Every document carries the mark, also where only its encodings are left; an empty file is nobody's."""
    for number in range(3):
        site.write(f"{number}.md", topics=["Sea"])
    site.build()
    before = site.documents()
    writer = open_destination(str(site.feeds))
    names = [name for name in before if not name.endswith((".gz", ".br"))]
    assert len(names) > 10
    assert list(foreign_files(writer, names)) == []
    for name in names:
        (site.feeds / name).unlink()
    assert list(foreign_files(writer, names)) == []
    (site.feeds / "index.html").write_bytes(b"")
    shutil.rmtree(site.root / "state")
    assert site.build().failed == ()
    assert site.documents() == before


def test_a_link_is_not_ours(site: SiteFolder) -> None:
    """A symbolic link at the name of a document stays, and so does what it leads to."""
    site.write("a.md")
    site.feeds.mkdir()
    (site.root / "home.html").write_text("mine")
    (site.feeds / "index.html").symlink_to(site.root / "home.html")
    assert "index.html" in site.build().failed[0]
    assert (site.feeds / "index.html").is_symlink()


def test_an_embargoed_topic_is_not_named(site: SiteFolder) -> None:
    """A foreign file where a topic will appear is named when it would be replaced, not before."""
    site.write("a.md")
    site.write("b.md", topics=["Sea"], publishedDateTime="2030-01-01T00:00:00Z")
    put(site, "sea/index.html")
    assert site.build().failed == ()
    turn = site.build(now=NOW + 5 * 365 * 86_400)
    assert [line.partition(":")[0] for line in turn.failed] == ["sea/index.html"]
    assert (site.feeds / "sea/index.html").read_bytes() == FOREIGN["sea/index.html"]


@pytest.mark.slow
def test_the_daemon_names_it_and_goes_on(running: DaemonProcess) -> None:
    """A foreign file where a new topic appears is in health; it stays, and other feeds are updated."""
    site = running.site
    site.write("a.md")
    running.start()
    path = put(site, "sea/index.html")
    site.write("b.md", topics=["Sea"])
    wait_until(lambda: "sea/index.html" in running.status()["problems"].get("writing", ""))
    wait_until(lambda: len(site.feed()) == 2)
    assert path.read_bytes() == FOREIGN["sea/index.html"]
