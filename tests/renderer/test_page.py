"""The pages are well formed, small, link everywhere they should, and allow no script but ours."""

import base64
import hashlib
import itertools
import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from aggregator.model.feeds import DAYS_COUNTED, SITE_FEED, ArchivePosition
from aggregator.renderer import colours, layout, notices, page, wording

VOID = {"meta", "link", "img", "input"}
CLOSED_BY_THE_NEXT = {"li", "p"}
"""Elements whose end tags are optional (HTML §13.1.2.4); cards leave them out."""


@pytest.fixture(params=["feed", "empty", "index", "list", "month"])
def body(request, feed, empty, site, summaries):
    if request.param == "index":
        return page.render_index(summaries, site).body.decode()
    if request.param == "list":
        return page.render_index((*summaries, *many(request.getfixturevalue("summarise"), 60)), site).body.decode()
    if request.param == "month":
        return page.render_month(in_month(feed), site, [one.spec for one in summaries]).body.decode()
    return page.render({"feed": feed, "empty": empty}[request.param], site, summaries).body.decode()


def in_month(feed, folder="2026-10", prev="2026-09", following=""):
    position = ArchivePosition(folder=folder, prev=prev, next=following)
    return msgspec.structs.replace(feed, archive_position=position)


def hrefs(body, path):
    return [link.get("href") for link in html.fromstring(body).xpath(path)]


def test_balanced(body):
    """Every element that is opened is closed, in order."""
    open_tags = []
    markup = re.sub(r"(?s)<(style|script)>.*?</\1>", "", body)
    for closing, tag in re.findall(r"<(/?)([a-z]\w*)(?![^<>]*\"/>)", markup):
        if tag in VOID | CLOSED_BY_THE_NEXT:
            continue
        if closing:
            assert tag == open_tags.pop()
        else:
            open_tags.append(tag)

    assert open_tags == []


def test_ids_and_headings(body):
    """There is one h1, no heading level is skipped, and no id is used twice."""
    tree = html.fromstring(body)
    levels = [int(heading.tag[1]) for heading in tree.xpath("//h1|//h2|//h3|//h4|//h5|//h6")]
    ids = tree.xpath("//@id")

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert len(set(ids)) == len(ids)


