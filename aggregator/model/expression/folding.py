"""The form in which an expression compares words: without case, accents and typographic variants. Pure."""

from __future__ import annotations

import unicodedata

# Kana voicing, nukta and virama are marks that make another letter or word; all others are accents and points.
_LETTERS = frozenset({0, 7, 8, 9})
_SAME = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
    "\u2010": "-", "\u2011": "-", "\u00ad": None, "\u200b": None, "\u2060": None, "\ufeff": None,
})  # fmt: skip


def fold(text: str) -> str:
    """Return `text` folded: "Café  au\u00a0lait" and "CAFE au lait" are the same."""
    if text.isascii():
        return " ".join(text.lower().split())
    apart = unicodedata.normalize("NFKD", text.translate(_SAME).casefold())
    if not apart.isascii():
        kept = (one for one in apart if unicodedata.combining(one) in _LETTERS)
        apart = unicodedata.normalize("NFC", "".join(kept).casefold())
    return " ".join(apart.split())
