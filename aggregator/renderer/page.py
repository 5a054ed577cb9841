"""Feed -> its page, feed summaries -> the index page; pure: no clock, so ages are left to the date itself.

The templates beside this module are part of the code; they are loaded once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator.model import SITE_FEED, Document, Feed, FeedSpec, FeedSummary, Item, Site
from aggregator.renderer import stamps, wording
from aggregator.renderer.clean import writable
from aggregator.renderer.fragments import KEPT_FRAGMENTS
from aggregator.renderer.tree import forest, trail
from aggregator.slugs import slug_of

FORMATS = tuple(
    (label, name, wording.MEDIA_TYPES[name])
    for label, name in (("RSS", wording.RSS), ("Atom", wording.ATOM), ("JSON", wording.JSON))
)
MEDIA_TYPE = f"{wording.MEDIA_TYPES[wording.PAGE]}; charset=utf-8"


def render(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> Document:
    """Write `feed` as `<slug>/index.html`; tags and breadcrumb link to those feeds that `summaries` names."""
    body = writable(_feed, feed, site, summaries)
    return Document(name=f"{feed.spec.slug}/{wording.PAGE}", media_type=MEDIA_TYPE, body=body)


def render_index(summaries: Sequence[FeedSummary], site: Site) -> Document:
    """Write the page that leads to every feed, `index.html`."""
    return Document(name=wording.INDEX, media_type=MEDIA_TYPE, body=writable(_index, summaries, site))


def _feed(feed: Feed, site: Site, summaries: Sequence[FeedSummary]) -> bytes:
    specs = {summary.spec.slug: summary.spec for summary in summaries}
    slugs = _slugs_of_tags(feed, specs)
    return _page(
        "feed.html",
        site=site,
        root="../",
        canonical=wording.address(feed.spec, site, wording.PAGE),
        description=wording.description(feed.spec, site),
        spec=feed.spec,
        articles=[_article(item, _linked(item, feed.spec.slug, slugs)) for item in feed.items],
        updated=feed.updated,
        trail=trail(feed.spec, specs),
        years=_years(feed.months),
    )


def _years(months: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give each year with its months, as pairs of their name and their folder in the archive."""
    named = [(stamps.MONTHS[int(folder[5:]) - 1], folder) for folder in months]
    return [(year, list(of_year)) for year, of_year in groupby(named, key=lambda month: month[1][:4])]


@lru_cache(maxsize=KEPT_FRAGMENTS)
def _article(item: Item, tags: tuple[tuple[str, str], ...]) -> Markup:
    """Write one item; `tags` are pairs of a tag and the slug of its feed, "" if it has none or it is this page's."""
    return Markup(_environment().get_template("item.html").render(item=item, tags=tags))  # noqa: S704 - escaped in there


def _linked(item: Item, here: str, slugs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((tag, slug if (slug := slugs.get(tag, "")) != here else "") for tag in item.tags)


def _slugs_of_tags(feed: Feed, specs: Mapping[str, FeedSpec]) -> dict[str, str]:
    """Give the feed that each tag leads to: the one of that title, else the one of that slug."""
    titles = {spec.title: slug for slug, spec in specs.items()}
    tags = {tag for item in feed.items for tag in item.tags}
    found = {tag: titles.get(tag) or slug_of(tag) for tag in tags}
    return {tag: slug for tag, slug in found.items() if slug in specs}


def _index(summaries: Sequence[FeedSummary], site: Site) -> bytes:
    updated = max((summary.updated for summary in summaries), default=stamps.EPOCH)
    everything = next((summary for summary in summaries if summary.spec.slug == SITE_FEED), None)
    return _page(
        "index.html",
        site=site,
        root="./",
        canonical=site.address(wording.INDEX),
        description=site.description,
        everything=everything,
        branches=forest([summary for summary in summaries if summary is not everything]),
        updated=updated if updated > stamps.EPOCH else None,
    )


def _page(template: str, **context: Any) -> bytes:
    return _environment().get_template(template).render(context).encode()


@cache
def _environment() -> Environment:
    loader = PackageLoader("aggregator.renderer")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = loader.get_source(environment, "style.css")[0]
    environment.globals |= {
        "formats": FORMATS,
        "generator": wording.GENERATOR,
        "policy": _policy(style),
        "style": Markup(style),  # noqa: S704 - our own file, not a word of it comes from a seed
    }
    environment.filters |= {
        "address": wording.address,
        "credit": wording.credit,
        "headline": wording.headline,
        "name": wording.title,
        "rfc3339": stamps.rfc3339,
        "spoken": stamps.spoken,
    }
    return environment


def _policy(style: str) -> str:
    """Allow this one style and pictures, nothing else: what a seed might smuggle in does not run, on any server."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src http: https:; base-uri 'none'; form-action 'none'"
