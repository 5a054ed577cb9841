"""Memory of this process: returns unused memory to the system, and looks for cycles rarely."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def release_memory() -> None:
    """Return memory that a burst of work freed to the system; Linux' C library would keep it for the next one."""
    import ctypes  # noqa: PLC0415 - a build has no use for it

    with suppress(OSError, AttributeError):  # other C libraries have no such call, and need none
        ctypes.CDLL(None).malloc_trim(0)


def collect_rarely() -> None:
    """Look for cycles a thirtieth as often, and not among what is loaded by now.

    For a process that does one large piece of work and ends: a build makes millions of small objects, almost none of
    them in a cycle, and looking for cycles took a tenth of its time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Collect rarely inside the `with` statement: the process may be somebody else's."""
    usual = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
