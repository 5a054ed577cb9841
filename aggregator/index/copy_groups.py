"""The copies of the files that a turn settles: who ranks before whom, and what is listed with each item.

Talks to the index. It is imported if a site looks for copies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from aggregator.index.copy_search import sources_and_ranks
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.shown_links import link_of
from aggregator.model.item_pages import is_own
from aggregator.model.items import Copy
from aggregator.normalizer import identity, rules
from aggregator.normalizer.comparison.clusters import Rank
from aggregator.normalizer.stored import unpack_seed, unpack_verdict, verified

MOST_LISTED = 20
"""How many copies are listed with an item: those that rank first."""


class CopyGroups:
    """The copies of a few files at a moment (seconds since 1970), on the site with a URL."""

    def __init__(self, index: Index, rows: Sequence[FileRow], now: int, *, site: str = "", host: str = "") -> None:
        self._index = index
        self._site, self._host = site, host
        self._now = now
        files = [row.file for row in rows]
        originals = index.copies.originals(files)
        copied = index.copies.copies_of([*files, *originals.values()])
        self._original = dict(originals)
        self._original |= {copy: original for original, several in copied.items() for copy in several}
        self._original |= {original: original for original in copied}
        members: dict[int, list[int]] = defaultdict(list)
        for file, original in self._original.items():
            members[original].append(file)
        self._members = members
        self._rows = {row.file: row for row in rows} | _rows(index, self._original.keys() - set(files))
        # A story of copies may have files that are none, with the link of one of them.
        self._ranks = sources_and_ranks(index, sorted({*self._original, *files})) if self._original else {}

    def order(self, candidates: Sequence[identity.Candidate]) -> list[identity.Candidate]:
        """Return the candidates of a story in the order in which they may stand for it.

        If some are copies, the best source comes first, as its best seed ranks among the copies.
        """
        if len(candidates) < 2 or not any(one.file in self._original for one in candidates):
            return sorted(candidates, key=identity.order)
        by_source: dict[int, list[identity.Candidate]] = defaultdict(list)
        for one in sorted(candidates, key=identity.order):
            by_source[self._ranks[one.file][0]].append(one)
        return [one for several in sorted(by_source.values(), key=self._best) for one in several]

    def _best(self, candidates: Sequence[identity.Candidate]) -> Rank:
        return self._ranks[candidates[0].file][1]

    def others(self, file: int) -> list[FileRow]:
        """Return the files that are copies of a file, or of which it is one, in the order of their ranks."""
        several = self._members.get(self._original.get(file, 0), [])
        found = [self._rows[one] for one in several if one != file and one in self._rows]
        return sorted((row for row in found if row.story is not None), key=lambda row: self._ranks[row.file][1])

    def windows(self, file: int) -> list[tuple[int, int]]:
        """Return the windows of the copies of a file: what is listed with it changes when one opens or closes."""
        return [(row.starts or 0, row.ends or 0) for row in self.others(file)]

    def listed(self, file: int, link: str) -> tuple[Copy, ...]:
        """Return what is listed with the item of a file now: its copies whose windows are open, each link once.

        A copy of the same item whose link would be its own page is left out: it has none.
        """
        visible = [row for row in self.others(file) if (row.starts or 0) <= self._now < (row.ends or 0)]
        links = {link}
        found: list[Copy] = []
        visible = visible[:MOST_LISTED]
        for row, one in zip(visible, _as_related(self._index, visible, self._site, self._host), strict=True):
            is_nowhere = row.story == self._rows[file].story and is_own(one.link, self._site)
            if one.link not in links and not is_nowhere:
                links.add(one.link)
                found.append(one)
        return tuple(found)


def _rows(index: Index, files: Iterable[int]) -> dict[int, FileRow]:
    wanted = sorted(files)
    return {
        row.file: row for chunk in chunks(wanted) for row in index.files.where(f"file IN ({marks(chunk)})", chunk)
    }  # fmt: skip


def _as_related(index: Index, rows: Sequence[FileRow], site: str, host: str) -> Iterable[Copy]:
    stored = index.files.seeds([row.file for row in rows])
    for row in rows:
        seed, verdict = unpack_seed(verified(stored[row.file], row.content or b"")), unpack_verdict(row.verdict)
        acting = rules.effective_seed(seed, verdict)
        link = link_of(index, row, acting, site=site, host=host)
        yield Copy(title=acting.title, link=link, provider=acting.provider, quality=acting.quality)
