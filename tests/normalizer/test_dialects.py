"""The dialects of other programs: a sample folder of each, made after the program's documentation, with what is right.

A sample is a folder `cases/dialects/NAME/` with `root.json` (the settings of its root beside `base`, its time zone, and
the first commits that git would know) and `expected.json` (by path: the item, or what is wrong with the file).
`python tests/normalizer/test_dialects.py NAME …` writes `expected.json` anew, to be read with care.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aggregator.model.items import Rejection, Seed
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer.dialects import reading
from aggregator.normalizer.dialects.table import names
from aggregator.normalizer.seed import Reading

SAMPLES = Path(__file__).parents[1] / "cases" / "dialects"
BASE = "https://blog.example.org/"


def root_of(name: str) -> tuple[SeedRoot, dict[str, Any]]:
    settings = json.loads((SAMPLES / name / "root.json").read_text())
    keys = {key: tuple(several) for key, several in settings.get("keys", {}).items()}
    return SeedRoot(folder=name, dialect=name, base=BASE, link=settings.get("link", ""), keys=keys), settings


def files_of(name: str) -> list[str]:
    folder = SAMPLES / name
    found = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path not in {"root.json", "expected.json"})


def read_sample(name: str, path: str) -> Reading:
    root, settings = root_of(name)
    commits = settings.get("first_commit", {})
    return reading.read(
        (SAMPLES / name / path).read_bytes(), path=path, root=root, zone=settings.get("zone", "UTC"), site=BASE,
        first_commit=commits.get,
    )  # fmt: skip


def as_expected(one: Reading) -> dict[str, Any]:
    """Return a reading as `expected.json` has it, without what is empty."""
    if isinstance(one.outcome, Rejection):
        return {"problems": [str(problem) for problem in one.outcome.problems]}
    seed = one.outcome
    if not seed.is_published:
        return {"held": True}
    found = {
        "title": seed.title, "published": moment(seed.published), "link": seed.link,
        "updated": moment(seed.updated), "expires": moment(seed.expires), "topics": seed.topics, "tags": seed.tags,
        "excerpt": seed.excerpt, "author": seed.author, "images": [image.url for image in seed.images],
        "aliases": seed.aliases, "base": seed.base, "markup": "" if seed.markup == "markdown" else seed.markup,
        "body": seed.body, "warnings": [str(problem) for problem in one.warnings],
    }  # fmt: skip
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items() if value}


def moment(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in names() for path in files_of(name)])
def test_a_sample_is_read_as_its_program_reads_it(name, path) -> None:
    """Title, date, address, topics, tags, excerpt, picture, author and state are those that the program shows."""
    expected = json.loads((SAMPLES / name / "expected.json").read_text())

    assert as_expected(read_sample(name, path)) == expected[path]


@pytest.mark.parametrize("name", names())
def test_each_dialect_has_a_sample(name) -> None:
    """Adding a dialect is adding its table and a folder of cases; every expected file is there."""
    expected = json.loads((SAMPLES / name / "expected.json").read_text())

    assert sorted(expected) == files_of(name)
    assert any("title" in one for one in expected.values())
    assert any("held" in one for one in expected.values()) or name == "native"
    assert any("problems" in one for one in expected.values())


@pytest.mark.parametrize("name", names())
def test_no_draft_of_a_sample_is_published(name) -> None:
    """What holds the word `secret` is held back, refused, or embargoed until the year 2099."""
    for path in files_of(name):
        if "secret" not in (SAMPLES / name / path).read_text():
            continue
        outcome = read_sample(name, path).outcome

        assert isinstance(outcome, Rejection) or not outcome.is_published or outcome.published > 4_000_000_000
        assert not isinstance(outcome, Rejection) or all("secret" not in str(one) for one in outcome.problems)


if __name__ == "__main__":
    for sample in sys.argv[1:] or names():
        made = {path: as_expected(read_sample(sample, path)) for path in files_of(sample)}
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (SAMPLES / sample / "expected.json").write_text(text)
    assert Seed
