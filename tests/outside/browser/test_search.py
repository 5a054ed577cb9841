"""The search that the browser answers itself: the same results as the daemon's, in a real browser."""

from __future__ import annotations

import re
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from support.needed_tools import require_package, require_program
from support.nginx_caddy import FRONTS
from support.running_daemon import free_port, wait_until
from support.site_folder import SiteFolder

from aggregator.config.loading import load_config
from aggregator.index.index import opened_read_only
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.folding import fold
from aggregator.normalizer.search_records import ANYWHERE, IN_AUTHOR, IN_TITLE, tokens
from aggregator.site.find import find_newest

from .conftest import LOOKS, Sample, Visit

looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)
EXPRESSIONS = [
    "wind", "Wind power", '"wind power"', '"power wind"', "-wind", "NOT wind", "wind OR solar", "wind AND power", "(wind OR solar) -title:power",
    "wind -(power OR solar)", "topic:Energy", "topic:energy -wind", 'topic:"Wind Power"', "topic:wind-power", "topic:nothing", "tag:zebras",
    "title:wind", "text:wind", "author:bell", 'author:"ada bell"', "age:<30d", "age:>30d", "-age:<30d", "age:10d..40d", "published:2026-11",
    "published:>=2026-11-20 -wind", "published:2026-11-03T10:00", "published:..2026", "updated:>=2026-11-01", "has:image", "-has:image",
    "has:author OR has:media", "lang:de", "lang:he", "-lang:en", "source:example.org", "domain:www.example.org", "quality:>=70", "quality:<70",
    "quality:70..80", "-quality:70", "heat:>0", "search:top-stories", "-search:top-stories", '"U.S."', "C++", "state-of-the-art", "café", "CAFE",
    "הקלה", "風力", "力", "größe", "GROSSE", "in_word", "zzzz", "-zzzz", "the", "a", '"the the"', "one-two", '"one two"', "two", '"one, two"', "ΤΗΣ",
]  # fmt: skip
MISTAKES = [
    "wi*", "/x/", "path:a", "is:held", "category:x", "type:x", "has:body", "http://x", "foo:bar", "a and topic:Energy", "+", "!", "wind (", ")", '"',
    "age:7d", "age:x", "published:2026-13", "published:2026-02-30", "published:x", "quality:", "quality:x", "quality:5..1", "topic:", "topic:(a)",
    "topic:>1", "-", ">5", "a OR", "(a", "AND", "x" * 201, "(" * 40 + "a" + ")" * 40, '""', "has:x", "lang:/x/",
    "age:<7constructor", "age:<999999999999w", "quality:1000000000000001",
]  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample site with a search that browsers answer."""
    require_package("pagefind_bin")
    made = Sample(tmp_path_factory.mktemp("searched"))
    config = made.folder / "config/aggregator.yaml"
    config.write_text(f"{config.read_text()}\npages: {{search: static}}\n")
    made.seed("zebra.md", title="A zebra crosses, state-of-the-art & C++", publishedDateTime="2026-11-03T10:00:00Z", quality=100,
              topics="[Cycling, Oceans]", tags="[zebras]", author="Ada Bell", excerpt="One-two, in the U.S. of 風力発電; in_word größe")  # fmt: skip
    made.seed("one.md", title="One, two", publishedDateTime="2026-11-03T11:00:00Z", quality=100, topics="[Cycling]")
    made.seed(
        "hebrew.md",
        title="הרכבת הקלה",
        publishedDateTime="2026-11-02T10:00:00Z",
        quality=100,
        locale="he",
        topics="[Cycling]",
    )
    made.seed(
        "greek.md", title="Της πόλης <b>", publishedDateTime="2026-11-01T10:00:00Z", quality=100, topics="[Cycling]"
    )
    made.seed("signs.md", title="'Waves — 😀 ahead'", publishedDateTime="2026-10-01T10:00:00Z", quality=100, topics="[Cycling]",
              tags="""['x"y', 'back\\slash', __proto__]""")  # fmt: skip
    made.seed("gone.md", title="Quagga one", publishedDateTime="2026-11-04T10:00:00Z", quality=100)
    made.seed("stays.md", title="Quagga two", publishedDateTime="2026-11-04T11:00:00Z", quality=100)
    made.start()
    wait_until((made.folder / "feeds/-/search/index.html").exists, 30, what="the files of the search did not come")
    yield made
    made.stop()


def look_for(visitor: Visit, text: str) -> Any:
    """Open the page of a search, and return it once there is an answer."""
    page = visitor.open(f"-/search/?q={quote(text)}")
    page.wait_for_selector("#found:not([aria-busy]) > *", state="attached")
    return page


def answer_in(page: Any) -> tuple[str, list[str]]:
    """Return the heading or the mistake that a page shows, and the links of its items."""
    links = page.eval_on_selector_all("#found .results a", "links => links.map((one) => one.href)")
    return page.locator("#found > :first-child").inner_text(), links


def heading(total: int) -> str:
    if total > 50:
        return "More than 50 items, of which these are the newest"
    return {0: "Nothing found", 1: "1 item"}.get(total, f"{total} items")


def answer_of_daemon(sample: Sample, text: str) -> tuple[str, list[str]]:
    """Return what the page of the daemon's search would show."""
    config = load_config(str(sample.folder / "config/aggregator.yaml"))
    with opened_read_only(config.state) as index:
        assert index is not None
        found = find_newest(config, index, text, now=int(time.time()), limit=50, may_go_on=lambda: True)
    return heading(found.total), [item.link for item in found.items]


