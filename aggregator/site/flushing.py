"""Many new documents brought to the disk together, in the background of their rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from aggregator.publisher.destination import Destination


class Flushing:
    """Brings what is written to the disk while more is rendered, so that at the end there is little to wait for."""

    def __init__(self, writer: Destination) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - loaded by the executor of the pages

        self._writer = writer
        self._thread = ThreadPoolExecutor(1)
        self._begun: Future[None] | None = None
        self._failed: BaseException | None = None

    def go_on(self) -> None:
        """Begin once more, unless it is still going on."""
        if self._begun is None or self._begun.done():
            self._wait()
            self._begun = self._thread.submit(self._writer.flush)

    def end(self) -> None:
        """Bring the rest to the disk.

        Raises:
            PublishError: if that failed now, or before: the system reports what it could not write only once.
        """
        self._wait()
        self._writer.flush()
        if self._failed is not None:
            raise self._failed

    def _wait(self) -> None:
        if self._begun is not None:
            self._failed = self._failed or self._begun.exception()
