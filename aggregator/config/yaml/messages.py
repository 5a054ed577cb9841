"""Turn PyYAML's errors into messages that authors can act on: an error and the text in, a `Fault` out. Pure.

PyYAML names the grammar rule that failed. An author needs to know what to write instead, and the usual mistakes are
few: a colon in an unquoted title, an open quote, a tab, a bracket, a value that begins with `@` or `*`. Each has its
own message and, if possible, the corrected line. libyaml and the Python parser word their errors differently, so the
rules at the end match words that both use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from aggregator.model.reports import Problem

LONGEST_QUOTE = 60

# YAML 1.1 §4.2: NEL, LS and PS break lines too, and PyYAML counts them.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# YAML 1.1 §4.1.1: all but the characters that a stream may contain.
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTRY = re.compile(
    r"[\s\ufeff]*(?:- +)*(?P<key>\"[^\"]*\"|'[^']*'|[^\s\"'\[{#&*!|>%@`:-][^:]*?)[ ]*:[ \t]+(?P<value>\S.*)"
)
_NO_SPACE = re.compile(r"\s*(?:- +)*(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:].*)")
_COMMENT = re.compile(r"\s+#.*")


class Fault(NamedTuple):
    """A problem without its file; `line` and `column` count from 0, as in PyYAML's marks."""

    line: int
    column: int
    message: str
    hint: str = ""

    def as_problem(self, path: str, first_line: int) -> Problem:
        """Return the problem in the file `path`, in which the text begins in line `first_line`."""
        return Problem(
            path=path, line=self.line + first_line, column=self.column + 1, message=self.message, hint=self.hint
        )


class Source:
    """A text with its lines, and phrases about it, which contain words of it only if `quote` is true."""

    def __init__(self, text: str, *, quote: bool) -> None:
        self.text, self.quote = text, quote

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, by YAML 1.1's line breaks; at least one."""
        return _BREAK.split(self.text)

    def line(self, number: int) -> str:
        """Return the line `number`, counted from 0, or ""."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def character(self, mark: Any) -> str:
        """Return the character at `mark`, or ""."""
        return self.line(mark.line)[mark.column : mark.column + 1]

    def entry(self, number: int) -> re.Match[str] | None:
        """Match the `key: value` of a line."""
        line = self.line(number)
        return _ENTRY.match(line) if len(line) <= 1000 else None

    def quote_it(self, number: int, otherwise: str = "put the text in quotes") -> str:
        """Return the hint to write the line `number` with its value in quotes; `otherwise` if it cannot be quoted."""
        entry = self.entry(number)
        if entry is None or entry["value"][0] in "[{|>":
            return otherwise
        value = _COMMENT.sub("", entry["value"]).rstrip()
        fixed = f"{entry['key']}: {quoted(value)}"
        if not self.quote or len(fixed) > LONGEST_QUOTE or not fixed.isprintable():
            return f'{otherwise}: `key: "value"`'
        return f"quote it: write `{fixed}`"

    def named_key(self, key: str) -> str:
        """Return the words for a key in a sentence."""
        return f"the key `{shortened(key)}`" if self.quote else "this key"

    def rejected_alias(self, mark: Any) -> tuple[str, str]:
        """Return message and hint for an alias."""
        message = "a value that begins with `*` is an alias, and aliases are not supported"
        return message, self.quote_it(mark.line, "write the value out, or put the text in quotes")

    def rejected_tag(self, mark: Any) -> tuple[str, str]:
        """Return message and hint for a tag that is not one of YAML's own."""
        message = "a value that begins with `!` has a tag, and only YAML's own (`!!str`, `!!int`) are supported"
        return message, self.quote_it(mark.line, "remove it, or put the text in quotes")

    def rejected_key(self, mark: Any) -> tuple[str, str]:
        """Return message and hint for a list or mapping used as a key."""
        braces = self.line(mark.line)[: mark.column + 1].endswith("{{")
        hint = 'put a template in quotes: `"{{ … }}"`' if braces else "put it in quotes"
        return "a key must be text, not a list or mapping", hint


def quoted(text: str) -> str:
    """Return `text` as a quoted YAML scalar."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def shortened(text: str) -> str:
    """Return `text` on one line, printable and short enough for a message."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: LONGEST_QUOTE + 1])
    return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"


def forbidden_character(source: Source) -> Fault | None:
    """Return a fault for the first character that YAML does not allow in a file, or None."""
    found = _NOT_ALLOWED.search(source.text)
    if found is None:
        return None
    before = _BREAK.split(source.text[: found.start()])
    message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
    return Fault(len(before) - 1, len(before[-1]), message, "remove it")