def assert_answered_as_by_the_daemon(chromium, searched, texts):
    visitor = Visit(chromium, searched)
    differing = {}
    for text in texts:
        answer, wanted = answer_in(look_for(visitor, text)), answer_of_daemon(searched, text)
        if answer != wanted:
            differing[text] = answer, wanted
    visitor.context.close()

    assert differing == {}
    assert visitor.complaints == []


@pytest.mark.parametrize(
    "texts", [EXPRESSIONS[:8], pytest.param(EXPRESSIONS[8:], marks=pytest.mark.slow)], ids=["some", "more"]
)
def test_every_expression_has_the_results_of_the_daemon(chromium, searched, texts):
    """The same number, the same items in the same order, and nothing in the console."""
    assert_answered_as_by_the_daemon(chromium, searched, texts)


SIGNS = [
    'tag:"x\\"y"', "tag:back\\slash", "tag:__proto__", "topic:constructor", 'title:"—"', "waves — ahead", "-😀 waves", "😀", "waves\x85ahead",
    "quality:>=1000000000000000", "age:..3660000d -wind",
]  # fmt: skip


def test_signs_and_bounds_have_the_results_of_the_daemon(chromium, searched):
    """Those that pagefind would take for its own, those that stand alone, and the largest numbers."""
    assert_answered_as_by_the_daemon(chromium, searched, SIGNS)


def test_an_unknown_search_is_no_empty_answer(chromium, searched):
    """Nor does all stand for its opposite; the page cannot tell it from one without items, and says so."""
    visitor = Visit(chromium, searched)
    for text in ("search:nothing", "-search:nothing"):
        page = look_for(visitor, text)
        assert page.locator("#found").inner_text() == "There is no search nothing, or nothing is in it: remove it."
    visitor.context.close()


@pytest.mark.slow
def test_every_mistake_is_one_here_too(chromium, searched):
    """With the words of the daemon, but where these name what only the daemon can do."""
    visitor = Visit(chromium, searched)
    others = {}
    for text in MISTAKES:
        with pytest.raises(ExpressionError) as caught:
            answer_of_daemon(searched, text if len(text) <= 200 else text[:2_001] * 11)
        page = look_for(visitor, text)
        assert page.locator("#found [role=alert]").count() == 1, text
        reason = page.locator("#found .verdict").text_content().partition(": ")[0]
        if reason.rstrip(".") != re.sub("`", "", str(caught.value.reason)).partition(": ")[0]:
            others[text] = reason
    visitor.context.close()

    assert others == {"x" * 201: "an expression has at most 200 characters here"}
    assert visitor.complaints == []


@pytest.mark.parametrize("text", ["link:example.org", "wind link:x"])
def test_what_only_a_server_can_answer_is_said(chromium, searched, text):
    """No other result stands in its place."""
    visitor = Visit(chromium, searched)
    page = look_for(visitor, text)
    assert answer_in(page) == ("link: can only be answered by a server, which this site does without: remove it.", [])
    visitor.context.close()


