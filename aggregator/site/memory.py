"""How this process deals with memory: what is no longer used goes back to the system, cycles are looked for rarely."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def give_back() -> None:
    """Give back what a burst of work left behind; Linux' C library keeps it for another one else."""
    import ctypes  # noqa: PLC0415 - a build has no use for it

    with suppress(OSError, AttributeError):  # other C libraries have no such call, and need none
        ctypes.CDLL(None).malloc_trim(0)


def collect_rarely() -> None:
    """Have Python look for cycles a thirtieth as often, and not among what is loaded by now.

    For a process that does one large piece of work and ends: a build makes millions of small objects, of which next to
    none lie in a cycle, and looking for them took a tenth of its time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Do so for a while: the process may be somebody else's."""
    usual = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
