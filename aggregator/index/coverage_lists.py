"""What is listed with an item at a moment: the other texts on its event, by what the index knows of them.

Reads the index. Which items cover one event is in `coverage`, found by `coverage_search`. It is imported if a site
looks for stories.
"""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.index.coverage_groups import rank_of
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.shown_links import link_of
from aggregator.model.items import Related
from aggregator.normalizer import rules
from aggregator.normalizer.stored import unpack_seed, unpack_verdict, verified

MOST_LISTED = 10
"""How many other texts on its event are listed with an item: the best ones."""


class CoverageLists:
    """The other texts on the events of a few files at a moment (seconds since 1970), on the site with a URL."""

    def __init__(self, index: Index, rows: Sequence[FileRow], now: int, *, site: str = "", host: str = "") -> None:
        self._index = index
        self._now = now
        self._site, self._host = site, host
        files = [row.file for row in rows]
        self._original = index.copies.originals(files)
        self._covering = index.coverage.covering(sorted({*files, *self._original.values()}))
        others = sorted({other for pairs in self._covering.values() for other in pairs} - set(files))
        self._hidden = index.coverage.hidden(sorted({*files, *self._original.values()}))
        known = {row.file: row for row in rows}
        for chunk in chunks(others):
            known.update((row.file, row) for row in index.files.where(f"file IN ({marks(chunk)})", chunk))
        self._rows = known

    def others(self, row: FileRow) -> list[FileRow]:
        """Return the files of other items that cover the event of a file, the best first; a copy has its original's."""
        pairs = self._covering.get(self._original.get(row.file, row.file), {})
        found = (self._rows[other] for other in pairs if other in self._rows)
        others = [one for one in found if one.story is not None and one.story != row.story]
        return sorted(others, key=rank_of)

    def windows(self, row: FileRow) -> list[tuple[int, int]]:
        """Return the windows of these files: what is listed changes when one opens or closes."""
        return [(one.starts or 0, one.ends or 0) for one in self.others(row)]

    def hidden(self, row: FileRow) -> dict[str, list[tuple[int, int]]]:
        """Return when feeds show another item of the event of a file instead, by slug."""
        found: dict[str, list[tuple[int, int]]] = {}
        for slug, starts, ends in self._hidden.get(self._original.get(row.file, row.file), ()):
            found.setdefault(slug, []).append((starts, ends))
        return found

    def listed(self, row: FileRow, link: str) -> tuple[Related, ...]:
        """Return what is listed with the item of a file now: those whose windows are open, each link once."""
        found: dict[str, Related] = {}
        for other in self.others(row):
            if (other.starts or 0) <= self._now < (other.ends or 0) and len(found) < MOST_LISTED:
                one = self._as_related(other)
                if one.link != link:
                    found.setdefault(one.link, one)
        return tuple(found.values())

    def _as_related(self, row: FileRow) -> Related:
        stored = self._index.files.seeds([row.file])[row.file]
        seed, verdict = unpack_seed(verified(stored, row.content or b"")), unpack_verdict(row.verdict)
        acting = rules.effective_seed(seed, verdict)
        link = link_of(self._index, row, acting, site=self._site, host=self._host)
        return Related(title=acting.title, link=link, provider=acting.provider, quality=acting.quality)
