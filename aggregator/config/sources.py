"""The lists of sources: the bytes of `config/sources/*.yaml` to `Source`s in order, and every problem in them. Pure.

An entry that leaves a key out has what `sources` in the config says for all. A file is a list of entries, each a
mapping, or the address alone; an address that is listed twice is an error that names both places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aggregator.config.settings import OpmlEntry, SourceEntry, SourcesSettings
from aggregator.config.yaml.decoding import MOST_PROBLEMS, decode
from aggregator.config.yaml.scalars import describe
from aggregator.config.yaml.tree import Node, parse_bytes
from aggregator.model.reports import Problem
from aggregator.model.sources import Source

SUFFIXES = (".yaml", ".yml")
"""How the name of a file of sources ends."""

_INHERITED = ("topics", "categories", "quality", "every", "first", "content", "on_gone")


def read_sources(
    files: Sequence[tuple[str, bytes]], settings: SourcesSettings
) -> tuple[tuple[Source, ...], list[Problem]]:
    """Return the sources of files given as (path, bytes), in the order of their paths, and every problem in them."""
    read: list[Source] = []
    problems: list[Problem] = []
    for path, data in sorted(files):
        sources, found = _read(path, data, settings)
        read += sources
        problems += found
    return tuple(read), [*problems, *_listed_twice(read)]


def defaults_of(entry: OpmlEntry, settings: SourcesSettings) -> Source:
    """Return what the sources of a living list have: a `Source` whose `url` is ""."""
    return _filled(entry, settings, url="", position="")


def _read(path: str, data: bytes, settings: SourcesSettings) -> tuple[list[Source], list[Problem]]:
    node = parse_bytes(data, path=path)
    if isinstance(node, tuple):
        return [], list(node)
    if node.tag == "null":
        return [], []  # nothing is listed yet
    if node.kind != "list":
        hint = "write each source as `- url: https://…`"
        message = f"expected a list of sources, found {describe(node)}"
        return [], [Problem(path=path, line=node.line, column=node.column, message=message, hint=hint)]
    sources: list[Source] = []
    problems: list[Problem] = []
    for item in node.items:
        entry, found = decode(_as_mapping(item), SourceEntry, path=path)
        problems += found
        if entry is not None:
            position = f"{path}:{item.line}:{item.column}"
            sources.append(_filled(entry, settings, url=entry.was or entry.url, position=position))
    return sources, problems[:MOST_PROBLEMS]


def _as_mapping(item: Node) -> Node:
    """Return an entry that is an address alone as a mapping with a `url`."""
    if item.kind != "scalar" or item.tag == "null":
        return item
    key = Node(kind="scalar", tag="str", text="url", line=item.line, column=item.column)
    return Node(kind="mapping", line=item.line, column=item.column, entries=((key, item),))


def _filled(entry: SourceEntry | OpmlEntry, settings: SourcesSettings, *, url: str, position: str) -> Source:
    said: dict[str, Any] = {}
    for key in _INHERITED:
        own, common = getattr(entry, key), getattr(settings, key)
        if (value := own if own is not None else common) is not None:
            said[key] = value
    if isinstance(entry, SourceEntry):
        said |= {"name": entry.name, "address": entry.url if entry.was not in {"", entry.url} else ""}
    return Source(url=url, private=entry.private, conditional=entry.conditional, position=position, **said)


def _listed_twice(sources: Sequence[Source]) -> Iterator[Problem]:
    first: dict[str, Source] = {}
    for source in sources:
        for address in dict.fromkeys((source.url, source.address or source.url)):
            before = first.setdefault(address, source)
            if before is not source:
                yield _twice(address, source, before)


def _twice(address: str, source: Source, before: Source) -> Problem:
    (path, line, column), (other, there, _) = (one.position.rsplit(":", 2) for one in (source, before))
    message = f"{address} is already listed in line {there}" + ("" if other == path else f" of {other}")
    return Problem(path=path, line=int(line), column=int(column), message=message, hint="remove one of them")
