"""Processes that parse seeds or render pages, many at once: started when it pays, gone when the work is done.

Starts and ends processes. They end with this one, whatever kills it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from aggregator.site.memory import collect_rarely

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


def in_order(
    executor: Executor | None, work: Callable[[Task], Result], tasks: Iterator[Task], *, ahead: int = AHEAD
) -> Iterator[Result]:
    """Call `work` for each task, on `executor` or in this thread if it is None, and return the results in order.

    At most `ahead` tasks are under way at once, unless the executor has a number of its own.
    """
    if executor is None:
        yield from map(work, tasks)
        return
    ahead = getattr(executor, "ahead", ahead)
    waiting = deque(send(executor, work, task) for task in islice(tasks, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(send(executor, work, task) for task in islice(tasks, 1))
        yield result


class Workers:
    """Processes for one turn, or a cluster: started when work first pays it, kept for the work that follows.

    Open it with `with`; at the end of that they end.
    """

    def __init__(self, jobs: int | None, *, cluster: Executor | None = None) -> None:
        """Have at most `jobs` processes: 1 is this one alone, None as many as there are processors, where it pays.

        A `cluster` does it all.
        """
        self._jobs = jobs
        self._cluster = cluster
        self._pool: Executor | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until they have ended."""
        self._held.close()

    def executor(self, count: int, *, many: int = MANY_FILES) -> Executor | None:
        """Give what does `count` pieces of work, None where this thread does them: from `many` on, others pay."""
        jobs = self._jobs or ((os.cpu_count() or 1) if count >= many else 1)
        if self._cluster is not None or jobs == 1:
            return self._cluster
        if self._pool is None or not _takes(self._pool, bool):
            self._held.close()
            self._pool = self._held.enter_context(_pool(jobs))
        return self._pool

    @property
    def started(self) -> Executor | None:
        """Give the processes that run already, None where there are none."""
        return self._pool

    def prepare(self, load: Callable[[], object]) -> None:
        """Have processes that run already `load` what the next work takes, while this one does something else."""
        for _ in range(self._jobs or os.cpu_count() or 1):
            if self._pool is None or not _takes(self._pool, load):
                return


def _takes(pool: Executor, work: Callable[[], object]) -> bool:
    """Hand out work whose result nobody waits for; a pool that lost a process to a kill takes none any more."""
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - 10 ms, and few turns need it

    try:
        pool.submit(work)
    except BrokenExecutor:
        return False
    return True


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    import multiprocessing  # noqa: PLC0415 - 30 ms, and most turns are small
    import threading  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # fork starts in milliseconds, but only a process without other threads may do it.
    method = "fork" if threading.active_count() == 1 else "forkserver"
    context: Any = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    try:
        with _undisturbed():
            pool.submit(bool)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        if method == "forkserver":
            _end_servers()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put Ctrl-C off: a pool that is interrupted while it starts its processes can neither go on nor end."""
    import signal  # noqa: PLC0415 - as above

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Make a new process a worker."""
    import signal  # noqa: PLC0415 - in the worker alone

    # A terminal tells Ctrl-C to all of them; the first one ends the others, which would have tracebacks to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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


def jobs_for(place: str, jobs: int | None) -> int | None:
    """Give how many processes may read the seeds there: what lies in this one's memory, no other can see."""
    return 1 if place.startswith("memory://") else jobs
