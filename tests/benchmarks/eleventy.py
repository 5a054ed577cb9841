"""The same seeds as an Eleventy site: `SITE/eleventy`, as people run it, with a page for each seed.

A feed a tag by its pagination over `collections`, as its documentation shows. Its copies date items by `date`, and topics
are `tags`. (`permalink: false` beside the seeds would leave out their pages.)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import corpus
from measuring import Tool

CONFIG = """\
export default function (eleventy) {
  eleventy.addPreprocessor("held back", "md", (data) => data.published === false ? false : undefined);
  eleventy.addFilter("newest", (items) => items.slice(-50).reverse());
  eleventy.addFilter("rfc822", (date) => date.toUTCString());
}
"""
SEEDS = '{"layout": "single.njk", "tags": "all-seeds"}\n'
SINGLE = "<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1><p>{{ excerpt }}</p>{{ content | safe }}\n"
LIST = """\
---
pagination: {data: collections, size: 1, alias: topic, filter: [all]}
permalink: "/topics/{{ topic | slugify }}/index.html"
---
<!doctype html><title>{{ topic }}</title>
{%- for one in collections[topic] | newest %}<h2>{{ one.data.title }}</h2><p>{{ one.data.excerpt }}</p>{% endfor %}
"""
RSS = """\
---
pagination: {data: collections, size: 1, alias: topic, filter: [all]}
permalink: "/topics/{{ topic | slugify }}/rss.xml"
---
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>{{ topic }}</title><link>https://feeds.example.org/</link><description>Recent content</description>
<atom:link href="https://feeds.example.org{{ page.url }}" rel="self" type="application/rss+xml" />
{%- for one in collections[topic] | newest %}
<item>
<title>{{ one.data.title }}</title><link>{{ one.data.webUrl }}</link>
<pubDate>{{ one.date | rfc822 }}</pubDate><guid>{{ one.data.webUrl }}</guid>
<description>{{ one.data.excerpt }}{{ one.content | escape }}</description>
</item>
{%- endfor %}
</channel></rss>
"""


def prepare(site: Path) -> None:
    """Create the Eleventy site from `site/seeds`."""
    eleventy = site / "eleventy"
    shutil.rmtree(eleventy, ignore_errors=True)
    (eleventy / "src/_includes").mkdir(parents=True)
    corpus.copied(site / "seeds", eleventy / "src/seeds", corpus.renamed)
    for name, text in {
        "eleventy.config.mjs": CONFIG, "src/seeds/seeds.json": SEEDS, "src/_includes/single.njk": SINGLE,
        "src/list.njk": LIST, "src/rss.njk": RSS,
    }.items():  # fmt: skip
        (eleventy / name).write_text(text)


def tools(site: Path, program: str) -> Iterator[Tool]:
    """Return its build."""
    public = site / "eleventy/public"
    command = [program, "--quiet", "--config=eleventy.config.mjs", "--input=src", "--output=public"]
    yield Tool(
        "Eleventy, a page a seed", command, site / "eleventy", (public,),
        lambda: (
            (feed.parent.name.replace("all-seeds", "all"), feed) for feed in public.glob("topics/*/rss.xml")
        ),
    )  # fmt: skip
