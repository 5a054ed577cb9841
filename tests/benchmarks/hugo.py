"""The same seeds as a Hugo site: `python tests/benchmarks/hugo.py SITE` makes `SITE/hugo` of `SITE/seeds`.

Hugo writes an RSS feed of everything and one a topic, 50 items each, and a page for each list; no page a seed, since we
write none. It reads `published` as a date, so its copies say `isPublished`, and those held back say `draft`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import corpus

CONFIG = """\
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
# Hugo's own template, but for the link: an item leads to its story, not to a page of this site.
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


def prepare(site: Path) -> None:
    """Make the Hugo site of what lies in `site/seeds`."""
    hugo = site / "hugo"
    shutil.rmtree(hugo, ignore_errors=True)
    (hugo / "layouts/_default").mkdir(parents=True)
    (hugo / "hugo.toml").write_text(CONFIG)
    (hugo / "layouts/_default/list.html").write_text(LIST)
    (hugo / "layouts/_default/rss.xml").write_text(RSS)
    for folder, _, names in os.walk(site / "seeds"):
        target = hugo / "content" / Path(folder).relative_to(site / "seeds")
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            text = (Path(folder) / name).read_text(encoding="utf-8")
            (target / name).write_text(corpus.for_hugo(text), encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
