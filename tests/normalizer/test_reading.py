"""Files read in a batch: each has the outcome it would have alone, and few of their bytes are in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
from support.site_folder import NOW, SiteFolder

from aggregator.model.seed_files import SeedFile
from aggregator.normalizer import reading, rules
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.reading import GROUP_SIZE, Task, read_batch, unknown_key_warnings
from aggregator.normalizer.stored import Outcome, unpack_outcomes
from aggregator.watcher import files

CASES = sorted((Path(__file__).parents[1] / "cases").rglob("*.md"))
PRIVATE = "0123456789abcdef"


@pytest.fixture
def task(site: SiteFolder) -> Task:
    """Return a batch of no files, with the rules of the site."""
    return Task((), (), rules.policy_of(site.config()), "Europe/Vienna", NOW)


def outcomes(site: SiteFolder, task: Task, paths: Sequence[str], digests: Sequence[bytes] = ()) -> list[Outcome]:
    """Return the outcomes of files of the site, read as one batch; they are new unless `digests` are given."""
    known = tuple(digests) or (b"",) * len(paths)
    batch = task._replace(paths=tuple(paths), digests=known)
    return unpack_outcomes(read_batch(partial(files.read, str(site.seeds)), batch))


def copy_cases(site: SiteFolder) -> list[str]:
    """Copy every case into the site's folder, in random order: more than go through the stages together."""
    paths = []
    for number, case in enumerate(Random(13).sample(CASES, len(CASES))):
        (site.seeds / f"{number:04}.md").write_bytes(case.read_bytes())
        paths.append(f"{number:04}.md")
    assert len(paths) > 3 * GROUP_SIZE
    return paths


def test_neighbours_change_no_outcome(site: SiteFolder, task: Task) -> None:
    """Each good or broken seed, read by either parser, has the same outcome in a batch as alone."""
    paths = copy_cases(site)
    assert outcomes(site, task, paths) == [one for path in paths for one in outcomes(site, task, [path])]


def test_each_outcome_is_that_of_its_own_file(site: SiteFolder, task: Task) -> None:
    """A batch may hold files that are gone, unchanged, new, broken or too large, in any order."""
    site.write("new.md", title="New")
    site.write("known.md", title="Known")
    site.write_text("broken.md", "nothing")
    site.write_text("large.md", "x" * (MAX_SEED + 1))
    (site.seeds / "folder.md").mkdir()
    digest = outcomes(site, task, ["known.md"])[0].digest
    kinds = {"gone.md": "gone", "known.md": "same", "new.md": "", "broken.md": "valid", "large.md": "readable"}
    kinds["folder.md"] = "readable"
    for seed in range(20):
        paths = Random(seed).sample(sorted(kinds), len(kinds))
        found = outcomes(site, task, paths, [digest if path == "known.md" else b"" for path in paths])
        assert [one.path for one in found] == paths
        assert ["gone" if one.gone else "same" if one.same else one.rule for one in found] == [*map(kinds.get, paths)]


def test_a_bug_that_one_seed_meets_costs_its_neighbours_nothing(
    site: SiteFolder, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have the outcomes they would have without it; the message names only the type of the error."""
    paths = copy_cases(site)
    healthy = outcomes(site, task, paths)
    struck = paths[GROUP_SIZE + 3]
    original = reading._unchanged_or_text

    def fail_for_one(file, path, *rest):
        if path == struck:
            raise RuntimeError(PRIVATE)
        return original(file, path, *rest)

    monkeypatch.setattr(reading, "_unchanged_or_text", fail_for_one)
    found = outcomes(site, task, paths)
    assert [one for one in found if one.path != struck] == [one for one in healthy if one.path != struck]
    (problem,) = found[paths.index(struck)].problems
    assert "bug in this program (RuntimeError)" in str(problem)
    assert PRIVATE not in str(problem)


def test_a_seed_for_which_there_is_too_little_memory_is_no_bug(
    site: SiteFolder, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named with advice, and nobody is asked to report it."""
    site.write("a.md")
    monkeypatch.setattr(reading, "_unchanged_or_text", lambda *_: bytearray(2**62))
    ((problem,),) = (one.problems for one in outcomes(site, task, ("a.md",)))
    assert "cannot be read because memory ran out (" in str(problem)
    assert "report" not in str(problem)


def test_few_bytes_are_in_memory_at_a_time(site: SiteFolder, task: Task) -> None:
    """Of a batch of seeds of the largest size only a few are in memory at any time."""
    for number in range(9):
        site.write(f"{number}.md", "x" * (MAX_SEED - 500))
    paths = tuple(f"{number}.md" for number in range(9))
    alive: list[int] = []

    class Watched(bytes):
        def __del__(self) -> None:
            alive.remove(1)

    def reader(paths: Sequence[str], limit: int) -> Iterator[SeedFile | None]:
        for file in files.read(str(site.seeds), paths, limit):
            assert file is not None
            alive.append(1)
            assert len(alive) <= 4
            yield file._replace(data=Watched(file.data or b""))

    batch = task._replace(paths=paths, digests=(b"",) * 9)
    assert [one.rule for one in unpack_outcomes(read_batch(reader, batch))] == [""] * 9


def test_few_unknown_keys_are_named_for_all_seeds_together() -> None:
    """The rest is counted, and a key is one short line, whatever it holds."""
    unknown = {f"k{number:03}": "a.md" for number in range(150)} | {"\n" * 90_000: "b.md"}
    found = unknown_key_warnings(unknown)
    assert len(found) == 101
    assert str(found[-1]) == (
        "a.md: warning: … and 51 more unknown keys in this and other seeds (they are kept out of the feeds)"
    )
    assert all(len(str(one)) < 200 and str(one).isprintable() for one in found)
    assert len(unknown_key_warnings({"titel": "a.md"})) == 1
