"""The topic tree has every feed once, whatever its parents are."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.feeds import FeedSpec, FeedSummary
from aggregator.renderer.topic_tree import ancestors, build_tree


def slugs(branches):
    return [slug for branch in branches for slug in (branch.summary.spec.slug, *slugs(branch.children))]


def test_order(summaries):
    """The site's feed comes first; siblings are in the order of their topics, then by title."""
    assert slugs(build_tree(summaries)) == [
        "all", "top-stories", "technology", "hardware", "ai", "science", "space", "weather",
    ]  # fmt: skip


def test_order_of_arrival_is_irrelevant(summaries):
    """The tree is the same for the same feeds in any order."""
    assert build_tree(summaries) == build_tree(tuple(reversed(summaries)))


def test_ancestors(summaries):
    """The ancestors of a feed go from the outermost topic to its parent."""
    specs = {one.spec.slug: one.spec for one in summaries}

    assert [one.slug for one in ancestors(FeedSpec(slug="gpu", title="", parent="hardware"), specs)] == [
        "technology",
        "hardware",
    ]


def test_unknown_parent(summarise):
    """A feed with an unknown parent is at the top."""
    (branch,) = build_tree([summarise("a", "A", parent="nowhere")])

    assert branch.summary.spec.slug == "a"


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d", "e", "x"]), min_size=5, max_size=5))
def test_no_feed_is_lost(parents):
    """With circles and missing parents, every feed is still there once."""
    summaries = [
        FeedSummary(
            spec=FeedSpec(slug=slug, title=slug, parent=parent), count=0, updated=datetime(1970, 1, 1, tzinfo=UTC)
        )
        for slug, parent in zip("abcde", parents, strict=True)
    ]

    assert sorted(slugs(build_tree(summaries))) == list("abcde")
