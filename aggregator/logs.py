"""Log lines for people (`key=value`) and for machines (JSON), one a turn and one a problem; writes to a stream.

Lines name paths, rules and counts, never a seed's text.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

Format = Literal["text", "json"]

LOGGER = logging.getLogger("aggregator")
LOGGER.addHandler(logging.NullHandler())


def log(event: str, level: int = logging.INFO, **values: Any) -> None:
    """Log that `event` happened, with what belongs to it."""
    LOGGER.log(level, event, extra={"values": values})


def start(shape: Format, stream: TextIO | None = None) -> None:
    """Write log lines of `shape` to `stream` (standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Text() if shape == "text" else _Json())
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    logging.raiseExceptions = False  # a log that cannot be written must not stop the feeds


def _values(record: logging.LogRecord) -> dict[str, Any]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
    values |= {
        key: value for key, value in getattr(record, "values", {}).items() if value not in (None, "", (), [], {})
    }
    if record.exc_info and record.exc_info[1] is not None:
        values["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        values["where"] = _where(record.exc_info[2])
    return values


def _where(trace: Any) -> str:
    """Name the innermost place of a traceback; the traceback itself could hold a seed's text."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_worded(value)}" for key, value in _values(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_values(record), ensure_ascii=False, default=str)


def _worded(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(one in text for one in ' "=\n\t') else text
