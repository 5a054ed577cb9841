"""Processes that parse seeds or render documents: started for large work, ended with the turn.

Starts and ends processes. They end with this one, whatever kills it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from aggregator.model.seed_roots import SeedRoot
from aggregator.site.memory import collect_rarely

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

MANY_FILES = 1_500
"""From this many files on, several processes read faster than one."""

MANY_FEEDS = 16
"""From this many feeds on, several processes render faster than one."""

MANY_PAGES = 16
"""From this many archive pages on, several processes render faster than one."""

AHEAD = 4 * (os.cpu_count() or 1)
"""How many tasks are under way at once, so that no process waits, unless the executor has a number of its own."""


class _UnderWay(NamedTuple, Generic[Task, Result]):
    """A task that was sent; without a future the executor did not accept it."""

    work: Callable[[Task], Result]
    task: Task
    future: Future[Result] | None

    def result(self) -> Result:
        """Wait for the result; if the process died (out of memory, killed by hand), do the task here."""
        if self.future is not None:
            from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - 10 ms, and few turns need it

            with suppress(BrokenExecutor):
                return self.future.result()
        return self.work(self.task)


def _send(executor: Executor, work: Callable[[Task], Result], task: Task) -> _UnderWay[Task, Result]:
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - as above

    with suppress(BrokenExecutor):
        return _UnderWay(work, task, executor.submit(work, task))
    return _UnderWay(work, task, None)


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
    waiting = deque(_send(executor, work, task) for task in islice(tasks, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(_send(executor, work, task) for task in islice(tasks, 1))
        yield result


class Workers:
    """Processes for one turn, or a cluster: started for the first large work, kept for the work that follows.

    Use it in a `with` statement, at whose end the processes end.
    """

    def __init__(self, jobs: int | None, *, cluster: Executor | None = None) -> None:
        """Use at most `jobs` processes: 1 is only this one, None as many as processors if the work is large.

        A `cluster` does all work, if there is one.
        """
        self._jobs = jobs
        self._cluster = cluster
        self._pool: Executor | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Start no process yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes and wait for that."""
        self._held.close()

    def executor(self, count: int, *, many: int = MANY_FILES) -> Executor | None:
        """Return what does `count` tasks, None for this thread; from `many` tasks on, several processes are faster."""
        jobs = self._jobs or ((os.cpu_count() or 1) if count >= many else 1)
        if self._cluster is not None or jobs == 1:
            return self._cluster
        if self._pool is None or not _accepts(self._pool, bool):
            self._held.close()
            self._pool = self._held.enter_context(_pool(jobs))
        return self._pool

    @property
    def started(self) -> Executor | None:
        """The processes that run already, None if there are none."""
        return self._pool

    def prepare(self, load: Callable[[], object]) -> None:
        """Import what the next work needs in the processes that run already, while this one does something else."""
        for _ in range(self._jobs or os.cpu_count() or 1):
            if self._pool is None or not _accepts(self._pool, load):
                return


def _accepts(pool: Executor, work: Callable[[], object]) -> bool:
    """Submit work whose result nobody waits for; returns false if the pool lost a process and is broken."""
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
    """Delay Ctrl-C: a pool that is interrupted while it starts its processes can neither go on nor end."""
    import signal  # noqa: PLC0415 - as above

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Prepare a new process."""
    import signal  # noqa: PLC0415 - in the worker alone

    # A terminal sends Ctrl-C to all processes; this one would print a traceback, and its parent ends it anyway.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_rarely()
    _end_with_parent()


def _end_with_parent() -> None:
    """End this process when its parent is killed: the pool's pipes would keep it waiting for ever."""
    import threading  # noqa: PLC0415 - in the worker alone
    from multiprocessing import connection, parent_process  # noqa: PLC0415

    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _end_servers() -> None:
    """End the two processes that `forkserver` keeps for the next pool: an idle daemon is one small process.

    The library has no public function for this. If its private ones change, the processes stay and only cost memory.
    """
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - loaded by now

    for server in (getattr(forkserver, "_forkserver", None), getattr(resource_tracker, "_resource_tracker", None)):
        stop = getattr(server, "_stop", None)
        if stop is not None:
            stop()


def jobs_for(roots: Iterable[SeedRoot], jobs: int | None) -> int | None:
    """Return how many processes may read the seeds of `roots`: only this one sees a store in its memory."""
    return 1 if any(root.folder.startswith("memory://") for root in roots) else jobs
