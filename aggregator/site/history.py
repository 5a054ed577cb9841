"""The history of a site: the last turns and what happened in them, as lines of JSON in the state folder.

Nothing depends on it. If it is deleted, damaged or cannot be written, it begins again, and what cannot be read is left
out. It holds paths of seeds and slugs of feeds, and no text of any seed. Reads and writes `history.jsonl`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from aggregator.model.reports import PastTurn

MAX_BYTES = 256 * 1024
"""The most bytes that the file takes; a line that would go beyond is preceded by a cleanup."""

MAX_LINE = MAX_BYTES // 4
"""The longest line; a turn that takes more is stored without its events."""

KEPT_TURNS = 100
"""How many turns a cleanup keeps."""

KEPT_EVENTS = 100
"""How many older turns with events a cleanup keeps besides."""

_NAME = "history.jsonl"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PastTurn).decode


class History:
    """The history in the state folder `state`; one process at a time may add to it, any may read."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, _NAME)

    def add(self, turn: PastTurn) -> None:
        """Add a turn. If that is impossible, for example on a full disk, the history lacks it."""
        with suppress(OSError):
            line = _line(turn)
            if len(line) > MAX_LINE:
                line = _line(msgspec.structs.replace(turn, events=()))
            if self._size() + len(line) > MAX_BYTES:
                self._clean_up()  # if that fails nothing is added, else the file would grow without end
            self._append(line)

    def turns(self) -> tuple[PastTurn, ...]:
        """Return the turns, newest first."""
        return tuple(turn for turn in map(_read, reversed(self._lines())) if turn is not None)

    def _size(self) -> int:
        try:
            return os.lstat(self._path).st_size
        except FileNotFoundError:
            return 0

    def _append(self, line: bytes) -> None:
        # Whatever lies there instead of a file is neither followed nor waited for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def _lines(self) -> Sequence[bytes]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return ()
        try:
            # `open` refuses a folder, and leaves it open.
            with open(descriptor, "rb", closefd=False) as file:
                file.seek(max(0, os.fstat(descriptor).st_size - 2 * MAX_BYTES))
                return file.read(2 * MAX_BYTES).split(b"\n")
        except OSError:
            return ()
        finally:
            os.close(descriptor)

    def _clean_up(self) -> None:
        """Replace the file by one with the newest turns, and older ones in which something happened."""
        turns = self.turns()
        older = [turn for turn in turns[KEPT_TURNS:] if turn.events][:KEPT_EVENTS]
        kept: list[bytes] = []
        size = 0
        for turn in (*turns[:KEPT_TURNS], *older):
            line = _line(turn)
            if (size := size + len(line)) > MAX_BYTES // 2:
                break
            kept.append(line)
        again = f"{self._path}.again"
        with suppress(FileNotFoundError):
            os.unlink(again)
        with open(os.open(again, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(b"".join(reversed(kept)))
        os.replace(again, self._path)


def _line(turn: PastTurn) -> bytes:
    # The line feed comes first: a line that a crash cut short must not swallow this one.
    return b"\n" + _encode(turn)


def _read(line: bytes) -> PastTurn | None:
    try:
        return _decode(line) if line else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
