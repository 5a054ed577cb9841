"""`authors` and `source` of a seed, which the collector writes too: what is wrong in them costs that part alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from aggregator.model.items import Person, Seed, Source
from aggregator.normalizer.seed import read


def seed_with(**keys: Any) -> tuple[Seed, list[str]]:
    front = {"title": "A", "webUrl": "https://example.org/a", "publishedDateTime": "2026-05-01T08:00:00Z", **keys}
    reading = read(f"---\n{yaml.safe_dump(front)}---\n".encode(), path="a.md", zone="UTC")
    assert isinstance(reading.outcome, Seed), reading
    return reading.outcome, [str(one) for one in reading.warnings]


def test_several_authors_are_read() -> None:
    """Each has a name, an e-mail address and a page; `author` is their names."""
    ann = {"name": "Ann", "email": "ann@example.org", "url": "https://ann.example/"}
    seed, warnings = seed_with(authors=[ann, {"name": "Bob"}, {"email": "desk@example.org"}])
    assert warnings == []
    assert seed.authors == (Person(**ann), Person(name="Bob"), Person(email="desk@example.org"))
    assert seed.author == "Ann, Bob, desk@example.org"


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"authors": ["Ann", "Bob"]}, ["Ann", "Bob"]), ({"authors": "Ann, Bob"}, ["Ann", "Bob"]),
        ({"authors": {"name": "Ann"}}, ["Ann"]), ({"author": ["Ann", {"name": "Bob"}]}, ["Ann", "Bob"]),
        ({"author": ["Ann"]}, []), ({"author": "Ann, Bob"}, []), ({"author": ["Ann", "Bob"], "authors": ["C"]}, ["C"]),
    ],
)  # fmt: skip
def test_other_ways_to_write_authors(keys: dict[str, Any], names: list[str]) -> None:
    """Texts are names; an `author` that is a list names several, and one alone stays one text."""
    seed, warnings = seed_with(**keys)
    assert ([one.name for one in seed.authors], warnings) == (names, [])


def test_what_is_wrong_with_an_author_is_left_out() -> None:
    """A bad address costs itself, nobody costs nothing, the same person is named once, and there are at most fifty."""
    seed, warnings = seed_with(
        authors=[{"name": "Ann", "email": "a b", "url": "javascript:x"}, {}, {"name": "Ann"}, {"name": " "}]
    )
    assert seed.authors == (Person(name="Ann"),)
    assert ["authors[0].email" in warnings[0], "authors[0].url" in warnings[1], len(warnings)] == [True, True, 2]
    seed, warnings = seed_with(authors=[{"name": f"N{number}"} for number in range(60)])
    assert (len(seed.authors), len(warnings)) == (50, 1)


def test_the_source_is_read() -> None:
    """Its URL, title, page and id; and the item's address there if the seed has both links."""
    source = {"url": "https://e.example/feed.xml", "title": "E & F", "link": "https://e.example/", "id": "urn:x:1"}
    seed, warnings = seed_with(source=source, originalUrl="https://e.example/a")
    assert warnings == []
    assert seed.source == Source(**source, original="https://e.example/a")
    assert seed_with(source=source)[0].source == Source(**source)


@pytest.mark.parametrize(
    ("written", "expected", "warnings"),
    [
        ("https://e.example/feed", Source(url="https://e.example/feed"), 0), ("Reuters", Source(title="Reuters"), 0),
        ({"url": "nothing", "title": "E"}, Source(title="E"), 1), ({"url": "nothing"}, None, 1), ({}, None, 0),
        ({"title": "E", "id": "no uri"}, Source(title="E"), 0), ({"title": "E", "etag": "x"}, Source(title="E"), 0),
    ],
)  # fmt: skip
def test_a_source_never_costs_the_item(written: Any, expected: Source | None, warnings: int) -> None:
    """A text is its address or its title; what is wrong is left out, with a warning if it is an address."""
    seed, found = seed_with(source=written)
    assert (seed.source, len(found)) == (expected, warnings)
