"""Upstream feeds on this machine, each a server of its own at an address of its own (127.0.0.2, 127.0.0.3 …).

So each is a host of its own for the collector, which waits between two requests to one.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

from support.scripted_server import Reply, ScriptedServer, Seen
from support.site_folder import NOW, SiteFolder


class Upstream:
    """A blog with a feed in RSS, which a test publishes to; use it in a `with` statement."""

    def __init__(self, number: int, name: str = "") -> None:
        """Serve at 127.0.0.`number`."""
        self.name = name or f"Blog {number}"
        self.entries: list[tuple[str, str, int]] = []
        self.headers: list[tuple[str, str]] = []
        self.status = 200
        self.location = ""
        self.server = ScriptedServer(self._answer, address=f"127.0.0.{number}")
        self.unconditional = 0

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def site(self) -> str:
        """The address of the blog."""
        return self.server.url(self.server.address, "/")

    @property
    def url(self) -> str:
        """The address of its feed."""
        return f"{self.site}feed.xml"

    def link(self, title: str) -> str:
        """Return the link of an entry."""
        return f"{self.site}{title.replace(' ', '-')}"

    def publish(self, title: str, *, at: int = NOW - 7_200, text: str = "") -> None:
        """Publish an entry."""
        self.entries.insert(0, (title, text or f"<p>About {title}.</p>", at))

    def body(self) -> bytes:
        """Return the feed."""
        items = "".join(
            f"<item><title>{title}</title><link>{self.link(title)}</link><guid>{self.link(title)}</guid>"
            f"<pubDate>{_rfc822(at)}</pubDate><description><![CDATA[{text}]]></description></item>"
            for title, text, at in self.entries
        )
        return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{self.name}</title>{items}</channel></rss>'.encode()

    def _answer(self, seen: Seen) -> Reply:
        body = self.body()
        etag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'
        headers = [("ETag", etag), ("Content-Type", "application/rss+xml"), *self.headers]
        if self.status != 200:
            return Reply(self.status, [("Location", self.location)] if self.location else [])
        if seen.headers.get("if-none-match") == etag:
            return Reply(304, headers)
        self.unconditional += not seen.is_conditional
        return Reply(200, headers, body)


def collect_from(site: SiteFolder, upstreams: Iterable[Upstream], **sources: Any) -> None:
    """Let a site collect from upstreams: set `seeds` and `sources`, make the folder, and write the list."""
    (site.root / "collected").mkdir(exist_ok=True)
    site.settings |= {"seeds": ["../seeds", "../collected"], "sources": {"folder": "../collected", **sources}}
    (site.root / "config/sources").mkdir(exist_ok=True)
    write_list(site, upstreams)


def write_list(site: SiteFolder, upstreams: Iterable[Upstream], **keys: Any) -> None:
    """Write the list of sources, all of which may lie at private addresses."""
    entries = [{"url": one.url, "private": True, **keys} for one in upstreams]
    (site.root / "config/sources/blogs.yaml").write_text(json.dumps(entries, indent=1))


def _rfc822(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def let_pass(state: str, seconds: int) -> None:
    """Let time pass for a collector that does not run: move every moment that it has stored back."""
    moments = ("added_at", "planned_at", "asked_at", "answered_at", "succeeded_at", "failing_since", "next_at",
               "hint_until", "retry_until", "quarantined_at")  # fmt: skip
    with closing(sqlite3.connect(f"{state}/sources.db", isolation_level=None)) as db:
        for url, value in db.execute("SELECT url, value FROM source").fetchall():
            stored = json.loads(value)
            stored |= {name: stored[name] - seconds for name in moments if stored.get(name)}
            if stored.get("redirect"):
                stored["redirect"]["first_at"] -= seconds
            db.execute("UPDATE source SET value=? WHERE url=?", (json.dumps(stored).encode(), url))
