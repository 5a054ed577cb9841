"""Render a feed's page and the index page. Pure: without a clock, so ages are left to the page's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import groupby
from sys import maxsize
from typing import NamedTuple, TypeVar

import msgspec
from markupsafe import Markup

from aggregator.model.document_names import PAGE, content_type
from aggregator.model.feeds import SITE_FEED, Document, Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Item
from aggregator.model.slugs import folded, is_plain, slug_of
from aggregator.renderer import bar_chart, dates, layout, wording
from aggregator.renderer.item_cache import MAX_ITEMS
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.topic_tree import ancestors, build_tree

MAX_PAGE_BYTES = 100_000
"""The size that pages keep to, without their pictures, by showing less of each item or feed."""

MAX_MONTH_LISTS = 64
"""How many lists of months are cached; feeds may share one."""


class CardLimits(NamedTuple):
    """How much a card shows: characters of the description and of the newest title, and days a bar stands for."""

    description: int
    title: int
    days: int


class ItemLimits(NamedTuple):
    """How much an item shows: characters of its summary, related items, and tags."""

    summary: int
    related: int
    tags: int


CARD_LIMITS = (
    CardLimits(240, 240, 1), CardLimits(120, 120, 1), CardLimits(60, 90, 1), CardLimits(60, 90, 3),
    CardLimits(0, 60, 3), CardLimits(0, 30, 3), CardLimits(0, 0, 3),
)  # fmt: skip
ITEM_LIMITS = (
    ItemLimits(maxsize, maxsize, maxsize), ItemLimits(500, 10, 20), ItemLimits(240, 5, 10), ItemLimits(120, 3, 5),
    ItemLimits(0, 0, 0),
)  # fmt: skip
"""From the most to the least; a page uses the first that keep it within `MAX_PAGE_BYTES`."""

_Limits = TypeVar("_Limits", CardLimits, ItemLimits)


def render(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> Document:
    """Return `feed` as `<slug>/index.html`; tags and breadcrumb link to the feeds that `summaries` names."""
    body = with_legal_text(_feed, feed, site, summaries)
    return Document(name=wording.document_name(feed.spec, PAGE), media_type=content_type(PAGE), body=body)


def render_index(summaries: Sequence[FeedSummary], site: Site) -> Document:
    """Return `index.html`, the page that leads to every feed."""
    return Document(name=PAGE, media_type=content_type(PAGE), body=with_legal_text(_index, summaries, site))


def _feed(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> bytes:
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    slugs = _slugs_of_tags(feed, specs)
    tagged = [(item, _linked_tags(item, feed.spec.slug, slugs)) for item in feed.items]
    write = partial(
        layout.render_page,
        "feed.html",
        site=site,
        root="../",
        canonical=wording.document_url(feed.spec, site, PAGE),
        description=wording.description(feed.spec, site),
        spec=feed.spec,
        updated=feed.updated,
        ancestors=ancestors(feed.spec, specs),
        here=wording.subject(feed.spec),
        months=_months(feed.months),
    )
    return _largest_that_fits(
        ITEM_LIMITS,
        lambda limits: write(articles=[_article(_limited(item, limits), tags[: limits.tags]) for item, tags in tagged]),
    )


def _largest_that_fits(levels: Sequence[_Limits], write: Callable[[_Limits], bytes]) -> bytes:
    """Return the page with the first of `levels` that fits, else the last; tries few, since each fills the cache."""
    full = write(levels[0])
    if len(full) <= MAX_PAGE_BYTES:
        return full
    best, first, last = write(levels[-1]), 1, len(levels) - 1
    while first < last and len(best) <= MAX_PAGE_BYTES:
        middle = (first + last) // 2
        body = write(levels[middle])
        if len(body) <= MAX_PAGE_BYTES:
            best, last = body, middle
        else:
            first = middle + 1
    return best


def _limited(item: Item, limits: ItemLimits) -> Item:
    # Without the content, which pages do not show: it would be cached with each article.
    summary = wording.shorten(item.summary, limits.summary)
    return msgspec.structs.replace(item, content="", summary=summary, related=item.related[: limits.related])


@lru_cache(maxsize=MAX_MONTH_LISTS)
def _months(months: tuple[str, ...]) -> Markup:
    """Return the list of the archive's months, which changes once a month."""
    return layout.render_fragment("months.html", years=_years(months))


def _years(months: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each year with its months, as pairs of their name and their folder in the archive."""
    named = [(dates.MONTHS[int(folder[5:]) - 1], folder) for folder in months]
    return [(year, list(of_year)) for year, of_year in groupby(named, key=lambda month: month[1][:4])]


@lru_cache(maxsize=MAX_ITEMS)
def _article(item: Item, tags: tuple[tuple[str, str], ...]) -> Markup:
    """Return an item's article; `tags` are pairs of a tag and its feed's slug ("" = no feed, or this page's)."""
    return layout.render_fragment("item.html", item=item, tags=tags)


def _linked_tags(item: Item, here: str, slugs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((tag, slug if (slug := slugs.get(tag, "")) != here else "") for tag in item.tags)


def _slugs_of_tags(feed: Feed, specs: Mapping[str, FeedSpec]) -> dict[str, str]:
    """Return each tag's feed: the one with that title, else the one with that slug."""
    titles = {spec.title: slug for slug, spec in specs.items()}
    folded_titles = {folded(spec.title): slug for slug, spec in specs.items()}
    tags = {tag for item in feed.items for tag in item.tags}
    found = {tag: titles.get(tag) or folded_titles.get(folded(tag)) or slug_of(tag) for tag in tags}
    # A slug that tells only a part of the tag may be another topic's: `c` is not that of "C++".
    return {
        tag: slug
        for tag, slug in found.items()
        if slug in specs and (folded(specs[slug].title) == folded(tag) or is_plain(tag, slug))
    }


def _index(summaries: Sequence[FeedSummary], site: Site) -> bytes:
    updated = max((summary.updated for summary in summaries), default=dates.EPOCH)
    everything = next((summary for summary in summaries if summary.spec.slug == SITE_FEED), None)
    write = partial(
        layout.render_page,
        "index.html",
        site=site,
        root="./",
        canonical=site.address(PAGE),
        description=site.description,
        everything=everything,
        branches=build_tree([summary for summary in summaries if summary is not everything]),
        updated=updated if updated > dates.EPOCH else None,
    )
    last_day = bar_chart.last_day(summaries)
    return _largest_that_fits(CARD_LIMITS, lambda limits: write(card=partial(_card, last_day, limits)))


@lru_cache(maxsize=MAX_ITEMS)
def _card(last_day: datetime | None, limits: CardLimits, summary: FeedSummary, level: int, heading: str = "") -> Markup:
    """Return a feed's card, whose bars end with `last_day`; `heading` replaces the feed's title."""
    counts, brief = bar_chart.daily_counts(summary, last_day), limits != CARD_LIMITS[0]
    bars = bar_chart.merge_days(counts, limits.days)
    return layout.render_fragment(
        "card.html",
        summary=summary,
        spec=summary.spec,
        level=level,
        heading=heading or wording.title(summary.spec),
        description="" if heading else wording.shorten(summary.spec.description, limits.description),
        newest=wording.shorten(summary.newest_title, limits.title),
        brief=brief,
        path=bar_chart.svg_path(bars, steps=bar_chart.COARSE_HEIGHTS if brief else bar_chart.HEIGHT),
        sentence=bar_chart.describe(counts, brief=brief),
    )
