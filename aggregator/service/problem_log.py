"""Logs errors in seeds once they have lasted a moment, since a file that is being written is incomplete at first.

Reads the index and writes log lines. Feeds and the status are not delayed.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable

from aggregator.index.index import Index
from aggregator.model.reports import Problem
from aggregator.normalizer.stored import unpack_problems
from aggregator.service.logs import log, log_problem

LASTING = 2.0
"""How long, in seconds, an error must last: `git checkout` writes thousands of files, each of which is empty first."""

AT_ONCE = 100
"""How many problems are logged at once; the rest is counted, so that no other seed waits for the log."""


class ProblemLog:
    """Errors that are not logged yet; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._waiting: dict[Problem, float] = {}

    def add(self, problems: Iterable[Problem], now: float) -> None:
        """Add what a turn found; warnings are logged at once."""
        warnings = []
        for problem in problems:
            if problem.warning:
                warnings.append(problem)
            else:
                self._waiting.setdefault(problem, now + LASTING)
        _log(warnings)

    def flush(self, index: Index, now: float) -> None:
        """Log the errors that have lasted long enough, and drop those that are gone from `index`."""
        due = [problem for problem, at in self._waiting.items() if at <= now]
        lasting = _still_present(index, due)
        for problem in due:
            del self._waiting[problem]
        if lasting:
            _log([problem for problem in due if problem in lasting], _last_good(index))


def _log(problems: list[Problem], last_good: frozenset[str] = frozenset()) -> None:
    for problem in problems[:AT_ONCE]:
        log_problem(problem, last_good=problem.path in last_good and not problem.warning)
    if len(problems) > AT_ONCE:
        log("problems", logging.WARNING, more=len(problems) - AT_ONCE, hint="`aggregator check` lists all of them")


def _last_good(index: Index) -> frozenset[str]:
    """Return the seeds that cannot be read and of which feeds show, or will show, the last good version."""
    try:
        return frozenset(path for path, entries in index.overview.stale() if entries)
    except sqlite3.Error:
        return frozenset()


def _still_present(index: Index, due: list[Problem]) -> set[Problem]:
    try:
        return (
            {problem for _, _, packed in index.files.problems() for problem in unpack_problems(packed)}
            if due
            else set()
        )
    except sqlite3.Error:  # the next turn handles it; better to log too much than too little
        return set(due)
