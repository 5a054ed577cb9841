"""Sends render jobs to an executor, or does them here, and returns the results in order. Reads the index."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import msgspec

from aggregator.index.database import reason_not_rendered
from aggregator.index.feeds import VisibleItem
from aggregator.model.errors import cause_of
from aggregator.model.feeds import Document
from aggregator.site import render_jobs
from aggregator.site.item_cache import ItemCache
from aggregator.site.render_jobs import Batch, Contents, Job, Result
from aggregator.site.workers import AHEAD, in_order

if TYPE_CHECKING:
    from concurrent.futures import Executor

Row = TypeVar("Row")


class RenderRequest(NamedTuple, Generic[Row]):
    """A feed or a page that is to be rendered.

    `name` is what messages call it, `key` the digest of all that it shows, `visible` the items of `job`. A request that
    `is_provisional` is to be rendered again once pages of its archive are written.
    """

    row: Row
    name: str
    key: bytes
    job: Job
    visible: Sequence[VisibleItem]
    is_provisional: bool = False


class Rendering(NamedTuple, Generic[Row]):
    """What was rendered for a request; `contents` are those of a feed's current documents."""

    request: RenderRequest[Row]
    documents: tuple[Document, ...]
    contents: Contents | None


Cut = Callable[[Iterator[RenderRequest[Row]]], Iterator[list[RenderRequest[Row]]]]
"""Cuts requests into the batches that are sent together."""


class RenderQueue:
    """Renders requests; `faults` names those that a bug in this program made fail, which stay as they were."""

    def __init__(self, items: ItemCache) -> None:
        self.items = items
        self.faults: list[str] = []

    def render(
        self,
        requests: Iterator[RenderRequest[Row]],
        *,
        now: int,
        executor: Executor | None,
        cut: Cut[Row],
        ahead: int = AHEAD,
    ) -> Iterator[Rendering[Row]]:
        """Render requests in their order, one after the other in this thread if there is no executor.

        Args:
            requests: what to render.
            now: seconds since 1970.
            executor: does the work in batches.
            cut: cuts the requests into these batches.
            ahead: how many batches are under way at once, unless the executor says otherwise.

        Raises:
            msgspec.DecodeError: if a stored seed is damaged.
        """
        if executor is None:
            return self._render_here(requests, now)
        return self._render_on(executor, cut(requests), now, ahead)

    def _render_here(self, requests: Iterator[RenderRequest[Row]], now: int) -> Iterator[Rendering[Row]]:
        for request in requests:
            from aggregator.site.compiled_templates import keep_compiled_templates  # noqa: PLC0415 - jinja

            keep_compiled_templates()
            items = self.items.prepared(request.visible, now)
            try:
                rendered = render_jobs.render_job(request.job, items, self.items.settings)
            except Exception as error:  # noqa: BLE001 - the boundary: a bug that one job meets must not harm the others
                self.faults.append(f"{request.name}: {reason_not_rendered(error)}")
            else:
                yield Rendering(request, *rendered)

    def _render_on(
        self, executor: Executor, batches: Iterator[list[RenderRequest[Row]]], now: int, ahead: int
    ) -> Iterator[Rendering[Row]]:
        for request, one in self._results(executor, render_jobs.render, batches, now, ahead):
            yield Rendering(request, render_jobs.unpack_documents(one.documents), one.contents)

    def write_folders(
        self, requests: Iterator[RenderRequest[Row]], *, root: str, now: int, executor: Executor, cut: Cut[Row],
        ahead: int = AHEAD,
    ) -> Iterator[tuple[RenderRequest[Row], Result]]:  # fmt: skip
        """Let processes render requests, each for a folder below `root`, and write it; as `render` otherwise."""
        work = partial(render_jobs.render_folders, root)
        return self._results(executor, work, cut(requests), now, ahead)

    def _results(
        self, executor: Executor, work: Callable[[bytes], bytes], batches: Iterator[list[RenderRequest[Row]]],
        now: int, ahead: int,
    ) -> Iterator[tuple[RenderRequest[Row], Result]]:  # fmt: skip
        sent: deque[list[RenderRequest[Row]]] = deque()

        def packed() -> Iterator[bytes]:
            for batch in batches:
                sent.append(batch)
                yield self._packed(batch, now)

        for data in in_order(executor, work, packed(), ahead=ahead):
            result = render_jobs.unpack_results(data)
            for file, kind in result.left_out:
                self.items.note_left_out(file, kind)
            for request, one in zip(sent.popleft(), result.results, strict=True):
                if isinstance(one, str):
                    self.faults.append(f"{request.name}: not rendered {cause_of(one)}")
                else:
                    yield request, one

    def _packed(self, batch: list[RenderRequest[Row]], now: int) -> bytes:
        visible = dict.fromkeys(one for request in batch for one in request.visible)
        numbers = {one: number for number, one in enumerate(visible)}
        jobs = [
            msgspec.structs.replace(request.job, items=tuple(numbers[one] for one in request.visible))
            for request in batch
        ]
        return render_jobs.pack(Batch(self.items.settings.packed, now, self.items.stored(visible), jobs))
