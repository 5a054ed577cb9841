"""What the public page of the sources shows of each. Pure, and light: it is also asked whether anything has changed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aggregator.model.sources import SourceStatus

_STATES = {
    "new": "new, not asked yet",
    "ok": "well",
    "failing": "fails at the moment",
    "quarantined": "held back until somebody has looked at it",
    "gone": "gone",
    "dead": "has not answered for 30 days",
}
_RATES = ((100, "several items a day"), (15, "about an item a day"), (3, "about an item a week"),
          (0.5, "about an item a month"), (0, "rarely an item"))  # fmt: skip
"""Items a month, and the words for that many or more: few, so that they seldom change."""


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows of a source: its name, address and state, whether that needs attention, why, and its rate.

    One that was not asked yet is not well and needs no attention.
    """

    name: str
    url: str
    state: str
    is_well: bool
    is_new: bool = False
    detail: str = ""
    rate: str = ""


def rows_of(statuses: Iterable[SourceStatus]) -> tuple[SourceRow, ...]:
    """Return what the page shows of each source, by name."""
    return tuple(sorted(map(row_of, statuses), key=lambda row: (row.name.casefold(), row.url)))


def row_of(status: SourceStatus) -> SourceRow:
    """Return what the page shows of a source."""
    is_well, is_new = status.state == "ok", status.state == "new"
    held = f"{status.held:,} at once: the newest are shown, the rest waits" if status.held and is_well else ""
    return SourceRow(
        name=status.name or status.url,
        url=status.url,
        state=_STATES[status.state],
        is_well=is_well,
        is_new=is_new,
        detail=held or ("" if is_well or is_new else status.quarantine or status.error),
        rate=next(words for least, words in _RATES if status.items_per_month >= least) if status.state == "ok" else "",
    )
