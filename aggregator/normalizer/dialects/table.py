"""What a dialect is: a table of how another program's files are written. Pure."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

import msgspec

from aggregator.normalizer.dialects import tables

Form = Literal["yaml", "toml", "json", "lines", "fence", "meta", "file", "none"]
"""How metadata is written: YAML between `---`, TOML between `+++`, a JSON object at the head, `Key: value` lines, TOML
in a first code fence, `<meta>` in the head of an HTML page, a `.json` file that is one item, or not at all."""

Keys = tuple[str, ...]
"""Names of a key, in the order in which they are tried. A dot leads into a mapping: `taxonomies.tags`."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect: which keys mean what, the first that holds something counts; what holds back; where its pages are.

    `forms` are how metadata is written, and `any_case` is true if the case of keys does not matter. A file without a
    title has its first "heading", the title of an HTML "page", or its name as it is ("file"), as "words", or with
    "capitals". `topics_from` names what gives topics if no key does: the first "folder" below the root, the "parent"
    folder, or the folders "above_posts" (a folder `_posts`), which then count beside the keys. `not_topics` are names
    that only the program itself uses. `separators` are the characters of which the first one that a text holds parts
    the names in it, by keys in the plural ("" = such a text is one name, " " = white space). `addressed` is the date in
    the address, if it is another one than `published`; with `own_offset` its day is that at the offset with which it is
    written. Pictures that begin with one of `imported_images` lie in the sources, so that their addresses are known
    only to the program.
    `elsewhere` are keys for what a post links to, `body` those for the body of a file that is nothing but metadata.

    `held_if_true` and `shown_if_false` (which holds back if it is false) are switches, `states` the words of a key that
    hold back, `shown_states` further words of such a key that do not. `held_folders` are folders of drafts. `not_dates`
    are words of a date that say where the program takes it from, in lower case.

    `link` is the pattern of an address, `link_if` are patterns for seeds that have a "slug", a date in their "path", or
    a "date" in their metadata; the first one that applies. `{path}` is that of the "file", with the slug that a key
    gives instead of its last part ("file_or_slug") or of all of it ("slug"), or "undated": without a date at the start
    of its last part. `{category}` is the "first" topic, or "all" of them with slashes between. `aliases_from` is what
    relative aliases are relative to. With `ends_with_slash` an address that a key gives ends with one, with
    `strips_index` the `index.html` at its end goes. `slug_from` is what makes the slug if no key does, `slugs` how
    names become parts of an address: lower-case "unicode", "plain" (without dots), transliterated "ascii" (other signs
    become hyphens) or "ascii_words" (they go); "cased" keeps upper case too, "kept" only replaces spaces. `days_in` and
    `times_in` are the time zones of dates and of times without an offset; "" is the site's. `constructs` are what its
    bodies hold beside Markdown.
    """

    name: str
    program: str
    forms: tuple[Form, ...] = ("yaml", "none")
    any_case: bool = False

    title: Keys = ("title",)
    title_from: tuple[Literal["heading", "page", "file", "words", "capitals"], ...] = ("heading", "words")
    published: Keys = ("date", "published", "publishDate", "pubDate", "created", "added")
    not_dates: tuple[str, ...] = ()
    addressed: Keys = ()
    own_offset: bool = False
    updated: Keys = ("updated", "lastmod", "modified", "last_modified_at")
    expires: Keys = ("expires", "expiryDate", "expiry_date", "unpublishDate")
    excerpt: Keys = ("description", "summary", "excerpt", "subtitle")
    topics: Keys = ("categories", "category")
    topics_from: Literal["", "folder", "parent", "above_posts"] = ""
    not_topics: tuple[str, ...] = ()
    tags: Keys = ("tags", "tag")
    separators: str = ""
    authors: Keys = ("author", "authors")
    images: Keys = ("image", "images", "cover", "banner", "thumbnail", "hero")
    imported_images: tuple[str, ...] = ()
    locale: Keys = ("lang", "language", "locale")
    type: Keys = ()
    category: Keys = ()
    quality: Keys = ()
    heat: Keys = ()
    id: Keys = ()
    slug: Keys = ("slug",)
    address: Keys = ("url", "permalink")
    strips_index: bool = False
    elsewhere: Keys = ()
    aliases: Keys = ("aliases",)
    aliases_from: Literal["base", "page"] = "base"
    body: Keys = ()

    held_if_true: Keys = ("draft", "hidden", "unlisted")
    shown_if_false: Keys = ("published", "publish")
    states: dict[str, tuple[str, ...]] = {}
    shown_states: tuple[str, ...] = ()
    held_folders: tuple[str, ...] = ()

    link: str = "/{path}/"
    link_if: tuple[tuple[Literal["slug", "path", "date"], str], ...] = ()
    path_is: Literal["file", "file_or_slug", "slug", "undated"] = "file"
    category_is: Literal["first", "all"] = "first"
    ends_with_slash: bool = False
    slug_from: Literal["file", "title"] = "file"
    slugs: Literal["unicode", "plain", "ascii", "ascii_words", "cased", "kept"] = "unicode"
    days_in: str = ""
    times_in: str = ""
    constructs: frozenset[str] = frozenset()


KEYS_OF_A_ROOT = {
    "title": "title", "publishedDateTime": "published", "updatedDateTime": "updated", "expires": "expires",
    "excerpt": "excerpt", "topics": "topics", "tags": "tags", "author": "authors", "images": "images",
    "locale": "locale", "type": "type", "category": "category", "quality": "quality", "heat": "heat", "id": "id",
    "webUrl": "address", "originalUrl": "elsewhere", "slug": "slug", "aliases": "aliases", "ampWebUrl": "aliases",
    "body": "body", "draft": "held_if_true", "removed": "held_if_true", "deleted": "held_if_true",
    "published": "shown_if_false", "ignored": "ignored",
}  # fmt: skip
"""What `keys` of a root may name, and the field of the table that gets its names first.

`ignored` are keys that mean nothing, although they look like one that holds a seed back.
"""


@cache
def names() -> tuple[str, ...]:
    """Return the names of all dialects, sorted."""
    return tuple(sorted(module.name for module in iter_modules(tables.__path__)))


@cache
def dialect_of(name: str) -> Dialect:
    """Return the table of a dialect.

    Raises:
        LookupError: if there is no such dialect.
    """
    if name not in names():
        raise LookupError(name)
    found: Dialect = import_module(f"{tables.__name__}.{name}").DIALECT
    return found
