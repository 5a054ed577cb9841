"""Remarks in blocks of their own, made quotes with their title. Pure.

Python-Markdown and MkDocs `!!! note "Title"`, `??? note`, `=== "Tab"` with an indented body; Docusaurus `:::note Title`
to `:::`; GitHub's and Obsidian's `> [!note] Title`; and what `tags` and `components` have marked.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aggregator.normalizer.dialects.markup.draft import END_OF_HELD, END_OF_QUOTE, HELD, QUOTE, code_spans

DEEPEST = 8
"""How deep quotes may lie in each other: each line of the innermost has the marks of all."""

MOST_OPEN = 24
"""How many blocks of any kind may lie in each other; more are not looked for."""

MARKS = (QUOTE, HELD)
SIGNS = ("!!!", "???", ":::", "[!", "===")

_INDENTED = re.compile(r'(?:!!!|\?\?\?\+?)[ \t]+([A-Za-z][\w -]*?)(?:[ \t]+"([^"]*)")?[ \t]*$')
_TAB = re.compile(r'===[+!]*[ \t]+"([^"]*)"[ \t]*$')
_FENCED = re.compile(
    r"(:{3,})[ \t]*([A-Za-z][\w-]*)[ \t]*(?:\[([^\]]*)\]|\{[^}]*\}|([^\n{\[]*))[ \t]*(?:\{[^}]*\})?[ \t]*$"
)
_END_OF_FENCED = re.compile(r"(:{3,})[ \t]*$")
_ALERT = re.compile(r"((?:[ \t]*>)+[ \t]?)\[!([A-Za-z][\w-]*)(?:\|[^\]\n]*)?\][+-]?[ \t]*(.*)$")


class _Open(NamedTuple):
    """A block that is open: its kind, the indent of its first line and of what it holds, and whether it is a quote."""

    kind: str
    indent: int
    inner: int
    is_quote: bool


class _Blocks:
    def __init__(self, *, admonitions: bool) -> None:
        self._admonitions = admonitions
        self._open: list[_Open] = []
        self.lines: list[str] = []

    def read(self, line: str, *, is_code: bool) -> None:
        """Read a line; in code nothing begins or ends."""
        text = line.lstrip(" \t")
        indent = _columns(line[: len(line) - len(text)])
        if not is_code:
            if text:
                self._close_indented(indent)
            if self._begins_or_ends(line, text, indent):
                return
        self._write(line)

    def _begins_or_ends(self, line: str, text: str, indent: int) -> bool:
        first = text[:1]
        if first in {QUOTE, HELD}:
            self._begin("marked", indent, -1, text[1:], is_quote=first == QUOTE)
        elif first in {END_OF_QUOTE, END_OF_HELD}:
            self._end("marked")
        elif not self._admonitions or first not in {"!", "?", ":", "=", ">"}:
            return False
        elif found := _INDENTED.match(text):
            self._begin("indented", indent, indent + 4, _title(found[1].split()[0], found[2]))
        elif found := _TAB.match(text):
            self._begin("indented", indent, indent + 4, found[1], is_quote=False)
        elif found := _FENCED.match(text):
            self._begin(found[1], indent, indent, _title(found[2], found[3] or (found[4] or "").strip() or None))
        elif (found := _END_OF_FENCED.match(text)) and any(one.kind.startswith(":") for one in self._open):
            self._end(found[1])
        elif found := _ALERT.match(line):
            self._write(f"{found[1]}**{_title(found[2], found[3].strip() or None)}**")
            self._write(found[1].rstrip())
        else:
            return False
        return True

    def _begin(self, kind: str, indent: int, inner: int, title: str, *, is_quote: bool = True) -> None:
        self._write("")
        if len(self._open) >= MOST_OPEN:
            return
        quotes = sum(one.is_quote for one in self._open)
        self._open.append(_Open(kind, indent, inner, is_quote and quotes < DEEPEST))
        if is_quote and not quotes < DEEPEST:
            return
        if title:
            # The title is no deeper than the line that begins the block.
            inner, self._open[-1] = self._open[-1].inner, self._open[-1]._replace(inner=indent)
            self._write(" " * indent + f"**{title}**")
            self._write("")
            self._open[-1] = self._open[-1]._replace(inner=inner)

    def _end(self, kind: str) -> None:
        """End the last block of a kind, and all that was opened in it; of `:::` those with as many colons or fewer."""
        for at in range(len(self._open) - 1, -1, -1):
            one = self._open[at].kind
            if one == kind or (kind.startswith(one) and one.startswith(":")):
                del self._open[at:]
                self._write("")
                return

    def _close_indented(self, indent: int) -> None:
        is_open = len(self._open)
        while self._open and self._open[-1].kind == "indented" and indent < self._open[-1].inner:
            self._open.pop()
        if len(self._open) < is_open:
            self._write("")

    def _write(self, line: str) -> None:
        """Write a line with the marks of the quotes that it is in."""
        if not self._open:
            self.lines.append(line)
            return
        last = self._open[-1]
        if last.inner < 0:
            # What a component holds is as far from its edge as its first line.
            text = line.lstrip(" \t")
            inner = _columns(line[: len(line) - len(text)]) if text else -1
            self._open[-1] = last = last._replace(inner=inner)
        marks = " " * self._open[0].indent + "> " * sum(one.is_quote for one in self._open)
        self.lines.append(
            (marks + _without_indent(line, max(0, last.inner))).rstrip(" ") if marks.strip() or line.strip() else ""
        )


def translate(text: str, *, admonitions: bool) -> str:
    """Return Markdown with the marked blocks, and with `admonitions` those that are written, as quotes."""
    blocks = _Blocks(admonitions=admonitions)
    spans, at = code_spans(text), 0
    start, end = next(spans, (0, 0))
    for line in text.split("\n"):
        while 0 < end <= at:
            start, end = next(spans, (0, 0))
        blocks.read(line, is_code=start < at < end)
        at += len(line) + 1
    return "\n".join(blocks.lines)


def _title(kind: str, title: str | None) -> str:
    return kind.replace("-", " ").capitalize() if title is None else title


def _columns(blank: str) -> int:
    return len(blank.expandtabs(4))


def _without_indent(line: str, columns: int) -> str:
    text = line.lstrip(" \t")
    return " " * max(0, _columns(line[: len(line) - len(text)]) - columns) + text if columns else line
