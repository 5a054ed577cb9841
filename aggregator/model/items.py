"""Seeds and items, as frozen values. Pure.

Times that are stored and compared are whole seconds since 1970 in UTC (`int`). Times that are rendered are aware
`datetime`s in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from aggregator.model.reports import Problem

FOREVER = 2**62
"""The end of a window that never ends, in seconds since 1970."""


class Image(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An image: an absolute http(s) URL, its size in pixels (0 = unknown) and its plain-text title."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""


class Media(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A file that belongs to an item, such as an episode: an absolute http(s) URL and its media type, never "".

    `size` is in bytes and `seconds` is the duration, each 0 if unknown; `title` is plain text. `transcript` and
    `chapters` are the URLs of these, or "".
    """

    url: str
    type: str
    size: int = 0
    seconds: int = 0
    title: str = ""
    transcript: str = ""
    chapters: str = ""


class Person(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An author: a plain-text name, an e-mail address and the URL of a page, each "" if unknown, never all three."""

    name: str = ""
    email: str = ""
    url: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The feed that an item was collected from, each "" if unknown: its URL, title, page (`link`) and id (a URI).

    `original` is the URL of the item there, "" if that is the item's link.
    """

    url: str = ""
    title: str = ""
    link: str = ""
    id: str = ""
    original: str = ""


class Provider(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The source of an item: its plain-text name, its host name and the URL of its logo, each "" if unknown."""

    name: str = ""
    domain: str = ""
    icon: str = ""


class Related(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The same story elsewhere, as listed in a seed. With `related: promote` it can replace the seed."""

    is_copy: ClassVar[bool] = False

    title: str
    link: str
    aliases: tuple[str, ...] = ()
    excerpt: str = ""
    published: int | None = None
    quality: int | None = None
    type: str = ""
    provider: Provider | None = None
    images: tuple[Image, ...] = ()


class Copy(Related, frozen=True, kw_only=True, array_like=True):
    """Another item with nearly the same text, as it is listed with the one that stands for it."""

    is_copy: ClassVar[bool] = True


class Seed(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A valid seed: typed, its title and links clean, its content not yet rendered.

    The index stores seeds, so they contain nothing private (`secured` is dropped before) and nothing that depends on
    the rules. `published`, `updated` and `expires` are seconds since 1970, UTC. `is_published` is the editorial flag
    `published` of the file; it is false too if another key, `held_by`, holds the item back. `markup` is the language of
    `body`; relative addresses in it resolve against `base`, or against `link` if that is "". `author` names all
    `authors`, of which there are none if nothing but a name is known. `not_story` are paths of seeds of which it is no
    copy, and that tell no story with it, whatever their text; `story` is a name that joins it with those that have it.
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
    is_published: bool = True
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
    base: str = ""
    markup: Literal["markdown", "html"] = "markdown"
    held_by: str = ""
    media: tuple[Media, ...] = ()
    authors: tuple[Person, ...] = ()
    source: Source | None = None
    not_story: tuple[str, ...] = ()
    story: str = ""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that could not be read, and why.

    `withdrawn` is true if its text, though invalid, contains `published: false`, `removed: true` or `deleted: true`:
    then its last good version is withdrawn too.
    """

    path: str
    problems: tuple[Problem, ...]
    withdrawn: bool = False


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item as every format renders it: all text and URLs are clean, all HTML is sanitised.

    `link` is a canonical ASCII URL, and so is `id` unless the seed has its own. `title` and `summary` are plain text,
    `content` is an HTML fragment with absolute URLs. `tags` are the names of `topics`, then further tags. `language` is
    a BCP 47 tag or "". `author` names all `authors`, of which there are none if nothing but a name is known. `has_more`
    says whether `content` tells more than `summary` and `related` do. `page` is the URL of its page on the site, "" if
    it has none; a seed without a link has it as its `link`.
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
    media: tuple[Media, ...] = ()
    provider: Provider | None = None
    quality: int | None = None
    heat: int | None = None
    type: str = ""
    language: str = ""
    related: tuple[Related, ...] = ()
    authors: tuple[Person, ...] = ()
    source: Source | None = None
    has_more: bool = False
    page: str = ""
