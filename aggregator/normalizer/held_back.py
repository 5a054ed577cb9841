"""What people write into front matter to hold a seed back, in whatever spelling. Pure.

A key that a dialect knows decides by itself. Another one that may mean "not yet" is an error, not a warning: nothing
that people meant to hold back goes out by an oversight (G15).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

_YES = frozenset({"true", "yes", "on", "y", "1", "t"})
_NO = frozenset({"false", "no", "off", "n", "0", "f"})

# Keys without case, spaces and signs: those that hold back if they are true …
_HOLDING = frozenset([
    "draft", "drafts", "drafted", "isdraft", "wip", "iswip", "workinprogress", "inprogress", "unfinished", "incomplete",
    "private", "isprivate", "hidden", "ishidden", "hide", "unlisted", "isunlisted", "notlisted", "unpublished",
    "isunpublished", "notpublished", "donotpublish", "dontpublish", "nopublish", "notready", "unreleased", "secret",
    "confidential", "internal", "internalonly", "embargo", "embargoed", "withdrawn", "retracted", "trash", "trashed",
    "entwurf", "istentwurf", "brouillon", "borrador", "bozza", "rascunho", "szkic", "kladde", "utkast", "черновик",
    "草稿", "下書き", "下书き", "privat", "privé", "versteckt", "verborgen",
])  # fmt: skip
# … and if they are false.
_RELEASING = frozenset([
    "published", "publish", "ispublished", "public", "ispublic", "live", "islive", "online", "listed", "islisted",
    "visible", "isvisible", "released", "isreleased", "ready", "isready", "publishable", "show", "shown", "render",
    "feed", "rss", "infeed", "inrss", "includeinfeed", "includeinrss", "veröffentlicht", "veröffentlichen",
    "veroeffentlicht", "publié", "publicado", "опубликовано",
])  # fmt: skip
_STATES = frozenset([
    "status", "state", "stage", "visibility", "poststatus", "articlestatus", "pagestatus", "draftstatus", "workflow",
    "workflowstate", "publishstatus", "publishingstatus", "publicationstatus", "access", "privacy", "sichtbarkeit",
])  # fmt: skip
_STARTING = frozenset([
    "publishdate", "pubdate", "publishat", "publishon", "publishfrom", "publishafter", "publishtime", "datepublished",
    "publisheddate", "publishedat", "publishedon", "publicationdate", "scheduled", "schedule", "scheduledat",
    "scheduledfor", "scheduledate", "golive", "goliveat", "golivedate", "embargountil", "embargoeduntil", "embargodate",
    "visiblefrom", "availablefrom", "notbefore", "releaseat", "releaseon", "livedate",
])  # fmt: skip
_HELD_STATES = frozenset([
    "draft", "drafts", "isdraft", "wip", "workinprogress", "inprogress", "progress", "private", "hidden", "hide",
    "unlisted", "unpublished", "notpublished", "notyet", "no", "false", "never", "later", "pending", "pendingreview",
    "inreview", "review", "needsreview", "future", "scheduled", "trash", "skip", "secret", "internal", "confidential",
    "restricted", "embargo", "embargoed", "unfinished", "incomplete", "todo", "idea", "planned", "queued", "autodraft",
    "notready", "withdrawn", "retracted", "rejected", "entwurf", "brouillon", "borrador", "privat", "nobody", "none",
    "me", "onlyme", "owner",
])  # fmt: skip
# Keys that a slip of the finger turns into another, and words that look like such a slip but are none.
_OFTEN_MISTYPED = ("draft", "published", "publish", "private", "unlisted", "hidden", "unpublished", "embargo")
_OTHER_WORDS = frozenset({"craft", "crafts", "drift", "daft", "graft", "raft", "drafty", "publisher", "publishes"})
_WITHIN = re.compile(
    r"draft|unpublish|unlist|(?:no|hid|hide|hidden|exclude|excluded|ignore|skip)(?:from|in)?(?:rss|feed)"
)
_NESTING = frozenset({"params", "extra", "meta", "metadata", "options", "build", "_build", "frontmatter"})
_DAY = re.compile(r"\s*\d{4}[-/.]\d\d?[-/.]\d\d?(?!\d)", re.ASCII)

Kind = Literal["", "holding", "releasing", "state", "start", "part"]


class Doubt(NamedTuple):
    """A key that may mean that the seed is to be held back; `key` is its dotted path."""

    key: tuple[str, ...]
    message: str


def boolean(value: Any) -> bool | None:
    """Return the boolean that `value` means, also as text or number; None if it means none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        word = str(value).strip().strip("'\"").casefold()
        return True if word in _YES else False if word in _NO else None
    return None


