"""Decode YAML nodes into typed values: a node and a type in; a value and every problem in the text out. Pure.

What may be written is declared by msgspec Structs, with `Parse`, `Check` and `Computed` in `Annotated` types. The type
of the field alone decides how a scalar is read: `title: 1984` and `title: yes` are text if text is expected, and YAML
1.1's many spellings count if a boolean or a number is. Null means "not given".

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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from aggregator.config.yaml.messages import quoted, shortened
from aggregator.config.yaml.scalars import boolean, describe, integer, number, plain, unquoted_hint
from aggregator.config.yaml.tree import NOTHING, Node
from aggregator.model.reports import Problem

MOST_PROBLEMS = 100

_INVALID: Final = object()
_Reader = Callable[["_Log", Node, str], Any]


class Parse(msgspec.Struct, frozen=True):
    """In `Annotated[T, Parse(fn)]`: the value is `fn(text)`, with the scalar's raw text.

    `fn` raises `ValueError(message)` or `ValueError(message, hint)`. `what` completes "expected …". If `null` is true,
    null does not mean "not given": `fn` gets its raw text too. `choices` are all values that may be written, if they
    can be counted.
    """

    read: Callable[[str], Any]
    what: str = "text"
    null: bool = False
    choices: tuple[bool | str, ...] = ()


class Check(msgspec.Struct, frozen=True):
    """In `Annotated[T, Check(fn)]`: the value is `fn(value)`, with a value of type T; `fn` raises as in `Parse`.

    `what` completes "write …" if the key is required and missing.
    """

    test: Callable[[Any], Any]
    what: str = ""


class Computed(msgspec.Struct, frozen=True):
    """In `Annotated[T, Computed()]`: the field is not a key of the file; the program sets it after decoding."""


class Brief(msgspec.Struct, frozen=True):
    """In `Annotated[tuple[T, ...], Brief(key)]`, T a Struct: one entry may stand without a list around it.

    Each entry is a mapping, or a scalar: the value of its `key`. In `Annotated[T, Brief(key)]` there is
    one entry. `what` completes "expected …".
    """

    key: str
    what: str


class Unknown(NamedTuple):
    """A key that the type does not have: its dotted name, its position, and the most similar known key, or ""."""

    name: str
    line: int
    column: int
    nearest: str


def decode(
    node: Node, kind: Any, *, path: str, unknown: Literal["error", "ignore"] = "error", quote: bool = True
) -> tuple[Any, list[Problem]]:
    """Return `node` as a value of type `kind`, and every problem in it.

    What has a problem keeps its default. The value is None if a required key is missing or invalid. `quote=False` keeps
    the text's own values out of the messages.
    """
    value, problems, unknown_keys = decode_open(node, kind, path=path, quote=quote)
    if unknown == "error":
        problems += [_unknown_key(key, path) for key in unknown_keys[:MOST_PROBLEMS]]
        problems.sort(key=lambda problem: (problem.line, problem.column))
    return value, problems


def decode_open(
    node: Node, kind: Any, *, path: str, quote: bool = True, needed: Collection[str] | None = None
) -> tuple[Any, list[Problem], tuple[Unknown, ...]]:
    """Return what `decode` returns, but the unknown keys apart from the problems.

    Args:
        node: what is decoded.
        kind: its type.
        path: the file that problems name.
        quote: whether messages may quote the text.
        needed: if given, what is wrong below any other key at the top is left out, with a warning.
    """
    log = _Log(path, quote=quote, needed=needed)
    value = _reader(kind)(log, node, "")
    return None if value is _INVALID else value, log.problems, tuple(log.unknown)


def written_fields(kind: type[msgspec.Struct]) -> list[Any]:
    """Return the fields of a Struct that are keys of a file, as `msgspec.structs.fields` describes them."""
    return [
        field
        for field in msgspec.structs.fields(kind)
        if not any(isinstance(extra, Computed) for extra in getattr(field.type, "__metadata__", ()))
    ]


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the choice that `name` was probably meant to be, or ""."""
    from difflib import get_close_matches  # noqa: PLC0415 - only if something is wrong

    if len(name) > 64:
        return ""
    folded = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def _unknown_key(key: Unknown, path: str) -> Problem:
    hint = f"did you mean `{key.nearest}`?" if key.nearest else "remove it, or look up its name"
    return Problem(path=path, line=key.line, column=key.column, message=f"{key.name}: unknown key", hint=hint)


