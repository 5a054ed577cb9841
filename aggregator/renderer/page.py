"""Feed -> its page, feed summaries -> the index page; pure: no clock, so ages are left to the page's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import groupby
from sys import maxsize

import msgspec
from markupsafe import Markup

from aggregator.model.document_names import PAGE, content_type
from aggregator.model.feeds import SITE_FEED, Document, Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Item
from aggregator.model.slugs import slug_of
from aggregator.renderer import bar_chart, dates, layout, wording
from aggregator.renderer.item_cache import KEPT_FRAGMENTS
from aggregator.renderer.legal_text import writable
from aggregator.renderer.topic_tree import forest, trail

MOST_BYTES = 100_000
"""What a page may cost without its pictures."""

CARD_TEXTS = ((240, 240, 1), (120, 120, 1), (60, 90, 1), (60, 90, 3), (0, 60, 3), (0, 30, 3), (0, 0, 3))
"""How much of a description and of the newest title a card shows, in characters, and how many days a bar stands for.

As much as keeps to `MOST_BYTES`.
"""

ITEM_TEXTS = ((maxsize, maxsize, maxsize), (500, 10, 20), (240, 5, 10), (120, 3, 5), (0, 0, 0))
"""How much of a summary (in characters), of related coverage and of tags an item shows: likewise."""

KEPT_LISTS = 64
"""How many lists of months are kept, each of a feed or of several."""


def render(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> Document:
    """Write `feed` as `<slug>/index.html`; tags and breadcrumb link to those feeds that `summaries` names."""
    body = writable(_feed, feed, site, summaries)
    return Document(name=f"{feed.spec.slug}/{PAGE}", media_type=content_type(PAGE), body=body)


def render_index(summaries: Sequence[FeedSummary], site: Site) -> Document:
    """Write the page that leads to every feed, `index.html`."""
    return Document(name=PAGE, media_type=content_type(PAGE), body=writable(_index, summaries, site))


def _feed(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> bytes:
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    slugs = _slugs_of_tags(feed, specs)
    tagged = [(item, _linked(item, feed.spec.slug, slugs)) for item in feed.items]
    write = partial(
        layout.page,
        "feed.html",
        site=site,
        root="../",
        canonical=wording.address(feed.spec, site, PAGE),
        description=wording.description(feed.spec, site),
        spec=feed.spec,
        updated=feed.updated,
        trail=trail(feed.spec, specs),
        here=wording.subject(feed.spec),
        months=_months(feed.months),
    )
    return _fitting(
        ITEM_TEXTS,
        lambda most: write(articles=[_article(_shown(item, most), tags[: most[2]]) for item, tags in tagged]),
    )


def _fitting(levels: Sequence[tuple[int, int, int]], write: Callable[[tuple[int, int, int]], bytes]) -> bytes:
    """Write a page that says as much as keeps to `MOST_BYTES`; few of the levels are tried, since each is kept."""
    whole = write(levels[0])
    if len(whole) <= MOST_BYTES:
        return whole
    best, first, last = write(levels[-1]), 1, len(levels) - 1
    while first < last and len(best) <= MOST_BYTES:
        middle = (first + last) // 2
        body = write(levels[middle])
        if len(body) <= MOST_BYTES:
            best, last = body, middle
        else:
            first = middle + 1
    return best


def _shown(item: Item, most: tuple[int, int, int]) -> Item:
    # Without the content, which pages do not show: it would be kept with each article.
    summary = wording.short(item.summary, most[0])
    return msgspec.structs.replace(item, content="", summary=summary, related=item.related[: most[1]])


@lru_cache(maxsize=KEPT_LISTS)
def _months(months: tuple[str, ...]) -> Markup:
    """Write the list of the archive's months, which changes once a month."""
    return layout.part("months.html", years=_years(months))


def _years(months: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give each year with its months, as pairs of their name and their folder in the archive."""
    named = [(dates.MONTHS[int(folder[5:]) - 1], folder) for folder in months]
    return [(year, list(of_year)) for year, of_year in groupby(named, key=lambda month: month[1][:4])]


@lru_cache(maxsize=KEPT_FRAGMENTS)
def _article(item: Item, tags: tuple[tuple[str, str], ...]) -> Markup:
    """Write one item; `tags` are pairs of a tag and the slug of its feed, "" if it has none or it is this page's."""
    return layout.part("item.html", item=item, tags=tags)


def _linked(item: Item, here: str, slugs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((tag, slug if (slug := slugs.get(tag, "")) != here else "") for tag in item.tags)


def _slugs_of_tags(feed: Feed, specs: Mapping[str, FeedSpec]) -> dict[str, str]:
    """Give the feed that each tag leads to: the one of that title, else the one of that slug."""
    titles = {spec.title: slug for slug, spec in specs.items()}
    tags = {tag for item in feed.items for tag in item.tags}
    found = {tag: titles.get(tag) or slug_of(tag) for tag in tags}
    return {tag: slug for tag, slug in found.items() if slug in specs}


def _index(summaries: Sequence[FeedSummary], site: Site) -> bytes:
    updated = max((summary.updated for summary in summaries), default=dates.EPOCH)
    everything = next((summary for summary in summaries if summary.spec.slug == SITE_FEED), None)
    write = partial(
        layout.page,
        "index.html",
        site=site,
        root="./",
        canonical=site.address(PAGE),
        description=site.description,
        everything=everything,
        branches=forest([summary for summary in summaries if summary is not everything]),
        updated=updated if updated > dates.EPOCH else None,
    )
    last = bar_chart.last_day(summaries)
    return _fitting(CARD_TEXTS, lambda most: write(card=partial(_card, last, most)))


@lru_cache(maxsize=KEPT_FRAGMENTS)
def _card(
    last: datetime | None, most: tuple[int, int, int], summary: FeedSummary, level: int, heading: str = ""
) -> Markup:
    """Write what a card says, its bars up to the day `last`; `heading` stands in place of the feed's title."""
    counts, brief = bar_chart.until(summary, last), most != CARD_TEXTS[0]
    return layout.part(
        "card.html",
        summary=summary,
        spec=summary.spec,
        level=level,
        heading=heading or wording.title(summary.spec),
        description="" if heading else wording.short(summary.spec.description, most[0]),
        newest=wording.short(summary.newest_title, most[1]),
        brief=brief,
        path=bar_chart.path(bar_chart.merged(counts, most[2]), steps=bar_chart.COARSE if brief else bar_chart.HEIGHT),
        sentence=bar_chart.sentence(counts, brief=brief),
    )
