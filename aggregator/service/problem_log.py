"""What is wrong with seeds, said in the log once it has lasted: whoever writes a file has half of it first.

Looks into the index and writes log lines. Status and feeds wait for nothing.
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


class Complaints:
    """Errors that wait to be said; times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        """Begin with nothing to say."""
        self._waiting: dict[Problem, float] = {}

    def hear(self, problems: Iterable[Problem], now: float) -> None:
        """Take in what a turn found; warnings are said at once."""
        for problem in problems:
            if problem.warning:
                log_problem(problem)
            else:
                self._waiting.setdefault(problem, now + LASTING)

    def say(self, index: Index, now: float) -> None:
        """Log what is still wrong of what was found long enough ago; the rest is forgotten."""
        due = [problem for problem, at in self._waiting.items() if at <= now]
        lasting = _lasting(index, due)
        for problem in due:
            del self._waiting[problem]
            if problem in lasting:
                log_problem(problem)


def _lasting(index: Index, due: list[Problem]) -> set[Problem]:
    try:
        return (
            {problem for _, _, packed in index.files.problems() for problem in unpack_problems(packed)}
            if due
            else set()
        )
    except sqlite3.Error:  # the next turn deals with that; to say too much is better than too little
        return set(due)
