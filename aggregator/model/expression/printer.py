"""The text of a tree: parsed again it is the same tree. Pure."""

from __future__ import annotations

import re

from aggregator.model.expression import values
from aggregator.model.expression.fields import FIELDS
from aggregator.model.expression.tree import And, Choice, Node, Not, Or, Pattern, Range, Search, Words

SIGNS = {"&&": "AND", "||": "OR", "&": "AND", "|": "OR", "!": "NOT", "+": ""}
"""Signs that people write as operators, which are none here, and what to write instead."""

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
        return f"-{_inside(node.part, Or, And)}"
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
    return text if _PLAIN.fullmatch(text) and text.lower() not in _OPERATORS | SIGNS.keys() else quoted(text)


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
    if least is None or most is None:
        return _least(kind, least) if least is not None else _most(kind, most or 0)
    if kind == "date":
        first, last = values.date_text(least), values.last_date_text(most)
        return first if first == last else f"{first}..{last}"
    if kind == "age":
        return f"{values.age_text(least)}..{values.age_text(most)}"
    return str(least) if least == most else f"{least}..{most}"


def _least(kind: str, least: int) -> str:
    """Return the text of an open range with a lower bound, which may lie just beside the values that can be written."""
    if kind == "age":
        above = values.age_text(least - 1) if least else ""
        return _shorter(f">={values.age_text(least)}", f">{above}" if above else "", least <= values.LONGEST_AGE)
    if kind == "date":
        return f">={values.date_text(least)}" if least <= values.LAST_DATE else f">{values.last_date_text(least - 1)}"
    return f">={least}" if least <= values.LARGEST else f">{least - 1}"


def _most(kind: str, most: int) -> str:
    """Return the text of an open range with an upper bound, likewise."""
    if kind == "age":
        up_to = f"<={values.age_text(most)}" if most >= 0 else ""
        return _shorter(f"<{values.age_text(most + 1)}", up_to, most < values.LONGEST_AGE)
    if kind == "date":
        return f"<={values.last_date_text(most)}" if most >= values.FIRST_DATE else f"<{values.date_text(most + 1)}"
    return f"<={most}" if most >= -values.LARGEST else f"<{most + 1}"


def _shorter(usual: str, other: str, can_be_usual: bool) -> str:
    """Return the text whose value is shorter; the usual one if both are alike, and if it can be written."""
    if can_be_usual and (not other or len(usual.lstrip("<>=")) <= len(other.lstrip("<>="))):
        return usual
    return other
