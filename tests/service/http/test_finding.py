"""`/-/find` over real sockets: who may look for what, and what nobody is told (G12)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from lxml import html
from support.http_client import Reply, ServeProcess, fetch
from support.needed_tools import require_package
from support.site_folder import SiteFolder, iso

from aggregator.service.http.finding import MOST_ITEMS, PUBLIC_LENGTH

TOKEN = "0123456789abcdef-for-tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}
HOUR = 3_600


def make(site: SiteFolder) -> SiteFolder:
    """Write an item that is shown and one of each kind that is not, each with the word canary."""
    now = int(time.time())
    site.write("shown.md", "<!-- canary --> [canary]: #\n\nwords", title="Tides", excerpt="A hum", topics=["Sea"], category="canary",
               secured={"note": "canary"}, publishedDateTime=iso(now - HOUR))  # fmt: skip
    site.write("canary-later.md", title="Tides canary", publishedDateTime=iso(now + 100 * HOUR))
    site.write("canary-draft.md", title="Tides canary", published=False)
    site.write("canary-poor.md", title="Tides canary", quality=1)
    site.settings["searches"] = {"canary": "quality:<5"}
    site.settings["feeds_by_query"] = [{"slug": "sea", "where": "topic:Sea"}]
    (site.root / "token").write_text(TOKEN + "\n")
    site.build(now=now)
    return site


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Serve a site in which everybody may search."""
    site = SiteFolder(tmp_path_factory.mktemp("public"))
    site.settings["pages"] = {"search": True}
    make(site)
    made = ServeProcess(site, token="../token")
    yield made
    assert made.stop() == 0


def find(server: ServeProcess, text: str, more: str = "", **headers: str) -> Reply:
    """Ask for the items that an expression chooses."""
    return fetch(server.address, f"/-/find?q={quote(text)}{more}", **headers)


def told(reply: Reply) -> Any:
    """Return the JSON of an answer that must be good."""
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def test_everybody_finds_what_feeds_show(public: ServeProcess) -> None:
    """The item as JSON Feed names its parts, and nothing more."""
    found = told(find(public, "tides topic:sea search:sea"))
    (item,) = found["items"]
    assert found["total"] == 1
    assert item.keys() == {"id", "url", "title", "date_published"}
    assert (item["title"], item["url"]) == ("Tides", "https://news.example.org/shown")


@pytest.mark.parametrize(
    "text", ["canary", "-canary", "tides -canary", "tides", "text:canary", "search:canary", "path:canary", "is:held", "category:canary",
             "/canary/", "(", "search:canari", "has:body", "quality:<5", "title:canary OR hum"],
)  # fmt: skip
def test_nobody_is_told_what_is_not_shown(public: ServeProcess, text: str) -> None:
    """Whatever one asks, nothing but the shown item comes, and no answer depends on what is hidden."""
    reply = find(public, text)
    assert reply.status in {200, 400}
    if reply.status == 200:
        items = json.loads(reply.body)["items"]
        assert [item["title"] for item in items] == (
            [] if text in {"canary", "text:canary", "quality:<5"} else ["Tides"]
        )
    assert b"canary" not in reply.body.replace(b"`search:canary`", b"").replace(b"there is no search `canary`", b"")
    assert b"canary" not in repr(reply.headers).encode()


def test_the_owner_finds_everything_with_its_state(public: ServeProcess) -> None:
    """With the token, states and paths can be asked, and patterns."""
    found = told(find(public, "is:held /canary/", **BEARER))
    assert {item["_aggregator"]["path"] for item in found["items"]} == {"canary-draft.md", "canary-poor.md"}
    assert told(find(public, "search:canary is:held", **BEARER))["total"] == 1


def test_a_mistake_is_named_with_its_place(public: ServeProcess) -> None:
    """The answer is 400 with the reason, what to write, and the character."""
    reply = find(public, "tides titel:x")
    assert (reply.status, json.loads(reply.body)) == (
        400, {"error": "unknown field `titel`", "hint": "did you mean `title`?", "at": 6}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("x" * (PUBLIC_LENGTH + 1), ""),
        ("tides", "&limit=0"),
        ("tides", f"&limit={MOST_ITEMS + 1}"),
        ("tides", "&limit=x"),
        ("", ""),
    ],
)
def test_what_is_asked_is_bounded(public: ServeProcess, text: str, more: str) -> None:
    """A long expression, a wrong limit and an empty one are refused."""
    assert find(public, text, more).status == 400


