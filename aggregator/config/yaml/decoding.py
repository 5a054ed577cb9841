"""Typed values from YAML nodes: a node and a type in, a value and every problem of the text out; the world untouched.

Knows no keys and no files: what may be written is said by msgspec Structs, and by `Parse` and `Check` in `Annotated`
types. Only what a field asks for decides how a scalar is read, so `title: 1984` and `title: yes` are text where text is
expected and YAML 1.1's many spellings count where a boolean or a number is. Null always means "not given".

    class Wanted(msgspec.Struct, frozen=True, kw_only=True):
        title: str
        quality: int | None = None
        max_age: Annotated[int | None, Parse(duration, what="a duration such as `365d`")] = None

    value, problems = decode(node, Wanted, path="some.yaml")
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from aggregator.config.yaml.messages import quoted, shown
from aggregator.config.yaml.scalars import boolean, describe, integer, number, plain, unquoted_hint
from aggregator.config.yaml.tree import NOTHING, Node
from aggregator.model.reports import Problem

__all__ = ["MOST_PROBLEMS", "Check", "Parse", "Unknown", "decode", "decode_open", "nearest"]

MOST_PROBLEMS = 100

_BAD: Final = object()
_Read = Callable[["_Log", Node, str], Any]


class Parse(msgspec.Struct, frozen=True):
    """In `Annotated[T, Parse(fn)]`: the value is `fn(text)`, from the scalar's raw text.

    `fn` raises `ValueError(message)` or `ValueError(message, hint)`. `what` completes "expected …". With `null`, null
    is handed to `fn` as its raw text instead of meaning "not given".
    """

    read: Callable[[str], Any]
    what: str = "text"
    null: bool = False


class Check(msgspec.Struct, frozen=True):
    """In `Annotated[T, Check(fn)]`: the value is `fn(value)` of a T; `fn` raises as `Parse`'s does."""

    test: Callable[[Any], Any]
    what: str = ""


class Unknown(NamedTuple):
    """A key that the type does not have: its dotted name, its place, and the nearest key there is, or ""."""

    name: str
    line: int
    column: int
    nearest: str


def decode(
    node: Node, kind: Any, *, path: str, unknown: Literal["error", "ignore"] = "error", quote: bool = True
) -> tuple[Any, list[Problem]]:
    """Read `node` as a value of type `kind`, with every problem there is.

    The value is the best that could be read: what has a problem holds its default. It is None only where that cannot
    be, a required key being missing or wrong. `quote=False` keeps the text's own values out of the messages.
    """
    value, problems, strangers = decode_open(node, kind, path=path, quote=quote)
    if unknown == "error":
        problems += [_complaint(stranger, path) for stranger in strangers[:MOST_PROBLEMS]]
        problems.sort(key=lambda problem: (problem.line, problem.column))
    return value, problems


def decode_open(
    node: Node, kind: Any, *, path: str, quote: bool = True
) -> tuple[Any, list[Problem], tuple[Unknown, ...]]:
    """Read `node` as `decode` does, and give the unknown keys beside the problems."""
    log = _Log(path, quote=quote)
    value = _reader(kind)(log, node, "")
    return None if value is _BAD else value, log.problems, tuple(log.strangers)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Give the choice that `name` was probably meant to be, or ""."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    if len(name) > 64:
        return ""
    folded = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def _complaint(stranger: Unknown, path: str) -> Problem:
    hint = f"did you mean `{stranger.nearest}`?" if stranger.nearest else "remove it, or look up its name"
    message = f"{stranger.name}: unknown key"
    return Problem(path=path, line=stranger.line, column=stranger.column, message=message, hint=hint)


class _Log:
    """What is found while one node is read."""

    def __init__(self, path: str, *, quote: bool) -> None:
        self.path, self.quote = path, quote
        self.problems: list[Problem] = []
        self.strangers: list[Unknown] = []

    def add(self, node: Node, where: str, message: str, hint: str = "") -> Any:
        if len(self.problems) == MOST_PROBLEMS:
            message, hint, where = "more problems follow", "mend these first", ""
        if len(self.problems) <= MOST_PROBLEMS:
            said = f"{where}: {message}" if where else message
            problem = Problem(path=self.path, line=node.line, column=node.column, message=said, hint=hint)
            self.problems.append(problem)
        return _BAD

    def expected(self, node: Node, where: str, what: str, hint: str = "") -> Any:
        return self.add(node, where, f"expected {what}, found {describe(node, quote=self.quote)}", hint)

    def refused(self, node: Node, where: str, error: ValueError) -> Any:
        message, hint = (*error.args, "", "")[:2]
        return self.add(node, where, str(message), str(hint))

    def stranger(self, key: Node, where: str, choices: Iterable[str]) -> None:
        if len(self.strangers) <= MOST_PROBLEMS:
            meant = nearest(key.text, choices)
            self.strangers.append(Unknown(_join(where, shown(key.text)), key.line, key.column, meant))


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


