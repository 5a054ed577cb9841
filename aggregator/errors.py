"""The exceptions users can meet; nothing here touches the world.

    AggregatorError
    ├── ConfigError        the config cannot be used; carries every problem found (exit code 2)
    ├── LockedError        another process holds the state folder (exit code 3)
    ├── FolderError        the seeds folder is gone, unreadable or suddenly empty: nothing was withdrawn
    └── PublishError       a document could not be written; carries the operating system's reason

A bad seed is not an exception: it is a `Rejection`, so that every other seed goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AggregatorError", "ConfigError", "FolderError", "LockedError", "PublishError"]


class AggregatorError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigError(AggregatorError):
    """The config cannot be used; `problems` holds all that is wrong with it, one line of text each."""

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class LockedError(AggregatorError):
    """Another process, `holder`, works on the state folder `path`."""

    def __init__(self, path: str, holder: str) -> None:
        self.path, self.holder = path, holder
        super().__init__(f"{path}: held by {holder} (wait for it to end, or stop it)")


class FolderError(AggregatorError):
    """The seeds folder cannot be trusted right now, so nothing was withdrawn."""


class PublishError(AggregatorError):
    """The document `name` could not be written."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"{name}: {reason}")
