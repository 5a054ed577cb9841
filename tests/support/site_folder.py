"""A site in a temporary folder, with methods to change and read it."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import aggregator
from aggregator.model.reports import Turn

NOW = 1_780_000_000
"""28 May 2026, 20:26:40 UTC."""


def iso(seconds: int) -> str:
    """Return a time as seeds write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_tombstones(documents: dict[str, bytes]) -> dict[str, bytes]:
    """Return documents without tombstones, and without the encoded Atom feeds."""
    tombstones = rb'(?s)  <at:deleted-entry .*?</at:deleted-entry>\n| xmlns:at="[^"]*"'
    return {
        name: re.sub(tombstones, b"", body) if name.endswith("atom.xml") else body
        for name, body in documents.items()
        if not name.endswith(("/atom.xml.gz", "/atom.xml.br"))
    }


def as_another_user(site: SiteFolder, action: Callable[[], object]) -> str:
    """Return the repr of what `action` returns or raises for a user other than root, who owns the state and feeds.

    It runs in a forked child process.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root to stop being root")
    for path in itertools.takewhile(lambda path: "pytest-" in str(path), (site.root, *site.root.parents)):
        path.chmod(0o755)
    for path in (site.root / "state", site.feeds, *site.feeds.rglob("*"), *(site.root / "state").iterdir()):
        os.chown(path, 65534, 65534)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, repr(action()).encode())
        except Exception as error:  # noqa: BLE001 - this process is a copy of the one that runs the tests
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()


class SiteFolder:
    """A site on disk: `write` seeds, `build`, then read a `feed`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seeds = root / "seeds"
        self.feeds = root / "feeds"
        self.settings: dict[str, Any] = {"rules": {"min_quality": 50}}
        (root / "config/topics").mkdir(parents=True)
        self.seeds.mkdir()

    def write(self, path: str, body: str = "", **keys: Any) -> Path:
        """Write a seed; by default with title, link and yesterday's date (None leaves out a key)."""
        name = Path(path).stem
        defaults = {
            "title": f"Item {name}",
            "webUrl": f"https://news.example.org/{name}",
            "publishedDateTime": iso(NOW - 86_400),
        }
        lines = [f"{key}: {json.dumps(value)}" for key, value in {**defaults, **keys}.items() if value is not None]
        return self.write_text(path, "\n".join(["---", *lines, "---", body]))

    def write_text(self, path: str, text: str) -> Path:
        """Write a file in the seeds folder."""
        target = self.seeds / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        return target

    def write_topic(self, slug: str, **keys: Any) -> None:
        """Write a topic file."""
        (self.root / f"config/topics/{slug}.yaml").write_text(json.dumps({"_id": slug, **keys}))

    def config(self, feeds: str = "feeds", state: str = "state", **settings: Any) -> aggregator.Config:
        """Write the config as JSON, which is YAML, and load it."""
        defaults = {
            "site": {"title": "Test", "url": "https://feeds.example.org/"}, "seeds": "../seeds", "feeds": f"../{feeds}",
            "state": f"../{state}", **self.settings, **settings,
        }  # fmt: skip
        path = self.root / f"config/{feeds}.yaml"
        path.write_text(json.dumps(defaults))
        return aggregator.load_config(path)

    def build(self, now: int = NOW, feeds: str = "feeds", state: str = "state", **options: Any) -> Turn:
        """Build the site."""
        return aggregator.build(self.config(feeds, state), now=now, **options)

    def feed(self, slug: str = "all", feeds: str = "feeds") -> list[dict[str, Any]]:
        """Return the items of a feed."""
        items: list[dict[str, Any]] = json.loads((self.root / feeds / slug / "feed.json").read_bytes())["items"]
        return items

    def ids(self, slug: str = "all") -> list[str]:
        """Return the ids of a feed."""
        return [item["id"] for item in self.feed(slug)]

    def titles(self, slug: str = "all") -> list[str]:
        """Return the titles of a feed."""
        return [item["title"] for item in self.feed(slug)]

    def slugs(self) -> set[str]:
        """Return the slugs of all feeds."""
        return {path.parent.name for path in self.feeds.glob("*/rss.xml")}

    def documents(self, feeds: str = "feeds") -> dict[str, bytes]:
        """Return the published files: name to content."""
        root = self.root / feeds
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def file_identities(self) -> dict[str, tuple[int, int]]:
        """Return inode and mtime of every published file."""
        found = ((path, os.stat(path)) for path in sorted(self.feeds.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.feeds)): (stat.st_ino, stat.st_mtime_ns) for path, stat in found}
