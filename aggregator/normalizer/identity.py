"""Which seeds have the same story, and which of them represents it when. Pure.

Keys recognise a story: the seed's own `id`, its canonical link, and copies of it (`originalUrl`, AMP). The index
remembers the story that a key first led to. Of the seeds of one story, the newest represents it, then the one with the
best quality, then the one whose path sorts first. Before its window opens and after it closes, the next one does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from aggregator.model.items import Seed
from aggregator.normalizer import links

# RFC 4287 §4.2.6: an Atom id is an IRI with a scheme (RFC 3987), so without blanks and <>"{}|\^`.
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_IN_TAG = "!$&'()*+,;=:@/?-._~"
"""The signs that the last part of a `tag:` URI may hold (RFC 4151 §2.1)."""


class Candidate(NamedTuple):
    """A seed that passed the rules: what ranks it, and its window [starts, ends) in seconds since 1970."""

    file: int
    path: str
    newest: int
    quality: int
    starts: int
    ends: int


class Share(NamedTuple):
    """A window [starts, ends) in which the seed of `file` represents its story."""

    file: int
    starts: int
    ends: int


def is_uri(id: str) -> bool:  # noqa: A002 - the field's own name
    """Return whether an id is an absolute URI, which Atom requires."""
    return _ABSOLUTE_URI.fullmatch(id) is not None


def public_id(own: str, host: str, year: int) -> str:
    """Return the id in feeds of an item whose own id is no URI: a `tag:` URI (RFC 4151) of a site's host and a year.

    Readers would make different ones of it, since they resolve it like a relative address. Different ids have different
    forms.
    """
    authority = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-") or "localhost"
    return f"tag:{authority},{year:04}:{quote(own, safe=_IN_TAG)}"


def expected_id(own: str, host: str, published: int) -> str:
    """Return the id that feeds will show of an item: its own if that is a URI; `published` is in seconds since 1970."""
    return own if is_uri(own) else public_id(own, host, datetime.fromtimestamp(published, UTC).year)


def keys(seed: Seed) -> tuple[str, ...]:
    """Return the keys that recognise `seed`, the strongest first: `id:` and its id, then its links without scheme."""
    return (*_id_keys(seed.id), links.alias(seed.link), *seed.aliases)


def _id_keys(own_id: str) -> tuple[str, ...]:
    """Return the keys of an id that a seed chose.

    If the id is a link, such as the former link of a moved item, it also recognises the item with that link.
    """
    return (f"id:{own_id}", *_as_link(own_id)) if own_id else ()


def _as_link(own_id: str) -> tuple[str, ...]:
    try:
        return (links.alias(own_id),) if links.canonical(own_id) == own_id else ()
    except ValueError:
        return ()


def id_number(own_id: str) -> int:
    """Return the number of the key of an id that a seed chose."""
    return key_number(f"id:{own_id}")


def key_number(key: str) -> int:
    """Return the 64-bit number under which the index remembers `key`."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def path_number(path: str) -> int:
    """Return the number under which the index remembers the story of the file `path`."""
    return key_number(f"path:{path}")


def shares(candidates: Iterable[Candidate]) -> list[Share]:
    """Divide time among the seeds of one story, so that at most one of them represents it at any moment."""
    return divided(sorted(candidates, key=order))


def order(candidate: Candidate) -> tuple[int, int, str]:
    """Return what ranks the seeds of one story; the smallest represents it."""
    return -candidate.newest, -candidate.quality, candidate.path


def divided(ranked: Sequence[Candidate]) -> list[Share]:
    """Divide time among seeds, of which the first ones have the choice."""
    if len(ranked) == 1:
        return [Share(ranked[0].file, ranked[0].starts, ranked[0].ends)]
    given: list[Share] = []
    taken: list[tuple[int, int]] = []
    for one in ranked:
        free = without(one.starts, one.ends, taken)
        given += [Share(one.file, starts, ends) for starts, ends in free]
        taken += free
    return given


def without(starts: int, ends: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of [starts, ends) without the windows in `taken`."""
    left = []
    for taken_starts, taken_ends in sorted(taken):
        if taken_ends <= starts:
            continue
        if taken_starts >= ends:
            break
        if taken_starts > starts:
            left.append((starts, taken_starts))
        starts = taken_ends
    if starts < ends:
        left.append((starts, ends))
    return left
