"""pagefind, the program that makes the files of a static search (the extra `search`). Starts a process, writes files.

It is spoken to as its own libraries do: each message is JSON in base64 with a comma behind it. One message at a time,
so that items keep their order.
"""

from __future__ import annotations

import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import IO, Any, Self

import msgspec

from aggregator.model.errors import AggregatorError
from aggregator.model.search_files import SearchRecord

LANGUAGE = "unknown"
"""What it is told of every item: it must not change any word by the rules of a language."""

LONGEST_ANSWER = 1_048_576
"""How many bytes an answer of it may have."""


class SearchError(AggregatorError):
    """The files of a search cannot be made."""


def program() -> str:
    """Return the path of the program.

    Raises:
        SearchError: if the extra is not installed.
    """
    found = find_spec("pagefind_bin")
    if found is None or not found.submodule_search_locations:
        raise SearchError("a static search needs pagefind (install it with the extra: `aggregator-feeds[search]`)")
    return os.path.join(found.submodule_search_locations[0], "pagefind")


def write_files(records: Iterable[SearchRecord], folder: str, *, tick: Callable[[], object]) -> None:
    """Write the files of a search for `records`, newest first, into a folder of this machine; `tick` is called often.

    Raises:
        SearchError: if that fails.
    """
    try:
        with _Service([program(), "--service"]) as service:
            service.ask("NewIndex", config={"force_language": LANGUAGE})
            for rank, record in enumerate(records):
                service.ask(
                    "AddRecord", index_id=0, url=record.shown, content=record.tokens, language=LANGUAGE, meta={},
                    filters=record.values, sort={"rank": str(rank)},
                )  # fmt: skip
                tick()
            service.ask("BuildIndex", index_id=0)
            tick()
            service.ask("WriteFiles", index_id=0, output_path=folder)
    except (OSError, ValueError, KeyError, TypeError) as error:  # what it answers is no JSON, or of another form
        raise SearchError(f"pagefind failed: {error}") from error


class _Service:
    """A running pagefind."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - of a package that this one asks for
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._unread = b""
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # all that it had to do is done, or in vain
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def ask(self, what: str, **more: Any) -> None:
        """Send a message and wait for its answer.

        Raises:
            SearchError: if it refuses, or has ended.
            OSError: if it cannot be reached.
            ValueError: if its answer makes no sense; likewise KeyError and TypeError.
        """
        self._number += 1
        message = {"message_id": self._number, "payload": {"type": what, **more}}
        _pipe(self._process.stdin).write(b64encode(msgspec.json.encode(message)) + b",")
        _pipe(self._process.stdin).flush()
        answer = msgspec.json.decode(b64decode(self._answer()))
        if answer["payload"]["type"] == "Error":
            raise SearchError(f"pagefind failed: {answer['payload'].get('message', what)}")

    def _answer(self) -> bytes:
        while b"," not in self._unread:
            found = os.read(_pipe(self._process.stdout).fileno(), 65_536)
            if not found or len(self._unread) > LONGEST_ANSWER:
                raise SearchError("pagefind ended unexpectedly (there may be too little memory for so many items)")
            self._unread += found
        answer, _, self._unread = self._unread.partition(b",")
        return answer


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
