"""The only module that reads the clock."""

from __future__ import annotations

import time


def clock() -> int:
    """Return the time in whole seconds since 1970 (UTC). Nothing else reads the clock."""
    return int(time.time())
