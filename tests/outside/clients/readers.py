"""Feed readers that people use, each as a function from a feed's URL to the items that the reader shows.

`look(home, address)` subscribes, fetches and lists; called again with the same folder `home` it is the same reader some
time later. A further reader is one more such function and its row in `READERS`.
"""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

from support.needed_tools import require_package, require_program, skip_missing


class Shown(NamedTuple):
    """An item as a reader shows it; `date` is in seconds since 1970 (UTC)."""

    id: str
    title: str
    link: str
    date: int


class Reader(NamedTuple):
    """A reader: how it is run, the formats that it reads, and two properties.

    `asks_from`: from which look on it asks for nothing but what is new, counted from 1; 0 is never. `keeps`: what has
    left the feed stays in its own store.
    """

    look: Callable[[Path, str], list[Shown]]
    formats: tuple[str, ...]
    asks_from: int = 0
    keeps: bool = False


def newsboat(home: Path, address: str) -> list[Shown]:
    """Return the items in newsboat's cache, the newest first, as its list with `article-sort-order date-desc`."""
    (home / "urls").write_text(f"{address}\n")
    run_newsboat(home, "-x", "reload")
    return newsboat_shows(home, address)


def run_newsboat(home: Path, *words: str) -> None:
    """Run newsboat with all its files in `home`."""
    (home / "config").touch()
    files = ["-C", str(home / "config"), "-u", str(home / "urls"), "-c", str(home / "cache.db")]
    run([require_program("newsboat"), "-q", *files, *words], home)


def newsboat_shows(home: Path, address: str) -> list[Shown]:
    """Read newsboat's cache."""
    with closing(sqlite3.connect(home / "cache.db")) as cache:
        rows = cache.execute(
            "SELECT guid, title, url, pubDate FROM rss_item WHERE feedurl = ? AND NOT deleted ORDER BY pubDate DESC, id",
            (address,),
        )
        return [Shown(*row) for row in rows]


def sfeed(home: Path, address: str) -> list[Shown]:
    """Return the items in the file of sfeed_update.

    Left alone it keeps both an item and its edited title: it merges by id, title and link. By id alone is how its
    manual lets people change that.
    """
    require_program("curl")
    (home / "sfeedrc").write_text(
        f"sfeedpath='{home}/feeds'\n"
        'merge() { sort -s -t \'\t\' -u -k6,6 "$3" "$2"; }\n'
        f"feeds() {{ feed one '{address}'; }}\n"
    )
    run([require_program("sfeed_update"), str(home / "sfeedrc")], home)
    rows = [line.split("\t") for line in (home / "feeds/one").read_text().splitlines()]
    return [Shown(row[5], row[1], row[2], int(row[0])) for row in rows]


def feedparser(home: Path, address: str) -> list[Shown]:
    """Return the items of feedparser, which sends the validators of the last response."""
    kept = home / "feedparser.json"
    last = json.loads(kept.read_text()) if kept.exists() else {"etag": None, "modified": None, "shown": []}
    result = require_package("feedparser").parse(address, etag=last["etag"], modified=last["modified"])
    assert not result.get("bozo"), result.get("bozo_exception")
    if result.status != 304:
        shown = [Shown(one.id, one.title, one.link, seconds(one.published)) for one in result.entries]
        last = {"etag": result.get("etag"), "modified": result.get("modified"), "shown": shown}
        kept.write_text(json.dumps(last))
    return [Shown(*one) for one in last["shown"]]


def reader(home: Path, address: str) -> list[Shown]:
    """Return the items in the store of the library `reader`."""
    with closing(require_package("reader").make_reader(str(home / "reader.db"))) as store:
        store.add_feed(address, exist_ok=True)
        store.update_feed(address)
        return reader_shows(store, address)


def reader_shows(store: Any, address: str) -> list[Shown]:
    """List a feed's items as `reader` sorts them."""
    found = store.get_entries(feed=address)
    return [Shown(one.id, one.title, one.link, int((one.published or one.updated).timestamp())) for one in found]


