"""The values of YAML scalars: a `Node` in, a plain value or None out; and the words for them in messages. Pure.

Booleans and numbers follow YAML 1.1 (`yes`, `0x1F`, `010`, `1_000`), plus the spellings of YAML 1.2 that 1.1 reads as
text (`0o17`, `1e3`). Quoted scalars are text. Base 60 (`1:30`) is not read as a number: its author means a time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from aggregator.config.yaml.messages import shortened
from aggregator.config.yaml.tree import Node

LONGEST_NUMBER = 80
BIGGEST = 10**18

_BASES = (
    (re.compile(r"([-+]?)0b([01]+)"), 2),
    (re.compile(r"([-+]?)0x([0-9a-fA-F]+)"), 16),
    (re.compile(r"([-+]?)0o?([0-7]+)"), 8),
    (re.compile(r"([-+]?)(0|[1-9][0-9]*)"), 10),
)
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_ONLY_1_2 = re.compile(r"[-+]?0o[0-7]+|[-+]?[0-9.]+[eE][-+]?[0-9]+")
YES = frozenset({"yes", "true", "on"})
_NO = frozenset({"no", "false", "off"})
BOOLEANS = YES | _NO
"""YAML 1.1's spellings of booleans, in lower case."""


def boolean(node: Node) -> bool | None:
    """Return the boolean that `node` spells in YAML 1.1, or None."""
    word = node.text.lower() if node.tag == "bool" else ""
    return True if word in YES else False if word in _NO else None


def integer(node: Node) -> int | None:
    """Return the integer of at most 18 digits that `node` spells, also as `84.0`, or None."""
    value = _integer_of(_digits(node))
    if value is None:
        decimal = number(node)
        value = int(decimal) if decimal is not None and decimal.is_integer() else None
    return value if value is not None and abs(value) < BIGGEST else None


def number(node: Node) -> float | None:
    """Return the finite number that `node` spells, or None."""
    digits = _digits(node)
    as_integer = _integer_of(digits)
    if as_integer is not None:
        return float(as_integer)
    value = float(digits) if _DECIMAL.fullmatch(digits) else math.nan
    return value if math.isfinite(value) else None


def _digits(node: Node) -> str:
    """Return the characters of a number without underscores, or "" if `node` cannot be one."""
    if node.kind != "scalar" or len(node.text) > LONGEST_NUMBER or not node.text.isascii():
        return ""
    if node.tag == "str" and (node.quoted or not _ONLY_1_2.fullmatch(node.text)):
        return ""
    return node.text if node.text.startswith("_") else node.text.replace("_", "")


def _integer_of(digits: str) -> int | None:
    for pattern, base in _BASES:
        found = pattern.fullmatch(digits)
        if found:
            return int(found[1] + found[2], base)
    return None


def plain(node: Node) -> Any:
    """Return the value of a node of any kind: None, bool, int, float, str, list or dict; dates stay text."""
    if node.kind == "list":
        return [plain(item) for item in node.items]
    if node.kind == "mapping":
        return {key.text: plain(value) for key, value in node.entries}
    value: Any = None
    if node.tag == "null":
        return None
    if node.tag == "bool":
        value = boolean(node)
    elif node.tag in ("int", "float"):
        as_integer = _integer_of(_digits(node))
        value = number(node) if as_integer is None else integer(node)
    return node.text if value is None else value


_KINDS = {"int": "the number", "float": "the number", "timestamp": "the date", "bool": "the boolean"}


def describe(node: Node, *, quote: bool = True) -> str:
    """Return words for `node` that complete "found …"; with its own text only if `quote` is true."""
    if node.kind != "scalar":
        return f"a {node.kind}"
    if node.tag == "null":
        return "nothing"
    kind = _KINDS.get(node.tag)
    if not quote:
        return kind.replace("the", "a") if kind else "text"
    return f"{kind} {shortened(node.text)}" if kind else f'text "{shortened(node.text)}"'


def unquoted_hint(node: Node, read: Callable[[Node], object], *, quote: bool) -> str:
    """Return the hint for a quoted scalar that would be right without its quotes, or ""."""
    if not node.quoted or node.tag != "str" or not node.text.isprintable():
        return ""
    unquoted = _unquoted(node.text)
    if read(unquoted) is None:
        return ""
    return f"write `{shortened(node.text)}` without quotes" if quote else "write it without quotes"


def _unquoted(text: str) -> Node:
    tag = "bool" if text.lower() in BOOLEANS else "int"
    return Node(kind="scalar", line=1, column=1, text=text, tag=tag)
