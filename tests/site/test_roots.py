"""Sites with several roots of seeds: one folder's fault is its own, and the config may change how each is read."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.site_folder import NOW, SiteFolder

import aggregator
from aggregator.cli import report
from aggregator.model.errors import ConfigError, FolderError
from aggregator.model.reports import Turn
from aggregator.site.check import check
from aggregator.site.explain import explain
from aggregator.site.site import Site

SEEDS = ["../seeds", "../blog"]


def write(site: SiteFolder, path: str, **keys: Any) -> None:
    """Write a seed in the folder `blog`, beside the first one."""
    first, site.seeds = site.seeds, site.root / "blog"
    site.write(path, **keys)
    site.seeds = first


def build_later(site: SiteFolder) -> Turn:
    """Build when no file was written just now, so that what has not changed is not read."""
    return site.build(int(time.time()) + 60)


@pytest.fixture
def both(site: SiteFolder) -> SiteFolder:
    """Return a site with a seed in each of two folders."""
    site.settings["seeds"] = SEEDS
    write(site, "b.md")
    site.write("a.md")
    return site


def paths(site: SiteFolder) -> list[str]:
    with closing(sqlite3.connect(site.root / "state/index.db")) as index:
        return [path for (path,) in index.execute("SELECT path FROM file ORDER BY path")]


def test_the_seeds_of_several_folders_are_in_one_site(both: SiteFolder) -> None:
    """Their paths begin with the names of the folders, also if both have a file of the same name."""
    write(both, "a.md", title="Another a", webUrl="https://blog.example.org/a")
    turn = both.build()
    assert (turn.seeds, turn.added, turn.items) == (3, 3, 3)
    assert paths(both) == ["blog/a.md", "blog/b.md", "seeds/a.md"]
    assert sorted(both.titles()) == ["Another a", "Item a", "Item b"]
    build_later(both)
    assert build_later(both).read == 0
    write(both, "a.md", title="Changed", webUrl="https://blog.example.org/a")
    (both.seeds / "a.md").unlink()
    turn = both.build()
    assert (turn.changed, turn.removed) == (1, 1)


def test_partial_turns_know_the_roots(both: SiteFolder) -> None:
    """A hint is a seed's path, a folder in a root, or a root itself; others are nobody's."""
    with Site(both.config()) as site:
        site.build(now=NOW)
        write(both, "c/d.md")
        both.write("e.md")
        assert site.take_partial_turn(["blog/c/d.md"], now=NOW).added == 1
        assert site.take_partial_turn(["nowhere/e.md", "e.md", ""], now=NOW).added == 0
        assert site.take_partial_turn(["seeds"], now=NOW).added == 1
        shutil.rmtree(both.root / "blog/c")
        assert site.take_partial_turn(["blog/c"], now=NOW).removed == 1


def test_a_missing_root_withdraws_nothing_and_harms_no_other(both: SiteFolder) -> None:
    """It is named, changes of the others are published, and it goes on when it returns."""
    both.build()
    (both.root / "blog").rename(both.root / "away")
    both.write("new.md")
    turn = both.build()
    (doubt,) = turn.doubted
    assert f"{both.root}/blog" in doubt
    assert (turn.added, turn.removed) == (1, 0)
    assert sorted(both.titles()) == ["Item a", "Item b", "Item new"]
    assert f"not believed: {doubt}" in list(report.problem_lines(turn))
    with Site(both.config()) as site:
        assert site.take_partial_turn(["blog", "blog/b.md"], now=NOW).removed == 0
    (problem,) = check(both.config(), now=NOW).problems
    assert problem.path == "blog/"

    (both.root / "away").rename(both.root / "blog")
    (both.root / "blog/b.md").unlink()
    turn = both.build()
    assert (turn.doubted, turn.removed) == ((), 1)


def test_a_root_that_lost_most_of_its_seeds_is_not_believed(both: SiteFolder) -> None:
    """Each root for itself: two thirds of the site are still there. Deletions in the other one are believed."""
    for number in range(30):
        write(both, f"{number}.md")
    for number in range(60):
        both.write(f"x{number}.md")
    both.build()
    for number in range(30):
        (both.root / f"blog/{number}.md").unlink()
    (both.seeds / "x0.md").unlink()
    write(both, "late.md")
    turn = both.build()
    assert "30 of 31 known seeds are gone at once" in turn.doubted[0]
    assert (turn.removed, turn.added) == (1, 0)
    assert both.build(accept_deletions=True).removed == 30


def test_if_no_root_is_there_nothing_is_believed(both: SiteFolder) -> None:
    """As for an only one."""
    both.build()
    shutil.rmtree(both.root / "blog")
    shutil.rmtree(both.seeds)
    with pytest.raises(FolderError, match="nothing was withdrawn"):
        both.build()


def test_a_root_that_was_never_there_is_a_mistake_of_the_config(both: SiteFolder) -> None:
    """Before anything was built."""
    both.settings["seeds"] = [*SEEDS, "../blgo"]
    with pytest.raises(ConfigError, match="blgo: the seeds folder is missing"):
        both.build()


def test_ids_stay_when_another_folder_is_added_and_removed(site: SiteFolder) -> None:
    """The paths change, and the seeds are recognised by their links."""
    for number in range(30):
        site.write(f"{number}.md", webUrl=f"https://news.example.org/{number}")
    write(site, "b.md")
    site.build()
    ids = site.ids()
    assert len(ids) == 30
    site.settings["seeds"] = SEEDS
    turn = site.build()
    assert (turn.doubted, set(site.ids()) - set(ids)) == ((), {"https://news.example.org/b"})
    assert set(ids) < set(site.ids())
    before = site.feed()
    site.settings["seeds"] = ["../blog", {"folder": "../seeds", "name": "other"}]
    site.build()
    assert site.feed() == before
    site.settings["seeds"] = "../seeds"
    site.build()
    assert sorted(site.ids()) == sorted(ids)


def test_while_a_root_is_missing_no_seed_of_a_removed_one_is_withdrawn(both: SiteFolder) -> None:
    """The missing one may hold the same seeds, as after a rename in the config."""
    both.build()
    (both.root / "blog").rename(both.root / "away")
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "name": "renamed"}]
    assert both.build().removed == 0
    (both.root / "away").rename(both.root / "blog")
    assert both.build().removed == 1
    assert sorted(both.titles()) == ["Item a", "Item b"]


def test_a_folder_that_cannot_be_read_keeps_no_seed_of_a_removed_root(both: SiteFolder) -> None:
    """It lies in another root, which was believed: what is in it stays, and the removed root goes."""
    write(both, "/".join("d" * 70) + "/deep.md")
    both.build()
    both.settings["seeds"] = [{"folder": "../blog"}, {"folder": "../more"}]
    (both.root / "more").mkdir()
    turn = both.build()
    assert turn.notes
    assert (turn.removed, both.titles()) == (1, ["Item b"])


def test_with_deletions_accepted_a_removed_root_goes_though_another_one_is_missing(both: SiteFolder) -> None:
    """Somebody says that what is gone is gone; of the missing root itself nothing is known."""
    both.settings["seeds"] = [*SEEDS, "../more"]
    (both.root / "more").mkdir()
    both.build()
    (both.root / "more").rename(both.root / "away")
    both.settings["seeds"] = ["../seeds", "../more"]
    assert both.build().removed == 0
    assert both.build(accept_deletions=True).removed == 1


def test_what_is_included_and_ignored_may_change(both: SiteFolder) -> None:
    """What is ignored from now on is withdrawn, what is included is added; nothing else is read."""
    write(both, "drafts/c.md")
    write(both, "d.mdx")
    assert build_later(both).added == 3
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "ignore": ["drafts/**"], "include": ["*.md", "*.mdx"]}]
    turn = build_later(both)
    assert (turn.read, turn.added, turn.removed) == (1, 1, 1)
    assert sorted(both.titles()) == ["Item a", "Item b", "Item d"]


def test_the_way_of_reading_a_root_is_remembered(both: SiteFolder) -> None:
    """If it changes, all its files are read again, and no others; if it does not, none are."""
    build_later(both)
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "base": "https://blog.example.org/"}]
    assert build_later(both).read == 1
    assert build_later(both).read == 0
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "keys": {"title": ["name"]}}]
    assert build_later(both).read == 1
    both.settings["seeds"] = SEEDS
    assert build_later(both).read == 1
    assert build_later(both).read == 0


def test_what_another_root_decides_is_read_again_and_nothing_else(site: SiteFolder) -> None:
    """The pattern and the place of a root decide where references to its files lead, the order of roots nothing."""
    posts = {"folder": "../content/posts", "dialect": "hugo", "link": "/posts/{path}/"}
    notes = {"folder": "../content/notes", "dialect": "hugo", "link": "/notes/{path}/"}
    mine = {"folder": "../seeds"}
    site.write("own.md")
    for name, text in (("posts", '[b]({{< ref "/notes/b.md" >}})'), ("notes", "Text."), ("memos", "Text.")):
        (site.root / "content" / name).mkdir(parents=True)
        (site.root / f"content/{name}/{name}.md").write_text(f"---\ntitle: {name}\ndate: 2026-05-01\n---\n{text}\n")
    site.settings["seeds"] = [posts, notes, mine]
    assert build_later(site).read == 3
    site.settings["seeds"] = [mine, notes, posts]
    assert build_later(site).read == 0
    site.settings["seeds"] = [mine, notes | {"link": "/n/{path}/"}, posts]
    assert build_later(site).read == 2
    assert "/n/b/" in (site.feeds / "all/feed.json").read_text()
    site.settings["seeds"] = [mine, posts]
    assert build_later(site).read == 1
    site.settings["seeds"] = [mine, posts, {"folder": "../content/memos", "dialect": "jekyll", "include": ["*.md"]}]
    assert build_later(site).read == 1
    site.settings["seeds"] = [mine | {"ignore": ["x"]}, posts | {"ignore": ["y"]}]
    assert build_later(site).read == 0


def test_a_root_that_moves_within_the_content_is_read_again(site: SiteFolder) -> None:
    """What its sections are is decided by where it lies; a move of the whole site decides nothing."""
    text = "---\ntitle: A\ndate: 2026-05-01\nurl: /:sections/a/\n---\n"
    (site.root / "content/posts/deep").mkdir(parents=True)
    (site.root / "content/posts/deep/a.md").write_text(text)
    root = {"dialect": "hugo", "base": "https://blog.example.org/"}
    site.settings["seeds"] = root | {"folder": "../content/posts"}
    build_later(site)
    assert [item["url"] for item in site.feed()] == ["https://blog.example.org/posts/deep/a/"]

    (site.root / "content/posts").rename(site.root / "elsewhere")
    site.settings["seeds"] = root | {"folder": "../elsewhere"}
    build_later(site)

    assert [item["url"] for item in site.feed()] == ["https://blog.example.org/deep/a/"]


def test_the_way_of_reading_a_missing_root_is_remembered_until_it_returns(both: SiteFolder) -> None:
    """Its files are read again then."""
    build_later(both)
    (both.root / "blog").rename(both.root / "away")
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "base": "https://blog.example.org/"}]
    assert build_later(both).read == 0
    (both.root / "away").rename(both.root / "blog")
    assert build_later(both).read == 1


def test_check_and_explain_name_files_of_each_root(both: SiteFolder) -> None:
    """By the paths that builds use, from here or from the root; lines of the report have the real ones."""
    write(both, "e.md", title=None)
    write(both, "f.MD")
    (both.root / "blog/out").symlink_to("/etc")
    config = both.config()
    assert [(one.path, one.warning) for one in check(config, now=NOW).problems] == [
        ("blog/e.md", False),
        ("blog/f.MD", True),
    ]
    both.build()
    for target in ("blog/b.md", "b.md", str(both.root / "blog/b.md")):
        (found,) = explain(config, None, target, now=NOW)
        assert found.headline.startswith("blog/b.md: in all from the next build on")
    assert explain(config, None, "blog/f.MD", now=NOW)[0].headline.startswith("blog/f.MD: not read: seeds end in .md")
    folders = {root.prefix: root.folder for root in config.seeds}
    assert report.in_folder("blog/e.md:2:1: x", folders) == f"{both.root}/blog/e.md:2:1: x"


def test_explain_takes_the_name_of_a_root_first_and_names_every_file_that_is_meant(both: SiteFolder) -> None:
    """The path that messages have is that of one file; one that is below several roots is that of each."""
    both.settings["seeds"] = [{"folder": "../seeds", "name": "x"}, "../blog"]
    both.write("blog/b.md")
    both.write("b.md")
    write(both, "only.txt")
    config = both.config()

    def named(target: str) -> list[str]:
        return [one.headline.partition(":")[0] for one in explain(config, None, target, now=NOW)]

    assert named("blog/b.md") == ["blog/b.md", "x/blog/b.md"]
    assert named("x/blog/b.md") == ["x/blog/b.md"]
    assert named("b.md") == ["x/b.md", "blog/b.md"]
    assert named(str(both.root / "blog/b.md")) == ["blog/b.md"]
    assert named("only.txt") == ["blog/only.txt"]


def test_messages_name_every_path_with_its_root(both: SiteFolder) -> None:
    """Also those of links, of ignored folders and of bundles on the way to a file that is not read."""
    both.settings["seeds"] = ["../seeds", {"folder": "../blog", "dialect": "hugo", "ignore": ["old/"]}]
    for path in ("old/c.md", "trip/index.md", "trip/d.md", "plain.md"):
        write(both, path)
    both.write("x.md/e.md")
    (both.root / "blog/linked").symlink_to(both.root / "seeds")
    (both.root / "blog/twice.md").symlink_to("plain.md")
    config = both.config()

    def why(target: str) -> str:
        (found,) = explain(config, None, target, now=NOW)
        return found.headline.partition(": not read: ")[2] or found.headline

    assert why("blog/old/c.md") == "blog/old is ignored (it matches `old/` in `ignore`)"
    assert why("blog/trip/d.md").startswith("it lies in a bundle, of which blog/trip/index.md is the seed")
    assert why("blog/linked/a.md").startswith("blog/linked is a symbolic link that leads out of the seeds folder")
    assert why("blog/twice.md").startswith(
        "blog/twice.md is a symbolic link that leads to blog/plain.md, which is read"
    )
    assert why("seeds/x.md/e.md").startswith("the folder seeds/x.md has the name of a seed")
    said = [str(one) for one in check(config, now=NOW).problems]
    assert "blog/linked: warning: not read: blog/linked is a symbolic link" in "".join(said)


def test_a_repository_s_own_files_are_ignored(site: SiteFolder) -> None:
    """`check` passes, and no build reads them."""
    for path, text in (
        ("README.md", "# How to"),
        ("_index.md", "---\ntitle: Blog\n---\n"),
        ("node_modules/x/README.md", "x"),
    ):
        site.write_text(path, text)
    site.write("posts/a.md")
    site.settings["seeds"] = {"folder": "../seeds", "ignore": ["README.md", "_index.md", "node_modules/**"]}
    assert site.build().added == 1
    assert check(site.config(), now=NOW).problems == ()
    assert paths(site) == ["posts/a.md"]


def test_a_store_beside_a_folder(site: SiteFolder) -> None:
    """Each has its own rules, and the paths of both begin with their names."""
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    text = site.write("a.md").read_text()
    for path in ("b.md", "drafts/c.md"):
        store.pipe_file(f"/bucket-of-roots/{path}", text.replace("Item a", path).replace("/a", f"/{path}").encode())
    store_of = {"folder": "memory://bucket-of-roots", "name": "store", "ignore": ["drafts/**"]}
    site.settings["seeds"] = ["../seeds", store_of]
    try:
        assert site.build().added == 2
        assert paths(site) == ["seeds/a.md", "store/b.md"]
        with Site(site.config()) as held:
            store.rm_file("/bucket-of-roots/b.md")
            assert held.take_partial_turn(["store/b.md", "store/drafts/c.md"], now=NOW).removed == 1
    finally:
        store.rm("/bucket-of-roots", recursive=True)


def test_an_only_folder_may_have_a_name(site: SiteFolder) -> None:
    """So that adding another one later changes no path."""
    site.write("a.md")
    site.settings["seeds"] = {"folder": "../seeds", "name": "news"}
    build_later(site)
    assert paths(site) == ["news/a.md"]
    assert build_later(site).read == 0


@pytest.mark.slow
def test_a_fresh_build_of_several_roots_is_the_same(both: SiteFolder) -> None:
    """Byte for byte, and so is one with processes."""
    for number in range(40):
        write(both, f"{number}.md")
        both.write(f"x{number}.md")
    both.build()
    before = both.documents()
    both.build(fresh=True)
    assert both.documents() == before
    aggregator.build(both.config("again", "state2"), now=NOW, jobs=2)
    assert both.documents("again") == before
    assert json.loads(before["all/feed.json"])["items"]


def test_a_config_map_is_a_site(site: SiteFolder, tmp_path: Path) -> None:
    """A swap changes what changed, and a turn over the links reads it."""

    def swap(version: str, **titles: str) -> None:
        for name, title in titles.items():
            target = site.seeds / f"..{version}" / f"{name}.md"
            target.parent.mkdir(exist_ok=True)
            site.write(f"{name}.new.md", title=title, webUrl=f"https://news.example.org/{name}").rename(target)
            if not (site.seeds / f"{name}.md").is_symlink():
                (site.seeds / f"{name}.md").symlink_to(f"..data/{name}.md")
        (site.seeds / "..data_tmp").symlink_to(f"..{version}")
        (site.seeds / "..data_tmp").rename(site.seeds / "..data")

    swap("1", a="One", b="Two")
    assert build_later(site).added == 2
    assert build_later(site).read == 0
    swap("2", a="Changed", b="Two")
    shutil.rmtree(site.seeds / "..1")
    assert build_later(site).changed == 1
    assert sorted(site.titles()) == ["Changed", "Two"]
    assert check(site.config(), now=NOW).problems == ()
