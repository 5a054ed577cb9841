"""What one turn publishes: the feeds, the pages of their archives and the pages of the whole site, in a safe order.

Talks to the index and the writer; what must be rendered and how it looks is decided in the pipeline.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from aggregator.index.feeds import FeedRow
from aggregator.model.document_names import FEED_DOCUMENTS, SITE_DOCUMENTS
from aggregator.model.errors import PublishError
from aggregator.site.archives import Archives
from aggregator.site.archiving import Archiver, Pages
from aggregator.site.feeds import Pipeline, Rendering
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.workers import MANY_FEEDS, MANY_PAGES, Workers
from aggregator.site.write_groups import write_in_groups

if TYPE_CHECKING:
    from aggregator.publisher.destination import Destination

LONGEST_WAIT = 0.05
"""How long, in seconds, a feed that changed waits for new pages of its archive; then it is shown without them."""


class Publishing:
    """Brings the feeds folder up to date with the index; make one for each turn and call `publish`.

    `rendered` names the feeds that were rendered, `written` the documents that were written, `failed` says what could
    not be. `unfinished` says that there was no time for all pages of archives, `touched` that somebody else changed
    what was published.
    """

    def __init__(
        self, pipeline: Pipeline, writer: Destination, watch: Stopwatch,
        *, hurry: Callable[[float], bool] | None = None, alive: Callable[[], object] = bool,
    ) -> None:  # fmt: skip
        """Ask `hurry`, with the seconds that pages of archives have taken, whether the others are left for later.

        `alive` is called between two documents; what it raises ends it all.
        """
        self._pipeline = pipeline
        self._index = pipeline.index
        self._writer = writer
        self._watch = watch
        self._hurry = hurry
        self._alive = alive
        self._archives = Archives(pipeline)
        self._archiver = Archiver(self._index, writer, watch)
        self.rendered: list[str] = []
        self.written: list[str] = []
        self.failed: list[str] = []
        self.unfinished = self.touched = False

    def publish(self, workers: Workers, now: int, *, trust_disk: bool) -> None:
        """Write what must be written; `trust_disk` does not look whether somebody else changed published files."""
        try:
            self._writer.begin(now, look=not trust_disk)
        except PublishError as error:
            self.failed.append(str(error))
            return
        if not trust_disk:
            self._archiver.look()
        intact = (lambda row: row.file_identity is not None) if trust_disk else self._is_intact
        # Who is in a hurry starts no processes: those of a large intake are at hand, others would take too long.
        count = self._pipeline.count()
        executor = workers.executor(count, many=MANY_FEEDS) if self._hurry is None else workers.started
        self._publish_feeds(self._pipeline.renderings(now=now, intact=intact, executor=executor))
        # A page of an archive is written before anything on disk leads to it, and removed after.
        over = self._clocked()
        pages = self._publish_pages(workers, now, on_disk=False, over=over)
        if pages.all:
            self._publish_feeds(self._pipeline.renderings(now=now, intact=intact, only=self._pipeline.waiting))
            pages = self._publish_pages(workers, now, on_disk=True, over=over)
        else:
            urgent = self._pipeline.urgent
            self._publish_feeds(self._pipeline.renderings(now=now, intact=intact, only=urgent, meanwhile=True))
        # What fails is tried again when there is another reason for a turn; it does not hold up what does not.
        self.unfinished = not pages.all and (not self.failed or bool(pages.written))
        if pages.all and not self.failed:
            self.failed += self._archiver.remove()
        self.failed += self._pipeline.faults
        if not self.failed:
            self._pipeline.finished()
        self._publish_site(workers)

    def was_the_last(self) -> bool:
        """Say whether the pages of the whole site lie there as this index had them written, and no later one."""
        known = self._index.meta("site")
        return bool(known) and known.endswith(self._site_stamps() or b"-")

    def _publish_feeds(self, renderings: Iterator[Rendering]) -> None:
        wanted = self._watch.during("feeds", self._told(renderings))
        for group, result in write_in_groups(wanted, self._writer, self._watch, alive=self._alive):
            broken = {error.name.partition("/")[0] for error in result.failed}
            for rendering in group:
                slug = rendering.row.slug
                self.rendered.append(slug)
                self._pipeline.published(rendering, None if slug in broken else self._stamps(slug))
            self.written += result.written
            self.failed += map(str, result.failed)

    def _told(self, renderings: Iterator[Rendering]) -> Iterator[Rendering]:
        for rendering in renderings:
            self._alive()
            yield rendering

    def _clocked(self) -> Callable[[], bool]:
        """Give what says whether pages of archives must wait, by the time from now on."""
        hurry, began = self._hurry, time.monotonic()
        longest = LONGEST_WAIT if self._pipeline.urgent else math.inf

        def is_over() -> bool:
            self._alive()
            seconds = time.monotonic() - began
            return hurry is not None and (seconds > longest or hurry(seconds))

        return is_over

    def _publish_pages(self, workers: Workers, now: int, *, on_disk: bool, over: Callable[[], bool]) -> Pages:
        # Nor hands out pages: what others had begun when it ends would be lost.
        count = self._archives.count(on_disk=on_disk) if self._hurry is None else 0
        executor = workers.executor(count, many=MANY_PAGES) if count else None
        pages = self._archiver.publish(self._archives, now=now, on_disk=on_disk, over=over, executor=executor)
        self.written += pages.written
        self.failed += pages.failed
        return pages

    def _publish_site(self, workers: Workers) -> None:
        key, known = self._pipeline.site_key(), self._index.meta("site") or b""
        stamps = self._site_stamps() or b""
        if known != key + stamps:
            # Of feeds whose documents are taken on trust nobody would notice before everything is looked at.
            self.touched = known[len(key) :] not in {b"", stamps}
            result = self._writer.publish(self._pipeline.site_documents(workers.started))
            self.written += result.written
            self.failed += map(str, result.failed)
            stamps = b"" if result.failed else self._site_stamps() or b""
            self._index.set_meta("site", key + stamps if stamps else b"")

    # -- what lies on disk

    def _is_intact(self, row: FeedRow) -> bool:
        return row.file_identity is not None and row.file_identity == self._stamps(row.slug)

    def _stamps(self, slug: str) -> bytes | None:
        return self._stamped(f"{slug}/{name}" for name in FEED_DOCUMENTS)

    def _site_stamps(self) -> bytes | None:
        return self._stamped(SITE_DOCUMENTS)

    def _stamped(self, names: Iterable[str]) -> bytes | None:
        stamps = [self._writer.stamp(name) for name in names]
        return "\n".join(stamp for stamp in stamps if stamp).encode() if all(stamps) else None