def test_the_field_of_a_page_leads_to_what_was_found(chromium, searched):
    """By keyboard alone; the words stay in the field, and the heading is announced."""
    visitor = Visit(chromium, searched)
    page = visitor.open("cycling/")
    page.locator("#q").focus()
    page.keyboard.type("zebra crosses")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/search/?q=zebra+crosses")
    page.get_by_role("link", name="A zebra crosses").wait_for()
    assert page.locator("h2").first.inner_text() == "1 item"
    assert page.locator("#said").text_content() == "1 item"
    assert page.locator("#q").input_value() == "zebra crosses"
    assert page.title().startswith("zebra crosses – ")
    page.keyboard.press("Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.textContent").startswith("A zebra"):
            break
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.href").startswith("http")
    visitor.context.close()
    assert visitor.complaints == []


def test_the_field_of_the_index_searches_items_too(chromium, searched):
    """If no feed fits."""
    visitor = Visit(chromium, searched)
    page = visitor.open()
    page.locator("#find").fill("zebra crosses")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/search/?q=zebra+crosses")
    page.get_by_role("link", name="A zebra crosses").wait_for()
    visitor.context.close()
    assert visitor.complaints == []


def test_the_address_of_the_daemons_search_leads_there(chromium, searched):
    """With what was asked for."""
    visitor = Visit(chromium, searched)
    page = visitor.open("-/search?q=zebra")
    page.wait_for_url("**/-/search/?q=zebra")
    page.get_by_role("link", name="A zebra crosses").wait_for()
    visitor.context.close()
    assert visitor.complaints == []


def test_without_script_the_page_says_so(chromium, searched):
    """And leads to the feeds."""
    visitor = Visit(chromium, searched, java_script_enabled=False)
    page = visitor.open("-/search/?q=zebra")
    assert "This search needs JavaScript" in page.locator("main").inner_text()
    assert page.locator("main a").first.evaluate("one => one.href") == searched.address
    visitor.context.close()


def test_nothing_of_an_item_becomes_markup(chromium, searched):
    """A title with a tag is shown as it is written."""
    visitor = Visit(chromium, searched)
    page = look_for(visitor, "πόλης")
    assert page.locator("#found .results a").inner_text() == "Της πόλης <b>"
    assert page.locator("#found b").count() == 0
    visitor.context.close()
    assert visitor.complaints == []


def test_an_item_that_was_withdrawn_since_is_left_out(chromium, searched):
    """Its file is gone, though the index still has its words."""
    fragments = searched.folder / "feeds/-/pagefind/fragment"
    visitor = Visit(chromium, searched)

    def titles() -> list[str]:
        return look_for(visitor, "quagga").locator("#found .results a").all_inner_texts()

    assert titles() == ["Quagga two", "Quagga one"]
    count = len(list(fragments.iterdir()))
    (searched.folder / "seeds/gone.md").unlink()
    wait_until(lambda: len(list(fragments.iterdir())) == count - 1, 30, what="its file is still there")
    assert titles() == ["Quagga two"]
    visitor.context.close()
    assert [one for one in visitor.complaints if "404" not in one] == []


def test_files_that_change_under_a_search_are_read_again(chromium, searched):
    """A search that began with an index that was replaced meanwhile begins again."""
    visitor = Visit(chromium, searched)
    entries = []

    def answer(route):
        entries.append(route.request.url)
        response = route.fetch()
        body = response.text()
        # Whoever asks first sees an older index, whose files are gone.
        old = re.sub(r'"hash":"[^"]*"', '"hash":"unknown_older"', body) if len(entries) <= 2 else body
        route.fulfill(response=response, body=old)

    visitor.page.route("**/pagefind-entry.json*", answer)
    page = look_for(visitor, "zebra")
    assert answer_in(page)[0] == "1 item"
    assert len(entries) > 3
    visitor.context.close()


def test_a_search_that_takes_long_says_that_it_goes_on(chromium, searched):
    """Nothing else moves meanwhile."""
    visitor = Visit(chromium, searched)
    waiting, is_open = [], threading.Event()

    def answer(route):
        route.continue_() if is_open.is_set() else waiting.append(route)

    visitor.page.route("**/pagefind-entry.json*", answer)
    page = visitor.open("-/search/?q=zebra")
    page.get_by_role("heading", name="Searching…").wait_for()
    assert not page.get_by_text("More ways to search").is_visible()
    is_open.set()
    waiting[0].continue_()
    page.get_by_role("heading", name="1 item").wait_for()
    assert page.get_by_text("More ways to search").is_visible()
    visitor.context.close()


