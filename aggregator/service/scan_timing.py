"""When everything is looked at, beyond what events ask for: doubts and costs in, whether it is time out; pure.

Between walks a scan looks at the folders' lists of names alone, which tells of files that came or went unseen, not of
files whose content changed unseen.
"""

from __future__ import annotations

from aggregator.config.settings import Config
from aggregator.model.reports import Turn

SHARE = {"native": 0.0005, "listing": 0.05}
"""The share of a processor that walking a watched folder may cost, or of the time that listing a store may take."""


class ScanBudget:
    """Remembers when everything was looked at last and what that cost; times are seconds of one clock."""

    def __init__(self) -> None:
        """Begin with nothing looked at."""
        self._looked = 0.0
        self._cost = 0.0

    def looked(self, turn: Turn, began: float, now: float) -> None:
        """Note a turn over everything, from `began` to `now`; what it read and wrote is not what looking costs."""
        busy = turn.read or turn.rendered or turn.written or turn.failed
        self._cost = turn.stages.get("scan", 0.0) if busy else now - began
        self._looked = now

    def is_spent(self, backend: str, config: Config, now: float) -> bool:
        """Say whether the next walk would come too soon; never where the config says how often it wants one."""
        share = SHARE.get(backend)
        if share is None or config.schedule.scan is not None:
            return False
        return now - self._looked < self._cost / share


LONGEST_QUIET = 10.0
"""How long, in seconds, a look at everything waits for events to pause."""


class NextLook:
    """When everything is looked at again, because of a doubt; times are seconds of one clock."""

    def __init__(self) -> None:
        """Begin without a doubt."""
        self._at: float | None = None
        self._by: float | None = None

    def wait(self, seconds: float, now: float) -> None:
        """See to it that everything is looked at in `seconds`, or later while events go on."""
        self._by = self._by or now + LONGEST_QUIET
        self._at = now + seconds

    def put_off(self, seconds: float, now: float) -> None:
        """An event came: where a look is waited for, wait for so many seconds of quiet."""
        if self._at is not None:
            self._at = max(self._at, now + seconds)

    def has_come(self, now: float) -> bool:
        """Say whether it is time, once."""
        if self._at is None or now < min(self._at, self._by or self._at):
            return False
        self._at = self._by = None
        return True
