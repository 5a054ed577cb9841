"""Many new documents brought to the disk together, in the background of their rendering. Starts threads."""

from __future__ import annotations

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
        self._thread: Thread | None = None
        self._failed: BaseException | None = None

    def go_on(self) -> None:
        """Begin once more, unless it is still going on."""
        if self._thread is None or not self._thread.is_alive():
            self._begin()

    def end(self) -> None:
        """Bring the rest to the disk, if there is anything.

        Raises:
            PublishError: if that failed now, or before: the system reports what it could not write only once.
        """
        if self._thread is None:
            return
        self._wait(self._thread)
        self._wait(self._begin())
        if self._failed is not None:
            raise self._failed

    def _begin(self) -> Thread:
        # No thread of a pool: this process would wait for it at its end, however slow the disk is.
        self._thread = Thread(target=self._flush, name="flush", daemon=True)
        self._thread.start()
        return self._thread

    def _flush(self) -> None:
        try:
            self._writer.flush()
        except BaseException as error:  # noqa: BLE001 - raised where somebody waits for it
            self._failed = self._failed or error

    def _wait(self, thread: Thread) -> None:
        while thread.is_alive():
            thread.join(TICK)
            if thread.is_alive():
                self._progress.wait()
