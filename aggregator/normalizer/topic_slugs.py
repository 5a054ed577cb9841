"""Slugs of topic names that never merge: which of several names has a slug, and what the others get instead. Pure.

A name has its own slug (`slugs.slug_of`) as long as no other name has it; spellings with one `topic_key` are one name.
Of several names with one slug:

1. A topic of the config has it; the file's `_id` is final.
2. Else the one name that had it before has it: no feed of a site moves because another topic came.
3. Else the name that the slug tells whole (`C` of `c`, not `C++`), then the first in the order of the alphabet.

The others get their next slug (`slugs.slugs_of`), which depends on the name alone, and keep it from then on: the state
folder remembers how names were spelled and which slug they had. Without it, the seeds alone decide by 1 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from aggregator.model.slugs import folded, is_plain, slugs_of, topic_key

Row = tuple[str, str, int]
"""A slug, a name that seeds spell so, and how many visible seeds do."""

_Final = Callable[[str], str]


class Separation(NamedTuple):
    """A topic `name` that has another slug than `before` from now on, since `owner` has that one."""

    name: str
    before: str
    slug: str
    owner: str


def remembered_slugs(rows: Iterable[Row], final: _Final) -> dict[str, str]:
    """Return the slugs of names that do not have their own one, by the folded name.

    Args:
        rows: the names that were ever seen, with their slugs.
        final: returns the slug of a feed for the slug of a topic: another one if that is reserved.
    """
    slugs: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for slug, name, _ in rows:
        if name:
            slugs.setdefault(folded(name), set()).add(slug)
            names.setdefault(folded(name), name)
    found = {}
    for key, name in names.items():
        later = [slug for slug in slugs_of(name)[:0:-1] if final(slug) in slugs[key]] if slugs[key] else []
        if later:
            found[key] = later[0]
    return found


def separations(
    now: Iterable[Row],
    before: Iterable[Row],
    configured: Mapping[str, str],
    topics: Mapping[str, str],
    final: _Final,
) -> list[Separation]:
    """Return the names that must have another slug, so that no two names have one.

    Args:
        now: the names in use.
        before: the names that were seen until now.
        configured: the slugs of the config's topics by their names, folded.
        topics: the names of the config's topics by their slugs.
        final: as in `remembered_slugs`.
    """
    sharing: dict[str, dict[str, dict[str, str]]] = {}
    for slug, name, uses in now:
        if uses > 0 and name and folded(name) not in configured:
            sharing.setdefault(slug, {}).setdefault(topic_key(name), {}).setdefault(folded(name), name)
    several = {slug: names for slug, names in sharing.items() if len(names) + (slug in topics) > 1}
    if not several:
        return []
    held = [row for row in before if row[0] in several]
    found = []
    for slug, names in sorted(several.items()):
        owner = "" if slug in topics else _owner(slug, names, [row for row in held if row[0] == slug])
        owner_name = min(names[owner].values()) if owner else topics[slug]
        others = [name for key, spellings in sorted(names.items()) if key != owner for name in spellings.values()]
        moved = ((name, _next(name, slug, final)) for name in others)
        found += [Separation(name, slug, later, owner_name) for name, later in moved if later]
    return found


def _owner(slug: str, names: Collection[str], held: Iterable[Row]) -> str:
    """Return the key of the name that has `slug`."""
    seen: dict[str, int] = {}
    for _, name, uses in held:
        if (key := topic_key(name)) in names:
            seen[key] = max(uses, seen.get(key, 0))
    used = [name for name, uses in seen.items() if uses > 0]
    for candidates in (used, list(seen)):
        if len(candidates) == 1:
            return candidates[0]
    return min(used or seen or names, key=lambda name: (not is_plain(name, slug), name))


def _next(name: str, slug: str, final: _Final) -> str:
    """Return the slug of a topic after the one that it has, or "" if that is its last."""
    slugs = slugs_of(name)
    numbers = [number for number, one in enumerate(slugs) if final(one) == slug]
    after = slugs[numbers[0] + 1 :] if numbers else ()
    return after[0] if after else ""
