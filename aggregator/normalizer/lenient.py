"""The front matter of a seed as its author wrote it, brought into the form in which its keys are expected. Pure.

People write one text where a list is wanted, a list where one text is wanted, an address where a picture is wanted, and
numbers and booleans in quotes. None of that refuses an item. What has one meaning is read so without a word; where
something is lost, there is a warning. `title`, `webUrl` and `publishedDateTime`, which every item needs, stay as they
are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import msgspec

from aggregator.config.yaml import scalars
from aggregator.config.yaml.tree import Node
from aggregator.model.reports import Problem
from aggregator.normalizer.held_back import State, state_of

STATE_KEYS = frozenset({"published", "removed", "deleted"})
"""The keys of yes and no that say whether an item is published."""

REQUIRED = frozenset({"title", "webUrl", "publishedDateTime", "expires", *STATE_KEYS})
"""The keys whose bad values are errors: what every item needs, and what may hold it back (G15)."""

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE | re.ASCII)
# Text cut at a comment: what follows ` #` at once, such as `#12` or `#ai`, or a number, was hardly meant as a comment.
_CUT = re.compile(r"[ \t]#(?=\S|[ \t]*\d)")
_MAYBE_CUT = re.compile(
    r"^(?:[ \t]*- *|(?:title|excerpt|author|category|locale|type|id|topics|tags):)[ \t]*(?![\"'|>\[{])"
    r"[^\n\"']*?(?<=[ \t])#(?=\S|[ \t]*\d)",
    re.MULTILINE,
)
_TEXTS = ("title", "excerpt", "author", "category", "type", "locale", "id", "topics", "tags")

_Warn = Callable[[Node, str, str, str], None]


def loosened(root: Node, path: str) -> tuple[Node, list[Problem]]:
    """Return front matter, a mapping, with its values in the form that a seed's keys have; and warnings about the rest.

    `path` is the file that the warnings name.
    """
    warnings: list[Problem] = []

    def warn(node: Node, key: str, message: str, hint: str) -> None:
        text = f"{key}: {message}"
        warnings.append(Problem(path=path, line=node.line, column=node.column, message=text, hint=hint, warning=True))

    entries = tuple((key, _value(key.text, value, warn)) for key, value in (*root.entries, *_several_authors(root)))
    return msgspec.structs.replace(root, entries=entries), warnings


def may_be_cut(text: str) -> bool:
    """Return whether a ` #` may have cut a text in front matter; `cut_texts` knows."""
    return " #" in text and _MAYBE_CUT.search(text) is not None


def cut_texts(root: Node, text: str, path: str, *, first_line: int) -> list[Problem]:
    """Return a warning for each text at whose ` #` YAML began a comment that its author hardly meant.

    `text` is the front matter, whose first line has the number `first_line`.
    """
    if not may_be_cut(text):
        return []
    lines = text.split("\n")
    return [problem for key, node in _texts(root) for problem in _cut(key, node, lines, path, first_line)]


def _texts(root: Node) -> Iterator[tuple[str, Node]]:
    for key in _TEXTS:
        if node := root.below(key):
            yield from ((key, one) for one in (node, *node.items) if one.kind == "scalar" and not one.quoted)


def _cut(key: str, node: Node, lines: list[str], path: str, first_line: int) -> Iterator[Problem]:
    line = lines[node.line - first_line] if node.line - first_line < len(lines) else ""
    begin = node.column - 1
    if line[begin : begin + 1] in ("|", ">"):
        return
    # A value of nothing begins where its key or its dash ends.
    rest = line[begin + len(node.text) :] if node.tag != "null" else line[begin:]
    if (found := _CUT.match(rest) or (_CUT.search(rest) if node.tag == "null" else None)) is None:
        return
    column = len(line) - len(rest) + found.end()
    message = f"{key}: ends before the ` #` here, with which YAML begins a comment"
    yield Problem(
        path=path, line=node.line, column=column, message=message, hint="put the whole text in quotes", warning=True
    )


def _value(key: str, node: Node, warn: _Warn) -> Node:
    if node.tag == "null":
        return node
    if key in STATE_KEYS:
        return _flag(key, node)
    reader = _READERS.get(key)
    if node.kind == "scalar" and not node.text.strip() and (reader or key == "expires"):
        return _scalar(node, "", "null")
    return reader(key, node, warn) if reader else node


def _flag(key: str, node: Node) -> Node:
    """Return the boolean that a value of `published`, `removed` or `deleted` spells in any way."""
    state: State = state_of({key: scalars.plain(node)})
    if node.kind != "scalar" or state.doubts:
        return node
    return _scalar(node, "true" if bool(state.held_by) is not (key == "published") else "false", "bool")


def _scalar(node: Node, text: str, tag: str = "str") -> Node:
    return Node(kind="scalar", line=node.line, column=node.column, text=text, tag=tag)


def _mapping(node: Node, **values: str) -> Node:
    entries = tuple((_scalar(node, key), _scalar(node, value)) for key, value in values.items())
    return Node(kind="mapping", line=node.line, column=node.column, entries=entries)


def _list(node: Node, items: tuple[Node, ...]) -> Node:
    return Node(kind="list", line=node.line, column=node.column, items=items)


def _names(_key: str, node: Node, _warn: _Warn) -> Node:
    """Return a list of names: of one text, those between its commas."""
    if node.kind != "scalar":
        return node
    return _list(node, tuple(_scalar(node, part.strip()) for part in node.text.split(",") if part.strip()))


def _one_text(key: str, node: Node, warn: _Warn) -> Node:
    """Return one text: of a list its first."""
    texts = [item for item in node.items if item.kind == "scalar" and item.tag != "null"]
    if not texts:
        return node
    if len(node.items) > 1:
        warn(node, key, "is a list, and only its first is used", "write one, without `[ ]` or `- `")
    return texts[0]


def _people(_key: str, node: Node, _warn: _Warn) -> Node:
    """Return one text: the names of people joined by commas."""
    names = [name for one in (node.items if node.kind == "list" else (node,)) if (name := _name(one))]
    return _scalar(node, ", ".join(names)) if names and node.kind != "scalar" else node


def _several_authors(root: Node) -> tuple[tuple[Node, Node], ...]:
    """Return the entry `authors` for an `author` that is a list of several names, unless there is one."""
    author = root.below("author")
    if author is None or author.kind != "list" or root.below("authors") is not None:
        return ()
    people = tuple(_mapping(item, name=name) for item in author.items if (name := _name(item)))
    return ((_scalar(author, "authors"), _list(author, people)),) if len(people) > 1 else ()


def _each_person(_key: str, node: Node, _warn: _Warn) -> Node:
    """Return a list of people, each a mapping: of one text, those between its commas."""
    if node.kind == "scalar":
        node = _names("", node, _silent)
    items = node.items if node.kind == "list" else (node,)
    return _list(node, tuple(_person(item) for item in items if item.tag != "null"))


def _person(node: Node) -> Node:
    return _mapping(node, name=node.text) if node.kind == "scalar" else _with(node, _PERSON, "", _silent)


def _upstream(key: str, node: Node, warn: _Warn) -> Node:
    """Return the source of an item: a mapping, of a text alone its address or its title."""
    if node.kind == "list" and node.items:
        node = _one_source(key, node, warn)
    if node.kind == "scalar" and node.tag != "null":
        name = node.text.strip()
        return _mapping(node, **{"url" if name.lower().startswith(("http://", "https://")) else "title": name})
    return node


def _name(node: Node) -> str:
    named = node.below("name") if node.kind == "mapping" else node
    return named.text.strip() if named is not None and named.kind == "scalar" and named.tag != "null" else ""


def _number(key: str, node: Node, warn: _Warn) -> Node:
    """Return a whole number, of one in quotes and of one with a fraction too."""
    bare = _scalar(node, node.text.strip(), "float") if node.kind == "scalar" and node.quoted else node
    if scalars.integer(bare) is not None:
        return bare
    value = scalars.number(bare)
    if value is None or abs(value) >= scalars.BIGGEST:
        return node
    warn(node, key, "is not a whole number, and is rounded down", "write a whole number")
    return _scalar(node, str(math.floor(value)), "int")


def _pictures(_key: str, node: Node, _warn: _Warn) -> Node:
    """Return a list of pictures: each a mapping, of an address alone `{url: …}`."""
    items = node.items if node.kind == "list" else (node,)
    return _list(node, tuple(_picture(item) for item in items))


def _picture(node: Node) -> Node:
    if node.kind == "scalar" and node.tag != "null":
        return _mapping(node, url=node.text)
    return _with(node, {"width": _number, "height": _number, "title": _one_text}, "", _silent)


def _source(key: str, node: Node, warn: _Warn) -> Node:
    """Return a provider: a mapping, of a text alone its name, and its domain where that is one."""
    if node.kind == "list" and node.items:
        node = _one_source(key, node, warn)
    if node.kind == "scalar" and node.tag != "null":
        name = node.text.strip()
        return _mapping(node, name=name, domain=name) if _HOST.fullmatch(name) else _mapping(node, name=name)
    return _with(node, {"images": _pictures, "name": _one_text, "domain": _one_text}, key, warn)


def _one_source(key: str, node: Node, warn: _Warn) -> Node:
    if len(node.items) > 1:
        warn(node, key, "is a list, and only its first is used", "write one, without `[ ]` or `- `")
    return node.items[0]


def _others(key: str, node: Node, warn: _Warn) -> Node:
    """Return a list of related items, also of one that is no list."""
    if node.kind == "mapping":
        node = _list(node, (node,))
    readers = {name: reader for name, reader in _READERS.items() if name in _RELATED}
    items = tuple(_with(item, readers, f"{key}[{index}]", warn) for index, item in enumerate(node.items))
    return _list(node, items) if node.kind == "list" else node


def _with(node: Node, readers: dict[str, _Reader], name: str, warn: _Warn) -> Node:
    """Return a mapping with the values of some keys in the form that they have."""
    if node.kind != "mapping":
        return node
    found = []
    for key, value in node.entries:
        reader = readers.get(key.text)
        found.append((key, reader(f"{name}.{key.text}", value, warn) if reader and value.tag != "null" else value))
    return msgspec.structs.replace(node, entries=tuple(found))


def _silent(_node: Node, _key: str, _message: str, _hint: str) -> None:
    """Do not warn."""


_Reader = Callable[[str, Node, _Warn], Node]
_PERSON: dict[str, _Reader] = dict.fromkeys(("name", "email", "url"), _one_text)
_READERS: dict[str, _Reader] = {
    "topics": _names, "tags": _names, "author": _people, "images": _pictures, "provider": _source, "related": _others,
    "authors": _each_person, "source": _upstream,
    "quality": _number, "heat": _number,
    **dict.fromkeys(("excerpt", "category", "type", "locale", "featuredContent", "id", "updatedDateTime"), _one_text),
    **dict.fromkeys(("originalUrl", "ampWebUrl", "cdnAmpWebUrl"), _one_text),
}  # fmt: skip
_RELATED = frozenset({"quality", "provider", "images", "type", "excerpt", "originalUrl", "ampWebUrl", "cdnAmpWebUrl"})
