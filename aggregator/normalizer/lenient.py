"""One text where a seed's key takes a list, or a list where it takes text: a tree in, the one that is meant out. Pure.

Only what has one meaning is accepted: `topics: Energy, Oceans`, `author: [Ada, Bob]`, `images: [https://…]`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from aggregator.config.yaml.tree import Node
from aggregator.normalizer.cleaning import Remark

FIRST_COUNTS = "is a list where one text is wanted, so its first counts"


def as_meant(root: Node) -> tuple[Node, list[Remark]]:
    """Return the front matter with such values written as they are meant, and a warning for what is left out."""
    remarks: list[Remark] = []
    entries = tuple(
        (key, _READERS[key.text](value, key.text, remarks) if key.text in _READERS else value)
        for key, value in root.entries
    )
    return msgspec.structs.replace(root, entries=entries), remarks


def _names(node: Node, _key: str, _remarks: list[Remark]) -> Node:
    if node.kind != "scalar" or node.tag == "null":
        return node
    names = [name for part in node.text.split(",") if (name := part.strip())]
    return _list(node, tuple(msgspec.structs.replace(node, text=name, tag="str") for name in names))


def _people(node: Node, _key: str, _remarks: list[Remark]) -> Node:
    if node.kind != "list" or not all(_is_text(one) for one in node.items):
        return node
    return _scalar(node, ", ".join(one.text for one in node.items))


def _one(node: Node, key: str, remarks: list[Remark]) -> Node:
    if node.kind != "list" or not node.items or not all(_is_text(one) for one in node.items):
        return node
    if len(node.items) > 1:
        remarks.append(Remark((key,), FIRST_COUNTS, "keep one of them", warning=True))
    return _scalar(node, node.items[0].text)


def _pictures(node: Node, _key: str, _remarks: list[Remark]) -> Node:
    several = node.items if node.kind == "list" else (node,)
    if node.tag == "null" or not all(one.kind == "mapping" or _is_text(one) for one in several):
        return node
    return _list(node, tuple(_picture(one) for one in several))


def _picture(node: Node) -> Node:
    if node.kind == "mapping":
        return node
    key = Node(kind="scalar", line=node.line, column=node.column, text="url", tag="str")
    return Node(kind="mapping", line=node.line, column=node.column, entries=((key, node),))


def _is_text(node: Node) -> bool:
    return node.kind == "scalar" and node.tag != "null"


def _list(node: Node, items: tuple[Node, ...]) -> Node:
    return Node(kind="list", line=node.line, column=node.column, items=items)


def _scalar(node: Node, text: str) -> Node:
    return Node(kind="scalar", line=node.line, column=node.column, text=text, tag="str" if text else "null")


_READERS: dict[str, Callable[[Node, str, list[Remark]], Node]] = {
    "topics": _names, "tags": _names, "author": _people, "category": _one, "type": _one, "locale": _one,
    "images": _pictures,
}  # fmt: skip
