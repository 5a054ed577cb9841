"""The time that each stage of a turn takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.site_folder import SiteFolder

from aggregator.cli import report
from aggregator.site.stopwatch import Stopwatch


def spin(seconds: float) -> None:
    """Use at least so many seconds."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_a_stage_pauses_for_the_one_inside_it() -> None:
    """The time of an inner stage is not counted twice."""
    watch = Stopwatch()
    began = time.perf_counter()
    with watch.of("outer"):
        spin(0.01)
        with watch.of("inner"):
            spin(0.05)
        spin(0.01)
    passed = time.perf_counter() - began
    assert watch.seconds["inner"] >= 0.05
    assert watch.seconds["outer"] >= 0.02
    assert sum(watch.seconds.values()) <= passed


def test_values_count_for_who_makes_them() -> None:
    """Making a value counts for its stage, using it for the stage around."""

    def made() -> Iterator[int]:
        for number in range(3):
            spin(0.01)
            yield number

    watch = Stopwatch()
    with watch.of("use"):
        for _ in watch.during("make", made()):
            spin(0.02)
    assert watch.seconds["make"] >= 0.03
    assert watch.seconds["use"] >= 0.06


def test_a_stage_that_fails_is_over() -> None:
    """The exception is raised, and what follows is not counted for that stage."""
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.of("failing"):
        raise KeyError
    before = watch.seconds["failing"]
    with watch.of("next"):
        pass
    assert watch.seconds["failing"] == before


def test_a_build_says_where_its_time_went(site: SiteFolder) -> None:
    """Each stage has its seconds, in total no more than the turn; the table ends with the rest."""
    site.settings["pages"] = {"items": "all"}
    site.write("a.md")
    turn = site.build()
    assert set(turn.stages) == set(report.STAGES) - {"search"}
    assert 0 < sum(turn.stages.values()) <= turn.seconds
    lines = list(report.stage_lines(turn))
    assert [line.split()[3] for line in lines] == [*report.STAGES, "other"]
    shares = [int(line.split()[2].rstrip("%")) for line in lines]
    assert 100 - len(lines) <= sum(shares) <= 100 + len(lines)
