"""Lists of sources as text: new addresses written into one, and a list of one's own. Pure.

A list belongs to the person who wrote it: only what has to change is changed, at its position, so comments, order,
quotes and layout stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from aggregator.config import parsers
from aggregator.config.yaml.tree import LOADER, Node, parse
from aggregator.model.sources import Source

_PLAIN = re.compile(
    r"[A-Za-z0-9./_~+%-]+(?::[A-Za-z0-9./_~+%-]+)*(?:[?&=@!$;]+[A-Za-z0-9./_~+%:-]*[A-Za-z0-9./_~+%-])*"
)
"""Text that means itself in YAML wherever it stands, if it begins like a URL."""

_SHOWN = ("topics", "categories", "quality", "every", "first", "content", "on_gone")
_UNITS = ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def with_addresses(text: str, moves: Mapping[str, str]) -> str:
    """Return a list of sources in which each source at a URL of `moves` has the address that this is mapped to.

    The URL under which it was first listed becomes its `was`, since its items have their ids from it.

    Who calls this reads the result: an entry of an unusual form, such as one with a block scalar, is not kept whole.

    Args:
        text: the list; one that is not valid is returned as it is.
        moves: URLs as the config reads them (`parsers.source_url`), and the new addresses.
    """
    if not isinstance(parse(text, path=""), Node):  # this also refuses what `compose` must not see
        return text
    root = yaml.compose(text, Loader=LOADER)
    if not isinstance(root, yaml.SequenceNode):
        return text
    changes = [change for item in root.value for change in _changes(text, item, moves, is_flow=bool(root.flow_style))]
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def list_of(sources: Iterable[Source]) -> str:
    """Return a list of sources as a file of `config/sources/` has it, without what is the default."""
    lines = []
    for source in sources:
        lines.append(f"- url: {_scalar(source.address or source.url)}")
        lines += (f"  {key}: {value}" for key, value in _said(source))
    return "".join(f"{line}\n" for line in lines)


def _changes(text: str, item: Any, moves: Mapping[str, str], *, is_flow: bool) -> Iterator[tuple[int, int, str]]:
    """Yield what to write instead in one entry: start, end and text."""
    if isinstance(item, yaml.ScalarNode):
        if (new := moves.get(_url(item.value))) is not None:
            indent = " " * item.start_mark.column
            entry = _entry(indent, new, item.value)
            if is_flow:
                entry = f"{{url: {_scalar(new)}, was: {_scalar(item.value)}}}"
            yield item.start_mark.index, item.end_mark.index, entry
        return
    keys = {key.value: (key, value) for key, value in getattr(item, "value", ()) if isinstance(key, yaml.ScalarNode)}
    key, value = keys.get("url", (item, None))
    if value is None or (new := moves.get(_url(value.value))) is None:
        return
    yield value.start_mark.index, value.end_mark.index, _scalar(new)
    if "was" in keys:
        return
    if item.flow_style:
        yield value.end_mark.index, value.end_mark.index, f", was: {_scalar(value.value)}"
        return
    end = text.find("\n", value.end_mark.index)
    line_end = len(text) if end < 0 else end - (text[end - 1] == "\r")
    newline = "\r\n" if "\r\n" in text else "\n"
    yield line_end, line_end, f"{newline}{' ' * key.start_mark.column}was: {_scalar(value.value)}"


def _entry(indent: str, url: str, was: str) -> str:
    return f"url: {_scalar(url)}\n{indent}was: {_scalar(was)}"


def _url(written: str) -> str:
    try:
        return parsers.source_url(written)
    except ValueError:
        return ""


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and "://" in text else msgspec.json.encode(text).decode()


def _said(source: Source) -> Iterator[tuple[str, str]]:
    usual = Source(url="")
    if source.address:
        yield "was", _scalar(source.url)
    if source.name:
        yield "name", _text(source.name)
    for key in _SHOWN:
        value = getattr(source, key)
        if value != getattr(usual, key):
            yield key, _value(key, value)
    for key in ("private", "conditional"):
        if getattr(source, key) != getattr(usual, key):
            yield key, str(getattr(source, key)).lower()


def _value(key: str, value: Any) -> str:
    if key == "every":
        return next(f"{value // size}{unit}" for size, unit in _UNITS if value % size == 0)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)


def _text(text: str) -> str:
    """Return text as a YAML scalar: as it is if it is words, else in double quotes."""
    is_words = re.fullmatch(r"[^\W\d_][\w .&()/+-]*", text) is not None
    return text if is_words and _is_text(text) else msgspec.json.encode(text).decode()


def _is_text(text: str) -> bool:
    """Return whether plain YAML takes these words for text, not for a number, a date or `yes`."""
    found = parse(text, path="")
    return isinstance(found, Node) and found.kind == "scalar" and found.tag == "str" and found.text == text
