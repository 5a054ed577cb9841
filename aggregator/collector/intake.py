"""From what was received to seeds: the formats on one side, the folder of collected seeds on the other.

Everything heavy is imported here, when the first document comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from aggregator.collector.answers import Answer
from aggregator.collector.entries import Document, NoDocument
from aggregator.collector.guards import Write
from aggregator.collector.state import Known, Pending, SourceState
from aggregator.model.sources import Source, SourceList

Ask = Callable[[str], Awaitable[Answer]]


class Intake(Protocol):
    """What the collector does with documents; `intake_into` returns the one that writes seeds."""

    def parse(self, pending: Pending) -> Document | NoDocument:
        """Return what a received document holds."""

    def recover(self, source: Source) -> Iterable[Known]:
        """Return the entries whose seeds lie in the folder of a source, when the database knows of none."""

    def write(
        self, source: Source, write: Write, document: Document, *, state: SourceState, page: str | None
    ) -> tuple[str, str]:
        """Write a seed, and return its path below the folder and a sentence on what a person did to it, "" if nothing.

        Raises:
            OSError: If it cannot be written; a folder that is missing is not made.
        """

    async def page_of(self, link: str, ask: Ask) -> str:
        """Return the text of an entry's page as HTML, "" if there is none, or if its robots.txt forbids it."""

    def list_of(self, location: str, one: SourceList) -> tuple[Source, ...]:
        """Return the sources of a living list that is a file; none if it cannot be read."""

    def parse_list(self, body: bytes, one: SourceList) -> tuple[Source, ...] | str:
        """Return the sources of a living list, or why it is none."""


def intake_into(folder: str) -> Intake:
    """Return what writes seeds into `folder`."""
    raise NotImplementedError(folder)
