r"""From the text of an expression to its tree, or the place of its first mistake. Pure.

    expression = and ("OR" and)*
    and        = not ("AND"? not)*
    not        = ("NOT" | "-") not | "(" expression ")" | condition
    condition  = (field ":")? (word | phrase | pattern) | field ":" range | field ":" choice | "search:" name
    range      = (">=" | ">" | "<=" | "<")? value | value? ".." value?

A phrase is in double quotes, with `\"` and `\\` in it; a pattern is a regular expression between slashes, with `\/` in
it, and an `i` behind it ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from aggregator.model.expression import values
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.fields import FIELDS, WITH_PATTERNS, Field
from aggregator.model.expression.folding import fold
from aggregator.model.expression.printer import SIGNS, between_slashes, text_of
from aggregator.model.expression.tree import And, Choice, Leaf, Node, Not, Or, Pattern, Range, Search, Words
from aggregator.model.slugs import composed

LONGEST = 2_000
"""How many characters an expression may have."""

MOST_CONDITIONS = 100
"""How many conditions an expression may have."""

MOST_DEPTH = 32
"""How deeply parentheses and negations may be nested."""

_OPERATOR = re.compile(r'(AND|OR|NOT)(?=[\s()"]|\Z)')
_LOWER = frozenset({"and", "or", "not"})
_FIELD = re.compile(r"([A-Za-z_]+):")
_WORD = re.compile(r'[^\s()"]+')
_COMPARISON = re.compile(r">=|<=|>|<")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)+)/([A-Za-z]*)", re.DOTALL)
_OTHER_NAMES = {
    "url": "link", "date": "published", "provider": "source", "body": "text", "content": "text", "site": "domain",
    "language": "lang", "locale": "lang", "score": "quality", "excerpt": "text", "file": "path", "host": "domain",
}  # fmt: skip
_READ = {"number": values.number, "date": values.date, "age": values.age}


class Parsed(NamedTuple):
    """A tree, and the place of each of its leaves: the character, from 0, at which it begins."""

    tree: Node
    places: tuple[int, ...]


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        ExpressionError: at the first mistake.
    """
    return parse_with_places(text).tree


