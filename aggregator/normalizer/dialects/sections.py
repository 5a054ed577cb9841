"""What a file that speaks for its folder says about publishing the files below: `cascade`, drafts of sections. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from aggregator.model.seed_roots import SectionFile
from aggregator.normalizer import front_matter, held_back
from aggregator.normalizer.dialects import forms
from aggregator.normalizer.dialects.table import dialect_of

_PROGRAMS = (".js", ".cjs", ".mjs", ".ts")


class HeldFolder(NamedTuple):
    """A file that holds back what is below its folder, and the keys that lead to what says so.

    With `is_default` a file of the folder that has the key itself is not meant.
    """

    path: str
    keys: tuple[str, ...]
    is_default: bool


def held_folder(dialect: str, files: Iterable[SectionFile]) -> HeldFolder | None:
    """Return the innermost of the files, given from the outermost on, that holds back what is below its folder."""
    found = None
    for file in files:
        keys = _held_by(dialect, file.name, file.data)
        if keys:
            found = HeldFolder(f"{file.folder}/{file.name}".lstrip("/"), keys, dialect != "zola")
            if dialect == "zola":
                break
    return found


@lru_cache(maxsize=256)
def _held_by(dialect: str, name: str, data: bytes) -> tuple[str, ...]:
    """Return the keys by which a file holds back what is below its folder, () if it does not."""
    values = None if name.endswith(_PROGRAMS) else _values(dialect, name, data)
    if values is None:  # it cannot be read, or not without running it, and nothing below it may go out by that
        text = re.sub("[{,]", "\n", front_matter.decoded(data))
        return (name,) if (dialect != "hugo" or "cascade" in text) and held_back.text_holds_back(text) else ()
    if dialect == "hugo":
        cascade = values.get("cascade")
        several = cascade if isinstance(cascade, list) else [cascade]
        return next((keys for one in several if isinstance(one, Mapping) and (keys := _said(one))), ())
    if dialect == "zola":
        return ("draft",) if held_back.boolean(values.get("draft")) else ()
    return _said(values)


def _said(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of what holds back or, as nothing can be an error of all the files, may do so."""
    state = held_back.state_of(values, handled=("target", "_target"))
    return state.held_by or next((doubt.keys for doubt in state.doubts if not doubt.kind), ())


def _values(dialect: str, name: str, data: bytes) -> Mapping[str, Any] | None:
    """Return the metadata of a file, None if it cannot be read."""
    if name.endswith((".yml", ".yaml")):
        data = b"---\n" + data + b"\n---\n"
    table = dialect_of("plain" if name.endswith(".json") else dialect)
    parts = forms.split(data, table.forms, name)
    values = forms.values(parts, table.forms, name) if isinstance(parts, forms.Parts) else ()
    if not isinstance(values, dict):
        return None
    return {key.lower(): value for key, value in values.items()} if table.any_case else values
