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


def prepare(site: Path) -> None:
    """Make the Hugo site of what lies in `site/seeds`."""
    hugo = site / "hugo"
    shutil.rmtree(hugo, ignore_errors=True)
    (hugo / "layouts/_default").mkdir(parents=True)
    (hugo / "hugo.toml").write_text(CONFIG)
    (hugo / "layouts/_default/list.html").write_text(LIST)
    for folder, _, names in os.walk(site / "seeds"):
        target = hugo / "content" / Path(folder).relative_to(site / "seeds")
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            text = (Path(folder) / name).read_text(encoding="utf-8")
            (target / name).write_text(corpus.for_hugo(text), encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
