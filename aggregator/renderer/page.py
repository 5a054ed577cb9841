"""Render the index, the page of a feed and that of a month. Pure: without a clock, so ages are left to the script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import groupby
from sys import maxsize
from typing import Any, NamedTuple, TypeVar

import msgspec
from markupsafe import Markup, escape

from aggregator.model.document_names import PAGE, content_type
from aggregator.model.feeds import SITE_FEED, Document, Feed, FeedSpec, FeedSummary, Site
from aggregator.model.items import Item
from aggregator.model.slugs import folded, is_plain, slug_of
from aggregator.renderer import bar_chart, dates, layout, wording
from aggregator.renderer.item_cache import MAX_ITEMS
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.topic_tree import Branch, ancestors, build_tree

MAX_PAGE_BYTES = 100_000
"""The size that pages keep to, without their pictures, by showing less of each item or feed."""

MANY_FEEDS = 40
"""Above so many feeds the index is a compact list instead of cards."""

DEEPEST = 3
"""The deepest level of topics that the compact list shows as deeper."""

MAX_MONTH_LISTS = 64
"""How many lists of months are cached; feeds may share one."""


class CardLimits(NamedTuple):
    """How much a card shows: characters of the description, of the newest title and its link, and values of days."""

    description: int
    title: int
    link: int
    values: bool


class RowLimits(NamedTuple):
    """How much a row of the compact list shows: how many days a bar stands for (0 = no bars)."""

    days: int


class ItemLimits(NamedTuple):
    """How much an item shows: characters of its summary, related items, and tags."""

    summary: int
    related: int
    tags: int


CARD_LIMITS = (
    CardLimits(240, 240, maxsize, values=True), CardLimits(120, 120, 500, values=True),
    CardLimits(60, 90, 200, values=False), CardLimits(0, 60, 0, values=False),
)  # fmt: skip
ROW_LIMITS = (RowLimits(1), RowLimits(3), RowLimits(6), RowLimits(0))
ITEM_LIMITS = (
    ItemLimits(maxsize, maxsize, maxsize), ItemLimits(500, 10, 20), ItemLimits(240, 5, 10), ItemLimits(120, 3, 5),
    ItemLimits(90, 1, 3), ItemLimits(0, 0, 0),
)  # fmt: skip
"""From the most to the least; a page uses the first that keep it within `MAX_PAGE_BYTES`."""

MANY_ITEMS, BRIEF = 60, 2
"""The page of a month with more items begins with these limits: with more it would hardly fit."""

_Limits = TypeVar("_Limits", CardLimits, RowLimits, ItemLimits)


def render(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> Document:
    """Return `feed` as `<slug>/index.html`; tags and breadcrumb link to the feeds that `summaries` names."""
    body = with_legal_text(_feed, feed, site, summaries)
    return Document(name=wording.document_name(feed.spec, PAGE), media_type=content_type(PAGE), body=body)


def render_month(feed: Feed, site: Site, specs: Sequence[FeedSpec]) -> Document:
    """Return a page of the feed's archive as `<slug>/archive/<folder>/index.html`; it links to the feeds `specs`."""
    name = wording.document_name(feed.spec, PAGE, feed.archive_position.folder)
    return Document(name=name, media_type=content_type(PAGE), body=with_legal_text(_month, feed, site, specs))


def render_index(summaries: Sequence[FeedSummary], site: Site) -> Document:
    """Return `index.html`, the page that leads to every feed."""
    return Document(name=PAGE, media_type=content_type(PAGE), body=with_legal_text(_index, summaries, site))


