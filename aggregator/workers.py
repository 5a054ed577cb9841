"""Processes that parse seeds or render pages, many at once: started when it pays, gone when the work is done.

Starts and ends processes. They end with this one, whatever kills it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor

MANY_FILES = 1_500
"""From so many files on, reading them in several processes pays."""

MANY_PAGES = 16
"""From so many pages of archives on, rendering them in several processes pays."""


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
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent) as pool:
            yield pool
    finally:
        if method == "forkserver":
            _end_servers()


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
