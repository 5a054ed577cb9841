"""A built site behind nginx or Caddy with our configuration files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest
from support.needed_tools import require_package, require_program
from support.running_daemon import free_port
from support.site_folder import SiteFolder
from support.web_servers import Reply, caddy, fetch, nginx, nginx_site

MONTH = "ai/archive/2026-05"
"""A month of an archive: three feeds and a page."""

CROWDED = "ai/archive/2026-05-16T11-7f"
"""A part of a month with many items, with the longest possible name."""


class Front(NamedTuple):
    """A web server that serves the feeds folder of a site."""

    name: str
    port: int
    site: SiteFolder

    @property
    def encodings(self) -> list[str]:
        """Return the encodings that it can send; nginx needs a module for br."""
        return ["gzip"] if self.name == "nginx" else ["gzip", "br"]

    def fetch(self, path: str, method: str = "GET", **headers: str) -> Reply:
        return fetch(self.port, path, method, **headers)


def nginx_files(site: SiteFolder, home: Path, port: int) -> AbstractContextManager[None]:
    """Serve the feeds folder with nginx."""
    return nginx(home, port, nginx_site("nginx.conf", port, root=str(site.feeds)))


def caddy_files(site: SiteFolder, home: Path, port: int) -> AbstractContextManager[None]:
    """Serve the feeds folder with Caddy."""
    return caddy("Caddyfile", home, port, AGGREGATOR_FEEDS=str(site.feeds))


FRONTS: dict[str, Callable[[SiteFolder, Path, int], AbstractContextManager[None]]] = {
    "nginx": nginx_files,
    "caddy": caddy_files,
}


@pytest.fixture(scope="module", params=FRONTS)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Build a site, add files that must not be served, and serve it."""
    require_program(request.param)
    root = tmp_path_factory.mktemp(request.param)
    site = SiteFolder(root)
    for number in range(5):
        site.write(f"{number}.md", body="Some text, and then some more. " * 20, topics=["AI"])
    site.write("own.md", body="Its own page. " * 20, topics=["AI"], webUrl=None)
    require_package("pagefind_bin")
    site.settings["pages"] = {"items": "own", "search": "static"}
    site.settings["sources"] = {"folder": "../seeds"}
    site.build()
    plant(site)
    port = free_port()
    with FRONTS[request.param](site, root / "server", port):
        yield Front(request.param, port, site)


def plant(site: SiteFolder) -> None:
    """Add a part of a month with many items, and files that are no documents and must not be served."""
    shutil.copytree(site.feeds / MONTH, site.feeds / CROWDED)
    unseen = [
        "README.md", "notes.txt", "ai/.aggregator-1-2.tmp", ".aggregator-1-2.tmp", ".hidden", ".git/config", "ai/.htaccess",
        ".well-known/security.txt", "ai/backup.xml", ".git/rss.xml",
    ]  # fmt: skip
    for name in unseen:
        (site.feeds / name).parent.mkdir(exist_ok=True)
        (site.feeds / name).write_text("canary")
    (site.feeds / "bare").mkdir()
    (site.root / "outside").mkdir()
    for name in ("rss.xml", "index.html"):
        (site.root / "outside" / name).write_text("canary")
    (site.feeds / "linked").symlink_to(site.root / "outside")
    (site.feeds / "bare/feed.json").symlink_to(site.root / "outside/rss.xml")
