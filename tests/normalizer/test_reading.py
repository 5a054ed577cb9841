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
from aggregator.normalizer.counted_problems import unknown_key_warnings
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.key_positions import key_positions
from aggregator.normalizer.reading import GROUP_SIZE, Task, read_batch
from aggregator.normalizer.stored import Outcome, SeedPosition, unpack_outcomes
from aggregator.site.check import check
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


@pytest.mark.slow
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
    position = SeedPosition("a.md", 3, 1)
    unknown = {f"k{number:03}": position for number in range(150)} | {"\n" * 90_000: SeedPosition("b.md")}
    found = unknown_key_warnings(unknown)
    assert len(found) == 101
    assert str(found[-1]) == (
        "a.md: warning: … and 51 more unknown keys in this and other seeds (they are kept out of the feeds)"
    )
    assert all(len(str(one)) < 200 and str(one).isprintable() for one in found)
    assert len(unknown_key_warnings({"titel": position})) == 1


TITEL = """---
about:
  titel: nested
"titel": x
titel : y
text: |
  mood: glad
mood : glad
---
titel: body
absent: body
"""


@pytest.mark.parametrize(
    ("text", "key", "position"),
    [
        (TITEL, "mood", (8, 1)), (TITEL, "titel", (5, 1)), (TITEL, "absent", (0, 0)), (TITEL, "about", (2, 1)),
        (TITEL.replace("\n", "\r\n"), "mood", (8, 1)), ("---\n{titel: x}\n---\ntitel: y\n", "titel", (0, 0)),
        ("---\ntitelblatt: a\n'titel': y\n---\n", "titel", (3, 1)), ("+++\ndraft= true\n+++\n", "draft", (2, 1)),
        ("\ufeff---\ntitel: x\n---\n", "titel", (2, 1)), ("---\nüber: x\n---\n", "über", (2, 1)),
        ("---\n# titel: no\ntitel: x\n---\n", "titel", (3, 1)),
    ],
)  # fmt: skip
def test_the_position_of_a_key_is_found(text: str, key: str, position: tuple[int, int]) -> None:
    """It is a line of the front matter that begins with the key, however it is quoted; never one of the body."""
    assert key_positions(text.encode(), [key]) == (position,)


def test_an_unknown_key_is_named_with_its_line(site: SiteFolder) -> None:
    """`build` and `check` say where it is, whichever parser read the seed."""
    site.write_text(
        "a.md", "---\ntitle: A\nwebUrl: https://x.example/a\npublishedDateTime: 2026-01-01\ntitel: x\n---\n"
    )
    site.write_text(
        "b.md", "---\ntitle: !!str B\nwebUrl: https://x.example/b\nmoode: x\npublishedDateTime: 2026-01-01\n---\n"
    )
    found = [str(problem) for problem in check(site.config(), now=NOW).problems]
    assert found == [
        "a.md:5:1: warning: unknown key `titel` (did you mean `title`?)",
        "b.md:4:1: warning: unknown key `moode` (it is kept out of the feeds)",
    ]
    assert sorted(map(str, site.build().problems)) == found
