"""The commands `fetch` and `sources`, and what the others say of sources: on real servers of this machine."""

from __future__ import annotations

import importlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.command_line import run
from support.scripted_server import Reply, ScriptedServer
from support.site_folder import SiteFolder
from support.upstream import Upstream, collect_from, let_pass, write_list

from aggregator.collector.database import Database
from aggregator.collector.state import SourceState
from aggregator.model.source_words import details
from aggregator.model.sources import SourceStatus

# What `fetch` imports late is imported once, before the commands are forked from this process.
for name in (
    "collector.asking",
    "collector.documents",
    "collector.polling",
    "renderer.sources_page",
    "site.explain_sources",
):
    importlib.import_module(f"aggregator.{name}")
importlib.import_module("feedparser")

DAY = 86_400


@pytest.fixture
def blog() -> Iterator[Upstream]:
    """Return a blog with two entries."""
    with Upstream(2, "The Blog") as made:
        made.publish("First")
        made.publish("Second")
        yield made


@pytest.fixture
def other() -> Iterator[Upstream]:
    """Return a second blog, with one entry."""
    with Upstream(3) as made:
        made.publish("Other")
        yield made


class Planet:
    """A site that collects, with the commands that one types there."""

    def __init__(self, site: SiteFolder, *upstreams: Upstream, **sources: Any) -> None:
        self.site = site
        self.state = str(site.root / "state")
        self.list = site.root / "config/sources/blogs.yaml"
        collect_from(site, upstreams, **sources)
        self.write_config()

    def write_config(self) -> None:
        self.site.config()
        (self.site.root / "config/feeds.yaml").rename(self.site.root / "config/aggregator.yaml")

    def type(self, *words: str, expect: int = 0) -> str:
        """Type a command and return what it prints."""
        return run(self.site.root, *words, expect=expect).stdout

    def type_json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.type(*words, "--json", expect=expect))

    def fetch_later(self, seconds: int = 2 * DAY) -> Any:
        """Let time pass, and fetch."""
        let_pass(self.state, seconds)
        return self.type_json("fetch")

    def collected(self) -> list[Path]:
        return sorted((self.site.root / "collected").rglob("*.md"))