def test_many_searches_wait_for_each_other_or_are_sent_away(public: ServeProcess) -> None:
    """Of a flood each search is answered, or told to come again; documents are served meanwhile."""
    with ThreadPoolExecutor(40) as pool:
        replies = [pool.submit(find, public, f"tides OR word{number}") for number in range(80)]
        assert fetch(public.address, "/all/rss.xml").status == 200
        found = {reply.result().status for reply in replies}
    assert found <= {200, 503}
    assert 200 in found


@pytest.mark.parametrize(("token", "status"), [("../token", 401), ("", 404)])
def test_without_the_switch_only_the_owner_may_search(site: SiteFolder, token: str, status: int) -> None:
    """As for the other pages of the owner: 401 if there is a token, else there is no such page."""
    server = ServeProcess(make(site), token=token)
    try:
        assert find(server, "tides").status == status
        if token:
            assert told(find(server, "tides", **BEARER))["total"] == 1
    finally:
        assert server.stop() == 0


# -- the page for people


def test_the_page_shows_what_was_found_without_a_script(public: ServeProcess) -> None:
    """A list of links in a form that leads to itself; only what feeds show counts, and a field leads there."""
    page = fetch(public.address, "/-/search?q=tides")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    tree = html.fromstring(page.body)
    assert tree.xpath("string(//h2)") == "1 item"
    assert tree.xpath("//main//ol//a/text()") == ["Tides"]
    assert tree.xpath("//form/@action") == ["search"]
    assert tree.xpath("//form/input/@value") == ["tides"]
    assert b"canary" not in page.body
    for path, action in (("/", "-/search"), ("/sea/", "../-/search")):
        assert html.fromstring(fetch(public.address, path).body).xpath("//form/@action") == [action]


def test_the_page_of_a_search_says_what_is_wrong(public: ServeProcess) -> None:
    """In words, and what was typed stays in the field; nothing of it is markup."""
    empty = fetch(public.address, "/-/search")
    assert (empty.status, html.fromstring(empty.body).xpath("//main//ol")) == (200, [])
    nothing = fetch(public.address, "/-/search?q=canary")
    assert (nothing.status, html.fromstring(nothing.body).xpath("string(//h2)")) == (200, "Nothing found")
    for words in ("path:x", "(", "x" * (PUBLIC_LENGTH + 1), '"><script>'):
        page = fetch(public.address, f"/-/search?q={quote(words)}")
        tree = html.fromstring(page.body)
        assert tree.xpath("//form/input/@value") == [words]
        assert len(tree.xpath("//script")) == 1
        assert (page.status == 400) == bool(tree.xpath("//*[@role='alert']"))


def test_a_page_that_cannot_be_answered_now_says_when_to_come_back(site: SiteFolder) -> None:
    """As the answer for programs does."""
    site.settings["pages"] = {"search": True}
    server = ServeProcess(make(site))
    try:
        (site.root / "state/index.db").unlink()
        reply = fetch(server.address, "/-/search?q=tides")
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        ("titel:x", "unknown field titel: did you mean title?", ["titel", "title"]),
        ("topic:sea or wind", 'or is a word here, not an operator: write OR, or "or" if the word is meant.', ["or", "OR", '"or"']),
        ("path:x", "only the owner of the site may ask this: remove it.", []),
    ],
)  # fmt: skip
def test_the_page_of_a_search_says_it_as_a_sentence(
    public: ServeProcess, words: str, said: str, code: list[str]
) -> None:
    """With one sign at its end, and what to type as code instead of in backticks."""
    (alert,) = html.fromstring(fetch(public.address, f"/-/search?q={quote(words)}").body).xpath("//*[@role='alert']")
    assert alert.text_content() == said
    assert alert.xpath(".//code/text()") == code


