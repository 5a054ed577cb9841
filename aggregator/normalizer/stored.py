"""Seeds and verdicts in the form that the index stores, and back. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from aggregator.model.items import Seed
from aggregator.model.reports import Problem
from aggregator.normalizer.rules import Verdict

Key = tuple[int, int, int, int, int]
Entry = tuple[int, int, int, int, int, int, int]


class Draft(msgspec.Struct, frozen=True, array_like=True):
    """What the index says of an accepted file as long as it alone tells its story; made where the file is read.

    `numbers` are those of the keys that recognise it, `path` that of its path. `id` is the story's, `own` whether the
    seed chose it. `windows` are those in which feeds show it, by slug; `since` and `until` bound the span around now in
    which nothing about them changes by itself (None without any). `topics` are pairs of a slug and the name used.
    """

    numbers: tuple[int, ...]
    path: int
    id: str
    own: bool
    published: int
    newest: int
    quality: int
    starts: int
    ends: int
    tie: int
    windows: tuple[tuple[str, int, int], ...]
    since: int | None
    until: int | None
    topics: tuple[tuple[str, str], ...]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one file, small enough to hand between processes.

    `same` is true when its bytes are those already known; then nothing but `key` matters, and the verdict where the
    rules have changed. `seed` and `verdict` are in their stored form, None for a broken file, whose `rule` is
    `readable` or `valid`; `draft` is None for every file that a rule holds back.
    """

    path: str
    key: Key
    digest: bytes = b""
    same: bool = False
    gone: bool = False
    seed: bytes | None = None
    content: bytes | None = None
    draft: Draft | None = None
    verdict: bytes | None = None
    rule: str = ""
    detail: str = ""
    problems: tuple[Problem, ...] = ()
    withdrawn: bool = False
    unknown: tuple[str, ...] = ()
    stale: bool = False


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


def is_in_feeds(shown: bytes | None, now: int) -> bool:
    """Say whether feeds hold a file at `now`, by its `shown` in the index."""
    return shown is not None and any(starts <= now < ends for _, starts, ends in unpack_entries(shown)[3])


def entries_of(shown: bytes, file: int) -> list[Entry]:
    """Give the rows of `entry` that a file's `shown` stands for."""
    sort, worst, tie, windows = unpack_entries(shown)
    return [(feed, sort, worst, tie, file, starts, ends) for feed, starts, ends in windows]


def feeds_showing(shown: bytes | None, moment: int | None) -> dict[int, int]:
    """Give the feeds that show a file at a moment, by its `shown`, each with the end of its window."""
    if not shown or moment is None:
        return {}
    return {feed: ends for feed, starts, ends in unpack_entries(shown)[3] if starts <= moment < ends}


def whole(packed: bytes, digest: bytes) -> bytes:
    """Give a stored seed back, or raise where it is not what was stored: a flipped bit must not reach a reader."""
    if hashlib.blake2b(packed, digest_size=16).digest() != digest:
        raise msgspec.DecodeError("a stored seed is damaged")
    return packed
