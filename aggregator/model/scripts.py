"""Scripts that put no spaces between words. Pure."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

# Thai and Lao, Myanmar, Khmer, Han with Hiragana and Katakana.
NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""The characters of these scripts, as they stand in a class of a regular expression."""

UNSPACED = re.compile(f"[{NO_SPACES}]")


def has_words(text: str, words: str) -> bool:
    """Return whether `words` stand in `text` as whole words; a script without spaces has no ends of words.

    Both are in the form in which they are compared (`model.expression.folding.fold`).
    """
    at = text.find(words)
    if at < 0:
        return False
    begins, ends = is_in_word(words[0]), is_in_word(words[-1])
    while at >= 0:
        end = at + len(words)
        if not (begins and at and is_in_word(text[at - 1])) and not (
            ends and end < len(text) and is_in_word(text[end])
        ):
            return True
        at = text.find(words, at + 1)
    return False


def words_in(text: str) -> frozenset[str]:
    """Return the whole words of a text; of scripts without spaces there are none.

    If `has_words(text, words)`, then `text` has every word of `words`.
    """
    if text.isascii():
        return frozenset(_ASCII_WORD.findall(text))
    return frozenset("".join(run) for is_word, run in groupby(text, is_in_word) if is_word)


_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+")


def is_in_word(one: str) -> bool:
    """Return whether a character goes on with the word of its neighbour."""
    if one.isascii():
        return one.isalnum() or one == "_"
    return (one.isalnum() or unicodedata.category(one)[0] == "M") and not UNSPACED.match(one)
