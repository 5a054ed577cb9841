"""Render the pages that only our server answers with, and the page of a search.

Nothing is here, it was removed, this is a feed, or what a search found. Pure.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

import msgspec

from aggregator.model.feeds import Site
from aggregator.renderer import layout
from aggregator.renderer.legal_text import with_legal_text

STYLES = (*layout.STYLES, "status.css")

_HEADING = re.compile(rb"<h1[^<>]*>(.*?)</h1>", re.DOTALL)


class FoundLink(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was found; `published` is in seconds since 1970."""

    title: str
    link: str
    published: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How many items a search found, and the newest of them."""

    total: int
    items: tuple[FoundLink, ...]


@lru_cache(maxsize=64)
def missing(site: Site, root: str, *, removed: bool = False) -> bytes:
    """Return the page for an address at which there is nothing (404), or no longer (410, `removed`).

    `root` is the relative URL of the site's top folder.
    """
    return layout.render_page("missing.html", styles=STYLES, forms="'self'", site=site, root=root, removed=removed)


@lru_cache(maxsize=64)
def opened_feed(site: Site, title: str, *, address: str, file: str, top: str) -> bytes:
    """Return the page for a person who opened the address of a feed in a browser.

    Args:
        site: who publishes.
        title: the feed's.
        address: the absolute URL of the feed to subscribe to.
        file: the name of its document, such as `rss.xml`.
        top: the relative URL of the feed's folder: "./", or "../../" from a page of its archive.
    """
    return with_legal_text(_opened_feed, site, title, address, file, top)


def _opened_feed(site: Site, title: str, address: str, file: str, top: str) -> bytes:
    return layout.render_page(
        "opened.html", styles=STYLES, forms="'self'", site=site, root=f"{top}../".removeprefix("./"), title=title,
        address=address, file=file, top=top,
    )  # fmt: skip


def search_page(site: Site, words: str, found: Found | None, *, reason: str = "", hint: str = "") -> bytes:
    """Return the page of a search.

    Args:
        site: who publishes.
        words: what was asked for.
        found: what was found; None if nothing was asked for yet, or there is no answer.
        reason: why there is no answer.
        hint: what to write instead.
    """
    return with_legal_text(_search_page, site, words, found, reason, hint)


def _search_page(site: Site, words: str, found: Found | None, reason: str, hint: str) -> bytes:
    return layout.render_page(
        "search.html", styles=STYLES, forms="'self'", site=site, root="../", action="search", words=words, found=found,
        reason=reason, hint=hint,
    )  # fmt: skip


def static_search_page(site: Site) -> bytes:
    """Return the page of a search that the browser answers itself; it is a document of its own."""
    return with_legal_text(_static_search_page, site)


def _static_search_page(site: Site) -> bytes:
    return layout.render_page(
        "search_static.html", styles=STYLES, scripts=(layout.BASE_SCRIPT, "search.js"), forms="'self'",
        programs=layout.OWN_PROGRAMS, site=site, root="../../", action="./", words="",
    )  # fmt: skip


def title_of(page: bytes) -> str:
    """Return the heading of one of our pages as plain text, "" if it has none."""
    found = _HEADING.search(page)
    return html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
