"""Processes that parse seeds or render pages, many at once: started when it pays, gone when the work is done.

Starts and ends processes. They end with this one, whatever kills it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from aggregator.memory import collect_rarely

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

MANY_FILES = 1_500
"""From so many files on, reading them in several processes pays."""

MANY_FEEDS = 16
"""From so many feeds on, rendering them in several processes pays."""

MANY_PAGES = 16
"""From so many pages of archives on, rendering them in several processes pays."""

AHEAD = 4 * (os.cpu_count() or 1)
"""How many pieces of work are under way at once, unless what does them says otherwise: none of them waits for more."""


class UnderWay(NamedTuple, Generic[Task, Result]):
    """A piece of work that was handed out; without a future nobody took it."""

    work: Callable[[Task], Result]
    task: Task
    future: Future[Result] | None

    def result(self) -> Result:
        """Wait for it; where the process that did it died (out of memory, killed by hand), do it here."""
        if self.future is not None:
            from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - 10 ms, and few turns need it

            with suppress(BrokenExecutor):
                return self.future.result()
        return self.work(self.task)


def send(executor: Executor, work: Callable[[Task], Result], task: Task) -> UnderWay[Task, Result]:
    """Hand out a piece of work."""
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - as above

    with suppress(BrokenExecutor):
        return UnderWay(work, task, executor.submit(work, task))
    return UnderWay(work, task, None)


def in_order(executor: Executor | None, work: Callable[[Task], Result], tasks: Iterator[Task]) -> Iterator[Result]:
    """Do `work` on each of `tasks` and give the results in their order, with a bounded number under way."""
    if executor is None:
        yield from map(work, tasks)
        return
    ahead = getattr(executor, "ahead", AHEAD)
    waiting = deque(send(executor, work, task) for task in islice(tasks, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(send(executor, work, task) for task in islice(tasks, 1))
        yield result


@contextmanager
def executor_for(
    count: int, jobs: int | None, *, many: int = MANY_FILES, cluster: Executor | None = None
) -> Iterator[Executor | None]:
    """Give what does `count` pieces of work in `jobs` processes, or None for this thread alone.

    Without `jobs` they are as many as there are processors, from `many` pieces on. A `cluster` does it all.
    """
    if cluster is not None:
        yield cluster
        return
    jobs = jobs or ((os.cpu_count() or 1) if count >= many else 1)
    if jobs == 1:
        yield None
        return
    import multiprocessing  # noqa: PLC0415 - 30 ms, and most turns are small
    import threading  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # fork starts in milliseconds, but only a process without other threads may do it.
    method = "fork" if threading.active_count() == 1 else "forkserver"
    context: Any = multiprocessing.get_context(method)
    try:
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin) as pool:
            yield pool
    finally:
        if method == "forkserver":
            _end_servers()


def _begin() -> None:
    """Make a new process a worker."""
    collect_rarely()
    _end_with_parent()


def _end_with_parent() -> None:
    """See to it that this worker ends when its parent is killed: the pool's pipes would keep it waiting for ever."""
    import threading  # noqa: PLC0415 - in the worker alone
    from multiprocessing import connection, parent_process  # noqa: PLC0415

    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _end_servers() -> None:
    """End the two processes that `forkserver` would keep for the next pool: a resting daemon is one small process.

    The library has no public way to say so. Where it changes its own, they stay, and nothing is lost but their memory.
    """
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - loaded by now

    for server in (getattr(forkserver, "_forkserver", None), getattr(resource_tracker, "_resource_tracker", None)):
        stop = getattr(server, "_stop", None)
        if stop is not None:
            stop()
