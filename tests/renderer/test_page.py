"""The pages: well formed, without script, alike for the same feed, and leading everywhere they should."""

import base64
import hashlib
import itertools
import re

import msgspec
import pytest
from lxml import html

from aggregator.renderer import page

VOID = {"meta", "link", "img"}


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
    for closing, tag in re.findall(r"<(/?)([a-z]\w*)", re.sub(r"(?s)<style>.*?</style>", "", body)):
        if closing:
            assert tag == open_tags.pop()
        elif tag not in VOID:
            open_tags.append(tag)

    assert open_tags == []


def test_ids_and_headings(body):
    """There is one h1, no heading level is skipped, no id is given twice."""
    tree = html.fromstring(body)
    levels = [int(heading.tag[1]) for heading in tree.xpath("//h1|//h2|//h3|//h4|//h5|//h6")]
    ids = tree.xpath("//@id")

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert len(set(ids)) == len(ids)


def test_policy_allows_the_style_and_no_script(body):
    """The page's own style is allowed by its hash; scripts, also in attributes, are neither there nor allowed."""
    tree = html.fromstring(body)
    (style,) = tree.xpath("//style/text()")
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert tree.xpath("//script | //@style | //@*[starts-with(name(), 'on')]") == []


def test_alternates_have_distinct_titles(body):
    """Each format is announced, under a title of its own, with an absolute address."""
    links = html.fromstring(body).xpath("//link[@rel='alternate']")
    titles = [link.get("title") for link in links]

    assert {"application/rss+xml", "application/atom+xml", "application/feed+json"} <= {
        link.get("type") for link in links
    }
    assert len(set(titles)) == len(titles)
    assert all(link.get("href").startswith("https://feeds.example.org/") for link in links)


def test_small(body):
    """A page costs less than one round trip."""
    assert len(body.encode()) < 14_000


def test_subscribe_row(feed, site, summaries):
    """A feed's page offers the feed in all three formats."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//ul[@class='formats']//a") == ["../ai/rss.xml", "../ai/atom.xml", "../ai/feed.json"]


def test_breadcrumb(feed, site, summaries):
    """The breadcrumb leads up the topic tree."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//nav//a") == ["../", "../technology/"]


def test_tags_link_to_their_feeds(feed, site, summaries):
    """A tag links to the feed of its slug where there is one, and not to the page it stands on."""
    body = page.render(feed, site, summaries).body

    assert hrefs(body, "//a[@rel='tag']") == ["../hardware/", "../space/"]


def test_items(feed, site, summaries):
    """Items link to their source, say when they appeared, and carry their language."""
    tree = html.fromstring(page.render(feed, site, summaries).body.decode())

    assert [item.link for item in feed.items] == tree.xpath("//article//h2/a/@href")
    assert [item.title for item in feed.items] == tree.xpath("//article//h2/a/text()")
    assert tree.xpath("//article[1]//time/@datetime") == ["2026-10-03T12:00:00Z"]
    assert tree.xpath("//article/@lang") == ["en-us", "de", "ar"]
    assert tree.xpath("//article[1]//details//a/@href") == [one.link for one in feed.items[0].related]


def test_images_tell_nobody(feed, site, summaries):
    """Images load late, without telling their server which page asked for them, and have a text instead."""
    images = html.fromstring(page.render(feed, site, summaries).body).xpath("//img")

    assert len(images) == 2
    assert {("lazy", "no-referrer")} == {(one.get("loading"), one.get("referrerpolicy")) for one in images}
    assert all(one.get("alt") is not None for one in images)


def test_empty_feeds_say_so(empty, site, summaries):
    """A feed without items says so, on its page and on its card."""
    assert b"No items right now." in page.render(empty, site, summaries).body
    assert page.render_index(summaries, site).body.count(b"No items right now.") == 2


def test_index_leads_to_every_feed(summaries, site):
    """The index links each feed's page and formats once, and the list of all."""
    body = page.render_index(summaries, site).body
    pages = hrefs(body, "//h2/a | //h3/a")

    assert sorted(f"./{one.spec.slug}/" for one in summaries) == sorted(pages)
    assert len(summaries) * 3 == len(hrefs(body, "//ul[@class='formats']//a"))
    assert hrefs(body, "//a[@type='text/x-opml']") == ["./feeds.opml"]


def test_index_explains_the_extension(summaries, site):
    """The anchor that JSON feeds point to exists."""
    assert b'id="json-extension"' in page.render_index(summaries, site).body


def test_empty_site(site):
    """A site without any feed has an index that says so."""
    assert b"No topics yet." in page.render_index((), site).body


def test_deep_topics(summarise, site):
    """Topics ten levels deep still get headings that HTML knows."""
    chain = [summarise(f"t{n}", f"T{n}", parent=f"t{n - 1}") for n in range(10)]
    body = page.render_index(chain, site).body

    assert len(hrefs(body, "//h2/a | //h3/a | //h4/a | //h5/a | //h6/a")) == 10


def test_unknown_feed_has_a_page(feed, site):
    """A feed that no summary names has a page all the same."""
    alone = msgspec.structs.replace(feed, spec=msgspec.structs.replace(feed.spec, parent="gone"))

    assert b"Artificial intelligence" in page.render(alone, site, ()).body
