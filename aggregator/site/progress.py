"""What a turn and its caller tell each other while the turn works. Reads a clock that only goes forward."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """The caller's side of a turn: it follows the work and may cut it short. `Progress()` does neither."""

    def __init__(
        self,
        *,
        tick: Callable[[], object] | None = None,
        on_wait: Callable[[], object] | None = None,
        may_stop: Callable[[float], bool] | None = None,
        on_read: Callable[[int, int], object] | None = None,
    ) -> None:
        """Take the caller's functions.

        Args:
            tick: called about once a second; whatever it raises ends the turn, which is then undone.
            on_wait: called instead while the turn waits for a disk and makes no progress; may raise likewise.
            may_stop: takes the seconds spent on archive pages; returns whether the rest may wait for later turns.
            on_read: called with the number of files read and their total.
        """
        self._tick = tick
        self._on_wait = on_wait
        self._may_stop = may_stop
        self._on_read = on_read

    @property
    def is_time_limited(self) -> bool:
        """Whether the caller may leave work to later turns; then a turn starts no processes for rendering."""
        return self._may_stop is not None

    def tick(self) -> None:
        """Report to the caller that the turn is alive."""
        if self._tick is not None:
            self._tick()

    def wait(self) -> None:
        """Report to the caller that the turn waits and makes no progress."""
        if self._on_wait is not None:
            self._on_wait()

    def may_stop(self, seconds: float) -> bool:
        """Return whether archive pages may wait for later turns, after `seconds` were spent on them."""
        return self._may_stop is not None and self._may_stop(seconds)

    def files_read(self, done: int, total: int) -> None:
        """Report to the caller how many files were read."""
        if self._on_read is not None:
            self._on_read(done, total)


class TimeLimit:
    """The time for the archive pages of a turn, from now on; at most `seconds` if the turn is time-limited."""

    def __init__(self, progress: Progress, seconds: float) -> None:
        self._progress = progress
        self._seconds = seconds
        self._began = time.monotonic()

    def is_over(self) -> bool:
        """Return whether the time is over; also calls `tick`."""
        self._progress.tick()
        spent = time.monotonic() - self._began
        return self._progress.is_time_limited and (spent > self._seconds or self._progress.may_stop(spent))
