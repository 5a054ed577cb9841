"""Checks that must hold at every moment, whatever failed: complete feeds, no unknown files, nothing private."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import brotli
from lxml import etree
from support.archive_walk import ids
from support.site_folder import SiteFolder

from aggregator.model.document_names import FEED_DOCUMENTS, SITE_DOCUMENTS
from aggregator.model.item_pages import is_item_page, is_sitemap

SECRET, DRAFT = "CANARYSECRET", "CANARYDRAFT"
DOCUMENT_NAMES = {name.rpartition("/")[2] for name in (*FEED_DOCUMENTS, *SITE_DOCUMENTS)}
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
ROOTS = {"rss", "{http://www.w3.org/2005/Atom}feed", "opml", f"{MAPS}urlset", f"{MAPS}sitemapindex"}
TEMPORARY = (".aggregator-", ".tmp")


def assert_well_formed(name: str, body: bytes) -> None:
    """Assert that `body` is a complete document of the format of `name`."""
    if name.endswith(".json"):
        assert "items" in json.loads(body)
    elif name.endswith((".xml", ".opml", "feeds")):
        assert etree.fromstring(body).tag in ROOTS
    else:
        assert body.rstrip().endswith(b"</html>"), name


def published_documents(feeds: Path) -> dict[str, bytes]:
    """Return the documents in `feeds`; assert that each is complete and that there are no other files but temporary ones."""
    found: dict[str, bytes] = {}
    for path in feeds.rglob("*"):
        if path.is_dir() or (path.name.startswith(TEMPORARY[0]) and path.name.endswith(TEMPORARY[1])):
            continue
        plain = path.name.removesuffix(".gz").removesuffix(".br")
        name = str(path.relative_to(feeds).with_name(plain))
        assert plain in DOCUMENT_NAMES or is_item_page(name) or is_sitemap(name), f"{path} is a stranger"
        body = path.read_bytes()
        body = {".gz": gzip.decompress, ".br": brotli.decompress}.get(path.suffix, bytes)(body)
        assert_well_formed(plain, body)
        found[str(path.relative_to(feeds))] = body
    return found


def temporary_files(feeds: Path) -> list[str]:
    """Return the temporary files in `feeds`."""
    return [str(path) for path in feeds.rglob(f"{TEMPORARY[0]}*")]


def ids_by_feed(documents: dict[str, bytes]) -> dict[str, set[str]]:
    """Return the ids in each document of a feed."""
    return {name: set(ids(body)) for name, body in documents.items() if name.endswith(("rss.xml", "atom.xml", ".json"))}


def find_leaks(site: SiteFolder, *messages: str) -> list[str]:
    """Return where a canary appears: the secret anywhere, the draft in feeds and messages."""
    found = [f"message: {text}" for text in messages if SECRET in text or DRAFT in text]
    for folder, words in ((site.feeds, (SECRET, DRAFT)), (site.root / "state", (SECRET,))):
        for path in folder.rglob("*"):
            if path.is_file():
                body = path.read_bytes()
                found += [f"{path}: {word}" for word in words if word.encode() in body or word in path.name]
    return found


def write_canaries(site: SiteFolder, *, later: str) -> None:
    """Write a seed with a secret, a draft, and a seed embargoed until `later`."""
    site.write("secret.md", secured=SECRET, topics=["T0"])
    draft = {"title": DRAFT, "excerpt": DRAFT, "topics": [DRAFT], "body": DRAFT, "secured": SECRET}
    site.write("draft.md", published=False, webUrl=f"https://{DRAFT.lower()}.example/", **draft)
    site.write("later.md", publishedDateTime=later, **draft)


def fresh_build(site: SiteFolder, now: int | None) -> dict[str, bytes]:
    """Return the documents of a fresh build that knows the same ids and tombstones."""
    for name in ("fresh", "fresh-state"):
        shutil.rmtree(site.root / name, ignore_errors=True)
    (site.root / "fresh-state").mkdir()
    source = sqlite3.connect(f"file:{site.root}/state/index.db?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(site.root / "fresh-state/index.db")) as target:
        source.backup(target)
    turn = site.build(now, feeds="fresh", state="fresh-state", fresh=True, accept_deletions=True)
    assert turn.failed == ()
    return site.documents("fresh")


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))
