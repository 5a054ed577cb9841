"""Which seeds are not shown because another one has the same link: for people, who may have meant two items. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from aggregator.model.reports import Problem
from aggregator.normalizer import identity
from aggregator.normalizer.stored import Draft, pack
from aggregator.normalizer.stories import Telling, group

BOTH_HINT = "to publish both, give each an `id` of its own, such as `id: tag:example.org,2026:1`; else remove one"
"""What to write if two seeds with one link are two items."""

MOST_DUPLICATES = 20
"""How many duplicates are named; the rest is counted."""


class Duplicates:
    """Collects what accepted seeds say of themselves; of each little is kept, since there may be a million."""

    def __init__(self, now: int) -> None:
        """Look at what readers see at `now` (seconds since 1970)."""
        self._now = now
        self._paths: list[str] = []
        self._packed: list[bytes] = []
        self._first: dict[int, int] = {}
        self._sharing: set[int] = set()

    def add(self, path: str, draft: Draft) -> None:
        """Add a seed, unless it is not visible now: that is as private as its link (G12)."""
        if not any(starts <= self._now < ends for _, starts, ends in draft.windows):
            return
        here = len(self._paths)
        for number in draft.numbers:
            if (other := self._first.setdefault(number, here)) != here:
                self._sharing |= {other, here}
        self._paths.append(path)
        own = draft.id if draft.own else ""
        self._packed.append(pack((draft.numbers, own, draft.newest, draft.quality, draft.starts, draft.ends)))

    def warnings(self) -> list[Problem]:
        """Return a warning for each seed that another one represents; of many, for the first and a count."""
        found = sorted(self._found())
        named = [
            Problem(path=path, message=f"is not shown: {shown} has the same link", hint=BOTH_HINT, warning=True)
            for path, shown in found[:MOST_DUPLICATES]
        ]
        if len(found) <= MOST_DUPLICATES:
            return named
        message = f"… and {len(found) - MOST_DUPLICATES:,} more seeds are not shown, since others have their links"
        return [*named, Problem(path=found[-1][0], message=message, hint=BOTH_HINT, warning=True)]

    def _found(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each seed that is not shown, and of the one that is."""
        said = {self._paths[here]: _said(self._packed[here]) for here in self._sharing}
        for story in group(Telling(path, one.numbers, one.own_id) for path, one in said.items()):
            paths = [one.file for one in story]
            candidates = [identity.Candidate(number, path, *said[path][2:]) for number, path in enumerate(paths)]
            shares = identity.shares(candidates)
            shown = next((paths[one.file] for one in shares if one.starts <= self._now < one.ends), "")
            yield from ((path, shown) for path in paths if shown and path != shown)


class _Said(NamedTuple):
    """What a seed says: the numbers of its keys, the id it chose, and what ranks it, as in `identity.Candidate`."""

    numbers: tuple[int, ...]
    own_id: str
    newest: int
    quality: int
    starts: int
    ends: int


_said = msgspec.msgpack.Decoder(_Said).decode
