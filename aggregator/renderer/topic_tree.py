"""The topic tree: feeds that name their parent, as a tree in a stable order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from aggregator.model.feeds import SITE_FEED, FeedSpec, FeedSummary


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and the feeds of its subtopics."""

    summary: FeedSummary
    children: tuple[Branch, ...] = ()


def build_tree(summaries: Sequence[FeedSummary]) -> tuple[Branch, ...]:
    """Return the feeds without a parent, each with those below it, in `feed_order`."""
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    children: dict[str, list[FeedSummary]] = {}
    for summary in sorted(summaries, key=lambda one: feed_order(one.spec)):
        above = ancestors(summary.spec, specs)
        children.setdefault(above[-1].slug if above else "", []).append(summary)
    return _branches("", children)


def feed_order(spec: FeedSpec) -> tuple[bool, bool, int, str, str]:
    """Return the key by which feeds are sorted: first the site's feed, then queries, then topics."""
    return (spec.slug != SITE_FEED, spec.topic, spec.order, spec.title.casefold(), spec.slug)


def ancestors(spec: FeedSpec, specs: Mapping[str, FeedSpec]) -> tuple[FeedSpec, ...]:
    """Return the feeds above `spec`, outermost first; none if they form a circle, so that no feed is lost in one."""

    def parent_of(slug: str) -> str:
        parent = spec.parent if slug == spec.slug else specs[slug].parent
        return parent if parent in specs else ""

    slugs = ancestor_slugs(spec.slug, parent_of)
    is_circle = bool(slugs) and parent_of(slugs[-1]) != ""
    return () if is_circle else tuple(specs[slug] for slug in reversed(slugs))


def ancestor_slugs(slug: str, parent_of: Callable[[str], str]) -> tuple[str, ...]:
    """Return the slugs above `slug`, nearest first; each slug of a circle once. `parent_of` returns "" for none."""
    found: list[str] = []
    parent = parent_of(slug)
    while parent and parent not in found:
        found.append(parent)
        parent = parent_of(parent)
    return tuple(found)


def _branches(slug: str, children: Mapping[str, Sequence[FeedSummary]]) -> tuple[Branch, ...]:
    return tuple(
        Branch(summary=summary, children=_branches(summary.spec.slug, children)) for summary in children.get(slug, ())
    )
