"""The files of a seed (`media`), such as the episode of a podcast: addresses, types, sizes. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from aggregator.model.items import Media, Seed
from aggregator.model.media_types import type_of
from aggregator.normalizer import links, text
from aggregator.normalizer.raw import RawMedia, RawSeed
from aggregator.normalizer.remarks import Field, Remark

MOST_FILES = 20
"""How many files of a seed are read."""

_LARGEST = 2**53
_LONGEST = 10**7


def enclosures(raw: RawSeed, link: str, remarks: list[Remark]) -> tuple[Media, ...]:
    """Return the files whose address is valid; another one costs a warning, not the item.

    Relative addresses resolve against `link`.
    """
    written: list[tuple[Field, RawMedia]] = [(("media", index), one) for index, one in enumerate(raw.media or ())]
    if raw.enclosure is not None:
        written.append((("enclosure",), raw.enclosure))
    if len(written) > MOST_FILES:
        message = f"has {len(written):,} files, of which {MOST_FILES} are used"
        remarks.append(Remark(("media",), message, "keep those that readers would want", warning=True))
    found = [_media(one, link, field, remarks) for field, one in written[:MOST_FILES]]
    return tuple({one.url: one for one in found if one is not None}.values())


def measured(seed: Seed, measure: Callable[[str], tuple[int, int] | None]) -> Seed:
    """Return a seed with the length of each file that lies beside it, whatever it says, and with its duration.

    `measure` gets the address of a file relative to that of the seed, and returns its bytes and seconds (0 = unknown).
    """
    folder = (seed.base or seed.link).partition("?")[0].partition("#")[0].rpartition("/")[0] + "/"
    return msgspec.structs.replace(seed, media=tuple(_measured(one, folder, measure) for one in seed.media))


def _measured(media: Media, folder: str, measure: Callable[[str], tuple[int, int] | None]) -> Media:
    address = media.url.partition("?")[0].partition("#")[0]
    found = measure(address.removeprefix(folder)) if address.startswith(folder) else None
    if found is None:
        return media
    size, seconds = found
    return msgspec.structs.replace(media, size=size, seconds=media.seconds or _within(seconds, _LONGEST))


def _media(raw: RawMedia, link: str, field: Field, remarks: list[Remark]) -> Media | None:
    url = _address(raw.url, link, (*field, "url"), remarks)
    if not url:
        if not raw.url:
            hint = "write `url: https://…`"
            remarks.append(Remark((*field, "url"), "is missing, so the file is left out", hint, warning=True))
        return None
    kind = text.plain(raw.type or "").lower()
    if kind.count("/") != 1 or not kind.isascii() or " " in kind:
        if kind:
            hint = "write one such as audio/mpeg"
            remarks.append(Remark((*field, "type"), "is not a media type", hint, warning=True))
        kind = type_of(url)
    size = raw.bytes if raw.bytes is not None else raw.length
    return Media(
        url=url, type=kind, size=_within(size, _LARGEST), seconds=_within(raw.seconds, _LONGEST),
        title=text.cut(text.plain(raw.title or ""), text.TITLE_LENGTH),
        transcript=_address(raw.transcript, link, (*field, "transcript"), remarks),
        chapters=_address(raw.chapters, link, (*field, "chapters"), remarks),
    )  # fmt: skip


def _address(written: str | None, link: str, field: Field, remarks: list[Remark]) -> str:
    if not written:
        return ""
    try:
        return links.canonical(written, link)
    except ValueError as reason:
        remarks.append(Remark(field, f"{reason}, so it is left out", "write https://…", warning=True))
        return ""


def _within(number: int | None, most: int) -> int:
    return number if number is not None and 0 < number < most else 0
