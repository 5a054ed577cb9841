"""A body while its constructs are found: what replaces what, what is code, and what is lost. Pure."""

from __future__ import annotations

import html
import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

MOST_NOTES = 20
"""How many notes a body has at most; the last one counts the others."""

QUOTE, END_OF_QUOTE, HELD, END_OF_HELD = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
"""Lines that begin so mark where a quote (with its title) or what a component holds begins and ends, for `blocks`.

They are noncharacters, which no text may hold.
"""

UNKNOWN = "unknown:"
"""An address that nothing leads to: `content` keeps the words of such a link without it."""

_FENCE = re.compile(
    r"^[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*[ \t>]*(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)", re.MULTILINE
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_TICKS = re.compile(r"(?<!\\)`+")
_ELEMENT = re.compile(r"<(pre|code|script|style)\b|\$\$", re.IGNORECASE)
_FILE_ENDING = re.compile(r"(?:(?:\A|(?<=/))_?index)?\.(?:mdx?|markdown)\Z")
_POST = re.compile(r"\A(?:/_posts)?/(?:[^/]+/)*?(\d{4})-(\d\d?)-(\d\d?)-([^/]+?)(?:\.\w+)?\Z")
_PLAIN_NAME = re.compile(r"[\w./-]{1,40}")


FindPage = Callable[[str, bool], str | None]
"""Returns the address of a file's page, by its path, and by whether that is written as one from the folder's root."""


class Note(NamedTuple):
    """What of a body feeds cannot show: the line in the body (from 1), what is wrong, and what to write instead."""

    line: int
    message: str
    hint: str = ""


class Edit(NamedTuple):
    """What stands in a body from `start` to `end`, and what shall stand there."""

    start: int
    end: int
    text: str


class Draft:
    """A body, the edits that were found for it, and the notes.

    `values`, `page` and `path` are those of `bodies.translate`; `is_html` is whether the body is HTML, not Markdown.
    """

    def __init__(
        self,
        body: str,
        *,
        values: Mapping[str, str],
        page: FindPage | None,
        path: str,
        is_html: bool,
    ) -> None:
        self.body = body
        self.values = values
        self.is_html = is_html
        self._page = page
        self._path = path
        self._edits: list[Edit] = []
        self._notes: dict[str, tuple[int, str, str]] = {}
        self._code = list(code_spans(body))
        self._starts = [start for start, _ in self._code]

    def is_code(self, at: int) -> bool:
        """Return whether the character at a position is in code, which is never touched."""
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and at < self._code[index][1]

    def replace(self, start: int, end: int, text: str = "") -> None:
        """Replace a part of the body; of edits that overlap, the one that begins first counts."""
        self._edits.append(Edit(start, end, text))

    def replace_block(self, start: int, end: int, text: str) -> None:
        """Replace a part of the body; if it has its line for itself, so has what replaces it, and its paragraph."""
        self.replace(start, end, f"\n{self.indent(start)}{text}\n" if text and self.is_alone(start, end) else text)

    def sub(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str | None]) -> None:
        """Replace each match outside code; None leaves it as it is."""
        for found in pattern.finditer(self.body):
            if not self.is_code(found.start()):
                text = replacement(found)
                if text is not None:
                    self.replace(found.start(), found.end(), text)

    def is_alone(self, start: int, end: int) -> bool:
        """Return whether nothing else stands on the lines of a part of the body."""
        line_end = self.body.find("\n", end, end + 200)
        before, after = self._before(start), self.body[end : line_end if line_end >= 0 else end + 200]
        return not before.strip() and not after.strip()

    def indent(self, start: int) -> str:
        """Return the white space before a position on its line, or "" if other characters stand there."""
        before = self._before(start)
        return before if before.isspace() else ""

    def _before(self, start: int) -> str:
        first = max(0, start - 200)
        return self.body[max(first, self.body.rfind("\n", first, start) + 1) : start]

    def page(
        self, reference: str, at: int, name: str, *, is_from_root: bool = False, is_post: bool = False
    ) -> str:  # fmt: skip
        """Return the address of the page that a reference to a file leads to.

        If that cannot be known, it is one that `content` drops, so that only the words of the link stay, and the note
        calls the reference `name`. `at` is its position; `is_from_root` is whether it begins at the root of the folder,
        `is_post` whether without any other knowledge its page is where Jekyll puts a post by default.
        """
        reference, sign, place = reference.partition("#")
        path = self.resolved(reference, is_from_root=is_from_root) if reference else ""
        address: str | None = ""
        if self._page is not None and path:
            is_from_root = is_from_root or reference.startswith("/") or not self._path
            address = self._page(*self._from_root(path, reference, is_from_root=is_from_root))
        if address is None:
            message = "`{}` leads to a page whose address its path does not tell, so only the words of the link stay"
            self.note(name, at, message, "write the full address")
            return UNKNOWN
        if not address:
            address = (is_post and _POST.sub(r"/\1/\2/\3/\4.html", path)) or path
            stem = _FILE_ENDING.sub("", address)
            address = address if stem == address else f"{stem.removesuffix('/')}/" if stem else "./"
            address = f"{self._root}{address}" if address.startswith("/") else address
        return html.escape(address.replace(" ", "%20")) + sign + html.escape(place)

    def _from_root(self, path: str, reference: str, *, is_from_root: bool) -> tuple[str, bool]:
        """Return the path of a reference from the folder's root, out of which `../` leads, and whether it says so."""
        if is_from_root or not self._leads_out(reference):
            return path.lstrip("/"), is_from_root
        return posixpath.normpath(f"{posixpath.dirname(self._path) or '.'}/{reference}"), False

    @property
    def _root(self) -> str:
        """The address of the root of the folder, without a `/` at its end; "" if it is not known."""
        return f"{self.values.get('site.url', '').rstrip('/')}{self.values.get('site.baseurl', '')}".rstrip("/")

    def _leads_out(self, reference: str) -> bool:
        """Return whether a relative reference leads out of the folder."""
        folder = posixpath.dirname(self._path)
        return not reference.startswith("/") and posixpath.normpath(f"{folder or '.'}/{reference}").startswith("..")

    def resolved(self, reference: str, *, is_from_root: bool = False) -> str:
        """Return a reference as a path that begins with `/`, the root of the folder, or as it is if that is unknown."""
        if reference.startswith("/"):
            return reference
        if is_from_root and not reference.startswith("."):
            return f"/{reference}"
        if not self._path:
            return reference
        end = "/" if reference.endswith("/") else ""
        return posixpath.normpath(f"/{posixpath.dirname(self._path)}/{reference}").replace("//", "/") + end

    def file(self, address: str) -> str:
        """Return the address of a file that is no page, relative to the page as it is written."""
        return html.escape(address.replace(" ", "%20"))

    def file_at_root(self, path: str) -> str:
        """Return the address of a file that is no page, by its path from the root of the folder."""
        return self.file(f"{self._root}{path}" if path.startswith("/") else path)

    def file_beside(self, reference: str) -> str | None:
        """Return the address of a file that is no page, relative to this file; None if it lies outside the folder."""
        return None if self._leads_out(reference) else self.file_at_root(self.resolved(reference))

    def embedded(self, path: str) -> str:
        """Return the address of a file that is shown, by its path from the root of the folder."""
        known = self._page(path, True) if self._page is not None and "://" not in path else ""
        return self.file(known or path)

    def note(self, name: str, at: int, message: str, hint: str = "write a link or a picture instead") -> None:
        """Note once for each name what is lost; `{}` in the message stands for the name."""
        # What is no plain name may be private text.
        name = name if _PLAIN_NAME.fullmatch(name) else "…"
        if name not in self._notes:
            self._notes[name] = (at, message.replace("{}", name), hint)

    def replaced(self) -> list[tuple[int, int]]:
        """Return where the parts begin and end that are replaced so far."""
        return sorted((edit.start, edit.end) for edit in self._edits)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes in the order of the body."""
        first = sorted(self._notes.values())[:MOST_NOTES]
        found = [Note(self.body.count("\n", 0, at) + 1, message, hint) for at, message, hint in first]
        more = len(self._notes) - MOST_NOTES
        return (*found, Note(found[-1].line, f"… and {more:,} more")) if more > 0 else tuple(found)

    def edited(self) -> str:
        """Return the body with its edits; the same object if there are none."""
        parts, done = list[str](), 0
        for edit in sorted(self._edits, key=lambda edit: (edit.start, -edit.end)):
            if edit.start >= done:
                parts += [self.body[done : edit.start], edit.text]
                done = edit.end
        return "".join([*parts, self.body[done:]]) if parts else self.body


def code_spans(body: str) -> Iterator[tuple[int, int]]:
    """Yield where code begins and ends, in order: fences, code in a line, `<pre>`, `<code>`, and formulas in `$$`."""
    done = 0
    for start, end in _fences(body):
        yield from _inline(body, done, start)
        yield start, end
        done = end
    yield from _inline(body, done, len(body))


def _fences(body: str) -> Iterator[tuple[int, int]]:
    """Yield fenced code (CommonMark §4.5), from the start of its line; one that is not closed goes on to the end."""
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(body):
        fence = line["fence"]
        if opened is None:
            if fence[0] == "~" or "`" not in line["info"]:
                opened = line
        elif fence.startswith(opened["fence"]) and not line["info"].strip():
            yield opened.start(), line.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(body)


def _inline(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    done, missing = start, set[str]()
    for ticked in (*_ticked(body, start, end), (end, end)):
        if ticked[0] >= done:
            # An element such as <pre> may begin before the ticks and end after them.
            for element in _elements(body, done, ticked[0], end, missing):
                yield element
                done = element[1]
        if done <= ticked[0] < ticked[1]:
            yield ticked
            done = ticked[1]


def _ticked(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield code between backticks (CommonMark §6.1): as many after it as before it, in the same paragraph."""
    while start < end:
        blank = _BLANK_LINE.search(body, start, end)
        paragraph_end = blank.start() if blank else end
        runs = list(_TICKS.finditer(body, start, paragraph_end))
        following: dict[int, int] = {}
        closes = [0] * len(runs)
        for index in range(len(runs) - 1, -1, -1):
            length = len(runs[index][0])
            closes[index] = following.get(length, 0)
            following[length] = index
        index = 0
        while index < len(runs):
            if closes[index]:
                yield runs[index].start(), runs[closes[index]].end()
                index = closes[index]
            index += 1
        start = blank.end() - 1 if blank else end


def _elements(body: str, start: int, end: int, last: int, missing: set[str]) -> Iterator[tuple[int, int]]:
    """Yield elements of code that begin between `start` and `end`, and end before `last`."""
    while found := _ELEMENT.search(body, start, end):
        name = (found[1] or "").lower()
        closing = f"</{name}" if name else "$$"
        start = found.end()
        at = -1 if closing in missing else body.find(closing, start, last)
        if at < 0:
            missing.add(closing)
        else:
            start = at + len(closing)
            yield found.start(), start
