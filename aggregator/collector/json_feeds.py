"""JSON Feed 1 and 1.1 become a `Document`. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from aggregator.collector import html
from aggregator.collector.dates import moment
from aggregator.collector.drafts import MOST_TAKEN, Draft, document_entries, media_of, people
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.outline import MOST_ENTRIES

_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/(1(?:\.\d+)?)/?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(text: str, *, url: str) -> Document | NoDocument:
    """Return the document that text in JSON holds, or why it holds none; relative addresses resolve against `url`."""
    try:
        value, is_cut = _decoded(text)
    except RecursionError:
        return NoDocument(reason="is no feed: its values lie too deep in each other")
    except ValueError:
        return NoDocument(reason="is no feed: it begins as JSON does, but is not valid JSON")
    version = _VERSION.fullmatch(_text(value, "version").strip()) if isinstance(value, dict) else None
    if not isinstance(value, dict) or (version is None and not _looks_like_a_feed(value)):
        return NoDocument(reason="is JSON, but no feed: it has no `version` of JSON Feed")
    return _document(value, version[1] if version else "1", url, is_cut=is_cut)


def _decoded(text: str) -> tuple[Any, bool]:
    """Return the value of JSON, and whether it was cut: then it has the items that are whole.

    Raises:
        ValueError: if it is not JSON.

    """
    try:
        return msgspec.json.decode(text), False
    except msgspec.DecodeError:
        pass
    try:
        return json.loads(_SURROGATE.sub("", text)), False  # takes halves of characters and NaN
    except ValueError:
        whole = _whole_part(text)
    if not whole:
        raise ValueError("is no JSON")
    return json.loads(whole), True


def _whole_part(text: str) -> str:
    """Return JSON that ends too early with the items that are whole, and its brackets closed; "" if that cannot be."""
    open_brackets, end, closing = list[str](), 0, ""
    for found in _TOKEN.finditer(text):
        sign = found[0]
        if sign.startswith('"'):
            if not found.group(1):
                break
        elif sign in "{[":
            open_brackets.append("}" if sign == "{" else "]")
        elif not open_brackets or open_brackets.pop() != sign:
            return ""
        elif len(open_brackets) == 2 and sign == "}":
            end, closing = found.end(), "".join(reversed(open_brackets))
        elif not open_brackets:
            return ""  # it is whole, and wrong in another way
    return text[:end] + closing if end else ""


def _looks_like_a_feed(value: dict[str, Any]) -> bool:
    first = next(iter(_list(value, "items")), None)
    return "title" in value and isinstance(first, dict) and bool({"content_html", "content_text"} & first.keys())


def _document(value: dict[str, Any], version: str, url: str, *, is_cut: bool) -> Document:
    items = [one for one in _list(value, "items")[:MOST_ENTRIES] if isinstance(one, dict)]
    if len(items) > MOST_TAKEN:
        dates = [_date(one) for one in items]
        order = sorted(range(len(items)), key=lambda index: (-(dates[index] or -1), index))
        items = [items[index] for index in sorted(order[:MOST_TAKEN])]
    hubs = [
        _text(one, "url")
        for one in _list(value, "hubs")
        if isinstance(one, dict) and "websub" in _text(one, "type").lower()
    ]
    own = _text(value, "feed_url")
    icon = _text(value, "icon") or _text(value, "favicon")
    home = _text(value, "home_page_url")
    return Document(
        format=f"JSON Feed {version}", title=html.one_line(_text(value, "title")),
        link=html.address_of(home, url) if home else "", id=own, language=html.cut(_text(value, "language"), 40),
        authors=people(_people(value), url), icon=html.address_of(icon, url) if icon else "",
        hubs=tuple(dict.fromkeys(filter(None, (html.address_of(one, url) for one in hubs if one)))),
        topic=html.address_of(own, url) if own else "", is_cut=is_cut,
        entries=document_entries(map(_Drafts(url).draft, items), url=url, authors=people(_people(value), url)),
    )  # fmt: skip


class _Drafts:
    def __init__(self, url: str) -> None:
        self._url = url

    def draft(self, item: dict[str, Any]) -> Draft:
        content = _text(item, "content_html") or html.from_text(_text(item, "content_text"))
        summary = html.one_line(_text(item, "summary"))
        key = item.get("id")
        is_number = isinstance(key, int | float) and not isinstance(key, bool)
        return Draft(
            id=str(key) if is_number else _text(item, "id"), link=_text(item, "url") or _text(item, "external_url"),
            title=html.one_line(_text(item, "title")), published=moment(_text(item, "date_published")),
            updated=moment(_text(item, "date_modified")), raw_date=_text(item, "date_published"),
            summary=summary if content else "", content=content or html.from_text(_text(item, "summary")),
            authors=_people(item), categories=[one for one in _list(item, "tags") if isinstance(one, str)],
            language=_text(item, "language"), media=self._media(item),
            images=[one for one in (_text(item, "image"), _text(item, "banner_image")) if one],
        )  # fmt: skip

    def _media(self, item: dict[str, Any]) -> list[Any]:
        listed = [one for one in _list(item, "attachments") if isinstance(one, dict)]
        found = [
            media_of(
                _text(one, "url"), _text(one, "mime_type"), one.get("size_in_bytes"), one.get("duration_in_seconds"),
                _text(one, "title"), self._url,
            )
            for one in listed
        ]  # fmt: skip
        return [one for one in found if one is not None]


def _date(item: dict[str, Any]) -> int | None:
    return moment(_text(item, "date_published") or _text(item, "date_modified"))


def _people(holder: dict[str, Any]) -> list[dict[str, str]]:
    listed = [*_list(holder, "authors"), holder.get("author")]  # `author` is that of version 1
    return [{"name": _text(one, "name"), "url": _text(one, "url")} for one in listed if isinstance(one, dict)]


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    return _SURROGATE.sub("", value) if isinstance(value, str) else ""
