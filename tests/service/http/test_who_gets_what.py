"""Feeds asked for with the headers of readers and of browsers: readers get the feed, whatever they send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.http_client import Reply, ServeProcess, fetch
from support.site_folder import SiteFolder

XML = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.8"
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
NAVIGATION = {
    "sec_fetch_dest": "document", "sec_fetch_mode": "navigate", "sec_fetch_site": "none", "sec_fetch_user": "?1",
    "upgrade_insecure_requests": "1",
}  # fmt: skip

READERS: dict[str, dict[str, str]] = {
    "NetNewsWire": {"user_agent": "NetNewsWire (RSS Reader; https://netnewswire.com/)", "accept": "*/*"},
    "newsboat": {"user_agent": "newsboat/2.38 (Linux x86_64)", "accept": XML},
    "Miniflux": {"user_agent": "Mozilla/5.0 (compatible; Miniflux/2.2; +https://miniflux.app)", "accept": XML},
    "FreshRSS": {"user_agent": "FreshRSS/1.26 (Linux; https://freshrss.org)", "accept": XML},
    "Feedly": {"user_agent": "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)", "accept": ""},
    "Inoreader": {"user_agent": "Mozilla/5.0 (compatible; inoreader.com-like FeedFetcher-Google)", "accept": PAGE},
    "feedparser": {"user_agent": "feedparser/6.0 +https://github.com/kurtmckee/feedparser/", "accept": XML},
    "Thunderbird": {"user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0", "accept": PAGE},
    "Feeder": {"user_agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "accept": PAGE},
    # Readers that run in a browser: as an extension, or as a script of a page.
    "Feedbro": {"user_agent": "Mozilla/5.0 Chrome/140.0", "accept": "*/*", "sec_fetch_dest": "empty", "sec_fetch_mode": "cors"},
    "a script that wants a page": {"accept": PAGE, "sec_fetch_dest": "empty", "sec_fetch_mode": "cors"},
    "a reader in an app's view": {"user_agent": "Mozilla/5.0 (iPhone)", "accept": XML, "sec_fetch_dest": "document"},
    "curl": {"user_agent": "curl/8.14.1", "accept": "*/*"},
}  # fmt: skip
"""As their programs send them, or worse."""

BROWSERS: dict[str, dict[str, str]] = {
    "Chrome": {"user_agent": "Mozilla/5.0 Chrome/140.0.0.0 Safari/537.36", "accept": PAGE, **NAVIGATION},
    "Firefox": {"user_agent": "Mozilla/5.0 Gecko/20100101 Firefox/144.0", "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", **NAVIGATION},
    "Safari": {"user_agent": "Mozilla/5.0 Version/26.0 Safari/605.1.15", "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "sec_fetch_dest": "document", "sec_fetch_mode": "navigate"},
    "Edge": {"user_agent": "Mozilla/5.0 Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "accept": f" {PAGE}", **NAVIGATION, "sec_fetch_site": "cross-site"},
}  # fmt: skip

FEEDS = {
    "all/rss.xml": "application/rss+xml; charset=utf-8",
    "trams/atom.xml": "application/atom+xml; charset=utf-8",
    "trams/feed.json": "application/feed+json",
    "all/archive/{month}/rss.xml": "application/rss+xml; charset=utf-8",
}
VARY = "Accept-Encoding, Accept, Sec-Fetch-Dest"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    site = SiteFolder(tmp_path_factory.mktemp("site"))
    for number in range(3):
        site.write(f"{number}.md", title=f"Tram {number}", topics=["Trams"])
    site.build()
    made = ServeProcess(site)
    yield made
    assert made.stop() == 0


def ask(server: ServeProcess, name: str, method: str = "GET", **headers: str) -> tuple[str, Reply]:
    """Ask for a document; return the path of its file and the reply."""
    month = next((server.site.feeds / "all/archive").iterdir()).name
    found = name.format(month=month)
    return found, fetch(server.address, f"/{found}", method, **headers)


@pytest.mark.parametrize("reader", READERS)
def test_readers_get_the_feed(server: ServeProcess, reader: str) -> None:
    """In each format, with its own type, its tag and its lifetime, and 304 when nothing has changed."""
    for name, media_type in FEEDS.items():
        found, reply = ask(server, name, **READERS[reader])
        assert (reply.status, reply.headers["content-type"]) == (200, media_type)
        assert reply.body == (server.site.feeds / found).read_bytes()
        assert reply.headers["vary"] == VARY
        _, known = ask(server, name, **READERS[reader], if_none_match=reply.headers["etag"])
        assert (known.status, known.headers["vary"]) == (304, VARY)


@pytest.mark.parametrize("browser", BROWSERS)
def test_browsers_get_words_and_no_cache_keeps_them(server: ServeProcess, browser: str) -> None:
    """A person who opens a feed gets a page that explains it, which no cache gives to a reader."""
    for name in FEEDS:
        found, reply = ask(server, name, **BROWSERS[browser])
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (reply.headers["vary"], reply.headers["cache-control"]) == (VARY, "no-store")
        assert "etag" not in reply.headers
        text, file = reply.body.decode(), found.rpartition("/")[2]
        assert "This is the address of a feed" in text
        assert f'class="address" data-name="{"Test" if found.startswith("all") else "Trams"}' in text
        assert f"{found.partition('/')[0]}/{file}</code>" in text
        _, head = ask(server, name, "HEAD", **BROWSERS[browser])
        assert (head.status, head.headers["content-type"], head.body) == (200, "text/html; charset=utf-8", b"")


def test_a_browser_gets_what_is_no_feed_as_it_is(server: ServeProcess) -> None:
    """Pages and the list of feeds do not depend on who asks; and with `?raw` nor does a feed."""
    for name in ("", "trams/", "feeds.opml"):
        _, reply = ask(server, name, **BROWSERS["Chrome"])
        assert (reply.status, reply.headers["vary"]) == (200, "Accept-Encoding")
    _, raw = ask(server, "all/rss.xml?raw", **BROWSERS["Chrome"])
    assert raw.body == (server.site.feeds / "all/rss.xml").read_bytes()


def test_a_feed_that_is_not_there_is_not_explained(server: ServeProcess) -> None:
    """A browser gets a 404 for it, in the site's look."""
    _, reply = ask(server, "gone/rss.xml", **BROWSERS["Firefox"])

    assert reply.status == 404
    assert "<h1>Page not found</h1>" in reply.body.decode()
