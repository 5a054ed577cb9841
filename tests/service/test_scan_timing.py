"""When everything is looked at, beyond what events ask for."""

from __future__ import annotations

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.model.reports import Turn
from aggregator.service.scan_timing import LONGEST_QUIET, SHARE, PendingScan, ScanBudget


def turn(read: int = 0, rendered: int = 0, written: tuple[str, ...] = ()) -> Turn:
    """Make a turn over everything that spent half a second on its walk."""
    return Turn(now=NOW, seconds=9.0, read=read, rendered=rendered, written=written, stages={"scan": 0.5})


@pytest.mark.parametrize("busy", [turn(read=1), turn(rendered=1), turn(written=("index.html",))])
def test_what_a_turn_reads_and_writes_does_not_count_as_the_cost_of_looking(site: SiteFolder, busy: Turn) -> None:
    """A config that changes every page took two seconds, and walks were an hour apart."""
    budget, rest = ScanBudget(), 0.5 / SHARE["native"]
    budget.note_scan(busy, 0.0, 9.0)
    assert budget.is_spent("native", site.config(), 9.0 + rest - 1)
    assert not budget.is_spent("native", site.config(), 9.0 + rest + 1)


def test_all_of_a_turn_that_finds_nothing_is_the_cost_of_looking(site: SiteFolder) -> None:
    """The documents that are looked at cost time, too."""
    budget = ScanBudget()
    budget.note_scan(turn(), 0.0, 9.0)
    assert budget.is_spent("native", site.config(), 9.0 / SHARE["native"])


def test_no_walk_is_spared_where_none_can_be_or_shall_be(site: SiteFolder) -> None:
    """Where nothing tells of changes, and where the config says how often."""
    budget = ScanBudget()
    budget.note_scan(turn(), 0.0, 9.0)
    assert not budget.is_spent("polling", site.config(), 9.0)
    site.settings["schedule"] = {"scan": "30s"}
    assert not budget.is_spent("native", site.config(), 9.0)


def test_a_look_waits_for_quiet_but_not_for_ever() -> None:
    """Each event puts it off, up to the longest time; it comes once."""
    look = PendingScan()
    assert not look.has_come(0.0)
    look.wait(1.0, 0.0)
    for second in range(int(LONGEST_QUIET)):
        assert not look.has_come(float(second))
        look.put_off(5.0, float(second))
    assert look.has_come(LONGEST_QUIET)
    assert not look.has_come(LONGEST_QUIET + 1)
    look.put_off(5.0, LONGEST_QUIET)
    assert not look.has_come(LONGEST_QUIET + 9)
