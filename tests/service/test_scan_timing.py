"""When full scans happen, in addition to what events ask for."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.model.reports import Turn
from aggregator.service.scan_timing import LONGEST_QUIET, SHARE, PendingScan, ScanBudget


def turn(read: int = 0, rendered: int = 0, written: tuple[str, ...] = ()) -> Turn:
    """Return a turn whose full scan took half a second."""
    return Turn(now=NOW, seconds=9.0, read=read, rendered=rendered, written=written, stages={"scan": 0.5})


@pytest.mark.parametrize("busy", [turn(read=1), turn(rendered=1), turn(written=("index.html",))])
def test_what_a_turn_reads_and_writes_does_not_count_as_the_cost_of_a_scan(site: SiteFolder, busy: Turn) -> None:
    """A config change once took two seconds to render, and full scans were an hour apart."""
    budget, rest = ScanBudget(), 0.5 / SHARE["native"]
    budget.note_scan(busy, 0.0, 9.0)
    assert budget.is_spent("native", site.config(), 9.0 + rest - 1)
    assert not budget.is_spent("native", site.config(), 9.0 + rest + 1)


def test_all_of_a_turn_that_finds_nothing_is_the_cost_of_a_scan(site: SiteFolder) -> None:
    """Checking the published documents takes time, too."""
    budget = ScanBudget()
    budget.note_scan(turn(), 0.0, 9.0)
    assert budget.is_spent("native", site.config(), 9.0 / SHARE["native"])


def test_no_scan_is_skipped_when_polling_or_if_the_config_forbids_it(site: SiteFolder) -> None:
    """Without events, or if the config sets `schedule.scan`, the budget does not apply."""
    budget = ScanBudget()
    budget.note_scan(turn(), 0.0, 9.0)
    assert not budget.is_spent("polling", site.config(), 9.0)
    site.settings["schedule"] = {"scan": "30s"}
    assert not budget.is_spent("native", site.config(), 9.0)


def test_a_pending_scan_waits_for_quiet_but_not_for_ever() -> None:
    """Each event postpones it, up to the longest time; it happens once."""
    pending = PendingScan()
    assert not pending.pop_if_due(0.0)
    pending.schedule(1.0, 0.0)
    for second in range(int(LONGEST_QUIET)):
        assert not pending.pop_if_due(float(second))
        pending.postpone(5.0, float(second))
    assert pending.pop_if_due(LONGEST_QUIET)
    assert not pending.pop_if_due(LONGEST_QUIET + 1)
    pending.postpone(5.0, LONGEST_QUIET)
    assert not pending.pop_if_due(LONGEST_QUIET + 9)
