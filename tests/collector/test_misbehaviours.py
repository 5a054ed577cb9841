"""What sources do that they should not: what is shown, what is held back, and what `explain` says. Cases are files.

`polls` are answered one after the other. `says` is what people read in the end, word by word, the source's address as SOURCE. `items` are groups such as `post 1-10`, newest last by their number: one a
day, number 10 on the day of the first poll; what differs from the usual is said after the group.
"""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.collecting import DAY, Planet, Post, conditional, rss
from support.scripted_server import Reply

from aggregator.collector import database
from aggregator.model.source_words import details

CASES = sorted((Path(__file__).parents[1] / "cases/collector").glob("*.yaml"))
TITLES = {"post": "Garden notes {}", "casino": "Casino bonus {}", "poker": "Poker chips {}"}


def numbers(group: str) -> tuple[str, range, str]:
    """Return the name, the numbers and the title of a group: `post 1-10 = Title {}`."""
    text, _, title = group.partition(" = ")
    name, _, span = text.partition(" ")
    first, _, last = span.partition("-")
    return name, range(int(first), int(last or first) + 1), title or TITLES.get(name, "Other things {}")


def groups(items: Any) -> list[tuple[str, dict[str, str]]]:
    """Return the groups of a case with what is said of each."""
    if isinstance(items, str):
        return [(items, {})]
    if isinstance(items, dict):
        return [(group, said or {}) for group, said in items.items()]
    return [one for item in items for one in groups(item)]


def made(items: Any, planet: Planet, start: float) -> list[Post]:
    """Return the entries of a poll, newest first."""
    found = []
    for group, said in groups(items):
        name, span, title = numbers(group)
        for number in span:
            at: float | None = start + (number - 10) * DAY if number <= 100 else start + DAY + number
            if (when := said.get("date")) is not None and when != "post":
                at = {"now": planet.clock.time, "none": None}.get(when, 0) if isinstance(when, str) else stamp(when)
            text = {key: said[key].format(number) for key in ("id", "link", "title", "text", "author") if key in said}
            found.append(Post(f"{name}{number}", at, **{"title": title.format(number)} | text))
    return found[::-1]


def stamp(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def reply(poll: dict[str, Any], planet: Planet, start: float) -> Reply | None:
    """Return what the source answers, None for its feed."""
    if "status" in poll:
        return Reply(poll["status"])
    if "page" in poll:
        return Reply(200, [("Content-Type", "text/html")], poll["page"].encode())
    return Reply(200, [("Content-Encoding", "gzip")], gzip.compress(bytes(20 << 20))) if poll.get("bomb") else None


def play(case: dict[str, Any], planet: Planet) -> list[dict[str, str]]:
    """Play the polls of a case, and return the seeds' dates by path after each."""
    source = planet.add(**case.get("source", {}))
    start, dates = planet.clock.time, []
    if "second" in case:
        planet.add("second.example")
        planet.answers_with(rss(made(case["second"], planet, start)), "second.example")
    for poll in case["polls"]:
        planet.clock.move(int(poll.get("after", "0d")[:-1]) * DAY)
        if "release" in poll:
            with planet.collector() as collector:
                collector.release(source.url)
            continue
        host = poll.get("at", "blog.example")
        if host != "blog.example":
            planet.answers_with(Reply(302, [("Location", planet.server.url(host))]))
        if (answer := reply(poll, planet, start)) is None:
            entries = made(poll["items"], planet, start)
            random.Random(poll.get("shuffled")).shuffle(entries) if "shuffled" in poll else None
            body = rss(entries)[: -poll.get("cut", 0) or None]
            answer = lambda seen, body=body: conditional(seen, body)  # noqa: E731
        planet.answers_with(answer, host)
        planet.poll()
        dates.append({path: published(data) for path, data in planet.seeds().items()})
    return dates


def said(links: Iterable[str], planet: Planet) -> dict[str, Any]:
    """Return what people read: lines of `sources` and `status` without moments, notes of the log, sentences of `explain`."""
    state, url = str(planet.root / "state"), planet.sources[0].url
    lines = [re.sub(r"^(next poll) [0-9TZ:-]+", r"\1", line) for line in details(planet.status())]
    sentences = {link: [one.sentence for one in database.findings(state, link)] for link in links}
    found = {
        "sources": [line for line in lines if not line.startswith(("last success", "no success yet"))],
        "told": list(dict.fromkeys(note for _, note in planet.told)),
        "explain": {link: " ".join(dict.fromkeys(found)) for link, found in sentences.items()},
    }
    return yaml.safe_load(yaml.safe_dump(found).replace(url, "SOURCE").replace(f":{planet.server.port}", ""))


def published(data: bytes) -> str:
    return re.search(rb"publishedDateTime: \"?([^\"\n]+)", data)[1].decode()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_misbehaving_source_shows_nothing_wrong_and_loses_nothing(path: Path, planet: Planet) -> None:
    """What is shown, what waits and why, are as the case says."""
    case = yaml.safe_load(path.read_text())
    start = planet.clock.time
    dates = play(case, planet)
    if "shown" in case:
        wanted = [
            title.format(number)
            for group, _ in groups(case["shown"])
            for _, span, title in [numbers(group)]
            for number in span
        ]
        assert planet.shown() == sorted(wanted)
    if "shown_links" in case:
        name, span, _ = numbers(case["shown_links"])
        links = {re.search(rb"webUrl: \"?([^\"\n]+)", data)[1].decode() for data in planet.seeds().values()}
        assert links == {f"https://blog.example/{name}{number}" for number in span}
    guards = Counter(row.held_by for row in planet.known().values() if row.held_by)
    for guard, count in {**case.get("held", {}), **case.get("known", {})}.items():
        assert guards[guard] == count
    if "held" in case:
        assert planet.status().held == sum(case["held"].values())
    assert planet.status().state == case.get("state", planet.status().state)
    assert said(case["says"]["explain"], planet) == case["says"]
    if case.get("dates_stay"):
        assert all(earlier.items() <= later.items() for earlier, later in pairwise(dates))
    if "dates_until" in case:
        assert all(datetime.fromisoformat(one).timestamp() <= start for one in dates[-1].values())


def test_every_case_says_what_it_is() -> None:
    """Forty cases and more, each with a sentence at its head and an expectation."""
    assert len(CASES) >= 40
    assert all(path.read_text().startswith("# ") for path in CASES)
