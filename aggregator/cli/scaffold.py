"""A new seed and a new site, for `aggregator new` and `init`. Writes files, and never over one that is there."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.model.errors import AggregatorError
from aggregator.model.items import Rejection
from aggregator.model.slugs import slug_of
from aggregator.model.store import is_url
from aggregator.model.words import moment
from aggregator.normalizer.cleaning import TEMPLATE_LINK
from aggregator.normalizer.seed import read

if TYPE_CHECKING:
    pass

CONFIG = """\
# All keys have a default but site.url; `aggregator schema config` describes them all.
site:
  title: My feeds
  url: "https://feeds.example.org/"  # where the folder `feeds` will be served; change this first
  language: en-us

seeds: ../seeds
feeds: ../feeds
state: ../.aggregator

# rules: {min_quality: 70, max_age: 365d}
# feeds_by_query:
#   - {slug: top-stories, title: Top stories, where: {min_quality: 150}}
"""

TOPIC = """\
# A topic exists by being used; a file like this gives it a title, a place in the tree and keywords.
_id: getting-started
name: Getting started
description: First steps with these feeds.
# parent: the name of the topic above this one
"""

IGNORED = ".aggregator/\nfeeds/\n"


def new_seed(seeds: str, title: str, *, now: int, link: str, topics: Sequence[str]) -> str:
    """Write a seed called `title` into the place `seeds`, dated `now` (seconds since 1970, UTC), and give its path.

    Without a link it is a draft: `published: false`, to be taken out once the link is there.

    Raises:
        ValueError: where no seed can be made of these, with what to write instead.
        FileExistsError: where a seed of that name is there.
    """
    name = f"{moment(now)[:10]}-{slug_of(title)}.md"
    draft = "" if link else "published: false  # a draft: take this line out once webUrl is right\n"
    # JSON strings and lists are YAML ones too, whatever the title holds.
    text = (
        f'---\ntitle: {json.dumps(title, ensure_ascii=False)}\nexcerpt: ""\npublishedDateTime: {moment(now)}\n'
        f"webUrl: {json.dumps(link or TEMPLATE_LINK, ensure_ascii=False)}\n{draft}"
        f"topics: {json.dumps(list(topics), ensure_ascii=False)}\n---\n"
    )
    try:
        made = read(text.encode(), path=name, zone="UTC").outcome
    except UnicodeEncodeError:
        raise ValueError("what was typed is not UTF-8 (type it in a terminal that is)") from None
    if problems := made.problems if isinstance(made, Rejection) else ():
        raise ValueError("; ".join(f"{one.message} ({one.hint})" for one in problems))
    if is_url(seeds):
        return put_seed(seeds, name, text)
    _write(Path(seeds) / name, text)
    return f"{seeds}/{name}"


def new_site(folder: str, *, now: int) -> list[Path]:
    """Make a site in `folder`: a config, a topic and a seed; gives the files made.

    Raises:
        FileExistsError: where one of them is there already; then nothing was made.
    """
    root = Path(folder)
    files = {
        root / "config/aggregator.yaml": CONFIG,
        root / "config/topics/getting-started.yaml": TOPIC,
        root / f"seeds/{moment(now)[:10]}-hello.md": _hello(now),
        root / ".gitignore": IGNORED,
    }
    for path in files:
        if path.exists():
            raise FileExistsError(str(path))
    for path, text in files.items():
        _write(path, text)
    return list(files)


def _hello(now: int) -> str:
    return (
        "---\ntitle: The first item\nexcerpt: This seed became an item in two feeds, all and getting-started.\n"
        f"publishedDateTime: {moment(now)}\nwebUrl: https://example.org/hello\ntopics: [Getting started]\n---\n"
        "Text below the front matter is **Markdown**, and readers see it as the item's content.\n"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
        file.write(text)


def put_seed(place: str, name: str, text: str) -> str:
    """Write a new seed into a place in a store and give its URL.

    Raises:
        FileExistsError: where one of that name is there.
        AggregatorError: where the store does not take it.
    """
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    store, url = Store(place), f"{place}/{name}"
    try:
        is_new = store.look([name]) == [None]
        if is_new:
            store.put(name, text.encode(), {"content-type": "text/markdown; charset=utf-8"})
    except OSError as error:
        raise AggregatorError(f"{url}: cannot be written: {error.strerror or error}") from error
    if not is_new:
        raise FileExistsError(errno.EEXIST, "it is there already", url)
    return url