def digest_of(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_policy_allows_only_our_style_and_script(body):
    """They are allowed by their hashes; nothing else may run, and no attribute holds a style or script."""
    tree = html.fromstring(body)
    (style,), (script,) = tree.xpath("//style/text()"), tree.xpath("//script/text()")
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")

    assert policy == (
        f"default-src 'none'; style-src {digest_of(style)}; script-src {digest_of(script)}; connect-src 'self';"
        " img-src http: https: data:; base-uri 'none'; form-action 'none'"
    )
    assert tree.xpath("//@style | //@*[starts-with(name(), 'on')]") == []


def test_what_only_the_script_can_do_is_hidden_without_it(summaries, site):
    """Without the script the search field is hidden, and there are no buttons."""
    tree = html.fromstring(page.render_index(summaries, site).body)

    assert tree.xpath("//input/ancestor::*[@hidden]//label[@for='find']")
    assert tree.xpath("//*[@id='shown' or @id='said']/@role") == ["status", "status"]
    assert tree.xpath("//button") == []


@pytest.mark.parametrize("body", ["feed", "empty", "index", "list"], indirect=True)
def test_alternates_have_distinct_titles(body):
    """Each format is linked under its own title, with an absolute URL."""
    links = html.fromstring(body).xpath("//link[@rel='alternate']")
    titles = [link.get("title") for link in links]

    assert {"application/rss+xml", "application/atom+xml", "application/feed+json"} <= {
        link.get("type") for link in links
    }
    assert len(set(titles)) == len(titles)
    assert all(link.get("href").startswith("https://feeds.example.org/") for link in links)


def many(summarise, count):
    for number in range(count):
        one = summarise(f"neighbourhood-{number}", f"Neighbourhood {number}", newest=f"What {number} is up to " * 8)
        spec = msgspec.structs.replace(one.spec, description=f"Everything there is to know of {number}. " * 5)
        daily = tuple((number * day) % 7 for day in range(DAYS_COUNTED))
        yield msgspec.structs.replace(one, spec=spec, daily=daily)


def test_the_index_of_200_feeds_is_small(summarise, site):
    """It is a compact list and keeps to 100 kB; the cards of few feeds show everything."""
    few, lots = (page.render_index(tuple(many(summarise, count)), site).body for count in (5, 200))

    assert len(lots) < page.MAX_PAGE_BYTES == 100_000
    assert len(hrefs(lots, "//ul[@class='list']/li/a")) == 200
    assert len(html.fromstring(lots).xpath("//li/svg[@role='img']")) == 171  # the others have no items
    assert f"Everything there is to know of 4. {'Everything there is to know of 4. ' * 3}".encode() in few
    assert "What 4 is up to" in few.decode()


@pytest.mark.parametrize("count", [300, 700])
def test_the_cards_of_many_feeds_are_cached(summarise, site, count):
    """An edit renders one card again, not all cards in every length that may fit."""
    summaries = tuple(many(summarise, count))
    page.render_index(summaries, site)
    before = page._card.cache_info().misses + page._row.cache_info().misses
    page.render_index(summaries, site)

    assert page._card.cache_info().misses + page._row.cache_info().misses == before


def test_a_page_of_50_items_is_small(feed, site, summaries):
    """A page of 50 items with summary, picture, tags and related coverage keeps to 100 kB."""
    items = tuple(
        msgspec.structs.replace(feed.items[0], link=f"https://paper.example/{number}", summary="So it goes. " * 40)
        for number in range(50)
    )

    assert len(page.render(msgspec.structs.replace(feed, items=items), site, summaries).body) < page.MAX_PAGE_BYTES


def test_a_page_of_50_long_items_is_small(feed, site, summaries):
    """If all items are as long as possible, each shows less; titles and short summaries stay complete."""
    one, short = feed.items[0], feed.items[1]
    related = tuple(
        msgspec.structs.replace(one.related[0], link=f"https://other.example/{number}") for number in range(50)
    )
    wide = {"title": "長" * 300, "summary": "長い要約" * 500, "related": related, "tags": tuple(map(str, range(100)))}
    items = tuple(msgspec.structs.replace(one, link=f"https://paper.example/{number}", **wide) for number in range(49))
    longest, long = (
        page.render(msgspec.structs.replace(feed, items=(*items[:count], short)), site, summaries).body
        for count in (49, 12)
    )

    assert max(len(longest), len(long)) < page.MAX_PAGE_BYTES
    assert longest.decode().count("長" * 300) == 49
    assert "長い要約" * 50 in long.decode()
    assert short.summary in long.decode()


def test_subscribe_row(feed, site, summaries):
    """A feed's page offers the feed in all three formats."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//p[@class='f']/a") == ["rss.xml", "atom.xml", "feed.json"]


def test_cards_have_stable_ids(summaries, site):
    """Each feed's card has an id with its slug, so that an update replaces only that card."""
    tree = html.fromstring(page.render_index(summaries, site).body)

    assert {f"feed-{one.spec.slug}" for one in summaries} == set(tree.xpath("//main//@id")) - {"main"}


def test_cards_show_items_per_day(summarise, site):
    """The bars of every feed end with the day of the site's newest item, not of the feed's own."""
    now = summarise("now", "Now")
    then = now.newest_published - timedelta(days=2)
    before = msgspec.structs.replace(summarise("then", "Then"), newest_published=then, daily=(0,) * 28 + (1, 2))
    tree = html.fromstring(page.render_index((now, before), site).body)

    (bars,) = tree.xpath("//*[@id='feed-then']//svg")
    assert bars.findtext("title") == "3 items in 30 days, at most 2 a day"
    assert bars.find("path").get("d") == "M0 9h26V4h1V0h1V9h2"
    assert (bars.get("data-n").split(",")[26:], bars.get("data-d")) == (["1", "2", "0", "0"], "2026-10-03")
    assert bars.getnext().text == "3 in 30 days"


def test_moments_are_there_without_the_script(summaries, site):
    """A card shows the date of its newest item, and has the exact moment for machines."""
    tree = html.fromstring(page.render_index(summaries, site).body)
    (time,) = tree.xpath("//*[@id='feed-ai']//time")

    assert (time.text, time.get("datetime")) == ("3 Oct 2026", "2026-10-03T12:00:00Z")


def test_breadcrumb(feed, site, summaries):
    """The breadcrumb links to the topics above."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//nav//a") == ["../", "../technology/"]


def test_breadcrumb_of_everything(feed, site):
    """The breadcrumb of the feed with the site's title ends with "Everything", not with the same title again."""
    spec = msgspec.structs.replace(feed.spec, slug=SITE_FEED, title=site.title)
    tree = html.fromstring(page.render(msgspec.structs.replace(feed, spec=spec), site, ()).body)

    assert tree.xpath("//nav//li//text()[normalize-space()]") == [site.title, "Everything"]


def test_tags_link_to_their_feeds(feed, site, summaries):
    """A tag links to the feed with its slug, if there is one and it is not this page's."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//a[@rel='tag']") == ["../hardware/", "../space/"]


def test_items(feed, site, summaries):
    """Items link to their source, and have their moment and language."""
    tree = html.fromstring(page.render(feed, site, summaries).body.decode())

    assert [item.link for item in feed.items] == tree.xpath("//article//h2/a/@href")
    assert [item.title for item in feed.items] == tree.xpath("//article//h2/a/text()")
    assert tree.xpath("//article[1]//time/@datetime") == ["2026-10-03T12:00:00Z"]
    assert tree.xpath("//article/@lang") == ["en-us", "de", "ar"]
    assert tree.xpath("//article[1]//details//a/@href") == [one.link for one in feed.items[0].related]


def test_images_send_no_referrer(feed, site, summaries):
    """Images load lazily, send no referrer to their server, and have an alternative text."""
    images = html.fromstring(page.render(feed, site, summaries).body).xpath("//img")

    assert len(images) == 2
    assert {("lazy", "no-referrer")} == {(one.get("loading"), one.get("referrerpolicy")) for one in images}
    assert all(one.get("alt") is not None for one in images)


def test_empty_feeds_say_so(empty, site, summaries):
    """A feed without items says so on its page and on its card."""
    assert b"No items right now." in page.render(empty, site, summaries).body
    assert page.render_index(summaries, site).body.count(b"No items right now.") == 2


def test_index_leads_to_every_feed(summaries, site):
    """The index links to each feed's page once, to the formats of everything, and to the list of all feeds."""
    body = page.render_index(summaries, site).body
    pages = hrefs(body, "//h2/a | //h3/a")

    assert sorted(f"{one.spec.slug}/" for one in summaries) == sorted(pages)
    assert hrefs(body, "//details//p[@class='f']/a") == ["all/rss.xml", "all/atom.xml", "all/feed.json", "feeds.opml"]


def test_index_explains_the_extension(summaries, site):
    """The anchor that JSON feeds point to exists."""
    assert b'id="json-extension"' in page.render_index(summaries, site).body


def test_empty_site(site):
    """A site without any item has an index that says so, and tells its owner the next step."""
    body = page.render_index((), site).body
    assert b"Nothing is published yet" in body
    assert html.fromstring(body).xpath("//code/text()")[:2] == [
        'aggregator new "A first headline" --link "https://example.org/first"', "aggregator check",
    ]  # fmt: skip


def test_deep_topics(summarise, site):
    """Topics that are ten levels deep still have headings of a valid level."""
    chain = [summarise(f"t{n}", f"T{n}", parent=f"t{n - 1}") for n in range(10)]
    body = page.render_index(chain, site).body

    assert len(hrefs(body, "//h2/a | //h3/a | //h4/a | //h5/a | //h6/a")) == 10


def test_unknown_feed_has_a_page(feed, site):
    """A feed without a summary has a page too."""
    alone = msgspec.structs.replace(feed, spec=msgspec.structs.replace(feed.spec, parent="gone"))

    assert b"Artificial intelligence" in page.render(alone, site, ()).body


def luminance(colour):
    """Relative luminance of #rgb or #rrggbb (WCAG 2.2, "relative luminance")."""
    digits = colour.removeprefix("#")
    digits = "".join(two * 2 for two in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def schemes(site):
    """Return the light and the dark colours of the page's style by their names."""
    style = html.fromstring(page.render_index((), site).body).xpath("//style/text()")[0]
    light, dark = (dict(re.findall(r"--(\w+):(#\w+)", rule)) for rule in re.findall(r":root\{([^}]*)\}", style))
    return {"light": light, "dark": dark}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme, site):
    """The contrast of every text colour with every background is that of WCAG 2.2 AA (4.5:1)."""
    colours = schemes(site)[scheme]

    assert set(colours) == {"page", "ink", "soft", "line", "wash", "accent", "alarm"}
    for text, ground in itertools.product(("ink", "soft", "accent", "alarm"), ("page", "wash")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("name", ["base.css", "style.css", "entry.css", "status.css"])
def test_styles_use_only_the_named_colours(name):
    """Other colours would escape the test above; black in a mask is not a colour."""
    found = set(
        re.findall(r"(?<!-)#[0-9a-f]{3,6}\b", re.sub(r"--\w+:#\w+|#000 0", "", layout.minify_css(layout._source(name))))
    )

    assert found - {"#facts"} == set()


def test_styles_use_no_undefined_variable():
    """A browser ignores a declaration with an undefined variable: gaps vanish and words touch."""
    styles = "".join(map(layout._source, ("base.css", "style.css", "entry.css", "status.css")))

    assert set(re.findall(r"var\((--\w+)\)", styles)) <= set(re.findall(r"(--\w+):", styles))


def test_motion_is_off_for_those_who_ask(site):
    """The only animation is in the media query for people who do not ask for reduced motion."""
    style = layout._source("style.css")
    before, _, after = style.partition("@media (prefers-reduced-motion: no-preference) {")

    assert "animation" not in before
    assert after.index("animation: fresh") < after.index("/* A feed's page. */")
    assert "transition" not in style


# -- what the index and the pages of feeds lead to


def with_newest(one, link="https://paper.example/newest"):
    return msgspec.structs.replace(one, newest_link=link)


def test_headlines_of_cards_link(summaries, site):
    """The newest headline on a card leads to its item."""
    body = page.render_index([with_newest(one) for one in summaries], site).body

    assert set(hrefs(body, "//p[@class='n']/a")) == {"https://paper.example/newest"}
    assert len(hrefs(body, "//p[@class='n']/a")) == sum(bool(one.count) for one in summaries)


@pytest.mark.parametrize("body", ["feed", "empty", "index", "list"], indirect=True)
def test_the_primary_action_is_the_address(body):
    """The address is there to be read, once; no page leads a person into XML by its first action."""
    tree = html.fromstring(body)

    assert len(tree.xpath("//code[@class='address']")) == 1
    assert tree.xpath("//a//code[@class='address']") == []
    assert [link for link in tree.xpath("//a[not(ancestor::details)]/@href") if "xml" in link or "json" in link] == []


@pytest.mark.parametrize("count", [39, 41])
def test_more_than_40_feeds_are_a_compact_list(summarise, site, count):
    """Above 40 feeds there are no cards but rows, each below its topic, with what they are sorted by."""
    chain = [summarise(f"t{n:02}", f"T{n:02}", parent=f"t{n - 1:02}" if n % 5 else "") for n in range(count)]
    tree = html.fromstring(page.render_index(chain, site).body)

    assert bool(tree.xpath("//ul[@class='list']")) == bool(tree.xpath("//select[@id='sort']")) == (count > 40)
    assert len(tree.xpath("//*[starts-with(@id, 'feed-t')]")) == count
    if count > 40:
        assert tree.xpath("//ul[@class='list']/li[position() < 6]/@class") == ["l1", "l2", "l3", "l3"]
        assert tree.xpath("//option/text()") == ["topic", "name", "newest", "busiest"]


def test_a_month_for_people(feed, site, summaries):
    """A page of the archive has the items, links to its neighbours and the feed, and its tags lead up three folders."""
    made = page.render_month(in_month(feed, "2026-10", "2026-10-16", ""), site, [one.spec for one in summaries])
    tree = html.fromstring(made.body.decode())

    assert made.name == "ai/archive/2026-10/index.html"
    assert tree.xpath("//h1/text()") == ["October 2026"]
    assert [item.link for item in feed.items] == tree.xpath("//article//h2/a/@href")
    assert tree.xpath("//a[@rel='prev']/@href")[0] == "../2026-10-16/"
    assert tree.xpath("//a[@rel='prev']/text()")[0] == "October 2026, to the 16th"
    assert tree.xpath("//a[@rel='next']/@href")[0] == "../../"
    assert hrefs(made.body, "//nav[@class='crumbs']//a") == ["../../../", "../../../technology/", "../../"]
    assert hrefs(made.body, "//a[@rel='tag']") == ["../../../hardware/", "../../../space/"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("2026-10", "October 2026"),
        ("2026-01-01", "January 2026, to the 1st"),
        ("2026-10-22T11", "October 2026, to the 22nd, 11:59"),
        ("2026-03-13T00-7f", "March 2026, to the 13th, 00:59 (part 7f)"),
    ],
)
def test_pages_of_archives_have_names(folder, name):
    """A page of an archive is called after its month and the end of its span."""
    assert wording.archive_page_name(folder) == name


def test_all_months_lead_to_their_pages(feed, site):
    """The list of months leads to pages for people."""
    body = page.render(msgspec.structs.replace(feed, months=("2026-10", "2025-12")), site, ()).body

    assert hrefs(body, "//nav[@class='months']//a") == ["archive/2026-10/", "archive/2025-12/"]


@pytest.mark.parametrize("has_more", [True, False])
def test_what_has_more_can_be_read_on(feed, site, has_more):
    """An item whose text tells more than its excerpt offers to read on; the text itself is not in the page."""
    one = msgspec.structs.replace(feed.items[0], content="<p>Much more of it.</p>", has_more=has_more)
    body = page.render(msgspec.structs.replace(feed, items=(one,)), site, ()).body

    assert hrefs(body, "//p[@class='more']/a") == ([one.link] if has_more else [])
    assert b"Much more of it" not in body


def test_a_crowded_month_is_small(feed, site):
    """A page of 100 items keeps to 100 kB."""
    items = tuple(
        msgspec.structs.replace(feed.items[0], link=f"https://paper.example/{number}", summary="So it goes. " * 40)
        for number in range(100)
    )

    assert len(page.render_month(in_month(msgspec.structs.replace(feed, items=items)), site, ()).body) < 100_000


def test_pages_say_what_they_are_to_those_who_share_them(body):
    """There are `og:` and `twitter:` tags, and an icon."""
    tree = html.fromstring(body)
    said = {one.get("property"): one.get("content") for one in tree.xpath("//meta[starts-with(@property, 'og:')]")}

    assert said["og:url"] == tree.xpath("//link[@rel='canonical']/@href")[0]
    assert said["og:title"] == tree.findtext(".//title")
    assert said.keys() >= {"og:type", "og:site_name", "og:description", "og:image"}
    assert tree.xpath("//meta[@name='twitter:card']/@content") == ["summary"]
    assert tree.xpath("//link[@rel='icon']/@href") == ["https://feeds.example.org/icon.png"]


@pytest.mark.parametrize(
    ("title", "letter"), [("harbour", "H"), ("“新闻”", "新"), ("<>", "&lt;"), ("🛰", "🛰"), ("", "?")]
)
def test_the_default_icon_is_the_initial(site, title, letter):
    """A site without an icon gets one with its first letter, which is well-formed SVG."""
    body = page.render_index((), msgspec.structs.replace(site, icon="", title=title)).body
    (address,) = html.fromstring(body).xpath("//link[@rel='icon']/@href")
    kind, _, drawn = address.partition(",")

    assert kind == "data:image/svg+xml"
    assert f">{letter}</text>" in unquote(drawn)
    assert ET.fromstring(unquote(drawn)).tag.endswith("svg")


# -- the accent


@given(st.integers(0, 0xFFFFFF).map("#{:06x}".format))
def test_any_accent_becomes_readable(accent):
    """Whatever colour is set: links, and the words on buttons, have the contrast of WCAG 2.2 AA in both schemes."""
    for scheme, grounds in colours.GROUNDS.items():
        for ground in grounds:
            assert contrast(colours.readable(accent, scheme), ground) >= 4.5


def test_a_readable_accent_stays(site):
    """A colour that is readable as it is stays, and is in the style of every page with a policy that allows it."""
    body = page.render_index((), msgspec.structs.replace(site, accent="#7a1f5c")).body.decode()
    (style,) = html.fromstring(body).xpath("//style/text()")

    assert "--accent:#7a1f5c" in style
    assert digest_of(style) in html.fromstring(body).xpath("//meta[@http-equiv]/@content")[0]


def test_the_grounds_are_those_of_the_style(site):
    """The accent is adjusted to the backgrounds that pages have."""
    found = schemes(site)
    for scheme, grounds in colours.GROUNDS.items():
        known = [found[scheme][name] for name in ("page", "wash")]
        assert [contrast(one, ground) for one, ground in zip(known, grounds, strict=True)] == [1, 1]


# -- what the server answers


@pytest.mark.parametrize(("removed", "words"), [(False, "Page not found"), (True, "This page was removed")])
def test_a_missing_page_has_a_search_field(site, removed, words):
    """It says what happened and leads to the index, with what is typed."""
    tree = html.fromstring(notices.missing(site, "../../", removed=removed))

    assert tree.xpath("//h1/text()") == [words]
    assert [(form.get("action"), form.get("method")) for form in tree.xpath("//form")] == [("../../", None)]
    assert tree.xpath("//form/input/@name") == ["q"]
    assert "form-action 'self'" in tree.xpath("//meta[@http-equiv]/@content")[0]


@pytest.mark.parametrize("removed", [False, True])
def test_a_missing_page_searches_items_where_everybody_may(site, removed):
    """One field, which leads to the page of what was found; feeds are found on the index, to which it links."""
    searched = msgspec.structs.replace(site, searches="daemon")
    body = notices.missing(searched, "../../", removed=removed)
    tree = html.fromstring(body)

    assert tree.xpath("//form/@action") == ["../../-/search"]
    assert tree.xpath("string(//form/label)") == "Search all items"
    assert tree.xpath("//form/input/@name") == ["q"]
    assert hrefs(body, "//main//a") == ["../../"]


@pytest.mark.parametrize(
    "way", [("./", "../", "atom.xml"), ("../../", "../../../", "../../atom.xml")], ids=["current", "archive"]
)
def test_an_opened_feed_explains_itself(feed, site, summaries, way):
    """It has the feed's title, its address to copy, a way to read it, and one to the file itself."""
    top, root, copied = way
    title = notices.title_of(page.render(feed, site, summaries).body)
    body = notices.opened_feed(site, title, address=f"{site.url}ai/atom.xml", file="atom.xml", top=top)
    tree = html.fromstring(body)

    assert tree.xpath("//h1/text()") == ["Artificial intelligence & <friends>"] == [title]
    (code,) = tree.xpath("//code[@class='address']")
    assert (code.text, code.get("data-href")) == (f"{site.url}ai/atom.xml", copied)
    assert hrefs(body, "//main//a") == [top, "atom.xml?raw"]
    assert hrefs(body, "//footer//a") == [root]
