"""What people see and do in a real browser, on a site that the daemon serves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from support.running_daemon import wait_until

from .conftest import LOOKS, Sample, Visit

LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)


def publish(sample, name, title, topic="Oceans"):
    """Save a seed, and wait until the page of its feed on disk contains it."""
    sample.seed(
        f"{name}.md", title=title, publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl=f"https://live.example.org/{name}", topics=f"[{topic}]", quality=100,
    )  # fmt: skip
    page = sample.folder / f"feeds/{topic.lower()}/index.html"
    wait_until(lambda: page.exists() and title in page.read_text(), what=f"{title} is not published")


@pytest.mark.slow
@looks
def test_a_visitor_finds_feeds_by_search(visit, width, scheme):
    """`/` focuses the search field, typing leaves the matching cards, Escape shows all cards again."""
    page = visit(width=width, scheme=scheme).open()
    cards = page.locator("[id^=feed-]:visible")
    everything = cards.count()
    page.keyboard.press("/")
    page.keyboard.type("wind")
    page.wait_for_function("document.querySelectorAll('[id^=feed-]:not([hidden])').length < 10")

    assert page.evaluate("document.activeElement.id") == "find"
    assert page.locator("#feed-wind-power").is_visible()
    assert not page.locator("#feed-solar").is_visible()
    assert "1 of 19 feeds shown" in page.locator("#shown").inner_text()

    page.keyboard.press("Escape")
    assert page.locator("#feed-solar").is_visible()
    assert cards.count() == everything


@looks
def test_a_visitor_copies_an_address(visit, width, scheme):
    """The one button copies the absolute URL that is to be read beside it, and tells screen readers so."""
    visitor = visit(width=width, scheme=scheme)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path in ("", "solar/"):
        page = visitor.open(path)
        page.get_by_role("button", name="Copy feed address").click()
        page.locator("#said", has_text="Copied").wait_for(state="attached")

        assert page.evaluate("navigator.clipboard.readText()") == f"{visitor.sample.address}{path or 'all/'}rss.xml"
        assert page.locator(".address").inner_text() == f"{visitor.sample.address}{path or 'all/'}rss.xml"
        assert page.get_by_role("button").count() == 1


def test_the_keyboard_alone_leads_to_a_copied_address(visit):
    """`/`, some letters, Enter, and Tab to the button: nothing else is needed."""
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    page.keyboard.press("/")
    page.keyboard.type("wind")
    page.keyboard.press("Enter")
    page.wait_for_url("**/wind-power/")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "primary":
            break
    page.keyboard.press("Enter")
    page.locator("#said", has_text="Copied").wait_for(state="attached")

    assert page.evaluate("navigator.clipboard.readText()") == f"{visitor.sample.address}wind-power/rss.xml"


def test_few_tab_stops(visit):
    """The index of 20 feeds has less than 50 tab stops, of which the first skips to the content."""
    page = visit().open()
    stops = page.locator("a:visible, button:visible, input:visible, select:visible, summary:visible, .skip").count()
    page.keyboard.press("Tab")

    assert page.locator("[id^=feed-]").count() == 20
    assert stops < 50
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    assert page.locator(".skip").bounding_box()["width"] > 100


def test_a_search_may_come_from_another_page(visit):
    """What is typed on the page of a 404 is searched for on the index."""
    visitor = visit()
    page = visitor.open("nothing/here")
    assert page.locator("h1").inner_text() == "Page not found"
    assert page.locator("main a").all_inner_texts() == ["All feeds of Harbour Light"]
    page.locator("#q").fill("wind")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=wind")

    assert page.locator("#find").input_value() == "wind"
    assert page.locator("#feed-wind-power").is_visible()
    assert not page.locator("#feed-solar").is_visible()
    visitor.complaints[:] = [one for one in visitor.complaints if "status of 404" not in one]


def test_a_person_who_opens_a_feed_gets_words_and_a_button(visit):
    """A browser never shows XML: the page explains what it is, and copies the address that was opened."""
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name in ("rss.xml", "atom.xml", "feed.json"):
        page = visitor.open(f"oceans/{name}")
        assert page.locator("h1").inner_text() == "Oceans"
        page.get_by_role("button", name="Copy feed address").click()
        page.locator("#said", has_text="Copied").wait_for(state="attached")
        assert page.evaluate("navigator.clipboard.readText()") == f"{visitor.sample.address}oceans/{name}"
    page.get_by_role("link", name="Read Oceans here").click()
    page.wait_for_url("**/oceans/")


def test_the_value_of_a_day_is_shown_on_hover(visit):
    """The caption beside the bars says how many items a day had while one points at it."""
    page = visit().open()
    caption = page.locator("#feed-all .m small").first
    before = caption.inner_text()
    page.locator("#feed-all .m svg").hover(position={"x": 89, "y": 12})
    values = page.locator("#feed-all .m svg").get_attribute("data-n").split(",")
    assert caption.inner_text().startswith(f"{values[-1]} on ")
    page.mouse.move(5, 5)
    assert caption.inner_text() == before == f"{sum(map(int, values)):,} in 30 days"


def read_on(page, title):
    article = page.locator("article", has_text=title)
    article.locator("summary", has_text="Read on").click()
    return article


def test_an_item_is_read_in_place(visit, sample):
    """*Read on* shows the whole text below its title, with lower headings, and its related coverage only once."""
    sample.seed(
        "whole.md", title="Zebra whole", publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl="https://live.example.org/whole", topics="[Oceans]", quality=100, excerpt="The short of it.",
        related="[{title: Told elsewhere, webUrl: 'https://other.example/', quality: 90}]",
    )  # fmt: skip
    seed = sample.folder / "seeds/whole.md"
    seed.write_text(f"{seed.read_text()}\n## A heading\n\nThe long of it.\n\n![A pier](https://x.example/pier.jpg)\n")
    wait_until(lambda: "Zebra whole" in (sample.folder / "feeds/oceans/index.html").read_text(), what="it is not there")
    page = visit().open("oceans/")
    assert page.get_by_text("The long of it.").count() == 0
    article = read_on(page, "Zebra whole")
    article.get_by_text("The long of it.").wait_for(timeout=10_000)

    assert article.locator("h4").inner_text() == "A heading"
    assert article.get_by_text("Related coverage").count() == 1
    assert article.locator(".text img").evaluate("one => [one.loading, one.referrerPolicy]") == ["lazy", "no-referrer"]
    seed.write_text(seed.read_text().replace("The long of it.", "The edit of it."))
    article.get_by_text("The edit of it.").wait_for(timeout=10_000)


def test_two_items_with_one_link_are_read_in_place_each(visit, sample):
    """*Read on* finds the text by the item's id: a link may be that of several items with ids of their own."""
    for name in ("one", "two"):
        sample.seed(
            f"{name}.md", title=f"Shared {name}", publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
            webUrl="https://live.example.org/shared", id=f"'urn:x:{name}'", topics="[Oceans]", quality=100, excerpt="Short.",
        )  # fmt: skip
        seed = sample.folder / f"seeds/{name}.md"
        seed.write_text(f"{seed.read_text()}\nThe long of {name}.\n")
    wait_until(lambda: "Shared two" in (sample.folder / "feeds/oceans/index.html").read_text(), what="it is not there")
    page = visit().open("oceans/")
    for name in ("one", "two"):
        read_on(page, f"Shared {name}").get_by_text(f"The long of {name}.").wait_for(timeout=10_000)


