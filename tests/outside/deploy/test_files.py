"""Our nginx and Caddy files that serve the feeds folder, with the real programs."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from urllib.parse import urljoin

import brotli
import pytest
from support.needed_tools import skip_missing
from support.nginx_caddy import CROWDED, MONTH, Front
from support.running_daemon import free_port
from support.site_folder import SiteFolder
from support.web_servers import fetch, nginx, nginx_site

TYPES = {
    "rss.xml": "application/rss+xml; charset=utf-8",
    "atom.xml": "application/atom+xml; charset=utf-8",
    "feed.json": "application/feed+json",
    "index.html": "text/html; charset=utf-8",
    "feeds.opml": "text/x-opml; charset=utf-8",
    "sources.opml": "text/x-opml; charset=utf-8",
    "feeds": "text/x-opml; charset=utf-8",
    "sitemap.xml": "application/xml; charset=utf-8",
    "sitemap-2026-05.xml": "application/xml; charset=utf-8",
}
FEEDS = [
    "ai/rss.xml",
    "ai/atom.xml",
    "ai/feed.json",
    "feeds.opml",
    "sources.opml",
    ".well-known/feeds",
    f"{MONTH}/rss.xml",
    f"{CROWDED}/atom.xml",
]
PAGES = [
    "index.html",
    "ai/index.html",
    f"{MONTH}/index.html",
    "sources/index.html",
    "items/2026/05-27-item-own/index.html",
]
SITEMAP = ["sitemap.xml", "sitemap-2026-05.xml"]
DOCUMENTS = [*FEEDS, *PAGES, f"{MONTH}/feed.json", *SITEMAP]
ENCODINGS = {"gzip": (".gz", gzip.decompress), "br": (".br", brotli.decompress)}
VARY = "Accept-Encoding, Accept, Sec-Fetch-Dest"
LASTING = ("etag", "cache-control", "vary", "access-control-allow-origin", "x-content-type-options", "referrer-policy")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_served_with_its_type(front: Front, name: str) -> None:
    """The bytes are the file's, the type is the format's, and both validators are present."""
    reply = front.fetch(f"/{name}")
    assert (reply.status, reply.headers["content-type"]) == (200, TYPES[name.rpartition("/")[2]])
    assert reply.body == (front.site.feeds / name).read_bytes()
    assert {"etag", "last-modified"} <= set(reply.headers)
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("name", DOCUMENTS)
def test_cache_lifetimes(front: Front, name: str) -> None:
    """Feeds and months may be cached for half an hour; pages must be revalidated."""
    wanted = "no-cache" if name in PAGES else "max-age=1800"
    assert front.fetch(f"/{name}").headers["cache-control"] == wanted


SEARCHED = {
    "pagefind.js": ("text/javascript; charset=utf-8", "no-cache"),
    "pagefind-entry.json": ("application/json", "no-cache"),
    "wasm.unknown.pagefind": ("application/octet-stream", "no-cache"),
    "*.pf_meta": ("application/octet-stream", "max-age=86400"),
    "index/*": ("application/octet-stream", "max-age=86400"),
    "filter/*": ("application/octet-stream", "max-age=86400"),
    "fragment/*": ("application/octet-stream", "no-cache"),
}


@pytest.mark.parametrize("name", SEARCHED)
def test_the_files_of_a_search_are_served(front: Front, name: str) -> None:
    """As they are, with the type that browsers need and the lifetime that our server gives."""
    path = next((front.site.feeds / "-/pagefind").glob(name))
    reply = front.fetch(f"/{path.relative_to(front.site.feeds)}?ts=1")
    assert (reply.status, reply.headers["content-type"], reply.headers["cache-control"]) == (200, *SEARCHED[name])
    assert reply.body == path.read_bytes()
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_page_of_a_search_is_served(front: Front) -> None:
    """At the address with the slash, where the fields of pages lead."""
    reply = front.fetch("/-/search/?q=a")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert front.fetch("/-/search").headers["location"] == "/-/search/"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_security_headers(front: Front, name: str) -> None:
    """No sniffing of types, no referrers, no frames; scripts of other sites may read JSON."""
    headers = front.fetch(f"/{name}").headers
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    is_page = name.endswith("index.html")
    assert headers.get("content-security-policy") == ("frame-ancestors 'none'" if is_page else None)
    assert headers.get("access-control-allow-origin") == ("*" if name.endswith("feed.json") else None)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_precompressed_file_is_sent(front: Front, name: str) -> None:
    """The file beside the document is sent unchanged, and decodes to the document."""
    for encoding in front.encodings:
        reply = front.fetch(f"/{name}", accept_encoding=f"deflate, {encoding}")
        assert reply.headers["content-encoding"] == encoding
        assert reply.headers["content-type"] == TYPES[name.rpartition("/")[2]]
        assert reply.headers["vary"] in {"Accept-Encoding", VARY}
        suffix, decode = ENCODINGS[encoding]
        assert reply.body == (front.site.feeds / (name + suffix)).read_bytes()
        assert decode(reply.body) == (front.site.feeds / name).read_bytes()


@pytest.mark.parametrize("name", ["ai/rss.xml", "ai/atom.xml", "ai/feed.json", f"{MONTH}/rss.xml"])
def test_who_opens_a_feed_in_a_browser_sees_its_page(front: Front, name: str) -> None:
    """A navigation is redirected to the page beside the feed, and no cache keeps that; all others get the feed."""
    page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    opened = front.fetch(f"/{name}", sec_fetch_dest="document", accept=page)
    assert opened.status == 302
    assert (
        urljoin(f"http://x.example/{name}", opened.headers["location"])
        == f"http://x.example/{name.rpartition('/')[0]}/"
    )
    assert opened.headers["cache-control"] == "no-store"
    assert opened.headers["vary"] == VARY
    assert front.fetch(f"/{name.rpartition('/')[0]}/").status == 200
    for headers in ({}, {"accept": page}, {"sec_fetch_dest": "empty", "accept": page}, {"sec_fetch_dest": "document"}):
        assert front.fetch(f"/{name}", **headers).body == (front.site.feeds / name).read_bytes()
        assert front.fetch(f"/{name}", **headers).headers["vary"] == VARY


def test_nginx_sends_br_with_its_module(tmp_path: Path, site: SiteFolder) -> None:
    """The commented line for it works; if the module sometimes sends a document uncompressed, it is labelled so."""
    module = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
    if not module.exists():
        skip_missing("nginx's module for .br files (libnginx-mod-http-brotli-static)")
    site.write("a.md")
    site.build()
    port = free_port()
    text = nginx_site("nginx.conf", port, root=str(site.feeds))
    assert "#brotli_static on;" in text
    with nginx(tmp_path / "nginx", port, text.replace("#brotli_static", "brotli_static"), f"load_module {module};"):
        reply = fetch(port, "/all/rss.xml", accept_encoding="gzip, br")
        assert (reply.headers["content-encoding"], reply.headers["vary"]) == ("br", VARY)
        assert brotli.decompress(reply.body) == fetch(port, "/all/rss.xml").body


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br;q=0, gzip;q=0", "zstd"])
def test_a_refused_encoding_is_not_sent(front: Front, accepted: str) -> None:
    """An encoding with q=0 is not sent, and the response still has Vary."""
    reply = front.fetch("/ai/rss.xml", accept_encoding=accepted)
    assert "content-encoding" not in reply.headers
    assert reply.headers["vary"] == VARY
    assert reply.body == (front.site.feeds / "ai/rss.xml").read_bytes()


def test_encodings_work_behind_another_proxy(front: Front) -> None:
    """A request with a Via header gets its encoding."""
    assert front.fetch("/ai/rss.xml", accept_encoding="gzip", via="1.1 somebody").headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["ai/rss.xml", "ai/feed.json", "index.html"])
def test_conditional_requests_get_304(front: Front, name: str) -> None:
    """This holds for either validator, in a list, weak or `*`: no body, and the headers that caches need."""
    for encoding in ("identity", *front.encodings):
        holds_its_conditions(front, name, encoding)


def holds_its_conditions(front: Front, name: str, encoding: str) -> None:
    """Yield the responses to every kind of conditional request for a document."""
    first = front.fetch(f"/{name}", accept_encoding=encoding)
    tag, moment = first.headers["etag"], first.headers["last-modified"]
    conditions = [
        {"if_none_match": tag}, {"if_none_match": f'"other", {tag}'}, {"if_none_match": f"W/{tag.removeprefix('W/')}"},
        {"if_none_match": "*"}, {"if_modified_since": moment},
        {"if_none_match": tag, "if_modified_since": moment},
    ]  # fmt: skip
    for condition in conditions:
        reply = front.fetch(f"/{name}", accept_encoding=encoding, **condition)
        assert (reply.status, reply.body) == (304, b""), condition
        assert {key: reply.headers.get(key) for key in LASTING} == {key: first.headers.get(key) for key in LASTING}


def test_if_none_match_beats_if_modified_since(front: Front) -> None:
    """If the tag differs, the document is sent, whatever the date."""
    moment = front.fetch("/ai/rss.xml").headers["last-modified"]
    assert front.fetch("/ai/rss.xml", if_none_match='"other"', if_modified_since=moment).status == 200


def test_each_encoding_has_its_own_etag(front: Front) -> None:
    """Otherwise a cache would mix them up."""
    encodings = ("identity", *front.encodings)
    tags = {front.fetch("/ai/rss.xml", accept_encoding=encoding).headers["etag"] for encoding in encodings}
    assert len(tags) == len(encodings)


def test_a_replaced_document_is_sent_again(front: Front) -> None:
    """Its ETag differs, in every encoding."""
    before = {
        encoding: front.fetch("/all/rss.xml", accept_encoding=encoding) for encoding in ("identity", *front.encodings)
    }
    front.site.write("new.md", body="More. " * 50)
    front.site.build()
    for encoding, reply in before.items():
        after = front.fetch("/all/rss.xml", accept_encoding=encoding, if_none_match=reply.headers["etag"])
        assert after.status == 200
        assert after.body != reply.body


@pytest.mark.parametrize("name", DOCUMENTS)
def test_head_is_get_without_the_body(front: Front, name: str) -> None:
    """All headers are the same, including the length."""
    got, head = front.fetch(f"/{name}"), front.fetch(f"/{name}", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


def test_ranges(front: Front) -> None:
    """206 for a range, 416 beyond the end, and the complete document if it has changed."""
    whole = front.fetch("/ai/rss.xml")
    part = front.fetch("/ai/rss.xml", range="bytes=10-19")
    assert (part.status, part.body) == (206, whole.body[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
    assert front.fetch("/ai/rss.xml", range=f"bytes={len(whole.body)}-").status == 416
    assert front.fetch("/ai/rss.xml", range="bytes=10-19", if_range=whole.headers["etag"]).status == 206
    assert front.fetch("/ai/rss.xml", range="bytes=10-19", if_range='"other"').body == whole.body


UNSEEN = [
    "/README.md", "/notes.txt", "/ai/.aggregator-1-2.tmp", "/.aggregator-1-2.tmp", "/.hidden", "/.git/config", "/ai/.htaccess",
    "/.well-known/security.txt", "/ai/backup.xml", "/.git/rss.xml", "/%2egit/config", "/ai/%2ehtaccess", "/.well-known/",
    "/bare/", "/nothing/", "/nothing/rss.xml", "/ai/rss.xml.gz", "/ai/rss.xml/", "/ai//../.hidden",
]  # fmt: skip


@pytest.mark.parametrize("path", UNSEEN)
def test_other_files_are_not_served(front: Front, path: str) -> None:
    """Dot files, temporary files, other files and folders without a page are 404 and not cached."""
    reply = front.fetch(path)
    assert reply.status in {403, 404}
    assert b"canary" not in reply.body
    assert b"feed.json" not in reply.body
    assert reply.headers["content-type"].startswith("text/")
    assert reply.body
    assert not {"cache-control", "content-security-policy"} & set(reply.headers)


OUTSIDE = [
    "/../config/feeds.yaml", "/%2e%2e/config/feeds.yaml", "/..%2fconfig%2ffeeds.yaml", "/ai/../../outside/rss.xml",
    "/ai/%2e%2e/%2e%2e/outside/rss.xml", "/%252e%252e/outside/rss.xml", "/..\\outside\\rss.xml", "/..%5coutside%5crss.xml",
    "//outside/rss.xml", "/ai/..%00/rss.xml", "/ai/rss.xml%00.html", "/.%2e/outside/rss.xml",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_path_traversal_is_refused(front: Front, path: str) -> None:
    """This holds for every spelling of `..`."""
    reply = front.fetch(path)
    assert reply.status in {400, 403, 404}
    assert b"canary" not in reply.body


@pytest.mark.parametrize("front", ["nginx"], indirect=True)
@pytest.mark.parametrize("path", ["/linked/rss.xml", "/linked/", "/linked", "/bare/feed.json"])
def test_nginx_follows_no_link(front: Front, path: str) -> None:
    """A symbolic link in the folder is 404; Caddy has no such rule, as its file says."""
    assert os.path.exists(front.site.feeds / path[1:])
    reply = front.fetch(path)
    assert reply.status in {403, 404}
    assert b"canary" not in reply.body


@pytest.mark.parametrize("path", ["/", "/ai/"])
def test_a_folder_is_its_page(front: Front, path: str) -> None:
    """It has all headers of a page."""
    reply = front.fetch(path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.body == (front.site.feeds / path[1:] / "index.html").read_bytes()
    assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert reply.headers["cache-control"] == "no-cache"
    assert front.fetch(path, if_none_match=reply.headers["etag"]).status == 304


@pytest.mark.parametrize("path", ["/ai"])
def test_a_folder_without_its_slash_redirects(front: Front, path: str) -> None:
    """Relative links of the page need the slash. The redirect has no host, so a forged Host cannot change it."""
    reply = front.fetch(path)
    assert reply.status in {301, 308}
    assert reply.headers["location"] == f"{path}/"


@pytest.mark.parametrize("path", ["/gone/", "/ai/gone", "/README.md", "/ai/archive/1999-05/"])
def test_the_404_page_links_to_the_feeds(front: Front, path: str) -> None:
    """A missing address gets a page with a link to all feeds."""
    reply = front.fetch(path)
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b'<a href="/">' in reply.body
    assert front.fetch(path, "HEAD").status == 404


@pytest.mark.parametrize("file", ["rss.xml", "feed.json"])
def test_scripts_of_other_sites_see_the_404_of_a_feed(front: Front, file: str) -> None:
    """A browser hides even the status from them unless the response has the CORS header."""
    reply = front.fetch(f"/gone/{file}")
    assert (reply.status, "access-control-allow-origin" in reply.headers) == (404, file == "feed.json")


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json"])
def test_a_merged_page_redirects_to_its_month(front: Front, file: str) -> None:
    """A merged page redirects to the newest page of its month, without caching; other names are 404."""
    for folder in ("2026-05-08", "2026-05-16T11", "2026-05-16T11-00"):
        reply = front.fetch(f"/ai/archive/{folder}/{file}")
        assert (reply.status, reply.headers["location"]) == (302, f"/{MONTH}/{file}")
        assert reply.headers.get("cache-control") in {None, "no-store"}
        assert ("access-control-allow-origin" in reply.headers) == (file == "feed.json"), "scripts are led on too"
    for path in (f"/ai/archive/2026-04/{file}", f"/ai/archive/2026-05-08/{file}.gz"):
        assert front.fetch(path).status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("folder", ["2026-05-08", "2026-05-16T11", "2026-05-16T11-00"])
def test_a_merged_page_for_people_redirects_to_its_month(front: Front, method: str, folder: str) -> None:
    """Whoever kept the address of a page that is no longer there arrives at the one that has its items."""
    for end in ("/", "/index.html", ""):
        reply = front.fetch(f"/ai/archive/{folder}{end}", method)
        assert (reply.status, reply.headers.get("location")) == (302, f"/{MONTH}{end}")
        assert reply.headers.get("cache-control") in {None, "no-store"}
    browser = {"sec_fetch_dest": "document", "accept": "text/html,*/*"}
    opened = front.fetch(f"/ai/archive/{folder}/rss.xml", method, **browser)
    assert (opened.status, opened.headers["location"]) == (302, "./")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW"])
@pytest.mark.parametrize("path", ["/ai/rss.xml", "/", "/nothing"])
def test_other_methods_than_get_and_head_are_refused(front: Front, method: str, path: str) -> None:
    """Every other method is 405 with Allow."""
    reply = front.fetch(path, method)
    assert (reply.status, reply.headers.get("allow")) == (405, "GET, HEAD")
    assert "cache-control" not in reply.headers
    assert reply.headers["content-type"].startswith("text/")
