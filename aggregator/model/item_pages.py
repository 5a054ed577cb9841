"""The pages of items: their addresses, and the parts of the site's sitemap. Pure.

A page lies at `items/<year>/<slug>/`, and the year is that of the item's publication (UTC). The slug comes from the
item's id, which never changes, so a page stays where it is though its seed is renamed, its title or its link changed.

A seed without a link has its page as its link: what it says by itself, `own_link`, is made of its day and title, and
recognises it as a link would. Of that which it had when it was first seen it got its id, and with it its page.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import unquote

from aggregator.model.slugs import LONGEST, slug_of

ItemsWithPages = Literal["none", "own", "all"]
"""Which items have a page of their own: none, those whose seeds have no link, or every one."""

ITEMS = "items"
SITEMAP = "sitemap.xml"
SITEMAP_OF_FEEDS = "sitemap-feeds.xml"
MOST_IN_PART = 50_000
"""How many addresses a part of a sitemap may have (sitemaps.org)."""

_PAGE = "index.html"
_OWN = re.compile(r"/(items/[0-9]{4}/[a-z0-9][a-z0-9-]{0,63})/")
_AT = re.compile(r"(items/[0-9]{4}/[a-z0-9][a-z0-9-]{0,63})(?:/(?:index\.html)?)?(?:[?#].*)?")
_ON_THIS_MACHINE = re.compile(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?/")
_NAME = re.compile(r"items/[0-9]{4}/[a-z0-9][a-z0-9-]{0,63}/index\.html")
_SITEMAP = re.compile(r"sitemap(?:-feeds|-[0-9]{4}-(?:0[1-9]|1[0-2])(?:-[1-9][0-9]{0,3})?)?\.xml")


def is_item_page(name: str) -> bool:
    """Return whether `name` is that of an item's page."""
    return _NAME.fullmatch(name) is not None


def page_at(address: str, site: str) -> str:
    """Return the name of the item's page that an address names, "" if it names none.

    Args:
        address: on the site, or on a server of this machine, as a browser shows it; or only what follows that.
        site: the site's URL.
    """
    rest = address.removeprefix(site)
    found = _AT.fullmatch(_ON_THIS_MACHINE.sub("", rest, count=1) if rest == address else rest)
    return f"{found[1]}/{_PAGE}" if found else ""


def is_sitemap(name: str) -> bool:
    """Return whether `name` is that of a site's sitemap, or of a part of it."""
    return _SITEMAP.fullmatch(name) is not None


def own_link(site: str, title: str, published: int) -> str:
    """Return the link of a seed without one, on the site with that URL; `published` is in seconds since 1970."""
    day = datetime.fromtimestamp(published, UTC)
    slug = f"{day:%m-%d}-{slug_of(title)}"
    if len(slug) > LONGEST:
        slug = _with_hash(slug, title)
    return f"{site}{ITEMS}/{day:%Y}/{slug}/"


def is_own(link: str, site: str) -> bool:
    """Return whether a link is that of an item's page on the site with that URL."""
    return link.startswith(f"{site}{ITEMS}/") and _OWN.fullmatch(link, len(site) - 1) is not None


def page_name(id: str, link: str, published: int, site: str) -> str:  # noqa: A002 - the field's own name
    """Return the name of an item's page.

    Args:
        id: the item's id in feeds.
        link: what its seed has for a link.
        published: in seconds since 1970.
        site: the site's URL.
    """
    own = _OWN.fullmatch(id, max(0, id.rfind(f"/{ITEMS}/"))) if is_own(link, site) else None
    # The id of another site counts only if this one had that address before: a source may give any id to its items.
    if own is not None and (is_own(id, site) or link.endswith(own[0])):
        return f"{own[1]}/{_PAGE}"
    year = datetime.fromtimestamp(published, UTC).year
    return f"{ITEMS}/{year:04}/{_with_hash(slug_of(_last_part(id)), id)}/{_PAGE}"


def shown_link(id: str, link: str, published: int, site: str) -> str:  # noqa: A002 - the field's own name
    """Return the link of an item: what its seed has for one, unless that is a page of its own; see `page_name`."""
    return site + page_name(id, link, published, site).removesuffix(_PAGE) if is_own(link, site) else link


def sitemap_name(month: int, part: int) -> str:
    """Return the name of a part (from 1) of a month's sitemap; months count from January of year 0."""
    year, number = divmod(month, 12)
    return f"sitemap-{year:04}-{number + 1:02}{f'-{part}' if part > 1 else ''}.xml"


def _last_part(id: str) -> str:  # noqa: A002 - the field's own name
    """Return the end of an id that tells most: the last part of a link's path, without its suffix."""
    rest = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", id)
    parts = [one for one in re.split(r"[/:?#&=]", unquote(rest)) if one]
    return re.sub(r"\.[a-z]{2,5}$", "", parts[-1]) if parts else id


def _with_hash(slug: str, whole: str) -> str:
    digest = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{slug[: LONGEST - 9].strip('-')}-{digest}".strip("-")