@functools.cache
def _reader(kind: Any) -> _Read:
    """Give the function that reads values of type `kind`."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin is Literal:
        return _choice(args)
    if origin in (typing.Union, types.UnionType):
        return _union(kind, args)
    if origin is tuple and args[1:] == (...,):
        return _tuple(args[0])
    if kind is dict or origin in (dict, Mapping):
        return _dict(args[1] if args else Any)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    raise TypeError(f"{kind} cannot be read from YAML")


def _annotated(kind: Any, extras: tuple[Any, ...]) -> _Read:
    parse = next((extra for extra in extras if isinstance(extra, Parse)), None)
    read = _parsed(parse) if parse else _reader(kind)
    for extra in extras:
        if isinstance(extra, Check):
            read = _checked(read, extra)
    return read


def _parsed(parse: Parse) -> _Read:
    def read(log: _Log, node: Node, where: str) -> Any:
        if node.kind != "scalar" or (node.tag == "null" and not parse.null):
            return log.expected(node, where, parse.what)
        try:
            return parse.read(node.text)
        except ValueError as error:
            return log.refused(node, where, error)

    return read


def _checked(inner: _Read, check: Check) -> _Read:
    def read(log: _Log, node: Node, where: str) -> Any:
        value = inner(log, node, where)
        if value is _BAD or value is None:
            return value
        try:
            return check.test(value)
        except ValueError as error:
            return log.refused(node, where, error)

    return read


def _text(log: _Log, node: Node, where: str) -> Any:
    if node.kind == "scalar" and node.tag != "null":
        return node.text
    return log.expected(node, where, "text", _text_hint(node, quote=log.quote))


def _text_hint(node: Node, *, quote: bool) -> str:
    if node.kind == "list":
        return "write it without `[ ]` or `- `"
    scalars = [part for entry in node.entries for part in entry if part.kind == "scalar"]
    if len(scalars) == 2 and len(node.entries) == 1 and quote:
        return f"quote it: write `{quoted(shown(': '.join(part.text for part in scalars)))}`"
    return "quote text that holds `: `" if node.entries else ""


def _integer(log: _Log, node: Node, where: str) -> Any:
    value = integer(node)
    if value is not None:
        return value
    hint = unquoted_hint(node, integer, quote=log.quote)
    if node.tag == "int":
        hint = "write a plain number" if ":" in node.text else "write at most 18 digits"
    return log.expected(node, where, "an integer", hint)


def _number(log: _Log, node: Node, where: str) -> Any:
    value = number(node)
    if value is None:
        return log.expected(node, where, "a number", unquoted_hint(node, number, quote=log.quote))
    return value


def _boolean(log: _Log, node: Node, where: str) -> Any:
    value = boolean(node)
    if value is None:
        hint = unquoted_hint(node, boolean, quote=log.quote) or "write `true` or `false`"
        return log.expected(node, where, "true or false", hint)
    return value


def _anything(log: _Log, node: Node, where: str) -> Any:  # noqa: ARG001 - a reader's shape
    return plain(node)


_SCALARS: dict[Any, _Read] = {str: _text, int: _integer, float: _number, bool: _boolean, Any: _anything}


def _choice(choices: tuple[Any, ...]) -> _Read:
    if not all(isinstance(choice, str) for choice in choices):
        raise TypeError(f"only texts can be choices, not {choices}")
    *others, last = (f"`{choice}`" for choice in choices)
    what = f"{', '.join(others)} or {last}" if others else last

    def read(log: _Log, node: Node, where: str) -> Any:
        if node.kind == "scalar" and node.text in choices:
            return node.text
        meant = nearest(node.text, choices)
        return log.expected(node, where, what, f"did you mean `{meant}`?" if meant else "")

    return read


def _union(kind: Any, args: tuple[Any, ...]) -> _Read:
    others = [arg for arg in args if arg is not types.NoneType]
    if len(others) != 1 or len(others) == len(args):
        raise TypeError(f"{kind} cannot be read from YAML: only `T | None` can, or Parse in Annotated")
    inner = _reader(others[0])

    def read(log: _Log, node: Node, where: str) -> Any:
        return None if node.tag == "null" else inner(log, node, where)

    return read


def _tuple(kind: Any) -> _Read:
    inner = _reader(kind)

    def read(log: _Log, node: Node, where: str) -> Any:
        if node.kind != "list":
            return log.expected(node, where, "a list", _list_hint(node, quote=log.quote))
        given = [(place, item) for place, item in enumerate(node.items) if item.tag != "null"]
        values = [inner(log, item, f"{where}[{place}]") for place, item in given]
        return tuple(value for value in values if value is not _BAD)

    return read


def _list_hint(node: Node, *, quote: bool) -> str:
    if node.kind == "mapping":
        return "begin each entry with `- `"
    if not quote or len(node.text) > 40 or not node.text.isprintable():
        return "write `[x]`"
    simple = node.text.replace(" ", "").replace("-", "").replace(",", "").isalnum()
    return f"write `[{node.text if simple else quoted(node.text)}]`"


def _dict(kind: Any) -> _Read:
    inner = _reader(kind)

    def read(log: _Log, node: Node, where: str) -> Any:
        if node.kind != "mapping":
            return log.expected(node, where, "a mapping", "write `key: value` lines below it")
        found = {key.text: inner(log, value, _join(where, shown(key.text))) for key, value in node.entries}
        return {key: value for key, value in found.items() if value is not _BAD}

    return read


class _Field(NamedTuple):
    name: str
    read: _Read
    required: bool
    takes_null: bool
    what: str
    nests: bool


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, _Field]:
    return {field.encode_name: _field(field) for field in msgspec.structs.fields(kind)}


def _field(field: Any) -> _Field:
    extras = typing.get_args(field.type)[1:] if typing.get_origin(field.type) is Annotated else ()
    return _Field(
        name=field.name,
        read=_reader(field.type),
        required=field.required,
        takes_null=any(isinstance(extra, Parse) and extra.null for extra in extras),
        what=next((extra.what for extra in extras if isinstance(extra, Parse | Check) and extra.what), ""),
        nests=isinstance(field.type, type) and issubclass(field.type, msgspec.Struct),
    )


def _struct(kind: type[msgspec.Struct]) -> _Read:
    # The fields are looked up at the first reading, so that a Struct may hold itself.
    def read(log: _Log, node: Node, where: str) -> Any:
        if node.kind != "mapping" and node.tag != "null":
            return log.expected(node, where, "a mapping", "write `key: value` lines below it")
        fields = _fields(kind)
        given = dict(_given(log, node, where, fields))
        present = {key.text for key, value in node.entries if value.tag != "null"}
        for key, field in fields.items():
            if field.required and key not in present:
                given[field.name] = _missing(log, node, _join(where, key), field)
        return _built(log, node, where, kind, given)

    return read


def _given(log: _Log, node: Node, where: str, fields: dict[str, _Field]) -> Iterator[tuple[str, Any]]:
    for key, value in node.entries:
        field = fields.get(key.text)
        if field is None:
            log.stranger(key, where, fields)
        elif value.tag != "null" or field.takes_null:
            read = field.read(log, value, _join(where, key.text))
            if read is not _BAD or field.required:
                yield field.name, read


def _missing(log: _Log, node: Node, where: str, field: _Field) -> Any:
    """Say what a required key lacks; of a required mapping, what it would have to hold."""
    if field.nests:
        return field.read(log, msgspec.structs.replace(NOTHING, line=node.line, column=node.column), where)
    what = field.what or f"`{where.rpartition('.')[2]}: …`"
    return log.add(node, where, "is missing", f"write {what}")


def _built(log: _Log, node: Node, where: str, kind: type[msgspec.Struct], given: dict[str, Any]) -> Any:
    if any(value is _BAD for value in given.values()):
        return _BAD
    try:
        return kind(**given)
    except ValueError as error:  # a Struct's __post_init__
        return log.refused(node, where, error)
