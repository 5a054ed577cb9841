"""The command `import`: other tools' lists become lists of sources, and what could not be taken over is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.command_line import run
from support.site_folder import SiteFolder

import aggregator
from aggregator.cli.source_lists import write_list

PLANET = """[Planet]
name = Planet Test
new_feed_items = 3
[https://anne.example.org/rss]
name = Anne: a "blog"
face = anne.png
[ftp://b.example.org/]
name = B
[https://c.example.org/feed?a=1&b=2]
name = yes
"""
OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>T</title></head><body>
<outline text="Energy"><outline type="rss" text="Anne" xmlUrl="https://anne.example.org/rss"/></outline>
<outline text="No feed"/></body></opml>
"""
PLUTO_INI = "title = Planet\n[anne]\n  title = Anne\n  feed = https://anne.example.org/rss\n"
PLUTO_YAML = "title: Planet\nanne:\n  title: Anne\n  feed: https://anne.example.org/rss\n"


@pytest.fixture
def planet(site: SiteFolder) -> SiteFolder:
    """Return a site that may collect, but has no list yet."""
    (site.root / "collected").mkdir()
    site.settings |= {"seeds": ["../seeds", "../collected"], "sources": {"folder": "../collected"}}
    site.config()
    (site.root / "config/feeds.yaml").rename(site.root / "config/aggregator.yaml")
    return site


def listed(site: SiteFolder) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Return address, name, topics and `first` of the sources of the site."""
    config = aggregator.load_config(site.root / "config/aggregator.yaml")
    assert config.sources is not None
    return [(one.url, one.name, one.topics, one.first) for one in config.sources.listed]


def test_a_planets_config_becomes_a_list(planet: SiteFolder) -> None:
    """The list is called as the file is; each line that was not taken over is named with its number and the reason."""
    (planet.root / "feeds.ini").write_text(PLANET)
    done = run(planet.root, "import", "planet", "feeds.ini")
    assert done.stdout == "config/sources/feeds.yaml: 2 sources\n"
    assert listed(planet) == [
        ("https://anne.example.org/rss", 'Anne: a "blog"', (), 3),
        ("https://c.example.org/feed?a=1&b=2", "yes", (), 3),
    ]
    said = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in said] == ["feeds.ini:2", "feeds.ini:6", "feeds.ini:7", "feeds.ini:8"]
    assert all(": not taken: " in line for line in said)


@pytest.mark.parametrize(
    ("kind", "text", "topics"),
    [("opml", OPML, ("Energy",)), ("venus", PLANET, ()), ("pluto", PLUTO_INI, ()), ("pluto", PLUTO_YAML, ())],
)
def test_each_kind_of_list(planet: SiteFolder, kind: str, text: str, topics: tuple[str, ...]) -> None:
    """OPML with its folders as topics, the configs of Venus and of Pluto in both of its forms."""
    (planet.root / "their.list").write_text(text)
    found = json.loads(run(planet.root, "import", kind, "their.list", "--json").stdout)
    assert found["path"] == str(planet.root / "config/sources/their.yaml")
    assert found["sources"] == len(listed(planet)) >= 1
    assert listed(planet)[0][0] == "https://anne.example.org/rss"
    assert listed(planet)[0][2] == topics
    run(planet.root, "check")


def test_what_is_listed_already_is_not_listed_twice(planet: SiteFolder) -> None:
    """A second list has only what is new; if that is nothing, no list is written."""
    (planet.root / "one.opml").write_text(OPML)
    (planet.root / "two.ini").write_text(PLANET)
    run(planet.root, "import", "opml", "one.opml")
    said = run(planet.root, "import", "planet", "two.ini").stderr
    assert "https://anne.example.org/rss: not taken: already listed in " in said
    assert [one[0] for one in listed(planet)] == ["https://anne.example.org/rss", "https://c.example.org/feed?a=1&b=2"]
    (planet.root / "three.opml").write_text(OPML)
    assert "holds no source to import" in run(planet.root, "import", "opml", "three.opml", expect=1).stderr
    assert not (planet.root / "config/sources/three.yaml").exists()


def test_what_was_listed_at_another_address_is_not_listed_twice(planet: SiteFolder) -> None:
    """The list that a person imports may have the address that a source had before it moved."""
    (planet.root / "config/sources").mkdir()
    moved = "- url: https://new.example.org/rss\n  was: https://anne.example.org/rss\n"
    (planet.root / "config/sources/mine.yaml").write_text(moved)
    (planet.root / "two.ini").write_text(PLANET)
    said = run(planet.root, "import", "planet", "two.ini").stderr
    assert "https://anne.example.org/rss: not taken: already listed in " in said
    assert len(listed(planet)) == 2


def test_a_list_that_is_to_be_one_file_is_not_made_a_folder(planet: SiteFolder) -> None:
    """`sources.list: sources.yaml` names a file, also while there is none."""
    planet.settings["sources"]["list"] = "sources.yaml"
    planet.config()
    (planet.root / "config/feeds.yaml").rename(planet.root / "config/aggregator.yaml")
    (planet.root / "feeds.ini").write_text(PLANET)
    assert "is not a folder" in run(planet.root, "import", "planet", "feeds.ini", expect=1).stderr
    assert not (planet.root / "config/sources.yaml").exists()


def test_no_list_is_replaced(planet: SiteFolder) -> None:
    """A list of that name is kept, whoever wrote it; a list that is one file is not turned into a folder."""
    (planet.root / "config/sources").mkdir()
    (planet.root / "config/sources/feeds.yaml").write_text("# mine\n")
    (planet.root / "feeds.ini").write_text(PLANET)
    assert "already exists" in run(planet.root, "import", "planet", "feeds.ini", expect=1).stderr
    assert (planet.root / "config/sources/feeds.yaml").read_text() == "# mine\n"


def test_what_a_killed_process_left_is_in_nobodys_way(planet: SiteFolder) -> None:
    """In a container, the next one has its number."""
    (planet.root / "config/sources").mkdir()
    (planet.root / f"config/sources/.{os.getpid()}.tmp").write_text("- half")
    path = write_list(
        aggregator.load_config(planet.root / "config/aggregator.yaml"), "new", "- https://anne.example.org/rss\n"
    )
    assert Path(path).read_text() == "- https://anne.example.org/rss\n"
    assert os.listdir(planet.root / "config/sources") == ["new.yaml"]


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("opml", "[Planet]\n", "is no OPML"),
        ("planet", "hello", "holds no section"),
        ("opml", OPML[:120], "ends too early"),
    ],
)
def test_what_is_no_such_list_is_refused(planet: SiteFolder, kind: str, text: str, reason: str) -> None:
    """The reason is said in a sentence, and nothing is written."""
    (planet.root / "feeds.ini").write_text(text)
    said = run(planet.root, "import", kind, "feeds.ini", expect=1).stderr
    assert said.startswith("aggregator: feeds.ini: ")
    assert reason in said
    assert not (planet.root / "config/sources").exists()


def test_a_missing_file_is_named(planet: SiteFolder) -> None:
    """Without the file there is nothing to import."""
    assert "nowhere.ini: No such file" in run(planet.root, "import", "planet", "nowhere.ini", expect=1).stderr
