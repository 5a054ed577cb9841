"""One file in, its `Outcome` out: read, parsed and decided, in this process or another.

`take_in` runs wherever the executor puts it and is pure but for the reader it is given; what comes back is small enough
to be handed between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aggregator.model import Problem, Rejection, Seed
from aggregator.normalizer import identity, rules
from aggregator.normalizer import seed as seeds
from aggregator.normalizer.front_matter import MAX_SEED
from aggregator.normalizer.raw import KEYS
from aggregator.normalizer.rules import Policy, Verdict

RACY_SECONDS = 2
"""A file that changed this shortly before it was read may change again without its stat key telling."""


class ReadFile(Protocol):
    """A file as the reader gives it (`watcher.folder.File`)."""

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """Its stat key."""

    @property
    def data(self) -> bytes | None:
        """Its bytes, None where they cannot be had."""

    @property
    def reason(self) -> str:
        """Why not."""

    @property
    def hint(self) -> str:
        """What to do about it."""


Reader = Callable[[Sequence[str], int], Iterable["ReadFile | None"]]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one file, small enough to hand between processes.

    `same` is true when its bytes are those already known; then nothing but `key` matters, and the verdict where the
    rules have changed. `seed` is the stored form, None for a broken file, whose `rule` is `readable` or `valid`.
    """

    path: str
    key: tuple[int, int, int, int, int]
    digest: bytes = b""
    same: bool = False
    gone: bool = False
    seed: bytes | None = None
    content: bytes | None = None
    numbers: tuple[int, ...] = ()
    verdict: Verdict | None = None
    rule: str = ""
    problems: tuple[Problem, ...] = ()
    withdrawn: bool = False
    unknown: tuple[str, ...] = ()
    stale: bool = False


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


pack = msgspec.msgpack.Encoder().encode
_outcomes = msgspec.msgpack.Decoder(list[Outcome])
_seed = msgspec.msgpack.Decoder(Seed)
_verdict = msgspec.msgpack.Decoder(Verdict)
_problems = msgspec.msgpack.Decoder(tuple[Problem, ...])
_entries = msgspec.msgpack.Decoder(tuple[int, int, int, tuple[tuple[int, int, int], ...]])

unpack_seed = _seed.decode
unpack_verdict = _verdict.decode
unpack_problems = _problems.decode
unpack_outcomes = _outcomes.decode
unpack_entries = _entries.decode


def whole(packed: bytes, digest: bytes) -> bytes:
    """Give a stored seed back, or raise where it is not what was stored: a flipped bit must not reach a reader."""
    if hashlib.blake2b(packed, digest_size=16).digest() != digest:
        raise msgspec.DecodeError("a stored seed is damaged")
    return packed


def take_in(reader: Reader, task: Task) -> bytes:
    """Read, parse and decide a batch of files; gives the packed outcomes. Runs wherever the executor puts it."""
    files = reader(task.paths, MAX_SEED)
    return pack(
        [_outcome(file, path, digest, task) for path, digest, file in zip(task.paths, task.digests, files, strict=True)]
    )


def _outcome(file: ReadFile | None, path: str, known_digest: bytes, task: Task) -> Outcome:
    if file is None:
        return Outcome(path, (0, 0, 0, -1, 0), gone=True)
    key = trusted(file.key, task.now)
    if file.data is None:
        problem = Problem(path=path, message=file.reason, hint=file.hint)
        return Outcome(path, key, rule="readable", problems=(problem,))
    digest = hashlib.blake2b(file.data, digest_size=16).digest()
    if digest == known_digest:
        return Outcome(path, key, digest, same=True)
    try:
        return _read(file.data, path, key, digest, task)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug that one seed meets must not harm the others
        # Its type alone: its words may quote what is private. Without a digest it is read again when it is touched.
        message = f"cannot be read because of a bug in this program ({type(error).__name__})"
        problem = Problem(path=path, message=message, hint="the file may be right; please report it")
        return Outcome(path, key, rule="readable", problems=(problem,))


def _read(data: bytes, path: str, key: tuple[int, int, int, int, int], digest: bytes, task: Task) -> Outcome:
    reading = seeds.read(data, path=path, zone=task.zone)
    if isinstance(reading.outcome, Rejection):
        broken = reading.outcome
        return Outcome(path, key, digest, rule="valid", problems=broken.problems, withdrawn=broken.withdrawn)
    return decided(path, key, digest, reading.outcome, task.policy, warnings=reading.warnings, unknown=reading.unknown)


def decided(
    path: str,
    key: tuple[int, int, int, int, int],
    digest: bytes,
    seed: Seed,
    policy: Policy,
    *,
    warnings: tuple[Problem, ...] = (),
    unknown: tuple[str, ...] = (),
    packed: bytes | None = None,
) -> Outcome:
    """Apply the rules to a seed that could be read; `packed` is its stored form where that is at hand."""
    verdict = rules.decide(seed, policy)
    packed = packed or pack(seed)
    numbers = () if verdict.rule else tuple(map(identity.key_number, identity.keys(rules.acting(seed, verdict))))
    return Outcome(
        path, key, digest, False, False, packed, hashlib.blake2b(packed, digest_size=16).digest(), numbers, verdict,
        verdict.rule, warnings, False, unknown,
    )  # fmt: skip


def trusted(key: tuple[int, int, int, int, int], now: int) -> tuple[int, int, int, int, int]:
    """Give the stat key to remember: one that matches nothing where the file changed too recently to be sure."""
    dev, ino, size, mtime, ctime = key
    racy = max(mtime, ctime) > (now - RACY_SECONDS) * 1_000_000_000
    return (dev, ino, size, -1 if racy else mtime, ctime)


def unknown_key_warnings(unknown: dict[str, str]) -> list[Problem]:
    """Give one warning for each key that means nothing, with a hint where it looks like a typo."""
    from aggregator.decode import nearest  # noqa: PLC0415 - difflib, only for warnings

    found = []
    for key, path in sorted(unknown.items()):
        close = nearest(key, KEYS)
        hint = f"did you mean `{close}`?" if close else "it is kept out of the feeds"
        found.append(Problem(path=path, message=f"unknown key `{key}`", hint=hint, warning=True))
    return found
