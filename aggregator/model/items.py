"""What a seed and an item are: frozen values, handed from stage to stage. Pure.

Times are whole seconds since 1970 in UTC (`int`) where they are stored and compared, aware `datetime` in UTC where they
are rendered.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from aggregator.model.reports import Problem

FOREVER = 2**62
"""The end of a window that has none, in seconds since 1970."""


class Image(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A picture: an absolute http(s) URL, its size in pixels (0 = unknown) and its plain-text title."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""


class Provider(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The source of an item: its plain-text name, its host name and its logo, each "" when unknown."""

    name: str = ""
    domain: str = ""
    icon: str = ""


class Related(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The same story elsewhere, as a seed lists it; with `related: promote` it can stand in for the seed."""

    title: str
    link: str
    aliases: tuple[str, ...] = ()
    excerpt: str = ""
    published: int | None = None
    quality: int | None = None
    type: str = ""
    provider: Provider | None = None
    images: tuple[Image, ...] = ()


class Seed(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A seed that could be read: typed, its title and links clean, its content not yet prepared.

    This is what the index stores, so it holds nothing private (`secured` never comes this far) and nothing that
    depends on the rules. `published`, `updated` and `expires` are seconds since 1970, UTC.
    """

    title: str
    link: str
    published: int
    updated: int | None = None
    expires: int | None = None
    aliases: tuple[str, ...] = ()
    id: str = ""
    excerpt: str = ""
    body: str = ""
    embed: str = ""
    shown: bool = True
    removed: bool = False
    deleted: bool = False
    quality: int | None = None
    heat: int | None = None
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    category: str = ""
    type: str = ""
    locale: str = ""
    provider: Provider | None = None
    author: str = ""
    images: tuple[Image, ...] = ()
    related: tuple[Related, ...] = ()


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that could not be read, and why.

    `withdrawn` is true when its text, broken as it is, still says `published: false`, `removed: true` or
    `deleted: true`: then its last good version must go too.
    """

    path: str
    problems: tuple[Problem, ...]
    withdrawn: bool = False


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item as every format shows it: all text and URLs clean, all HTML sanitised.

    `id` and `link` are canonical ASCII URLs (or `id` the seed's own). `title` and `summary` are plain text, `content`
    is an HTML fragment with absolute URLs. `tags` are the names in `topics`, then further tags. `language` is a BCP 47
    tag or "".
    """

    id: str
    link: str
    title: str
    published: datetime
    updated: datetime
    summary: str = ""
    content: str = ""
    author: str = ""
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    image: Image | None = None
    provider: Provider | None = None
    quality: int | None = None
    heat: int | None = None
    type: str = ""
    language: str = ""
    related: tuple[Related, ...] = ()
