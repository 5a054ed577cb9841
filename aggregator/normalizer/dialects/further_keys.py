"""Our own seeds in a folder with further keys, a base or a pattern of addresses: read as ever, but for these. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from aggregator.config.yaml import scalars
from aggregator.config.yaml.tree import Node
from aggregator.model.reports import Problem
from aggregator.model.seed_roots import SeedRoot, shown_names
from aggregator.normalizer import held_back, seed
from aggregator.normalizer.dialects import addresses, dates
from aggregator.normalizer.dialects.plans import OPPOSITE, opposite_names
from aggregator.normalizer.seed import Reading
from aggregator.normalizer.text import moment

SWITCHES = frozenset({"published", "draft", "removed", "deleted"})
"""The keys of which any that holds back counts, whatever the others say."""


class _Names(NamedTuple):
    """What the keys of a root's files mean: other names of a key, names that mean nothing to us, the zone of dates."""

    others: Mapping[str, tuple[str, ...]]
    unread: frozenset[str]
    zone: str


def read(data: bytes, *, path: str, root: SeedRoot, zone: str, site: str, own_pages: str) -> Reading:
    """Return the reading of the seed `path` (with the root's prefix); see `reading.read`."""
    names = _Names(
        {key: shown_names(others) for key, others in root.keys.items() if key not in {"ignored", "slug"}},
        frozenset((*root.keys.get("ignored", ()), *_slug_keys(root))),
        zone,
    )
    base = root.base or site
    wrong: list[Problem] = []

    def adapt(node: Node) -> Node:
        wrong.extend(_opposite(node, root, path))
        return _adapted(node, names, root, path[len(root.prefix) :], base)

    reading = seed.read_adapted(
        data, path=path, zone=zone, base=base if root.base or root.link else "", adapt=adapt, site=own_pages
    )  # fmt: skip
    return seed.rejected(path, wrong, data, withdrawn=True) if wrong else reading


def _opposite(node: Node, root: SeedRoot, path: str) -> Iterator[Problem]:
    """Yield an error for each switch of a seed that the config takes for its opposite."""
    hints = opposite_names(root.keys)
    for key, value in node.entries:
        if key.text in hints and not _is_empty(value):
            message = f"{key.text}: {OPPOSITE}"
            yield Problem(path=path, line=value.line, column=value.column, message=message, hint=hints[key.text])


def _slug_keys(root: SeedRoot) -> tuple[str, ...]:
    return (*root.keys.get("slug", ()), "slug")


def _adapted(node: Node, names: _Names, root: SeedRoot, below: str, base: str) -> Node:
    """Return the front matter with our own keys, and with the address of a seed that names none."""
    found = {key.text: (key, value) for key, value in node.entries}
    entries = {text: entry for text, entry in found.items() if text not in names.unread and not _is_other(text, names)}
    for key, others in names.others.items():
        names_tried = (*others, key) if key in SWITCHES or key == "expires" else others
        several = [found[one] for one in names_tried if one in found and not _is_empty(found[one][1])]
        if several:
            name, value = min(several, key=lambda one: _rank(key, one[1], names.zone))
            entries[key] = (msgspec.structs.replace(name, text=key), value)
    if root.link and not ({"webUrl", "originalUrl"} & entries.keys()):
        address = addresses.joined(base, addresses.filled(root.link, _part(found, entries, root, below)))
        name = Node(kind="scalar", line=node.line, column=node.column, text="webUrl", tag="str")
        entries["webUrl"] = (name, msgspec.structs.replace(name, text=address, quoted=True))
    return msgspec.structs.replace(node, entries=tuple(entries.values()))


def _rank(key: str, value: Node, zone: str) -> float:
    """Return the rank of one of several values of a key: that which holds the seed back, or ends it, first; else 0."""
    if key in SWITCHES:
        return 0 if held_back.boolean(scalars.plain(value)) is not (key == "published") else 1
    if key != "expires":
        return 0
    try:
        return moment(value.text, zone)
    except (ValueError, OverflowError):
        return -math.inf  # it is an error of the seed


def _is_other(text: str, names: _Names) -> bool:
    return any(text in others for others in names.others.values())


def _is_empty(node: Node) -> bool:
    return node.tag == "null" or (node.kind == "scalar" and not node.text.strip())


def _part(found: Mapping[str, Any], entries: Mapping[str, Any], root: SeedRoot, below: str) -> Callable[[str], str]:
    """Return the function that returns the text of a placeholder."""
    stem = addresses.stem_of(below)
    in_path = dates.in_path(stem)

    def text_of(keys: tuple[str, ...], table: Mapping[str, Any]) -> str:
        return next((str(table[key][1].text) for key in keys if key in table and table[key][1].text), "")

    def part(name: str) -> str:
        if name in {"year", "month", "day"}:
            day = dates.readable(text_of(("publishedDateTime",), entries)) or in_path.day
            return (*day[:10].split("-"), "", "", "")[("year", "month", "day").index(name)]
        if name in {"path", "dir", "file"}:
            return {"path": stem, "dir": stem.rpartition("/")[0], "file": stem.rpartition("/")[2]}[name]
        slug, title = text_of(_slug_keys(root), found), text_of(("title",), entries)
        words = {
            "slug": slug or in_path.rest, "title": title, "slug_or_title": slug or title,
            "category": _first_topic(entries) or text_of(("category",), entries),
        }.get(name, "")  # fmt: skip
        return addresses.slugged(words, "plain")

    return part


def _first_topic(entries: Mapping[str, tuple[Node, Node]]) -> str:
    if "topics" not in entries:
        return ""
    topics = entries["topics"][1]
    return topics.items[0].text if topics.items else topics.text.partition(",")[0].strip()
