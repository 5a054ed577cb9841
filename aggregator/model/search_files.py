"""The files of a static search, which lie beside the feeds: a page, and what pagefind makes of items. Pure.

pagefind names most of its files by a hash of what they hold. `ENTRY` names the index that counts, so it is written
after all that it leads to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

FOLDER = "-/pagefind/"
SEARCH_PAGE = "-/search/index.html"
PROGRAM, ENTRY = "pagefind.js", "pagefind-entry.json"
FRAGMENTS = f"{FOLDER}fragment/"
"""Where each item has a file with all that is shown of it."""

DATA = "pagefind data"
"""The kind of all other files: compressed already, and of no registered media type."""

_FILE = re.compile(
    r"-/pagefind/(?:pagefind(?:\.js|-entry\.json|\.[A-Za-z0-9_-]{1,64}\.pf_meta)|wasm\.[a-z-]{1,16}\.pagefind"
    r"|(index|filter|fragment)/[A-Za-z0-9_-]{1,64}\.pf_\1)"
)
_PART = re.compile(r"\.pf_(?:meta|index|filter)\Z")


class SearchUpdate(NamedTuple):
    """What an update of the files failed to do, what a person should know, and whether it came too late.

    It `is_outdated` if something was withdrawn meanwhile: then nothing was written.
    """

    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_outdated: bool = False


class SearchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it is searched: its tokens, the values of each kind that choose it, and what is shown, as JSON."""

    tokens: str
    values: dict[str, list[str]]
    shown: str


class ShownItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the page shows of an item, and what it compares when tokens and values do not decide.

    Dates are in seconds since 1970; `updated` is None if it is that of publication. `text` and `author` are folded.
    """

    title: str
    link: str
    published: int
    updated: int | None = None
    text: str = ""
    author: str = ""


def is_search_file(name: str) -> bool:
    """Return whether `name` is that of a file that pagefind made."""
    return _FILE.fullmatch(name) is not None


def is_search_data(name: str) -> bool:
    """Return whether `name` is that of a file of the kind `DATA`."""
    return is_search_file(name) and not name.endswith((PROGRAM, ENTRY))


def is_part_of_index(name: str) -> bool:
    """Return whether a search file is a part of the index, named by a hash of what it holds."""
    return _PART.search(name) is not None
