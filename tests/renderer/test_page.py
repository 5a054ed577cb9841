"""The pages are well formed, small, link everywhere they should, and allow no script but ours."""

import base64
import hashlib
import itertools
import re
from datetime import timedelta

import msgspec
import pytest
from lxml import html

from aggregator.model.feeds import DAYS_COUNTED, SITE_FEED
from aggregator.renderer import layout, page

VOID = {"meta", "link", "img", "input"}
CLOSED_BY_THE_NEXT = {"li", "p"}
"""Elements whose end tags are optional (HTML §13.1.2.4); cards leave them out."""


@pytest.fixture(params=["feed", "empty", "index"])
def body(request, feed, empty, site, summaries):
    if request.param == "index":
        return page.render_index(summaries, site).body.decode()
    return page.render({"feed": feed, "empty": empty}[request.param], site, summaries).body.decode()


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
        " img-src http: https:; base-uri 'none'; form-action 'none'"
    )
    assert tree.xpath("//@style | //@*[starts-with(name(), 'on')]") == []


def test_what_only_the_script_can_do_is_hidden_without_it(summaries, site):
    """Without the script the search field is hidden, and there are no buttons."""
    tree = html.fromstring(page.render_index(summaries, site).body)

    assert tree.xpath("//input/ancestor::*[@hidden]//label[@for='find']")
    assert tree.xpath("//*[@id='shown' or @id='said']/@role") == ["status", "status"]
    assert tree.xpath("//button") == []


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
    """It keeps to 100 kB by showing less on each card; the cards of few feeds show everything."""
    few, lots = (page.render_index(tuple(many(summarise, count)), site).body for count in (5, 200))

    assert len(lots) < page.MAX_PAGE_BYTES == 100_000
    assert len(hrefs(lots, "//p[@class='f']/a")) == 600
    assert len(html.fromstring(lots).xpath("//svg[@role='img']")) == 200
    assert f"Everything there is to know of 4. {'Everything there is to know of 4. ' * 3}".encode() in few
    assert b"What 199 is up to" in lots


@pytest.mark.parametrize("count", [300, 700])
def test_the_cards_of_many_feeds_are_cached(summarise, site, count):
    """An edit renders one card again, not all cards in every length that may fit."""
    summaries = tuple(many(summarise, count))
    page.render_index(summaries, site)
    before = page._card.cache_info().misses
    page.render_index(summaries, site)

    assert page._card.cache_info().misses == before


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

    assert {f"feed-{one.spec.slug}" for one in summaries} == set(tree.xpath("//main//@id"))


def test_cards_show_items_per_day(summarise, site):
    """The bars of every feed end with the day of the site's newest item, not of the feed's own."""
    now = summarise("now", "Now")
    then = now.newest_published - timedelta(days=2)
    before = msgspec.structs.replace(summarise("then", "Then"), newest_published=then, daily=(0,) * 28 + (1, 2))
    tree = html.fromstring(page.render_index((now, before), site).body)

    assert tree.xpath("//*[@id='feed-then']/svg/@aria-label") == ["3 items in 30 days, at most 2 a day"]
    assert tree.xpath("//*[@id='feed-then']/svg/path/@d") == ["M0 9h26V4h1V0h1V9h2"]


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
    """The index links to each feed's page and formats once, and to the list of all feeds."""
    body = page.render_index(summaries, site).body
    pages = hrefs(body, "//h2/a | //h3/a")

    assert sorted(f"{one.spec.slug}/" for one in summaries) == sorted(pages)
    assert len(summaries) * 3 == len(hrefs(body, "//p[@class='f']/a"))
    assert hrefs(body, "//a[@type='text/x-opml']") == ["feeds.opml"]


def test_index_explains_the_extension(summaries, site):
    """The anchor that JSON feeds point to exists."""
    assert b'id="json-extension"' in page.render_index(summaries, site).body


def test_empty_site(site):
    """A site without any feed has an index that says so."""
    assert b"No topics yet." in page.render_index((), site).body


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


@pytest.mark.parametrize("name", ["style.css", "status.css"])
def test_styles_use_only_the_named_colours(name):
    """Other colours would escape the test above; black in a mask is not a colour."""
    found = set(
        re.findall(r"(?<!-)#[0-9a-f]{3,6}\b", re.sub(r"--\w+:#\w+|#000 0", "", layout.minify_css(layout._source(name))))
    )

    assert found - {"#facts"} == set()


def test_styles_use_no_undefined_variable():
    """A browser ignores a declaration with an undefined variable: gaps vanish and words touch."""
    styles = layout._source("style.css") + layout._source("status.css")

    assert set(re.findall(r"var\((--\w+)\)", styles)) <= set(re.findall(r"(--\w+):", styles))


def test_motion_is_off_for_those_who_ask(site):
    """The only animation is in the media query for people who do not ask for reduced motion."""
    style = layout._source("style.css")
    before, _, after = style.partition("@media (prefers-reduced-motion: no-preference) {")

    assert "animation" not in before
    assert after.index("animation: fresh") < after.index("/* A feed's page. */")
    assert "transition" not in style
