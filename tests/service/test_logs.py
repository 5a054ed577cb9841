"""Log records are one line each, whatever they contain, and never contain a seed's text."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from aggregator import FolderError
from aggregator.service import logs
from aggregator.service.logs import LOGGER, log

Start = Callable[[logs.Format], io.StringIO]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts logging to a stream; restore everything afterwards."""
    root = logging.getLogger()
    kept = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in (LOGGER, root)]
    hook, raising = threading.excepthook, logging.raiseExceptions

    def begin(shape: logs.Format) -> io.StringIO:
        stream = io.StringIO()
        logs.start(shape, stream)
        return stream

    yield begin
    logging.captureWarnings(capture=False)
    threading.excepthook, logging.raiseExceptions = hook, raising
    for logger, handlers, level, propagate in kept:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_line_for_machines_is_one_json_object(start: Start) -> None:
    """It has time, level, event and values; empty values are left out."""
    stream = start("json")
    log("turn", read=3, failed=0, note="", paths=("a", "b"))
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "turn", "read": 3, "failed": 0, "paths": ["a", "b"]}


def test_a_line_for_people_is_key_and_value(start: Start) -> None:
    """Values that are ambiguous otherwise are quoted."""
    stream = start("text")
    log("turn", read=3, seconds=0.12345, reason='not "there"', many=["a", "b"])
    assert stream.getvalue().partition(" ")[2] == (
        'level=info event=turn read=3 seconds=0.123 reason="not \\"there\\"" many=a,b\n'
    )


def test_people_are_spared_what_has_another_line(start: Start) -> None:
    """A record without words for people is in the logs of machines alone."""
    stream = start("people")
    log("turn", people=None, read=1)
    log("recovered", people="✓ watcher: the problem is gone", concern="watcher")
    assert [line.partition(" ")[2] for line in stream.getvalue().splitlines()] == ["✓ watcher: the problem is gone"]
    stream = start("json")
    log("turn", people=None, read=1)
    assert json.loads(stream.getvalue())["event"] == "turn"


@pytest.mark.parametrize("shape", ["json", "text"])
@pytest.mark.parametrize("nasty", ["a\nb", "a\r\nb", "a\u2028b", "a\x85b", "\x1b[31mred", "caf\udce9.md", "\x00"])
def test_nothing_breaks_a_line(start: Start, shape: logs.Format, nasty: str) -> None:
    """Line feeds of every kind, escape sequences and names that are not UTF-8 stay within one printable line."""
    stream = start(shape)
    log("problem", path=nasty)
    written = stream.getvalue()
    assert written.encode()
    assert len(written.splitlines()) == 1
    assert written[:-1].isprintable()
    if shape == "json":
        assert json.loads(written)["path"] == nasty


def test_an_exception_is_logged_with_its_position_but_without_a_seeds_text(start: Start) -> None:
    """The message of a ValueError, which may quote a seed, is left out; those of our own errors and OSErrors are kept."""
    stream = start("json")
    for error in (ValueError("canary"), FolderError("seeds: gone"), OSError(28, "No space left on device")):
        with pytest.raises(type(error)) as caught:
            raises(error)
        LOGGER.error("turn failed", exc_info=caught.value)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["error"] for line in lines] == [
        "ValueError", "FolderError: seeds: gone", "OSError: [Errno 28] No space left on device",
    ]  # fmt: skip
    assert all("test_logs.py:" in line["where"] for line in lines)
    assert "canary" not in stream.getvalue()


def test_libraries_and_dying_threads_log_the_same_lines(start: Start) -> None:
    """Warnings of other loggers, Python warnings and exceptions that end a thread are logged in the same format."""
    stream = start("json")
    logging.getLogger("some.library").warning("something %s", "odd")
    logging.getLogger("some.library").info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    for error in (ValueError("canary"), SystemExit()):
        thread = threading.Thread(target=raises, args=(error,), name="worker")
        thread.start()
        thread.join()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0]["event"] == "something odd"
    assert "old" in lines[1]["event"]
    assert (lines[2]["event"], lines[2]["thread"], lines[2]["error"]) == (
        "exception in a thread",
        "worker",
        "ValueError",
    )
    assert len(lines) == 3


def raises(error: BaseException) -> None:
    """Raise it."""
    raise error


def test_a_closed_stream_does_not_stop_the_feeds(start: Start) -> None:
    """Logging to a closed stream raises nothing."""
    start("json").close()
    log("turn", read=1)
