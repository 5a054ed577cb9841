"""A dialect's table and a root's settings, joined to what reading one file needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aggregator.model.seed_roots import SeedRoot, shown_names
from aggregator.normalizer import held_back
from aggregator.normalizer.dialects.table import KEYS_OF_A_ROOT, Dialect, dialect_of

KeyPath = tuple[str, ...]

MOST_SHAPES = 1_000
MOST_KEYS = 100
"""How many shapes are remembered, and of files with how many keys."""

_FIELDS = (
    "title", "published", "addressed", "updated", "expires", "excerpt", "topics", "tags", "authors", "images", "locale",
    "type", "category", "quality", "heat", "id", "slug", "address", "elsewhere", "aliases", "body",
)  # fmt: skip


class Shape(NamedTuple):
    """What files with the same keys at their top have in common.

    `present` has the keys that may fill each field, in their order; `doubtful` are the keys, as they are written, that
    may be an unknown spelling of a draft, or hold one.
    """

    present: dict[str, tuple[KeyPath, ...]]
    doubtful: tuple[str, ...]


class Plan(NamedTuple):
    """How the files of a root are read: `fields` has the keys of each field of the table, with dots as steps.

    `known` are the keys that cannot be an unknown spelling of a draft. Keys that look like the date of a publication
    are not among them: if several have a date, the latest decides. `opposite` has the keys whose names say the opposite
    of what the root says that they mean, with what is to be written in the config. `origin` is the scheme and host of
    `base`. `by_key` has what a key at the top may fill: fields, and the rank and path of the key among those of the
    field. `shapes` are those that were met.
    """

    dialect: Dialect
    base: str
    origin: str
    link: str
    fields: dict[str, tuple[KeyPath, ...]]
    held_if_true: tuple[KeyPath, ...]
    shown_if_false: tuple[KeyPath, ...]
    states: tuple[tuple[KeyPath, tuple[str, ...]], ...]
    known: frozenset[str]
    opposite: dict[KeyPath, str]
    by_key: dict[str, tuple[tuple[str, int, KeyPath], ...]]
    shapes: dict[tuple[str, ...], Shape]


_plans: dict[object, Plan] = {}


def plan_of(root: SeedRoot, site: str) -> Plan:
    """Return the plan of a root of the site with the URL `site`."""
    key = (root.dialect, root.base, root.link, site, tuple(root.keys.items()))
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) > 256:  # roots are few; a test may make many
            _plans.clear()
        plan = _plans[key] = _made(root, site)
    return plan


def _made(root: SeedRoot, site: str) -> Plan:
    dialect = dialect_of(root.dialect)
    own: dict[str, tuple[str, ...]] = {}
    for key, names in root.keys.items():
        field = KEYS_OF_A_ROOT.get(key, key)
        own[field] = (*own.get(field, ()), *shown_names(names))
    fields = {name: _paths((*own.get(name, ()), *getattr(dialect, name)), dialect) for name in _FIELDS}
    switches = [
        _paths((*own.get(name, ()), *getattr(dialect, name)), dialect) for name in ("held_if_true", "shown_if_false")
    ]
    states = tuple((_path(key, dialect), words) for key, words in dialect.states.items())
    known = {".".join(path) for paths in (*fields.values(), *switches) for path in paths}
    known |= {".".join(path) for path, _ in states}
    starts = {".".join(path) for path in fields["published"] if held_back.kind_of(path[-1]) == "start"}
    ignored = {".".join(_path(key, dialect)) for key in own.get("ignored", ())}
    by_key: dict[str, list[tuple[str, int, KeyPath]]] = {}
    every = {
        **fields, "held_if_true": switches[0], "shown_if_false": switches[1], "states": [path for path, _ in states],
    }  # fmt: skip
    for name, paths in every.items():
        for rank, path in enumerate(paths):
            by_key.setdefault(path[0], []).append((name, rank, path))
    base = root.base or site
    return Plan(
        dialect, base, "/".join(base.split("/")[:3]), root.link, fields, switches[0], switches[1], states,
        frozenset(known - starts | ignored),
        {_path(name, dialect): hint for name, hint in opposite_names(root.keys).items()},
        {key: tuple(uses) for key, uses in by_key.items()}, {},
    )  # fmt: skip


def opposite_names(keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the names, of the `keys` of a root, that say the opposite of the switch that they are named for.

    With each comes what is to be written: as a key of drafts, `readyToPublish: false` would be published.
    """
    found = {}
    for key, is_on in (("draft", True), ("removed", True), ("deleted", True), ("published", False)):
        for name in shown_names(keys.get(key, ())):
            if held_back.holding_answer(name.rpartition(".")[2]) is (not is_on):
                right = "published" if is_on else "draft"
                found[name] = f"write `keys: {{{right}: [{name}]}}` in the config, not `keys: {{{key}: [{name}]}}`"
    return found


OPPOSITE = "its name says the opposite of what the config says that it means, so this is not published"


def shape_of(plan: Plan, keys: tuple[str, ...]) -> Shape:
    """Return the shape of files with these keys, as they are written; those of a site have few."""
    shape = plan.shapes.get(keys)
    if shape is None:
        names = {key: key.lower() if plan.dialect.any_case else key for key in keys}
        uses = sorted(use for name in dict.fromkeys(names.values()) for use in plan.by_key.get(name, ()))
        present: dict[str, tuple[KeyPath, ...]] = {}
        for field, _, path in uses:
            present[field] = (*present.get(field, ()), path)
        # With its capitals, which part its words: `postDraft`.
        doubtful = (key for key, name in names.items() if name not in plan.known and held_back.may_hold(key))
        shape = Shape(present, tuple(doubtful))
        if len(plan.shapes) > MOST_SHAPES:
            plan.shapes.clear()
        if len(keys) < MOST_KEYS:
            plan.shapes[keys] = shape
    return shape


def _paths(keys: tuple[str, ...], dialect: Dialect) -> tuple[KeyPath, ...]:
    return tuple(dict.fromkeys(_path(key, dialect) for key in keys))


def _path(key: str, dialect: Dialect) -> KeyPath:
    return tuple((key.lower() if dialect.any_case else key).split("."))


def as_json(name: str) -> dict[str, object]:
    """Return the table of a dialect as JSON has it.

    Raises:
        LookupError: if there is no such dialect.
    """
    made: dict[str, object] = msgspec.to_builtins(dialect_of(name))
    made["constructs"] = sorted(dialect_of(name).constructs)
    return made
