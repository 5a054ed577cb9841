"""Which seeds are not shown because another one has the same link: for people, who may have meant two items. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from aggregator.model.reports import Problem
from aggregator.normalizer import identity
from aggregator.normalizer.stored import Draft
from aggregator.normalizer.stories import Telling, group

BOTH_HINT = "to publish both, give each an `id` of its own, such as `id: tag:example.org,2026:1`; else remove one"
"""What to write if two seeds with one link are two items."""

MOST_DUPLICATES = 20
"""How many duplicates are named; the rest is counted."""


def duplicate_warnings(drafts: Iterable[tuple[str, Draft]], now: int) -> list[Problem]:
    """Return a warning for each seed that another one represents at `now`; of many, for the first and a count.

    `drafts` are accepted seeds by path. What is not visible yet is as private as its link (G12), so it is left out.
    """
    visible = {path: draft for path, draft in drafts if any(start <= now < end for _, start, end in draft.windows)}
    found = list(_duplicates(visible, now))
    named = [
        Problem(path=path, message=f"is not shown: {shown} has the same link", hint=BOTH_HINT, warning=True)
        for path, shown in sorted(found)[:MOST_DUPLICATES]
    ]
    if len(found) <= MOST_DUPLICATES:
        return named
    message = f"… and {len(found) - MOST_DUPLICATES:,} more seeds are not shown, since others have their links"
    return [*named, Problem(path=max(found)[0], message=message, hint=BOTH_HINT, warning=True)]


def _duplicates(visible: dict[str, Draft], now: int) -> Iterator[tuple[str, str]]:
    """Yield the path of each seed that is not shown, and of the one that is."""
    uses = Counter(number for draft in visible.values() for number in set(draft.numbers))
    sharing = [path for path, draft in visible.items() if any(uses[number] > 1 for number in draft.numbers)]
    for story in group(_telling(path, visible[path]) for path in sharing):
        paths = [one.file for one in story]
        candidates = [_candidate(number, path, visible[path]) for number, path in enumerate(paths)]
        shown = [paths[share.file] for share in identity.shares(candidates) if share.starts <= now < share.ends]
        yield from ((path, shown[0]) for path in paths if shown and path != shown[0])


def _telling(path: str, draft: Draft) -> Telling:
    return Telling(path, draft.numbers, draft.id if draft.own else "")


def _candidate(number: int, path: str, draft: Draft) -> identity.Candidate:
    return identity.Candidate(number, path, draft.newest, draft.quality, draft.starts, draft.ends)
