"""Every case of a broken or odd seed: its messages, and that it harms no other seed (G3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from aggregator.model.items import Rejection, Seed
from aggregator.model.reports import Problem
from aggregator.normalizer import seed

NOW = 1_795_500_000
"""24 November 2026."""


def message_of(problem: Problem) -> str:
    """Return a problem as it is printed after the path."""
    return str(problem).removeprefix(problem.path).lstrip(": ").replace(" warning:", "", 1)


def written(name: str, value: object) -> str:
    """Return a field's value as `.expect` files write it."""
    if name in {"published", "updated", "expires"} and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value if isinstance(value, str) and value and "\n" not in value else msgspec.json.encode(value).decode()


def outcome(reading: seed.Reading, fields: list[str]) -> list[str]:
    """Return a reading in the form of `.expect` files, with these `fields`."""
    if isinstance(reading.outcome, Rejection):
        return [*["withdrawn"] * reading.outcome.withdrawn, *map(message_of, reading.outcome.problems)]
    unknown = [f"unknown: {' '.join(reading.unknown)}"] if reading.unknown else []
    values = [f"{name}: {written(name, getattr(reading.outcome, name))}" for name in fields]
    return ["ok", *values, *(f"warning: {message_of(problem)}" for problem in reading.warnings), *unknown]


def test_case(case, zone) -> None:
    """The result of a case is exactly the expected one."""
    reading = seed.read(case.data, path=f"cases/{case.name}.md", zone=zone)
    names = [line.partition(":")[0] for line in case.expected]

    assert outcome(reading, [name for name in names if name in Seed.__struct_fields__]) == list(case.expected)
    assert case.shows


def test_a_good_neighbour_is_published(case, zone, site) -> None:
    """A broken seed keeps no other seed out of the feeds, and is in none itself."""
    site.write("neighbour.md", publishedDateTime="2026-11-21T08:00:00Z", quality=None)
    (site.seeds / f"{case.name}.md").write_bytes(case.data)
    site.settings["timezone"] = zone
    site.settings["pages"] = {"items": "none"}

    turn = site.build(now=NOW)

    ids = site.ids()
    assert "https://news.example.org/neighbour" in ids
    assert case.is_good or (ids == ["https://news.example.org/neighbour"] and turn.held)
    assert case.is_good or f"{case.name}.md" in {problem.path for problem in turn.problems}


@pytest.mark.parametrize("name", ["bom", "crlf", "cr", "u2028", "u2029", "u0085"])
def test_line_breaks_and_bom_make_no_difference(name, samples, zone) -> None:
    """Neither line breaks nor a byte order mark change what is read."""
    text = samples["videos/2026-11-16-tour-of-a-battery-room.md"].decode() + "One line,\nand another.\n"
    breaks = {"bom": "\n", "crlf": "\r\n", "cr": "\r", "u2028": "\u2028", "u2029": "\u2029", "u0085": "\x85"}
    data = ("\ufeff" if name == "bom" else "").encode() + text.replace("\n", breaks[name]).encode()

    assert seed.read(data, path="a.md", zone=zone) == seed.read(text.encode(), path="a.md", zone=zone)


def test_no_message_quotes_a_seed(cases, zone) -> None:
    """Messages quote no words of a seed but its keys: they may be private (G12)."""
    own = re.compile(
        r"bridge|ada|harbour|story|tuesday|soon|alert|secret|eighty|video|mood|score|maybe|high|example\.org/",
        re.IGNORECASE,
    )
    for case in cases:
        reading = seed.read(case.data, path="a.md", zone=zone)
        problems = reading.outcome.problems if isinstance(reading.outcome, Rejection) else reading.warnings
        for problem in problems:
            assert not own.search(f"{problem.message} {problem.hint}"), problem


def test_every_problem_of_a_broken_field_has_its_position(cases, zone) -> None:
    """Only a problem of a whole file has no line and column."""
    for case in cases:
        reading = seed.read(case.data, path="a.md", zone=zone)
        for problem in reading.outcome.problems if isinstance(reading.outcome, Rejection) else ():
            assert problem.line or problem.message.startswith(("is empty", "is UTF-16", "has 1"))
            assert problem.column or not problem.line


def test_no_case_is_left_out(cases) -> None:
    """Every file of the folder belongs to a case, so that renaming one does not disable the tests above."""
    folder = Path(__file__).parents[1] / "cases" / "seeds"

    assert {path.stem for path in folder.glob("*.expect")} == {path.stem for path in folder.glob("*.md")}
    assert len(cases) > 130
