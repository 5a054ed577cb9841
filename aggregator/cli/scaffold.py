"""A new seed and a new site, for `aggregator new` and `init`. Writes files, and never overwrites one."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

from aggregator.cli.existing_folder import Recognised, config_text
from aggregator.config import parsers
from aggregator.model.errors import AggregatorError
from aggregator.model.items import Rejection
from aggregator.model.slugs import slug_of
from aggregator.model.store import is_url
from aggregator.model.words import utc_time
from aggregator.normalizer.seed import read

PLACEHOLDER = "https://feeds.example.org/"

CONFIG = """\
# All keys have a default but site.url; `aggregator schema config` describes them all.
site:
  title: {title}
  url: {url}
  language: en-us

seeds: ../seeds
feeds: ../feeds
state: ../.aggregator

# rules: {{min_quality: 70, max_age: 365d}}
# feeds_by_query:
#   - {{slug: top-stories, title: Top stories, where: {{min_quality: 150}}}}
"""

TOPIC = """\
# Using a topic in a seed is enough to create it; a file like this adds a title, a parent and keywords.
_id: getting-started
name: Getting started
description: First steps with these feeds.
# parent: the name of the topic above this one
"""

DRAFT = """\
# webUrl: where the news is; without it the item gets a page of its own here
published: false  # a draft: remove this line once it is right
"""

IGNORED = ".aggregator/\nfeeds/\n"


def new_seed(seeds: str, title: str, *, now: int, link: str, topics: Sequence[str], site: str) -> str:
    """Write a new seed and return its path or URL.

    Args:
        seeds: the seeds folder, or its URL in an object store.
        title: the item's title; the file's name is made from it.
        now: when the item is published, in seconds since 1970 (UTC).
        link: the item's URL; if it is empty, the seed is a draft (`published: false`), whose item gets its own page.
        topics: the names of its topics.
        site: the URL of the site on which an item without a link gets a page; "" if it gets none.

    Raises:
        ValueError: if the title, link or a topic is not valid; the message says what to write instead.
        FileExistsError: if a seed of that name already exists.
        AggregatorError: if the seeds folder is missing, or the object store cannot be written.

    """
    if not is_url(seeds) and not os.path.isdir(seeds):
        # Made anew, it would look as if every other seed had been deleted.
        raise AggregatorError(f"{seeds}: the seeds folder is missing; nothing was written (make it, or bring it back)")
    if not all(topic.strip() for topic in topics):
        raise ValueError("a topic is empty (write its name, or leave it out)")
    if not (link or site):
        raise ValueError("without a link the item would need a page, and `pages.items` is `none` (write `--link URL`)")
    name = f"{utc_time(now)[:10]}-{slug_of(title)}.md"
    address = f"webUrl: {json.dumps(link, ensure_ascii=False)}\n" if link else DRAFT
    # JSON strings and lists are valid YAML, whatever the title contains.
    text = (
        f'---\ntitle: {json.dumps(title, ensure_ascii=False)}\nexcerpt: ""\npublishedDateTime: {utc_time(now)}\n'
        f"{address}topics: {json.dumps(list(topics), ensure_ascii=False)}\n---\n"
    )
    try:
        outcome = read(text.encode(), path=name, zone="UTC", site=site).outcome
    except UnicodeEncodeError:
        raise ValueError("the title, link or topic is not UTF-8 (use a UTF-8 terminal)") from None
    if problems := outcome.problems if isinstance(outcome, Rejection) else ():
        raise ValueError("; ".join(f"{one.message} ({one.hint})" for one in problems))
    if is_url(seeds):
        return _put_seed(seeds, name, text)
    _write(Path(seeds) / name, text)
    return f"{seeds}/{name}"


def new_site(folder: str, *, now: int, url: str = "", title: str = "") -> list[Path]:
    """Create a site in `folder`, with a config, a topic and a seed, and return the new files.

    Args:
        folder: where; made if it is missing.
        now: when the first item is published, in seconds since 1970.
        url: the public address of the feeds; without one, the config has a placeholder.
        title: the site's title.

    Raises:
        ValueError: if the address or the title is not valid; the message says what to write instead.
        FileExistsError: if one of them already exists; then nothing is created.

    """
    root = Path(folder)
    files = {
        root / "config/aggregator.yaml": _config(url, title),
        root / "config/topics/getting-started.yaml": TOPIC,
        root / f"seeds/{utc_time(now)[:10]}-hello.md": _hello(now),
        root / ".gitignore": IGNORED,
    }
    for path in files:
        if path.exists():
            raise FileExistsError(str(path))
    for path, text in files.items():
        _write(path, text)
    return list(files)


def new_site_over(found: Recognised, folder: str, *, url: str = "", title: str = "") -> list[Path]:
    """Create a site in `folder` over a folder of posts that exists, and return the new files.

    Raises:
        ValueError: if the address or the title is not valid; the message says what to write instead.
        FileExistsError: if one of the files already exists; then nothing is created.
    """
    root = Path(folder)
    files = {root / "config/aggregator.yaml": config_text(found, folder, url=url, title=title)}
    if not (root / ".gitignore").exists():
        files[root / ".gitignore"] = IGNORED
    if (existing := root / "config/aggregator.yaml").exists():
        raise FileExistsError(str(existing))
    for path, text in files.items():
        _write(path, text)
    return list(files)


def _config(url: str, title: str) -> str:
    address = parsers.site_url(url) if url else PLACEHOLDER
    name = parsers.one_line(title or "My feeds")
    comment = "" if url else "  # a placeholder: write where the folder `feeds` will be served"
    # JSON strings are valid YAML, whatever the title contains.
    return CONFIG.format(
        title=json.dumps(name, ensure_ascii=False) if title else name, url=f'"{address}"{comment}'
    )  # fmt: skip


def _hello(now: int) -> str:
    return (
        "---\ntitle: The first item\nexcerpt: This seed became an item in two feeds, all and getting-started.\n"
        f"publishedDateTime: {utc_time(now)}\nwebUrl: https://example.org/hello\ntopics: [Getting started]\n---\n"
        "Text below the front matter is **Markdown**, and readers see it as the item's content.\n"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
        file.write(text)


def _put_seed(location: str, name: str, text: str) -> str:
    from aggregator.object_store import Store  # noqa: PLC0415 - only a site with a store needs it

    store, url = Store(location), f"{location}/{name}"
    try:
        is_new = store.stat([name]) == [None]
        if is_new:
            store.put(name, text.encode(), {"content-type": "text/markdown; charset=utf-8"})
    except OSError as error:
        raise AggregatorError(f"{url}: cannot be written: {error.strerror or error}") from error
    if not is_new:
        raise FileExistsError(errno.EEXIST, "already exists", url)
    return url
