"""Who wrote an item (`authors`) and which feed it was collected from (`source`): names and addresses, clean. Pure."""

from __future__ import annotations

import re

from aggregator.model.items import Person, Source
from aggregator.normalizer import identity, links, text
from aggregator.normalizer.raw import RawPerson, RawSeed, RawSource
from aggregator.normalizer.remarks import Field, Remark

MOST_AUTHORS = 50
"""How many authors of a seed are used."""

# A part of RFC 5322's addresses that all programs accept, and that needs no escape in a feed.
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")


def authors(raw: RawSeed, remarks: list[Remark]) -> tuple[Person, ...]:
    """Return the authors of whom anything is known; what is wrong with one costs a warning, not the item."""
    written = raw.authors or ()
    if len(written) > MOST_AUTHORS:
        message = f"has {len(written):,} authors, and only the first {MOST_AUTHORS} are used"
        remarks.append(Remark(("authors",), message, "name those that readers would look for", warning=True))
    found = [_person(one, ("authors", index), remarks) for index, one in enumerate(written[:MOST_AUTHORS])]
    return tuple(dict.fromkeys(one for one in found if one != Person()))


def names_of(people: tuple[Person, ...]) -> str:
    """Return the names of people as one text."""
    return ", ".join(one.name or one.email or one.url for one in people)


def source(raw: RawSeed, link: str, remarks: list[Remark]) -> Source | None:
    """Return the feed that a seed was collected from, None if nothing is known of it; `link` is the item's."""
    written = raw.source
    if written is None:
        return None
    id = text.name(written.id or "")  # noqa: A001 - the field's own name
    found = Source(
        url=_address(written.url, ("source", "url"), remarks), title=text.title(written.title or ""),
        link=_address(written.link, ("source", "link"), remarks),
        id=id if identity.is_uri(id) and len(id) <= links.LONGEST_URL else "",
        original=_original(raw, written, link),
    )  # fmt: skip
    return found if found.url or found.title or found.link or found.id else None


def _original(raw: RawSeed, written: RawSource, link: str) -> str:
    """Return the address of the item in the feed that it was collected from, "" if that is the item's link."""
    if not (raw.web_url and raw.original_url):
        return ""
    original = _address(raw.original_url, ("originalUrl",), [])
    return original if original not in {link, written.link} else ""


def _person(raw: RawPerson, field: Field, remarks: list[Remark]) -> Person:
    email = text.name(raw.email or "").removeprefix("mailto:")
    if email and not _EMAIL.fullmatch(email):
        hint = "write one such as ann@example.org"
        remarks.append(Remark((*field, "email"), "is no address, so it is left out", hint, warning=True))
        email = ""
    return Person(name=text.title(raw.name or ""), email=email, url=_address(raw.url, (*field, "url"), remarks))


def _address(written: str | None, field: Field, remarks: list[Remark]) -> str:
    if not written or written.isspace():
        return ""
    try:
        return links.canonical(written)
    except ValueError as reason:
        remarks.append(Remark(field, f"{reason}, so it is left out", "write https://…", warning=True))
        return ""
