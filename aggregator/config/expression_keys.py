"""Where a config file has expressions. Pure, and apart from `expressions`, since most configs have none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from aggregator.config.yaml.messages import shortened
from aggregator.config.yaml.tree import Node

Role = Literal["allow", "block", "where", "search"]


class Written(NamedTuple):
    """An expression in a config file: its dotted key, the scalar that holds it, and what it is for."""

    key: str
    node: Node
    role: Role
    name: str = ""


def written(root: Node) -> Iterator[Written]:
    """Yield the expressions of a config file in the order of its keys; what is no text is left out."""
    roles: tuple[Role, ...] = ("allow", "block")
    for role in roles:
        yield from _at(root.at("rules", role), f"rules.{role}", role, "")
    queries = root.at("feeds_by_query")
    for index, query in enumerate(queries.items if queries else ()):
        slug = query.at("slug")
        yield from _at(query.at("where"), f"feeds_by_query[{index}].where", "where", slug.text if slug else "")
    searches = root.at("searches")
    for key, value in searches.entries if searches else ():
        yield from _at(value, f"searches.{shortened(key.text)}", "search", key.text)


def _at(node: Node | None, key: str, role: Role, name: str) -> Iterator[Written]:
    if node is not None and node.kind == "mapping" and role != "search":
        node, key = node.at("match"), f"{key}.match"
    if node is not None and node.kind == "scalar" and node.tag != "null" and node.text.strip():
        yield Written(key, node, role, name)