def test_who_reads_on_reaches_the_item_though_its_month_was_cut(chromium, tmp_path):
    """The address of an item in a page of the archive leads to the page that has it now."""
    sample = Sample(tmp_path)
    for seed in (sample.folder / "seeds").rglob("*.md"):
        seed.unlink()
    for number in range(150):
        moment = datetime(2026, 8, 31, tzinfo=UTC) - timedelta(hours=4 * number)
        sample.seed(f"{number}.md", title=f"Zebra {number}", publishedDateTime=moment.isoformat(), quality=100,
                    webUrl=f"https://live.example.org/{number}")  # fmt: skip
    sample.start()
    visitor = Visit(chromium, sample)
    try:
        page = visitor.open("all/archive/2026-08/#https://live.example.org/140")
        page.wait_for_url("**/all/archive/2026-08-16/**")
        page.locator("article:target", has_text="Zebra 140").wait_for(timeout=10_000)
        page.goto(f"{sample.address}all/")
        page.get_by_role("link", name="Older items").click()
        page.locator("article:target", has_text="Zebra 50").wait_for(timeout=10_000)
    finally:
        visitor.context.close()
        sample.stop()
    assert visitor.complaints == []


def test_pictures_that_fail_are_hidden(visit, sample):
    """A picture that cannot be loaded leaves no frame behind; its text stays where it was."""
    sample.seed(
        "broken-picture.md", title="Zebra broken", publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl="https://live.example.org/broken", topics="[Oceans]", quality=100,
        images="[{url: 'https://x.example/broken.jpg', width: 10, height: 10}]",
    )  # fmt: skip
    wait_until(
        lambda: "Zebra broken" in (sample.folder / "feeds/oceans/index.html").read_text(), what="it is not there"
    )
    visitor = visit()
    visitor.context.route("**/broken.jpg", lambda route: route.fulfill(body=b"no picture", content_type="image/jpeg"))
    page = visitor.open("oceans/")
    page.locator("article", has_text="Zebra broken").locator("img").wait_for(state="hidden", timeout=10_000)
    left = {round(one.bounding_box()["x"]) for one in page.locator("article:not(:dir(rtl)) h2").all()}
    widths = {round(one.bounding_box()["width"]) for one in page.locator("article > div").all()}

    assert (len(left), len(widths)) == (1, 1)


