"""MDX: Markdown with imports, exports, components and expressions of JavaScript. Pure.

https://mdxjs.com/docs/what-is-mdx/. Nothing is run: a component that stands for a link, a picture or a remark becomes
one, another leaves what it holds, and an expression that is no plain text goes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from aggregator.normalizer import summaries
from aggregator.normalizer.dialects.markup import known
from aggregator.normalizer.dialects.markup.draft import END_OF_HELD, END_OF_QUOTE, HELD, QUOTE, Draft
from aggregator.normalizer.dialects.markup.known import Arguments

SIGNS = ("import", "export", "<", "{")
"""Without one of these there is nothing of MDX."""

_IMPORT = re.compile(
    r"^import\s(?:[\w*${},\s]{1,2000}?\sfrom\s*)?\s*(['\"])([^'\"\n]+)\1[^\S\n]*;?[^\S\n]*$", re.MULTILINE
)
_DEFAULT = re.compile(r"^import\s+(\w+)\s")
_EXPORT = re.compile(
    r"^export\s+(?:const|let|var|default|function|async|class|\{|\*|type|interface)(?!\w)", re.MULTILINE
)
_END_OF_EXPORT = re.compile(r"[{}()\[\]]|\n[ \t]*(?=\n|\Z)")
_START = re.compile(r"<(/?)([A-Za-z][\w.:-]*)?(?=[\s/>])|\{")
_NEXT = re.compile(r"\s*(?:(/?>)|([\w:.-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(?=\{)))?|(?=\{))")
_TEXT = re.compile(r"\s*(?:\"([^\"\\]*)\"|'([^'\\]*)'|`([^`$\\]*)`|([0-9]{1,6}))\s*")
_FILE_CALL = re.compile(r"\s*(?:require|useBaseUrl|withBase)\(\s*['\"]([^'\"]+)['\"]\s*\)(?:\.default)?\s*")
_WORD = re.compile(r"\s*(\w+)(?:\.src)?\s*")
_COMMENT = re.compile(r"\{\s*/\*")
_END_OF_COMMENT = re.compile(r"\*/\s*\}")
_END_OF_EXCERPT = re.compile(r"\{\s*/\*\s*(?:truncate|more)\s*\*/\s*\}", re.IGNORECASE)
_TITLES = ("label", "title", "summary")


class _Element(NamedTuple):
    """A tag of JSX: where it is, its name ("" for `<>`), and its attributes that are text."""

    start: int
    end: int
    name: str
    is_end: bool
    is_empty: bool
    attributes: dict[str, str]
    is_plain: bool
    """Whether HTML would read it as it is."""


def translate(draft: Draft) -> None:
    """Find the imports, exports, components and expressions of a body."""
    files: dict[str, str] = {}
    draft.sub(_IMPORT, lambda found: _imported(found, files))
    _remove_exports(draft)
    _remove_comments(draft)
    _Components(draft, files).translate()


def _imported(found: re.Match[str], files: dict[str, str]) -> str:
    if name := _DEFAULT.match(found[0]):
        files[name[1]] = found[2]
    return ""


def _remove_exports(draft: Draft) -> None:
    """Remove each export up to the blank line after its brackets are closed, or after it if they never are."""
    done, is_balanced = 0, True
    for export in _EXPORT.finditer(draft.body):
        if export.start() < done or draft.is_code(export.start()):
            continue
        start, depth, first, end = export.end() - export[0].endswith("{"), 0, 0, 0
        for sign in _END_OF_EXPORT.finditer(draft.body, start):
            if sign[0] in "{([":
                depth += 1
            elif sign[0] in "})]":
                depth -= 1
            else:
                first = first or sign.start() + 1
                if depth <= 0 or not is_balanced:
                    end = sign.start() + 1
                    break
        is_balanced = is_balanced and (end > 0 or depth <= 0)
        done = end or (first if depth > 0 and first else len(draft.body))
        draft.replace(export.start(), done)


def _remove_comments(draft: Draft) -> None:
    at = 0
    while begin := _COMMENT.search(draft.body, at):
        at = begin.end()
        if not draft.is_code(begin.start()):
            end = _END_OF_COMMENT.search(draft.body, at)
            if end is None:
                return
            at = end.end()
            is_end_of_excerpt = _END_OF_EXCERPT.fullmatch(draft.body, begin.start(), at)
            draft.replace(begin.start(), at, summaries.EXCERPT_END if is_end_of_excerpt else "")


class _Components:
    """The tags and expressions of a body, and what becomes of each."""

    def __init__(self, draft: Draft, files: dict[str, str]) -> None:
        self._draft = draft
        self._files = files
        self._code = draft.replaced()
        """The imports, exports and comments."""
        self._braces = _matching_braces(draft, self._code)
        self._pairs: dict[int, _Element] = {}

    def translate(self) -> None:
        elements = list(self._elements())
        opened: dict[str, list[_Element]] = {}
        for element in elements:
            if element.is_end and opened.get(element.name):
                self._pairs[opened[element.name].pop().start] = element
            elif not element.is_end and not element.is_empty:
                opened.setdefault(element.name, []).append(element)
        closings = {element.start for element in self._pairs.values()}
        skip_until = -1
        for element in elements:
            if element.start >= skip_until and element.start not in closings:
                skip_until = self._translate_one(element, self._pairs.get(element.start))

    def _elements(self) -> Iterator[_Element]:
        """Yield the tags outside code, and replace the expressions between them."""
        body, at, code = self._draft.body, 0, iter(self._code)
        start, end_of_code = next(code, (len(body), len(body)))
        while found := _START.search(body, at):
            at = found.end()
            while end_of_code <= found.start() and start < len(body):
                start, end_of_code = next(code, (len(body), len(body)))
            if start <= found.start():
                at = end_of_code
                continue
            if self._draft.is_code(found.start()) or body[found.start() - 1 : found.start()] == "\\":
                continue
            if found[0] == "{":
                end = self._braces.get(found.start())
                if end is not None:
                    self._expression(found.start(), end)
                    at = end
            elif element := self._element(found):
                at = element.end
                yield element

    def _element(self, found: re.Match[str]) -> _Element | None:
        body, at = self._draft.body, found.end()
        attributes, is_plain = dict[str, str](), True
        while part := _NEXT.match(body, at):
            at = part.end()
            if part[1]:
                return _Element(
                    found.start(), at, found[2] or "", bool(found[1]), part[1] == "/>", attributes, is_plain
                )
            if part[2] and (part[3] is not None or part[4] is not None):
                attributes[part[2]] = html.unescape(part[3] if part[3] is not None else part[4])
            if body[at : at + 1] == "{":
                end = self._braces.get(at)
                if end is None:
                    return None
                is_plain = False
                value = self._value(body[at + 1 : end - 1]) if part[2] and end - at < 2_000 else None
                if value is not None:
                    attributes[part[2]] = value
                at = end
            elif not part[2]:
                return None
            is_plain = is_plain and part[2] not in {"className", "htmlFor"}
        return None

    def _value(self, expression: str) -> str | None:
        """Return the text that an expression is, or the path of the file that it names, or None."""
        if text := _TEXT.fullmatch(expression):
            return next(part for part in text.groups() if part is not None)
        if called := _FILE_CALL.fullmatch(expression):
            return called[1]
        word = _WORD.fullmatch(expression)
        return self._files.get(word[1]) if word else None

    def _expression(self, start: int, end: int) -> None:
        draft, inside = self._draft, self._draft.body[start + 1 : min(end, start + 5_000) - 1]
        if inside.startswith("#") and not re.search(r"\s", inside):
            draft.replace(start, end)  # the id of a heading
        else:
            text = self._value(inside)
            if text is None and inside.strip():
                draft.note("{", start, "an expression in braces is left out", "write what it stands for")
            draft.replace(start, end, html.escape(text or "", quote=False))

    def _translate_one(self, element: _Element, closing: _Element | None) -> int:
        if element.name[:1].islower():
            if not element.is_plain:
                self._draft.replace(element.start, element.end, self._html(element))
            return element.end
        if element.is_end or not element.name:
            self._remove(element, closing)
            return element.end
        return self._component(element, closing)

    def _html(self, element: _Element) -> str:
        """Return a tag of HTML with the attributes that are text."""
        words = [
            f' {name}="{html.escape(self._draft.file(value) if name in {"src", "poster"} else value)}"'
            for name, value in element.attributes.items() if name not in {"className", "htmlFor"}
        ]  # fmt: skip
        return f"<{'/' if element.is_end else ''}{element.name}{''.join(words)}{' /' if element.is_empty else ''}>"

    def _component(self, element: _Element, closing: _Element | None) -> int:
        draft, attributes = self._draft, {name.lower(): value for name, value in element.attributes.items()}
        name, arguments = known.name_of(element.name), Arguments((), attributes)
        is_alone = draft.is_alone(element.start, element.end)
        link = known.link_of(name, arguments, draft, is_alone=is_alone)
        if link is not None:
            draft.replace_block(element.start, closing.end if closing else element.end, link)
            return closing.end if closing else element.end
        if closing is None:
            draft.replace(element.start, element.end)
        elif name == "link" and (address := arguments.get("href", "to", "link", "url")):
            draft.replace(element.start, element.end, f'<a href="{html.escape(address)}">')
            draft.replace(closing.start, closing.end, "</a>")
        elif is_alone:
            self._block(element, closing, name, arguments)
        else:
            self._remove(element, closing)
        if name not in known.SILENT | known.QUOTES | {"link"} and (closing is None or name not in known.HOLDERS):
            rest = "it is left out" if closing is None else "what it holds is kept without it"
            draft.note(element.name, element.start, f"the component `{{}}` is not known, so {rest}")
        return element.end

    def _block(self, element: _Element, closing: _Element, name: str, arguments: Arguments) -> None:
        """Mark what a component on lines of its own holds: as a quote, or as text that is no longer indented."""
        draft, indent = self._draft, self._draft.indent(element.start)
        if name in known.QUOTES:
            opened, closed = f"{QUOTE}{' '.join(known.title_of(name, arguments).split())}", END_OF_QUOTE
        else:
            title = html.escape(arguments.get(*_TITLES), quote=False)
            opened, closed = f"{HELD}{' '.join(title.split())}", END_OF_HELD
        draft.replace(element.start, element.end, f"\n{indent}{opened}\n{indent}")
        draft.replace(closing.start, closing.end, f"\n{draft.indent(closing.start)}{closed}\n")

    def _remove(self, element: _Element, closing: _Element | None) -> None:
        for one in (element, closing):
            if one is not None:
                self._draft.replace(one.start, one.end)


def _matching_braces(draft: Draft, hidden: list[tuple[int, int]]) -> dict[int, int]:
    """Return where each brace outside code is closed: the position after it. Braces in `hidden` parts do not count."""
    opened, pairs = list[int](), dict[int, int]()
    parts, last = iter(hidden), (len(draft.body), len(draft.body))
    start, end = next(parts, last)
    for brace in re.finditer(r"(?<!\\)[{}]", draft.body):
        while end <= brace.start() < len(draft.body) and (start, end) != last:
            start, end = next(parts, last)
        if start <= brace.start() or draft.is_code(brace.start()):
            continue
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            pairs[opened.pop()] = brace.end()
    return pairs
