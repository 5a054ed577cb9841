"""Sites of other generators, built by them and by us: each item beside the one in their own feed, field by field.

`cases/beside/NAME/` is a site that the generator builds, with a feed of all posts in full. `cases/beside/NAME.yaml` says
which fields of which items differ, and why. Titles, dates and addresses never may; texts are compared without white
space, and with typographic signs as they are typed.
"""

from __future__ import annotations

import calendar
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import feedparser
import pytest
import yaml
from lxml import html
from support.needed_tools import skip_missing

CASES = Path(__file__).parents[2] / "cases" / "beside"
DOCS = Path(__file__).parents[3] / "docs"
BASE = "https://blog.example.org/"


class Program(NamedTuple):
    """A generator: its program, its arguments, and the feed that it writes."""

    name: str
    arguments: tuple[str, ...]
    feed: str


PROGRAMS = {
    "hugo": Program("hugo", ("--quiet", "--destination=public"), "public/index.xml"),
    "jekyll": Program("jekyll", ("build", "--quiet", "--destination=public"), "public/feed.xml"),
    "pelican": Program("pelican", ("content", "-s", "pelicanconf.py", "-o", "public", "-q"), "public/feed.xml"),
    "eleventy": Program("eleventy", ("--quiet", "--output=public"), "public/feed.xml"),
}
TYPED = {ord(sign): typed for sign, typed in zip("“”‘’–—…", ('"', '"', "'", "'", "--", "---", "..."), strict=True)}
TYPED[0xFE0E] = ""  # says that the arrow below a note is no picture


def path_of(program: str) -> str:
    """Return the path of a program: beside this Python, among the packages of npm, or on the PATH."""
    modules = os.environ.get("AGGREGATOR_NODE_MODULES") or Path.home() / ".cache/aggregator/node_modules"
    places = os.pathsep.join([str(Path(sys.executable).parent), f"{modules}/.bin", os.environ.get("PATH", os.defpath)])
    return shutil.which(program, path=places) or skip_missing(f"the program {program}")


def typed(text: str) -> str:
    return text.translate(TYPED)


def fields(*, title: str, date: str, fragment: str, link: str) -> dict[str, Any]:
    """Return what is compared of an item: addresses are absolute, links and pictures sorted."""
    tree = html.fragment_fromstring(fragment, create_parent="div")
    return {
        "title": typed(title), "date": date, "text": typed("".join("".join(tree.itertext()).split())),
        "links": sorted(urljoin(link, one.get("href", "")) for one in tree.iter("a") if one.get("href")),
        "pictures": sorted(urljoin(link, one.get("src", "")) for one in tree.iter("img")),
    }  # fmt: skip


def theirs(program: Program, site: Path) -> dict[str, dict[str, Any]]:
    """Return the items of the feed that a generator makes of a site, by their addresses."""
    subprocess.run([path_of(program.name), *program.arguments], cwd=site, check=True, capture_output=True)
    parsed = feedparser.parse((site / program.feed).read_bytes(), sanitize_html=False, resolve_relative_uris=False)
    shutil.rmtree(site / "public")
    return {
        entry.link: fields(
            title=entry.title, link=entry.link,
            date=datetime.fromtimestamp(calendar.timegm(entry.published_parsed), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            fragment=entry.content[0].value if "content" in entry else entry.summary,
        )
        for entry in parsed.entries
    }  # fmt: skip


def ours(site: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the items of our feed of all posts, after `init --from` and what it leaves to a person: the address."""
    command = [sys.executable, "-m", "aggregator"]
    subprocess.run([*command, "init", str(folder), "--from", str(site)], check=True, capture_output=True)
    config = folder / "config/aggregator.yaml"
    written = yaml.safe_load(config.read_text())
    if isinstance(written["seeds"], dict) and not written["seeds"].get("base"):
        config.write_text(config.read_text().replace("  dialect:", f'  base: "{BASE}"\n  dialect:', 1))
        subprocess.run([*command, "build", "--config", str(config)], check=True, capture_output=True)
    items = json.loads((folder / "feeds/all/feed.json").read_text())["items"]
    return {
        item["url"]: fields(
            title=item["title"], date=item["date_published"], fragment=item["content_html"], link=item["url"]
        )
        for item in items
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_our_items_are_those_of_the_generator(name, tmp_path) -> None:
    """The same posts, titles, dates and addresses; texts, links and pictures but for what the table of the docs says."""
    site = tmp_path / "site"
    shutil.copytree(CASES / name, site)
    made = theirs(PROGRAMS[name], site)
    found = ours(site, tmp_path / "ours")

    assert found.keys() == made.keys()
    assert not any("secret" in str(item) for item in found.values())
    differences = {
        (link.removeprefix(BASE), field): (value, found[link][field])
        for link, item in made.items()
        for field, value in item.items()
        if value != found[link][field]
    }
    table = yaml.safe_load((CASES / f"{name}.yaml").read_text()) or {}
    allowed = {(one["item"], field) for row in table for one in row["items"] for field in one["fields"]}
    assert differences.keys() == allowed, differences
    assert all(field in {"text", "links", "pictures"} for _, field in allowed)


def test_the_docs_say_what_differs() -> None:
    """Each reason of the tables stands in the guide, with the generators that it is for."""
    guide = (DOCS / "guides/beside-your-generator.md").read_text()

    for name in PROGRAMS:
        for row in yaml.safe_load((CASES / f"{name}.yaml").read_text()) or ():
            assert any(row["why"] in line and name.capitalize() in line for line in guide.splitlines()), row["why"]
