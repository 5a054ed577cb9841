"""Words and numbers for people, shared by the terminal, the pages and the log. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

RULES = {
    "readable": "cannot be read",
    "valid": "are not valid",
    "date": "are pages without a date",
    "state": "are unpublished, removed or deleted",
    "quality": "are below the minimum quality",
    "heat": "are below the minimum heat",
    "provider": "have a provider that is not allowed",
    "type": "have a type that is not allowed",
    "title": "have a title that is not allowed",
    "match": "are kept out by an expression",
    "window": "expire before they are published",
    "embargo": "are not published yet",
    "expired": "have expired or are too old",
    "story": "tell of an event of which another item is shown",
    "copy": "are copies of another item",
    "duplicate": "duplicate another seed",
}
"""What each rule says about the seeds it holds back, in the order in which the rules apply."""

_SINGULAR = (
    ("are ", "is "),
    ("have ", "has "),
    ("expire before they is ", "expires before it is "),
    ("duplicate ", "duplicates "),
    ("tell of", "tells of"),
    ("is copies of", "is a copy of"),
    ("is pages without", "is a page without"),
)

LISTED_PROBLEMS = 50
"""The most problems that are listed."""


def rule_words(rule: str, count: int) -> str:
    """Return what a rule says about `count` seeds."""
    words = RULES[rule]
    for plural, singular in _SINGULAR if count == 1 else ():
        words = words.replace(plural, singular)
    return words


_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escape_controls(line: str) -> str:
    """Return a line with control and direction characters escaped: names of files may contain them."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], line)


def has_controls(text: str) -> bool:
    """Return whether `escape_controls` changes `text`."""
    return _CONTROLS.search(text) is not None


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` with the most similar of the known names, or ""."""
    from difflib import get_close_matches  # noqa: PLC0415 - 3 ms, only after a mistake

    found = get_close_matches(wrong, list(known), n=1)
    return f" (did you mean `{found[0]}`?)" if found else ""


def no_such_feeds(unknown: Iterable[str], known: Iterable[str]) -> str:
    """Return the message that feeds do not exist, with what was meant or where they are listed."""
    slugs = list(known)
    named = [f"{slug}{did_you_mean(slug, slugs)}" for slug in unknown]
    hint = "" if any("did you mean" in one for one in named) else " (`aggregator status` lists them)"
    return f"no such feed: {', '.join(named)}{hint}"


def quantity(count: int, word: str) -> str:
    """Return a number with its noun: `1 seed`, `2 seeds`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def utc_time(seconds: int) -> str:
    """Return a time (seconds since 1970) as feeds write it: `2026-11-23T10:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def than_this_one(seconds: int) -> str:
    """Return when another item was published than this one: so many seconds after it (negative: before)."""
    if seconds == 0:
        return "published at the same time"
    return f"published {in_words(abs(seconds))} {'after' if seconds > 0 else 'before'} this one"


def in_words(seconds: int) -> str:
    """Return a duration (seconds) in words: `3 days`."""
    for size, word in ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return quantity(seconds // size, word)
    return quantity(seconds, "second")
