"""Render the page of an item: the whole text for people, and for programs h-entry, JSON-LD and `og:` tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from aggregator.model.document_names import PAGE, content_type
from aggregator.model.feeds import Document, FeedSpec, Site
from aggregator.model.items import Item
from aggregator.renderer import dates, layout, page, wording
from aggregator.renderer.legal_text import with_legal_text
from aggregator.renderer.topic_tree import ancestors

STYLES = (layout.BASE_STYLE, "entry.css")
SCRIPTS = (layout.BASE_SCRIPT, "entry.js")
"""There are as many of these pages as items, so each has only what it needs."""

DESCRIPTION = 300
"""How many characters the description of a page has at most."""

_HEADING = re.compile(r"(</?h)([1-6])(?=[ >])")
_SCROLLED = re.compile(r"<(pre|table)(?=[ >])")
_IMAGE = re.compile(r"<img(?=[ >])")
_LAZY = '<img loading="lazy" decoding="async" referrerpolicy="no-referrer"'
_TAIL = re.compile(r"\n?<h4>Related coverage</h4><ul>(?:(?!</ul>).)*</ul>$", re.DOTALL)
_ROOT = "../../../"


def render(
    item: Item, site: Site, *, name: str, topic: FeedSpec | None, newer: str, older: str, linked: Sequence[FeedSpec]
) -> Document:  # fmt: skip
    """Return the page of `item`.

    Args:
        item: what it shows.
        site: who publishes.
        name: that of the document.
        topic: the feed of its first topic; it leads there, and to the pages `newer` and `older` beside it there.
        newer: the name of a document, "" for none.
        older: likewise.
        linked: the feeds that it may link to.
    """
    body = with_legal_text(_page, item, site, name, topic, newer, older, tuple(linked))
    return Document(name=name, media_type=content_type(PAGE), body=body)


def _page(  # noqa: PLR0917 - as `render` has them
    item: Item, site: Site, name: str, topic: FeedSpec | None, newer: str, older: str, linked: tuple[FeedSpec, ...]
) -> bytes:  # fmt: skip
    specs = {spec.slug: spec for spec in linked}
    own = site.address(name)
    is_own = item.link == own
    shown = item.language or site.language
    return layout.render_page(
        "entry.html",
        styles=STYLES,
        scripts=SCRIPTS,
        site=site,
        root=_ROOT,
        own=own,
        is_own=is_own,
        canonical=item.link,
        kind="article",
        description=wording.shorten(item.summary, DESCRIPTION),
        picture=item.image.url if item.image else site.icon,
        item=item,
        authors=wording.people(item),
        language=item.language,
        text=_text(item),
        facts=_json_ld(item, site, own, shown),
        topic=topic,
        ancestors=(*ancestors(topic, specs), topic) if topic is not None else (),
        newer=_folder(newer),
        older=_folder(older),
        tags=page.tags_of(item, specs),
    )


def _folder(name: str) -> str:
    return name.removesuffix(PAGE)


def _text(item: Item) -> Markup:
    """Return the content below the page's own heading, with its pictures loaded late, and without related items.

    Its highest headings come right below that one, whether the author began with `#` or with `##`. What may be wider
    than a phone can be reached by keyboard, to be scrolled.
    """
    found = _TAIL.sub("", item.content) if item.related else item.content
    lower = 2 - min((int(level) for _, level in _HEADING.findall(found)), default=2)
    found = _HEADING.sub(lambda heading: f"{heading[1]}{min(6, int(heading[2]) + lower)}", found)
    found = _SCROLLED.sub(r'<\1 tabindex="0"', found)
    return Markup(_IMAGE.sub(_LAZY, found))  # noqa: S704 - sanitised when the item was prepared


def _json_ld(item: Item, site: Site, own: str, language: str) -> Markup:
    """Return the item as schema.org describes an article; `<` cannot stand in it, which might end the element."""
    authors = [{"@type": "Person", "name": wording.person_name(one)} for one in wording.people(item)]
    said = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": wording.headline(item),
        "url": own,
        "mainEntityOfPage": item.link,
        "datePublished": dates.rfc3339(item.published),
        "dateModified": dates.rfc3339(item.updated),
        "inLanguage": language,
        "description": item.summary,
        "image": item.image.url if item.image else "",
        "keywords": list(item.tags),
        "author": authors,
        "publisher": {"@type": "Organization", "name": site.title, "url": site.url},
    }
    encoded = msgspec.json.encode({key: value for key, value in said.items() if value}).decode()
    for sign, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        encoded = encoded.replace(sign, escaped)
    return Markup(encoded)  # noqa: S704 - without the signs that mean something in HTML
