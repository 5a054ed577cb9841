"""pagefind, the program that makes the files of a static search (the extra `search`). Starts a process.

It is spoken to as its own libraries do: each message is JSON in base64 with a comma behind it. One message at a time,
so that items keep their order, which is that of what a browser finds.
"""

from __future__ import annotations

import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Self

import msgspec

from aggregator.model.errors import AggregatorError, reason_with_path
from aggregator.model.search_files import SearchRecord
from aggregator.publisher.pagefind_order import in_order

LANGUAGE = "unknown"
"""What it is told of every item: it must not change any word by the rules of a language."""


class SearchError(AggregatorError):
    """The files of a search cannot be made."""


def missing() -> str:
    """Return what to install before files can be made, or ""."""
    return "" if program() else "`static` needs the extra `search`: run pip install '.[search]' in the clone"


def program_version() -> str:
    """Return the version of the program.

    Raises:
        SearchError: if the extra is not installed.
    """
    if reason := missing():
        raise SearchError(f"pages.search: {reason}")
    return version("pagefind-bin")


def program() -> str:
    """Return the path of the program, "" if the extra is not installed."""
    found = find_spec("pagefind_bin")
    places = found.submodule_search_locations if found is not None else None
    return os.path.join(places[0], "pagefind") if places else ""


def make_files(records: Iterable[SearchRecord], *, tick: Callable[[], object]) -> dict[str, bytes]:
    """Return the files of a search for `records`, newest first, by their names in its folder; `tick` is called often.

    Raises:
        SearchError: if that fails.
    """
    with _Service([program(), "--service"]) as service:
        service.ask("NewIndex", config={"force_language": LANGUAGE})
        for record in records:
            service.ask(
                "AddRecord", index_id=0, url=record.shown, content=record.tokens, language=LANGUAGE, meta={},
                filters=record.values, sort={},
            )  # fmt: skip
            tick()
        service.ask("BuildIndex", index_id=0)
        tick()
        # By its own writer, which waits for each file, this takes ten times as long.
        return in_order({file.path: file.content for file in service.ask("GetFiles", index_id=0).files})


class _File(msgspec.Struct):
    path: str
    content: bytes


class _Payload(msgspec.Struct):
    type: str
    message: str = ""
    files: tuple[_File, ...] = ()


class _Answer(msgspec.Struct):
    payload: _Payload


class _Service:
    """A running pagefind."""

    def __init__(self, command: list[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - of a package that this one asks for
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise SearchError(f"pagefind cannot be started: {reason_with_path(error)}") from error
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # all that it had to do is done, or in vain
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent yet cannot be sent any more
                    pipe.close()
        self._process.wait()

    def ask(self, what: str, **more: Any) -> _Payload:
        """Send a message and return its answer.

        Raises:
            SearchError: if it refuses, has ended, or answers what makes no sense.
        """
        self._number += 1
        try:
            self._send({"message_id": self._number, "payload": {"type": what, **more}})
            payload = msgspec.json.decode(b64decode(self._answer()), type=_Answer).payload
        except (OSError, ValueError) as error:
            raise SearchError(f"pagefind failed: {error}") from error
        if payload.type == "Error":
            raise SearchError(f"pagefind failed: {payload.message or what}")
        return payload

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b64encode(msgspec.json.encode(message)) + b",")
        self._process.stdin.flush()

    def _answer(self) -> bytearray:
        """Return the next answer, which ends with a comma; it sends no other before it is asked again."""
        assert self._process.stdout is not None
        found = bytearray()
        while not found.endswith(b","):
            piece = os.read(self._process.stdout.fileno(), 1_048_576)
            if not piece:
                raise SearchError("pagefind ended unexpectedly (there may be too little memory for so many items)")
            found += piece
        return found[:-1]
