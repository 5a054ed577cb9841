"""Words and numbers as people read them, shared by the terminal, the pages and the log. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

RULES = {
    "readable": "cannot be read",
    "valid": "are not valid",
    "state": "are unpublished, removed or deleted",
    "quality": "are below the quality asked for",
    "heat": "are below the heat asked for",
    "provider": "come from a provider that is not wanted",
    "type": "are of a type that is not wanted",
    "title": "have a title that is not wanted",
    "window": "expire before they appear",
    "embargo": "wait for their moment",
    "expired": "have expired or are too old",
    "duplicate": "tell a story that another seed stands for",
}
"""What each rule says of the seeds it holds back, in the order in which the rules apply."""

_OF_ONE = (
    ("are ", "is "),
    ("come ", "comes "),
    ("have ", "has "),
    ("expire before they appear", "expires before it appears"),
    ("wait for their", "waits for its"),
    ("tell ", "tells "),
)

SHOWN_PROBLEMS = 50


def held_words(rule: str, count: int) -> str:
    """Say what a rule says of `count` seeds."""
    words = RULES[rule]
    for many, one in _OF_ONE if count == 1 else ():
        words = words.replace(many, one)
    return words


def counted(count: int, word: str) -> str:
    """Give a number with its noun: `1 seed`, `2 seeds`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def moment(seconds: int) -> str:
    """Write a moment as feeds do: 2026-11-23T10:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def distance(seconds: int) -> str:
    """Say how long something is in words: `3 days`."""
    for size, word in ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return counted(count, word)
    return counted(seconds, "second")
