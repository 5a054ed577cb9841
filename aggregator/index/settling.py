"""Settling stories: which file stands for a story when, which ids are final, what is withdrawn, which pages change.

Talks to the index. How the files of a story share the time is decided in `normalizer.identity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregator.config.settings import FeedSettings
from aggregator.index.archive_pages import ChangedDays
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.happenings import Happenings
from aggregator.index.index import Index
from aggregator.index.public_ids import needs_form, new_forms
from aggregator.index.stories import StoryRow
from aggregator.model.archive_layout import DAY
from aggregator.model.feeds import SITE_FEED
from aggregator.model.item_pages import ITEMS, ItemsWithPages
from aggregator.model.reports import Event
from aggregator.normalizer import identity
from aggregator.normalizer.deciding import validity
from aggregator.normalizer.rules import Policy, Verdict, last_ages
from aggregator.normalizer.stored import Entry, entry_rows, feeds_showing, pack_stored, unpack_verdict

if TYPE_CHECKING:
    from aggregator.index.copy_groups import CopyGroups
    from aggregator.index.coverage_lists import CoverageLists


class Writes:
    """Stories and entries of a turn that are written together, and the feeds and days that they touch.

    Call `flush` before anything that reads them back.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.stories: list[tuple[int, str, int, int]] = []
        self.added: list[Entry] = []
        self.removed: list[Entry] = []
        self.dirty: set[int] = set()
        """Feeds that must be compared again."""
        self.days = ChangedDays()
        self.without_archive: set[int] = set()
        """Feeds that have no archive."""
        self.has_item_pages = False
        self.positions: set[tuple[int, int, int]] = set()
        """Places in the order of a feed where items came, changed or went; none are noted without pages of items."""

    def flush(self) -> None:
        """Write the stories and entries."""
        self._index.stories.put(self.stories)
        self._index.feeds.delete_entries(self.removed)
        self._index.feeds.add_entries(self.added)
        self.mark(self.removed)
        self.mark(self.added)
        self.stories, self.added, self.removed = [], [], []

    def mark(self, entries: Iterable[Entry]) -> None:
        """Mark the feeds and days of these entries as changed."""
        for feed, sort, worst, *_ in entries:
            self.dirty.add(feed)
            if feed not in self.without_archive:
                self.days.add(feed, -sort // DAY)
            if self.has_item_pages:
                self.positions.add((feed, sort, worst))

    def mark_every_page(self) -> None:
        """Mark every page of every archive as changed."""
        self._index.archive_pages.mark_unwanted_of(self.without_archive)
        for feed, moment in self._index.feeds.publication_times():
            if feed not in self.without_archive:
                self.days.add(feed, moment // DAY)


class Withdrawals:
    """What readers saw until this turn: a story that no feed shows any more leaves a tombstone in each feed.

    `seconds` is how long feeds announce a withdrawal (0 = never).
    """

    def __init__(self, index: Index, *, seconds: int, now: int) -> None:
        self._index = index
        self._seconds = seconds
        self._now = now
        self._seen: dict[int, dict[int, int]] = {}
        """By story, the feeds in which readers saw it, each with the end of its window."""
        self._seen_as: dict[int, str] = {}
        self.shown_ids: set[str] = set()
        """Ids that readers see from this turn on."""
        self._kept: set[int] = set()
        """Stories without a withdrawal: they are visible, or left their feeds by age."""
        self._all_added = False

    def see(self, story: int, feeds: Mapping[int, int]) -> None:
        """Remember in which feeds readers saw a story until now, each with the end of its window."""
        if not self._all_added:
            self._seen.setdefault(story, {}).update(feeds)

    def see_id(self, story: int, id: str) -> None:  # noqa: A002 - the field's own name
        """Remember under which id readers saw a story; call it before the id changes."""
        self._seen_as.setdefault(story, id)

    @property
    def former_ids(self) -> frozenset[str]:
        """The ids under which readers saw stories whose id changed in this turn."""
        return frozenset(self._seen_as.values())

    def add_everything(self) -> None:
        """Add a tombstone for all that readers saw, before everything is read or decided again.

        `finish` removes those of the stories that are visible again.
        """
        self._all_added = True
        if self._seconds:
            self._index.withdrawn.add_everything(self._now, self._seconds)

    def settle(self, stories: Sequence[int], kept: Collection[int], feeds: Mapping[str, int]) -> None:
        """Add the tombstones of settled stories that are not `kept`; `feeds` are the numbers of feeds by slug."""
        self._kept.difference_update(stories)
        self._kept.update(kept)
        seen = {story: self._seen.pop(story) for story in stories if story in self._seen and story not in kept}
        if seen and self._seconds:
            slugs = {number: slug for slug, number in feeds.items()}
            self._index.withdrawn.add(
                (story, slugs[feed], min(self._now, max(ends.values())), self._seconds, self._seen_as.get(story))
                for story, ends in seen.items()
                for feed in ends
            )

    def finish(self) -> None:
        """Remove the tombstones of visible stories and the expired ones, and apply a changed duration."""
        feeds, withdrawn = self._index.feeds, self._index.withdrawn
        for stories in chunks(sorted(self._kept)):
            feeds.mark_dirty(withdrawn.remove(stories))
        for ids in chunks(sorted(self.shown_ids)):  # another story may have had one of them
            feeds.mark_dirty(withdrawn.remove_ids(ids))
        if self._index.meta("tombstones") != self._seconds:
            withdrawn.set_duration(self._seconds)
            self._index.set_meta("tombstones", self._seconds)
            feeds.mark_dirty(None)
        if expired := withdrawn.remove_expired(self._now):
            feeds.mark_dirty(row.feed for slug, row in feeds.by_slug().items() if slug in expired)


class Beside(NamedTuple):
    """What may be listed with the items of a few files: their copies, and other texts on their events."""

    copies: CopyGroups | None
    coverage: CoverageLists | None

    def windows(self, row: FileRow) -> list[tuple[int, int]]:
        """Return the windows of what may be listed with the item of a file."""
        copies = self.copies.windows(row.file) if self.copies else []
        return [*copies, *(self.coverage.windows(row) if self.coverage else ())]

    def listed(self, row: FileRow, verdict: Verdict) -> Verdict:
        """Return the verdict upon a file with what is listed with its item now."""
        copies = self.copies.listed(row.file, verdict.link) if self.copies else ()
        coverage = self.coverage.listed(row, verdict.link) if self.coverage else ()
        if (copies, coverage) == (verdict.copies, verdict.coverage):
            return verdict
        return msgspec.structs.replace(verdict, copies=copies, coverage=coverage)


class Settling:
    """Decides who stands for each story that a turn touches, and brings feeds, archives and tombstones in line."""

    def __init__(
        self, index: Index, *, policy: Policy, settings: FeedSettings, now: int, keepalive: Callable[[], object],
        next_file: int, next_story: int, item_pages: ItemsWithPages = "none", site: str = "",
    ) -> None:  # fmt: skip
        self._index = index
        self._ages = last_ages(policy)
        self._host = policy.host
        self._site = site
        self._archives = settings.archives
        self._has_copies = policy.copies != "off"
        self._has_stories = policy.stories != "off"
        self._next_file = next_file
        self._is_first = index.filling
        self._now = now
        self._keepalive = keepalive
        self.writes = Writes(index)
        self.withdrawals = Withdrawals(index, seconds=settings.tombstones or 0, now=now)
        self.happenings = Happenings(now=now, filling=index.filling, next_file=next_file, next_story=next_story)
        self._feeds = {slug: row.feed for slug, row in index.feeds.by_slug().items()}
        self._named = policy.named
        if policy.named:
            self.writes.without_archive = {one for slug, one in self._feeds.items() if slug.startswith(policy.named)}
        self._shown_ids: dict[str, int] = {}
        """Ids that feeds show now and that may need another form, each with the date of its item."""
        self._touched: set[int] = set()
        """Stories to settle."""
        self._changed: set[int] = set()
        """Files whose content or verdict has changed."""
        self.told: set[int] = set()
        """Stories that files tell, or told, that this turn touched."""
        self._item_pages = item_pages
        self._own_pages = f"{site}{ITEMS}/".encode() if item_pages == "own" else b""
        self._with_own_page: set[int] = set()
        """Stories whose link is that of their page."""
        self.writes.has_item_pages = item_pages == "all" or (item_pages == "own" and not index.item_pages.is_empty())
        self.topic_uses: Counter[tuple[str, str]] = Counter()
        """By how many visible files more a topic is spelled so (its slug and a name) than before the turn."""

    def feed(self, slug: str) -> int:
        """Return the number of a feed; add it if it is new."""
        if slug not in self._feeds:
            self._feeds[slug] = self._index.feeds.add(slug)
            if self._named and slug.startswith(self._named):
                self.writes.without_archive.add(self._feeds[slug])
        return self._feeds[slug]

    def events(self) -> tuple[Event, ...]:
        """Return what happened in the turn, after `finish`."""
        return self.happenings.events(self._feeds)

    def see(self, row: FileRow) -> None:
        """Remember in which feeds readers saw a file's story until now; call it before the row changes."""
        if row.story is not None and (feeds := feeds_showing(row.entries, row.since)):
            if row.file < self._next_file:  # else it is of this turn, and nobody has seen it
                self.withdrawals.see(row.story, feeds)
            self.happenings.see(row, feeds)

    def touch(self, row: FileRow | None, new: FileRow) -> None:
        """Mark the story of a changed file as unsettled, and the story that the file leaves."""
        if row is not None:
            self.see(row)
        self._touched.update(one.story for one in (row, new) if one is not None and one.story is not None)
        if row is None or row.content != new.content or row.verdict != new.verdict:
            self._changed.add(new.file)

    def touch_story(self, story: int) -> None:
        """Let a story be settled."""
        self._touched.add(story)

    def touch_due(self) -> None:
        """Mark every story with a file whose window opened or closed as unsettled."""
        for story in self._index.due_stories(self._now):
            self._touched.add(story)
            files = [row.file for row in self._index.files.where("story=?", (story,))]
            self._changed.update(files)
            self.happenings.due(files)

    def remove_from_feeds(self, row: FileRow) -> None:
        """Remove a file from every feed, and mark its story as unsettled."""
        self.see(row)
        if row.entries:
            entries = entry_rows(row.entries, row.file)
            self._index.feeds.delete_entries(entries)
            self.writes.mark(entries)
        if row.story is not None:
            self._touched.add(row.story)

    def count_topics(self, row: FileRow, step: int) -> None:
        """Count how a file spells its topics, if it is visible: before its row changes with -1, afterwards with 1.

        What is embargoed is as private as its topics' names (G12).
        """
        if row.verdict is not None and feeds_showing(row.entries, row.since):
            for topic in unpack_verdict(row.verdict).topics:
                self.topic_uses[topic] += step

    def forget_topics(self) -> None:
        """Forget how visible files spell topics, before all of them are counted again."""
        self.topic_uses.clear()
        self._index.feeds.clear_topic_uses()

    def store_topics(self) -> bool:
        """Store how visible files spell topics, and mark the feeds that this may rename; return whether any may be."""
        changed = {name: uses for name, uses in self.topic_uses.items() if uses}
        self._index.feeds.count_topic_names((*name, uses) for name, uses in changed.items())
        self.writes.dirty.update(self._feeds[slug] for slug, _ in changed if slug in self._feeds)
        return bool(changed)

    def settle(self) -> None:
        """Settle the stories that were touched since the last call."""
        touched, self._touched = sorted(self._touched), set()
        self.told.update(touched)
        for stories in chunks(touched):
            self._keepalive()
            self._settle(stories)
        self.writes.flush()

    def finish(self) -> None:
        """Give ids their forms, bring archives and tombstones in line, and mark the feeds to be compared again."""
        if self._shown_ids:
            self._index.stories.put_public_ids(new_forms(self._index, self._shown_ids, self._host))
        self._index.feeds.mark_dirty(self.writes.dirty)
        self._arrange_archives()
        self.withdrawals.finish()
        self._mark_item_pages()

    def _mark_item_pages(self) -> None:
        pages, is_own = self._index.item_pages, self._item_pages == "own"
        if is_own:
            pages.mark(sorted(self._with_own_page))
        if self.writes.has_item_pages:
            pages.mark(sorted(self.told), known=is_own)
        if self.writes.has_item_pages and not self._is_first:  # else all of them are marked
            everything = self._feeds.get(SITE_FEED)
            beside = (one for one in self.writes.positions if one[0] != everything)
            pages.mark_neighbours(beside, self._now, known=is_own)

    def _arrange_archives(self) -> None:
        wanted, before = self._archives, self._index.meta("archives")
        if wanted and before == 0:  # None means that the index is being filled: every page is marked as it comes
            self.writes.mark_every_page()
        if not wanted and before != 0:
            self._index.archive_pages.mark_all_unwanted()
        if wanted:
            self._index.feeds.mark_dirty(self._index.archive_pages.arrange(self.writes.days.by_month(), self._now))
        if before not in {None, int(wanted)}:
            self._index.feeds.mark_dirty(None)
        self._index.set_meta("archives", int(wanted))

    def _copy_groups(self, rows: Sequence[FileRow]) -> CopyGroups | None:
        if not self._has_copies:
            return None
        from aggregator.index.copy_groups import CopyGroups  # noqa: PLC0415 - few sites look for copies

        return CopyGroups(self._index, rows, self._now, site=self._site, host=self._host)

    def _coverage_lists(self, rows: Sequence[FileRow]) -> CoverageLists | None:
        if not self._has_stories:
            return None
        from aggregator.index.coverage_lists import CoverageLists  # noqa: PLC0415 - few sites look for stories

        return CoverageLists(self._index, rows, self._now, site=self._site, host=self._host)

    def _settle(self, stories: Sequence[int]) -> None:
        self.writes.flush()
        known = self._index.stories.get(stories)
        rows = list(self._index.files.where(f"story IN ({marks(stories)}) ORDER BY story, path", stories))
        beside = Beside(self._copy_groups(rows), self._coverage_lists(rows))
        settled: list[FileRow] = []
        kept: set[int] = set()
        told: set[int] = set()
        for story, group in groupby(rows, key=lambda row: row.story):
            assert story is not None
            if self._settle_one(story, list(group), known[story], settled, beside):
                kept.add(story)
            told.add(story)
        for story in stories:
            if story not in told:
                self.happenings.settled(story, (), {}, known=True)
        self._index.files.put(settled)
        self.writes.flush()
        self.withdrawals.settle(stories, kept, self._feeds)

    def _settle_one(
        self, story: int, rows: list[FileRow], stored: StoryRow, settled: list[FileRow], beside: Beside
    ) -> bool:
        """Divide the time among the files of a story; append the rows that change to `settled`.

        Return whether it needs no tombstone: it is visible, or left its feeds by age.
        """
        for row in rows:
            self.see(row)
        verdicts = {row.file: unpack_verdict(row.verdict) for row in rows}
        candidates = [
            identity.Candidate(row.file, row.path, row.newest or 0, row.quality or 0, row.starts or 0, row.ends or 0)
            for row in rows
        ]
        for row in rows:
            self.note_own_page(story, row.verdict)
        copies = beside.copies
        shares = identity.divided(copies.order(candidates)) if copies else identity.shares(candidates)
        id = stored.id  # noqa: A001 - the column's name
        if not stored.id_is_final and shares:
            id = self._choose_id(story, shares, verdicts)  # noqa: A001
        shown: dict[str, dict[int, int]] = {}
        kept = False
        for row in rows:
            own_shares = [share for share in shares if share.file == row.file]
            new = self._with_entries(row, verdicts[row.file], own_shares, id, beside)
            if new != row:
                settled.append(new)
                self.count_topics(row, -1)
                self.count_topics(new, 1)
            if feeds := feeds_showing(new.entries, new.since):
                shown[row.path] = feeds
                self.show_id(id, verdicts[row.file].published)
            kept |= bool(feeds) or self._is_too_old(verdicts[row.file])
        self.happenings.settled(story, rows, shown, known=bool(stored.id_is_final))
        return kept

    def note_own_page(self, story: int, verdict: bytes | None) -> None:
        """Note a story if a packed verdict upon a seed of it may say that its link is its page."""
        if self._own_pages and self._own_pages in (verdict or b""):
            self._with_own_page.add(story)

    def show_id(self, id: str, published: int) -> None:  # noqa: A002 - the field's own name
        """Note an id that feeds show now, of an item of `published`, if they may show it in another form."""
        if needs_form(id):
            self._shown_ids[id] = min(published, self._shown_ids.get(id, published))

    def _is_too_old(self, verdict: Verdict) -> bool:
        """Return whether a seed left its feeds by its age, which withdraws nothing."""
        return verdict.ends <= self._now and verdict.ends - verdict.published in self._ages

    def _choose_id(self, story: int, shares: Sequence[identity.Share], verdicts: dict[int, Verdict]) -> str:
        """Return the id of a story that no reader has seen; it is final once the story is visible.

        It is the id that a seed of the story chose, else the link of the seed that stands for it.
        """
        current = [share for share in shares if share.starts <= self._now < share.ends]
        verdict = verdicts[min(current or shares, key=lambda share: share.starts).file]
        own_id = verdict.id or next((one.id for one in verdicts.values() if one.id), "")
        chosen = own_id or verdict.link
        if current:
            self.withdrawals.shown_ids.add(chosen)
        self.writes.stories.append((story, chosen, int(bool(own_id)), int(bool(current))))
        return chosen

    def _with_entries(
        self, row: FileRow, verdict: Verdict, shares: Sequence[identity.Share], id: str, beside: Beside  # noqa: A002
    ) -> FileRow:  # fmt: skip
        """Return the row with the entries that it must have now, and bring the feeds in line."""
        windows = tuple(
            (self.feed(slug), max(share.starts, verdict.starts), min(share.ends, ends))
            for slug, ends in verdict.feeds
            for share in shares
            if max(share.starts, verdict.starts) < min(share.ends, ends)
        )
        if beside.coverage and (hidden := beside.coverage.hidden(row)):
            windows = tuple(self._without_hidden(windows, hidden))
        order = -verdict.published, -(row.quality or 0), identity.key_number(id)
        entries = pack_stored((*order, windows)) if windows else None
        if entries != row.entries:
            self.writes.removed += entry_rows(row.entries, row.file) if row.entries else []
            self.writes.added += entry_rows(entries, row.file) if entries else []
        elif entries and row.file in self._changed:
            self.writes.mark(entry_rows(entries, row.file))
        if windows and (beside.copies or beside.coverage):
            return self._with_related(row._replace(entries=entries), verdict, windows, beside)
        since, until = validity(windows, verdict.updated, self._now)
        return row._replace(entries=entries, since=since, until=until)

    def _without_hidden(
        self, windows: Iterable[tuple[int, int, int]], hidden: Mapping[str, Sequence[tuple[int, int]]]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield windows in feeds without the time in which the feed shows another item of the event, by its slug."""
        taken = {self._feeds[slug]: several for slug, several in hidden.items() if slug in self._feeds}
        for feed, starts, ends in windows:
            yield from ((feed, *window) for window in identity.without(starts, ends, taken.get(feed, ())))

    def _with_related(
        self, row: FileRow, verdict: Verdict, windows: Sequence[tuple[int, int, int]], beside: Beside
    ) -> FileRow:
        """Return the row of a file that has entries with what is listed with its item now."""
        listed = beside.listed(row, verdict)
        moments = [*windows, *((0, starts, ends) for starts, ends in beside.windows(row))]
        since, until = validity(moments, verdict.updated, self._now)
        if listed != verdict:
            row = row._replace(verdict=pack_stored(listed))
            self.writes.mark(entry_rows(row.entries or b"", row.file))
        return row._replace(since=since, until=until)
