"""Items that programs post, as JSON Feed 1.1 has them, become the text of a seed, or problems by JSON path. Pure.

Who posts is not an editor with a shell: keys that are not listed here, such as `secured`, are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from aggregator.model.items import Rejection
from aggregator.model.slugs import slug_of
from aggregator.model.words import did_you_mean, utc_time
from aggregator.normalizer import text
from aggregator.normalizer.seed import read

MOST_ITEMS = 1_000
"""How many items one request may post."""

_TITLE_FROM_TEXT = 80
_MARK = re.compile(rb"---\n# posted ([0-9a-f]{32})\n")
_REMOVED = b"removed: true\n"
_DATE = re.compile(r"^publishedDateTime: .*$", re.MULTILINE)
_NAME_LENGTH = 60

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
    "attachments": tuple[Attachment, ...], "_aggregator": Extension,
}  # fmt: skip

_WRITTEN_AS = {
    "title": "title", "webUrl": "url", "publishedDateTime": "date_published", "updatedDateTime": "date_modified",
    "excerpt": "summary", "images": "image", "tags": "tags", "locale": "language", "author": "authors", "id": "id",
    "featuredContent": "content_html", "media": "attachments", "topics": "_aggregator.topics",
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
    """A posted item as a seed: its own id or its link, and the text of its file without the mark.

    `slug` and `date` (YYYY-MM-DD) name the file. `link` is "" if the pattern of its root makes it. `is_dated` is false
    if the item has no date and got the present one.
    """

    id: str
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
    except (msgspec.DecodeError, RecursionError) as error:
        return Posted((), (ItemProblem("$", f"is not JSON: {error}"),), is_list=False)
    items = value.get("items") if isinstance(value, dict) and "items" in value else value
    is_list = isinstance(items, list)
    listed = items if isinstance(items, list) else [items]
    if len(listed) > MOST_ITEMS:
        return Posted(
            (), (ItemProblem("$", f"holds {len(listed):,} items, at most {MOST_ITEMS:,} are taken at once"),), is_list
        )
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
    return Posted(() if problems else tuple(seeds), tuple(problems), is_list)


def seed_of(
    item: Any, *, path: str, now: int, zone: str, may_lack_url: bool = False
) -> PostedSeed | tuple[ItemProblem, ...]:
    """Return the seed that one item asks for, or everything that is wrong with it; see `read_items`.

    `path` is the JSON path of the item.
    """
    if not isinstance(item, dict):
        return (ItemProblem(path, 'is not an object such as {"id": "…", "url": "https://…", "title": "…"}'),)
    values, problems = _typed(item, path)
    address = values.get("url") or values.get("external_url") or ""
    if not address and "url" not in item and not may_lack_url:
        message = "is missing (write the item's address, or set `link` for the seeds folder that takes posted items)"
        problems.append(ItemProblem(f"{path}.url", message))
    if not address and "id" not in item and may_lack_url:
        problems.append(
            ItemProblem(f"{path}.id", "is missing (without `url` nothing else tells one item from another)")
        )
    if not any(name in item for name in ("title", "summary", "content_html", "content_text")):
        problems.append(ItemProblem(f"{path}.title", "is missing, and so is any text"))
    if problems:
        return tuple(problems)
    front = _front_matter(values, address, now)
    written = _seed_text(front, values.get("content_text", ""))
    checked = written if address else _seed_text({**front, "webUrl": "https://example.org/-"}, "")
    outcome = read(checked.encode("utf-8", "surrogatepass"), path="posted.md", zone=zone)
    if isinstance(outcome.outcome, Rejection):
        return tuple(_mapped(problem.message, problem.hint, path) for problem in outcome.outcome.problems)
    seed = outcome.outcome
    own, link = seed.id, seed.link if address else ""
    warnings = tuple(
        f"{one.path}: {one.message}" for one in (_mapped(w.message, w.hint, path) for w in outcome.warnings)
    )
    return PostedSeed(
        id=own or link, link=link, slug=slug_of(seed.title)[:_NAME_LENGTH].strip("-"),
        date=utc_time(seed.published)[:10], text=written, is_dated="date_published" in values, warnings=warnings,
    )  # fmt: skip


def key_of(own_id: str) -> str:
    """Return the part of a file's name by which the seed of an id (or of a link, without an own id) is found again."""
    return hashlib.blake2b(own_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def with_mark(written: str) -> bytes:
    """Return the bytes of a seed file that says in a comment what was posted, so that a later edit by hand shows."""
    rest = written.removeprefix("---\n").encode()
    return b"---\n# posted " + _digest(rest) + b"\n" + rest


def with_date_of(written: str, before: bytes) -> str:
    """Return the text of an item without a date that is posted again, with the date that its file has."""
    date = _DATE.search(before.decode())
    return _DATE.sub(lambda _: date[0], written, count=1) if date else written


def is_as_posted(data: bytes) -> bool:
    """Return whether a file is as it was posted: it has the mark, and nobody edited it since."""
    mark = _MARK.match(data)
    return mark is not None and mark[1] == _digest(data[mark.end() :])


def has_mark(data: bytes) -> bool:
    """Return whether a file was posted, even if it was edited since."""
    return _MARK.match(data) is not None


def withdrawn(data: bytes) -> bytes:
    """Return a posted file's bytes as a seed that is removed."""
    mark = _MARK.match(data)
    rest = data[mark.end() :] if mark else data
    return data if rest.startswith(_REMOVED) else with_mark("---\nremoved: true\n" + rest.decode())


def restored(data: bytes) -> bytes:
    """Return a posted file's bytes without `removed: true`."""
    mark = _MARK.match(data)
    rest = data[mark.end() :] if mark else data
    return with_mark("---\n" + rest.removeprefix(_REMOVED).decode()) if rest.startswith(_REMOVED) else data


def is_withdrawn(data: bytes) -> bool:
    """Return whether a posted file is of an item that was withdrawn."""
    mark = _MARK.match(data)
    return mark is not None and data[mark.end() :].startswith(_REMOVED)


def item_of(data: bytes) -> dict[str, Any]:
    """Return the item that a file, as it was posted, was made of; see `is_as_posted`."""
    front_text, _, body = data.decode().removeprefix("---\n").partition("\n---\n")
    pairs = (line.partition(": ") for line in front_text.split("\n") if not line.startswith("#"))
    front = {key: json.loads(value) for key, _, value in pairs}
    item = {name: front[key] for key, name in _WRITTEN_AS.items() if key in front and "." not in name}
    if "image" in item:
        item["image"] = item["image"][0]["url"]
    if "attachments" in item:
        item["attachments"] = [{_MEDIA_KEYS[key]: value for key, value in one.items()} for one in item["attachments"]]
    if "authors" in item:
        item["authors"] = [{"name": item["authors"]}]
    if extension := {key: front[key] for key in Extension.__struct_fields__ if key in front}:
        item["_aggregator"] = extension
    if body:
        item["content_text"] = body.removesuffix("\n")
    return item


def _typed(item: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[ItemProblem]]:
    """Return the members with a valid type, and a problem for each other one."""
    values: dict[str, Any] = {}
    problems = []
    for key, value in item.items():
        if key not in _TYPES:
            hint = did_you_mean(key, _TYPES)
            problems.append(ItemProblem(f"{path}.{key}", f"is not taken{hint or ' (leave it out)'}"))
            continue
        try:
            values[key] = msgspec.convert(value, _TYPES[key])
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `$")
            problems.append(ItemProblem(f"{path}.{key}{where.rstrip('`')}", message))
    return values, problems


def _front_matter(values: dict[str, Any], address: str, now: int) -> dict[str, Any]:
    extension: Extension = values.get("_aggregator") or Extension()
    authors = values.get("authors") or ((values["author"],) if "author" in values else ())
    content = values.get("content_html", "")
    words = text.plain(content or values.get("content_text", ""))
    found = {
        "id": str(values.get("id", "")),
        "title": values.get("title") or text.cut(values.get("summary") or words, _TITLE_FROM_TEXT),
        "webUrl": address,
        "publishedDateTime": values.get("date_published") or utc_time(now),
        "updatedDateTime": values.get("date_modified"),
        "excerpt": values.get("summary") or (text.cut(words, 300) if content else ""),
        "featuredContent": content,
        "media": [_written(one, _MEDIA_KEYS) for one in values.get("attachments", ())],
        "images": [{"url": image}] if (image := values.get("image") or values.get("banner_image")) else None,
        "author": ", ".join(author.name or author.url for author in authors if author.name or author.url),
        "tags": list(values.get("tags", ())),
        "locale": values.get("language"),
        "topics": list(extension.topics), "category": extension.category, "type": extension.type,
        "quality": extension.quality, "heat": extension.heat, "expires": extension.expires,
    }  # fmt: skip
    kept = {key: value for key, value in found.items() if value is not None and value not in ("", [])}
    return kept if extension.published else {**kept, "published": False}


def _written(attachment: Attachment, keys: Mapping[str, str]) -> dict[str, Any]:
    return {key: value for key, name in keys.items() if (value := getattr(attachment, name))}


def _seed_text(front: Mapping[str, Any], body: str) -> str:
    # JSON is valid YAML, whatever a text contains.
    lines = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in front.items())
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
        if seed.id in seen:
            yield ItemProblem("$", f"holds two items with the id {seed.id}")
        seen.add(seed.id)


def _digest(rest: bytes) -> bytes:
    return hashlib.blake2b(rest, digest_size=16).hexdigest().encode()
