"""The summary of a seed that has no excerpt: the first paragraphs of its body. Pure.

What comes in is sanitised HTML, which is balanced and has no `<` or `>` in its attributes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from aggregator.normalizer import text

EXCERPT_END = "<!--more-->"
"""What stands in a body where its excerpt ends, if the seed has none of its own."""

EXCERPT_FROM_BODY = 300
"""How many characters of the body make the summary of a seed without an excerpt."""

SHORT = 100
"""If the whole paragraphs of a summary have fewer characters, some of the next one follows."""

BEGINNING = 20_000
"""How many characters of the body's HTML are tried first for that summary."""

_UNFINISHED = re.compile(r"(?:<[^<>]*|&[#a-zA-Z0-9]*)\Z")
_NO_PARAGRAPHS = re.compile(r"<(h[1-6]|pre|table|figcaption)(?: [^<>]*)?>.*?(?:</\1>|\Z)", re.DOTALL)
_NOTE = re.compile(r'<sup><a href="[^"]*#fn-[^<>]*>[^<>]*</a></sup>')
_MEDIA = re.compile(r"\s*<a [^<>]*>(?:Watch|Listen|See it) on [^<>]*</a>(?:\s*<a [^<>]*>[^<>]*</a>)*\s*")
_NOTES = re.compile(r'<hr>\s*<ol>\s*<li id="fn-')
_BLOCK = re.compile(
    r"</?(?:blockquote|caption|dd|details|div|dl|dt|figure|hr|li|ol|p|summary|t(?:able|body|d|foot|h|head|r)|ul)"
    r"(?: [^<>]*)?>"
)
_WORDS = re.compile(r"[^<>]+(?=<|\Z)")


def summary(body: str) -> str:
    """Return the first paragraphs of a body in at most `EXCERPT_FROM_BODY` characters, or ""."""
    if not body:
        return ""
    beginning = _UNFINISHED.sub("", body[:BEGINNING])
    found = _first_paragraphs(beginning)
    if len(body) > BEGINNING and len(found) < EXCERPT_FROM_BODY:
        found = _first_paragraphs(body)
    found = text.cut(found or text.of_html(body), EXCERPT_FROM_BODY)
    return "" if text.is_blank(found) else found


def marked(body: str) -> str:
    """Return the text of that part of a body which its author marked as its excerpt, or ""."""
    found = text.cut(" ".join(_paragraphs(body)), text.SUMMARY_LENGTH)
    return "" if text.is_blank(found) else found


def is_hollow(body: str) -> bool:
    """Return whether there is nothing to see in a body: neither text nor a picture."""
    if "<img" in body:
        return False
    return all(text.is_blank(html.unescape(words[0])) for words in _WORDS.finditer(body))


def _first_paragraphs(body: str) -> str:
    """Return whole paragraphs, and of one that is too long enough to be cut."""
    taken = ""
    for paragraph in _paragraphs(body):
        if len(taken) >= SHORT and len(taken) + 1 + len(paragraph) > EXCERPT_FROM_BODY:
            break
        taken = f"{taken} {paragraph}" if taken else paragraph
        if len(taken) > EXCERPT_FROM_BODY:
            break
    return taken


def _paragraphs(body: str) -> Iterator[str]:
    """Yield the text of each paragraph, without headings, tables, code, footnotes and the links of `media`."""
    if notes := _NOTES.search(body):
        body = body[: notes.start()]
    for block in _BLOCK.split(_NOTE.sub("", _NO_PARAGRAPHS.sub("<hr>", body))):
        paragraph = "" if _MEDIA.fullmatch(block) else text.of_html(block)
        if not text.is_blank(paragraph):
            yield paragraph
