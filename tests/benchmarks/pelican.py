"""The same seeds as a Pelican site: `SITE/pelican`, as people run it, with a page for each seed.

Its YAML plugin reads the front matter, with libyaml: without, it takes four times as long. Its copies date items by
`date`, name the link `url`, and topics are `tags`; those held back are skipped by their `status`. (`ARTICLE_SAVE_AS = ""`
would leave out the pages.)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import corpus
from measuring import Tool

CONFIG = """\
import yaml

yaml.SafeLoader = yaml.CSafeLoader
SITENAME = "Bench"
SITEURL = "https://feeds.example.org"
PATH = "content"
OUTPUT_PATH = "output"
TIMEZONE = "UTC"
THEME = "theme"
DIRECT_TEMPLATES = ["index"]
TAG_SAVE_AS = "topics/{slug}/index.html"
AUTHOR_SAVE_AS = CATEGORY_SAVE_AS = ""
FEED_MAX_ITEMS = 50
FEED_ALL_RSS = "topics/all/rss.xml"
TAG_FEED_RSS = "topics/{slug}/rss.xml"
RSS_FEED_SUMMARY_ONLY = False
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = TRANSLATION_FEED_ATOM = None
"""
LIST = (
    "<!doctype html><title>{{ %s }}</title>"
    "{%% for one in articles[:50] %%}<h2>{{ one.title }}</h2><p>{{ one.excerpt }}</p>{%% endfor %%}\n"
)
SINGLE = "<!doctype html><title>{{ article.title }}</title><h1>{{ article.title }}</h1><p>{{ article.excerpt }}</p>{{ article.content }}\n"


def seed(text: str) -> str:
    """Return the seed for Pelican."""
    text = corpus.renamed(text).replace("\nwebUrl: ", "\nurl: ", 1)
    return text.replace("\npublished: false\n", "\nstatus: skip\n", 1)


def prepare(site: Path) -> None:
    """Create the Pelican site from `site/seeds`."""
    pelican = site / "pelican"
    shutil.rmtree(pelican, ignore_errors=True)
    (pelican / "theme/templates").mkdir(parents=True)
    (pelican / "theme/static").mkdir()
    corpus.copied(site / "seeds", pelican / "content", seed)
    for name, text in {
        "pelicanconf.py": CONFIG, "theme/templates/index.html": LIST % "SITENAME",
        "theme/templates/tag.html": LIST % "tag", "theme/templates/article.html": SINGLE,
    }.items():  # fmt: skip
        (pelican / name).write_text(text)


def tools(site: Path, program: str) -> Iterator[Tool]:
    """Return its build."""
    public = site / "pelican/output"
    yield Tool(
        "Pelican, a page a seed", [program, "-s", "pelicanconf.py", "--quiet"], site / "pelican", (public,),
        lambda: ((feed.parent.name, feed) for feed in public.glob("topics/*/rss.xml")),
    )  # fmt: skip
