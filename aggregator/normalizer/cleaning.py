"""A seed's values as their author wrote them, made a clean `Seed`: titles, links, dates, names, images, related. Pure.

Only what decides is cleaned here. Excerpt and body are kept as written; `content` prepares them for the few items that
a feed shows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from aggregator.model.item_pages import own_link
from aggregator.model.items import Image, Provider, Related, Seed
from aggregator.model.slugs import composed
from aggregator.normalizer import links, origin, text
from aggregator.normalizer.enclosures import enclosures
from aggregator.normalizer.held_back import boolean
from aggregator.normalizer.raw import RawImage, RawProvider, RawRelated, RawSeed
from aggregator.normalizer.remarks import Field, Remark

NO_LINK = "write `webUrl: https://…`, or `originalUrl`, or set `pages.items` in the config"

MAX_NAMES = 100
"""How many topics, tags or images of a seed are used."""

MAX_RELATED = 50
"""How many related items of a seed are read."""

_SHORT = 64
_FILE_DATE = re.compile(r"(?:^|/)(\d{4}-\d\d?-\d\d?)-[^/]*$", re.ASCII)


def clean(
    raw: RawSeed, body: str, path: str, zone: str, *, base: str = "", site: str = ""
) -> tuple[Seed | None, list[Remark]]:  # fmt: skip
    """Return the seed that `raw` and `body` describe, or None, and what is wrong with them.

    There is no seed if a remark is an error. `path` may begin with the date that the front matter lacks; dates without
    an offset are those of `zone` (an IANA name). Addresses of pictures resolve against `base`, or against the seed's
    link if that is "". A seed without a link gets that of its own page on the site whose URL is `site`, unless that is
    "".
    """
    remarks: list[Remark] = []
    title = _title(raw, remarks)
    has_own_page = bool(site) and not (raw.web_url or raw.original_url)
    link = None if has_own_page else _link(raw, remarks)
    published = _published(raw, path, zone, remarks)
    if has_own_page and title is not None and published is not None:
        link = links.canonical(own_link(site, title, published))
    updated = _moment(raw.updated_date_time, "updatedDateTime", zone, remarks, needed=False)
    expires = _end(raw.expires, zone, remarks)
    topics = _names(raw.topics, "topics", remarks)
    tags = _names(raw.tags, "tags", remarks)
    if title is None or link is None or published is None or _has_errors(remarks):
        return None, remarks
    authors = origin.authors(raw, remarks) if raw.authors else ()
    seed = Seed(
        title=title, link=link, published=published, updated=updated, expires=expires, aliases=_aliases(raw, link),
        id=_id(raw.id, remarks), excerpt=_excerpt(raw.excerpt, remarks),
        body="" if body.isspace() else body, embed=raw.featured_content or "",
        is_published=raw.published is not False, removed=raw.removed is True, deleted=raw.deleted is True,
        quality=raw.quality, heat=raw.heat, topics=topics, tags=tags,
        category=_one_line(raw.category), type=_one_line(raw.type), locale=_one_line(raw.locale),
        provider=_provider(raw.provider, link, ("provider",), remarks),
        author=origin.names_of(authors) or text.title(raw.author or ""),
        images=_images(raw.images, base or link, ("images",), remarks), related=_related(raw, zone, remarks),
        media=enclosures(raw, base or link, remarks) if raw.media or raw.enclosure else (),
        markup=_markup(raw.markup, remarks) if raw.markup else "markdown",
        authors=authors, source=origin.source(raw, link, remarks) if raw.source else None,
        not_story=_names(raw.not_story, "not_story", remarks), story=_one_line(raw.story),
    )  # fmt: skip
    return seed, remarks


def _has_errors(remarks: list[Remark]) -> bool:
    return bool(remarks) and any(not remark.warning for remark in remarks)


def _title(raw: RawRelated, remarks: list[Remark]) -> str | None:
    if raw.title is None:
        remarks.append(Remark(("title",), "is missing", "write `title: …`"))
        return None
    title = text.title(raw.title)
    if text.is_blank(title):
        remarks.append(Remark(("title",), "is blank", "write the item's title"))
        return None
    if text.has_controls(raw.title):
        remarks.append(Remark(("title",), "control characters removed", warning=True))
    if len(raw.title) > text.TITLE_LENGTH and len(title) < len(text.plain(raw.title)):
        remarks.append(Remark(("title",), f"cut to {text.TITLE_LENGTH} characters", "shorten it", warning=True))
    return title


def _link(raw: RawRelated, remarks: list[Remark]) -> str | None:
    field, address = ("webUrl", raw.web_url) if raw.web_url else ("originalUrl", raw.original_url)
    if not address:
        remarks.append(Remark(("webUrl",), "is missing", NO_LINK))
        return None
    try:
        return links.canonical(address)
    except ValueError as reason:
        remarks.append(Remark((field,), str(reason), "write the full address, starting with https://"))
        return None


def _published(raw: RawSeed, path: str, zone: str, remarks: list[Remark]) -> int | None:
    if raw.published_date_time is not None:
        return _moment(raw.published_date_time, "publishedDateTime", zone, remarks)
    from_name = _FILE_DATE.search(path)
    message = "is missing"
    if from_name is not None:
        try:
            return text.moment(from_name[1], zone)
        except (ValueError, OverflowError):
            message = "is missing, and the date at the start of the file's name is not valid"
    hint = "write `publishedDateTime: YYYY-MM-DD`, or start the file's name with YYYY-MM-DD-"
    remarks.append(Remark(("publishedDateTime",), message, hint))
    return None


def _moment(written: str | None, field: str, zone: str, remarks: list[Remark], *, needed: bool = True) -> int | None:
    if written is None:
        return None
    try:
        return text.moment(written, zone)
    except (ValueError, OverflowError) as reason:
        message = str(reason) if needed else f"{reason}, so it is left out"
        remarks.append(Remark((field,), message, _date_hint(written, zone, str(reason)), warning=not needed))
        return None


def _date_hint(written: str, zone: str, reason: str) -> str:
    """Return what to write instead of a date that is none: the right form of what was written, if it can be known."""
    from aggregator.normalizer.dialects import dates  # noqa: PLC0415 - few dates are wrong

    meant = tuple(one for one in dates.meant_by(written) if text.is_moment(one, zone))
    if not meant and "what follows" in reason and (day := text.day_of(written)):
        meant = (f"{day}T10:00:00Z", day)
    return f"write {', or '.join(meant or ('2026-11-23T10:00:00Z', '2026-11-23'))}"


def _end(written: str | None, zone: str, remarks: list[Remark]) -> int | None:
    """Return when an item is to vanish, None also of `never` and `no`."""
    return None if written is None or boolean(written) is False else _moment(written, "expires", zone, remarks)


def _names(written: tuple[str, ...] | None, field: str, remarks: list[Remark]) -> tuple[str, ...]:
    if not written:
        return ()
    if len(written) > MAX_NAMES:
        message = f"has {len(written):,} names, and only the first {MAX_NAMES} are used"
        remarks.append(Remark((field,), message, "keep those that readers would look for", warning=True))
        written = written[:MAX_NAMES]
    names = [_name_cached(name) if len(name) <= _SHORT else composed(_one_line(name)) for name in written]
    return tuple(dict.fromkeys([name for name in names if not text.is_blank(name)]))


def _aliases(raw: RawRelated, link: str) -> tuple[str, ...]:
    """Return the keys that recognise the item beside its link; what is not a link is not an alias."""
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


def _id(written: str | None, remarks: list[Remark]) -> str:
    own = text.name(written or "")
    if text.is_blank(own):
        return ""
    if len(own) > links.LONGEST_URL:
        # Never cut: two ids could become one.
        message = f"has {len(own):,} characters, at most {links.LONGEST_URL:,} are allowed, so it is left out"
        remarks.append(Remark(("id",), message, "write a shorter one, or leave it out", warning=True))
        return ""
    return own


def _one_line(written: str | None) -> str:
    if not written:
        return ""
    return _one_line_cached(written) if len(written) <= _SHORT else text.cut(text.name(written), text.TITLE_LENGTH)


# Names of topics, providers and types are few, and seeds repeat them.
_one_line_cached = lru_cache(maxsize=4096)(text.name)


@lru_cache(maxsize=4096)
def _name_cached(written: str) -> str:
    return composed(text.name(written))


def _markup(written: str, remarks: list[Remark]) -> Literal["markdown", "html"]:
    name = written.strip().lower()
    if name not in {"html", "markdown"}:
        remarks.append(Remark(("markup",), "is no language of a body, so it is Markdown", "write html", warning=True))
    return "html" if name == "html" else "markdown"


def _excerpt(written: str | None, remarks: list[Remark]) -> str:
    if not written or written.isspace():
        return ""
    if text.has_controls(written):
        remarks.append(Remark(("excerpt",), "control characters removed", warning=True))
        return text.multiline(written)
    return written


def _provider(raw: RawProvider | None, link: str, field: Field, remarks: list[Remark]) -> Provider | None:
    if raw is None:
        return None
    icons = _images(raw.images, link, (*field, "images"), remarks)
    domain = _one_line(raw.domain).lower().removeprefix("www.")
    provider = Provider(name=_one_line(raw.name), domain=domain, icon=icons[0].url if icons else "")
    return provider if provider.name or provider.domain else None


def _images(raws: tuple[RawImage, ...] | None, link: str, field: Field, remarks: list[Remark]) -> tuple[Image, ...]:
    """Return the first `MAX_NAMES` images whose URL is valid; another one costs a warning, not the item."""
    if not raws:
        return ()
    found = []
    for index, raw in enumerate(raws[:MAX_NAMES]):
        if not raw.url:
            continue
        try:
            url = links.canonical(raw.url, link)
        except ValueError as reason:
            remarks.append(
                Remark((*field, index, "url"), f"{reason}, so it is left out", "write https://…", warning=True)
            )
            continue
        title = text.title(raw.title or "")
        found.append(Image(url=url, width=_pixels(raw.width), height=_pixels(raw.height), title=title))
    return tuple(found)


def _pixels(number: int | None) -> int:
    return number if number is not None and 0 < number < 100_000 else 0


def _related(raw: RawSeed, zone: str, remarks: list[Remark]) -> tuple[Related, ...]:
    """Return the related items that have a title and a link; another one costs a warning, not the item."""
    if not raw.related:
        return ()
    found = (
        _related_one(one, ("related", index), zone, remarks) for index, one in enumerate(raw.related[:MAX_RELATED])
    )
    return tuple(one for one in found if one is not None)


def _related_one(raw: RawRelated, field: tuple[str | int, ...], zone: str, remarks: list[Remark]) -> Related | None:
    own: list[Remark] = []
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
        quality=raw.quality, type=_one_line(raw.type),
        provider=_provider(raw.provider, link, (*field, "provider"), remarks),
        images=_images(raw.images, link, (*field, "images"), remarks),
    )  # fmt: skip
