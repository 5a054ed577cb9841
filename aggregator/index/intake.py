"""The intake of a turn: outcomes of files become rows of the index, each with the story that the file tells.

Talks to the index. Which story a seed tells and which rule holds it back is decided in the normalizer; `settling`
decides which file stands for a story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Literal

import msgspec

from aggregator.config.settings import FeedSettings
from aggregator.index.database import chunks, marks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.index.settling import Settling
from aggregator.model.reports import Problem
from aggregator.normalizer import identity
from aggregator.normalizer.reading import apply_rules
from aggregator.normalizer.rules import Policy
from aggregator.normalizer.stored import Draft, Outcome, pack, unpack_entries, unpack_seed, verified


class Intake:
    """Brings the index up to date with outcomes; make one for each turn, inside a transaction.

    Call `remove`, then `add` for each batch, then `finish`.
    """

    def __init__(
        self, index: Index, *, policy: Policy, settings: FeedSettings, now: int, keepalive: Callable[[], object]
    ) -> None:
        """Prepare a turn at `now`; `keepalive` is called now and then."""
        self._index = index
        self._policy = policy
        self._now = now
        self._keepalive = keepalive
        self._settling = Settling(index, policy=policy, settings=settings, now=now, keepalive=keepalive)
        self._stories = StoryFinder(index, self._settling, now)
        self.added = self.changed = self.removed = 0
        self.problems: list[Problem] = []
        """The problems of the files of this turn."""
        self.unknown: dict[str, str] = {}
        """Unknown keys, each with the path of one seed that has it."""
        self.topics_changed = False
        """Whether topics are spelled by other visible items than before, after `finish`."""
        self._deferred: list[tuple[Outcome, FileRow | None, int]] = []
        """Files whose story only their path tells: they wait until every other file has its story."""
        self._held: dict[int, int] = {}
        """The keys of the paths of files that are held back, with the stories that they lead to."""
        self._next_file = index.files.next_number()

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
        self._index.files.delete([row.file for row in rows])
        # Of all paths: a fresh build has forgotten the rows, and a path that is gone stands for no story.
        self._index.stories.delete_keys(map(identity.path_number, paths))
        self.removed += len(rows)

    def add(self, batch: Sequence[Outcome]) -> None:
        """Add a batch of outcomes."""
        self.remove([outcome.path for outcome in batch if outcome.gone])
        rows = {} if self._index.filling else self._index.files.by_path([outcome.path for outcome in batch])
        same = [outcome for outcome in batch if outcome.same]
        self._index.files.put_stats((*outcome.key, outcome.digest, rows[outcome.path].file) for outcome in same)
        for outcome in batch:
            self.problems += outcome.problems
            for key in outcome.unknown:
                self.unknown.setdefault(key, outcome.path)
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
            rows = {row.path: row for row in self._index.files.where(f"file IN ({marks(chunk)}) ORDER BY path", chunk)}
            self._put([self._stored(row, stored[row.file]) for row in rows.values()], rows, again=True)
        # Before any file is added: the deferred ones are still as the files were before.
        self._settle_deferred()
        self._settling.settle()
        self._index.feeds.mark_dirty(None)

    def touch_due(self) -> None:
        """Mark every story with a file whose window opened or closed as unsettled."""
        self._settling.touch_due()

    def finish(self) -> None:
        """Settle what had to wait until every file was seen: matches by path, shared stories, names of topics."""
        self._index.create_indexes()
        self._settle_deferred()
        self._settling.settle()
        self._forget_moved_paths()
        self.topics_changed = self._settling.store_topics()
        self._index.files.delete_unused_last_good()
        self._settling.finish()

    def _forget_moved_paths(self) -> None:
        """Forget the stories of files that are held back if another file tells the story: it has moved there."""
        self._index.stories.delete_keys(
            [key for key, story in self._held.items() if any(self._index.files.where("story=?", (story,)))]
        )

    def _settle_deferred(self) -> None:
        deferred, self._deferred = self._deferred, []
        # Of several that leave one link, the one that readers saw comes last, when no other tells its story any more.
        for outcome, row, story in sorted(deferred, key=lambda one: one[1] is not None and self._is_visible(one[1])):
            assert outcome.draft is not None
            new = self._row(outcome, row, self._stories.find_by_path(outcome.path, outcome.draft, story))
            self._store([new], [outcome], {row.path: row} if row else {})

    # -- what a file says now

    def _stored(self, row: FileRow, seed: bytes) -> Outcome:
        key = (row.dev, row.ino, row.size, row.mtime, row.ctime)
        verified(seed, row.content or b"")
        again = apply_rules(row.path, key, row.digest, unpack_seed(seed), self._policy, self._now, packed=seed)
        return msgspec.structs.replace(again, stale=bool(row.stale), same=True)

    def _with_last_good(self, batch: Sequence[Outcome], rows: dict[str, FileRow]) -> list[Outcome]:
        """Return the outcomes with the last good versions of visible files that can no longer be read (G4)."""
        broken = [outcome.path for outcome in batch if outcome.seed is None and not outcome.withdrawn]
        visible = {rows[path].file: path for path in broken if path in rows and self._is_visible(rows[path])}
        good = {visible[file]: seed for file, seed in self._index.files.seeds(list(visible)).items()}
        good |= self._index.files.last_good([path for path in broken if path not in rows])
        self._index.files.put_last_good(good.items())
        return [self._stale(outcome, good[outcome.path]) if outcome.path in good else outcome for outcome in batch]

    def _is_visible(self, row: FileRow) -> bool:
        windows = unpack_entries(row.entries)[3] if row.entries else ()
        return bool(row.stale) or any(starts <= self._now < ends for _, starts, ends in windows)

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
        drafts = [one.draft for one in batch if one.draft is not None]
        known = self._index.stories.by_key([number for draft in drafts for number in (*draft.numbers, draft.path)])
        self._held |= self._index.stories.by_key([identity.path_number(one.path) for one in batch if one.draft is None])
        own_ids = self._stories.own_ids(known.values()) if any(draft.own for draft in drafts) else {}
        placed: list[FileRow] = []
        for outcome in batch:
            row = rows.get(outcome.path)
            if not again:
                self.added += row is None
                self.changed += row is not None and not (row.rule == outcome.rule == "readable")
            story, found = self._stories.find(outcome.draft, known, own_ids)
            if found == "by path" and story is not None:
                self._deferred.append((outcome, row, story))
            elif found == "new" and row is None and outcome.draft is not None:
                placed.append(self._first_row(outcome, outcome.draft, story))
            else:
                placed.append(self._row(outcome, row, story))
        self._store(placed, batch, rows)

    def _first_row(self, outcome: Outcome, draft: Draft, story: int | None) -> FileRow:
        """Return the row of an unknown file, and add its entries, since no other file tells its story."""
        file, self._next_file = self._next_file, self._next_file + 1
        settling = self._settling
        windows = [(settling.feed(slug), starts, ends) for slug, starts, ends in draft.windows]
        entries = None
        if windows:
            sort, worst, tie = order = -draft.published, -draft.quality, draft.tie
            entries = pack((*order, windows))
            settling.writes.added += [(feed, sort, worst, tie, file, starts, ends) for feed, starts, ends in windows]
        if any(starts <= self._now < ends for _, starts, ends in draft.windows):
            settling.topic_uses.update(draft.topics)
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
            (row.file, pack(problems) if problems else None)
            for row in placed
            if not by_path[row.path].same and ((problems := by_path[row.path].problems) or row.path in rows)
        )
        accepted = [
            (row.story, draft) for row in placed if row.story is not None and (draft := by_path[row.path].draft)
        ]
        self._index.stories.put_keys((number, story) for story, draft in accepted for number in draft.numbers)
        self._index.stories.put_keys(((draft.path, story) for story, draft in accepted), replace=True)


class StoryFinder:
    """Finds the story that an accepted file tells, or makes a new one."""

    def __init__(self, index: Index, settling: Settling, now: int) -> None:
        self._index = index
        self._writes = settling.writes
        self._withdrawals = settling.withdrawals
        self._now = now
        self._next_story = index.stories.next_number()

    def own_ids(self, stories: Iterable[int]) -> dict[int, str]:
        """Return the ids that seeds chose themselves, by story."""
        return {number: story.id for number, story in self._index.stories.get(list(set(stories))).items() if story.own}

    def find(
        self, draft: Draft | None, known: dict[int, int], own_ids: dict[int, str]
    ) -> tuple[int | None, Literal["held back", "known", "by path", "new"]]:
        """Return the story of a file (None if it is held back), and how it was found.

        `known` maps keys to stories, `own_ids` stories to the ids that seeds chose; both learn what is found.
        """
        if draft is None:
            return None, "held back"
        own_id = draft.id if draft.own else ""
        found: Literal["known", "new"] = "known"
        story = identity.recognise(draft.numbers, known, own_ids, own_id)
        if story is None:
            by_path = identity.recognise([draft.path], known, own_ids, own_id)
            if by_path is not None:
                return by_path, "by path"
            story, found = self._new_story(draft), "new"
        elif own_id and own_ids.get(story) != own_id:
            self._set_own_id(story, own_id)
        if own_id:
            own_ids[story] = own_id
        known[draft.path] = story
        for number in draft.numbers:
            known.setdefault(number, story)
        return story, found

    def find_by_path(self, path: str, draft: Draft, story: int) -> int:
        """Return the story of a file whose link is new, after every other file has got its story.

        It is `story`, which the file told before, unless another file tells that one now.
        """
        self._writes.flush()
        known = self._index.stories.by_key(draft.numbers)
        own_id = draft.id if draft.own else ""
        by_link = identity.recognise(draft.numbers, known, self.own_ids(known.values()), own_id)
        if by_link is None and any(one.path != path for one in self._index.files.where("story=?", (story,))):
            return self._new_story(draft)
        story = story if by_link is None else by_link
        if own_id:
            self._set_own_id(story, own_id)
        return story

    def _set_own_id(self, story: int, own_id: str) -> None:
        """Set the id that a seed chose for its story; whether the id is final stays as it was."""
        self._writes.flush()
        before = self._index.stories.get([story])[story]
        self._withdrawals.see_id(story, before.id)
        self._index.stories.put([(story, own_id, 1, before.id_is_final)])

    def _new_story(self, draft: Draft) -> int:
        story, self._next_story = self._next_story, self._next_story + 1
        visible = draft.starts <= self._now < draft.ends
        self._writes.stories.append((story, draft.id, int(draft.own), int(visible)))
        return story