def fastfeedparser(home: Path, address: str) -> list[Shown]:
    """Return the items of fastfeedparser."""
    result = require_package("fastfeedparser").parse(address)
    return [Shown(one["id"], one["title"], one["link"], seconds(one["published"])) for one in result["entries"]]


def feedsmith(home: Path, address: str) -> list[Shown]:
    """Return the items of feedsmith."""
    return [Shown(**one) for one in run_feedsmith(home, "feed", address)]


def run_feedsmith(home: Path, kind: str, address: str) -> Any:
    """Parse a feed at a URL or an OPML file with feedsmith; `kind` says which."""
    folder = os.environ.get("AGGREGATOR_NODE_MODULES", "")
    if not (Path(folder) / "feedsmith").is_dir():
        skip_missing("the npm package feedsmith in the folder that AGGREGATOR_NODE_MODULES names")
    script = Path(__file__).parent / "feedsmith.cjs"
    return json.loads(run([require_program("node"), str(script), folder, kind, address], home))


def run(words: list[str], home: Path) -> str:
    """Run a program with its files in `home`, assert that it succeeds, and return its output."""
    places = {"HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    done = subprocess.run(
        words, cwd=home, env={**os.environ, **places}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def seconds(date: str) -> int:
    """Parse a date of RSS or Atom."""
    moment = parsedate_to_datetime(date) if "," in date else datetime.fromisoformat(date)
    return int(moment.timestamp())


XML, ALL = ("rss.xml", "atom.xml"), ("rss.xml", "atom.xml", "feed.json")
READERS = {
    # newsboat stores a feed's validators only once the feed is in its cache.
    "newsboat": Reader(newsboat, XML, asks_from=3, keeps=True),
    "sfeed": Reader(sfeed, XML, keeps=True),
    "feedparser": Reader(feedparser, XML, asks_from=2),
    "reader": Reader(reader, ALL, asks_from=2, keeps=True),
    "fastfeedparser": Reader(fastfeedparser, ALL),
    "feedsmith": Reader(feedsmith, ALL),
}


def newsboat_imports(home: Path, opml: Path) -> dict[str, list[Shown]]:
    """Import an OPML file into newsboat and read all its feeds."""
    (home / "urls").touch()
    run_newsboat(home, "-i", str(opml))
    run_newsboat(home, "-x", "reload")
    addresses = [line.split()[0] for line in (home / "urls").read_text().splitlines()]
    return {address: newsboat_shows(home, address) for address in addresses}


def sfeed_imports(home: Path, opml: Path) -> dict[str, list[Shown]]:
    """Convert an OPML file to sfeed's list of feeds, and read each feed."""
    calls = run(["sh", "-c", f"{require_program('sfeed_opml_import')} < '{opml}'"], home)
    addresses = [shlex.split(line)[2] for line in calls.splitlines() if line.strip().startswith("feed ")]
    return {address: sfeed(_folder(home, number), address) for number, address in enumerate(addresses)}


def _folder(home: Path, number: int) -> Path:
    made = home / str(number)
    made.mkdir()
    return made


def reader_imports(home: Path, opml: Path) -> dict[str, list[Shown]]:
    """Import an OPML file into the library `reader` and read all its feeds."""
    with closing(require_package("reader").make_reader(str(home / "reader.db"))) as store, opml.open("rb") as file:
        store.import_feeds(file)
        store.update_feeds()
        return {feed.url: reader_shows(store, feed.url) for feed in store.get_feeds()}


def feedsmith_imports(home: Path, opml: Path) -> dict[str, list[Shown]]:
    """Parse an OPML file with feedsmith, and read each feed."""
    return {address: feedsmith(home, address) for address in run_feedsmith(home, "opml", str(opml))}


IMPORTS = {
    "newsboat": newsboat_imports,
    "sfeed": sfeed_imports,
    "reader": reader_imports,
    "feedsmith": feedsmith_imports,
}
"""Functions that import an OPML file into a reader and return the items of each feed's URL."""
