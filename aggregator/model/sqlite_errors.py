"""What an error of SQLite means: damage, or a full disk, a lock and the like; and what helps. Pure."""

from __future__ import annotations

_ADVICE = {
    "SQLITE_BUSY": "end the program that has it open",
    "SQLITE_LOCKED": "end the program that has it open",
    "SQLITE_FULL": "free some space",
    "SQLITE_IOERR": "check whether the disk is full or failing; the system's log says more",
    "SQLITE_READONLY": "let the user this runs as write there",
    "SQLITE_CANTOPEN": "let the user this runs as write there, and check whether too many files are open",
    "SQLITE_NOMEM": "free some memory",
}
"""What helps against the errors that come from the environment; any other one comes from the file."""


def is_damage(error: BaseException) -> bool:
    """Return whether an error means that a database is damaged, and not a full disk, a lock or the like."""
    return not _advice(error)


def with_advice(error: BaseException) -> str:
    """Return an error's message, and what helps if the database cannot be used but is not damaged."""
    advice = _advice(error)
    message = str(error).partition(" with text ")[0]  # which sqlite3 quotes if it is not UTF-8: it may be private
    return f"{message} ({advice})" if advice else message


def _advice(error: BaseException) -> str:
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((advice for start, advice in _ADVICE.items() if name.startswith(start)), "")
