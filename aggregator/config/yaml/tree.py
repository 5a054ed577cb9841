"""Parse YAML text safely into a tree of nodes with line and column: text in, a `Node` or problems out. Pure.

PyYAML's loaders build values while they parse: a merge bomb takes them minutes, deep nesting crashes them, an
impossible date is a plain ValueError. Here the tree is built from the parser's *events*, so depth and size are limited
while parsing; aliases, merge keys and foreign tags are rejected at their position; and no value is built: a scalar is
the text that the author wrote and the type that YAML 1.1 resolves it to. `decode` turns nodes into values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import msgspec
import yaml

from aggregator.config.yaml.messages import NESTED, TOO_DEEP, Fault, Source, explain, forbidden_character
from aggregator.model.reports import Problem

MOST_BYTES = 2**20
"""The longest YAML file that is read."""

MOST_NODES = 50_000
MOST_REPEATED_KEYS = 20

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's parser: libyaml's if it was compiled in, else the Python one."""

_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_RESOLVERS: dict[str | None, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_SURROGATE = re.compile("[\ud800-\udfff]")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A scalar, list or mapping and its position; `line` and `column` count from 1.

    `text` is a scalar's text, unescaped and unfolded. `tag` is the type that YAML 1.1 resolves it to: "str", "int",
    "float", "bool", "null", "timestamp", "merge" or "value". `quoted` is true for single or double quotes.
    """

    kind: Literal["scalar", "list", "mapping"]
    line: int
    column: int
    text: str = ""
    tag: str = ""
    quoted: bool = False
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[Node, Node], ...] = ()

    def at(self, *steps: str | int) -> Node | None:
        """Return the node at a path of keys and list indexes below this one, or None."""
        node: Node | None = self
        for step in steps:
            node = node and node.below(step)
        return node

    def below(self, step: str | int) -> Node | None:
        """Return the value of the key, or the item at the index, `step`, or None."""
        if isinstance(step, int):
            return self.items[step] if step < len(self.items) else None
        return next((value for key, value in self.entries if key.text == step), None)


NOTHING = Node(kind="scalar", tag="null", line=1, column=1)
"""The node of an empty text."""


def parse(
    text: str, *, path: str, first_line: int = 1, quote: bool = True, loader: Any = LOADER
) -> Node | tuple[Problem, ...]:
    """Return the tree of one YAML document, or what is wrong with it.

    Args:
        text: the document.
        path: the file that problems name.
        first_line: the number of the text's first line in that file.
        quote: whether messages may quote the text; false for files that hold private values.
        loader: the PyYAML class that parses.

    """
    source = Source(text, quote=quote)
    builder = _Builder(source, first_line)
    faults = builder.faults
    try:
        root = _read(source, builder, loader)
    except _FatalError as error:
        faults.append(error.fault)
    # The Python parser raises ValueError and OverflowError for some escapes and version numbers.
    except (yaml.YAMLError, ValueError, ArithmeticError) as error:
        faults.append(explain(error, source))
    if not faults:
        return root
    return tuple(fault.as_problem(path, first_line) for fault in faults)


def parse_bytes(data: bytes, *, path: str) -> Node | tuple[Problem, ...]:
    """Return the tree of a YAML file of up to `MOST_BYTES` bytes, or what is wrong with it."""
    if len(data) > MOST_BYTES:
        return (Problem(path=path, message=f"is longer than {MOST_BYTES:,} bytes", hint="keep only settings in it"),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (_not_utf8(data, error, path),)
    return parse(text, path=path)


def double_quoted(text: str, *, loader: Any = LOADER) -> Iterator[tuple[int, int]]:
    """Yield start and end (indexes of characters) of each double-quoted scalar, up to the first error in `text`."""
    depth = 0
    try:
        for event in islice(_events(text, loader), 2 * MOST_NODES):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > TOO_DEEP:
                return
            if isinstance(event, yaml.ScalarEvent) and event.style == '"':
                begins, ends = event.start_mark, event.end_mark
                assert begins is not None
                assert ends is not None
                yield begins.index, ends.index
    except (yaml.YAMLError, ValueError, ArithmeticError):
        return  # `parse` reports it


def _not_utf8(data: bytes, error: UnicodeDecodeError, path: str) -> Problem:
    # The codec utf-8-sig counts from behind the byte order mark.
    start = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    before = Source(data[:start].decode("utf-8-sig", "replace"), quote=False).lines
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return Problem(
        path=path,
        line=len(before),
        column=len(before[-1]) + 1,
        message=f"not UTF-8: byte 0x{data[start]:02x} at offset {start}",
        hint="it looks like UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8",
    )


class _FatalError(Exception):
    def __init__(self, mark: Any, message: str, hint: str) -> None:
        super().__init__(message)
        self.fault = Fault(mark.line, mark.column, message, hint)


def _read(source: Source, builder: _Builder, loader: Any) -> Node:
    unreadable = forbidden_character(source)
    if unreadable:
        builder.faults.append(unreadable)
        return NOTHING
    documents = 0
    for event in _events(source.text, loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                message = "a second document begins here, but only one is allowed"
                raise _FatalError(event.start_mark, message, "remove this line and what follows, or the `---`")
        builder.add_event(event)
    return builder.root or msgspec.structs.replace(NOTHING, line=builder.first_line)


def _events(text: str, loader: Any) -> Iterator[Any]:
    events: Iterator[Any] = yaml.parse(text, Loader=loader)
    return events


class _OpenNode:
    """A list or mapping whose end has not been parsed yet."""

    __slots__ = ("key", "keys", "mark", "nodes", "pairs")

    def __init__(self, mark: Any, *, is_mapping: bool) -> None:
        self.mark = mark
        self.nodes: list[Node] = []
        self.pairs: list[tuple[Node, Node]] = []
        self.key: Node | None = None
        # Text of each key -> line of its first use; None for a list.
        self.keys: dict[str, int] | None = {} if is_mapping else None

    def closed(self, first_line: int) -> Node:
        line, column = self.mark.line + first_line, self.mark.column + 1
        if self.keys is None:
            return Node(kind="list", line=line, column=column, items=tuple(self.nodes))
        return Node(kind="mapping", line=line, column=column, entries=tuple(self.pairs))


class _Builder:
    """Builds the tree `root` from events; raises `_FatalError` at the first event that is not allowed."""

    def __init__(self, source: Source, first_line: int) -> None:
        self.source, self.first_line = source, first_line
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self._open: list[_OpenNode] = []
        self._count = 0

    def add_event(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._count_node(event)
            self._add(self._scalar(event), event.start_mark)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._count_node(event)
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            closing = self._open.pop()
            self._add(closing.closed(self.first_line), closing.mark)
        elif isinstance(event, yaml.AliasEvent):
            raise _FatalError(event.start_mark, *self.source.rejected_alias(event.start_mark))

    def _count_node(self, event: Any) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            message = f"contains more than {MOST_NODES:,} values"
            raise _FatalError(event.start_mark, message, "split it into several files")

    def _begin(self, event: Any) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _CORE + ("map" if is_mapping else "seq")):
            self._reject_tag(event)
        if len(self._open) >= TOO_DEEP:
            raise _FatalError(event.start_mark, *NESTED)
        if self._open and self._open[-1].keys is not None and self._open[-1].key is None:
            raise _FatalError(event.start_mark, *self.source.rejected_key(event.start_mark))
        self._open.append(_OpenNode(event.start_mark, is_mapping=is_mapping))

    def _scalar(self, event: Any) -> Node:
        if _SURROGATE.search(event.value):  # libyaml rejects the escape itself, the Python parser does not
            raise _FatalError(event.start_mark, "this escape is not a character", "remove the `\\ud…` escape")
        return Node(
            kind="scalar",
            line=event.start_mark.line + self.first_line,
            column=event.start_mark.column + 1,
            text=event.value,
            tag=self._tag(event),
            quoted=event.style in ("'", '"'),
        )

    def _tag(self, event: Any) -> str:
        if event.tag in (None, "!"):  # PyYAML ignores the non-specific tag, unlike YAML 1.1 §3.3.2
            return _resolved(event.value) if event.implicit[0] else "str"
        name = str(event.tag).removeprefix(_CORE)
        if event.tag == _CORE + name and name in _SCALAR_TAGS:
            return name
        return self._reject_tag(event)

    def _reject_tag(self, event: Any) -> str:
        raise _FatalError(event.start_mark, *self.source.rejected_tag(event.start_mark))

    def _add(self, node: Node, mark: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if parent.keys is None:
            parent.nodes.append(node)
        elif parent.key is None:
            self._check_key(node, parent.keys, mark)
            parent.key = node
        else:
            parent.pairs.append((parent.key, node))
            parent.key = None

    def _check_key(self, key: Node, keys: dict[str, int], mark: Any) -> None:
        if key.tag == "merge":
            raise _FatalError(mark, "merge keys (`<<`) are not supported", "write the keys out")
        first = keys.get(key.text)
        if first is None:
            keys[key.text] = key.line
        elif len(self.faults) < MOST_REPEATED_KEYS:
            message = f"{self.source.named_key(key.text)} is repeated: in line {first} and in line {key.line}"
            self.faults.append(Fault(mark.line, mark.column, message, "keep one of them"))


def _resolved(text: str) -> str:
    """Return the type that YAML 1.1 resolves the plain scalar `text` to, by PyYAML's own table."""
    for tag, pattern in _RESOLVERS.get(text[:1], []) + _RESOLVERS.get(None, []):
        if pattern.match(text):
            return tag.removeprefix(_CORE)
    return "str"
