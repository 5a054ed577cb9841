"""The text of a tree: parsed again it is the same tree. Pure."""

from __future__ import annotations

import re

from aggregator.model.expression import values
from aggregator.model.expression.fields import FIELDS
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words

_OPERATORS = frozenset({"and", "or", "not"})
_PLAIN = re.compile(r'[^\s()":/<>*\\-][^\s()":*\\]*')
_PLAIN_VALUE = re.compile(r'[^\s()"/<>*\\][^\s()"*\\]*')
_ESCAPED = re.compile(r"\\.|/", re.DOTALL)


def text_of(node: Node) -> str:
    """Return the text of a tree, in its shortest usual form."""
    if isinstance(node, Or):
        return " OR ".join(_inside(part, Or) for part in node.parts)
    if isinstance(node, And):
        return " ".join(_inside(part, Or, And) for part in node.parts)
    if isinstance(node, Not):
        return f"-{_inside(node.part, Or, And, Not)}"
    return _leaf(node)


def _inside(node: Node, *kinds: type) -> str:
    return f"({text_of(node)})" if isinstance(node, kinds) else text_of(node)


def _leaf(node: Words | Pattern | Range | Choice | Search) -> str:
    if isinstance(node, Words):
        return f"{node.field}:{value_text(node.text)}" if node.field else _word(node.text)
    if isinstance(node, Pattern):
        flags = "i" if node.ignore_case else ""
        return (f"{node.field}:" if node.field else "") + f"/{node.pattern}/{flags}"
    if isinstance(node, Choice):
        return f"{node.field}:{node.value}"
    if isinstance(node, Search):
        return f"search:{value_text(node.name)}"
    return f"{node.field}:{_bounds(node)}"


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _OPERATORS else quoted(text)


def value_text(text: str) -> str:
    """Return a value as it stands behind a colon: quoted if it must be."""
    return text if _PLAIN_VALUE.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """Return text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def between_slashes(pattern: str) -> str:
    """Return a regular expression as it stands between slashes: each slash in it after a backslash."""
    return _ESCAPED.sub(lambda found: "\\/" if found[0] == "/" else found[0], pattern)


def _bounds(node: Range) -> str:
    kind, least, most = FIELDS[node.field].kind, node.least, node.most
    if kind == "date":
        if least is None or most is None:
            return f">={values.date_text(least)}" if least is not None else f"<={values.last_date_text(most or 0)}"
        first, last = values.date_text(least), values.last_date_text(most)
        return first if first == last else f"{first}..{last}"
    if kind == "age":
        if least is None or most is None:
            return f">={values.age_text(least)}" if least is not None else f"<{values.age_text((most or 0) + 1)}"
        return f"{values.age_text(least)}..{values.age_text(most)}"
    if least == most:
        return str(least)
    if least is None or most is None:
        return f">={least}" if least is not None else f"<={most}"
    return f"{least}..{most}"
