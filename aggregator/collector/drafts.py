"""What a format says of an entry, in whatever format, becomes an `Entry`, or nothing. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from aggregator.collector import html
from aggregator.collector.dates import moment
from aggregator.collector.decoding import without_controls
from aggregator.collector.entries import Entry, Person
from aggregator.model.items import Media
from aggregator.model.media_types import type_of

MOST_TAKEN = 500
"""How many entries of a document are taken, the newest."""

LONGEST_CONTENT = 800_000
"""The longest content that is taken, in bytes of UTF-8; a longer one is left to the entry's link."""

_LONGEST_KEY = 2_000
_LONGEST_TEXT = 20_000
_LONGEST_TITLE = 2_000
_MOST_PEOPLE = 20
_MOST_CATEGORIES = 50
_MOST_MEDIA = 20
_LONGEST_NAME = 200
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_EMAIL = re.compile(r"[^\s@<>()]{1,100}@[^\s@<>()]{1,200}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_DIGITS = re.compile(r"\d{1,12}")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:\.\d+)?")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of an entry, as it says it.

    `title` and `summary` are plain text, `content` is HTML; addresses resolve against `base`, or against the link if
    that is "". `raw_date` is the date as it is written, also if it cannot be read.
    """

    id: str = ""
    link: str = ""
    title: str = ""
    published: int | None = None
    updated: int | None = None
    raw_date: str = ""
    summary: str = ""
    content: str = ""
    base: str = ""
    authors: Sequence[Mapping[str, str]] = ()
    categories: Sequence[str] = ()
    language: str = ""
    images: Sequence[str] = ()
    media: Sequence[Media] = ()


def document_entries(drafts: Iterable[Draft], *, url: str, authors: tuple[Person, ...]) -> tuple[Entry, ...]:
    """Return the entries of a document, each key once; those without authors of their own have `authors`."""
    found: dict[str, Entry] = {}
    for draft in drafts:
        entry = _entry(draft, url, authors)
        if entry is not None:
            found.setdefault(entry.key, entry)
    return tuple(found.values())


def _entry(draft: Draft, url: str, authors: tuple[Person, ...]) -> Entry | None:
    """Return an entry, or None if it has neither title nor text, or neither link nor id."""
    link = html.address_of(draft.link, url) if draft.link else ""
    if not link and draft.id.lower().startswith(("http://", "https://")):
        link = html.address_of(draft.id, url)
    content = "" if len(draft.content.encode()) > LONGEST_CONTENT else draft.content
    content = without_controls(html.absolute(content, draft.base or link or url)).strip()
    summary = html.cut(html.one_line(without_controls(draft.summary)), _LONGEST_TEXT)
    title = html.cut(html.one_line(without_controls(draft.title)), _LONGEST_TITLE)
    if html.is_blank(title):
        title = html.cut(html.plain(content) or summary, html.TITLE_LENGTH)
    media = _media_once(draft.media)
    key = _key(draft, link)
    if html.is_blank(title):
        title = _title_without_text(content, media, link)
    if not key or html.is_blank(title):
        return None
    images = [found for one in draft.images if (found := html.address_of(one, url))]
    entry = Entry(
        key=key, title=title,
        link=link, published=draft.published if draft.published is not None else draft.updated,
        updated=draft.updated, summary=summary, content=content, authors=people(draft.authors, url) or authors,
        categories=_categories(draft.categories), image=images[0] if images else "", media=media,
        language=draft.language if _LANGUAGE.fullmatch(draft.language) else "",
    )  # fmt: skip
    return msgspec.structs.replace(entry, digest=digest_of(entry))


def _title_without_text(content: str, media: tuple[Media, ...], link: str) -> str:
    """Return what an entry of pictures or files alone is called: by its picture, its file, or its link."""
    if media:
        return media[0].title or media[0].url.rpartition("/")[2] or media[0].url
    if not content:
        return ""
    return html.cut(html.alternative(content) or link.rstrip("/").rpartition("/")[2], html.TITLE_LENGTH)


def _key(draft: Draft, link: str) -> str:
    """Return what identifies an entry inside its source: its id, else its link, else a hash of title and date."""
    own = draft.id.strip()
    if len(own) > _LONGEST_KEY:
        return f"hash:{hashlib.blake2b(own.encode(), digest_size=16).hexdigest()}"
    if own or link:
        return own or link
    if not draft.title or not draft.raw_date:
        return ""  # nothing else tells it from another one, or from itself later
    named = f"{draft.title}\n{moment(draft.raw_date) or draft.raw_date}"
    return f"hash:{hashlib.blake2b(named.encode(), digest_size=16).hexdigest()}"


def digest_of(entry: Entry) -> str:
    """Return the digest of all that is shown of an entry, but its dates: a date alone that moves is no new text."""
    shown = msgspec.structs.replace(entry, key="", published=None, updated=None, digest="")
    return hashlib.blake2b(msgspec.json.encode(shown), digest_size=16).hexdigest()


def people(found: Iterable[Mapping[str, str]], url: str) -> tuple[Person, ...]:
    """Return authors that have a name or an address, each once."""
    persons = dict.fromkeys(person for one in found if (person := _person(one, url)) is not None)
    return tuple(persons)[:_MOST_PEOPLE]


def _person(found: Mapping[str, str], url: str) -> Person | None:
    name = html.cut(html.loosely_plain(without_controls(found.get("name", ""))), _LONGEST_NAME)
    email = found.get("email", "").strip()
    email = email if _EMAIL.fullmatch(email) else ""
    if not email and _EMAIL.fullmatch(name):
        name, email = "", name
    address = found.get("url", "").strip()
    page = html.address_of(address, url) if address else ""
    return Person(name=name, email=email, url=page) if name or email or page else None


def _categories(found: Iterable[str]) -> tuple[str, ...]:
    names = (html.cut(html.loosely_plain(without_controls(one)), _LONGEST_NAME) for one in found)
    return tuple(dict.fromkeys(name for name in names if name))[:_MOST_CATEGORIES]


def _media_once(found: Iterable[Media]) -> tuple[Media, ...]:
    return tuple({one.url: one for one in reversed(list(found))}.values())[::-1][:_MOST_MEDIA]


def media_of(  # noqa: PLR0917 - the attributes of an enclosure, in their order
    address: Any, kind: Any, size: Any, duration: Any, title: Any, url: str
) -> Media | None:
    """Return a file of an entry, or None if its address is no http(s) URL.

    Size (bytes) and duration (seconds, or `HH:MM:SS`) are 0 if they are unknown. A type that is missing or malformed is
    told by the ending of the address.
    """
    found = html.address_of(str(address or ""), url) if address else ""
    if not found:
        return None
    named = str(kind or "").partition(";")[0].strip().lower()
    return Media(
        url=found, type=named if _TYPE.fullmatch(named) else type_of(found), size=_number(size),
        seconds=_seconds(duration), title=html.cut(html.loosely_plain(str(title or "")), _LONGEST_NAME),
    )  # fmt: skip


def _number(written: Any) -> int:
    text = str(written if written is not None else "").strip()
    text = text.partition(".")[0]
    return int(text) if _DIGITS.fullmatch(text) else 0


def _seconds(written: Any) -> int:
    text = str(written if written is not None else "").strip()
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return _number(text)
    hours, minutes, seconds = clock.groups()
    return int(hours or 0) * 3_600 + int(minutes) * 60 + int(seconds)
