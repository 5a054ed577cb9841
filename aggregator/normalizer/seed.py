"""One seed file's bytes in, a `Seed` or a `Rejection` out, with warnings; pure.

Only what decides is made clean here (title, dates, links, names). Content is kept as written and prepared by `content`
for the few items that a feed shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from aggregator.config.yaml import scalars
from aggregator.config.yaml.decoding import Unknown, decode_open
from aggregator.config.yaml.tree import Node, parse
from aggregator.model.items import Image, Provider, Rejection, Related, Seed
from aggregator.model.reports import Problem
from aggregator.model.slugs import composed
from aggregator.normalizer import front_matter, links, text
from aggregator.normalizer.raw import KEYS, RawImage, RawProvider, RawRelated, RawSeed

READING = 4
"""Raised whenever the same bytes would be read to another seed than by this version so far."""

TEMPLATE_LINK = "https://example.org/"
"""The link of a draft that `aggregator new` wrote without one."""

MAX_NAMES = 100
"""How many topics, tags or images one seed may carry."""

MAX_RELATED = 50

_SHORT = 64
_FILE_DATE = re.compile(r"(?:^|/)(\d{4}-\d\d-\d\d)-[^/]*$", re.ASCII)
# RFC 4287 §4.2.6: an Atom id is an IRI with a scheme (RFC 3987), so without blanks and <>"{}|\^`.
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_OVERMARKED = (
    f"has more than {text.MOST_MARKS:,} line breaks and signs such as * [ <, so it is shown as typed, not as Markdown"
)
_SPLIT = "split it into several seeds, or link to it"
# Where a required key may stand instead, and what other programs call it.
_INSTEAD = {"webUrl": "originalUrl"}
_OTHER_NAMES = {
    "title": frozenset({"headline", "name"}),
    "webUrl": frozenset({"address", "href", "link", "permalink", "uri", "url"}),
    "publishedDateTime": frozenset({"created", "date", "datetime", "pubDate", "publishDate", "time"}),
}


class Reading(NamedTuple):
    """What a file gave: a seed or a rejection, warnings, and the top-level keys that mean nothing to us."""

    outcome: Seed | Rejection
    warnings: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()


class _Remark(NamedTuple):
    """What cleaning has to say of one field; `field` leads to its place in the file."""

    field: tuple[str | int, ...]
    message: str
    hint: str = ""
    warning: bool = False


class _Opened(NamedTuple):
    """A file's two parts, and what the fast parser made of the first; `raw` is None where the other one must judge."""

    parts: front_matter.FrontMatter | front_matter.Fault
    values: dict[str, Any]
    raw: RawSeed | None


def read(data: bytes, *, path: str, zone: str) -> Reading:
    """Read the seed file `path` (relative to the seeds folder); `zone` is the IANA name for dates without offset."""
    return read_together([(path, data)], zone=zone)[0]


def read_together(files: Sequence[tuple[str, bytes]], *, zone: str) -> list[Reading]:
    """Read several files, pairs of a path and bytes, as `read` reads one; going through them in stages is faster."""
    opened = [_open(data) for _, data in files]
    return [_read(one, data, path, zone) for one, (path, data) in zip(opened, files, strict=True)]


def _open(data: bytes) -> _Opened:
    parts = front_matter.split(data)
    values = front_matter.fast_values(parts.text) if isinstance(parts, front_matter.FrontMatter) else None
    return _Opened(parts, {}, None) if values is None else _Opened(parts, values, _strict(values))


def _read(opened: _Opened, data: bytes, path: str, zone: str) -> Reading:
    parts, values, raw = opened
    if isinstance(parts, front_matter.Fault):
        fault = Problem(path=path, line=parts.line, column=parts.column, message=parts.message, hint=parts.hint)
        return _rejected(path, (fault,), data)
    if raw is None:
        return _read_slowly(parts, data, path, zone)
    seed, remarks = _clean(raw, parts.body, path, zone)
    if (
        not remarks
        and parts.stripped is None
        and seed is not None
        and not text.is_overmarked(seed.body)
        and not (seed.shown and _may_be_switch(values.get("secured")))
    ):
        return Reading(seed, (), () if KEYS.issuperset(values) else tuple(key for key in values if key not in KEYS))
    return _read_slowly(parts, data, path, zone)


def _may_be_switch(secured: Any) -> bool:
    """Say whether the value of `secured` may be a boolean; the fast parser takes some spellings of them for text."""
    if isinstance(secured, str):
        return len(secured) < 6 and secured.lower() in scalars.BOOLEANS
    return isinstance(secured, bool)