@pytest.mark.slow
def test_every_link_of_the_index_works(visit):
    """RSS, Atom, JSON, OPML and pages exist, have the right type and can be parsed."""
    page = visit().open()
    types = {"rss.xml": "application/rss+xml", "atom.xml": "application/atom+xml", "feed.json": "application/feed+json"}
    seen = set()
    for address in page.evaluate("[...document.querySelectorAll('a:not(.skip)')].map(link => link.href)"):
        if not address.startswith(page.url):
            continue
        name = address.rpartition("/")[2]
        answer = page.request.get(address)
        assert answer.status == 200, address
        kind = types.get(name, "text/x-opml" if name == "feeds.opml" else "text/html")
        assert answer.headers["content-type"].partition(";")[0] == kind, address
        (json.loads if name == "feed.json" else ET.fromstring if name in types or "opml" in name else str)(
            answer.body()
        )
        seen.add(name)
    assert {*types, "feeds.opml", ""} <= seen


@looks
def test_a_card_changes_by_itself(visit, sample, width, scheme):
    """A saved seed appears on its card within seconds, without a reload; the search stays."""
    page = visit(width=width, scheme=scheme).open()
    page.evaluate("window.stays = true")
    topic = {(1280, "light"): "Shipping", (1280, "dark"): "Weather", (360, "light"): "Solar"}.get(
        (width, scheme), "Space"
    )
    page.keyboard.press("/")
    page.keyboard.type(topic)
    page.wait_for_timeout(300)  # until the stream of events is open, which the page does not show
    title = f"News for {width} px in the {scheme}"
    sample.seed(
        f"live-{width}-{scheme}.md", title=title, publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl=f"https://live.example.org/{width}/{scheme}", topics=f"[{topic}]", quality=100,
    )  # fmt: skip
    page.locator(f"#feed-{topic.lower()}", has_text=title).wait_for(timeout=10_000)

    assert page.evaluate("window.stays")
    assert page.locator("#find").input_value() == topic
    assert not page.locator("#feed-cities").is_visible()


