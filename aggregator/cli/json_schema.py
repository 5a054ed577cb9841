"""JSON Schema of seeds, the config, topics and lists of sources, for editors; tables of dialects. Pure.

They are made from the types that decode them.
"""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal

import msgspec

from aggregator.config.settings import Config, SourceEntry, Topic
from aggregator.config.yaml.decoding import Brief, Check, Parse, nearest, written_fields
from aggregator.normalizer.dialects import plans, table
from aggregator.normalizer.raw import RawSeed

KINDS: dict[str, type[msgspec.Struct]] = {"seed": RawSeed, "config": Config, "topic": Topic}

_REQUIRED = {"seed": ["title"], "config": ["site"], "topic": ["name"]}
_HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
_SCALARS: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_SEED_KEYS = {
    "title": "The item's title, as plain text. Required.",
    "excerpt": "A summary in a few sentences, as plain text.",
    "publishedDateTime": "When the item appears, such as 2026-11-23T10:00:00Z; if that is in the future, it is "
    "embargoed until then. Without it the file's name must begin with a date.",
    "updatedDateTime": "When its content last changed.",
    "webUrl": "The item's link, a full https://… URL. Without it and originalUrl the item gets a page on this "
    "site, unless `pages.items` is `none`.",
    "originalUrl": "The link at the source; it is the item's link if there is no webUrl.",
    "ampWebUrl": "A copy of the same article; used only to find duplicates.",
    "cdnAmpWebUrl": "A copy of the same article; used only to find duplicates.",
    "published": "false holds the item back.",
    "removed": "true: the item was withdrawn at its source.",
    "deleted": "true: the item was deleted here.",
    "expires": "When the item leaves the feeds.",
    "quality": "A score; rules and feeds by query can require a minimum.",
    "heat": "A second score, any integer.",
    "topics": "Names of topics; each topic has a feed.",
    "tags": "Additional tags.",
    "category": "A category, for your own use; it is checked, but no feed shows it.",
    "type": "What it is, such as article or video; rules and feeds by query can ask for it.",
    "locale": "The item's language, such as de or pt-BR.",
    "provider": "The source: name, domain and logo.",
    "author": "Who wrote it; if missing, the provider is named.",
    "authors": "Who wrote it, each with a name, an e-mail address and a page: for several, and for more than a name.",
    "source": "The feed that it was collected from: its URL, title, page (`link`) and id.",
    "markup": "What the body is written in: markdown, or html.",
    "images": "Pictures; the first is the item's image.",
    "featuredContent": "HTML to embed; it is sanitised, and an iframe becomes a linked thumbnail.",
    "media": "Files, such as the episode of a podcast; the first is the item's enclosure in RSS.",
    "enclosure": "One more file, as other programs call it.",
    "related": "The same story elsewhere.",
    "not_story": "Paths of seeds, as messages name them, of which this is no copy and no other text on the same event.",
    "story": "A name of your own: items with the same one are one story, if `stories.stories` looks for stories.",
    "id": "The item's id in the feeds, if it should not be its link.",
}
SOURCE_KEYS: dict[str, str] = {
    "url": "The address of a feed, or of a page whose head names one. It identifies the source.",
    "was": "The address under which it was first listed, if it has moved since: its items have their ids from that.",
    "name": "What the source is called. Default: the feed's own title.",
    "topics": "Topics of each of its items, beside those by keyword.",
    "categories": "What the categories of an entry become. Default: `tags`.",
    "quality": "The score of each of its items: how far you trust it. Default: none.",
    "every": "The time between two polls, at least 15m. Default: as often as it publishes, between 1h and 24h.",
    "first": "How many of its newest items are shown when it is new. Default: 5.",
    "content": "What of an entry its item shows. Default: `full`.",
    "private": "Whether it may lie at a loopback or private address.",
    "conditional": 'False for a server that answers "not modified" although something is new; asked once in 24 h.',
    "on_gone": "Whether its items are withdrawn if it answers 410 Gone. Default: `keep`.",
}
"""What the keys of an entry in a list of sources mean."""


def schema(kind: Literal["seed", "config", "topic", "sources"]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a seed's front matter, the config, a topic file or a list of sources."""
    if kind == "sources":
        return {**_HEAD, "title": "aggregator sources", **_list_of_sources()}
    made = _struct(KINDS[kind])
    made["required"] = _REQUIRED[kind]
    if kind == "seed":
        for key, description in _SEED_KEYS.items():
            made["properties"][key]["description"] = description
        secured = "Private notes: never read, stored or published. This is not a switch: the item itself is published."
        made["properties"]["secured"] = {"description": secured}
    if kind == "config":
        _close(made)
    return {**_HEAD, "title": f"aggregator {kind}", **made}


def _list_of_sources() -> dict[str, Any]:
    entry = _struct(SourceEntry)
    _close(entry)
    for key, description in SOURCE_KEYS.items():
        entry["properties"][key]["description"] = description
    return {"type": ["array", "null"], "items": {"anyOf": [{"type": "string"}, entry]}}


def dialects(name: str = "") -> dict[str, Any]:
    """Return the table of a dialect, or those of all by name.

    Raises:
        LookupError: if there is no such dialect; the message says what to write instead.
    """
    known = table.names()
    if name and name not in known:
        meant = nearest(name, known)
        hint = f"did you mean `{meant}`?" if meant else f"known: {', '.join(known)}"
        raise LookupError(f"there is no dialect `{name}` ({hint})")
    return plans.as_json(name) if name else {one: plans.as_json(one) for one in known}


def _struct(kind: type[msgspec.Struct]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = written_fields(kind)
    required = [field.encode_name for field in fields if field.required]
    made: dict[str, Any] = {
        "type": "object",
        "properties": {field.encode_name: _type(hints[field.name]) for field in fields},
    }
    return {**made, "required": required} if required else made


def _close(made: Any) -> None:
    """Forbid unknown keys at every level: seeds and topics may have them, a config may not."""
    if isinstance(made, dict):
        if "properties" in made:
            made["additionalProperties"] = False
        for part in list(made.values()):
            _close(part)
    elif isinstance(made, list):
        for part in made:
            _close(part)


def _type(kind: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in {typing.Union, types.UnionType}:
        several = [_type(one) for one in arguments if one is not type(None)]
        return _or_null(several[0] if len(several) == 1 else {"anyOf": several})
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    return {"type": _SCALARS[kind]} if kind in _SCALARS else {}


def _annotated(kind: Any, remarks: tuple[Any, ...]) -> dict[str, Any]:
    made = _type(kind)
    for remark in remarks:
        if isinstance(remark, Brief) and "items" not in made:
            made = {"anyOf": [made["properties"][remark.key], made]}
        elif isinstance(remark, Brief):
            entry = {"anyOf": [{"type": "string"}, made["items"]]}
            made = {"anyOf": [*entry["anyOf"], {"type": "array", "items": entry, "minItems": 1}]}
        if isinstance(remark, Parse):
            made = {"enum": list(remark.choices)} if remark.choices else {"type": ["string", "integer", "null"]}
        if isinstance(remark, Parse | Check) and remark.what:
            made["description"] = f"{remark.what[0].upper()}{remark.what[1:]}."
    return made


def _or_null(made: dict[str, Any]) -> dict[str, Any]:
    if isinstance(made.get("type"), str):
        return {**made, "type": [made["type"], "null"]}
    return {"anyOf": [made, {"type": "null"}]}