def rejected(path: str, message: str, hint: str = "") -> Reading:
    """Give the reading of a file whose bytes could not be had at all."""
    return Reading(Rejection(path=path, problems=(Problem(path=path, message=message, hint=hint),)))


def _strict(values: dict[str, Any]) -> RawSeed | None:
    try:
        return msgspec.convert(values, RawSeed)
    except msgspec.ValidationError:
        return None


def _read_slowly(parts: front_matter.FrontMatter, data: bytes, path: str, zone: str) -> Reading:
    """Read with the parser that knows positions and has the last word."""
    node = parse(parts.text, path=path, first_line=2, quote=False)
    if not isinstance(node, Node):
        return _rejected(path, node, data)
    if node.kind != "mapping":
        empty = node.tag == "null" and not node.quoted
        fault = Problem(
            path=path, line=node.line, column=node.column,
            message="the front matter is empty" if empty else "the front matter is not a list of `key: value`",
            hint="write `title: …` and so on, a key a line",
        )  # fmt: skip
        return _rejected(path, (fault,), data)
    raw, problems, strangers = decode_open(node, RawSeed, path=path, quote=False)
    assert raw is not None  # nothing in it is required
    seed, remarks = _clean(raw, parts.body, path, zone)
    secured = node.below("secured")
    if secured is not None and scalars.boolean(secured) is not None and seed is not None and seed.shown:
        hint = "write `published: false` to hold it back"
        remarks.append(_Remark(("secured",), "is no switch: the item is published", hint, warning=True))
    placed = [_placed(remark, node, path, strangers) for remark in remarks]
    if seed is None or problems:
        return _rejected(path, _merged(problems, placed), data)
    warnings = tuple(problem for problem in placed if problem.warning)
    if parts.stripped is not None:
        line, column = parts.stripped
        removed = Problem(path=path, line=line, column=column, message="control characters removed", warning=True)
        warnings = (removed, *warnings)
    if text.is_overmarked(seed.body):
        line = parts.text.count("\n") + 3
        too_much = Problem(path=path, line=line, column=1, message=f"body: {_OVERMARKED}", hint=_SPLIT, warning=True)
        warnings = (*warnings, too_much)
    return Reading(seed, warnings, tuple(key.text for key, _ in node.entries if key.text not in KEYS))


def _merged(problems: list[Problem], placed: list[Problem]) -> list[Problem]:
    """Join what decoding and what cleaning found, in the file's order; a value with the wrong type is not missing."""
    places = {(problem.line, problem.column) for problem in problems}
    others = [one for one in placed if not one.warning and (one.line, one.column) not in places]
    return sorted([*problems, *others], key=lambda problem: (problem.line, problem.column))


def _rejected(path: str, problems: Iterable[Problem], data: bytes) -> Reading:
    return Reading(
        Rejection(
            path=path, problems=tuple(problems), withdrawn=front_matter.says_withdrawn(data[: front_matter.MAX_SEED])
        )
    )


def _placed(remark: _Remark, root: Node, path: str, strangers: Iterable[Unknown]) -> Problem:
    """Find the place of a remark: that of its field, or of the closest thing around it."""
    *around, last = remark.field
    node, name = root, ""
    for step in remark.field:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
        node = node.below(step) or (step == last and node.below(_INSTEAD.get(str(step), ""))) or node
    hint = remark.hint
    # What the front matter as a whole lacks, it lacks from its first line on.
    line, column = (2, 1) if node is root else (node.line, node.column)
    if node is root or (not around and node.tag == "null"):
        hint = _meant(str(last), strangers) or hint
    return Problem(
        path=path, line=line, column=column, message=f"{name[1:]}: {remark.message}", hint=hint, warning=remark.warning
    )


def _meant(field: str, strangers: Iterable[Unknown]) -> str:
    """Give the hint that an unknown key was meant to be the missing `field`, or ""."""
    wanted = {field, _INSTEAD.get(field, field)}
    for one in strangers:
        if one.nearest in wanted or one.name in _OTHER_NAMES.get(field, ()):
            right = one.nearest if one.nearest in wanted else field
            return f"line {one.line} says `{one.name}`: write `{right}`"
    return ""