class _Log:
    """The problems and unknown keys found so far."""

    def __init__(self, path: str, *, quote: bool, needed: Collection[str] | None = None) -> None:
        self.path, self.quote, self.needed = path, quote, needed
        self.problems: list[Problem] = []
        self.unknown: list[Unknown] = []

    def add(self, node: Node, key_path: str, message: str, hint: str = "") -> Any:
        may_lack = self.needed is not None and _top(key_path) not in self.needed
        text = f"{key_path}: {message}" if key_path else message
        text = f"{text}, so it is left out" if may_lack else text
        # Of the keys that are needed there are few, and no number of others may hide one.
        is_needed = self.needed is not None and not may_lack
        if len(self.problems) == MOST_PROBLEMS and not is_needed:
            text, hint = "more problems follow", "fix these first"
        if len(self.problems) <= MOST_PROBLEMS or is_needed:
            problem = Problem(
                path=self.path, line=node.line, column=node.column, message=text, hint=hint, warning=may_lack
            )
            self.problems.append(problem)
        return _INVALID

    def add_expected(self, node: Node, key_path: str, what: str, hint: str = "") -> Any:
        return self.add(node, key_path, f"expected {what}, found {describe(node, quote=self.quote)}", hint)

    def add_error(self, node: Node, key_path: str, error: ValueError) -> Any:
        message, hint = (*error.args, "", "")[:2]
        return self.add(node, key_path, str(message), str(hint))

    def add_unknown(self, key: Node, key_path: str, choices: Iterable[str]) -> None:
        if len(self.unknown) <= MOST_PROBLEMS:
            meant = nearest(key.text, choices)
            self.unknown.append(Unknown(_join(key_path, shortened(key.text)), key.line, key.column, meant))


def _top(key_path: str) -> str:
    """Return the key at the top that leads to a value."""
    return key_path.partition(".")[0].partition("[")[0]


def _join(key_path: str, key: str) -> str:
    return f"{key_path}.{key}" if key_path else key


@functools.cache
def _reader(kind: Any) -> _Reader:
    """Return the function that reads values of type `kind`."""
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


def _annotated(kind: Any, extras: tuple[Any, ...]) -> _Reader:
    parse = next((extra for extra in extras if isinstance(extra, Parse)), None)
    read = _parsed(parse) if parse else _reader(kind)
    for extra in extras:
        if isinstance(extra, Brief):
            is_list = typing.get_origin(kind) is tuple
            read = _brief(typing.get_args(kind)[0], extra) if is_list else _brief_one(kind, extra)
        if isinstance(extra, Check):
            read = _checked(read, extra)
    return read


def _parsed(parse: Parse) -> _Reader:
    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind != "scalar" or (node.tag == "null" and not parse.null):
            return log.add_expected(node, key_path, parse.what)
        try:
            return parse.read(node.text)
        except ValueError as error:
            return log.add_error(node, key_path, error)

    return read


def _checked(inner: _Reader, check: Check) -> _Reader:
    def read(log: _Log, node: Node, key_path: str) -> Any:
        value = inner(log, node, key_path)
        if value is _INVALID or value is None:
            return value
        try:
            return check.test(value)
        except ValueError as error:
            return log.add_error(node, key_path, error)

    return read


