"""The only place that reads the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def clock() -> int:
    """Read the clock: whole seconds since 1970, UTC. The only place where this program does."""
    return int(time.time())
