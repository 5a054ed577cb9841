"""What people see and do, in a real browser on the site that the daemon serves."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.running_daemon import wait_until

from .conftest import LOOKS, Sample, Visit

PICTURES = Path(__file__).parents[2] / "pictures"
LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)


def publish(sample, name, title, topic="Oceans"):
    """Save a seed, and wait until its feed's page on the disk shows it."""
    sample.seed(
        f"{name}.md", title=title, publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl=f"https://live.example.org/{name}", topics=f"[{topic}]", quality=100,
    )  # fmt: skip
    page = sample.folder / f"feeds/{topic.lower()}/index.html"
    wait_until(lambda: page.exists() and title in page.read_text(), what=f"{title} is not published")


@looks
def test_a_visitor_finds_feeds_by_search(visit, width, scheme):
    """`/` goes to the search field, what is typed leaves the cards that match, Escape brings all of them back."""
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
    """The button puts the feed's absolute address on the clipboard, and says so to those who cannot see it."""
    visitor = visit(width=width, scheme=scheme)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    page.locator("#feed-solar").get_by_role("button", name="Copy").click()
    page.wait_for_function("document.getElementById('said').textContent.includes('Copied')")

    assert page.evaluate("navigator.clipboard.readText()") == f"{visitor.sample.address}solar/rss.xml"


def test_every_link_of_the_index_leads_to_what_it_says(visit):
    """RSS, Atom, JSON, OPML and pages: each is there, of the right type, and can be read as what it is."""
    page = visit().open()
    types = {"rss.xml": "application/rss+xml", "atom.xml": "application/atom+xml", "feed.json": "application/feed+json"}
    seen = set()
    for address in page.evaluate("[...document.querySelectorAll('a')].map(link => link.href)"):
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
    """While the page is open a seed is saved: its card shows it within seconds, without a reload; search stays."""
    page = visit(width=width, scheme=scheme).open()
    page.evaluate("window.stays = true")
    topic = {(1280, "light"): "Shipping", (1280, "dark"): "Weather", (360, "light"): "Solar"}.get(
        (width, scheme), "Space"
    )
    page.keyboard.press("/")
    page.keyboard.type(topic)
    page.wait_for_timeout(300)  # for the stream of events to open: nothing on the page tells
    title = f"News for {width} px in the {scheme}"
    sample.seed(
        f"live-{width}-{scheme}.md", title=title, publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"),
        webUrl=f"https://live.example.org/{width}/{scheme}", topics=f"[{topic}]", quality=100,
    )  # fmt: skip
    page.locator(f"#feed-{topic.lower()}", has_text=title).wait_for(timeout=10_000)

    assert page.evaluate("window.stays")
    assert page.locator("#find").input_value() == topic
    assert not page.locator("#feed-cities").is_visible()


def test_what_changes_before_the_page_listens_is_shown_too(visit, sample):
    """Between the answer that is the page and the connection that tells of news lies a moment."""
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
"""Put a tab behind others, or back: each tab of this browser takes itself for seen."""


def test_many_tabs_can_be_open(visit, sample):
    """A browser keeps six connections to a server: tabs in the background take none, and catch up once they are seen."""
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
    """An edited title is replaced in place, and related coverage that was unfolded stays so."""
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


def test_what_is_pressed_stays_until_it_is_let_go(visit, sample):
    """News that come between the press and the release of a button wait that long; the button does what it says."""
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    page.wait_for_timeout(300)  # it has asked once whether anything changed
    card = page.locator("#feed-oceans")
    card.get_by_role("button", name="Copy").hover()
    page.mouse.down()
    publish(sample, "pressed", "Zebra pressed")
    page.wait_for_timeout(500)
    assert "Zebra pressed" not in card.inner_text()
    page.mouse.up()
    page.wait_for_function("document.getElementById('said').textContent.includes('Copied')")
    card.get_by_text("Zebra pressed").wait_for(timeout=10_000)


def test_what_did_not_change_is_left_alone(visit, sample):
    """News come in beside what somebody reads, selects or types, on a feed's page and on the status page."""
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


def test_a_page_that_was_empty_says_when_it_changed(chromium, tmp_path):
    """A feed that gets its first item while its page is open, and loses it again, is shown as it is."""
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


