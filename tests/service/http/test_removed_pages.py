"""The pages of items over real sockets: what is there, what was removed (410), and what never was (404)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.http_client import ServeProcess, fetch
from support.site_folder import SiteFolder, iso

BROWSER = {"accept": "text/html,*/*;q=0.8", "sec_fetch_dest": "document"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Serve a site with a page, one that was withdrawn, and one that waits for its embargo."""
    site = SiteFolder(tmp_path_factory.mktemp("site"))
    site.settings["pages"] = {"items": "own"}
    now = int(time.time())
    for name in ("kept", "gone"):
        site.write(f"{name}.md", "Text.", title=name, webUrl=None, publishedDateTime="2026-05-01")
    site.write("later.md", title="later", webUrl=None, publishedDateTime=iso(now + 9_000_000))
    site.build(now=now)
    (site.seeds / "gone.md").unlink()
    site.build(now=now + 1)
    made = ServeProcess(site)
    yield made
    assert made.stop() == 0


def test_a_page_and_the_sitemap_are_served(server: ServeProcess) -> None:
    """With their types, and validators."""
    page = fetch(server.address, "/items/2026/05-01-kept/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    listed = fetch(server.address, "/sitemap.xml")
    assert (listed.status, listed.headers["content-type"]) == (200, "application/xml; charset=utf-8")
    assert fetch(server.address, "/sitemap-2026-05.xml", if_none_match="x").status == 200
    moved = fetch(server.address, "/items/2026/05-01-kept")
    assert (moved.status, moved.headers["location"]) == (301, "05-01-kept/")


@pytest.mark.parametrize("end", ["", "index.html"])
def test_a_removed_page_is_gone(server: ServeProcess, end: str) -> None:
    """In the site's look for people, in a line for programs."""
    for headers, words in ((BROWSER, b"This page was removed"), ({}, b"this page was removed\n")):
        reply = fetch(server.address, f"/items/2026/05-01-gone/{end}", **headers)
        assert reply.status == 410
        assert words in reply.body
    assert fetch(server.address, f"/items/2026/05-01-gone/{end}", "HEAD").status == 410


def test_what_never_was_there_is_not_found(server: ServeProcess) -> None:
    """Nor is what waits for its embargo, of which nothing may be told."""
    for path in ("05-01-never/", "05-01-later/", "05-01-gone.html"):
        assert fetch(server.address, f"/items/2026/{path}", **BROWSER).status == 404
