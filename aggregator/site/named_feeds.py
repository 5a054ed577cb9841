"""The feeds of tags, authors and sources: which of them are published, and how they are called. Reads the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from aggregator.config.settings import FeedSettings
from aggregator.index.feeds import FeedRow, VisibleItem
from aggregator.index.index import Index
from aggregator.model.feeds import NAMED_FEEDS
from aggregator.normalizer.stored import unpack_verdict

WORDS = {"tag-": "Tag", "author-": "Author", "source-": "Source"}


def prefix_of(slug: str, settings: FeedSettings) -> str:
    """Return what the slug of a feed by name begins with, "" if the feed is another one."""
    return next((prefix for prefix in settings.named if slug.startswith(prefix)), "")


def qualified(index: Index, settings: FeedSettings, now: int) -> frozenset[int]:
    """Return the feeds by name that have enough items at `now`; of more than may be, those with the most."""
    return frozenset(
        feed
        for prefix, wanted in settings.named.items()
        for feed in index.feeds.with_most_items(prefix, now, least=wanted.min, most=wanted.max)
    )


def not_published(
    index: Index, settings: FeedSettings, rows: Iterable[FeedRow], now: int, *, compare_all: bool
) -> frozenset[int]:
    """Return the unpublished feeds by name that stay so.

    One that was published stays: it has subscribers (`build --prune` removes it). Unless `compare_all`, nothing is
    counted if no feed by name has changed.
    """
    if not settings.named:
        return frozenset()
    named = [row for row in rows if prefix_of(row.slug, settings)]
    unpublished = {row.feed for row in named if row.summary is None}
    new = unpublished & qualified(index, settings, now) if compare_all or any(row.dirty for row in named) else set()
    return frozenset(unpublished - new)


def title_of(slug: str, settings: FeedSettings, visible: Iterable[VisibleItem]) -> str:
    """Return the title of a feed by name: as most of its items spell the name, of two the newer; "" without items."""
    spellings = Counter(name for one in visible for of, name in unpack_verdict(one.verdict).names if of == slug)
    return named_title(prefix_of(slug, settings), max(spellings, key=spellings.__getitem__)) if spellings else ""


def named_title(prefix: str, name: str) -> str:
    """Return the title of a feed by name: topics may have the same name."""
    return f"{WORDS[prefix]}: {name}"


def rank(prefix: str) -> int:
    """Return the rank of a kind of feeds among the kinds."""
    return list(NAMED_FEEDS.values()).index(prefix)
