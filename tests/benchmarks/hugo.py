"""The same seeds as a Hugo site: `python tests/benchmarks/hugo.py SITE` makes `SITE/hugo` of `SITE/seeds`.

It is built in two ways. `hugo.toml`, the same work as ours and no more: an RSS feed of everything and one a topic, 50
items each, and a page for each list; no page a seed, since we write none. `pages.toml`, as people run it: Hugo's
defaults, with a page for each seed. Hugo reads `published` as a date, so its copies say `isPublished`, and those held
back say `draft`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import corpus
from measuring import Tool

PAGES = """\
baseURL = "https://feeds.example.org/"
title = "Bench"
[taxonomies]
topic = "topics"
[services.rss]
limit = 50
"""
FEEDS = """\
baseURL = "https://feeds.example.org/"
title = "Bench"
disableKinds = ["sitemap", "robotsTXT", "404", "section"]
[[cascade]]
[cascade.target]
kind = "page"
[cascade.build]
render = "link"
[taxonomies]
topic = "topics"
[services.rss]
limit = 50
[outputs]
home = ["html", "rss"]
term = ["html", "rss"]
taxonomy = ["html"]
"""
LIST = "<!doctype html><title>{{ .Title }}</title>{{ range first 50 .Pages }}<h2>{{ .Title }}</h2><p>{{ .Params.excerpt }}</p>{{ end }}\n"
SINGLE = "<!doctype html><title>{{ .Title }}</title><h1>{{ .Title }}</h1><p>{{ .Params.excerpt }}</p>{{ .Content }}\n"
# Hugo's own template, except for the link: an item links to its story, not to a page of this site.
RSS = """\
{{ printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\" standalone=\\"yes\\"?>" | safeHTML }}
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>{{ .Title | transform.XMLEscape | safeHTML }}</title><link>{{ .Permalink }}</link>
<description>Recent content</description><generator>Hugo</generator><language>en-us</language>
<atom:link href="{{ .Permalink }}" rel="self" type="application/rss+xml" />
{{- $pages := .Pages }}{{ if .IsHome }}{{ $pages = .Site.RegularPages }}{{ end }}
{{ range first 50 $pages }}<item>
<title>{{ .Title | transform.XMLEscape | safeHTML }}</title><link>{{ .Params.weburl }}</link>
<pubDate>{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</pubDate><guid>{{ .Params.weburl }}</guid>
<description>{{ .Params.excerpt | transform.XMLEscape | safeHTML }}{{ .Content | transform.XMLEscape | safeHTML }}</description>
</item>
{{ end }}</channel></rss>
"""


def seed(text: str) -> str:
    """Return the seed for Hugo, whose `published` is a date and which dates items by `date`."""
    held_back = "\npublished: false\n" in text
    text = text.replace("\npublished: ", f"\ndraft: {str(held_back).lower()}\nisPublished: ", 1)
    return text.replace("\npublishedDateTime: ", "\ndate: ", 1)


def prepare(site: Path) -> None:
    """Create the Hugo site from `site/seeds`."""
    hugo = site / "hugo"
    shutil.rmtree(hugo, ignore_errors=True)
    (hugo / "layouts/_default").mkdir(parents=True)
    files = {"hugo.toml": FEEDS, "pages.toml": PAGES}
    layouts = {"list.html": LIST, "single.html": SINGLE, "rss.xml": RSS}
    for name, text in {**files, **{f"layouts/_default/{name}": text for name, text in layouts.items()}}.items():
        (hugo / name).write_text(text)
    corpus.copied(site / "seeds", hugo / "content", seed)


DIALECT = """\
site: {title: Bench, url: "https://feeds.example.org/"}
rules: {min_quality: 70}
feed: {archives: false}
seeds:
  folder: ../hugo/content
  dialect: hugo
  base: https://feeds.example.org/
  keys: {webUrl: [webUrl], excerpt: [excerpt], topics: [topics], quality: [quality]}
feeds: ../dialect
state: ../dialect.state
"""


def ours(site: Path, environment: dict[str, str]) -> Iterator[Tool]:
    """Return our build of Hugo's own folder, as its dialect says."""
    config = site / "config/dialect.yaml"
    config.write_text(DIALECT)
    made = site / "dialect"
    yield Tool(
        "aggregator, Hugo's folder", [sys.executable, "-m", "aggregator", "build", "--config", str(config)], site,
        (made, site / "dialect.state"),
        lambda: ((feed.parent.name, feed) for feed in made.glob("*/rss.xml")), environment,
    )  # fmt: skip


def tools(site: Path, program: str) -> Iterator[Tool]:
    """Return its two builds."""
    for way, settings in (("feeds alone", "hugo"), ("a page a seed", "pages")):
        hugo, public = site / "hugo", site / f"hugo/public-{settings}"
        yield Tool(
            f"Hugo, {way}", [program, "--config", f"{settings}.toml", "-d", str(public), "--quiet"], hugo,
            (public, hugo / "resources"),
            lambda public=public: (
                (feed.parent.name if feed.parent != public else "all", feed)
                for feed in (public / "index.xml", *public.glob("topics/*/index.xml"))
            ),
        )  # fmt: skip


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
