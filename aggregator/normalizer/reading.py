"""Files read to their outcomes: parsed, cleaned and decided upon, a few at a time, in this process or another.

`read_batch` runs wherever the executor puts it, and is pure except for the reader it is given. What it returns is small
enough to be passed between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from aggregator.model.errors import cause_of
from aggregator.model.items import Rejection
from aggregator.model.reports import Problem
from aggregator.model.seed_files import NO_KEY, ReadSeeds, SeedFile
from aggregator.model.seed_roots import FirstCommit, SectionFile, SeedRoot, paths_meant, root_of
from aggregator.model.seed_text import is_of_others
from aggregator.normalizer import enclosures
from aggregator.normalizer import seed as seeds
from aggregator.normalizer.counted_problems import is_page
from aggregator.normalizer.deciding import apply_rules
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.key_positions import key_positions
from aggregator.normalizer.rules import Policy
from aggregator.normalizer.stored import Key, Outcome, pack

GROUP_SIZE = 32
"""How many files go through the stages of reading together; fewer or more are slower (measured)."""

RACY_SECONDS = 2
"""A file that changed so shortly before it was read may change again without any change of its `stat`."""


DATED_BY_COMMIT = b"c"
"""What the digest of a file ends with, after 16 bytes, if its date is that of a commit; that may change."""

_Found = tuple[str, bytes, SeedFile | None]
"""A path, the digest that its file had, and the file."""


class _Text(NamedTuple):
    """A file whose bytes are new."""

    path: str
    key: Key
    digest: bytes
    data: bytes


Measure = Callable[[str, str], tuple[int, int] | None]
"""Returns the length in bytes and the duration in seconds (0 if unknown) of a file beside a seed, None if it is none.

