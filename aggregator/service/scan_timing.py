"""When the whole seeds folder is scanned, in addition to what events ask for. Pure.

Between full scans, a scheduled scan only compares the folders' lists of names. That finds files that were added or
removed without an event, but not files whose content changed without one.
"""

from __future__ import annotations

from aggregator.config.settings import Config
from aggregator.model.reports import Turn

SHARE = {"native": 0.0005, "listing": 0.05}
"""The share of a processor that walking a watched folder may cost, or of the time that listing a store may take."""


class ScanBudget:
    """Limits how often everything is scanned by what the last full scan cost; times are seconds of one clock."""

    def __init__(self) -> None:
        self._scanned = 0.0
        self._cost = 0.0

    def note_scan(self, turn: Turn, began: float, now: float) -> None:
        """Note a full scan from `began` to `now`; what `turn` read and wrote is not counted as its cost."""
        busy = turn.read or turn.rendered or turn.written or turn.failed
        self._cost = turn.stages.get("scan", 0.0) if busy else now - began
        self._scanned = now

    def is_spent(self, backend: str, config: Config, now: float) -> bool:
        """Return whether it is too early for the next full scan; never if the config sets `schedule.scan`."""
        share = SHARE.get(backend)
        if share is None or config.schedule.scan is not None:
            return False
        return now - self._scanned < self._cost / share


LONGEST_QUIET = 10.0
"""How long, in seconds, a pending scan waits at most for events to pause."""


class PendingScan:
    """A full scan that is to follow a doubt or a failed turn; times are seconds of one clock."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._latest: float | None = None

    def schedule(self, seconds: float, now: float) -> None:
        """Schedule a full scan in `seconds`, or later while events go on."""
        self._latest = self._latest or now + LONGEST_QUIET
        self._at = now + seconds

    def postpone(self, seconds: float, now: float) -> None:
        """Wait for `seconds` without an event if a scan is pending."""
        if self._at is not None:
            self._at = max(self._at, now + seconds)

    def pop_if_due(self, now: float) -> bool:
        """Return whether the scan is due, and remove it if it is."""
        if self._at is None or now < min(self._at, self._latest or self._at):
            return False
        self._at = self._latest = None
        return True
