"""A megabyte of anything costs a bounded amount of processor time and memory (G13)."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet
from support.fuzz_inputs import HOSTILE_TOKENS, MARATHON_SECONDS, ROOT
from support.site_folder import NOW, SiteFolder

from aggregator.normalizer import text
from aggregator.normalizer.front_matter import MAX_FRONT_MATTER, MAX_SEED

MOST_SECONDS = 12
"""Processor seconds for a whole build; tests/README.md has the figures of an idle machine."""

MOST_MEMORY = 350
"""MB of memory at its peak."""

MOST_ADDRESSES = 2_000
"""MB of address space; an allocator reserves 1,074 and uses few."""

BUILD = f"""
import pathlib, resource, aggregator
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_SECONDS}, {MOST_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({MOST_ADDRESSES * 10**6}, {MOST_ADDRESSES * 10**6}))
turn = aggregator.build(aggregator.load_config("config/feeds.yaml"), now={NOW}, jobs=1)
used = resource.getrusage(resource.RUSAGE_SELF)
held = pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(turn.items, len(turn.failed), used.ru_utime + used.ru_stime, int(held) // 1_000)
"""
HEAD = "---\ntitle: Bad\nwebUrl: https://news.example.org/bad\npublishedDateTime: 2026-05-01\ntopics: [T]\n"
BODIES = {
    "emphasis": "*a _b **c ", "brackets": "[", "pictures": "![", "links": "[a](b) ", "code": "`a ", "autolinks": "<https://a.example/b> ",
    "lists": "- a\n", "lists in lists": f"{'- ' * 9}a\n", "numbers": "1. a\n", "headings": "# a\n", "quotes": ">", "table rows": "a|b\n-|-\n",
    "entities": "&CounterClockwiseContourIntegral;", "elements": "<div>", "closed elements": "<b></b>", "tables in tables": "<table><tr><td>",
    "foster parents": "<table>x<b>", "frames": "<iframe src=https://a.example/></iframe>", "ampersands": "&", "definitions": "[a]: /u\n", "words": "words of text ",
    "letters beyond ASCII": "ü", "controls": "\x01",
}  # fmt: skip
"""Each is repeated up to a megabyte."""

WHOLE = {
    "lazy quotes": f"{'>' * 18}a\n" + "a\n" * 400_000,
    "a wide table": f"{'a|' * 1_000}\n{'-|' * 1_000}\n" + "|\n" * 400_000,
    "attributes": f"<p {' '.join(f'a{number}' for number in range(140_000))}>",
    "open elements": "<i>" * 490 + "<p>" * 300_000,
    "deeper and deeper": "\n".join(f"{' ' * 2 * depth}- a" for depth in range(1_000)),
    "ticks": " ".join("`" * number for number in range(1_400)),
}


def slow(name: str) -> ParameterSet:
    """Mark a case as slow."""
    return pytest.param(name, marks=pytest.mark.slow)


def megabyte(name: str) -> str:
    """Return a body of as many bytes as a seed may have."""
    body = WHOLE.get(name) or BODIES[name] * MAX_SEED
    return body[: MAX_SEED - 1_000].encode()[: MAX_SEED - 1_000].decode(errors="ignore")


def at_the_limit(body: str) -> str:
    """Cut a body to the longest prefix that is still rendered as Markdown."""
    few, many = 0, len(body)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if text.is_overmarked(body[:middle]) else (middle, many)
    return body[:few]


class Cost(NamedTuple):
    """The cost of a build: processor seconds and MB of memory."""

    seconds: float
    memory: int


def cost(site: SiteFolder, seed: str) -> Cost:
    """Build from nothing with a bad seed and a good one, and assert the bounds."""
    shutil.rmtree(site.root / "state", ignore_errors=True)
    site.write_text("bad.md", seed)
    site.write("good.md", topics=["T"])
    site.config()
    result = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=site.root, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2_000:]
    items, failed, seconds, memory = result.stdout.split()
    assert (int(items) >= 1, int(failed)) == (True, 0)
    assert int(memory) < MOST_MEMORY
    assert "Item good" in site.titles()
    return Cost(float(seconds), int(memory))


WORST = "headings"
"""The case that once took longest; the default run has only this one."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name if name == WORST else slow(name) for name in (*BODIES, *WHOLE)])
def test_a_megabyte_of_one_thing_is_bounded(site: SiteFolder, name: str) -> None:
    """The bounds hold for the whole text and for its longest prefix that is rendered as Markdown."""
    body = megabyte(name)
    print(json.dumps({name: [cost(site, f"{HEAD}---\n{one}") for one in (body, at_the_limit(body))]}))


FRONTS = {
    "keys": "".join(f"k{number}: v\n" for number in range(20_000)), "one key": "k: v\n" * 50_000, "lists": "a: [b]\n" * 40_000,
    "pictures": "images:\n" + "  - {}\n" * 30_000, "related": "related:\n" + "  - {title: [], webUrl: 5}\n" * 9_000,
    "topics": f"topics: [{', '.join(json.dumps('&lt;b' * 500) for _ in range(99))}]\n", "text": f"excerpt: {json.dumps('<a &amp; ' * 28_000)}\n",
    "embed": f"featuredContent: {json.dumps('<img src=a>' * 23_000)}\n", "an address": f"originalUrl: https://a.example/{'%é' * 80_000}\n",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", [name if name == "keys" else slow(name) for name in FRONTS])
def test_the_largest_front_matter_is_bounded(site: SiteFolder, name: str) -> None:
    """The bounds hold for a quarter of a megabyte of any of these."""
    front = (HEAD.partition("topics")[0] + FRONTS[name]).encode()[: MAX_FRONT_MATTER - 10].decode(errors="ignore")
    print(json.dumps({name: cost(site, f"{front}\n---\nbody")}))


@pytest.mark.marathon
@pytest.mark.timeout(7_200)
def test_random_megabytes_are_bounded(site: SiteFolder) -> None:
    """The bounds hold for repeated random pieces, for minutes; the worst is printed."""
    dice, worst, count = random.Random(8), (Cost(0, 0), ""), 0
    until = time.monotonic() + MARATHON_SECONDS
    while time.monotonic() < until:
        piece = "".join(dice.choices(HOSTILE_TOKENS, k=dice.randint(1, 4)))
        before = "".join(dice.choices(HOSTILE_TOKENS, k=3)) * dice.choice([0, 0, 1, 500])
        body = at_the_limit((before + piece * (MAX_SEED // max(1, len(piece.encode()))))[: MAX_SEED // 4])
        worst = max(worst, (cost(site, f"{HEAD}---\n{body}"), repr((before[:60], piece))))
        count += 1
    print(json.dumps({"inputs": count, "worst": worst}))
    assert count > 20