It gets the path of the seed, and the address of the file relative to that of the seed's folder.
"""


class RootReading(NamedTuple):
    """How the files of each root are read, if not all are plain seeds of our own dialect.

    `site` is the site's URL, the base of relative links if a root has none. `first_commit` and `section_files`, which
    returns the files that speak for the folders above a seed, can be sent to another process.
    """

    roots: tuple[SeedRoot, ...]
    site: str
    first_commit: FirstCommit | None = None
    section_files: Callable[[str], tuple[SectionFile, ...]] | None = None


class Task(NamedTuple):
    """A batch of files to read: their paths, the digests they had (b"" = new), and what decides upon them.

    `manner` says how those are read that are no plain seeds; None if all are. `measure` measures files beside seeds.
    `site` is the URL of the site on which a seed without a link gets a page, "" if it gets none. `roots` are all of the
    site, in which the seeds lie that a seed names.
    """

    paths: tuple[str, ...]
    digests: tuple[bytes, ...]
    policy: Policy
    zone: str
    now: int
    manner: RootReading | None = None
    measure: Measure | None = None
    site: str = ""
    roots: tuple[SeedRoot, ...] = ()

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.paths[0]} to {self.paths[-1]} ({len(self.paths)} seeds)"


def read_batch(reader: ReadSeeds, task: Task) -> bytes:
    """Return the packed outcomes of a batch of files, in their order."""
    files = zip(task.paths, task.digests, reader(task.paths, MAX_SEED), strict=True)
    return pack([outcome for group in _groups(files) for outcome in _read_group(group, task)])


def _groups(files: Iterable[_Found]) -> Iterator[list[_Found]]:
    """Yield a few files at a time, which together are hardly larger than a single one may be."""
    group: list[_Found] = []
    size = 0
    for found in files:
        group.append(found)
        file = found[2]
        size += len(file.data or b"") if file else 0
        if len(group) == GROUP_SIZE or size >= MAX_SEED:
            yield group
            group, size = [], 0
    yield group


def _read_group(group: Sequence[_Found], task: Task) -> list[Outcome]:
    """Read files together, or one by one if that fails: a bug that one of them meets must not harm the others."""
    try:
        return _read_in_stages(group, task)
    except Exception as error:  # noqa: BLE001 - the boundary
        if len(group) > 1:
            return [outcome for found in group for outcome in _read_group([found], task)]
        path, _, file = group[0]
        key = _key_to_store(file.key, task.now) if file else NO_KEY
        # Only the error's type: its words may quote what is private. Without a digest the file is read again when it
        # is touched.
        kind = type(error).__name__
        hint = "the file may be fine" if isinstance(error, MemoryError) else "the file may be fine; please report this"
        problem = Problem(path=path, message=f"cannot be read {cause_of(kind)}", hint=hint)
        return [Outcome(path, key, rule="readable", problems=(problem,))]


def _read_in_stages(group: Sequence[_Found], task: Task) -> list[Outcome]:
    """Do each step for all files before the next step: the processor is fastest at what it did last."""
    checked = [_unchanged_or_text(file, path, digest, task.now) for path, digest, file in group]
    texts = [(one.path, one.data) for one in checked if isinstance(one, _Text)]
    if task.manner is not None:
        return [one if isinstance(one, Outcome) else _by_root(one, task, task.manner) for one in checked]
    readings = iter(seeds.read_together(texts, zone=task.zone, site=task.site))
    return [one if isinstance(one, Outcome) else _outcome(one, next(readings), task) for one in checked]


def _by_root(text: _Text, task: Task, manner: RootReading) -> Outcome:
    """Return the outcome of a file as its root says it is read."""
    root = root_of(manner.roots, text.path)
    if root.is_plain_native:
        (reading,) = seeds.read_together([(text.path, text.data)], zone=task.zone, site=task.site)
        return _outcome(text, reading, task)
    from aggregator.normalizer.dialects.reading import read  # noqa: PLC0415 - few need it
    from aggregator.normalizer.dialects.sections import held_folder  # noqa: PLC0415 - likewise

    first_commit = manner.first_commit and _Asked(manner.first_commit)
    reading = read(
        text.data, path=text.path, root=root, zone=task.zone, site=manner.site, first_commit=first_commit,
        roots=manner.roots,
        held_folder=held_folder(root.dialect, manner.section_files(text.path)) if manner.section_files else None,
        own_pages=task.site,
    )  # fmt: skip
    if first_commit is not None and first_commit.is_known:
        text = text._replace(digest=text.digest + DATED_BY_COMMIT)
    if first_commit is not None and first_commit.is_unknown:
        # It may be committed later without any change of the file: read it again at each scan until then.
        text = text._replace(key=_never_known(text.key), digest=b"")
    return _outcome(text, reading, task)


class _Asked:
    """Asks for the first commit of a file, and notes whether there was one or none."""

    def __init__(self, first_commit: FirstCommit) -> None:
        self._first_commit = first_commit
        self.is_known = self.is_unknown = False

    def __call__(self, path: str) -> int | None:
        found = self._first_commit(path)
        self.is_known |= found is not None
        self.is_unknown |= found is None
        return found


def _never_known(key: Key) -> Key:
    dev, ino, size, _, ctime = key
    return (dev, ino, size, -1, ctime)


def _unchanged_or_text(file: SeedFile | None, path: str, known_digest: bytes, now: int) -> Outcome | _Text:
    """Return the outcome of a file that is gone, unreadable or unchanged, else its text."""
    if file is None:
        return Outcome(path, NO_KEY, gone=True)
    key = _key_to_store(file.key, now)
    if file.data is None:
        problem = Problem(path=path, message=file.reason, hint=file.hint)
        return Outcome(path, key, rule="readable", problems=(problem,))
    digest = hashlib.blake2b(file.data, digest_size=16).digest()
    return Outcome(path, key, digest, same=True) if digest == known_digest else _Text(path, key, digest, file.data)


def _outcome(text: _Text, reading: seeds.Reading, task: Task) -> Outcome:
    path, key, digest, _ = text
    if isinstance(reading.outcome, Rejection):
        rejection = reading.outcome
        rule = "date" if all(map(is_page, rejection.problems)) else "valid"
        return Outcome(path, key, digest, rule=rule, problems=rejection.problems, withdrawn=rejection.withdrawn)
    seed = reading.outcome
    # Who posted an item, or wrote the feed that it is from, must not learn which files lie beside it (G12, G18).
    if seed.media and task.measure is not None and not is_of_others(text.data):
        seed = enclosures.measured(seed, partial(task.measure, path))
    apart = tuple(paths_meant(task.roots, written) for written in seed.not_story)
    if apart:
        seed = msgspec.structs.replace(seed, not_story=tuple(dict.fromkeys(chain.from_iterable(apart))))
    outcome = apply_rules(
        path, key, digest, seed, task.policy, task.now, warnings=reading.warnings, unknown=reading.unknown
    )
    if apart:
        (at,) = key_positions(text.data, ("not_story",))
        outcome = msgspec.structs.replace(outcome, apart=apart, apart_at=at)
    if not reading.unknown:
        return outcome
    return msgspec.structs.replace(outcome, unknown_at=key_positions(text.data, reading.unknown))


def _key_to_store(key: Key, now: int) -> Key:
    """Return the stat key to remember: one that matches no file if the file changed too recently to be sure."""
    dev, ino, size, mtime, ctime = key
    racy = max(mtime, ctime) > (now - RACY_SECONDS) * 1_000_000_000
    return _never_known(key) if racy else (dev, ino, size, mtime, ctime)
