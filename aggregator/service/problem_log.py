"""Logs errors in seeds once they have lasted a moment, since a file that is being written is incomplete at first.

Reads the index and writes log lines. Feeds and the status are not delayed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from aggregator.index.index import Index
from aggregator.model.reports import Problem
from aggregator.normalizer.stored import unpack_problems
from aggregator.service.logs import log_problem

LASTING = 2.0
"""How long, in seconds, an error must last: `git checkout` writes thousands of files, each of which is empty first."""


class ProblemLog:
    """Errors that are not logged yet; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._waiting: dict[Problem, float] = {}

    def add(self, problems: Iterable[Problem], now: float) -> None:
        """Add what a turn found; warnings are logged at once."""
        for problem in problems:
            if problem.warning:
                log_problem(problem)
            else:
                self._waiting.setdefault(problem, now + LASTING)

    def flush(self, index: Index, now: float) -> None:
        """Log the errors that have lasted long enough, and drop those that are gone from `index`."""
        due = [problem for problem, at in self._waiting.items() if at <= now]
        lasting = _still_present(index, due)
        for problem in due:
            del self._waiting[problem]
            if problem in lasting:
                log_problem(problem)


def _still_present(index: Index, due: list[Problem]) -> set[Problem]:
    try:
        return (
            {problem for _, _, packed in index.files.problems() for problem in unpack_problems(packed)}
            if due
            else set()
        )
    except sqlite3.Error:  # the next turn handles it; better to log too much than too little
        return set(due)