def _clean(raw: RawSeed, body: str, path: str, zone: str) -> tuple[Seed | None, list[_Remark]]:
    """Turn what was written into a seed; remarks that are no warnings mean there is none."""
    remarks: list[_Remark] = []
    title = _title(raw, remarks)
    link = _link(raw, remarks)
    if link == TEMPLATE_LINK and raw.published is not False:
        # Two items with it would be one story.
        field = "webUrl" if raw.web_url else "originalUrl"
        remarks.append(_Remark((field,), "is still the template's", "write the item's own link", warning=True))
    published = _published(raw, path, zone, remarks)
    updated = _moment(raw.updated_date_time, "updatedDateTime", zone, remarks)
    expires = _moment(raw.expires, "expires", zone, remarks)
    topics = _names(raw.topics, "topics", remarks)
    tags = _names(raw.tags, "tags", remarks)
    if title is None or link is None or published is None or _are_grave(remarks):
        return None, remarks
    seed = Seed(
        title=title, link=link, published=published, updated=updated, expires=expires, aliases=_aliases(raw, link),
        id=_id(raw.id, remarks), excerpt=_bounded(raw.excerpt, "excerpt", remarks),
        body="" if body.isspace() else body, embed=raw.featured_content or "",
        shown=raw.published is not False, removed=raw.removed is True, deleted=raw.deleted is True,
        quality=raw.quality, heat=raw.heat, topics=topics, tags=tags,
        category=_line(raw.category), type=_line(raw.type), locale=_line(raw.locale),
        provider=_provider(raw.provider, link, ("provider",), remarks), author=_line(raw.author),
        images=_images(raw.images, link, ("images",), remarks), related=_related(raw, zone, remarks),
    )  # fmt: skip
    return (None if _are_grave(remarks) else seed), remarks


def _are_grave(remarks: list[_Remark]) -> bool:
    return bool(remarks) and any(not remark.warning for remark in remarks)


def _title(raw: RawRelated, remarks: list[_Remark]) -> str | None:
    if raw.title is None:
        remarks.append(_Remark(("title",), "is missing", "write `title: …`"))
        return None
    title = text.title(raw.title)
    if text.is_blank(title):
        remarks.append(_Remark(("title",), "is blank", "write what the item is called"))
        return None
    if text.has_controls(raw.title):
        remarks.append(_Remark(("title",), "control characters removed", warning=True))
    if len(raw.title) > text.TITLE_LENGTH and len(title) < len(text.plain(raw.title)):
        remarks.append(_Remark(("title",), f"cut to {text.TITLE_LENGTH} characters", "say it shorter", warning=True))
    return title


def _link(raw: RawRelated, remarks: list[_Remark]) -> str | None:
    field, address = ("webUrl", raw.web_url) if raw.web_url else ("originalUrl", raw.original_url)
    if not address:
        remarks.append(_Remark(("webUrl",), "is missing", "write `webUrl: https://…`, or `originalUrl`"))
        return None
    try:
        return links.canonical(address)
    except ValueError as reason:
        remarks.append(_Remark((field,), str(reason), "write the whole address, https://… included"))
        return None


def _published(raw: RawSeed, path: str, zone: str, remarks: list[_Remark]) -> int | None:
    if raw.published_date_time is not None:
        return _moment(raw.published_date_time, "publishedDateTime", zone, remarks)
    from_name = _FILE_DATE.search(path)
    message = "is missing"
    if from_name is not None:
        try:
            return text.moment(from_name[1], zone)
        except (ValueError, OverflowError):
            message = "is missing, and the date that begins the file's name cannot be used"
    hint = "write `publishedDateTime: 2026-11-23T10:00:00Z`, or begin the file's name with 2026-11-23-"
    remarks.append(_Remark(("publishedDateTime",), message, hint))
    return None


def _moment(written: str | None, field: str, zone: str, remarks: list[_Remark]) -> int | None:
    if written is None:
        return None
    try:
        return text.moment(written, zone)
    except (ValueError, OverflowError) as reason:
        remarks.append(_Remark((field,), str(reason), "write 2026-11-23T10:00:00Z, or 2026-11-23"))
        return None


def _names(written: tuple[str, ...] | None, field: str, remarks: list[_Remark]) -> tuple[str, ...]:
    if not written:
        return ()
    if len(written) > MAX_NAMES:
        hint = "name those a reader would look for"
        remarks.append(_Remark((field,), f"has {len(written):,} names, at most {MAX_NAMES} are allowed", hint))
        return ()
    names = [_short_name(name) if len(name) <= _SHORT else composed(_line(name)) for name in written]
    return tuple(dict.fromkeys([name for name in names if not text.is_blank(name)]))