def is_blank(value: Any) -> bool:
    """Return whether `value` holds nothing: null, blank text, an empty list or mapping."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def is_held_state(value: Any) -> bool:
    """Return whether `value` is a word, or a list with a word, for a state in which nothing is published."""
    if isinstance(value, list):
        return any(map(is_held_state, value))
    return isinstance(value, str) and len(value) < 64 and folded(value) in _HELD_STATES


def doubts(values: Mapping[str, Any], known: Collection[str], published: str = "") -> Iterator[Doubt]:
    """Yield the keys beside the `known` ones that may mean that the seed is to be held back.

    `published` is the date of the seed, or its beginning, as `YYYY-MM-DD`: a key that looks like the date of its
    publication is in doubt if it is later than that.
    """
    for key, value in values.items():
        if key in known:
            continue
        kind = kind_of(key)
        if kind and _says_held(kind, value, published):
            yield _doubt((key,))
        elif key in _NESTING and isinstance(value, dict):
            for inner, one in value.items():
                kind = kind_of(inner)
                if kind and f"{key}.{inner}" not in known and _says_held(kind, one, published):
                    yield _doubt((key, inner))


def may_hold(key: str) -> bool:
    """Return whether a key could hold a seed back, or a key in it could."""
    return kind_of(key) != "" or key in _NESTING


def _doubt(key: tuple[str, ...]) -> Doubt:
    return Doubt(key, "may mean that this is not to be published, and is not a key that is understood")


def _says_held(kind: Kind, value: Any, published: str) -> bool:
    if is_blank(value):
        return False
    truth = boolean(value)
    if kind == "holding":
        return truth is True or is_held_state(value) or (truth is None and isinstance(value, str) and _is_day(value))
    if kind == "releasing":
        return truth is False or is_held_state(value)
    if kind == "state":
        return is_held_state(value)
    if kind == "start":
        later = isinstance(value, str) and _is_day(value) and bool(published) and _day(value) > published[:10]
        return later or truth is True or is_held_state(value)
    return truth is True


def _is_day(text: str) -> bool:
    return _DAY.match(text) is not None


def _day(text: str) -> str:
    year, month, day = re.split("[-/.]", text.strip()[:10])[:3]
    return f"{year}-{int(month):02}-{int(re.match(r'[0-9]+', day)[0]):02}"  # type: ignore[index]


@lru_cache(maxsize=4096)
def kind_of(key: str) -> Kind:
    """Return how the key could hold a seed back, "" if it could not."""
    word = folded(key[:64])
    for words, kind in ((_HOLDING, "holding"), (_RELEASING, "releasing"), (_STATES, "state"), (_STARTING, "start")):
        if word in words:
            return kind  # type: ignore[return-value]
    if word in _OTHER_WORDS:
        return ""
    for right in _OFTEN_MISTYPED:
        if _is_slip(word, right):
            return kind_of(right)
    return "part" if _WITHIN.search(word) else ""


@lru_cache(maxsize=4096)
def folded(word: str) -> str:
    """Return `word` without case, spaces and signs."""
    return "".join(filter(str.isalnum, word.casefold()))


def _is_slip(word: str, right: str) -> bool:
    """Return whether one letter of `right` is missing, too many, wrong, or exchanged with the next one, in `word`."""
    if abs(len(word) - len(right)) > 1 or word == right:
        return word == right
    start = 0
    while start < min(len(word), len(right)) and word[start] == right[start]:
        start += 1
    rest, other = word[start:], right[start:]
    return (
        rest[1:] == other or rest == other[1:] or rest[1:] == other[1:]
        or (len(rest) > 1 and rest[1::-1] + rest[2:] == other)
    )  # fmt: skip