@pytest.mark.parametrize(
    ("files", "status", "text"),
    [
        ("pagefind-entry.json*", 0, "zebra"), ("*.pf_meta", 404, "zebra"), ("index/*", 404, "zebra"), ("index/*", 0, "zebra"),
        ("filter/*", 503, "topic:Cycling"), ("filter/*", 503, "search:top-stories"), ("fragment/*", 503, "zebra"),
    ],
)  # fmt: skip
def test_files_that_do_not_come_are_no_empty_answer(chromium, searched, files, status, text):
    """The page says that it cannot search now; 0 stands for a connection that breaks."""
    visitor = Visit(chromium, searched)
    answer = (lambda route: route.fulfill(status=status)) if status else (lambda route: route.abort())
    visitor.page.route(f"**/pagefind/{files}", answer)
    page = look_for(visitor, text)
    assert page.locator("#found").inner_text() == "The search cannot be loaded now: try again later."
    visitor.context.close()


@contextmanager
def plain_files(site: SiteFolder, home: Path, port: int) -> Iterator[None]:
    """Serve the feeds folder as a host of plain files does: types by suffix, no header of ours."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site.feeds))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name=str(home))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(60)


@pytest.mark.parametrize("server", ["plain files", "nginx", "caddy"])
def test_any_server_will_do(chromium, searched, tmp_path, server):
    """With our files for nginx and Caddy, and where nobody sets a header."""
    if server in FRONTS:
        require_program(server)
    port = free_port()
    site = SiteFolder(tmp_path)
    site.feeds = searched.folder / "feeds"
    with FRONTS.get(server, plain_files)(site, tmp_path / "server", port):
        visitor = Visit(chromium, SimpleNamespace(address=f"http://127.0.0.1:{port}/"))
        page = visitor.open("cycling/")
        page.locator("#q").fill("title:zebra -harbour topic:oceans age:<999d")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="A zebra crosses").wait_for()
        visitor.context.close()
    assert visitor.complaints == []


@pytest.mark.slow
@looks
@pytest.mark.parametrize("text", ["", "wind", "zzzz", "path:x"])
def test_the_page_is_accessible(chromium, searched, width, scheme, text):
    """axe-core finds no violation, and no page scrolls sideways, nor with letters of twice the size."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visitor = Visit(chromium, searched, width=width, scheme=scheme)
    page = look_for(visitor, text) if text else visitor.open("-/search/")
    found = axe.run(page).response["violations"]
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    visitor.context.close()

    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert max(widths) <= width
    assert visitor.complaints == []


@pytest.mark.slow
def test_the_browser_folds_every_character_as_the_index_does(chromium, searched):
    """All of Unicode that this Python knows, alone and between letters, where it may end a word."""
    kinds = {"Cc", "Cn", "Co", "Cs"}
    numbers = range(sys.maxunicode + 1)
    characters = [one for one in map(chr, numbers) if unicodedata.category(one) not in kinds or one.isspace()]
    visitor = Visit(chromium, searched)
    page = visitor.open("-/search/")
    folded = page.evaluate("all => all.map((one) => search.fold(one))", characters)
    between = page.evaluate(
        "all => all.map((one) => search.tokens(search.fold(`a${one}b`), 'w').join(' '))", characters
    )
    visitor.context.close()

    assert {one: (found, fold(one)) for one, found in zip(characters, folded, strict=True) if found != fold(one)} == {}
    wanted = [" ".join(tokens(fold(f"a{one}b"), ANYWHERE)) for one in characters]
    assert {one: pair for one, *pair in zip(characters, between, wanted, strict=True) if pair[0] != pair[1]} == {}


def test_the_browser_makes_the_tokens_that_the_index_has(chromium, searched):
    """Wherever the words stand."""
    visitor = Visit(chromium, searched)
    page = visitor.open("-/search/")
    text = fold("One-two of 風力発電, in_word größe U.S. 3½ e\u0301")
    for where in (ANYWHERE, IN_TITLE, IN_AUTHOR):
        assert page.evaluate("([text, where]) => search.tokens(text, where)", [text, where]) == list(
            tokens(text, where)
        )
    visitor.context.close()