def _feed(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> bytes:
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    write = partial(
        layout.render_page,
        "feed.html",
        **_of_feed(feed, site, specs),
        forms=_forms(site),
        root="../",
        description=wording.description(feed.spec, site),
        updated=feed.updated,
        months=_months(feed.months),
        older=feed.older,
    )
    return _with_articles(feed, specs, "../", write, ITEM_LIMITS)


def _forms(site: Site) -> str:
    """Return where the forms of a page may lead: to a search, if there is one."""
    return "'self'" if site.searches else "'none'"


def _month(feed: Feed, site: Site, specs: Sequence[FeedSpec]) -> bytes:
    by_slug = {spec.slug: spec for spec in specs}
    position = feed.archive_position
    name = wording.archive_page_name(position.folder)
    write = partial(
        layout.render_page,
        "month.html",
        **_of_feed(feed, site, by_slug),
        root="../../../",
        description=f"{wording.subject(feed.spec)}, {name}",
        name=name,
        prev=position.prev,
        next=position.next,
    )
    levels = ITEM_LIMITS[BRIEF:] if len(feed.items) > MANY_ITEMS else ITEM_LIMITS
    return _with_articles(feed, by_slug, "../../../", write, levels)


def _of_feed(feed: Feed, site: Site, specs: Mapping[str, FeedSpec]) -> dict[str, Any]:
    """Return what the page of a feed and those of its months say alike."""
    return {
        "site": site,
        "spec": feed.spec,
        "canonical": wording.document_url(feed.spec, site, PAGE, feed.archive_position.folder),
        "picture": wording.icon_url(feed.spec, site),
        "ancestors": ancestors(feed.spec, specs),
        "here": wording.subject(feed.spec),
    }


def _with_articles(
    feed: Feed, specs: Mapping[str, FeedSpec], root: str, write: Callable[..., bytes], levels: Sequence[ItemLimits]
) -> bytes:
    """Return the page that `write` makes around a feed's articles, each in two parts: what all feeds show, and tags.

    The page around them is rendered once, and which limits fit is decided by sums of sizes.
    """
    if not feed.items:
        return write(articles="")
    slugs = _slugs_of_tags(feed.items, specs)
    parts = [
        (_article(msgspec.structs.replace(item, content="")), _linked_tags(item, feed.spec.slug, slugs))
        for item in feed.items  # without the content, which pages do not show: it would be cached with each article
    ]

    def joined(limits: ItemLimits) -> bytes:
        return b"\n".join(article.within(limits) + _tags(root, tags[: limits.tags]) for article, tags in parts)

    before, after = write(articles=_ARTICLES).split(_ARTICLES.encode())
    articles = _largest_that_fits(levels, MAX_PAGE_BYTES - len(before) - len(after), joined)
    return b"".join((before, articles, after))


_ARTICLES = Markup("<!--articles-->")
"""Stands for the articles in the page around them. No text can hold it: there `<` is written `&lt;`."""


def _largest_that_fits(levels: Sequence[_Limits], size: int, write: Callable[[_Limits], bytes]) -> bytes:
    """Return what is written within the first of `levels` with which it takes at most `size` bytes, else the last."""
    full = write(levels[0])
    if len(full) <= size:
        return full
    best, first, last = write(levels[-1]), 1, len(levels) - 1
    while first < last and len(best) <= size:
        middle = (first + last) // 2
        body = write(levels[middle])
        if len(body) <= size:
            best, last = body, middle
        else:
            first = middle + 1
    return best


@lru_cache(maxsize=MAX_MONTH_LISTS)
def _months(months: tuple[str, ...]) -> Markup:
    """Return the list of the archive's months, which changes once a month."""
    return layout.render_fragment("months.html", years=_years(months))


def _years(months: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each year with its months, as pairs of their name and their folder in the archive."""
    named = [(dates.MONTHS[int(folder[5:]) - 1], folder) for folder in months]
    return [(year, list(of_year)) for year, of_year in groupby(named, key=lambda month: month[1][:4])]


class _Article:
    """An item's article up to its tags, which is the same on every page; rendered once, then cut to limits."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._rendered: dict[tuple[int, int], bytes] = {}
        self._frames: dict[tuple[bool, int], bytes] = {}

    def within(self, limits: ItemLimits) -> bytes:
        """Return the article within limits."""
        item = self._item
        shown = min(limits.summary, len(item.summary)), min(limits.related, len(item.related))
        if shown not in self._rendered:
            summary = escape(wording.shorten(item.summary, shown[0])).encode()
            frame = self._frame(has_summary=bool(summary), related=shown[1])
            self._rendered[shown] = frame.replace(_SUMMARY.encode(), summary)
        return self._rendered[shown]

    def _frame(self, *, has_summary: bool, related: int) -> bytes:
        key = has_summary, related
        if key not in self._frames:
            shown = {"summary": _SUMMARY if has_summary else "", "related": self._item.related[:related]}
            self._frames[key] = layout.render_fragment("item.html", item=self._item, **shown).encode()
        return self._frames[key]


_SUMMARY = Markup("<!--summary-->")
"""Stands for the summary in the article around it. No text can hold it: there `<` is written `&lt;`."""

_article = lru_cache(maxsize=MAX_ITEMS)(_Article)


@lru_cache(maxsize=MAX_ITEMS)
def _tags(root: str, tags: tuple[tuple[str, str], ...]) -> bytes:
    """Return the end of an article; `tags` are pairs of a tag and its feed's slug ("" = no feed, or this page's)."""
    return layout.render_fragment("tags.html", root=root, tags=tags).encode()


def _linked_tags(item: Item, here: str, slugs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((tag, slug if (slug := slugs.get(tag, "")) != here else "") for tag in item.tags)


def tags_of(item: Item, specs: Mapping[str, FeedSpec]) -> tuple[tuple[str, str], ...]:
    """Return the tags of an item, each with the slug of its feed among `specs`, "" if it has none."""
    return _linked_tags(item, "", _slugs_of_tags([item], specs))


def _slugs_of_tags(items: Sequence[Item], specs: Mapping[str, FeedSpec]) -> dict[str, str]:
    """Return each tag's feed: the one with that title, else the one with that slug."""
    titles = {spec.title: slug for slug, spec in specs.items()}
    folded_titles = {folded(spec.title): slug for slug, spec in specs.items()}
    tags = {tag for item in items for tag in item.tags}
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
    branches = build_tree([summary for summary in summaries if summary is not everything])
    last_day = bar_chart.last_day(summaries)
    write = partial(
        layout.render_page,
        "index.html",
        forms=_forms(site),
        site=site,
        root="./",
        canonical=site.address(PAGE),
        description=site.description,
        picture=site.icon,
        everything=everything,
        branches=branches,
        any_items=any(summary.count for summary in summaries),
        updated=updated if updated > dates.EPOCH else None,
    )
    if len(summaries) > MANY_FEEDS:
        listed = partial(write, rows=list(_rows(branches)), card=partial(_card, last_day, CARD_LIMITS[0]))
        return _largest_that_fits(
            ROW_LIMITS, MAX_PAGE_BYTES, lambda limits: listed(row=partial(_row, last_day, limits))
        )
    return _largest_that_fits(
        CARD_LIMITS, MAX_PAGE_BYTES, lambda limits: write(rows=(), card=partial(_card, last_day, limits))
    )


def _rows(branches: Sequence[Branch], level: int = 0) -> Iterator[tuple[FeedSummary, int]]:
    """Yield the feeds of a tree from top to bottom, each with its level, from 0 to `DEEPEST`."""
    for branch in branches:
        yield branch.summary, min(level, DEEPEST)
        yield from _rows(branch.children, level + 1)


@lru_cache(maxsize=MAX_ITEMS)
def _card(last_day: datetime | None, limits: CardLimits, summary: FeedSummary, level: int, heading: str = "") -> Markup:
    """Return a feed's card, whose bars end with `last_day`; `heading` replaces the feed's title."""
    counts = bar_chart.daily_counts(summary, last_day)
    shows_values = limits.values and last_day is not None and any(counts)
    return layout.render_fragment(
        "card.html",
        summary=summary,
        spec=summary.spec,
        level=level,
        heading=heading or wording.title(summary.spec),
        description="" if heading else wording.shorten(summary.spec.description, limits.description),
        newest=wording.shorten(summary.newest_title, limits.title) or summary.newest_link,
        link=summary.newest_link if len(summary.newest_link) <= limits.link else "",
        counts=",".join(map(str, counts)) if shows_values else "",
        last=f"{last_day:%Y-%m-%d}" if last_day else "",
        path=bar_chart.svg_path(counts),
        sentence=bar_chart.describe(counts),
        caption=bar_chart.caption(counts),
    )


@lru_cache(maxsize=MAX_ITEMS)
def _row(last_day: datetime | None, limits: RowLimits, summary: FeedSummary) -> Markup:
    """Return a feed's row in the compact list, whose bars end with `last_day`."""
    counts = bar_chart.daily_counts(summary, last_day)
    bars = bar_chart.merge_days(counts, limits.days) if limits.days and any(counts) else []
    return layout.render_fragment(
        "row.html",
        summary=summary,
        spec=summary.spec,
        name=wording.title(summary.spec),
        path=bar_chart.svg_path(bars, steps=bar_chart.COARSE_HEIGHTS) if bars else "",
        sentence=bar_chart.describe(counts, brief=True),
    )