def _aliases(raw: RawRelated, link: str) -> tuple[str, ...]:
    """Give the keys by which the item is recognised beside its link; what is no link is no alias."""
    if not (raw.amp_web_url or raw.cdn_amp_web_url or (raw.web_url and raw.original_url)):
        return ()
    found = []
    for address in (raw.web_url and raw.original_url, raw.amp_web_url, raw.cdn_amp_web_url):
        if address:
            try:
                found.append(links.alias(links.canonical(address)))
            except ValueError:
                continue
    return tuple(dict.fromkeys(key for key in found if key != links.alias(link)))


def _id(written: str | None, remarks: list[_Remark]) -> str:
    own = text.plain(written or "")
    if text.is_blank(own):
        return ""
    if len(own) > links.LONGEST_URL:
        # Never cut: two ids would become one.
        message = f"has {len(own):,} characters, at most {links.LONGEST_URL:,} are allowed"
        remarks.append(_Remark(("id",), message, "write a shorter one, or leave it out"))
    elif not _ABSOLUTE_URI.fullmatch(own):
        hint = "write one such as tag:example.org,2026:1234; once readers have seen it, keep it"
        remarks.append(_Remark(("id",), "is no absolute URI, as Atom wants it", hint, warning=True))
    return own


def _line(written: str | None) -> str:
    if not written:
        return ""
    return _short_line(written) if len(written) <= _SHORT else text.cut(text.plain(written), text.TITLE_LENGTH)


# Names of topics, providers, types: few, and seeds repeat them.
_short_line = lru_cache(maxsize=4096)(text.plain)


@lru_cache(maxsize=4096)
def _short_name(written: str) -> str:
    return composed(text.plain(written))


def _bounded(written: str | None, field: str, remarks: list[_Remark]) -> str:
    if not written:
        return ""
    if text.has_controls(written):
        remarks.append(_Remark((field,), "control characters removed", warning=True))
        return text.multiline(written)
    return written


def _provider(
    raw: RawProvider | None, link: str, field: tuple[str | int, ...], remarks: list[_Remark]
) -> Provider | None:
    if raw is None:
        return None
    icons = _images(raw.images, link, (*field, "images"), remarks)
    domain = _line(raw.domain).lower().removeprefix("www.")
    provider = Provider(name=_line(raw.name), domain=domain, icon=icons[0].url if icons else "")
    return provider if provider.name or provider.domain else None


def _images(
    raws: tuple[RawImage, ...] | None, link: str, field: tuple[str | int, ...], remarks: list[_Remark]
) -> tuple[Image, ...]:
    """Keep the first `MAX_NAMES` pictures that have a usable address; the others cost a warning, not the item."""
    if not raws:
        return ()
    found = []
    for place, raw in enumerate(raws[:MAX_NAMES]):
        if not raw.url:
            continue
        try:
            url = links.canonical(raw.url, link)
        except ValueError as reason:
            remarks.append(
                _Remark((*field, place, "url"), f"{reason}, so it is left out", "write https://…", warning=True)
            )
            continue
        found.append(Image(url=url, width=_pixels(raw.width), height=_pixels(raw.height), title=_line(raw.title)))
    return tuple(found)


def _pixels(number: int | None) -> int:
    return number if number is not None and 0 < number < 100_000 else 0


def _related(raw: RawSeed, zone: str, remarks: list[_Remark]) -> tuple[Related, ...]:
    """Keep the related items that have a title and a link; a bad one costs a warning, not the item."""
    if not raw.related:
        return ()
    found = (
        _related_one(one, ("related", place), zone, remarks) for place, one in enumerate(raw.related[:MAX_RELATED])
    )
    return tuple(one for one in found if one is not None)


def _related_one(raw: RawRelated, field: tuple[str | int, ...], zone: str, remarks: list[_Remark]) -> Related | None:
    own: list[_Remark] = []
    title, link = _title(raw, own), _link(raw, own)
    published = _moment(raw.published_date_time, "publishedDateTime", zone, own)
    remarks += [
        remark._replace(
            field=(*field, *remark.field), warning=True,
            message=remark.message if remark.warning else f"{remark.message}, so it is left out",
        )
        for remark in own
    ]  # fmt: skip
    if title is None or link is None:
        return None
    return Related(
        title=title, link=link, aliases=_aliases(raw, link), excerpt=raw.excerpt or "", published=published,
        quality=raw.quality, type=_line(raw.type),
        provider=_provider(raw.provider, link, (*field, "provider"), remarks),
        images=_images(raw.images, link, (*field, "images"), remarks),
    )  # fmt: skip
