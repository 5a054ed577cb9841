"""Pages of archives to the feeds folder: published, looked at, removed, known again. Touches disk and index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from aggregator.index.index import Index
from aggregator.model.archive_layout import folder_of, place_of
from aggregator.model.errors import PublishError
from aggregator.site.archives import Archives, PageRendering, names_of
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.write_groups import write_in_groups

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.publisher.destination import Destination


class Pages(NamedTuple):
    """The names of pages' documents that were written, what failed, and whether these were all that had to be."""

    written: list[str]
    failed: list[str]
    all: bool


class Archiver:
    """Keeps the pages of a site's archives on the disk."""

    def __init__(self, index: Index, writer: Destination, watch: Stopwatch | None = None) -> None:
        self._index = index
        self._writer = writer
        self._watch = watch or Stopwatch()

    def publish(
        self,
        archives: Archives,
        *,
        now: int,
        on_disk: bool,
        over: Callable[[], bool] = bool,
        executor: Executor | None = None,
    ) -> Pages:
        """Write the pages that are not what they must be, on disk already or not; they are rendered on `executor`.

        No page is begun once `over` says so, but the first one is.
        """
        written: list[str] = []
        failed: list[str] = []
        wanted = archives.renderings(now=now, on_disk=on_disk, executor=executor)
        renderings = _Bounded(self._watch.during("archives", wanted), over)
        for group, result in write_in_groups(renderings, self._writer, self._watch, alive=over):
            broken = {_folder(error.name) for error in result.failed}
            for rendering in group:
                names = [document.name for document in rendering.documents]
                archives.published(rendering, None if _folder(names[0]) in broken else self._stamps(names))
            written += result.written
            failed += map(str, result.failed)
        return Pages(written, failed, all=not renderings.cut)

    def remove(self) -> list[str]:
        """Remove the pages that hold nothing any more, now that nothing leads to them; gives what failed."""
        failed = []
        for feed, month, last, slug in self._index.archive_pages.unwanted():
            try:
                self._writer.remove(names_of(slug, folder_of(month, last)))
                self._index.archive_pages.delete(feed, month, last)
            except PublishError as error:
                failed.append(str(error))
        return failed

    def look(self) -> None:
        """Have pages written again that somebody else changed."""
        pages = self._index.archive_pages.written()
        changed = [page[:3] for page in pages if page[4] != self._stamps(names_of(page[3], folder_of(*page[1:3])))]
        self._index.archive_pages.forget_documents(changed)

    def adopt(self, slug: str) -> None:
        """Know again the pages that are published, so that none stays behind that no page leads to."""
        for folder in self._writer.pages(slug):
            place = place_of(folder)
            if place is not None:
                self._index.feeds.adopt(slug)
                self._index.archive_pages.adopt(slug, *place)

    def _stamps(self, names: Iterable[str]) -> bytes | None:
        file_identity = [self._writer.stamp(name) for name in names]
        return "\n".join(stamp for stamp in file_identity if stamp).encode() if all(file_identity) else None


class _Bounded:
    """Renderings until it is `over`; `cut` says that there would have been more."""

    def __init__(self, renderings: Iterator[PageRendering], over: Callable[[], bool]) -> None:
        self._renderings, self._over = renderings, over
        self._begun = False
        self.cut = False

    def __iter__(self) -> Iterator[PageRendering]:
        return self

    def __next__(self) -> PageRendering:
        if self._begun and self._over():
            self.cut = True
            raise StopIteration
        self._begun = True
        return next(self._renderings)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
