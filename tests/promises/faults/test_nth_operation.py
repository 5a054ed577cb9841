"""Whichever operation of a build fails, feeds stay complete, and the next build repairs everything (G2, G7, G8, G12)."""

from __future__ import annotations

import gc
import itertools
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.failing_operations import FailingOperations
from support.site_checks import (
    DRAFT,
    SECRET,
    find_leaks,
    fresh_build,
    ids_by_feed,
    open_files,
    published_documents,
    temporary_files,
    write_canaries,
)
from support.site_folder import NOW, SiteFolder, iso

import aggregator
from aggregator.model.errors import AggregatorError
from aggregator.model.reports import Turn
from aggregator.site.site import Site

DAY = 86_400
OLD = iso(NOW - 40 * DAY)


def first_build(site: SiteFolder, _number: int) -> None:
    for name in ("feeds", "state"):
        shutil.rmtree(site.root / name, ignore_errors=True)


def edit(site: SiteFolder, number: int) -> None:
    site.write("sub/1.md", title=f"Edited {number}", topics=["T1"])


def deletion(site: SiteFolder, number: int) -> None:
    (site.seeds / f"gone{number - 1}.md").unlink(missing_ok=True)
    site.write(f"gone{number}.md", topics=["T0"], publishedDateTime=iso(NOW - 2 * DAY))


def another_month(site: SiteFolder, number: int) -> None:
    site.write("old.md", title=f"Old {number}", topics=["T0"], publishedDateTime=OLD)
    kept = site.seeds / "older.md"
    if kept.exists():
        kept.unlink()
    else:
        site.write("older.md", topics=["T0"], publishedDateTime=iso(NOW - 80 * DAY))


def another_config(site: SiteFolder, number: int) -> None:
    site.settings["site"] = {"title": f"Title {number}", "url": "https://feeds.example.org/"}
    site.settings["rules"] = {"min_quality": 50 + number % 2 * 20}


def broken_seed(site: SiteFolder, number: int) -> None:
    site.write_text("broken.md", f"---\ntitle: {DRAFT}: {number}\nsecured: {SECRET}\n" + "---\n" * (number % 2))


def from_nothing(site: SiteFolder, number: int) -> None:
    edit(site, number)


CHANGES: dict[str, tuple[Callable[[SiteFolder, int], None], dict[str, bool]]] = {
    "first build": (first_build, {}),
    "edit": (edit, {}),
    "deletion": (deletion, {}),
    "month": (another_month, {}),
    "config": (another_config, {}),
    "broken seed": (broken_seed, {}),
    "fresh": (from_nothing, {"fresh": True}),
}


def sample(site: SiteFolder) -> None:
    site.settings["pages"] = {"items": "all"}
    for number in range(4):
        site.write(
            f"{'sub/' * (number % 2)}{number}.md", topics=[f"T{number % 2}"], quality=60 + number * 5,
            publishedDateTime=iso(NOW - DAY * (1 + number % 2)), body="text " * 50,
        )  # fmt: skip
    write_canaries(site, later=iso(NOW + 99))


class Round:
    """A change to a site, a build in which an operation fails, and the build after it."""

    def __init__(self, site: SiteFolder, what: str, number: int, seed: int, *, alive: bool = False) -> None:
        self.site, self.number, self.alive = site, number, alive
        self.change, self.options = CHANGES[what]
        self.dice = random.Random(f"{what} {number} {seed}")
        self.messages: list[str] = []
        self.turn: Turn | None = None

    def run(self) -> FailingOperations:
        site = self.site
        self.change(site, self.number)
        before = published_documents(site.feeds)
        files, config = open_files(), site.config()
        self.faults = FailingOperations(site.root, self.number, self.dice, lasting=self.dice.random() < 0.4)
        (self._build_and_live_on if self.alive else self._build)(config)
        faults = self.faults
        gc.collect()  # a handled error keeps frames alive, and with them open files
        assert open_files() <= files, f"{faults.failed}: a file stays open"
        during = published_documents(site.feeds)
        self.messages += ["" if self.turn is None else repr(self.turn)]
        assert find_leaks(site, *self.messages) == [], faults.failed
        self._mended(before, during)
        return faults

    def _build(self, config: aggregator.Config) -> None:
        with self.faults, self._heard():
            self.turn = aggregator.build(config, now=NOW, **self.options)

    def _build_and_live_on(self, config: aggregator.Config) -> None:
        """Take the next turn with the same Site, as the daemon does."""
        with Site(config) as living:
            with self.faults, self._heard():
                self.turn = living.build(now=NOW, **self.options)
            assert living.build(now=NOW).failed == (), self.faults.failed

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except (AggregatorError, OSError, sqlite3.Error) as error:
            self.messages = [f"{type(error).__name__}: {error}"]

    def _mended(self, before: dict[str, bytes], during: dict[str, bytes]) -> None:
        site = self.site
        turn = site.build()
        after = published_documents(site.feeds)
        assert (turn.failed, temporary_files(site.feeds)) == ((), [])
        assert find_leaks(site) == []
        # No document was missing, and none had an item that is neither in the feeds before nor after.
        assert sorted(before.keys() & after.keys() - during.keys()) == []
        known, wanted = ids_by_feed(before), ids_by_feed(after)
        for name, ids in ids_by_feed(during).items():
            assert ids <= known.get(name, set()) | wanted.get(name, set()), name
        fresh = fresh_build(site, NOW)
        assert site.documents() == {**site.documents(), **fresh}
        assert [name for name in site.documents() if name.startswith("items/") and name not in fresh] == []
        assert all(
            b'"items":[]' in after[name] for name in wanted if name not in published_documents(site.root / "fresh")
        )


def ready(site: SiteFolder) -> SiteFolder:
    sample(site)
    site.build()
    return site


def least(site: SiteFolder, what: str, *, alive: bool) -> int:
    """Return how many operations a build has at least: builds of two alternating changes differ by less than a tenth."""
    return min(Round(site, what, none, 0, alive=alive).run().count for none in (10**6, 10**6 + 1)) * 9 // 10


CASES = [(what, False) for what in CHANGES] + [(what, True) for what in ("edit", "month", "fresh")]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "alive"), CASES)
def test_some_operations_that_fail_leave_whole_feeds(site: SiteFolder, what: str, *, alive: bool) -> None:
    """For some random n, feeds are complete during the build, right after it, with the same ids and nothing private."""
    last = least(ready(site), what, alive=alive)
    for number in sorted(random.Random(f"sample {what}").sample(range(1, last), 4)):
        assert Round(site, what, number, 0, alive=alive).run().failed, f"operation {number} never came"


@pytest.mark.marathon
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("what", "alive"), CASES)
def test_every_operation_that_fails_leaves_whole_feeds(site: SiteFolder, what: str, *, alive: bool) -> None:
    """The same holds for n = 1, 2, 3 … up to the last operation."""
    ready(site)
    messages: dict[str, str] = {}
    left = 2
    for number in itertools.count(1):
        one = Round(site, what, number, 1, alive=alive)
        faults = one.run()
        left = 2 if faults.failed else left - 1
        if not left:
            break
        for text in (*one.messages[:-1], *(one.turn.failed + one.turn.notes if one.turn else ())):
            messages.setdefault(re.sub(r"\d+", "0", text.replace(str(site.root), "")), f"{number} {faults.failed}")
    print(json.dumps({"change": what, "alive": alive, "rounds": number, "messages": messages}, indent=1))
    assert number > 200
