"""Items that programs post, as JSON Feed 1.1 has them, become the text of a seed, or problems by JSON path. Pure.

Who posts is not an editor with a shell: keys that are not listed here, such as `secured`, are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from aggregator.model.items import Rejection, Seed
from aggregator.model.seed_text import POSTED, digest, scalar
from aggregator.model.slugs import slug_of
from aggregator.model.words import did_you_mean, utc_time
from aggregator.normalizer import identity, links, text
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.seed import read

MOST_ITEMS = 1_000
"""How many items one request may post."""

MOST_PROBLEMS = 20
"""How many problems of a request are named; the rest is counted."""

_TITLE_FROM_TEXT = 80
_SUMMARY_FROM_HTML = 300
_MARK = re.compile(re.escape(POSTED) + rb"([0-9a-f]{16}), ([0-9a-f]{32})\n")
_LONGEST_KEY = 40
_REMOVED = b"removed: true\n"
_DATE = re.compile(r"^publishedDateTime: .*$", re.MULTILINE)
_OWN_ID = re.compile(rb"^id: ", re.MULTILINE)
_NAME_LENGTH = 60
_LONGEST_MEMBER = 150_000
_NO_LINK_KEY = "example.org/-"

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Author(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An author as JSON Feed has it."""

    name: Text = ""
    url: Text = ""
    avatar: Text = ""


class Attachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an item as JSON Feed has it."""

    url: Text
    mime_type: Text
    title: Text = ""
    size_in_bytes: int = 0
    duration_in_seconds: int = 0


class Extension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`_aggregator` of a posted item: what a seed can say and JSON Feed cannot. The names are a seed's keys."""

    topics: tuple[Text, ...] = ()
    category: Text = ""
    type: Text = ""
    quality: int | None = None
    heat: int | None = None
    expires: Text = ""
    published: bool = True


_TYPES: dict[str, Any] = {
    "id": Text | int, "url": Text, "external_url": Text, "title": Text, "content_html": Text, "content_text": Text,
    "summary": Text, "image": Text, "banner_image": Text, "date_published": Text, "date_modified": Text,
    "author": Author, "authors": tuple[Author, ...], "tags": tuple[Text, ...], "language": Text,
    "attachments": tuple[Attachment, ...], "_aggregator": dict[str, Any],
}  # fmt: skip
_EXTENSION_TYPES: dict[str, Any] = typing.get_type_hints(Extension)
_WORDS = {
    "str": "text", "int": "a whole number", "bool": "true or false", "array": "a list", "object": "an object",
    "null": "null",
}  # fmt: skip

_WRITTEN_AS = {
    "title": "title", "webUrl": "url", "publishedDateTime": "date_published", "updatedDateTime": "date_modified",
    "excerpt": "summary", "images": "image", "tags": "tags", "locale": "language", "author": "authors",
    "authors": "authors", "id": "id", "featuredContent": "content_html", "media": "attachments",
    "topics": "_aggregator.topics",
    "expires": "_aggregator.expires",
    "quality": "_aggregator.quality", "heat": "_aggregator.heat",
}  # fmt: skip
"""The keys of a seed, and the members of a posted item that they are made of."""


_MEDIA_KEYS = {
    "url": "url", "type": "mime_type", "title": "title", "bytes": "size_in_bytes", "seconds": "duration_in_seconds",
}  # fmt: skip
"""The keys of a file of a seed, and the members of an attachment that they are made of."""


class ItemProblem(msgspec.Struct, frozen=True):
    """What is wrong with a posted item: the JSON path, and words that say what to write instead."""

    path: str
    message: str


class PostedSeed(msgspec.Struct, frozen=True, kw_only=True):
    """A posted item as a seed.

    `id` is its own id or its link, `own` whether it has an own id. `keys` are those that recognise it
    (`identity.keys`). `link` is "" if the pattern of its root makes it. `slug` and `date` (YYYY-MM-DD) name the file.
    `text` is that of the file, without the mark. `is_dated` is false if the item has no date and got the present one.
    """

    id: str
    own: bool
    keys: tuple[str, ...]
    link: str
    slug: str
    date: str
    text: str
    is_dated: bool = True
    warnings: tuple[str, ...] = ()