def test_three_feeds_become_items_of_our_feed(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """`fetch` writes what three sources list as seeds, `build` publishes them; asked again, nothing is asked twice."""
    with Upstream(4) as third:
        third.publish("Third <b>bold</b> & more".replace("<", "&lt;").replace("&", "&amp;", 0))
        planet = Planet(site, blog, other, third)
        assert planet.type_json("fetch") == {
            "polled": [blog.url, other.url, third.url], "skipped": [], "failed": [], "new": 4,
        }  # fmt: skip
        planet.type("build")
        assert sorted(site.titles())[:3] == ["First", "Other", "Second"]
        assert len(site.titles()) == 4
        again = planet.type_json("fetch")
        assert again == {"polled": [], "skipped": [blog.url, other.url, third.url], "failed": [], "new": 0}
        assert [len(one.server.seen) for one in (blog, other, third)] == [1, 1, 1]


def test_a_source_that_is_not_due_is_not_asked_also_if_it_is_named(
    site: SiteFolder, blog: Upstream, other: Upstream
) -> None:
    """A person's wish is no reason to be rude: it says why not, and when; only the named ones are spoken of."""
    planet = Planet(site, blog, other)
    assert planet.type_json("fetch", other.url)["polled"] == [other.url]
    said = planet.type("fetch", "blog 3")
    assert said.startswith(f"not asked: {other.url}: ")
    assert "; next at 20" in said
    assert "The Blog" not in said
    assert (len(blog.server.seen), len(other.server.seen)) == (0, 1)
    mistake = run(site.root, "fetch", other.url + "x", expect=2).stderr
    assert f"did you mean `{other.url}`?" in mistake


def test_a_source_that_fails_harms_only_itself(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """The exit code is 0, the source is named with the reason, the others are collected."""
    other.status = 503
    planet = Planet(site, blog, other)
    said = planet.type("fetch")
    assert said.splitlines()[0].startswith(f"failed: {other.url}: ")
    assert "503" in said.splitlines()[0]
    assert said.splitlines()[-1] == "2 sources asked: 2 new items"


def test_sources_tells_how_each_is(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """The JSON has exactly the promised keys, a list of objects; text has a line for each state."""
    other.status = 500
    planet = Planet(site, blog, other)
    keys = ["url", "name", "state", "last_success", "last_status", "next", "why", "items_per_month", "redirect", "quarantine", "error"]  # fmt: skip
    new = planet.type_json("sources")
    assert [list(one) for one in new] == [keys, keys]
    assert [(one["state"], one["last_success"], one["next"]) for one in new] == [("new", None, None)] * 2
    planet.type("fetch")
    well, failing = planet.type_json("sources")
    assert (well["state"], well["name"], well["last_status"], well["error"]) == ("ok", "The Blog", 200, "")
    assert well["last_success"].endswith("Z")
    assert well["next"] > well["last_success"]
    assert (failing["state"], failing["last_status"], failing["last_success"]) == ("failing", 500, None)
    assert "500" in failing["error"]
    lines = planet.type("sources").splitlines()
    assert lines[0] == f"ok           The Blog  {blog.url}"
    assert lines[-1] == "2 sources: 1 ok, 1 failing"


@pytest.mark.slow
def test_a_dead_source_is_named_and_ends_with_1(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """After 30 days without success `sources` exits with 1, and `status` names it; nothing of it is withdrawn."""
    planet = Planet(site, blog, other)
    planet.type("fetch")
    other.status = 500
    planet.fetch_later()
    assert [one["state"] for one in planet.type_json("sources")] == ["ok", "failing"]
    planet.fetch_later(31 * DAY)
    assert [one["state"] for one in planet.type_json("sources", expect=1)] == ["ok", "dead"]
    planet.type("build")
    assert len(site.titles()) == 3
    said = planet.type("status")
    assert f"dead source: {other.url} (`aggregator explain {other.url}` says more)" in said
    assert "2 sources: 1 ok, 1 dead" in said
    status = planet.type_json("status")
    assert (status["sources"], status["dead_sources"]) == ({"ok": 1, "dead": 1}, [other.url])


@pytest.mark.slow
def test_a_flood_waits_for_a_release(site: SiteFolder, blog: Upstream) -> None:
    """Of forty entries at once three are shown; `explain` says why the others are not, and `--release` shows them."""
    planet = Planet(site, blog)
    planet.type("fetch")
    for number in range(40):
        blog.publish(f"Flood {number}", at=1_790_000_000 + number)
    assert planet.fetch_later()["new"] == 3
    said = planet.type("explain", blog.link("Flood 5"))
    assert said.startswith(f"{blog.link('Flood 5')}: ")
    assert f"`aggregator sources --release {blog.url}`" in said
    assert "37 items held back" in planet.type("sources")
    run(site.root, "sources", "--release", "The Blog")
    planet.type("build")
    assert len(site.titles()) == 42
    assert "in 1 feed: all" in planet.type("explain", blog.link("Flood 5"))


@pytest.mark.slow
def test_explain_answers_why_a_post_is_not_on_the_planet(site: SiteFolder, blog: Upstream) -> None:
    """For what is shown, what a new source had before, what no source has listed, a source itself, and anything else."""
    for number in range(6):
        blog.publish(f"Old {number}", at=1_500_000_000 + number)
    planet = Planet(site, blog)
    planet.type("fetch")
    planet.type("build")
    assert planet.type("explain", blog.link("First")).splitlines()[-1] == f"  source: {blog.url}"
    assert "The Blog was new" in planet.type("explain", blog.link("Old 0"))
    assert "The Blog was new" in planet.type("explain", blog.link("Old 0") + "/")
    unknown = planet.type("explain", blog.link("Never"))
    assert unknown.startswith(f"{blog.link('Never')}: no source has listed it yet\n  ok The Blog {blog.url}\n")
    for source in (blog.url, "the blog"):
        assert planet.type("explain", source).startswith(f"ok The Blog {blog.url}\n  last success ")
    assert "no seed has this" in run(site.root, "explain", "https://elsewhere.example.org/", expect=1).stderr


@pytest.mark.slow
def test_an_adopted_address_is_written_into_the_list(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """`--apply` changes the address and nothing else in the list; the source goes on, and nothing is shown twice."""
    planet = Planet(site, blog)
    planet.list.write_text(f"# Ours\n- url: {blog.url}  # moved?\n  private: true\n  name: Kept\n")
    os.chmod(planet.list, 0o640)
    planet.type("fetch")
    ids = {path.name for path in planet.collected()}
    other.entries, other.name = list(blog.entries), blog.name
    other.link = blog.link  # type: ignore[method-assign]
    blog.status, blog.location = 301, other.url
    for _ in range(4):
        planet.fetch_later(4 * DAY)
    assert planet.type_json("sources")[0]["state"] == "ok"
    done = run(site.root, "sources", "--apply").stderr
    assert f"blogs.yaml:2:3: {blog.url} → {other.url}" in done
    text = f"# Ours\n- url: {other.url}  # moved?\n  was: {blog.url}\n  private: true\n  name: Kept\n"
    assert planet.list.read_text() == text
    assert planet.list.stat().st_mode & 0o777 == 0o640
    assert "no source has moved" in run(site.root, "sources", "--apply").stderr
    other.publish("After the move", at=1_790_000_000)
    asked = len(blog.server.seen)
    assert planet.fetch_later()["new"] == 1
    assert len(blog.server.seen) == asked
    assert len({path.name for path in planet.collected()} - ids) == 1
    assert [(one["url"], one["name"]) for one in planet.type_json("sources")] == [(other.url, "Kept")]


def adopted(planet: Planet, moves: dict[str, str]) -> None:
    """Let the collector know of sources that have moved for good."""
    Path(planet.state).mkdir(exist_ok=True)
    with closing(Database(planet.state)) as db:
        db.put(states=[SourceState(url=url, adopted=new, address=new, planned_for=url) for url, new in moves.items()])


A, B, NEW = "https://a.example.org/f", "https://b.example.org/f", "https://new.example.org/f"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (f"[{A}, {B}]\n", f"[{{url: {NEW}, was: {A}}}, {B}]\n"),
        (f"- {{url: {A}, name: X}} # c\n", f"- {{url: {NEW}, was: {A}, name: X}} # c\n"),
        (f"\ufeff# é\r\n- {A} # c\r\n", f"\ufeff# é\r\n- url: {NEW}\n  was: {A} # c\r\n"),
        (f"- url: >-\n    {A}\n  name: X\n", None),
        (f"- url: |\n    {A}\n- {B}\n", None),
        (f"- ? url\n  : {A}\n", None),
        (f"- {A}\n- {NEW}\n", None),
        (f"- {A}\n- url: {B}\n  was: {NEW}\n", None),
    ],
)
def test_an_adopted_address_changes_nothing_else_or_nothing(site: SiteFolder, text: str, after: str | None) -> None:
    """Whatever the form of the list; what cannot be written is named, and twice is the same as once."""
    planet = Planet(site)
    planet.list.write_bytes(text.encode())
    planet.type("check")
    adopted(planet, {A: NEW})
    said = run(site.root, "sources", "--apply").stderr
    assert (f"{A} → {NEW}" in said, "not written" in said) == (True, after is None)
    assert planet.list.read_bytes().decode() == (after or text)
    planet.type("check")
    before = planet.list.stat()
    run(site.root, "sources", "--apply")
    assert (planet.list.stat().st_ino, planet.list.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_two_sources_that_moved_to_one_address_are_not_both_written(site: SiteFolder) -> None:
    """The list would be refused: the second is named."""
    planet = Planet(site)
    planet.list.write_text(f"- {A}\n- {B}\n")
    adopted(planet, {A: NEW, B: NEW})
    said = run(site.root, "sources", "--apply").stderr
    assert f"{B} → {NEW}: not written, since {planet.list}:1:3 has that address (remove one of both)" in said
    assert planet.list.read_text() == f"- url: {NEW}\n  was: {A}\n- {B}\n"


def test_a_list_that_cannot_be_written_is_named_and_the_others_are(site: SiteFolder) -> None:
    """The exit code is 1; once it can be, the command does the rest."""
    planet = Planet(site)
    planet.list.write_text(f"- {B}\n")
    folder = site.root / "elsewhere"
    folder.mkdir()
    (folder / "a.yaml").write_text(f"- {A}\n")
    (planet.list.parent / "a.yaml").symlink_to(folder / "a.yaml")
    adopted(planet, {A: NEW, B: f"{NEW}2"})
    subprocess.run(["chattr", "+i", folder], check=False) if os.geteuid() == 0 else folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK) and not is_immutable(folder):
            pytest.skip("no folder can be made that refuses a file")
        said = run(site.root, "sources", "--apply", expect=1).stderr
        assert f"{planet.list.parent}/a.yaml: cannot be written: " in said
        assert f"{B} → {NEW}2" in said
        assert (planet.list.read_text(), (folder / "a.yaml").read_text()) == (
            f"- url: {NEW}2\n  was: {B}\n",
            f"- {A}\n",
        )
    finally:
        subprocess.run(["chattr", "-i", folder], check=False) if os.geteuid() == 0 else folder.chmod(0o700)
    run(site.root, "sources", "--apply")
    assert (folder / "a.yaml").read_text() == f"- url: {NEW}\n  was: {A}\n"


def is_immutable(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError:
        return True
    (folder / "probe").unlink()
    return False


def test_a_release_says_what_came_of_it(site: SiteFolder, blog: Upstream) -> None:
    """What was held back is shown, once; of a source that is not held it says so."""
    planet = Planet(site, blog)
    planet.type("fetch")
    for number in range(20):
        blog.publish(f"More {number}", at=1_790_000_000 + number)
    planet.fetch_later()
    said = [run(site.root, "sources", "--release", "The Blog").stderr for _ in range(2)]
    assert said == [
        f"{blog.url}: released: 17 items, which the next build shows\n",
        f"{blog.url}: not released: nothing of it is held back\n",
    ]
    assert len(planet.collected()) == 22


def test_without_sources_it_says_what_to_write(site: SiteFolder) -> None:
    """A site without `sources` cannot fetch: exit code 2, and a line that helps."""
    site.config()
    (site.root / "config/feeds.yaml").rename(site.root / "config/aggregator.yaml")
    for words in (["fetch"], ["sources"]):
        said = run(site.root, *words, expect=2).stderr
        assert (
            "sources: there are none (write `sources: {folder: ../collected}`, with that folder under `seeds`" in said
        )


def test_an_empty_list_is_no_error(site: SiteFolder) -> None:
    """One may begin with the config: it says where to list sources."""
    planet = Planet(site)
    for words in ("sources", "fetch"):
        assert planet.type(words).startswith("no source is listed (")
    assert planet.type_json("fetch") == {"polled": [], "skipped": [], "failed": [], "new": 0}


def test_mistakes_in_a_list_are_named_by_every_command(site: SiteFolder, blog: Upstream) -> None:
    """`check` and the others name file, line and column, and do nothing."""
    planet = Planet(site, blog)
    planet.list.write_text(f"- url: {blog.url}\n  privat: true\n")
    for words, code in ((["check"], 1), (["fetch"], 2), (["build"], 2)):
        done = run(site.root, *words, expect=code)
        assert f"{planet.list}:2:3: privat: unknown key (did you mean `private`?)" in done.stdout + done.stderr
    assert blog.server.seen == []


def test_the_page_of_the_sources_is_published(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """`build` writes the page and the list, of the public sources alone; an unchanged one is not written again."""
    planet = Planet(site, blog)
    write_list(site, [blog])
    entries = [*json.loads(planet.list.read_text()), {"url": "https://public.example.org/feed", "name": "Public"}]
    planet.list.write_text(json.dumps(entries))
    planet.type("fetch", blog.url)
    planet.type("build")
    page = (site.feeds / "sources/index.html").read_text()
    assert "Public" in page
    assert blog.url not in page
    assert '<a href="sources/">' in (site.feeds / "index.html").read_text()
    assert blog.url not in (site.feeds / "sources.opml").read_text()
    before = site.file_identities()
    planet.type("build")
    assert site.file_identities() == before
    entries[1]["name"] = "Renamed"
    planet.list.write_text(json.dumps(entries))
    planet.type("build")
    assert "Renamed" in (site.feeds / "sources/index.html").read_text()
    (site.feeds / "sources.opml").write_text("")
    planet.type("build")
    assert "Renamed" in (site.feeds / "sources.opml").read_text()
    del site.settings["sources"]
    planet.write_config()
    planet.type("build")
    assert not (site.feeds / "sources").exists() or list((site.feeds / "sources").iterdir()) == []
    assert not (site.feeds / "sources.opml").exists()
    assert "sources/" not in (site.feeds / "index.html").read_text()


def test_nobodys_page_of_sources_is_replaced(site: SiteFolder, blog: Upstream) -> None:
    """A file of somebody else at its name is kept and named (G16)."""
    planet = Planet(site, blog)
    (site.feeds / "sources").mkdir(parents=True)
    (site.feeds / "sources/index.html").write_text("<p>mine")
    assert "somebody else wrote this file" in run(site.root, "build", expect=1).stderr
    assert (site.feeds / "sources/index.html").read_text() == "<p>mine"
    planet.type("build", "--adopt")
    assert "Sources" in (site.feeds / "sources/index.html").read_text()


def test_a_topic_called_sources_gets_another_address(site: SiteFolder, blog: Upstream) -> None:
    """The folder `sources` belongs to the page of the sources, but only on a site that has any."""
    site.write("a.md", topics=["Sources"])
    planet = Planet(site, blog)
    planet.type("build")
    assert site.slugs() == {"all", "sources-topic"}
    config = site.root / "config/aggregator.yaml"
    config.write_text(json.dumps({**json.loads(config.read_text()), "feeds_by_query": [{"slug": "sources"}]}))
    assert "`sources` is already used by the page of the sources" in planet.type("check", expect=1)


def test_a_new_seed_is_not_written_among_the_collected(site: SiteFolder, blog: Upstream) -> None:
    """`new` writes into the first folder that is not the collector's, in whatever order they stand."""
    planet = Planet(site, blog)
    site.settings["seeds"] = ["../collected", "../seeds"]
    planet.write_config()
    assert planet.type("new", "Mine").startswith(str(site.seeds))


@pytest.mark.slow
def test_living_lists_are_read(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """An OPML document, by its address or as a file, lists sources too; one that lists nothing is not believed."""

    def opml(*feeds: Upstream) -> str:
        outlines = "".join(f'<outline text="{one.name}" type="rss" xmlUrl="{one.url}"/>' for one in feeds)
        return f'<opml version="2.0"><head/><body>{outlines}</body></opml>'

    lists = ScriptedServer(lambda _: Reply(200, (), opml(other).encode()), address="127.0.0.4")
    with lists:
        (site.root / "config/mine.opml").write_text(opml(blog))
        living = [{"url": one, "private": True, "topics": ["Energy"]} for one in ("mine.opml", lists.url("127.0.0.4"))]
        planet = Planet(site, opml=living)
        assert "living lists are read by `aggregator fetch`" in planet.type("sources")
        assert sorted(planet.type_json("fetch")["polled"]) == sorted([blog.url, other.url])
        assert [(one["name"], one["state"]) for one in planet.type_json("sources")] == [
            ("The Blog", "ok"),
            ("Blog 3", "ok"),
        ]
        planet.type("build")
        assert sorted(site.titles("energy")) == ["First", "Other", "Second"]
        assert planet.type("explain", other.url).startswith("ok Blog 3 ")
        (site.root / "config/mine.opml").write_text(opml())
        assert len(planet.fetch_later()["polled"]) == 2
        (site.root / "config/mine.opml").write_text(opml(other))
        assert planet.fetch_later()["polled"] == [other.url]


def test_a_seed_that_a_person_edits_is_theirs(site: SiteFolder, blog: Upstream) -> None:
    """The edit stays when the source changes the entry, and `explain` says so."""
    planet = Planet(site, blog)
    planet.type("fetch")
    first = next(path for path in planet.collected() if "first" in path.name)
    first.write_text(first.read_text().replace("About First.", "Mine."))
    blog.entries = [(title, text.replace("About", "New about"), at) for title, text, at in blog.entries]
    planet.fetch_later()
    planet.type("build")
    assert sorted(item["content_html"] for item in site.feed()) == ["<p>Mine.</p>", "<p>New about Second.</p>"]
    assert "a person changed its seed" in planet.type("explain", blog.link("First"))


def test_without_the_folder_nothing_is_lost(site: SiteFolder, blog: Upstream) -> None:
    """A folder of collected seeds that is not there (a disk that is not mounted) is not made; later it all arrives."""
    planet = Planet(site, blog)
    (site.root / "collected").rmdir()
    planet.type("fetch")
    assert not (site.root / "collected").exists()
    assert "the folder of collected seeds is missing" in planet.type("sources")
    (site.root / "collected").mkdir()
    planet.type("fetch")
    assert len(planet.collected()) == 2
    assert len(blog.server.seen) == 1


@pytest.mark.parametrize("table", ["source", "entry", "cooling", "listed", "subscription", "no database"])
def test_damage_of_what_the_collector_knows_leaves_the_index_alone(
    site: SiteFolder, blog: Upstream, table: str
) -> None:
    """`build`, `status`, `sources` and `explain` go on without it; the source's status says what is wrong."""
    planet = Planet(site, blog)
    planet.type("fetch")
    planet.type("build")
    path = Path(planet.state, "sources.db")
    if table == "no database":
        for name in ("sources.db-wal", "sources.db-shm"):
            Path(planet.state, name).unlink(missing_ok=True)
        path.write_bytes(b"no database at all" * 1000)
    else:
        rows = {"cooling": "'x', x'00ff'", "listed": "'x', x'00ff'", "subscription": "'x', x'00ff'"}
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(
                f"INSERT INTO {table} VALUES({rows[table]})" if table in rows else f"UPDATE {table} SET value=x'00ff'"
            )
    site.write("one.md")
    planet.type("build")
    assert sorted(site.titles()) == ["First", "Item one", "Second"]
    assert not Path(planet.state, "index.db.damaged").exists()
    planet.type("status")
    planet.type("explain", blog.link("First"))
    error = planet.type_json("sources")[0]["error"]
    assert ("sources.db" in error) is (table in {"source", "no database"})
    assert planet.state not in error, "it may stand on a public page"


def test_damage_of_the_index_leaves_what_the_collector_knows_alone(site: SiteFolder, blog: Upstream) -> None:
    """Only the index is made anew: no source is asked without its validators."""
    planet = Planet(site, blog)
    planet.type("fetch")
    planet.type("build")
    Path(planet.state, "index.db").write_bytes(b"no database at all" * 1000)
    planet.type("build")
    assert Path(planet.state, "index.db.damaged").exists()
    assert not Path(planet.state, "sources.db.damaged").exists()
    assert sorted(site.titles()) == ["First", "Second"]
    planet.fetch_later()
    assert [seen.is_conditional for seen in blog.server.seen] == [False, True]


def test_a_source_that_was_listed_elsewhere_is_called_by_its_address_of_now(
    site: SiteFolder, blog: Upstream, other: Upstream
) -> None:
    """`fetch`, `explain` and `sources` print the same address, which is the one in the list."""
    planet = Planet(site, blog)
    other.status = 500
    planet.list.write_text(f"- url: {other.url}\n  was: {blog.url}\n  private: true\n")
    assert planet.type("fetch").startswith(f"failed: {other.url}: ")
    other.status = 200
    assert planet.fetch_later()["polled"] == [other.url]
    planet.type("build")
    assert planet.type("fetch", other.url).startswith(f"not asked: {other.url}: ")
    assert f"source: {other.url}" in planet.type("explain", other.link("Other"))
    assert blog.url not in planet.type("explain", os.path.relpath(planet.collected()[0], site.root))


def test_a_command_to_release_can_be_pasted_into_a_shell() -> None:
    """An address with `?` or `&` is quoted."""
    status = SourceStatus(
        url="https://blog.example/feed?a=1&b", name="", state="ok", last_success=None, last_status=200, next=None,
        why="", items_per_month=1.0, held=3,
    )  # fmt: skip
    assert list(details(status))[-1] == (
        "3 items held back (`aggregator sources --release 'https://blog.example/feed?a=1&b'` shows them)"
    )


def test_explain_knows_the_source_of_a_post_whose_feed_lies_at_another_host(site: SiteFolder, blog: Upstream) -> None:
    """The host of what a source lists, or of its home page, is its own too; a similar host is not."""
    blog.link = lambda title: f"https://two.example/p/{title}"  # type: ignore[method-assign]
    blog.name = "The Blog</title><link>http://home.example:8080/start</link><title>"
    planet = Planet(site, blog)
    planet.type("fetch")
    planet.type("build")
    for link in (
        "https://two.example/p/999",
        "http://two.example/x",
        "https://TWO.example/",
        "http://home.example:8080/",
    ):
        said = planet.type("explain", link).splitlines()
        assert said[0] == f"{link}: no source has listed it yet"
        assert said[1].startswith("  ok The Blog")
        assert said[3].startswith("  next poll 20")
    for link in ("https://two.example.org/", "https://www.home.example.net/"):
        assert "no seed has this" in run(site.root, "explain", link, expect=1).stderr


def test_status_names_the_sources_in_quarantine(site: SiteFolder, blog: Upstream, other: Upstream) -> None:
    """Not only how many there are."""
    planet = Planet(site, blog, other)
    planet.type("fetch")
    with Database(planet.state) as database:
        database.put(states=[msgspec.structs.replace(database.states()[other.url], quarantine="it moved")])
    planet.type("build")
    assert f"quarantined source: {other.url} (`aggregator explain {other.url}` says more)" in planet.type("status")
    assert planet.type_json("status")["quarantined_sources"] == [other.url]
