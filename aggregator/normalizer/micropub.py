"""Micropub requests (W3C Recommendation, 23 May 2017) become items as JSON Feed has them, or changes of one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from aggregator.normalizer.held_back import state_of
from aggregator.normalizer.posted import repeated_key

Action = Literal["create", "update", "delete", "undelete"]

_MEMBERS = {
    "name": "title", "summary": "summary", "published": "date_published", "updated": "date_modified", "url": "url",
    "uid": "id", "photo": "image", "category": "tags", "author": "authors",
}  # fmt: skip
"""Properties of h-entry (microformats.org/wiki/h-entry), and the members of an item that say the same."""

_MEMBERS_OF = {"content": ("content_html", "content_text")}
"""Properties that several members say."""

MOST_VALUES = 1_000
"""How many values of one property are taken."""

_LINKS = ("bookmark-of", "in-reply-to", "like-of", "repost-of")


class MicropubRequest(NamedTuple):
    """What a request asks for.

    `properties` are those of a new entry. `url` names an existing one, for the other actions; `replace`, `add` and
    `delete` change its properties (§3.4): `delete` lists values, or None for a whole property.
    """

    action: Action
    properties: dict[str, list[Any]] = {}  # noqa: RUF012 - never changed
    url: str = ""
    replace: dict[str, list[Any]] = {}  # noqa: RUF012
    add: dict[str, list[Any]] = {}  # noqa: RUF012
    delete: dict[str, list[Any] | None] = {}  # noqa: RUF012
    token: str = ""


def read_request(body: bytes, content_type: str) -> MicropubRequest:
    """Return what a request's body asks for: a form (§3.3.1) or JSON (§3.3.2).

    Raises:
        ValueError: if it cannot be understood; the message says why.
    """
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _from_json(body)
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return _from_form(body)
    raise ValueError("send a form (application/x-www-form-urlencoded) or application/json")


def item_of(properties: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the item that the properties of an entry describe; properties that are not known are ignored (§3.3.5).

    Raises:
        ValueError: if a value has the wrong form, or a property has too many.
    """
    item: dict[str, Any] = {}
    for name, written in properties.items():
        values = [value for value in _counted(name, written) if value != ""]  # what a form leaves empty
        if not values:
            continue
        if name == "content":
            item |= _content(values[0])
        elif name in _LINKS:
            item["external_url"] = _text(values[0], name)
        elif name in {"post-status", "visibility"}:
            if any(_text(value, name) not in {"published", "public"} for value in values):
                item["_aggregator"] = {"published": False}
        elif name in _MEMBERS:
            item[_MEMBERS[name]] = _member(name, values)
        elif _holds_back(name, values):
            item["_aggregator"] = {"published": False}
    return item


def _holds_back(name: str, values: list[Any]) -> bool:
    """Return whether a property that is not ours says that the entry is a draft (G15).

    Raises:
        ValueError: if it may say so.
    """
    state = state_of({name: values[0] if len(values) == 1 else values})
    if state.doubts:
        raise ValueError(f"the property {name[:40]} may hold the entry back (send post-status=draft, or leave it out)")
    return bool(state.held_by)


def updated(item: Mapping[str, Any], request: MicropubRequest) -> dict[str, Any]:
    """Return an item as an update changes it (§3.4); what no property of it says stays.

    Raises:
        ValueError: if its address or id would change, or a value has the wrong form.
    """
    before = properties_of(item)
    after = changed(before, request)
    if any(before.get(name) != after.get(name) for name in ("url", "uid")):
        raise ValueError("the url and the uid of an entry cannot be changed")
    found = dict(item)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            _set(found, name, after.get(name, []))
    return found


def _set(item: dict[str, Any], name: str, values: list[Any]) -> None:
    """Let a property of an item have these values."""
    extension = dict(item.pop("_aggregator", {}))
    if name == "post-status":
        extension.pop("published", None)
    for member in _MEMBERS_OF.get(name, (_MEMBERS.get(name, ""),)):
        item.pop(member, None)
    made = item_of({name: values})
    extension |= made.pop("_aggregator", {})
    item |= made
    if extension:
        item["_aggregator"] = extension


