"""Many new documents that processes wrote: stored in the index, and brought to the disk meanwhile. Starts threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aggregator.model.errors import PublishError
from aggregator.site.write_groups import TICK

if TYPE_CHECKING:
    from aggregator.index.index import Index
    from aggregator.publisher.destination import Destination
    from aggregator.site.progress import Progress
    from aggregator.site.render_jobs import Result
    from aggregator.site.render_queue import RenderRequest
    from aggregator.site.stopwatch import Stopwatch

Row = TypeVar("Row")

STORED_TOGETHER = 32
"""How many new folders are stored in the index in one transaction: a kill costs no more than rendering these again."""


class StoredFolders(NamedTuple):
    """The names of documents that were written, messages of what failed, and whether a power cut can undo nothing."""

    written: list[str]
    failed: list[str]
    is_durable: bool


def store_folders(
    results: Iterator[tuple[RenderRequest[Row], Result]], store: Callable[[RenderRequest[Row], Result], object], *,
    index: Index, writer: Destination, watch: Stopwatch, progress: Progress,
) -> StoredFolders:  # fmt: skip
    """Call `store` for each folder that a process wrote, a few in one transaction, while they go to the disk."""
    written: list[str] = []
    failed: list[str] = []
    flushing = Flushing(writer, progress)
    while group := list(islice(results, STORED_TOGETHER)):
        progress.tick()
        flushing.go_on()
        with index.transaction(filled=False):
            for request, result in group:
                store(request, result)
        written += chain.from_iterable(result.written for _, result in group)
        failed += [str(PublishError(*one)) for _, result in group for one in result.failed]
    try:
        with watch.of("write"):
            flushing.end()
    except PublishError as error:
        return StoredFolders([], [*failed, str(error)], is_durable=False)
    return StoredFolders(written, failed, is_durable=True)


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