class Posted(NamedTuple):
    """The items of a request as seeds, or what is wrong with them; of one item alone `is_list` is false."""

    seeds: tuple[PostedSeed, ...]
    problems: tuple[ItemProblem, ...]
    is_list: bool


def read_items(body: bytes, *, now: int, zone: str, may_lack_url: bool = False) -> Posted:
    """Return the seeds that a request's body asks for: one item, a list of items, or `{"items": […]}`.

    Args:
        body: JSON.
        now: the time of items without a date, in seconds since 1970.
        zone: dates without an offset are those of this zone.
        may_lack_url: whether an item without an address gets one by the pattern of its root.
    """
    try:
        value = msgspec.json.decode(body)  # rejects lone surrogates
        repeated = repeated_key(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return Posted((), (ItemProblem("$", f"is not JSON: {error}"),), is_list=False)
    if repeated:
        message = f"has the key {repeated} twice in one object (send it once)"
        return Posted((), (ItemProblem("$", message),), is_list=False)
    items = value.get("items") if isinstance(value, dict) and "items" in value else value
    is_list = isinstance(items, list)
    listed = items if isinstance(items, list) else [items]
    if len(listed) > MOST_ITEMS:
        message = f"holds {len(listed):,} items, at most {MOST_ITEMS:,} are taken at once"
        return Posted((), (ItemProblem("$", message),), is_list)
    start = "$.items" if is_list and items is not value else "$"
    seeds, problems = [], list[ItemProblem]()
    for number, item in enumerate(listed):
        path = f"{start}[{number}]" if is_list else "$"
        made = seed_of(item, path=path, now=now, zone=zone, may_lack_url=may_lack_url)
        if isinstance(made, PostedSeed):
            seeds.append(made)
        else:
            problems += made
    problems += _twice(seeds)
    return Posted(() if problems else tuple(seeds), _bounded(problems), is_list)


def repeated_key(body: bytes) -> str:
    """Return a key that valid JSON has twice in one object, "" if there is none: which of them counts is not said."""
    found: list[str] = []

    def pairs(several: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        found.extend(key for key, _ in several if key in seen or seen.add(key))  # type: ignore[func-returns-value]

    json.loads(body, object_pairs_hook=pairs)
    return found[0][:_LONGEST_KEY] if found else ""


def seed_of(
    item: Any, *, path: str, now: int, zone: str, may_lack_url: bool = False
) -> PostedSeed | tuple[ItemProblem, ...]:
    """Return the seed that one item asks for, or everything that is wrong with it; see `read_items`.

    `path` is the JSON path of the item.
    """
    if not isinstance(item, dict):
        return (ItemProblem(path, 'is not an object such as {"id": "…", "url": "https://…", "title": "…"}'),)
    values, problems = _typed(item, _TYPES, path)
    extension, more = _typed(values.pop("_aggregator", {}), _EXTENSION_TYPES, f"{path}._aggregator")
    problems += more + _missing(item, path, may_lack_url=may_lack_url) + _too_long(values, path)
    front = _front_matter(values, Extension(**extension), now)
    written = _seed_text(front, values.get("content_text", ""))
    if (more_bytes := len(withdrawn(with_mark(written, by=""))) - MAX_SEED) > 0:
        problems.append(ItemProblem(f"{path}.content_text", f"is too long by {more_bytes:,} bytes (link to the rest)"))
    found = _checked(front, values, zone)
    if isinstance(found, Rejection):
        named = {problem.path for problem in problems}
        said = [_mapped(problem.message, problem.hint, path) for problem in found.problems]
        problems += [one for one in said if one.path not in named]
    if problems or isinstance(found, Rejection):
        return _bounded(problems or [ItemProblem(path, "is no item that feeds could hold")])
    link = found.link if front.get("webUrl") else ""
    return PostedSeed(
        id=found.id or link, own=bool(found.id), keys=tuple(key for key in identity.keys(found) if key != _NO_LINK_KEY),
        link=link, slug=slug_of(found.title)[:_NAME_LENGTH].strip("-"), date=utc_time(found.published)[:10],
        text=written, is_dated="date_published" in values, warnings=_warnings(written, zone, path),
    )  # fmt: skip


def _checked(front: Mapping[str, Any], values: Mapping[str, Any], zone: str) -> Seed | Rejection:
    """Return the seed as a build would read its file, with a stand-in for a link that the pattern of its root makes."""
    complete = {"webUrl": f"https://{_NO_LINK_KEY}", **front, "title": front.get("title", "-")}
    data = withdrawn(with_mark(_seed_text(complete, values.get("content_text", "")), by=""))
    return read(data, path="posted.md", zone=zone).outcome


def _warnings(written: str, zone: str, path: str) -> tuple[str, ...]:
    warnings = read(written.encode(), path="posted.md", zone=zone).warnings
    return tuple(f"{one.path}: {one.message}" for one in (_mapped(w.message, w.hint, path) for w in warnings))


def _missing(item: Mapping[str, Any], path: str, *, may_lack_url: bool) -> list[ItemProblem]:
    problems = []
    has_address = "url" in item or "external_url" in item
    if not has_address and not may_lack_url:
        hint = "write the item's address, or set `pages.items`, or `link` for the seeds folder that takes posted items"
        message = f"is missing ({hint})"
        problems.append(ItemProblem(f"{path}.url", message))
    if not has_address and may_lack_url and "id" not in item:
        message = "is missing (without `url` nothing else tells one item from another)"
        problems.append(ItemProblem(f"{path}.id", message))
    if not any(name in item for name in ("title", "summary", "content_html", "content_text")):
        problems.append(ItemProblem(f"{path}.title", "is missing, and so is any text"))
    return problems


def _too_long(values: Mapping[str, Any], path: str) -> list[ItemProblem]:
    """Return problems of members that would not fit into a seed, and of an id that cleaning would change."""
    problems = []
    for name in ("content_html", "summary", "title"):
        size = len(values.get(name, "").encode())
        if size > _LONGEST_MEMBER:
            message = f"has {size:,} bytes, at most {_LONGEST_MEMBER:,} are taken (link to the rest)"
            problems.append(ItemProblem(f"{path}.{name}", message))
    own = str(values.get("id", "-"))
    if text.plain(own) != own:
        message = "may hold no tags, control characters or outer white space (write one such as tag:example.org,2026:7)"
        problems.append(ItemProblem(f"{path}.id", message))
    return problems


def _bounded(problems: Sequence[ItemProblem]) -> tuple[ItemProblem, ...]:
    more = len(problems) - MOST_PROBLEMS
    last = (ItemProblem("$", f"… and {more:,} more problems"),) if more > 0 else ()
    return (*problems[:MOST_PROBLEMS], *last)


def key_of(target: str) -> str:
    """Return the part of a file's name by which the seed of an id or a link is found again.

    It is the same for all forms of a link that recognise one item (`links.alias`).
    """
    try:
        name = links.alias(links.canonical(target))
    except ValueError:
        name = f"id:{target}"
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Mark(NamedTuple):
    """What a posted file says of itself.

    `by` is a hash of the writer's name. `is_unedited` is false if somebody changed the file since it was posted.
    `has_own_id` is whether the item chose its id.
    """

    by: str
    is_unedited: bool
    is_withdrawn: bool
    has_own_id: bool


def mark_of(data: bytes) -> Mark | None:
    """Return the mark of a file, or None if it was not posted."""
    found = _MARK.match(data)
    if found is None:
        return None
    rest = data[found.end() :]
    front = rest.partition(b"\n---\n")[0]
    return Mark(
        found[1].decode(), found[2] == digest(rest), rest.startswith(_REMOVED), _OWN_ID.search(front) is not None
    )


def writer_hash(name: str) -> str:
    """Return the hash of a writer's name that the files of its items carry."""
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def with_mark(written: str, *, by: str) -> bytes:
    """Return the bytes of a seed file that says in a comment who posted it, and what, so that a later edit shows."""
    rest = written.removeprefix("---\n").encode()
    return POSTED + (by or "0" * 16).encode() + b", " + digest(rest) + b"\n" + rest


def with_date_of(written: str, before: bytes) -> str:
    """Return the text of an item without a date that is posted again, with the date that its file has."""
    date = _DATE.search(before.decode())
    return _DATE.sub(lambda _: date[0], written, count=1) if date else written


def withdrawn_by_owner(data: bytes) -> bytes:
    """Return a posted file's bytes as a seed that is removed, and is the owner's from then on."""
    return with_mark("---\n" + _without_mark(withdrawn(data)).decode(), by="")


def withdrawn(data: bytes) -> bytes:
    """Return a posted file's bytes as a seed that is removed."""
    mark, rest = _MARK.match(data), _without_mark(data)
    if rest.startswith(_REMOVED):
        return data
    return with_mark("---\n" + (_REMOVED + rest).decode(), by=mark[1].decode() if mark else "")


def restored(data: bytes) -> bytes:
    """Return a posted file's bytes without `removed: true`."""
    mark, rest = _MARK.match(data), _without_mark(data)
    if not rest.startswith(_REMOVED):
        return data
    return with_mark("---\n" + rest.removeprefix(_REMOVED).decode(), by=mark[1].decode() if mark else "")


def _without_mark(data: bytes) -> bytes:
    mark = _MARK.match(data)
    return data[mark.end() :] if mark else data.removeprefix(b"---\n")


def item_of(data: bytes) -> dict[str, Any]:
    """Return the item that an unedited posted file was made of, without what was derived from other members."""
    front_text, _, body = data.decode().removeprefix("---\n").partition("\n---\n")
    pairs = (line.partition(": ") for line in front_text.split("\n") if not line.startswith("#"))
    front = {key: json.loads(value) for key, _, value in pairs}
    item = {name: front[key] for key, name in _WRITTEN_AS.items() if key in front and "." not in name}
    if "image" in item:
        item["image"] = item["image"][0]["url"]
    if "attachments" in item:
        item["attachments"] = [{_MEDIA_KEYS[key]: value for key, value in one.items()} for one in item["attachments"]]
    if "author" in front:
        item["authors"] = [{"name": item["authors"]}]
    if extension := {key: front[key] for key in Extension.__struct_fields__ if key in front}:
        item["_aggregator"] = extension
    if body:
        item["content_text"] = body.removesuffix("\n")
    if item.get("title") == _title(without(item, "title")):
        del item["title"]
    if "summary" in item and item["summary"] == _summary(without(item, "summary")):
        del item["summary"]
    return item


def without(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return an item without some of its members."""
    return {key: value for key, value in item.items() if key not in names}


def _title(values: Mapping[str, Any]) -> str:
    """Return the title of an item: its own, else the first words of its text."""
    words = text.plain(values.get("content_html", "") or values.get("content_text", ""))
    return values.get("title") or text.cut(values.get("summary") or words, _TITLE_FROM_TEXT)


def _summary(values: Mapping[str, Any]) -> str:
    """Return the summary of an item: its own, else the first words of its HTML; of text, a build makes it."""
    content = values.get("content_html", "")
    return values.get("summary") or (text.cut(text.plain(content), _SUMMARY_FROM_HTML) if content else "")


def _typed(
    item: Mapping[str, Any], types: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], list[ItemProblem]]:  # fmt: skip
    """Return the members with a valid type, and a problem for each other one."""
    values: dict[str, Any] = {}
    problems: list[ItemProblem] = []
    for key, value in item.items():
        if key not in types:
            is_hinted = len(key) <= _LONGEST_KEY and len(problems) < MOST_PROBLEMS  # a hint takes a millisecond
            hint = did_you_mean(key, types) if is_hinted else ""
            problems.append(ItemProblem(f"{path}.{key[:_LONGEST_KEY]}", f"is not taken{hint or ' (leave it out)'}"))
            continue
        try:
            values[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            problems.append(_type_problem(str(error), f"{path}.{key}"))
    return values, problems


def _type_problem(said: str, path: str) -> ItemProblem:
    """Return a problem of a value's type in words for people."""
    message, _, where = said.partition(" - at `$")
    place = f"{path}{where.rstrip('`')}"
    if unknown := re.search(r"unknown field `(.*)`", message):
        return ItemProblem(f"{place}.{unknown[1]}", "is not taken (leave it out)")
    if missing := re.search(r"missing required field `(.*)`", message):
        return ItemProblem(f"{place}.{missing[1]}", "is missing")
    wanted = re.match(r"Expected `([a-z |]+)`", message)
    kinds = [_WORDS[kind] for kind in wanted[1].split(" | ") if kind in _WORDS and kind != "null"] if wanted else []
    if "length >=" in message:
        return ItemProblem(place, "is empty (leave it out)")
    return ItemProblem(place, f"is not {' or '.join(kinds)}" if kinds else message)


def _front_matter(values: Mapping[str, Any], extension: Extension, now: int) -> dict[str, Any]:
    authors = values.get("authors") or ((values["author"],) if "author" in values else ())
    image = values.get("image") or values.get("banner_image")
    found = {
        "id": str(values.get("id", "")),
        "title": _title(values),
        "webUrl": values.get("url") or values.get("external_url"),
        "publishedDateTime": values.get("date_published") or utc_time(now),
        "updatedDateTime": values.get("date_modified"),
        "excerpt": _summary(values),
        "featuredContent": values.get("content_html"),
        "media": [_written(one, _MEDIA_KEYS) for one in values.get("attachments", ())],
        "images": [{"url": image}] if image else None,
        **_authors(authors),
        "tags": list(values.get("tags", ())),
        "locale": values.get("language"),
        "topics": list(extension.topics), "category": extension.category, "type": extension.type,
        "quality": extension.quality, "heat": extension.heat, "expires": extension.expires,
    }  # fmt: skip
    kept = {key: value for key, value in found.items() if value is not None and value not in ("", [])}
    return kept if extension.published else {**kept, "published": False}


def _authors(authors: Sequence[Author]) -> dict[str, Any]:
    """Return the key of a seed for authors: of one with a name alone `author`, else `authors`."""
    people = [_written(one, {"name": "name", "url": "url"}) for one in authors if one.name or one.url]
    only = len(people) == 1 and "url" not in people[0]
    return {"author": people[0]["name"]} if only else {"authors": people}


def _written(attachment: Attachment | Author, keys: Mapping[str, str]) -> dict[str, Any]:
    return {key: value for key, name in keys.items() if (value := getattr(attachment, name))}


def _seed_text(front: Mapping[str, Any], body: str) -> str:
    lines = "".join(f"{key}: {scalar(value)}\n" for key, value in front.items())
    return f"---\n{lines}---\n" + (f"{body}\n" if body else "")


def _mapped(message: str, hint: str, path: str) -> ItemProblem:
    """Return a problem of the seed as one of the item that it was made of."""
    key, colon, words = message.partition(": ")
    name = _WRITTEN_AS.get(re.split(r"[.\[]", key)[0], "") if colon else ""
    said = f"{words if name else message}" + (f" ({hint})" if hint and not name else "")
    return ItemProblem(f"{path}.{name}" if name else path, said)


def _twice(seeds: list[PostedSeed]) -> Iterator[ItemProblem]:
    seen: set[str] = set()
    for seed in seeds:
        key = key_of(seed.id)
        if key in seen:
            yield ItemProblem("$", f"holds two items with the id {seed.id}")
        seen.add(key)
