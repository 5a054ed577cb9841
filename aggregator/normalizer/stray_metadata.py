"""Metadata at the head of a text, where no program looks for it: a second head, lines below an empty one. Pure.

It would be published as text, and what it says, such as `draft: true`, would not be obeyed (G12, G15).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aggregator.normalizer.held_back import text_holds_back

LONGEST_HEAD = 16_384
"""How many characters of a text are looked at."""

KEY = re.compile(r"[ \t]*(?:\{(?![{%:#.])|\?[ \t]|[^\s:#-][^:\n]{0,60}:(?=[ \t\n]|$))")
ASSIGNMENT = re.compile(r"[ \t\"']*[\w.-]+[\"']?[ \t]*=")
# Nearly all bodies begin otherwise: with a fence, an object or a key, below comments or headings.
_MAY_BE = re.compile(
    r"\s*(?:#[^\n]*\n)*(?:---|\+\+\+|\{[ \t\n]*\"|[\"']?[^\W\d][\w.-]*(?: [\w.-]+){0,3}[\"']?[ \t]*[:=])"
)
_FENCE = re.compile(r"\s*(---|\+\+\+)[ \t]*\n")
_OBJECT = re.compile(r"\s*(\{[ \t\n]*\")")
_RULE = re.compile(r"-{3,}[ \t]*(?:\n|$)")
_LINE = re.compile(
    r"[ \t]*(?:[\"']?[^\W\d][\w.-]*(?: [\w.-]+){0,3}[\"']?[ \t]*(?:::?(?=[ \t]|$)|=)|-[ \t]|#|\[[\w.]+\]|$)|[ \t]+\S"
)
_NAMED = re.compile(
    r"[ \t\"']*(?:title|date|slug|tags|categories|author|layout|description|id)[\"']?[ \t]*[:=]", re.IGNORECASE
)
_END = re.compile(r"\n(?:-{3,}|\.\.\.|\+\+\+)[ \t]*(?:\n|$)")
_BLANK = re.compile(r"\n[ \t]*\n")
_SECURED = re.compile(r"^[ \t\"'{,#+-]*(?:secured|embargo[\w -]{0,20})[\"']?[ \t]*[:=]", re.IGNORECASE | re.MULTILINE)


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
    start = len(text) - len(text.lstrip())
    if opening := _FENCE.match(text) or _OBJECT.match(text):
        return _second_head(text, opening)
    block = _first_paragraph(text[start:])
    if end := _END.search(block):
        block = block[: end.start()]
    if not all(map(_LINE.match, block.split("\n"))):
        return None
    if may_hold_back(block):
        message = "has lines below its front matter that may hold it back, or are secured"
        return Stray(start, message, "write them between the lines around the front matter", withdrawn=True)
    if is_head_empty and len(_NAMED.findall(block)) + len(re.findall(r"\n[ \t]*(?:title|date)[ \t]*:", block)) > 1:
        hint = "write what is below it between the two lines of ---"
        return Stray(start, "has metadata below its front matter, which is empty", hint, withdrawn=False)
    return None


def _second_head(text: str, opening: re.Match[str]) -> Stray | None:
    """Return what is wrong with a text that begins with a fence or an object, if that holds metadata."""
    mark = opening[1]
    head = text[opening.start(1) :].replace("\n\n", "\n", 1)
    hint = "write all metadata once, at the head of the file"
    if not (mark == "---" and is_rule(head)) and may_hold_back(head):
        message = "has metadata twice, and the second may hold it back, or is secured"
        return Stray(opening.start(1), message, hint, withdrawn=True)
    closing = text.find(f"\n{mark}", opening.end() - 1)
    if mark[0] == "{" or closing < 0:
        return None
    lines = text[opening.end() : closing + 1].split("\n")
    keys = [line for line in lines if KEY.match(line) or ASSIGNMENT.match(line)]
    if all(map(_LINE.match, lines)) and (len(keys) > (mark == "---") or any(map(_NAMED.match, keys))):
        return Stray(opening.start(1), "has metadata twice, and the second would be its text", hint, withdrawn=False)
    return None


def _first_paragraph(head: str) -> str:
    end = _BLANK.search(head, len(head) - len(head.lstrip("-\n \t")))
    return head[: end.start()] if end else head


def may_hold_back(head: str) -> bool:
    """Return whether the first paragraph of a text has a line that may hold its item back, or is secured."""
    block = _first_paragraph(head)
    return _SECURED.search(block) is not None or text_holds_back(block.replace("#+", ""), is_prose=True)


def is_rule(head: str) -> bool:
    """Return whether the dashes at the head of a text are a rule above prose, not the first line of metadata."""
    rule = _RULE.match(head)
    if rule is None:
        return False
    rest = [line for line in head[rule.end() :].split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return bool(rest) and KEY.match(rest[0]) is None and len(" ".join(rest).split()) > 1
