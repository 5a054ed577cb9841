"""Whatever bytes a seed contains, it is read or rejected with a message, and what is published is readable."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import strategies as st
from lxml import etree
from support.fuzz_inputs import HOSTILE_TOKENS, ROOT, hostile_text, run_examples, run_marathon
from support.site_checks import DRAFT, SECRET, find_leaks, published_documents, temporary_files
from support.site_folder import NOW, SiteFolder

from aggregator.model.feeds import Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Item, Rejection, Seed
from aggregator.normalizer import content, seed
from aggregator.renderer import atom, json_feed, opml, page, rss, wording

SAMPLES = [path.read_bytes() for path in sorted([*ROOT.glob("seeds/**/*.md"), *ROOT.glob("tests/cases/seeds/*.md")])]
SITE = Site(title="Site", url="https://feeds.example.org/")
KEYS = [
    "title", "excerpt", "publishedDateTime", "updatedDateTime", "expires", "webUrl", "originalUrl", "ampWebUrl", "published", "removed", "quality",
    "heat", "topics", "tags", "category", "type", "locale", "provider", "author", "images", "featuredContent", "related", "id", "secured", "titel",
]  # fmt: skip

quoted = hostile_text.map(json.dumps)
names = st.lists(quoted, max_size=4).map(lambda items: f"[{', '.join(items)}]")
values = st.one_of(
    hostile_text,
    quoted,
    names,
    names.map(lambda items: f"{{name: {items}}}"),
    st.tuples(quoted, quoted, hostile_text).map(
        lambda one: f"\n  - {{title: {one[0]}, webUrl: {one[1]}, url: {one[1]}}}\n  - {one[2]}"
    ),
)
entries = st.lists(st.tuples(st.sampled_from(KEYS), values).map(": ".join), max_size=5)
required = "title: T\nwebUrl: https://news.example.org/a\npublishedDateTime: 2026-01-01\n"
written = st.tuples(st.sampled_from([required, required, ""]), entries, hostile_text).map(
    lambda parts: f"---\n{parts[0]}{chr(10).join(parts[1])}\n---\n{parts[2]}".encode("utf-8", "surrogatepass")
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a sample with bytes inserted, overwritten or removed."""
    data = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), 2_000)))
        put = draw(st.sampled_from(HOSTILE_TOKENS).map(str.encode) | st.binary(max_size=4))
        data = data[:at] + put + data[at + draw(st.integers(0, 12)) :]
    return data


any_seed = st.one_of(written, damaged(), st.binary(max_size=300))


def check_reading(data: bytes) -> None:
    """Assert that a seed is read or rejected, and that every format can be parsed back."""
    reading = seed.read(data, path="2026-01-02-a.md", zone="Europe/Vienna")
    problems = reading.outcome.problems if isinstance(reading.outcome, Rejection) else reading.warnings
    for problem in problems:
        assert problem.message.isprintable()
        assert problem.hint.isprintable()
        assert len(str(problem)) < 400
        assert 0 <= problem.line <= data.count(b"\n") + data.count(b"\r") + 200
    if isinstance(reading.outcome, Seed):
        check_item(reading.outcome)


def check_item(found: Seed) -> None:
    item = content.item(found, id=found.id or found.link, topics=found.topics, related=found.related, now=NOW)
    feed = Feed(spec=FeedSpec(slug="x", title="T"), items=(item,), updated=datetime.fromtimestamp(NOW, UTC))
    check_feeds(feed, item)
    summary = FeedSummary(
        spec=feed.spec, count=1, updated=feed.updated, newest_title=item.title, newest_published=item.published
    )
    for document in (page.render(feed, SITE, ()), page.render_index([summary], SITE)):
        HTMLParser().feed(document.body.decode())
        assert b"alert(1)</script>" not in document.body
    assert etree.fromstring(opml.render([summary], SITE)[0].body) is not None


def check_feeds(feed: Feed, item: Item) -> None:
    (by_rss,) = etree.fromstring(rss.render(feed, SITE).body).iter("item")
    assert (by_rss.findtext("title"), by_rss.findtext("link")) == (item.title, item.link)
    assert (by_rss.findtext("{http://purl.org/rss/1.0/modules/content/}encoded") or "") == (
        item.content or ("" if item.summary else wording.content(item))
    )
    entry = etree.fromstring(atom.render(feed, SITE).body).find("{*}entry")
    assert (entry.findtext("{*}title"), entry.findtext("{*}id")) == (item.title, item.id)
    (by_json,) = json.loads(json_feed.render(feed, SITE).body)["items"]
    assert (by_json["title"], by_json["id"]) == (item.title, item.id)
    assert by_json["content_html"] == item.content or not item.content


file_names = st.text("ab-_ .ü😀\\\x01", min_size=1, max_size=12).map(lambda name: f"{name}.md")


class Builds:
    """A site that is built repeatedly with different hostile seeds beside a good one."""

    def __init__(self, site: SiteFolder) -> None:
        self.site = site
        site.write("good.md", title="Good", topics=["Good"])
        site.write("draft.md", title=DRAFT, published=False, secured=SECRET, topics=[DRAFT])

    def check(self, seeds: dict[str, bytes]) -> None:
        """Assert complete documents with the good seed and nothing private; a second build changes nothing."""
        hostile = self.site.seeds / "hostile"
        hostile.mkdir(exist_ok=True)
        for old in hostile.iterdir():
            old.unlink()
        for name, data in seeds.items():
            (hostile / name).write_bytes(data)
        turn = self.site.build(accept_deletions=True, prune=True)
        assert turn.failed == ()
        documents = published_documents(self.site.feeds)
        assert "good/rss.xml" in documents
        assert b"<title>Good</title>" in documents["all/rss.xml"]
        assert find_leaks(self.site, repr(turn)) == []
        assert temporary_files(self.site.feeds) == []
        assert {path.name for path in self.site.root.iterdir()} == {"config", "seeds", "feeds", "state"}
        assert self.site.build().written == ()


several = st.dictionaries(file_names, any_seed, max_size=8)


@pytest.mark.slow
def test_some_seeds_are_read_or_rejected() -> None:
    """A few hundred random seeds are read or rejected."""
    run_examples(check_reading, any_seed, count=300)


@pytest.mark.slow
def test_some_sites_are_built_completely(site: SiteFolder) -> None:
    """A few dozen builds of random seeds give complete documents."""
    run_examples(Builds(site).check, several, count=12)


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_seeds_for_minutes_are_read_or_rejected() -> None:
    """Different random seeds are read or rejected, for minutes."""
    assert run_marathon(check_reading, any_seed) > 1_000


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_sites_for_minutes_are_built_completely(site: SiteFolder) -> None:
    """Different random seeds give complete documents, for minutes."""
    assert run_marathon(Builds(site).check, several) > 100