def test_without_the_setting_there_is_neither_page_nor_field(site: SiteFolder) -> None:
    """The owner's token opens it all the same."""
    server = ServeProcess(make(site), token="../token")
    try:
        assert fetch(server.address, "/-/search?q=tides").status == 401
        assert fetch(server.address, "/-/search?q=tides", **BEARER).status == 200
        assert html.fromstring(fetch(server.address, "/sea/").body).xpath("//form") == []
    finally:
        assert server.stop() == 0


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Serve a site that browsers search."""
    require_package("pagefind_bin")
    site = SiteFolder(tmp_path_factory.mktemp("static"))
    site.settings["pages"] = {"search": "static"}
    make(site)
    made = ServeProcess(site, token="../token")
    yield made
    assert made.stop() == 0


@pytest.mark.parametrize(("query", "location"), [("", "search/"), ("?q=a+b%26c", "search/?q=a+b%26c")])
def test_the_address_of_our_search_leads_to_that_of_the_browser(
    static: ServeProcess, query: str, location: str
) -> None:
    """With what was asked for; the address is relative, as a proxy may have removed a prefix."""
    reply = fetch(static.address, f"/-/search{query}")
    assert (reply.status, reply.headers["location"]) == (302, location)
    assert fetch(static.address, "/-/search/?q=a").status == 200


def test_a_search_by_browsers_gives_no_answers_of_ours_away(static: ServeProcess) -> None:
    """`/-/find` stays the owner's."""
    assert find(static, "tides").status == 401
    assert told(find(static, "tides", **BEARER))["total"] == 1


def test_the_page_of_such_a_search_alone_may_run_programs(static: ServeProcess) -> None:
    """Those of the site and WebAssembly; what seeds smuggle in runs nowhere."""
    policies = {
        path: fetch(static.address, path).headers["content-security-policy"] for path in ("/-/search/", "/", "/all/")
    }
    allowing = {path: "'self' 'wasm-unsafe-eval'" in policy for path, policy in policies.items()}
    assert allowing == {"/-/search/": True, "/": False, "/all/": False}
    assert not any("unsafe-inline" in policy or "'unsafe-eval'" in policy for policy in policies.values())


@pytest.mark.parametrize(
    ("name", "media_type", "lifetime"),
    [
        ("pagefind.js", "text/javascript; charset=utf-8", "no-cache"), ("pagefind-entry.json", "application/json", "no-cache"),
        ("wasm.unknown.pagefind", "application/octet-stream", "no-cache"), ("*.pf_meta", "application/octet-stream", "max-age=86400"),
        ("index/*", "application/octet-stream", "max-age=86400"), ("fragment/*", "application/octet-stream", "no-cache"),
    ],
)  # fmt: skip
def test_the_files_of_such_a_search_are_documents(
    static: ServeProcess, name: str, media_type: str, lifetime: str
) -> None:
    """With their types, validators and lifetimes: what is shown of an item is compared each time, as it may be withdrawn."""
    (path, *_) = (static.site.feeds / "-/pagefind").glob(name)
    reply = fetch(static.address, f"/-/pagefind/{path.relative_to(static.site.feeds / '-/pagefind')}?ts=1")
    assert (reply.status, reply.headers["content-type"], reply.headers["cache-control"]) == (200, media_type, lifetime)
    assert reply.body == path.read_bytes()
    again = fetch(
        static.address,
        f"/-/pagefind/{path.relative_to(static.site.feeds / '-/pagefind')}",
        if_none_match=reply.headers["etag"],
    )
    assert again.status == 304


@pytest.mark.parametrize(
    "path", ["", "x", "pagefind-ui.js", "fragment/", "fragment/x.pf_index", "../search.json", "fragment/../pagefind.js"]
)
def test_nothing_else_of_that_folder_is_served(static: ServeProcess, path: str) -> None:
    """Only files that have the names of a search."""
    assert fetch(static.address, f"/-/pagefind/{path}").status == 404


@pytest.mark.parametrize("query", ["", "?q=tides"])
def test_the_address_of_a_static_search_leads_to_the_page_that_answers_now(public: ServeProcess, query: str) -> None:
    """Somebody may have kept it from when `pages.search` was `static`."""
    reply = fetch(public.address, f"/-/search/{query}")
    assert (reply.status, reply.headers["location"]) == (302, f"../search{query}")
