"""Metadata at the head of a text, where no program looks for it: a second head, lines below an empty one. Pure.

It would be published as text, and what it says, such as `draft: true`, would not be obeyed (G12, G15).
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

from aggregator.normalizer.held_back import Doubted, text_holds_back

LONGEST_HEAD = 16_384
"""How many characters of a text are looked at."""

KEY = re.compile(r"[ \t]*(?:\{(?![{%:#.])|\?[ \t]|[^\s:#-][^:\n]{0,60}:(?=[ \t\n]|$))")
ASSIGNMENT = re.compile(r"[ \t\"']*[\w.-]+[\"']?[ \t]*=")
# Nearly all bodies begin otherwise: with a fence, an object or a key, below comments or headings.
_MAY_BE = re.compile(
    r"\s*(?:#[^\n]*\n)*(?:[-\u2013\u2014;]{2}|\u2014|\+\+\+|\{[ \t\n]*[\"\w]|\[[\w.]+\][ \t]*\n"
    r"|[\"']?[^\W\d][\w.-]*(?: [\w.-]+){0,3}[\"']?[ \t]*[:=])"
)
_FENCE = re.compile(r"\s*(---|\+\+\+)[ \t]*\n")
# What a fence becomes that is typed too long, or on a device that makes long dashes of short ones.
_OTHER_FENCE = re.compile(r"\s*(?:-{4,}|(?=-*[\u2013\u2014])[-\u2013\u2014]+|;;;)[ \t]*\n")
_OBJECT = re.compile(r"\s*(\{[ \t\n]*[\"\w])")
_RULE = re.compile(r"-{3,}[ \t]*(?:\n|$)")
_LINE = re.compile(
    r"[ \t]*(?:[\"']?[^\W\d][\w.-]*(?: [\w.-]+){0,3}[\"']?[ \t]*(?:::?(?!//)|=)|[{}]|-[ \t]|#|\[[\w.]+\]|$)|[ \t]+\S"
)
_NAMED = re.compile(
    r"[ \t\"']*(?:title|date|slug|tags|categories|author|layout|description|id)[\"']?[ \t]*[:=]", re.IGNORECASE
)
_SMALL = re.compile(r"[ \t\"']*[a-z]")
_END = re.compile(r"\n(?:-{3,}|\.\.\.|\+\+\+|;;;|(?=-*[\u2013\u2014])[-\u2013\u2014]+)[ \t]*(?:\n|$)")
_BLANK = re.compile(r"\n[ \t]*\n")
_SECURED = re.compile(r"^[ \t\"'{,#+-]*(?:secured|embargo[\w -]{0,20})[\"']?[ \t]*[:=]", re.IGNORECASE | re.MULTILINE)
# "Embargo: what was decided" is prose, unlike what names a day.
_CLEARLY_SECURED = re.compile(
    r"^[ \t\"'{,#+-]*(?:(?i:secured)[\"']?[ \t]*[:=]|embargo\w{0,20}[\"']?[ \t]*[:=]"
    r"|(?i:embargo[\w -]{0,20})[\"']?[ \t]*[:=][ \t\"']*(?:\d|(?i:true|yes)\b))",
    re.MULTILINE,
)


class Stray(NamedTuple):
    """Metadata in a body: where it begins, what is wrong, what to write instead, and whether it may hold back."""

    offset: int
    message: str
    hint: str
    withdrawn: bool


def stray_metadata(body: str, *, is_head_empty: bool = False) -> Stray | None:
    """Return the metadata with which the body of a file begins that has a head already, which may be empty."""
    if not body or _MAY_BE.match(body) is None:
        return None
    text = body[:LONGEST_HEAD]
    if opening := _FENCE.match(text) or _OBJECT.match(text):
        return _second_head(text, opening)
    start = len(text) - len(text.lstrip())
    fence = _OTHER_FENCE.match(text)
    block = _first_paragraph(text[fence.end() if fence else start :])
    end = _END.search(block)
    if end:
        block = block[: end.start()]
    lines = block.split("\n")
    keys = list(takewhile(_LINE.match, lines))
    is_prose = len(keys) < len(lines)
    doubted: Doubted = "none" if is_prose else "any" if is_head_empty or end else "lower"
    if may_hold_back("\n".join(keys), doubted=doubted):
        message = "has lines below its front matter that may hold it back, or are secured"
        return Stray(start, message, "write them between the lines around the front matter", withdrawn=True)
    if is_prose:
        return None
    if is_head_empty and len(_NAMED.findall(block)) + len(re.findall(r"\n[ \t]*(?:title|date)[ \t]*:", block)) > 1:
        hint = "write what is below it between the two lines of ---"
        return Stray(start, "has metadata below its front matter, which is empty", hint, withdrawn=False)
    return None


def _second_head(text: str, opening: re.Match[str]) -> Stray | None:
    """Return what is wrong with a text that begins with a fence or an object, if that holds metadata."""
    mark = opening[1]
    head = text[opening.start(1) :].replace("\n\n", "\n", 1)
    hint = "write all metadata once, at the head of the file"
    if may_hold_back(head, doubted="none" if mark == "---" and is_rule(head) else "any"):
        message = "has metadata twice, and the second may hold it back, or is secured"
        return Stray(opening.start(1), message, hint, withdrawn=True)
    closing = text.find(f"\n{mark}", opening.end() - 1)
    if mark[0] == "{" or closing < 0:
        return None
    lines = text[opening.end() : closing + 1].split("\n")
    keys = [line for line in lines if KEY.match(line) or ASSIGNMENT.match(line)]
    # Lines between rules that begin with names are a dialogue, or questions and answers.
    is_known = mark != "---" or (len(keys) > 1 and any(_SMALL.match(key) for key in keys))
    if all(map(_LINE.match, lines)) and ((keys and is_known) or any(map(_NAMED.match, keys))):
        return Stray(opening.start(1), "has metadata twice, and the second would be its text", hint, withdrawn=False)
    return None


def _first_paragraph(head: str) -> str:
    end = _BLANK.search(head, len(head) - len(head.lstrip("-\n \t")))
    return head[: end.start()] if end else head


def may_hold_back(head: str, *, doubted: Doubted = "any") -> bool:
    """Return whether the first paragraph of a text has a line that may hold its item back, or is secured.

    A doubt is enough for the `doubted` keys (`held_back.text_holds_back`).
    """
    block = _first_paragraph(head)
    secured = _SECURED if doubted == "any" else _CLEARLY_SECURED
    return secured.search(block) is not None or text_holds_back(block.replace("#+", ""), is_prose=True, doubted=doubted)


def is_rule(head: str) -> bool:
    """Return whether the dashes at the head of a text are a rule above prose, not the first line of metadata."""
    rule = _RULE.match(head)
    if rule is None:
        return False
    rest = [line for line in head[rule.end() :].split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return bool(rest) and KEY.match(rest[0]) is None and len(" ".join(rest).split()) > 1
