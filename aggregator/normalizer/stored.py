"""Seeds, verdicts and outcomes in the form that the index stores. Pure."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from aggregator.model.items import Seed
from aggregator.model.reports import Problem
from aggregator.normalizer.rules import Verdict

Key = tuple[int, int, int, int, int]
"""What `stat` says of a file: device, inode, size, mtime and ctime in nanoseconds."""

Entry = tuple[int, int, int, int, int, int, int]
"""A row of the index's table `entry`."""


class Draft(msgspec.Struct, frozen=True, array_like=True):
    """What the index stores of an accepted file, if no other file has the same story; made where the file is read.

    `numbers` are those of the keys that recognise it, `path` that of its path. `id` is the story's, `own` whether the
    seed chose it. `windows` are (slug, starts, ends): when which feed shows it. `since` and `until` bound the span
    around now in which time alone changes nothing about them (`deciding.validity`). `topics` are pairs of a slug and
    the name used. `text` is the packed text by which copies are found, `wording` that by which coverage of one event
    is; each b"" if that is not looked for.
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
    text: bytes = b""
    wording: bytes = b""


class SeedPosition(NamedTuple):
    """A position in a seed, for messages; line and column count from 1, 0 means the whole file."""

    path: str
    line: int = 0
    column: int = 0


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one file, small enough to be passed between processes.

    `same` is true if its bytes are already known; then only `key` matters, and the verdict if the rules have changed.
    `seed` and `verdict` are in their stored form, or None for a broken file, whose `rule` is `readable` or `valid`.
    `content` is the digest of `seed`. `draft` is None if a rule holds the file back. `unknown` are its unknown keys,
    and `unknown_at` the line and column of each. `apart` has what each path in its `not_story` may mean, and `apart_at`
    is the line and column of that key.
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
    unknown_at: tuple[tuple[int, int], ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    apart_at: tuple[int, int] = (0, 0)

    def unknown_keys(self) -> Iterator[tuple[str, SeedPosition]]:
        """Yield each unknown key with its position."""
        for key, (line, column) in zip(self.unknown, self.unknown_at, strict=True):
            yield key, SeedPosition(self.path, line, column)


pack = msgspec.msgpack.Encoder().encode
_outcomes = msgspec.msgpack.Decoder(list[Outcome])
_seed = msgspec.msgpack.Decoder(Seed)
_verdict = msgspec.msgpack.Decoder(Verdict)
_problems = msgspec.msgpack.Decoder(tuple[Problem, ...])
entries_decoder = msgspec.msgpack.Decoder(tuple[int, int, int, tuple[tuple[int, int, int], ...]])

CHECKSUM = 4
"""The bytes of the checksum at the end of a packed value."""

unpack_seed = _seed.decode
unpack_outcomes = _outcomes.decode


def with_checksum(packed: bytes) -> bytes:
    """Return a packed value in the form in which the index stores it, which ends with its checksum."""
    return packed + zlib.crc32(packed).to_bytes(CHECKSUM, "big")


def without_checksum(stored: Any) -> bytes:
    """Return a stored value as it was packed.

    Raises:
        msgspec.DecodeError: if it is damaged: most flipped bits still decode, to something else.
    """
    if type(stored) is bytes:
        packed = stored[:-CHECKSUM]
        if zlib.crc32(packed) == int.from_bytes(stored[-CHECKSUM:], "big"):
            return packed
    raise msgspec.DecodeError("a stored value is damaged")


def pack_stored(value: object) -> bytes:
    """Return a value in the form in which the index stores it."""
    return with_checksum(pack(value))


def unpack_verdict(stored: bytes | None) -> Verdict:
    """Return a stored verdict; see `without_checksum`."""
    return _verdict.decode(without_checksum(stored))


def unpack_problems(stored: bytes) -> tuple[Problem, ...]:
    """Return the stored problems of a file; see `without_checksum`."""
    return _problems.decode(without_checksum(stored))


def unpack_entries(stored: bytes) -> tuple[int, int, int, tuple[tuple[int, int, int], ...]]:
    """Return the stored entries of a file: sort, worst, tie, and for each feed its number and the window there.

    See `without_checksum`.
    """
    return entries_decoder.decode(without_checksum(stored))


def is_in_feeds(shown: bytes | None, now: int) -> bool:
    """Return whether any feed shows a file at `now`; `shown` is what the index stores of its windows."""
    return shown is not None and any(starts <= now < ends for _, starts, ends in unpack_entries(shown)[3])


def entry_rows(shown: bytes, file: int) -> list[Entry]:
    """Return the rows of `entry` for a file's `shown`."""
    sort, worst, tie, windows = unpack_entries(shown)
    return [(feed, sort, worst, tie, file, starts, ends) for feed, starts, ends in windows]


def feeds_showing(shown: bytes | None, moment: int | None) -> dict[int, int]:
    """Return the feeds that show a file at a moment, each with the end of its window."""
    if not shown or moment is None:
        return {}
    return {feed: ends for feed, starts, ends in unpack_entries(shown)[3] if starts <= moment < ends}


def seed_digest(packed: bytes) -> bytes:
    """Return the digest of a packed seed, which the index stores beside it."""
    return hashlib.blake2b(packed, digest_size=16).digest()


def verified(packed: Any, digest: Any) -> bytes:
    """Return a stored seed if its digest is right: a flipped bit must not reach a reader.

    Raises:
        msgspec.DecodeError: if it is damaged.

    """
    if type(packed) is bytes and seed_digest(packed) == digest:
        return packed
    raise msgspec.DecodeError("a stored seed is damaged")
