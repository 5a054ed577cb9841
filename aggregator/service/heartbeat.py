"""Whether the daemon's main thread makes progress. Touches the monotonic clock and nothing else.

The main thread calls `beat`; other threads ask for `problem`, so that a main thread that hangs in a system call is
reported although it can report nothing itself.
"""

from __future__ import annotations

import time

LONGEST_SILENCE = 20.0
"""After so many seconds without progress the daemon is unhealthy; a turn makes some about once a second."""


class Heartbeat:
    """When the main thread last made progress, and at what it works since; may be read from any thread."""

    def __init__(self) -> None:
        """Begin now."""
        self._last = (time.monotonic(), "starting")  # one value, as another thread may read it at any moment

    def beat(self, activity: str = "") -> None:
        """Note progress; `activity` says what follows, "" for the same as before."""
        self._last = (time.monotonic(), activity or self._last[1])

    def silence(self) -> float:
        """Return how long, in seconds, there has been no progress."""
        return time.monotonic() - self._last[0]

    def problem(self) -> str:
        """Return that the main thread is stuck and in what, "" if it is not."""
        last, activity = self._last
        silent = time.monotonic() - last
        if silent <= LONGEST_SILENCE:
            return ""
        return f"it has not responded for {silent:.0f} s while {activity} (a disk may hang; the system's log says more)"