def parse_with_places(text: str) -> Parsed:
    """Return the tree of an expression and the places of its leaves.

    Raises:
        ExpressionError: at the first mistake.
    """
    if len(text) > LONGEST:
        raise ExpressionError(text, LONGEST, f"an expression has at most {LONGEST:,} characters", "use `search:NAME`")
    return _Parser(text).parsed()


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that `name` was probably meant to be, or ""."""
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake

    found = get_close_matches(name.lower()[:64], list(known), n=1)
    return found[0] if found else ""


class _Parser:
    """Reads one text from left to right; `_at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._places: list[int] = []
        self._lower_operators: list[int] = []
        self._has_fields = False

    def parsed(self) -> Parsed:
        if not self._text.strip():
            raise self._error("the expression is empty", "write a word, or a condition such as `topic:Energy`", 0)
        tree = self._or()
        if self._peek() == ")":
            raise self._error("this `)` closes nothing", "remove it, or write a `(` before it")
        if self._lower_operators and self._has_fields:
            word = _WORD.match(self._text, self._lower_operators[0])
            written = word[0] if word else ""
            hint = f'write `{written.upper()}`, or `"{written}"` if the word is meant'
            raise self._error(f"`{written}` is a word here, not an operator", hint, self._lower_operators[0])
        return Parsed(tree, tuple(self._places))

    # -- branches

    def _or(self) -> Node:
        parts = [self._and()]
        while self._operator("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Node:
        parts = [self._not()]
        while True:
            if not self._operator("AND") and (self._peek() in {"", ")"} or self._next_operator() == "OR"):
                break
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Node:
        start = self._at
        if self._peek() == "-" and not self._text[self._at + 1 : self._at + 2].strip(" \t\r\n"):
            raise self._error("expected a condition right behind `-`", "write `-word`, or quote the sign")
        is_minus = self._peek() == "-"
        if is_minus:
            self._at += 1
        if is_minus or self._operator("NOT"):
            return Not(self._deeper(self._not, start))
        if self._peek() != "(":
            return self._leaf()
        start = self._at
        self._at += 1
        inner = self._deeper(self._or, start)
        if self._peek() != ")":
            raise self._error("this `(` is never closed", "write a `)`", start)
        self._at += 1
        return inner

    def _deeper(self, read: object, start: int) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._error(f"is nested more than {MOST_DEPTH} deep", "use `search:NAME` for a part of it", start)
        found: Node = read()  # type: ignore[operator]
        self._depth -= 1
        return found

    # -- leaves

    def _leaf(self) -> Leaf:
        self._peek()
        start = self._at
        if len(self._places) == MOST_CONDITIONS:
            raise self._error(f"has more than {MOST_CONDITIONS} conditions", "use `search:NAME` for a part of it")
        leaf = self._condition()
        self._places.append(start)
        return leaf

    def _condition(self) -> Leaf:
        if self._next_operator() or self._peek() in {"", ")"}:
            found = self._next_operator() or self._peek()
            found = f"`{found}`" if found else "the end"
            raise self._error(f"expected a condition, found {found}", "write a word, or one such as `topic:Energy`")
        if self._peek() == '"':
            return Words("", self._phrase())
        if self._peek() == "/":
            return self._pattern("")
        if found_field := _FIELD.match(self._text, self._at):
            return self._of_field(found_field[1])
        if comparison := _COMPARISON.match(self._text, self._at):
            hint = f"write `quality:{comparison[0]}70`, or quote the sign"
            raise self._error("a comparison needs a field before it", hint)
        start = self._at
        word = self._word()
        if word in SIGNS:
            meant = SIGNS[word]
            raise self._error(f"`{word}` is no operator", f"write `{meant}`" if meant else "remove it", start)
        if word.lower() in _LOWER:
            self._lower_operators.append(start)
        return Words("", word)

    def _of_field(self, name: str) -> Leaf:
        start = self._at
        field = FIELDS.get(name.lower())
        if field is None:
            raise self._unknown_field(name)
        self._has_fields = True
        self._at += len(name) + 1
        following = self._text[self._at : self._at + 1]
        if not following.strip() or following == ")":
            raise self._error(f"`{field.name}:` needs a value right behind it", f"such as `{field.example}`")
        if following == "(":
            hint = f"write `({field.name}:… OR {field.name}:…)`"
            raise self._error(f"expected one value behind `{field.name}:`", hint)
        if field.kind in _READ:
            return self._range(field)
        if field.kind == "choice":
            return self._choice(field)
        if following == "/" and field.kind in WITH_PATTERNS:
            return self._pattern(field.name)
        if found := _COMPARISON.match(self._text, self._at):
            raise self._error(f"`{field.name}` has no order, so no `{found[0]}`", f"such as `{field.example}`")
        text = self._phrase() if following == '"' else self._word()
        return Search(text) if field.kind == "search" else Words(field.name, self._comparable(text, start))

    def _unknown_field(self, name: str) -> ExpressionError:
        if name.lower() in {"http", "https"}:
            return self._error(f"`{name}` is no field", f'write `link:{name}:…`, or `"{name}:…"` for the text')
        meant = _OTHER_NAMES.get(name.lower()) or nearest(name, FIELDS)
        known = f"known: {', '.join(FIELDS)}; quote a `:` that is meant"
        return self._error(f"unknown field `{name}`", f"did you mean `{meant}`?" if meant else known)

    def _phrase(self) -> str:
        found = _PHRASE.match(self._text, self._at)
        if found is None:
            raise self._error('this `"` is never closed', 'write a `"` at its end')
        start, self._at = self._at, found.end()
        return self._comparable(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), start)

    def _word(self) -> str:
        found = _WORD.match(self._text, self._at)
        assert found is not None
        start, self._at = self._at, found.end()
        if found[0].endswith("*"):
            hint = f"write `/{re.escape(found[0].rstrip('*'))}/i`, or quote it"
            raise self._error("a `*` stands for nothing here", hint, self._at - 1)
        return self._comparable(found[0], start)

    def _comparable(self, text: str, start: int) -> str:
        """Return text with single blanks; there must be something to compare in it."""
        single = composed(" ".join(text.split()))
        if not fold(single):
            raise self._error("there is nothing to look for", "write a word", start)
        return single

    def _pattern(self, field: str) -> Pattern:
        found = _PATTERN.match(self._text, self._at)
        if found is None:
            is_empty = self._text.startswith("//", self._at)
            reason = "an empty pattern is everywhere" if is_empty else "this pattern is never closed"
            raise self._error(reason, "write it as `/pattern/`, with `\\/` for a slash in it, or quote the text")
        if found[2] not in {"", "i"}:
            raise self._error(
                f"unknown flag `{found[2]}` behind a pattern", "there is `i` alone", found.end() - len(found[2])
            )
        self._check_pattern(found[1], ignore_case=bool(found[2]))
        self._at = found.end()
        return Pattern(field, between_slashes(found[1]), bool(found[2]))

    def _check_pattern(self, pattern: str, *, ignore_case: bool) -> None:
        import regex  # noqa: PLC0415 - 20 ms that only expressions with patterns pay

        try:
            regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
        except regex.error as error:
            at = self._at + 1 + (error.pos or 0)
            hint = "put a `\\` before a sign that is meant literally"
            raise self._error(f"the pattern is no regular expression: {error.msg}", hint, at) from error
        except ValueError as error:  # flags that exclude each other
            hint = "write one of its flags"
            raise self._error(f"the pattern is no regular expression: {error}", hint, self._at + 1) from error
        except (RecursionError, OverflowError, MemoryError) as error:
            raise self._error("the pattern is nested too deeply", "simplify it") from error

    def _choice(self, field: Field) -> Choice:
        start, value = self._at, self._value().lower()
        known = [name for name, _ in field.choices]
        if value not in known:
            meant = nearest(value, known)
            hint = f"did you mean `{field.name}:{meant}`?" if meant else f"one of {', '.join(known)}"
            raise self._error(f"`{field.name}` cannot be `{value}`", hint, start)
        return Choice(field.name, value)

    def _value(self) -> str:
        found = _WORD.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _range(self, field: Field) -> Range:
        start, written = self._at, self._value()
        sign = _COMPARISON.match(written)
        rest = written[sign.end() :] if sign else written
        low, dots, high = rest.partition("..")
        if not rest or rest == ".." or (sign and dots):
            raise self._error(f"expected a {field.kind} behind `{field.name}:`", f"such as `{field.example}`", start)
        try:
            first = _READ[field.kind](low) if low else None
            last = _READ[field.kind](high) if high else None
        except ValueError as error:
            raise self._error(str(error.args[0]), str(error.args[1]), start) from error
        if dots:
            found = Range(field.name, first and first[0], last and last[1])
        elif first is not None and sign is None and field.kind == "age":
            raise self._error(
                "no item is exactly so old", f"write `{field.name}:<{rest}` or `{field.name}:>{rest}`", start
            )
        else:
            assert first is not None
            found = _compared(field.name, sign[0] if sign else "", first)
        if found.least is not None and found.most is not None and found.least > found.most:
            raise self._error("nothing is in this range", f"write `{field.name}:{high}..{low}`", start)
        return found

    # -- characters

    def _peek(self) -> str:
        """Return the next character that is no blank, "" at the end."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _next_operator(self) -> str:
        self._peek()
        found = _OPERATOR.match(self._text, self._at)
        return found[1] if found else ""

    def _operator(self, wanted: str) -> bool:
        """Return whether an operator comes next, and go behind it."""
        is_next = self._next_operator() == wanted
        self._at += len(wanted) if is_next else 0
        return is_next

    def _error(self, reason: str, hint: str, at: int | None = None) -> ExpressionError:
        return ExpressionError(self._text, self._at if at is None else at, reason, hint)


def _compared(field: str, sign: str, span: values.Span) -> Range:
    """Return the range of what compares so with a number, an age or a date."""
    first, last = span
    if sign in {">", ">="}:
        return Range(field, first if sign == ">=" else last + 1, None)
    if sign in {"<", "<="}:
        return Range(field, None, last if sign == "<=" else first - 1)
    return Range(field, first, last)


def canonical(text: str) -> str:
    """Return an expression in its shortest usual form.

    Raises:
        ExpressionError: at the first mistake.
    """
    return text_of(parse(text))
