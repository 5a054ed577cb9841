"""Roots: the folders of seeds of a site, and how the files in each are read. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

NATIVE = "native"
"""The dialect of our own seeds."""

FirstCommit = Callable[[str], int | None]
"""Returns when a file, by its path with the root's prefix, was committed first: seconds since 1970, None if unknown."""


class SectionFile(NamedTuple):
    """A file that speaks for all files of its folder: the folder below its root, its name there, and its bytes."""

    folder: str
    name: str
    data: bytes


PLACEHOLDERS = ("year", "month", "day", "slug", "title", "slug_or_title", "path", "dir", "file", "category")
"""What may stand in `{ }` in the pattern of a link.

A file without a slug has its name, or its title, for one, as the dialect says; `slug_or_title` is always the latter.
"""

SEED_KEYS = (
    "title", "excerpt", "publishedDateTime", "updatedDateTime", "webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl",
    "published", "removed", "deleted", "expires", "quality", "heat", "topics", "tags", "category", "type", "locale",
    "provider", "author", "authors", "source", "images", "featuredContent", "media", "enclosure", "related",
    "id", "draft", "slug", "aliases", "body", "ignored",
)  # fmt: skip
"""The keys of a seed for which a root may have further names, all but the private one; and those of other programs.

Of these, `draft` holds a seed back, `slug` is a part of its address, `aliases` are its former addresses, `body` is that
of a file that is nothing but metadata, and `ignored` are keys that mean nothing.
"""


def shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of keys, where a dot leads into a mapping, without those that lead to the private `secured`."""
    return tuple(name for name in names if "secured" not in name.casefold().split("."))


# What other programs call a key of ours. None is a switch: what may hold an item back is an error of its own.
_FOREIGN_NAMES = {
    "date": "publishedDateTime", "pubdate": "publishedDateTime", "publishdate": "publishedDateTime",
    "created": "publishedDateTime", "posted": "publishedDateTime", "lastmod": "updatedDateTime",
    "updated": "updatedDateTime", "modified": "updatedDateTime",
    "link": "webUrl", "url": "webUrl", "permalink": "webUrl",
    "description": "excerpt", "summary": "excerpt", "subtitle": "excerpt", "categories": "topics",
    "keywords": "tags", "lang": "locale", "language": "locale",
    "image": "images", "cover": "images", "banner": "images",
    "thumbnail": "images", "hero": "images", "guid": "id",
}  # fmt: skip


def key_meant_by(name: str) -> str:
    """Return the key of a seed that another program calls `name`, "" if none is known."""
    return _FOREIGN_NAMES.get(name.replace("_", "").replace("-", "").casefold(), "")


class SeedRoot(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of seeds, or the URL of a store, and how its files are read.

    `name` begins the paths of its seeds (`blog/2024/a.md`) if a site has several roots; the only root of a site has the
    name "", if the config gives it none, and then paths as they are below its folder. `dialect` names the generator
    that its files were written for. `base` is the absolute URL against which relative links and pictures resolve (""
    for a native root: the item's own link), and to which `link` is joined: the pattern of the address of a seed that
    names none, such as `/{year}/{month}/{slug}/`. `include` and `ignore` are globs of paths below the folder, beside
    those of the dialect (a non-empty `include` replaces the dialect's). `keys` are further names of a key, tried first:
    `{"publishedDateTime": ("added",)}`. `inbox` is the path, below the folder, at which posted items are written.
    """

    folder: str
    name: str = ""
    dialect: str = NATIVE
    base: str = ""
    link: str = ""
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    keys: dict[str, tuple[str, ...]] = {}
    inbox: str = ""

    @property
    def prefix(self) -> str:
        """What the paths of its seeds begin with: its name and a `/`, or "" for the only root."""
        return f"{self.name}/" if self.name else ""

    @property
    def is_plain_native(self) -> bool:
        """Whether its files are seeds of our own dialect, without anything that changes how they are read."""
        return self.dialect == NATIVE and not (self.base or self.link or self.keys)


def manner_of(root: SeedRoot, roots: Sequence[SeedRoot], site: str) -> tuple[object, ...]:
    """Return all of the config that decides how the files of a root are read, as values that JSON has.

    The files of another program may refer to those of another root, so its pattern counts, too, and where it lies from
    there; but not the order of the roots, nor where the site lies on the machine. `site` is the URL of the site.
    """
    own = (root.dialect, root.base or site, root.link, {key: list(names) for key, names in root.keys.items()})
    if root.dialect == NATIVE:
        return own
    folder = root.folder.rstrip("/")
    _, is_part, section = f"{folder}/".rpartition("/content/")
    others = sorted(
        (_from(folder, one.folder.rstrip("/")), one.base or site, one.link)
        for one in roots
        if one is not root and one.dialect == root.dialect
    )
    return (*own, section if is_part else "", folder.split("/")[-_NAMES_OF_A_FOLDER:], others)


_NAMES_OF_A_FOLDER = 4
"""How many of the names that lead to a root a reference to a file in it may begin with."""


def _from(folder: str, other: str) -> str:
    """Return the path from one folder to another, also of stores."""
    one, two = folder.split("/"), other.split("/")
    shared = next((at for at, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), None)
    shared = min(len(one), len(two)) if shared is None else shared
    return "/".join([*[".."] * (len(one) - shared), *two[shared:]])


def native_root(roots: Sequence[SeedRoot]) -> SeedRoot | None:
    """Return the root into which new seeds are written: the first native one that has an inbox, else the first."""
    native = [root for root in roots if root.dialect == NATIVE]
    return next((root for root in native if root.inbox), native[0] if native else None)


def location_of(roots: Sequence[SeedRoot], path: str) -> str:
    """Return where the seed `path` lies: a path of the file system, or a URL.

    Raises:
        LookupError: if no root has that name.
    """
    root = root_of(roots, path)
    return f"{root.folder}/{path[len(root.prefix) :]}"


def paths_meant(roots: Sequence[SeedRoot], written: str) -> tuple[str, ...]:
    """Return the paths of seeds that `written` may mean: itself, and what it is below the folder of a root.

    Messages for people have the folder before the path, from where they are called: `seeds/a.md`, `../site/seeds/a.md`.
    """
    path = _TO_FOLDER.sub("", written)
    found = [path]
    for root in roots:
        names = root.folder.rstrip("/").split("/")
        ends = ("/".join(names[at:]) + "/" for at in range(len(names)))
        found += [root.prefix + path[len(end) :] for end in ends if end != "/" and path.startswith(end)]
    return tuple(dict.fromkeys(found))


_TO_FOLDER = re.compile(r"^(\.{1,2}/)+")


def root_of(roots: Sequence[SeedRoot], path: str) -> SeedRoot:
    """Return the root of the seed `path`; `roots` has at least one.

    Raises:
        LookupError: if no root has that name.
    """
    if len(roots) == 1:
        return roots[0]
    name = path.partition("/")[0]
    for root in roots:
        if root.name == name:
            return root
    raise LookupError(name)