@looks
@pytest.mark.parametrize("path", ["", "all/", "oceans/", "-/status", "-/explain?q=nothing"])
def test_nothing_stands_in_anybodys_way(visit, width, scheme, path):
    """axe-core finds nothing, and nothing has to be scrolled sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(width=width, scheme=scheme).open(path)
    found = axe.run(page).response["violations"]

    assert [(one["id"], one["impact"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def wordy(tmp_path_factory):
    """Serve a site whose topics have names that are long, or read from right to left."""
    made = Sample(tmp_path_factory.mktemp("wordy"))
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


@pytest.mark.parametrize("path", ["", "long/", "hebrew/", "-/status"])
def test_long_words_and_large_letters_fit_a_phone(chromium, wordy, path):
    """At 320 px nothing has to be scrolled sideways, at twice the size of letters neither (WCAG 2.2, 1.4.4 and 1.4.10)."""
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
"""Says how far left the first and the last letter of an element stand."""


FROM_LEFT = """(element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  return [range, element].map((one) => one.getBoundingClientRect().left);
}"""
"""Says how far left an element's words stand, and itself."""


def test_words_from_right_to_left_leave_others_as_they_are(chromium, wordy):
    """A date beside a Hebrew title is read from left to right; a Hebrew name in the path stands behind its slash."""
    visitor = Visit(chromium, wordy)
    card = visitor.open().locator("#feed-hebrew")
    dates = [card.locator("time").evaluate(LEFT_OF), card.locator("small").evaluate(LEFT_OF)]
    page = visitor.open("hebrew/")
    dates.append(page.locator("article time").evaluate(LEFT_OF))
    words, whole = page.locator("[aria-current]").evaluate(FROM_LEFT)
    article, source = page.locator("article > div").bounding_box(), page.locator("article time").bounding_box()
    visitor.context.close()

    assert all(first < last for first, last in dates)
    assert words > whole + 5  # room for the slash
    assert abs(source["x"] + source["width"] - article["x"] - article["width"]) < 2


def test_everything_can_be_reached_by_keyboard(visit):
    """Tab visits every link and button in order, each with an outline."""
    page = visit().open()
    stops = page.locator("a:visible, button:visible, input:visible, summary:visible").count()
    seen = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("[document.activeElement.outerHTML, getComputedStyle(document.activeElement).outlineStyle]")
        )
    assert len({html for html, _ in seen}) >= stops - 1
    assert {outline for html, outline in seen if not html.startswith("<body")} <= {"solid", "auto"}


def test_pages_opened_from_the_disk_lead_to_each_other(chromium, sample):
    """As the README says: a card leads to its page, not to the list of a folder's files, and that leads back."""
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


def test_without_javascript_the_page_is_whole(visit):
    """Titles, links and dates are there; what only a script can do is not."""
    page = visit(java_script_enabled=False).open()

    assert page.locator("#feed-solar a").count() >= 4
    assert not page.locator("#find").is_visible()
    assert page.locator("button:visible").count() == 0
    assert page.locator("time").first.inner_text().strip() != ""


def test_the_owner_sees_how_all_is(visit, sample):
    """The status page says that all is well, what is held back, and leads to an explanation."""
    page = visit().open("-/status")

    assert "All is well" in page.locator("body").inner_text()
    page.locator("#held-quality summary").click()
    page.locator("a[href*='explain?q='][href*='low-quality']").first.click()
    page.wait_for_load_state()
    assert "(rule: quality)" in page.locator("body").inner_text()


def test_the_open_status_page_does_not_say_that_all_was_well(chromium, tmp_path):
    """What goes wrong changes no feed: the page asks by itself, and says so where nobody answers."""
    troubled = Sample(tmp_path)
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


def test_the_picture_in_the_readme(chromium, tmp_path):
    """The README's picture is what this test sees; AGGREGATOR_PICTURES=1 takes it anew."""
    untouched = Sample(tmp_path)
    untouched.start()
    visitor = Visit(chromium, untouched)
    page = visitor.open()
    page.wait_for_function("[...document.querySelectorAll('time')].some(time => time.textContent.includes('ago'))")
    folder = PICTURES if os.environ.get("AGGREGATOR_PICTURES") else tmp_path
    page.screenshot(path=folder / "index.png", clip={"x": 0, "y": 0, "width": 1280, "height": 1080}, full_page=True)
    visitor.context.close()
    untouched.stop()

    assert (folder / "index.png").stat().st_size > 20_000
    assert "tests/pictures/index.png" in (Path(__file__).parents[3] / "README.md").read_text()