def test_a_change_before_the_event_stream_opens_is_shown(visit, sample):
    """A change between the response with the page and the connection of the event stream is not missed."""
    visitor, held = visit(), []
    visitor.context.route("**/-/events", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no built-in
    page = visitor.open("oceans/")
    page.evaluate("window.stays = true")
    wait_until(lambda: held or page.wait_for_timeout(20), what="the page does not listen")
    publish(sample, "between", "Zebra between")
    assert page.locator("article", has_text="Zebra between").count() == 0
    held[0].continue_()
    page.locator("article", has_text="Zebra between").wait_for(timeout=10_000)
    assert page.evaluate("window.stays")


BEHIND = "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
IN_FRONT = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
"""Hide or show a tab: every tab of this browser believes to be visible."""


@pytest.mark.slow
def test_many_tabs_can_be_open(visit, sample):
    """A browser opens six connections to a server: hidden tabs use none, and catch up when they are shown."""
    visitor = visit()
    tabs = [visitor.open("oceans/")]
    visitor.context.add_init_script(BEHIND)
    for path in ("", "all/", "solar/", "space/", "weather/", "oceans/", "oceans/"):
        tabs.append(visitor.context.new_page())
        tabs[-1].goto(sample.address + path, timeout=10_000)
    tabs[0].evaluate(f"{BEHIND} document.dispatchEvent(new Event('visibilitychange'))")
    publish(sample, "tabs", "Zebra in tabs")
    tabs[0].wait_for_timeout(300)
    for tab in (tabs[0], tabs[-1]):
        assert tab.locator("article", has_text="Zebra in tabs").count() == 0
        tab.evaluate(IN_FRONT)
        tab.locator("article", has_text="Zebra in tabs").wait_for(timeout=10_000)


def test_a_feeds_page_changes_by_itself(visit, sample):
    """An edited title is replaced in place, and unfolded related coverage stays unfolded."""
    publish(sample, "page", "Zebra one")
    visitor = visit()
    page = visitor.open("oceans/")
    page.locator("article", has_text="Zebra one").wait_for(timeout=10_000)
    page.locator("summary", has_text="Related").first.click()
    page.locator("article details[open]").wait_for(timeout=10_000)
    text = (sample.folder / "seeds/page.md").read_text()
    (sample.folder / "seeds/page.md").write_text(text.replace("Zebra one", "Zebra two"))
    page.locator("article", has_text="Zebra two").wait_for(timeout=10_000)

    assert page.locator("article", has_text="Zebra one").count() == 0
    assert page.locator("article details[open]").count() == 1


def test_a_pressed_button_is_not_replaced(visit, sample):
    """A change between the press and the release of a button waits, and the button works."""
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    page.wait_for_timeout(300)  # until it has checked once whether anything changed
    card = page.locator("#feed-all")
    card.get_by_role("button", name="Copy").hover()
    page.mouse.down()
    publish(sample, "pressed", "Zebra pressed")
    page.wait_for_timeout(500)
    assert "Zebra pressed" not in card.inner_text()
    page.mouse.up()
    page.locator("#said", has_text="Copied").wait_for(state="attached")
    card.get_by_text("Zebra pressed").wait_for(timeout=10_000)


@pytest.mark.slow
def test_unchanged_parts_of_a_page_are_not_replaced(visit, sample):
    """Changes do not disturb what somebody reads, selects or types, on a feed's page and the status page."""
    publish(sample, "alone", "Zebra alone")
    page = visit().open("oceans/")
    page.locator("article", has_text="Zebra alone").locator("h2").evaluate(
        "title => getSelection().selectAllChildren(title)"
    )
    before = page.locator("article").count()
    publish(sample, "beside", "Zebra beside")
    page.locator("article", has_text="Zebra beside").wait_for(timeout=10_000)
    assert page.evaluate("getSelection().toString().trim()") == "Zebra alone"
    assert page.locator("article").count() == before + 1

    status = visit().open("-/status")
    status.locator("#q").fill("half a wo")
    status.evaluate("document.getElementById('facts').id = 'old'")
    publish(sample, "typed", "Zebra typed")
    status.locator("#facts").wait_for(timeout=10_000)
    assert status.evaluate("[document.activeElement.id, document.activeElement.value]") == ["q", "half a wo"]


@pytest.mark.slow
def test_an_empty_feeds_page_shows_its_first_item(chromium, tmp_path):
    """A feed that gets its first item while its page is open, and loses it again, is shown correctly."""
    quiet = Sample(tmp_path)
    (quiet.folder / "config/topics/quiet.yaml").write_text("_id: quiet\nname: Quiet\n")
    quiet.start()
    visitor = Visit(chromium, quiet)
    publish(quiet, "first", "Zebra first", topic="Quiet")
    (quiet.folder / "seeds/first.md").unlink()
    page = visitor.open("quiet/")
    page.get_by_text("No items right now.").wait_for(timeout=10_000)
    assert page.locator("#last-change").count() == 0
    publish(quiet, "second", "Zebra second", topic="Quiet")
    page.locator("article", has_text="Zebra second").wait_for(timeout=10_000)
    assert page.locator("footer #last-change time").count() == 1
    assert page.locator("main > p").count() == 0
    (quiet.folder / "seeds/second.md").unlink()
    page.get_by_text("No items right now.").wait_for(timeout=10_000)
    assert page.locator("#last-change").count() == 0
    visitor.context.close()
    quiet.stop()


@pytest.mark.slow
@looks
@pytest.mark.parametrize("path", ["", "all/", "oceans/", "-/status", "-/explain?q=nothing"])
def test_pages_are_accessible(visit, width, scheme, path):
    """axe-core finds no violation, and no page scrolls sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(width=width, scheme=scheme).open(path)
    found = axe.run(page).response["violations"]

    assert [(one["id"], one["impact"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def wordy(tmp_path_factory):
    """Serve a site with topics whose names are long or right-to-left."""
    made = Sample(tmp_path_factory.mktemp("wordy"))
    made.trust_local()
    topics = made.folder / "config/topics"
    (topics / "long.yaml").write_text(f"_id: long\nname: {LONG}\n")
    (topics / "hebrew.yaml").write_text("_id: hebrew\nname: חדשות מהנמל\nparent: long\n")
    made.seed(
        "wordy.md", title="חדשות מהנמל בשנת 2026", publishedDateTime="2026-05-11T10:10:00Z",
        webUrl="https://live.example.org/wordy", topics="[hebrew]", tags=f"['#{LONG}']", quality=100,
    )  # fmt: skip
    made.seed(
        "wordy-two.md", title="In two languages", publishedDateTime="2026-05-11T10:10:00Z", topics="[long]", quality=100,
        webUrl="https://live.example.org/2", related="[{title: חדשות, webUrl: 'https://news.example/', quality: 90}]",
    )  # fmt: skip
    made.start()
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "long/", "hebrew/", "-/status"])
def test_long_words_and_large_letters_fit_a_phone(chromium, wordy, path):
    """At 320 px no page scrolls sideways, nor with letters of twice the size (WCAG 2.2, 1.4.4 and 1.4.10)."""
    visitor = Visit(chromium, wordy, width=320)
    page = visitor.open(path)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    widths = []
    for size in ("100%", "200%"):
        page.evaluate("size => document.documentElement.style.fontSize = size", size)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    visitor.context.close()

    assert max(widths) <= 320


LEFT_OF = """(element) => [0, element.textContent.length - 1].map((place) => {
  const range = document.createRange();
  range.setStart(element.firstChild, place);
  range.setEnd(element.firstChild, place + 1);
  return range.getBoundingClientRect().left;
})"""
"""Returns the left edges of the first and the last letter of an element."""


FROM_LEFT = """(element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  return [range, element].map((one) => one.getBoundingClientRect().left);
}"""
"""Returns the left edges of an element's text and of the element."""


def test_right_to_left_text_does_not_reorder_its_surroundings(chromium, wordy):
    """A date beside a Hebrew title is left-to-right; a Hebrew name in the path is behind its slash."""
    visitor = Visit(chromium, wordy)
    card = visitor.open().locator("#feed-hebrew")
    dates = [card.locator("time").evaluate(LEFT_OF), card.locator("small").last.evaluate(LEFT_OF)]
    page = visitor.open("hebrew/")
    dates.append(page.locator("article time").evaluate(LEFT_OF))
    words, whole = page.locator("[aria-current]").evaluate(FROM_LEFT)
    article, source = page.locator("article > div").bounding_box(), page.locator("article time").bounding_box()
    visitor.context.close()

    assert all(first < last for first, last in dates)
    assert words > whole + 5  # room for the slash
    assert abs(source["x"] + source["width"] - article["x"] - article["width"]) < 2


@pytest.mark.slow
def test_everything_can_be_reached_by_keyboard(visit):
    """Tab visits every link and button in order, each with an outline."""
    page = visit().open()
    stops = page.locator("a:visible, button:visible, input:visible, summary:visible").count()
    seen = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "[[...document.querySelectorAll('body *')].indexOf(document.activeElement),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    places = [place for place, _ in seen if place >= 0]
    assert len(set(places)) >= stops - 1
    assert places == sorted(places)
    assert {outline for place, outline in seen if place >= 0} <= {"solid", "auto"}


def test_pages_opened_from_the_disk_lead_to_each_other(chromium, sample):
    """A card links to its page, not to the listing of a folder, and the page links back."""
    visitor = Visit(chromium, sample)
    visitor.context.unroute_all()
    page = visitor.page
    page.goto((sample.folder / "feeds/index.html").as_uri())
    page.locator("#feed-solar a").first.click()
    page.wait_for_url("**/solar/index.html")
    page.locator(".crumbs a").first.click()
    page.wait_for_url("**/feeds/index.html")
    page.locator("#find").wait_for()
    visitor.context.close()


def test_pages_work_without_javascript(visit):
    """Titles, links and dates are there; controls that need a script are not."""
    page = visit(java_script_enabled=False).open()

    assert page.locator("#feed-solar a").count() == 2
    assert page.locator(".address").inner_text() == f"{page.url}all/rss.xml"
    page.locator("summary", has_text="Other formats").click()
    assert page.locator("#feed-all .f a:visible").count() == 4
    assert not page.locator("#find").is_visible()
    assert page.locator("button:visible").count() == 0
    assert page.locator("time").first.inner_text().strip() != ""


def test_the_owner_sees_the_status_page(visit, sample):
    """The one-time link opens the status page: the daemon is healthy, what is held back, a link to an explanation."""
    link = sample.link()
    page = visit().open(link)
    page.wait_for_url("**/-/status")
    assert page.context.cookies()[0]["httpOnly"]
    assert page.context.cookies()[0]["sameSite"] == "Strict"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(sample.address + link, timeout=5)

    assert "All is well" in page.locator("body").inner_text()
    page.locator("#held-quality summary").click()
    page.locator("a[href*='explain?q='][href*='low-quality']").first.click()
    page.wait_for_load_state()
    assert "(rule: quality)" in page.locator("body").inner_text()


@pytest.mark.slow
def test_an_open_status_page_shows_new_problems(chromium, tmp_path):
    """A problem changes no feed: the page polls, and shows if the daemon does not answer."""
    troubled = Sample(tmp_path)
    troubled.trust_local()
    troubled.start()
    visitor = Visit(chromium, troubled)
    visitor.page.clock.install()
    page = visitor.open("-/status")
    page.get_by_text("All is well").wait_for()
    (tmp_path / "seeds").rename(tmp_path / "away")
    wait_until(lambda: not troubled.is_ready(), what="the daemon does not miss its seeds")
    page.clock.fast_forward(15_000)
    page.get_by_text("Needs attention").wait_for(timeout=10_000)
    (tmp_path / "away").rename(tmp_path / "seeds")
    wait_until(troubled.is_ready, what="the daemon does not find its seeds again")
    page.clock.fast_forward(15_000)
    page.get_by_text("All is well").wait_for(timeout=10_000)
    troubled.stop()
    page.clock.fast_forward(15_000)
    page.get_by_text("No answer").wait_for(timeout=10_000)
    troubled.start()
    page.clock.fast_forward(15_000)
    page.get_by_text("All is well").wait_for(timeout=10_000)
    visitor.context.close()
    troubled.stop()
