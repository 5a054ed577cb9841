"""The problems of all seeds of a turn, those of a kind counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from aggregator.model.reports import Problem
from aggregator.model.seed_roots import SeedRoot, key_meant_by
from aggregator.normalizer.remarks import NO_DATE
from aggregator.normalizer.stored import SeedPosition

MOST_UNKNOWN = 100
"""How many unknown keys of all seeds of a turn are named."""


def is_page(problem: Problem) -> bool:
    """Return whether a problem is that a file, or several, have no date, and so are pages."""
    return problem.warning and problem.message.startswith(f"date: {NO_DATE}")


def with_pages_counted(problems: Iterable[Problem], roots: Sequence[SeedRoot]) -> list[Problem]:
    """Return problems with one warning for all pages of a root: it is at the first of them, and says how many more."""
    problems = list(problems)
    pages: dict[str, list[Problem]] = {}
    for problem in filter(is_page, problems):
        pages.setdefault(problem.path.partition("/")[0] if len(roots) > 1 else "", []).append(problem)
    if not pages:
        return problems
    counted = [one for one in problems if not is_page(one)]
    for several in pages.values():
        first, count = min(several), len(several) - 1
        more = f", like {count:,} more" if count else ""
        counted.append(msgspec.structs.replace(first, message=f"{first.message}{more}"))
    return counted


def unknown_key_warnings(unknown: dict[str, SeedPosition]) -> list[Problem]:
    """Return a warning for each unknown key (key to its position), with a hint if it looks like a typo.

    Of more than `MOST_UNKNOWN` the first are named, and the rest is counted: a hint takes a millisecond.
    """
    if not unknown:
        return []
    from aggregator.config.yaml.decoding import nearest  # noqa: PLC0415 - difflib, only for warnings
    from aggregator.config.yaml.messages import shortened  # noqa: PLC0415 - likewise
    from aggregator.normalizer.lenient import STATE_KEYS  # noqa: PLC0415 - likewise
    from aggregator.normalizer.raw import KEYS  # noqa: PLC0415 - likewise

    found = []
    for key, (path, line, column) in sorted(unknown.items())[:MOST_UNKNOWN]:
        close = key_meant_by(key) or nearest(key, KEYS - STATE_KEYS)
        hint = f"did you mean `{close}`?" if close else "it is kept out of the feeds"
        message = f"unknown key `{shortened(key)}`"
        found.append(Problem(path=path, line=line, column=column, message=message, hint=hint, warning=True))
    if len(unknown) > MOST_UNKNOWN:
        message = f"… and {len(unknown) - MOST_UNKNOWN:,} more unknown keys in this and other seeds"
        hint = "they are kept out of the feeds"
        found.append(Problem(path=max(unknown.items())[1].path, message=message, hint=hint, warning=True))
    return found
