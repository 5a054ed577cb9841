"""The same seeds as a Jekyll site: `SITE/jekyll`, as people run it, with a page for each seed.

A feed a tag by Liquid, as on sites without plugins. Its one plugin mends what Jekyll 4.3.1 alone does: to look for each
file in a list of all before it, which takes minutes where it should take no time. Its copies lie in `_posts`, date items by `date`, and topics are
`tags`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import corpus
from measuring import Tool

CONFIG = """\
title: Bench
url: https://feeds.example.org
timezone: UTC
defaults:
  - scope: {path: "", type: posts}
    values: {layout: single}
"""
LINEAR = """\
class Jekyll::Site
  def each_site_file(&block)
    [pages, static_files_to_write, docs_to_write].each { |files| files.each(&block) }
  end
end
"""
SINGLE = (
    "<!doctype html><title>{{ page.title }}</title><h1>{{ page.title }}</h1><p>{{ page.excerpt }}</p>{{ content }}\n"
)
LIST = """\
<!doctype html><title>{{ page.topic }}</title>
{%- assign posts = site.posts %}{% if page.topic %}{% assign posts = site.tags[page.topic] %}{% endif %}
{%- for post in posts limit: 50 %}<h2>{{ post.title }}</h2><p>{{ post.excerpt }}</p>{% endfor %}
"""
RSS = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>{{ page.topic | default: site.title }}</title><link>{{ site.url }}/</link><description>Recent content</description>
<atom:link href="{{ site.url }}{{ page.url }}" rel="self" type="application/rss+xml" />
{%- assign posts = site.posts %}{% if page.topic %}{% assign posts = site.tags[page.topic] %}{% endif %}
{%- for post in posts limit: 50 %}
<item>
<title>{{ post.title | xml_escape }}</title><link>{{ post.webUrl | xml_escape }}</link>
<pubDate>{{ post.date | date_to_rfc822 }}</pubDate><guid>{{ post.webUrl | xml_escape }}</guid>
<description>{{ post.excerpt | xml_escape }}{{ post.content | xml_escape }}</description>
</item>
{%- endfor %}
</channel></rss>
"""


def prepare(site: Path) -> None:
    """Create the Jekyll site from `site/seeds`."""
    jekyll = site / "jekyll"
    shutil.rmtree(jekyll, ignore_errors=True)
    (jekyll / "_layouts").mkdir(parents=True)
    corpus.copied(site / "seeds", jekyll / "_posts", corpus.renamed)
    (jekyll / "_config.yml").write_text(CONFIG)
    (jekyll / "_plugins").mkdir()
    (jekyll / "_plugins/linear.rb").write_text(LINEAR)
    for name, text in {"single.html": SINGLE, "list.html": LIST, "rss.xml": RSS}.items():
        (jekyll / "_layouts" / name).write_text(text)
    for topic in ["", *corpus.TOPICS, *sorted({topic.split()[0] for topic in corpus.TOPICS})]:
        folder = jekyll / "topics" / (topic.lower().replace(" ", "-") or "all")
        folder.mkdir(parents=True)
        for name, layout in (("index.html", "list"), ("rss.xml", "rss")):
            (folder / name).write_text(f"---\nlayout: {layout}\n{topic and f'topic: {topic}'}\n---\n")


def tools(site: Path, program: str) -> Iterator[Tool]:
    """Return its build."""
    public = site / "jekyll/_site"
    yield Tool(
        "Jekyll, a page a seed", [program, "build", "--quiet"], site / "jekyll",
        (public, site / "jekyll/.jekyll-cache"),
        lambda: ((feed.parent.name, feed) for feed in public.glob("topics/*/rss.xml")),
    )  # fmt: skip