def _brief_one(kind: Any, brief: Brief) -> _Reader:
    inner = _reader(kind)

    def one(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind == "scalar" and node.tag != "null":
            field = _fields(kind)[brief.key]
            value = field.read(log, node, key_path)
            return value if value is _INVALID else kind(**{field.name: value})
        if node.kind != "mapping":
            return log.add_expected(node, key_path, brief.what)
        return inner(log, node, key_path)

    return one


def _brief(kind: Any, brief: Brief) -> _Reader:
    one = _brief_one(kind, brief)

    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind != "list":
            value = one(log, node, key_path)
            return value if value is _INVALID else (value,)
        if not node.items:
            return log.add(node, key_path, "is empty", f"remove it, or name a {brief.key}")
        values = [one(log, item, f"{key_path}[{index}]") for index, item in enumerate(node.items)]
        return _INVALID if any(value is _INVALID for value in values) else tuple(values)

    return read


def _text(log: _Log, node: Node, key_path: str) -> Any:
    if node.kind == "scalar" and node.tag != "null":
        return node.text
    return log.add_expected(node, key_path, "text", _text_hint(node, quote=log.quote))


def _text_hint(node: Node, *, quote: bool) -> str:
    if node.kind == "list":
        return "write it without `[ ]` or `- `"
    scalars = [part for entry in node.entries for part in entry if part.kind == "scalar"]
    if len(scalars) == 2 and len(node.entries) == 1 and quote:
        return f"quote it: write `{quoted(shortened(': '.join(part.text for part in scalars)))}`"
    return "quote text that holds `: `" if node.entries else ""


def _integer(log: _Log, node: Node, key_path: str) -> Any:
    value = integer(node)
    if value is not None:
        return value
    hint = unquoted_hint(node, integer, quote=log.quote)
    if node.tag == "int":
        hint = "write a plain number" if ":" in node.text else "write at most 18 digits"
    return log.add_expected(node, key_path, "an integer", hint)


def _number(log: _Log, node: Node, key_path: str) -> Any:
    value = number(node)
    if value is None:
        return log.add_expected(node, key_path, "a number", unquoted_hint(node, number, quote=log.quote))
    return value


def _boolean(log: _Log, node: Node, key_path: str) -> Any:
    value = boolean(node)
    if value is None:
        hint = unquoted_hint(node, boolean, quote=log.quote) or "write `true` or `false`"
        return log.add_expected(node, key_path, "true or false", hint)
    return value


def _anything(log: _Log, node: Node, key_path: str) -> Any:  # noqa: ARG001 - the signature of a reader
    return plain(node)


_SCALARS: dict[Any, _Reader] = {str: _text, int: _integer, float: _number, bool: _boolean, Any: _anything}


def _choice(choices: tuple[Any, ...]) -> _Reader:
    if not all(isinstance(choice, str) for choice in choices):
        raise TypeError(f"choices must be text, not {choices}")
    *others, last = (f"`{choice}`" for choice in choices)
    what = f"{', '.join(others)} or {last}" if others else last

    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind == "scalar" and node.text in choices:
            return node.text
        meant = nearest(node.text, choices)
        return log.add_expected(node, key_path, what, f"did you mean `{meant}`?" if meant else "")

    return read


def _union(kind: Any, args: tuple[Any, ...]) -> _Reader:
    others = [arg for arg in args if arg is not types.NoneType]
    if len(others) != 1 or len(others) == len(args):
        raise TypeError(f"{kind} cannot be read from YAML: only `T | None` can, or Parse in Annotated")
    inner = _reader(others[0])

    def read(log: _Log, node: Node, key_path: str) -> Any:
        return None if node.tag == "null" else inner(log, node, key_path)

    return read


def _tuple(kind: Any) -> _Reader:
    inner = _reader(kind)

    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind != "list":
            return log.add_expected(node, key_path, "a list", _list_hint(node, quote=log.quote))
        given = [(index, item) for index, item in enumerate(node.items) if item.tag != "null"]
        values = [inner(log, item, f"{key_path}[{index}]") for index, item in given]
        return tuple(value for value in values if value is not _INVALID)

    return read


def _list_hint(node: Node, *, quote: bool) -> str:
    if node.kind == "mapping":
        return "begin each entry with `- `"
    if not quote or len(node.text) > 40 or not node.text.isprintable():
        return "write `[x]`"
    simple = node.text.replace(" ", "").replace("-", "").replace(",", "").isalnum()
    return f"write `[{node.text if simple else quoted(node.text)}]`"


def _dict(kind: Any) -> _Reader:
    inner = _reader(kind)

    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind != "mapping":
            return log.add_expected(node, key_path, "a mapping", "write `key: value` lines below it")
        found = {key.text: inner(log, value, _join(key_path, shortened(key.text))) for key, value in node.entries}
        return {key: value for key, value in found.items() if value is not _INVALID}

    return read


class _Field(NamedTuple):
    name: str
    read: _Reader
    required: bool
    takes_null: bool
    what: str
    is_struct: bool


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, _Field]:
    return {field.encode_name: _field(field) for field in written_fields(kind)}


def _field(field: Any) -> _Field:
    extras = typing.get_args(field.type)[1:] if typing.get_origin(field.type) is Annotated else ()
    return _Field(
        name=field.name,
        read=_reader(field.type),
        required=field.required,
        takes_null=any(isinstance(extra, Parse) and extra.null for extra in extras),
        what=next((extra.what for extra in extras if isinstance(extra, Parse | Check) and extra.what), ""),
        is_struct=isinstance(field.type, type) and issubclass(field.type, msgspec.Struct),
    )


def _struct(kind: type[msgspec.Struct]) -> _Reader:
    # The fields are looked up when first used, so that a Struct may contain itself.
    def read(log: _Log, node: Node, key_path: str) -> Any:
        if node.kind != "mapping" and node.tag != "null":
            return log.add_expected(node, key_path, "a mapping", "write `key: value` lines below it")
        fields = _fields(kind)
        given = dict(_given(log, node, key_path, fields))
        present = {key.text for key, value in node.entries if value.tag != "null"}
        for key, field in fields.items():
            if field.required and key not in present:
                given[field.name] = _missing(log, node, _join(key_path, key), field)
        return _built(log, node, key_path, kind, given)

    return read


def _given(log: _Log, node: Node, key_path: str, fields: dict[str, _Field]) -> Iterator[tuple[str, Any]]:
    for key, value in node.entries:
        field = fields.get(key.text)
        if field is None:
            log.add_unknown(key, key_path, fields)
        elif value.tag != "null" or field.takes_null:
            read = field.read(log, value, _join(key_path, key.text))
            if read is not _INVALID or field.required:
                yield field.name, read


def _missing(log: _Log, node: Node, key_path: str, field: _Field) -> Any:
    """Report that a required key is missing; for a mapping, report the required keys inside it."""
    if field.is_struct:
        return field.read(log, msgspec.structs.replace(NOTHING, line=node.line, column=node.column), key_path)
    what = field.what or f"`{key_path.rpartition('.')[2]}: …`"
    return log.add(node, key_path, "is missing", f"write {what}")


def _built(log: _Log, node: Node, key_path: str, kind: type[msgspec.Struct], given: dict[str, Any]) -> Any:
    if any(value is _INVALID for value in given.values()):
        return _INVALID
    try:
        return kind(**given)
    except ValueError as error:  # a Struct's __post_init__
        return log.add_error(node, key_path, error)
