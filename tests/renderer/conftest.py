"""A feed with everything that a feed can have, and every document made from it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aggregator.model.feeds import ArchivePosition, Document, Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Image, Item, Provider, Related
from aggregator.renderer import atom, json_feed, opml, page, rss

NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)

SITE = Site(
    title="Example News & Views",
    url="https://feeds.example.org/",
    description="What happens in the world of examples, sorted by topic.",
    language="en-us",
    author="Example Desk",
    icon="https://feeds.example.org/icon.png",
    hub="https://hub.example.org/?a=1&b=2",
)

PAPER = Provider(name="The Example Paper", domain="paper.example", icon="https://paper.example/logo.png")

ITEMS = (
    Item(
        id="https://paper.example/robots",
        link="https://paper.example/robots",
        title="Robots & people: 1 < 2, ]]> and </item><item>",
        published=NOON,
        updated=NOON + timedelta(hours=1),
        summary="A <b>bold</b> claim & its price &amp; more.",
        content='<p>Robots &amp; people, <a href="https://paper.example/robots#more">more</a>.</p>\n<pre>a &lt; b ]]&gt; c</pre>',
        author="Ada Example",
        topics=("AI",),
        tags=("AI", "R&D", "hardware"),
        image=Image(url="https://paper.example/robot.jpg?w=640&h=360", width=640, height=360, title='A "robot"'),
        provider=PAPER,
        quality=180,
        heat=-3,
        type="article",
        language="en-us",
        related=(
            Related(
                title="The same <story>, told elsewhere",
                link="https://other.example/robots?x=1&y=2",
                provider=Provider(name="Other Times", domain="other.example"),
            ),
            Related(title="And a third time", link="https://third.example/robots"),
        ),
    ),
    Item(
        id="tag:paper.example,2026:moved",
        link="https://paper.example/moved-here",
        title="Ihr Link zog um",
        published=NOON - timedelta(minutes=5),
        updated=NOON - timedelta(minutes=5),
        summary="Ihre Kennung blieb, wie sie war.",
        tags=("Space",),
        provider=PAPER,
        language="de",
    ),
    Item(
        id="https://paper.example/arabic",
        link="https://paper.example/arabic",
        title="عنوان من اليمين إلى اليسار",
        published=NOON - timedelta(minutes=5),
        updated=NOON - timedelta(minutes=5),
        content="<p>محتوى بلا ملخص</p>",
        language="ar",
        quality=0,
        image=Image(url="https://paper.example/small.png"),
    ),
    Item(
        id="https://paper.example/bare",
        link="https://paper.example/bare",
        title="Neither summary nor content 🛰",
        published=NOON - timedelta(days=400),
        updated=NOON - timedelta(minutes=5),
    ),
)

SPEC = FeedSpec(
    slug="ai",
    title="Artificial intelligence & <friends>",
    description="Machines that learn, & people who watch.",
    parent="technology",
    topic=True,
    image="https://feeds.example.org/ai.png",
)
FEED = Feed(spec=SPEC, items=ITEMS, updated=ITEMS[0].updated)


def summary(slug, title, *, parent="", order=0, topic=True, count=3, newest="Newest of it"):
    """Return a feed's summary."""
    return FeedSummary(
        spec=FeedSpec(slug=slug, title=title, parent=parent, order=order, topic=topic),
        count=count,
        updated=NOON if count else datetime(1970, 1, 1, tzinfo=UTC),
        newest_title=newest if count else "",
        newest_published=NOON if count else None,
    )


SUMMARIES = (
    summary("science", "Science", order=2),
    summary("space", "Space", parent="science"),
    summary("ai", SPEC.title, parent="technology", order=2, newest=ITEMS[0].title),
    summary("technology", "Technology", order=1),
    summary("hardware", "Hardware", parent="technology", order=1, count=0),
    summary("weather", "Weather", order=3, count=0),
    summary("top-stories", "Top stories", topic=False),
    summary("all", "Everything", topic=False),
)


MONTH = msgspec.structs.replace(FEED, archive_position=ArchivePosition(folder="2026-10", prev="2026-09-12"))


def documents(feed=FEED, site=SITE, summaries=SUMMARIES) -> dict[str, Document]:
    """Return `feed`, the index page and the OPML list in every format, by the suffix of their golden files."""
    return {
        "rss.xml": rss.render(feed, site),
        "atom.xml": atom.render(feed, site),
        "feed.json": json_feed.render(feed, site),
        "feed.html": page.render(feed, site, summaries),
        "month.html": page.render_month(MONTH, site, [one.spec for one in summaries]),
        "index.html": page.render_index(summaries, site),
        "feeds.opml": opml.render(summaries, site)[0],
    }


@pytest.fixture
def site():
    return SITE


@pytest.fixture
def feed():
    return FEED


@pytest.fixture
def empty():
    return Feed(spec=SPEC, items=(), updated=datetime(1970, 1, 1, tzinfo=UTC))


@pytest.fixture
def summaries():
    return SUMMARIES


@pytest.fixture
def render():
    return documents


@pytest.fixture
def summarise():
    return summary
