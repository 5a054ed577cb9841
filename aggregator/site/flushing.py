"""Many new documents brought to the disk together, in the background of their rendering. Starts threads."""

from __future__ import annotations

from concurrent.futures import Future, wait
from threading import Thread
from typing import TYPE_CHECKING

from aggregator.site.write_groups import TICK

if TYPE_CHECKING:
    from aggregator.publisher.destination import Destination
    from aggregator.site.progress import Progress


class Flushing:
    """Brings what is written to the disk while more is rendered, so that at the end there is little to wait for."""

    def __init__(self, writer: Destination, progress: Progress) -> None:
        self._writer = writer
        self._progress = progress
        self._begun: Future[None] | None = None
        self._failed: BaseException | None = None

    def go_on(self) -> None:
        """Begin once more, unless it is still going on."""
        if self._begun is None or self._begun.done():
            self._wait()
            self._begun = self._begin()

    def end(self) -> None:
        """Bring the rest to the disk, if there is anything.

        Raises:
            PublishError: if that failed now, or before: the system reports what it could not write only once.
        """
        if self._begun is None:
            return
        self._wait()
        self._begun = self._begin()
        self._wait()
        if self._failed is not None:
            raise self._failed

    def _begin(self) -> Future[None]:
        flushed: Future[None] = Future()

        def flush() -> None:
            try:
                self._writer.flush()
            except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
                flushed.set_exception(error)
            else:
                flushed.set_result(None)

        # No thread of a pool: this process would wait for it at its end, however slow the disk is.
        Thread(target=flush, name="flush", daemon=True).start()
        return flushed

    def _wait(self) -> None:
        if self._begun is not None:
            while not wait([self._begun], TICK).done:
                self._progress.wait()
            self._failed = self._failed or self._begun.exception()
