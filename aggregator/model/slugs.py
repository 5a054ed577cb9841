"""Slugs `[a-z0-9-]{1,64}` of topic names, and the form in which names are compared. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
LONGEST = 64


def composed(text: str) -> str:
    """Return `text` in Unicode's composed form, NFC: a letter and an accent become one character."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """Return the form in which names are compared: case and white space folded, letters composed."""
    return composed(" ".join(name.casefold().split()))


def names_of(topics: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Return the slugs of `topics` (slug, name, shortname) by each of these, folded; slugs win, then names."""
    table: dict[str, str] = {}
    rows = list(topics)
    for column in range(3):
        for row in rows:
            if name := folded(row[column]):
                table.setdefault(name, row[0])
    return table


def slug_of(name: str) -> str:
    """Return the slug of a topic `name`: lower-case ASCII words joined by hyphens, at most 64 characters.

    Other scripts are transliterated. If nothing or too much is left, the slug ends with eight hex digits of a hash of
    the name, so that two long names have different slugs.
    """
    if not name.isascii():
        from anyascii import anyascii  # noqa: PLC0415 - rarely needed, and it loads tables

        name = composed(name)
        ascii_name = anyascii(name)
    else:
        ascii_name = name
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")
    if 0 < len(slug) <= LONGEST:
        return slug
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{slug[: LONGEST - 9].strip('-')}-{digest}".strip("-")


# What signs mean that a slug cannot hold. Only where two names would share a slug are they spelled out.
_SIGNS = (
    (re.compile(r"^\s*\."), " dot"), (re.compile(r"#(?=\s|$)"), "sharp "), (re.compile(r"\+"), " plus "),
    (re.compile("&"), " and "), (re.compile("@"), " at "), (re.compile("%"), " percent "), (re.compile("€"), " euro "),
    (re.compile(r"\$"), " dollar "), (re.compile("!"), " not "), (re.compile(r"\*"), " star "),
)  # fmt: skip


def slugs_of(name: str) -> tuple[str, ...]:
    """Return the slugs that a topic `name` may have, best first: its own, one with its signs in words, one with a hash.

    They depend on the name alone. The last one is no other name's, whatever the script: it ends with eight hex digits
    of a hash of the name's key (`topic_key`).
    """
    spelled = composed(name)
    for sign, words in _SIGNS:
        spelled = sign.sub(words, spelled)
    plain = slug_of(name)
    digest = hashlib.blake2b(topic_key(name).encode("utf-8", "replace"), digest_size=4).hexdigest()
    return tuple(dict.fromkeys((plain, slug_of(spelled), f"{plain[: LONGEST - 9].rstrip('-')}-{digest}")))


@lru_cache(maxsize=4096)
def topic_key(name: str) -> str:
    """Return what names of one topic have in common: `folded`, or the slug if that tells the whole name.

    So "Wind power" and "wind-power" are one topic, and "C" and "C++" are two.
    """
    slug = slug_of(name)
    return slug if is_plain(name, slug) else folded(name)


def is_plain(name: str, slug: str) -> bool:
    """Return whether `slug` tells all of `name`: its letters and digits, with blanks as hyphens."""
    return folded(name).replace(" ", "-") == slug


@lru_cache(maxsize=8192)
def prefixed_slug(prefix: str, name: str) -> str:
    """Return the slug of a feed that is made of a name: a prefix, and the name with its signs in words (`C++`)."""
    slug = slugs_of(name)[:-1][-1] if len(slugs_of(name)) > 1 else slug_of(name)
    if len(prefix) + len(slug) <= LONGEST:
        return prefix + slug
    digest = hashlib.blake2b(slug.encode(), digest_size=4).hexdigest()
    return f"{prefix}{slug[: LONGEST - 9 - len(prefix)].rstrip('-')}-{digest}"


def free_topic_slug(slug: str, prefixes: Iterable[str]) -> str:
    """Return the slug of a topic, another one if it begins with one of `prefixes`, as those of other feeds do."""
    return f"topic-{slug[: LONGEST - 6].rstrip('-')}" if slug.startswith(tuple(prefixes)) else slug


def with_topic_suffix(slug: str) -> str:
    """Return the slug of a topic whose own slug is that of the site's feed or of a feed by query."""
    return f"{slug[: LONGEST - 6]}-topic"
