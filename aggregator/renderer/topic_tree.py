"""The topic tree: come in feeds that name their parent, goes out a forest in a stable order; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from aggregator.model.feeds import SITE_FEED, FeedSpec, FeedSummary


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and the feeds of its subtopics."""

    summary: FeedSummary
    children: tuple[Branch, ...] = ()


def forest(summaries: Sequence[FeedSummary]) -> tuple[Branch, ...]:
    """Give the feeds without a parent, each with those below it: first everything, then queries, then topics."""
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    below: dict[str, list[FeedSummary]] = {}
    for summary in sorted(summaries, key=_place):
        above = trail(summary.spec, specs)
        below.setdefault(above[-1].slug if above else "", []).append(summary)
    return _branches("", below)


def trail(spec: FeedSpec, specs: Mapping[str, FeedSpec]) -> tuple[FeedSpec, ...]:
    """Give the ancestors of `spec`, outermost first; none when they run in a circle, so that no feed is lost in one."""
    above: list[FeedSpec] = []
    seen = {spec.slug}
    parent = specs.get(spec.parent)
    while parent is not None:
        if parent.slug in seen:
            return ()
        seen.add(parent.slug)
        above.append(parent)
        parent = specs.get(parent.parent)
    return tuple(reversed(above))


def _branches(slug: str, below: Mapping[str, Sequence[FeedSummary]]) -> tuple[Branch, ...]:
    return tuple(
        Branch(summary=summary, children=_branches(summary.spec.slug, below)) for summary in below.get(slug, ())
    )


def _place(summary: FeedSummary) -> tuple[bool, bool, int, str, str]:
    spec = summary.spec
    return (spec.slug != SITE_FEED, spec.topic, spec.order, spec.title.casefold(), spec.slug)
