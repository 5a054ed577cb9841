"""JSON Feed 1.1, checked strictly, and how many items fit into a document."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.feeds import Feed, FeedSpec, Site
from aggregator.model.items import Item
from aggregator.renderer import json_feed

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FEED_KEYS = [
    "version", "title", "home_page_url", "feed_url", "description", "icon", "language", "authors", "hubs",
    "_aggregator", "items",
]  # fmt: skip
ITEM_KEYS = [
    "id", "url", "title", "content_html", "summary", "image", "date_published", "date_modified", "authors", "tags",
    "language", "_aggregator",
]  # fmt: skip
EXTENSION_KEYS = ["quality", "heat", "provider", "related"]
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
URL = re.compile(r"https?://[!-~]+")


def in_order(keys, allowed):
    return list(keys) == [key for key in allowed if key in keys]


def no_blanks(value):
    if isinstance(value, dict):
        return bool(value) and all(map(no_blanks, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(no_blanks, value))
    return value is not None and value != ""


def check(document):
    """Check `document` against the specification and our own rules."""
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert in_order(document, FEED_KEYS)
    assert no_blanks({key: value for key, value in document.items() if key != "items"})
    assert all(URL.fullmatch(document[key]) for key in ("home_page_url", "feed_url"))
    assert URL.fullmatch(document["_aggregator"]["about"])
    assert len({item["id"] for item in document["items"]}) == len(document["items"])
    for item in document["items"]:
        check_item(item)


def check_item(item):
    assert in_order(item, ITEM_KEYS)
    assert no_blanks(item)
    assert {"id", "url", "title", "content_html", "date_published", "date_modified"} <= item.keys()
    assert all(isinstance(item[key], str) for key in item.keys() - {"authors", "tags", "_aggregator"})
    assert all(isinstance(tag, str) for tag in item.get("tags", []))
    assert all(author.keys() == {"name"} for author in item.get("authors", []))
    assert all(URL.fullmatch(item[key]) for key in ("url", "image") if key in item)
    assert all(DATE.fullmatch(item[key]) for key in ("date_published", "date_modified"))
    assert in_order(item.get("_aggregator", {}), EXTENSION_KEYS)


def test_strict(feed, site):
    """A full feed passes the strict check."""
    check(json.loads(json_feed.render(feed, site).body))


def test_empty_feed_is_strict(empty, site):
    """A feed without items passes the strict check, with the empty list that the format requires."""
    document = json.loads(json_feed.render(empty, site).body)

    check(document)
    assert document["items"] == []


def test_bare_feed_is_strict(feed):
    """What the config leaves out is missing in the feed."""
    bare = Site(title="Bare", url="https://bare.example/", language="")
    spec = FeedSpec(slug="ai", title="")
    document = json.loads(json_feed.render(msgspec.structs.replace(feed, spec=spec), bare).body)

    check(document)
    assert not document.keys() & {"icon", "language", "authors", "hubs"}


def test_language_only_if_it_differs(feed, site):
    """An item has a language only if it is not the site's, in upper or lower case."""
    shouting = msgspec.structs.replace(site, language="EN-US")

    for one in (site, shouting):
        items = json.loads(json_feed.render(feed, one).body)["items"]
        assert [item.get("language") for item in items] == [None, "de", "ar", None]


def test_content_is_always_there(feed, site):
    """An item without content shows its summary, escaped; without that its title."""
    plain = msgspec.structs.replace(feed.items[0], content="")
    first = json.loads(json_feed.render(msgspec.structs.replace(feed, items=(plain,)), site).body)["items"][0]
    last = json.loads(json_feed.render(feed, site).body)["items"][-1]

    assert first["content_html"] == "<p>A &lt;b&gt;bold&lt;/b&gt; claim &amp; its price &amp;amp; more.</p>"
    assert last["content_html"] == "<p>Neither summary nor content 🛰</p>"


def test_zero_is_a_value(feed, site):
    """A quality of zero is written, a missing one is not."""
    items = json.loads(json_feed.render(feed, site).body)["items"]

    assert items[2]["_aggregator"] == {"quality": 0}
    assert "_aggregator" not in items[3]


@given(st.data())
def test_fitting_is_exact(data):
    """The items that fit make a document within the limit; one more makes it too large."""
    spec, site = FeedSpec(slug="x", title="é"), Site(title="T", url="https://t.example/")
    items = data.draw(st.lists(st.text(max_size=30).map(_item), max_size=8))
    limit = data.draw(st.integers(0, len(_document(items, spec, site)) + 10))

    count = len(json_feed.items_that_fit(items, spec, site, limit))

    assert count == 0 or len(_document(items[:count], spec, site)) <= limit
    assert count == len(items) or len(_document(items[: count + 1], spec, site)) > limit


@pytest.mark.parametrize("over", [0, -1])
def test_fitting_to_the_byte(feed, site, over):
    """With a limit of exactly the document's size all items fit; with one byte less, one item is left out."""
    items = tuple(msgspec.structs.replace(item, content="", related=()) for item in feed.items)  # none of them is long
    size = len(json_feed.render(msgspec.structs.replace(feed, items=items), site).body)

    assert len(json_feed.items_that_fit(items, feed.spec, site, size + over)) == len(items) + over


def test_a_long_item_is_fitted_by_its_summary(feed, site):
    """An item that takes more than a quarter of the document loses its content; the others stay as they are."""
    long = msgspec.structs.replace(feed.items[0], content="long " * 10_000)
    shown = json_feed.items_that_fit((*feed.items[1:], long), feed.spec, site, 40_000)

    assert shown[:-1] == feed.items[1:]
    assert shown[-1] == msgspec.structs.replace(feed.items[0], content="", related=())


def _item(text):
    return Item(id=f"urn:{text}", link="https://t.example/", title=text, published=MOMENT, updated=MOMENT)


def _document(items, spec, site):
    return json_feed.render(Feed(spec=spec, items=tuple(items), updated=MOMENT), site).body
