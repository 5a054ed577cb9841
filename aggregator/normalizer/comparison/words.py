"""The words of a text by its paragraphs, as two texts are compared by them. Pure.

A word, a number and a date such as `2026-03-01` count as one word each. Scripts that put no spaces between words count
character by character. Tags, addresses and Markdown's marks are no words.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from aggregator.model.scripts import NO_SPACES
from aggregator.normalizer import text

MAX_LENGTH = 20_000
"""How many characters of a text are compared: its beginning. A news agency's longest report has fewer."""

_NO_WORDS = re.compile(r"<!--.*?(?:-->|\Z)|\]\([^()\s]*(?:\s[^()]*)?\)|https?://[^\s<>)\"']+", re.DOTALL)
_BREAK = re.compile(
    r"\n[ \t]*(?=\n|[#>|] ?|[-*+•] |\d+[.)] )"
    r"|</?(?:article|aside|blockquote|br|div|dd|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|ol|p|pre|section|table|td|th|tr|ul)"
    r"(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ENTITY = re.compile(r"&#?[A-Za-z0-9]{1,10};")
_WORD = re.compile(
    rf"[{NO_SPACES}]|\d+(?:[.,:/\-–]\d+)*|[^\W\d{NO_SPACES}][^\W{NO_SPACES}]*(?:['\-][^\W\d{NO_SPACES}]+)*"
)  # fmt: skip
_ASCII_WORD = re.compile(r"[a-z][a-z0-9]*(?:['\-][a-z]+)*|\d+(?:[.,:/\-]\d+)*")  # finds the same, in half the time


def paragraphs(written: str) -> list[list[str]]:
    """Return the words of each paragraph of a text in Markdown or HTML; each has some."""
    beginning = _NO_WORDS.sub(" ", written[:MAX_LENGTH])
    found = [words(part) for part in _BREAK.split(beginning)]
    return [one for one in found if one]


def words(written: str) -> list[str]:
    """Return the words of a text in lower case, however its characters are composed (NFKC, UAX #15)."""
    if "<" in written:
        written = _TAG.sub("", written)
    if "&" in written:
        written = _ENTITY.sub(lambda found: text.decode_entities(found[0]), written)
    if written.isascii():
        return _ASCII_WORD.findall(written.lower())
    composed = normalize("NFKC", written).replace("’", "'").replace("_", " ")
    return _WORD.findall(composed.casefold())
