"""The tree of an expression, as frozen values. Pure.

A leaf is a condition, a branch combines others. Two trees are equal if they were written alike, apart from spelling.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Words(msgspec.Struct, frozen=True, tag="words"):
    """Text to be found in a field, "" for title and text; its blanks are single."""

    field: str
    text: str


class Pattern(msgspec.Struct, frozen=True, tag="pattern"):
    """A regular expression to be found in a field, "" for title and text, as it stands between slashes."""

    field: str
    pattern: str
    ignore_case: bool = False


class Range(msgspec.Struct, frozen=True, tag="range"):
    """A number, moment (seconds since 1970) or age (seconds) from `least` to `most`, both included; None is open."""

    field: str
    least: int | None = None
    most: int | None = None


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """One of the values that a field such as `has` takes."""

    field: str
    value: str


class Search(msgspec.Struct, frozen=True, tag="search"):
    """A named search of the config."""

    name: str


class Not(msgspec.Struct, frozen=True, tag="not"):
    """What does not satisfy `part`."""

    part: Node


class And(msgspec.Struct, frozen=True, tag="and"):
    """What satisfies all of two or more `parts`."""

    parts: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, tag="or"):
    """What satisfies one of two or more `parts`."""

    parts: tuple[Node, ...]


Leaf = Words | Pattern | Range | Choice | Search
Node = Leaf | Not | And | Or


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield the conditions of a tree in the order in which they are written."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node
