"""What a seed becomes is bounded by what it is, whatever its markup (G21): bodies by lot, from a grammar of markup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import NamedTuple

import msgspec
import pytest
from support.bodies import seed
from support.fuzz_inputs import ROOT

from aggregator.normalizer import growth

TOGETHER = 50
"""How many bodies one process renders."""

MOST_SECONDS = 12
"""Processor seconds for one body: the bound of `test_bounds`."""

MOST_MEMORY = 350
"""MB of memory of a process at its peak, that of Python included."""

MOST_FEED_BYTES = 12
"""How many bytes a feed (RSS, Atom, JSON Feed and page together) may hold for each that `growth.allowed` counts."""

RENDER = f"""
import json, resource, sys, time
from pathlib import Path
sys.path[:0] = [{str(ROOT / "tests")!r}]
resource.setrlimit(resource.RLIMIT_AS, (2_000 * 10**6,) * 2)
from support.bodies import seed
from support.stored_item import SETTINGS, SPEC
from aggregator.normalizer import content
from aggregator.site import render_jobs
render_jobs.load()
for number in map(int, sys.argv[1:]):
    one = seed(number)
    began = time.process_time()
    item = content.item(one, id=one.id, topics=["T"], related=one.related, now=one.published)
    job = render_jobs.FeedJob(spec=SPEC, items=(0,))
    documents = render_jobs.render_job(job, [item], SETTINGS).documents
    seconds = time.process_time() - began
    memory = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1_000  # ru_maxrss: the parent's, if more
    feeds = sum(len(document.body) for document in documents)
    print(json.dumps([number, seconds, memory, len(one.body), len(one.embed), item.content, feeds]), flush=True)
"""


class Rendered(NamedTuple):
    """What became of a body: processor seconds, MB of memory at the process's peak, its length and that of the embed."""

    number: int
    seconds: float
    memory: int
    body: int
    embed: int
    content: str
    feeds: int


class Balance(HTMLParser):
    """Finds elements that are closed by others, or not at all."""

    EMPTY = frozenset({"br", "col", "hr", "img", "wbr"})

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def rendered(numbers: Sequence[int]) -> list[Rendered]:
    """Render these bodies in a process of their own, of which the memory is bounded."""
    result = subprocess.run(
        [sys.executable, "-c", RENDER, *map(str, numbers)], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{result.stdout.count(chr(10))} done of {numbers}: {result.stderr[-1_000:]}"
    return [Rendered(*json.loads(line)) for line in result.stdout.splitlines()]


def assert_bounded(one: Rendered) -> None:
    """Assert the bounds of one body."""
    related = sum(5 * len(related.link) + 200 for related in seed(one.number).related)
    most = growth.allowed("x" * one.body) + (growth.allowed("x" * one.embed) if one.embed else 0) + related
    assert len(one.content) <= most, one.number
    assert one.feeds <= MOST_FEED_BYTES * most, one.number
    assert one.seconds <= MOST_SECONDS, one.number
    assert one.memory <= MOST_MEMORY, one.number
    balance = Balance(one.content)
    assert (balance.open, balance.wrong) == ([], []), one.number


def worst(found: list[Rendered]) -> dict[str, object]:
    """Return the worst of each kind with the number of its body."""
    length = {one.number: len(msgspec.json.encode(seed(one.number))) for one in found}
    of = {
        "seconds": max((one.seconds, one.number, length[one.number]) for one in found),
        "memory": max((one.memory, one.number) for one in found),
        "bytes of feeds per byte": max(
            (one.feeds / length[one.number], one.number, length[one.number]) for one in found if length[one.number] > 10_000
        ),
        "most bytes of feeds": max((one.feeds, one.number, length[one.number]) for one in found),
    }  # fmt: skip
    return {"bodies": len(found), "as typed": sum(one.content.startswith("<pre>") for one in found), **of}


@pytest.mark.slow
def test_bodies_by_lot_are_bounded() -> None:
    """Seconds, memory and bytes are within the bounds for 25 bodies, and what comes out is balanced."""
    assert_all_bounded(range(25))


@pytest.mark.slow
def test_more_bodies_by_lot_are_bounded() -> None:
    """The same for a hundred."""
    for first in range(100, 200, TOGETHER):
        assert_all_bounded(range(first, first + TOGETHER))


def assert_all_bounded(numbers: range) -> None:
    """Render these bodies and assert the bounds of each."""
    found = rendered(numbers)
    print(json.dumps(worst(found)))
    assert len(found) == len(numbers)
    for one in found:
        assert_bounded(one)


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_five_thousand_bodies_are_bounded() -> None:
    """The bounds hold for 5,000 bodies; the worst are printed."""
    found = [one for first in range(0, 5_000, TOGETHER) for one in rendered(range(first, first + TOGETHER))]
    print(json.dumps(worst(found)))
    for one in found:
        assert_bounded(one)
