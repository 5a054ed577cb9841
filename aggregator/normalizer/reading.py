"""Files in, the `Outcome` of each out: read, parsed and decided, a few at a time, in this process or another.

`take_in` runs wherever the executor puts it and is pure but for the reader it is given; what comes back is small enough
to be handed between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aggregator.model.items import FOREVER, Rejection, Seed
from aggregator.model.reports import Problem
from aggregator.model.seed_files import NO_KEY, ReadSeeds, SeedFile
from aggregator.normalizer import identity, rules
from aggregator.normalizer import seed as seeds
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.raw import KEYS
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import Draft, Key, Outcome, pack

_QUALITY_BOUND = 2**31

HANDFUL = 32
"""So many files go through the stages of reading together; measured: fewer or more of them are slower."""

RACY_SECONDS = 2
"""A file that changed this shortly before it was read may change again without its stat key telling."""


_Found = tuple[str, bytes, SeedFile | None]
"""A path, the digest its file had, and the file."""


class _Text(NamedTuple):
    """A file whose text is new: its path, stat key, digest and bytes."""

    path: str
    key: Key
    digest: bytes
    data: bytes


class Task(NamedTuple):
    """A batch of files to take in: their paths, the digests they had (b"" = new), and what decides."""

    paths: tuple[str, ...]
    digests: tuple[bytes, ...]
    policy: Policy
    zone: str
    now: int

    @property
    def name(self) -> str:
        """What it is called where it fails as a whole."""
        return f"{self.paths[0]} to {self.paths[-1]} ({len(self.paths)} seeds)"


def take_in(reader: ReadSeeds, task: Task) -> bytes:
    """Read, parse and decide a batch of files; gives the packed outcomes. Runs wherever the executor puts it."""
    files = zip(task.paths, task.digests, reader(task.paths, MAX_SEED), strict=True)
    return pack([outcome for few in _handfuls(files) for outcome in _taken_in(few, task)])


def _handfuls(files: Iterable[_Found]) -> Iterator[list[_Found]]:
    """Give a few files at a time: enough to go through in stages, and hardly more bytes than one may have."""
    few: list[_Found] = []
    size = 0
    for found in files:
        few.append(found)
        file = found[2]
        size += len(file.data or b"") if file else 0
        if len(few) == HANDFUL or size >= MAX_SEED:
            yield few
            few, size = [], 0
    yield few


def _taken_in(few: Sequence[_Found], task: Task) -> list[Outcome]:
    """Take in a few files together, or one by one where that fails: a bug that one meets must not harm the others."""
    try:
        return _in_stages(few, task)
    except Exception as error:  # noqa: BLE001 - the boundary
        if len(few) > 1:
            return [outcome for found in few for outcome in _taken_in([found], task)]
        path, _, file = few[0]
        key = trusted(file.key, task.now) if file else NO_KEY
        # Its type alone: its words may quote what is private. Without a digest it is read again when it is touched.
        message = f"cannot be read because of a bug in this program ({type(error).__name__})"
        problem = Problem(path=path, message=message, hint="the file may be right; please report it")
        return [Outcome(path, key, rule="readable", problems=(problem,))]


def _in_stages(few: Sequence[_Found], task: Task) -> list[Outcome]:
    """Take each step for all the files before the next one: what the processor did last it does fastest."""
    looked = [_looked_at(file, path, digest, task.now) for path, digest, file in few]
    texts = [(one.path, one.data) for one in looked if isinstance(one, _Text)]
    readings = iter(seeds.read_together(texts, zone=task.zone))
    return [one if isinstance(one, Outcome) else _read(one, next(readings), task) for one in looked]


def _looked_at(file: SeedFile | None, path: str, known_digest: bytes, now: int) -> Outcome | _Text:
    """Give the outcome of a file whose text need not be looked at, else its text."""
    if file is None:
        return Outcome(path, NO_KEY, gone=True)
    key = trusted(file.key, now)
    if file.data is None:
        problem = Problem(path=path, message=file.reason, hint=file.hint)
        return Outcome(path, key, rule="readable", problems=(problem,))
    digest = hashlib.blake2b(file.data, digest_size=16).digest()
    return Outcome(path, key, digest, same=True) if digest == known_digest else _Text(path, key, digest, file.data)


def _read(text: _Text, reading: seeds.Reading, task: Task) -> Outcome:
    path, key, digest, _ = text
    if isinstance(reading.outcome, Rejection):
        broken = reading.outcome
        return Outcome(path, key, digest, rule="valid", problems=broken.problems, withdrawn=broken.withdrawn)
    return decided(
        path, key, digest, reading.outcome, task.policy, task.now, warnings=reading.warnings, unknown=reading.unknown
    )


def decided(  # noqa: PLR0917 - as a row of the index has them
    path: str,
    key: Key,
    digest: bytes,
    seed: Seed,
    policy: Policy,
    now: int,
    *,
    warnings: tuple[Problem, ...] = (),
    unknown: tuple[str, ...] = (),
    packed: bytes | None = None,
) -> Outcome:
    """Apply the rules to a seed that could be read; `packed` is its stored form where that is at hand."""
    verdict = rules.decide(seed, policy)
    packed = packed or pack(seed)
    draft = None if verdict.rule else _draft(path, rules.acting(seed, verdict), verdict, now)
    return Outcome(
        path, key, digest, False, False, packed, hashlib.blake2b(packed, digest_size=16).digest(), draft, pack(verdict),
        verdict.rule, verdict.detail, warnings, False, unknown,
    )  # fmt: skip


def _draft(path: str, acting: Seed, verdict: Verdict, now: int) -> Draft:
    starts, published = verdict.starts, verdict.published
    id = verdict.id or verdict.link  # noqa: A001 - the field's own name
    windows = tuple([(slug, starts, ends) for slug, ends in verdict.feeds if starts < ends])
    since, until = validity(windows, verdict.updated, now)
    return Draft(
        tuple(map(identity.key_number, identity.keys(acting))), identity.path_number(path), id, bool(verdict.id),
        published, max(published, verdict.updated or published), _bounded(verdict.quality), starts, verdict.ends,
        identity.key_number(id), windows, since, until, verdict.topics,
    )  # fmt: skip


def validity(
    windows: Iterable[tuple[str | int, int, int]], updated: int | None, now: int
) -> tuple[int | None, int | None]:
    """Give the span [since, until) around `now` in which nothing about these windows changes by itself.

    Each window ends with its two moments; `updated` is when the item counts as changed. None twice without a window.
    """
    since, until, none = -FOREVER, FOREVER, True
    for _, starts, ends in windows:
        none = False
        for moment in (starts, ends):
            if moment > now:
                until = min(until, moment)
            else:
                since = max(since, moment)
    if none:
        return None, None
    if updated is not None:
        since, until = (max(since, updated), until) if updated <= now else (since, min(until, updated))
    return since, until


def _bounded(quality: int | None) -> int:
    return 0 if quality is None else max(-_QUALITY_BOUND, min(_QUALITY_BOUND, quality))


def trusted(key: Key, now: int) -> Key:
    """Give the stat key to remember: one that matches nothing where the file changed too recently to be sure."""
    dev, ino, size, mtime, ctime = key
    racy = max(mtime, ctime) > (now - RACY_SECONDS) * 1_000_000_000
    return (dev, ino, size, -1 if racy else mtime, ctime)


def unknown_key_warnings(unknown: dict[str, str]) -> list[Problem]:
    """Give one warning for each key that means nothing, with a hint where it looks like a typo."""
    from aggregator.config.yaml.decoding import nearest  # noqa: PLC0415 - difflib, only for warnings

    found = []
    for key, path in sorted(unknown.items()):
        close = nearest(key, KEYS)
        hint = f"did you mean `{close}`?" if close else "it is kept out of the feeds"
        found.append(Problem(path=path, message=f"unknown key `{key}`", hint=hint, warning=True))
    return found
