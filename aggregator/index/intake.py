"""The intake of a turn: outcomes of files become rows of the index, each with the story that the file tells.

Talks to the index. Which story a seed tells and which rule holds it back is decided in the normalizer; `settling`
decides which file stands for a story.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregator.config.settings import FeedSettings
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.recognition import (
    Candidate,
    Group,
    Known,
    NewNumbers,
    Regrouping,
    is_visible,
    must_be_compared,
    telling,
    telling_of,
)
from aggregator.index.settling import Settling
from aggregator.model.item_pages import ItemsWithPages, is_own
from aggregator.model.reports import Event, Problem
from aggregator.normalizer import identity
from aggregator.normalizer.deciding import apply_rules
from aggregator.normalizer.rules import Policy
from aggregator.normalizer.stored import Draft, Outcome, SeedPosition, pack_stored, seed_digest, unpack_seed, verified

if TYPE_CHECKING:
    from aggregator.index.copy_search import CopySearch
    from aggregator.index.coverage_search import CoverageSearch


class Deferred(NamedTuple):
    """A seed whose story depends on others: its outcome and its row of before, if it had one."""

    outcome: Outcome
    row: FileRow | None


class Intake:
    """Brings the index up to date with outcomes; make one for each turn, inside a transaction.

    Call `remove`, then `add` for each batch, then `finish`.
    """

    def __init__(
        self, index: Index, *, policy: Policy, settings: FeedSettings, now: int, keepalive: Callable[[], object],
        item_pages: ItemsWithPages = "none", site: str = "",
    ) -> None:  # fmt: skip
        """Prepare a turn at `now`; `keepalive` is called now and then.

        It notes which pages of items may have changed; if `item_pages` wants none, no last good version of a seed whose
        link is such a page of the site with the URL `site` stays: that page goes.
        """
        self._index = index
        self._policy = policy
        self._gone_pages = site if item_pages == "none" else ""
        self._now = now
        self._keepalive = keepalive
        self._site = site
        self._next_file, self._next_story = index.files.next_number(), index.stories.next_number()
        self._settling = Settling(
            index, policy=policy, settings=settings, now=now, keepalive=keepalive, next_file=self._next_file,
            next_story=self._next_story, item_pages=item_pages, site=site,
        )  # fmt: skip
        self.added = self.changed = self.removed = 0
        self.problems: list[Problem] = []
        """The problems of the files of this turn."""
        self.unknown: dict[str, SeedPosition] = {}
        """Unknown keys, each with the path of one seed that has it."""
        self.topics_changed = False
        """Whether topics are spelled by other visible items than before, after `finish`."""
        self.notes: list[str] = []
        """What a person should know of the turn's topics."""
        self._deferred: dict[str, Deferred] = {}
        """Seeds that share keys with others, or did: their stories are settled together when every file is known."""
        self._left: set[int] = set()
        """Stories that a seed has left, or for which it has other keys now."""
        self._held: dict[int, int] = {}
        """The keys of the paths of files that are held back, with the stories that they lead to."""
        self._first_new = NewNumbers(self._next_story, self._next_file)
        self._copies = self._search_for_copies()
        self._coverage = self._search_for_stories()
        self._moved: list[int] = []
        """Files that tell another story than before: who lists them must know."""
        self._joined: set[int] = set()
        """Stories of copies, or of what were copies."""

    def _search_for_copies(self) -> CopySearch | None:
        if self._policy.copies == "off":
            return None
        from aggregator.index.copy_search import CopySearch  # noqa: PLC0415 - few sites look for copies

        return CopySearch(self._index, self._keepalive)

    def _search_for_stories(self) -> CoverageSearch | None:
        if self._policy.stories == "off":
            return None
        from aggregator.index.coverage_search import CoverageSearch  # noqa: PLC0415 - few sites look for stories

        return CoverageSearch(self._index, self._keepalive)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files that are gone."""
        rest = iter(paths)
        while some := list(islice(rest, 500)):
            self._remove(some)

    def _remove(self, paths: Sequence[str]) -> None:
        rows = list(self._index.files.by_path(paths).values())
        self._settling.writes.flush()
        for row in rows:
            self._settling.remove_from_feeds(row)
            self._settling.count_topics(row, -1)
            self._let_go(row)
        self._remove_texts([row.file for row in rows])
        self._index.files.delete([row.file for row in rows])
        # Of all paths: a fresh build has forgotten the rows, and a path that is gone stands for no story.
        self._index.stories.delete_keys(map(identity.path_number, paths))
        self.removed += len(rows)

    def _remove_texts(self, files: Sequence[int]) -> None:
        if self._copies is not None and files:
            self._copies.remove(files)
        if self._coverage is not None and files:
            self._coverage.remove(files)

    def add(self, batch: Sequence[Outcome]) -> None:
        """Add a batch of outcomes."""
        self.remove([outcome.path for outcome in batch if outcome.gone])
        rows = {} if self._index.filling else self._index.files.by_path([outcome.path for outcome in batch])
        same = [outcome for outcome in batch if outcome.same]
        self._index.files.put_stats((*outcome.key, outcome.digest, rows[outcome.path].file) for outcome in same)
        for outcome in batch:
            self.problems += outcome.problems
            for key, position in outcome.unknown_keys():
                self.unknown.setdefault(key, position)
        self._put(self._with_last_good([one for one in batch if not one.same and not one.gone], rows), rows)

    def reapply_rules(self) -> None:
        """Apply the rules to every stored seed, after rules or topics have changed, without reading any file."""
        self._settling.writes.mark_every_page()
        self._settling.withdrawals.add_everything()
        self._index.feeds.clear_entries()
        self._settling.forget_topics()
        everything = [row.file for row in self._index.files.where("verdict IS NOT NULL ORDER BY path")]
        for chunk in chunks(everything):
            self._keepalive()
            stored = self._index.files.seeds(chunk)
            found = self._index.files.where(f"file IN ({marks(chunk)}) ORDER BY path", chunk)
            rows: dict[str, FileRow] = {}
            for row in found:
                self._settling.see(row)
                rows[row.path] = row._replace(entries=None)  # they are deleted
            self._put([self._stored(row, stored[row.file]) for row in rows.values()], rows, again=True)
        # Before any file is added: the deferred ones are still as the files were before.
        self._joined.update(self._index.copies.stories())
        self._joined.update(self._index.coverage.stories())
        if self._copies is None and not self._index.copies.is_empty():
            self._index.copies.clear()
        if self._policy.stories != "one":
            self._index.coverage.show_all()
        if self._coverage is None and not self._index.coverage.is_empty():
            self._index.coverage.clear()
        self._settle()
        self._index.feeds.mark_dirty(None)

    def reapply_rules_to(self, files: Sequence[int]) -> None:
        """Apply the rules to some stored seeds, as if the others had been decided by the same ones."""
        for chunk in chunks(files):
            stored = self._index.files.seeds(chunk)
            rows = {row.path: row for row in self._rows_of(chunk)}
            self._put([self._stored(row, stored[row.file]) for row in rows.values()], rows, again=True)

    def touch_due(self) -> None:
        """Mark every story with a file whose window opened or closed as unsettled."""
        self._settling.touch_due()

    def finish(self) -> None:
        """Settle what had to wait until every file was seen: matches by path, shared stories, names of topics."""
        self._index.create_indexes()
        self._settle()
        self._forget_moved_paths()
        self.topics_changed = self._settling.store_topics()
        self._index.files.delete_unused_last_good()
        self._settling.finish()

    def _settle(self) -> None:
        """Settle which story each seed tells that could not be settled alone, and who stands for it."""
        self._regroup()
        regrouped = self._join_copies() if self._copies is not None or self._joined else []
        if self._coverage is not None:
            found = self._coverage.find(regrouped)
            moved, self._moved = self._moved, []
            near = (other for pairs in self._index.coverage.covering(moved).values() for other in pairs)
            found += [*moved, *near]  # those of one story hide each other no more, those of two do again
            self._touch_stories([*found, *self._hide({*found, *self._coverage.put_last})])
        self._settling.settle()

    def _hide(self, changed: Collection[int]) -> list[int]:
        """Let feeds show one item of each event, if they are to; return those that are hidden at other times."""
        if self._policy.stories != "one":
            return []
        from aggregator.index.coverage_groups import CoverageGroups  # noqa: PLC0415 - few sites show one of each

        return CoverageGroups(self._index, self._site).hide(changed)

    def _touch_stories(self, files: Sequence[int]) -> None:
        """Let the items of files be settled again, and those of their copies, which list the same."""
        copied = (copy for copies in self._index.copies.copies_of(files).values() for copy in copies)
        for row in self._rows_of({*files, *copied}):
            if row.story is not None:
                self._settling.touch_story(row.story)

    def _rows_of(self, files: Iterable[int]) -> Iterator[FileRow]:
        for chunk in chunks(sorted(files)):
            yield from self._index.files.where(f"file IN ({marks(chunk)})", chunk)

    def _join_copies(self) -> list[int]:
        """Let the copies tell the story of their originals, and what is no copy any more its own; return all these."""
        changed = self._copies.find() if self._copies is not None else []
        copied = self._index.copies.originals(changed)
        for row in self._rows_of({*changed, *copied.values()}):
            if row.story is not None:
                self._settling.touch_story(row.story)
                self._joined.add(row.story)
        self._regroup()
        return changed

    @property
    def stories(self) -> set[int]:
        """The stories that this turn touched."""
        return self._settling.told

    @property
    def former_ids(self) -> frozenset[str]:
        """The ids under which readers saw stories whose id this turn changed."""
        return self._settling.withdrawals.former_ids

    def events(self) -> tuple[Event, ...]:
        """Return what happened to items in the turn, after `finish`."""
        return self._settling.events()

    def _forget_moved_paths(self) -> None:
        """Forget the stories of files that are held back if another file tells the story: it has moved there."""
        self._index.stories.delete_keys(
            [key for key, story in self._held.items() if any(self._index.files.where("story=?", (story,)))]
        )

    # -- what a file says now

    def _stored(self, row: FileRow, seed: bytes) -> Outcome:
        key = (row.dev, row.ino, row.size, row.mtime, row.ctime)
        verified(seed, row.content or b"")
        again = apply_rules(row.path, key, row.digest, unpack_seed(seed), self._policy, self._now, packed=seed)
        return msgspec.structs.replace(again, stale=bool(row.stale), same=True)

    def _with_last_good(self, batch: Sequence[Outcome], rows: dict[str, FileRow]) -> list[Outcome]:
        """Return the outcomes with the last good versions of visible files that can no longer be read (G4)."""
        broken = [outcome.path for outcome in batch if outcome.seed is None and not outcome.withdrawn]
        visible = {rows[path].file: path for path in broken if path in rows and is_visible(rows[path], self._now)}
        stored = self._index.files.seeds(list(visible))
        good = {path: verified(stored[file], rows[path].content) for file, path in visible.items()}
        good |= self._index.files.last_good([path for path in broken if path not in rows])
        if site := self._gone_pages:
            good = {path: seed for path, seed in good.items() if not is_own(unpack_seed(seed).link, site)}
        self._index.files.put_last_good((path, seed, seed_digest(seed)) for path, seed in good.items())
        return [self._stale(outcome, good[outcome.path]) if outcome.path in good else outcome for outcome in batch]

    def _stale(self, outcome: Outcome, seed: bytes) -> Outcome:
        again = apply_rules(
            outcome.path, outcome.key, outcome.digest, unpack_seed(seed), self._policy, self._now,
            warnings=outcome.problems, packed=seed,
        )  # fmt: skip
        return msgspec.structs.replace(again, stale=True)

    # -- rows

    def _put(self, batch: Sequence[Outcome], rows: dict[str, FileRow], *, again: bool = False) -> None:
        """Put a batch of files into the index; `again` if only the verdicts may differ."""
        self._settling.writes.flush()
        self._held |= self._index.stories.by_key([identity.path_number(one.path) for one in batch if one.draft is None])
        known = Known(self._index, [one.draft for one in batch if one.draft is not None])
        tied = self._index.stories.with_others([row.story for row in rows.values() if row.story is not None])
        placed: list[FileRow] = []
        for outcome in batch:
            row, draft = rows.get(outcome.path), outcome.draft
            if again:
                self._settling.happenings.held(outcome)
            else:
                self.added += row is None
                self.changed += row is not None and not _is_read_in_vain(outcome, row)
                self._settling.happenings.read(outcome, row)
            if draft is None:
                placed.append(self._row(outcome, row, None))
                self._let_go(row)
                continue
            is_tied = row is not None and row.story in tied
            if row is not None and is_tied and self._says_the_same(row, draft):
                placed.append(self._row(outcome, row, row.story))
            elif is_tied or must_be_compared(draft, row, known):
                self._deferred[outcome.path] = Deferred(outcome, row)
                self._let_go(row)
            else:
                placed.append(self._placed(outcome, draft, row, known))
        self._store(placed, batch, rows)

    def _let_go(self, row: FileRow | None) -> None:
        """Let the seeds be grouped again that told a story together with this one."""
        if row is not None and row.story is not None:
            self._left.add(row.story)

    def _says_the_same(self, row: FileRow, draft: Draft) -> bool:
        """Return whether a seed has the keys that it had before, so that no story changes hands."""
        packed = self._index.files.seeds([row.file]).get(row.file)
        return packed is not None and telling_of(row, packed) == telling(row.path, draft)

    def _placed(self, outcome: Outcome, draft: Draft, row: FileRow | None, known: Known) -> FileRow:
        """Return the row of a seed that shares no key with another one."""
        remembered = next((known.aliases[key] for key in draft.numbers if key in known.aliases), None)
        story = remembered or self._new_story(draft)
        known.add(draft, story)
        if remembered is None and row is None:
            return self._first_row(outcome, draft, story)
        return self._row(outcome, row, story)

    def _new_story(self, draft: Draft) -> int:
        visible = draft.starts <= self._now < draft.ends
        return self._add_story(draft.id, own=draft.own, final=visible)

    def _add_story(self, id: str, *, own: bool, final: bool) -> int:  # noqa: A002 - the field's own name
        story, self._next_story = self._next_story, self._next_story + 1
        self._settling.writes.stories.append((story, id, int(own), int(final)))
        return story

    # -- stories of seeds that share keys

    def _regroup(self) -> None:
        """Settle which story each seed tells that shares a key with another one, or did until now."""
        self._settling.writes.flush()
        deferred, self._deferred = self._deferred, {}
        left, self._left = self._left, set()
        joined, self._joined = self._joined, set()
        shared = self._index.stories.with_others(sorted(left)) | joined
        if not deferred and not shared:
            return
        folds = self._policy.copies == "fold"
        regrouping = Regrouping(self._index, self._now, new=self._first_new if folds else None)
        speakers: dict[int, list[int]] = {}
        kept_ids: list[tuple[int, int]] = []
        for group in regrouping.groups({path: self._candidate(*one) for path, one in deferred.items()}, shared):
            story = self._story_of(group, regrouping)
            for key in group.keys:
                speakers.setdefault(key, []).append(story)
            if (old_key := regrouping.key_of_id(group)) is not None:
                kept_ids.append((old_key, story))
            for path in group.paths:
                self._move(path, story, regrouping.candidates[path].story, deferred.get(path))
        self._index.stories.put_keys(((key, min(stories)) for key, stories in speakers.items()), replace=True)
        for key, story in kept_ids:
            if key in speakers:  # whoever says that key next must be compared with the story that has it as its id
                speakers[key].append(story)
        several = {key: stories for key, stories in speakers.items() if len(stories) > 1}
        self._index.stories.put_shared(speakers, ((key, one) for key, stories in several.items() for one in stories))

    def _candidate(self, outcome: Outcome, row: FileRow | None) -> Candidate:
        draft = outcome.draft
        assert draft is not None
        if row is None:
            return Candidate(telling(outcome.path, draft), None, visible=False)
        return Candidate(telling(outcome.path, draft), row.story, is_visible(row, self._now), row.file)

    def _story_of(self, group: Group, regrouping: Regrouping) -> int:
        """Return the story of a group, its id in line with what the seeds choose now."""
        if group.story is None:
            return self._add_story(group.own_id, own=bool(group.own_id), final=False)
        stored = regrouping.stories[group.story]
        if group.own_id and (stored.id, stored.own) != (group.own_id, 1):
            self._settling.withdrawals.see_id(group.story, stored.id)
            self._settling.writes.stories.append((group.story, group.own_id, 1, stored.id_is_final))
        elif not group.own_id and (stored.own or (regrouping.folds and group.story >= self._first_new.story)):
            self._settling.writes.stories.append((group.story, stored.id, 0, stored.id_is_final))
        return group.story

    def _move(self, path: str, story: int, before: int | None, deferred: Deferred | None) -> None:
        """Let the seed at `path` tell `story`."""
        if deferred is not None:
            row = deferred.row
            if row is not None:
                self._moved.append(row.file)
            self._store([self._row(deferred.outcome, row, story)], [deferred.outcome], {path: row} if row else {})
        elif before != story:
            row = self._index.files.by_path([path])[path]
            new = row._replace(story=story)
            self._moved.append(row.file)
            self._settling.touch(row, new)
            self._index.files.put([new])
            self._index.stories.put_keys([(identity.path_number(path), story)], replace=True)
        else:
            self._settling.touch_story(story)

    def _first_row(self, outcome: Outcome, draft: Draft, story: int | None) -> FileRow:
        """Return the row of an unknown file, and add its entries, since no other file tells its story."""
        file, self._next_file = self._next_file, self._next_file + 1
        settling = self._settling
        windows = [(settling.feed(slug), starts, ends) for slug, starts, ends in draft.windows]
        entries = None
        if windows and story is not None:
            settling.told.add(story)
            settling.note_own_page(story, outcome.verdict)
        if windows:
            sort, worst, tie = order = -draft.published, -draft.quality, draft.tie
            entries = pack_stored((*order, windows))
            settling.writes.added += [(feed, sort, worst, tie, file, starts, ends) for feed, starts, ends in windows]
        if any(starts <= self._now < ends for _, starts, ends in draft.windows):
            settling.topic_uses.update(draft.topics)
            current = [feed for feed, starts, ends in windows if starts <= self._now < ends]
            settling.happenings.published(outcome.path, current)
            if draft.own:
                settling.show_id(draft.id, draft.published)
        return FileRow(
            file, outcome.path, *outcome.key, outcome.digest, outcome.content, outcome.rule, outcome.detail,
            int(outcome.stale), story, draft.newest, draft.quality, draft.starts, draft.ends, draft.since, draft.until,
            outcome.verdict, entries,
        )  # fmt: skip

    def _row(self, outcome: Outcome, row: FileRow | None, story: int | None) -> FileRow:
        """Return the row of a file; its entries follow when its story is settled."""
        if row is None:
            number, self._next_file = self._next_file, self._next_file + 1
        else:
            number = row.file
        draft = outcome.draft
        new = FileRow(
            number, outcome.path, *outcome.key, outcome.digest, outcome.content, outcome.rule, outcome.detail,
            int(outcome.stale), story, verdict=outcome.verdict, entries=row.entries if row else None,
        )  # fmt: skip
        if draft is not None:
            new = new._replace(newest=draft.newest, starts=draft.starts, ends=draft.ends, quality=draft.quality)
        if row is not None:
            self._settling.count_topics(row, -1)
        self._settling.touch(row, new)
        return new

    def _store(self, placed: Sequence[FileRow], batch: Sequence[Outcome], rows: dict[str, FileRow]) -> None:
        by_path = {outcome.path: outcome for outcome in batch}
        for row in placed:
            old = rows.get(row.path)
            if row.story is None and old is not None and old.entries:
                self._settling.remove_from_feeds(old)
        files = self._index.files
        files.put(
            (row._replace(entries=None) if row.story is None and row.entries else row for row in placed), new=not rows
        )
        contents = {path: row.content for path, row in rows.items()}
        files.put_seeds(
            (row.file, seed)
            for row in placed
            if (seed := by_path[row.path].seed) is not None and contents.get(row.path) != row.content
        )
        files.delete_seeds([row.file for row in placed if row.content is None])
        files.put_problems(
            (row.file, pack_stored(problems) if problems else None)
            for row in placed
            if not by_path[row.path].same and ((problems := by_path[row.path].problems) or row.path in rows)
        )
        accepted = [
            (row.story, draft) for row in placed if row.story is not None and (draft := by_path[row.path].draft)
        ]
        if self._copies is not None:
            self._copies.put(
                {row.file: draft.text for row in placed if row.story is not None and (draft := by_path[row.path].draft)}
            )
            self._copies.remove([row.file for row in placed if row.story is None])
        if self._coverage is not None:
            self._coverage.put(
                {
                    row.file: draft.wording
                    for row in placed
                    if row.story is not None and (draft := by_path[row.path].draft)
                }
            )
            self._coverage.remove([row.file for row in placed if row.story is None])
        self._index.stories.put_keys((number, story) for story, draft in accepted for number in draft.numbers)
        self._index.stories.put_keys(((draft.path, story) for story, draft in accepted), replace=True)


def _is_read_in_vain(outcome: Outcome, row: FileRow) -> bool:
    """Return whether a file had to be read again and is as it was: it cannot be read, or has no commit for a date."""
    if row.rule == outcome.rule == "readable":
        return True
    key = (row.dev, row.ino, row.size, row.mtime, row.ctime)
    return row.rule == outcome.rule == "date" and row.digest == outcome.digest == b"" and key == outcome.key