def changed(properties: Mapping[str, list[Any]], request: MicropubRequest) -> dict[str, list[Any]]:
    """Return properties as an update changes them (§3.4).

    Raises:
        ValueError: if it names too many values.
    """
    found = {name: list(values) for name, values in properties.items()}
    found |= {name: list(_counted(name, values)) for name, values in request.replace.items()}
    for name, values in request.add.items():
        found[name] = [*found.get(name, []), *_counted(name, values)]
    for name, gone in request.delete.items():
        left = [] if gone is None else [one for one in found.get(name, []) if one not in _counted(name, gone)]
        found.pop(name, None)
        if left:
            found[name] = left
    return found


def _counted(name: str, values: list[Any]) -> list[Any]:
    if len(values) > MOST_VALUES:
        raise ValueError(f"the property {name} has {len(values):,} values, at most {MOST_VALUES:,} are taken")
    return values


def properties_of(item: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the properties of an item, for `q=source` (§3.7.2) and as what an update begins with."""
    found: dict[str, list[Any]] = {}
    for name, member in _MEMBERS.items():
        if member in item:
            value = item[member]
            of_list = {"category": list, "author": lambda people: list(map(_author, people))}
            found[name] = of_list[name](value) if name in of_list else [value]
    if "content_html" in item:
        found["content"] = [{"html": item["content_html"]}]
    elif "content_text" in item:
        found["content"] = [item["content_text"]]
    if item.get("_aggregator", {}).get("published") is False:
        found["post-status"] = ["draft"]
    return found


def _author(author: Mapping[str, Any]) -> Any:
    return author.get("name") or author.get("url")


def _from_form(body: bytes) -> MicropubRequest:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1_000)
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"the form cannot be read: {error}") from error
    properties: dict[str, list[Any]] = {}
    for name, value in pairs:
        properties.setdefault(name.removesuffix("[]"), []).append(value)
    token = properties.pop("access_token", [""])[0]
    action = properties.pop("action", [""])[0]
    kind = properties.pop("h", ["entry"])[0]
    if action:
        return MicropubRequest(_action(action, {"delete", "undelete"}), url=properties.get("url", [""])[0], token=token)
    _check_type(f"h-{kind}")
    return MicropubRequest("create", properties, token=token)


class _Json(msgspec.Struct, frozen=True):
    type: tuple[str, ...] = ("h-entry",)
    properties: dict[str, list[Any]] = {}
    action: str = ""
    url: str = ""
    replace: dict[str, list[Any]] = {}
    add: dict[str, list[Any]] = {}
    delete: list[str] | dict[str, list[Any]] = []


def _from_json(body: bytes) -> MicropubRequest:
    try:
        found = msgspec.json.decode(body, type=_Json)
        repeated = repeated_key(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the JSON cannot be read: {error}") from error
    if repeated:
        raise ValueError(f"the JSON has the key {repeated} twice in one object (send it once)")
    if not found.action:
        _check_type(found.type[0] if found.type else "")
        return MicropubRequest("create", found.properties)
    delete = found.delete if isinstance(found.delete, dict) else dict.fromkeys(found.delete)
    action = _action(found.action, {"update", "delete", "undelete"})
    return MicropubRequest(action, {}, found.url, found.replace, found.add, {**delete})


def _action(written: str, allowed: set[str]) -> Action:
    if written not in allowed:
        raise ValueError(f"the action {written} is not known (use {', '.join(sorted(allowed))})")
    return written  # type: ignore[return-value]


def _check_type(written: str) -> None:
    if written != "h-entry":
        raise ValueError(f"the type {written} is not taken (only h-entry is)")


def _content(value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and set(value) <= {"html", "value"}:
        return {"content_html": value["html"]} if "html" in value else {"content_text": value.get("value", "")}
    return {"content_text": _text(value, "content")}


def _member(name: str, values: list[Any]) -> Any:
    if name == "category":
        return [_text(value, name) for value in values]
    if name == "author":
        return [{"name": _text(value, name)} for value in values]
    if name == "photo" and isinstance(values[0], dict):
        return _text(values[0].get("value"), name)
    return _text(values[0], name)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the property {name} is not text")  # noqa: TRY004 - a client's mistake, not ours
    return value
