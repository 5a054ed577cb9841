"""The order of feeds that are sorted by score. Reads the index."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.index.feeds import VisibleItem
from aggregator.index.index import Index
from aggregator.normalizer import rules, scores
from aggregator.normalizer.rules import Policy
from aggregator.normalizer.stored import unpack_seed, unpack_verdict, verified

MOST_RANKED = 1_000
"""So many of the newest items of a feed are sorted by score; older ones are not shown."""


def is_ranked(policy: Policy, slug: str) -> bool:
    """Return whether a feed is sorted by score."""
    return any(query.sort == "score" and query.slug == slug for query in policy.queries)


def ranked(index: Index, policy: Policy, visible: Sequence[VisibleItem]) -> list[VisibleItem]:
    """Return items in the order of their scores, the best first; what is equal stays in its order.

    Raises:
        sqlite3.DatabaseError: if a seed is damaged.
    """
    seeds = index.files.seeds([one.file for one in visible])
    ranks = {}
    for one in visible:
        seed = unpack_seed(verified(seeds[one.file], one.content))
        verdict = unpack_verdict(one.verdict)
        beside = (*verdict.copies, *verdict.coverage)
        ranks[one.file] = scores.rank(rules.effective_seed(seed, verdict), policy.score, beside)
    return sorted(visible, key=lambda one: -ranks[one.file])
