"""The form in which an expression compares words: without case, accents and typographic variants. Pure."""

from __future__ import annotations

import re
import unicodedata

# Kana voicing, nukta and virama are marks that make another letter or word; all others are accents and points.
_LETTERS = frozenset({0, 7, 8, 9})
_SAME = (
    ("\u2018", "'"), ("\u2019", "'"), ("\u02bc", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u201e", '"'),
    ("\u2010", "-"), ("\u2011", "-"), ("\u00ad", ""), ("\u200b", ""), ("\u2060", ""), ("\ufeff", ""),
)  # fmt: skip
_OTHERS = re.compile(r"[^\x00-\x7f]+")


def fold(text: str) -> str:
    """Return `text` folded: "Café  au\u00a0lait" and "CAFE au lait" are the same."""
    if text.isascii():
        return " ".join(text.lower().split())
    for one, other in _SAME:  # `str.translate` takes ten times as long
        text = text.replace(one, other)
    apart = unicodedata.normalize("NFKD", text.casefold())
    if not apart.isascii():
        apart = unicodedata.normalize("NFC", _OTHERS.sub(_without_accents, apart).casefold())
    return " ".join(apart.split())


def _without_accents(found: re.Match[str]) -> str:
    return "".join([one for one in found[0] if unicodedata.combining(one) in _LETTERS])
