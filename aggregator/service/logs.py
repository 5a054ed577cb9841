"""Log lines as `key=value`, as JSON for machines, and for people at a terminal (`people_log`). Writes to a stream.

They contain paths, rules and counts, never a seed's text.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from aggregator.model.errors import AggregatorError
from aggregator.model.reports import Problem, Turn
from aggregator.service import people_log

Format = Literal["text", "json", "people"]

LOGGER = logging.getLogger("aggregator")
LOGGER.addHandler(logging.NullHandler())


def log(event: str, level: int = logging.INFO, *, people: str | None = "", **values: Any) -> None:
    """Log `event` with its values; empty ones are left out.

    At a terminal, people see the line `people` instead, if there is one, and nothing if it is None.
    """
    LOGGER.log(level, event, extra={"values": values, "people": people})


def log_problem(problem: Problem, *, last_good: bool = False) -> None:
    """Log a problem in a seed, with its position; `last_good` if the last good version of the seed stays."""
    log(
        "problem", logging.WARNING, people=people_log.problem_line(problem, last_good=last_good),
        path=problem.path, line=problem.line, column=problem.column, what=problem.message, hint=problem.hint,
        last_good=last_good or None,
    )  # fmt: skip


def log_turn(turn: Turn, *, was_asked_for: bool, people: str | None = "") -> None:
    """Log a turn, unless it did nothing and nobody asked for it, and problems other than those in seeds."""
    if turn.read or turn.removed or turn.written or turn.failed or was_asked_for:
        log(
            "turn", people=people, read=turn.read, added=turn.added, changed=turn.changed, removed=turn.removed,
            rendered=turn.rendered, written=len(turn.written), seconds=turn.seconds, failed=len(turn.failed),
        )  # fmt: skip
    for line in (*turn.failures(), *turn.notes):
        log("trouble", logging.ERROR, what=line)


def start(shape: Format, stream: TextIO | None = None) -> None:
    """Write log lines of `shape` to `stream` (standard error): ours, warnings of libraries, exceptions in threads."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(shape, handler.stream))
    if shape == "people":
        handler.addFilter(lambda record: getattr(record, "people", "") is not None)
    for logger in (LOGGER, logging.getLogger()):
        for old in logger.handlers[:]:
            logger.removeHandler(old)
        logger.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a log that cannot be written must not stop the feeds
    threading.excepthook = _log_thread_exception


def _formatter(shape: Format, stream: TextIO) -> logging.Formatter:
    if shape == "people":
        return people_log.PeopleFormatter(colour=stream.isatty() and not os.environ.get("NO_COLOR"))
    return _Text() if shape == "text" else _Json()


def _log_thread_exception(end: threading.ExceptHookArgs) -> None:
    if end.exc_type is not SystemExit:
        found = (end.exc_type, end.exc_value or end.exc_type(), end.exc_traceback)
        name = end.thread.name if end.thread is not None else ""
        LOGGER.error("exception in a thread", exc_info=found, extra={"values": {"thread": name}})


def _values(record: logging.LogRecord) -> dict[str, Any]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
    values |= {
        key: value for key, value in getattr(record, "values", {}).items() if value not in (None, "", (), [], {})
    }
    if record.exc_info and record.exc_info[1] is not None:
        values["error"] = _error(record.exc_info[1])
        values["where"] = _where(record.exc_info[2])
    return values


def _error(error: BaseException) -> str:
    """Return the name of an error, and its message unless that may quote a seed."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, AggregatorError | OSError | sqlite3.Error) else kind


def _where(trace: Any) -> str:
    """Return the innermost file and line of a traceback, which itself could contain a seed's text."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(value)}" for key, value in _values(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # ASCII only: a path may contain U+2028, a line end for some readers, or bytes that are not UTF-8.
        return json.dumps(_values(record), default=str)


def _quoted(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if not text.isprintable():
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False) if not text or any(one in text for one in ' "=') else text