TOO_DEEP = 32
NESTED = f"nested more than {TOO_DEEP} levels deep", "simplify it, or put the text in quotes"
"""Message and hint for text that is nested too deeply."""


def explain(error: Exception, source: Source) -> Fault:
    """Return what an error of PyYAML's parser means for the author of the text."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Fault(0, 0, "is not valid YAML", "check escapes such as `\\x` in double quotes, and `%` lines")
    words_of_error = f"{error.context or ''}; {error.problem or ''}"
    for words, rule in _RULES:
        if words in words_of_error:
            fault = rule(error, source)
            if fault:
                return fault
    reason = f": {error.problem}" if source.quote else ""
    return _at(error.problem_mark, f"is not valid YAML{reason}", "put the text in quotes")


def _at(mark: Any, message: str, hint: str = "") -> Fault:
    return Fault(mark.line, mark.column, message, hint)


def _colon(error: Any, source: Source) -> Fault:
    mark = error.problem_mark
    return (
        _colon_in_value(mark, source)
        or _missing_space(mark.line - 1, source)
        or _at(mark, "this `: ` makes a key, which is not allowed here", _where_to_begin(mark, source))
    )


def _colon_in_value(mark: Any, source: Source) -> Fault | None:
    entry = source.entry(mark.line)
    if entry is None or mark.column <= entry.end("key"):
        return None
    return _at(mark, "a second `: ` in one line", source.quote_it(mark.line, "put the text that holds `: ` in quotes"))


def _missing_space(number: int, source: Source) -> Fault | None:
    found = _NO_SPACE.match(source.line(number)[:200])
    if found is None:
        return None
    fixed = f"{found['key']}: {found['value']}"
    may_quote = source.quote and len(fixed) <= LONGEST_QUOTE and fixed.isprintable()
    hint = f"write `{fixed}`" if may_quote else "write `key: value`"
    return Fault(number, found.end("key"), "no space after the colon", hint)


def _where_to_begin(mark: Any, source: Source) -> str:
    above = next((n for n in range(mark.line - 1, -1, -1) if source.line(n).strip()), None)
    if above is None:
        return "put the text in quotes"
    begin = len(source.line(above)) - len(source.line(above).lstrip(" "))
    here = len(source.line(mark.line)) - len(source.line(mark.line).lstrip(" "))
    if here <= begin:
        return "put the text in quotes"
    return f"begin it in column {begin + 1} as the line above, or put the text of both lines in quotes"


def _open_quote(error: Any, source: Source) -> Fault:
    mark = error.context_mark
    return _at(mark, "this quote is never closed", f"end the text with `{source.character(mark)}`")


def _escape(error: Any, _source: Source) -> Fault:
    message = "a backslash in double quotes begins an escape, and this is not a valid one"
    return _at(error.problem_mark, message, "write two backslashes, or use single quotes")


def _first_character(error: Any, source: Source) -> Fault | None:
    mark = error.problem_mark
    character = source.character(mark)
    if character == "\t":
        return _tab(error, source)
    if character in "@`%" and character:
        return _at(mark, f"a value cannot begin with {character} outside quotes", source.quote_it(mark.line))
    return None


def _tab(error: Any, _source: Source) -> Fault:
    return _at(error.problem_mark, "YAML does not allow tabs for indentation", "use spaces")


def _marker(error: Any, source: Source) -> Fault:
    mark = error.context_mark or error.problem_mark
    message = f"a value that begins with `{source.character(mark)}` has a special meaning in YAML"
    return _at(mark, message, source.quote_it(mark.line))


def _block_text(error: Any, source: Source) -> Fault:
    mark = error.context_mark
    message = f"text cannot follow `{source.character(mark)}` in the same line"
    return _at(mark, message, "put it in the next line, indented, or put all of it in quotes")


def _bracket(error: Any, source: Source) -> Fault:
    opened = error.context_mark
    bracket = source.character(opened)
    closing = {"[": "]", "{": "}"}.get(bracket, bracket)
    line = error.problem_mark.line
    found = source.character(error.problem_mark)
    if found in ("]", "}") and found != closing:
        return _at(error.problem_mark, f"`{found}` cannot close `{bracket}`", f"write `{closing}`")
    if line == opened.line:
        return _at(
            error.problem_mark, f"`,` or `{closing}` is missing here", "put text with commas or quotes in quotes"
        )
    return _at(opened, f"this `{bracket}` is never closed", f"add `{closing}`, or put the text in quotes")


def _no_value(error: Any, source: Source) -> Fault | None:
    mark = error.problem_mark
    character = source.character(mark)
    if character and character in "]}":
        return _at(mark, f"`{character}` closes nothing", source.quote_it(mark.line, "remove it"))
    if character == ",":
        return _at(mark, "a `,` with nothing before it", "remove it, or put the text in quotes")
    return _at(error.context_mark or mark, "a value is missing here", "write one, or put the text in quotes")


def _no_colon(error: Any, source: Source) -> Fault:
    mark = error.context_mark
    line = source.line(mark.line)
    if re.match(r"\s*-[^\s-]", line):
        return _at(mark, "no space after `-`", "write `- item`")
    return _missing_space(mark.line, source) or _at(
        mark, "this line has no `: `", "write `key: value`, or indent it if it continues the text above"
    )


def _dash(error: Any, _source: Source) -> Fault:
    return _at(error.problem_mark, "a list item cannot begin here", "put each `- item` in a line of its own")


def _directive(error: Any, _source: Source) -> Fault:
    return _at(error.context_mark or error.problem_mark, "a line cannot begin with `%`", "put the text in quotes")


def _after_quote(error: Any, source: Source) -> Fault | None:
    mark = error.problem_mark
    before = source.line(mark.line)[: mark.column].rstrip()
    if not before.endswith(('"', "'")):
        return None
    return _quote_left_open(mark, before, source) or _at(
        mark,
        "text follows a closing quote",
        source.quote_it(mark.line, "put the whole text in quotes of the other kind"),
    )


def _quote_left_open(mark: Any, before: str, source: Source) -> Fault | None:
    """Return a fault for the quote, some lines above, that was left open until the quote here closed it."""
    entry = source.entry(mark.line)
    if entry is None or entry.start("value") != len(before) - 1:
        return None
    quote = before[-1]
    for number in range(mark.line - 1, max(-1, mark.line - 50), -1):
        above = source.entry(number)
        if above and above["value"].startswith(quote) and above["value"].count(quote) == 1:
            hint = f"end the text with `{quote}`"
            return Fault(number, above.start("value"), "this quote is closed only some lines below", hint)
    return _at(mark, "text follows a quote that closes one from some lines above", "close the quote above")


def _after_bracket(error: Any, source: Source) -> Fault | None:
    """Return a fault for text that was meant to begin with a bracket: `title: [Video] A bridge opens`."""
    mark = error.problem_mark
    before = source.line(mark.line)[: mark.column].rstrip()
    if not before.endswith(("]", "}")):
        return None
    return _at(mark, f"text follows a closing `{before[-1]}`", 'put the whole text in quotes: `key: "value"`')


def _indent(error: Any, _source: Source) -> Fault:
    if error.context_mark is None:
        return _at(error.problem_mark, "this line does not belong to what is above it", "begin all keys in one column")
    column = error.context_mark.column + 1
    message = f"the indentation matches neither this block (column {column}) nor the one around it"
    return _at(error.problem_mark, message, f"begin the line in column {column}")


_Rule = Callable[[Any, Source], Fault | None]

# The first rule whose words occur in "context; problem" and that returns a fault wins.
_RULES: tuple[tuple[str, _Rule], ...] = (
    # libyaml 0.2.6 has a limit of its own, and reads far enough ahead to reach it first.
    ("maximum nesting depth", lambda error, _: _at(error.problem_mark, *NESTED)),
    ("mapping values are not allowed", _colon),
    ("quoted scalar; found unknown escape", _escape),
    ("quoted scalar; found invalid Unicode", _escape),
    ("escape sequence", _escape),
    ("hexadecimal number", _escape),
    ("hexdecimal number", _escape),
    ("quoted scalar; found", _open_quote),
    ("tab character", _tab),
    ("cannot start any token", _first_character),
    ("scanning an alias", _marker),
    ("scanning an anchor", _marker),
    ("a tag", _marker),
    ("tag handle", _marker),
    ("block scalar", _block_text),
    ("directive", _directive),
    ("flow sequence", _bracket),
    ("flow mapping", _bracket),
    ("node content", _no_value),
    ("could not find expected ':'", _no_colon),
    ("sequence entries are not allowed", _dash),
    ("block", _after_quote),
    ("block", _after_bracket),
    ("block", _indent),
    ("<document start>", _indent),
)
