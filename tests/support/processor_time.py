"""How long something takes, whatever else the process collects or runs meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time


def least_seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the least processor time that `work` takes of this thread: now and then the collector of garbage joins in."""

    def once() -> float:
        began = thread_time()
        work()
        return thread_time() - began

    return min(once() for _ in range(times))
