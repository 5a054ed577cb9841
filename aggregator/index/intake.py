"""Outcomes in, the index brought up to date, the feeds they touch out.

Talks to the index; which story a seed tells, which rule holds it back and who stands for a story is decided in the
normalizer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Literal

import msgspec

from aggregator.config.settings import FeedSettings
from aggregator.index.archive_pages import ChangedDays
from aggregator.index.database import chunks
from aggregator.index.files import FileRow
from aggregator.index.index import Index
from aggregator.model.archive_layout import DAY
from aggregator.model.reports import Problem
from aggregator.normalizer import identity
from aggregator.normalizer.reading import decided, validity
from aggregator.normalizer.rules import Policy, Verdict
from aggregator.normalizer.stored import (
    Draft,
    Entry,
    Outcome,
    entries_of,
    feeds_showing,
    pack,
    unpack_entries,
    unpack_seed,
    unpack_verdict,
    whole,
)


class Intake:
    """Brings the index up to date with outcomes; make one for each turn, inside a transaction.

    Call `remove`, then `add` for each batch, then `finish`. `dirty` holds the feeds that may have changed, `touched` on
    which days.
    """

    def __init__(
        self, index: Index, *, policy: Policy, settings: FeedSettings, now: int, keepalive: Callable[[], object]
    ) -> None:
        """Work on `index`; `keepalive` is called now and then."""
        self._index = index
        self._policy = policy
        self._settings = settings
        self._tombstones = settings.tombstones
        self._now = now
        self._keepalive = keepalive
        self.dirty: set[int] = set()
        self.touched = ChangedDays()
        self.added = self.changed = self.removed = self.unchanged = 0
        self.problems: list[Problem] = []
        """What is wrong with the files of this turn."""
        self.unknown: dict[str, str] = {}
        """Keys that mean nothing, each with the path of one seed that has it."""
        self._feeds = {slug: row.feed for slug, row in index.feeds.by_slug().items()}
        self._names: Counter[tuple[str, str]] = Counter()
        self._seen: dict[int, dict[int, int]] = {}
        self._seen_as: dict[int, str] = {}
        self._touched: set[int] = set()
        self._changed_content: set[int] = set()
        self._deferred: list[tuple[Outcome, FileRow | None, int]] = []
        self._held: dict[int, int] = {}
        self._back: set[int] = set()
        self._doubted = False
        # Written together by `_flush`, which comes before anything that reads them back.
        self._new_stories: list[tuple[int, str, int, int]] = []
        self._new_entries: list[Entry] = []
        self._old_entries: list[Entry] = []
        self._next_file = index.files.next_number()
        self._next_story = index.stories.next_number()

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files that are gone."""
        rest = iter(paths)
        while some := list(islice(rest, 500)):
            self._remove(some)

    def _remove(self, paths: Sequence[str]) -> None:
        rows = list(self._index.files.by_path(paths).values())
        self._flush()
        for row in rows:
            self._take_out(row)
            self._count_names(row.verdict, None)
        self._index.files.delete([row.file for row in rows])
        # Of all paths: a fresh build has forgotten the rows, and a path that is gone stands for no story.
        self._index.stories.delete_keys(map(identity.path_number, paths))
        self.removed += len(rows)

    def add(self, batch: Sequence[Outcome]) -> None:
        """Take in a batch of outcomes."""
        self.remove([outcome.path for outcome in batch if outcome.gone])
        rows = {} if self._index.filling else self._index.files.by_path([outcome.path for outcome in batch])
        same = [outcome for outcome in batch if outcome.same]
        self._index.files.put_stats((*outcome.key, outcome.digest, rows[outcome.path].file) for outcome in same)
        self.unchanged += len(same)
        for outcome in batch:
            self.problems += outcome.problems
            for key in outcome.unknown:
                self.unknown.setdefault(key, outcome.path)
        self._take(self._with_last_good([one for one in batch if not one.same and not one.gone], rows), rows)

    def decide_again(self) -> None:
        """Decide every stored seed anew, after a change of rules or topics, without reading any file."""
        self.touch_every_page()
        self.doubt_everything()
        self._index.feeds.clear_entries()
        everything = [row.file for row in self._index.files.where("verdict IS NOT NULL ORDER BY path")]
        for chunk in chunks(everything):
            self._keepalive()
            stored = self._index.files.seeds(chunk)
            marks = ",".join("?" * len(chunk))
            rows = {row.path: row for row in self._index.files.where(f"file IN ({marks}) ORDER BY path", chunk)}
            self._take([self._stored(row, stored[row.file]) for row in rows.values()], rows, again=True)
        # Before any file is taken in: what waits here is what the files said before.
        self._settle_deferred()
        self._settle_touched()
        self._index.feeds.mark_dirty(None)

    def touch_every_page(self) -> None:
        """Have every page of every archive looked at."""
        for feed, moment in self._index.feeds.publication_times():
            self.touched.add(feed, moment // DAY)

    def doubt_everything(self) -> None:
        """Before all is decided anew: take what readers saw for withdrawn until it is shown again."""
        self._doubted = True
        if self._tombstones:
            self._index.withdrawn.add_everything(self._now, self._tombstones)

    def look_at_due(self) -> None:
        """Look again at every story with a file whose window opened or closed."""
        for story in self._index.due_stories(self._now):
            self._touched.add(story)
            self._changed_content.update(row.file for row in self._index.files.where("story=?", (story,)))

    def finish(self) -> None:
        """Settle what had to wait until every file was seen: matches by path, shared stories, names of topics."""
        self._index.create_indexes()
        self._settle_deferred()
        self._settle_touched()
        self._forget_paths()
        for back in chunks(sorted(self._back)):
            self.dirty |= self._index.withdrawn.remove(back)
        # A feed is called what most seeds call its topic, also those that are not shown there.
        changed = {name: uses for name, uses in self._names.items() if uses}
        self._index.feeds.count_topic_names((*name, uses) for name, uses in changed.items())
        self.dirty.update(self._feeds[slug] for slug, _ in changed if slug in self._feeds)
        self._index.files.delete_unused_last_good()
        self._index.feeds.mark_dirty(self.dirty)
        self._arrange_archives()
        self._expire_tombstones()

    def _arrange_archives(self) -> None:
        """Bring the pages of archives in line with what changed, and with the config if that has changed."""
        wanted, before = self._settings.archives, self._index.meta("archives")
        if wanted and before == 0:  # it is None if the index is being filled: everything is noted as it comes
            self.touch_every_page()
        if not wanted and before != 0:
            self._index.archive_pages.mark_all_unwanted()
        if wanted:
            self._index.feeds.mark_dirty(self._index.archive_pages.arrange(self.touched.by_month(), self._now))
        if before not in {None, int(wanted)}:
            self._index.feeds.mark_dirty(None)
        self._index.set_meta("archives", int(wanted))

    def _expire_tombstones(self) -> None:
        seconds = self._tombstones or 0
        if self._index.meta("tombstones") != seconds:
            self._index.withdrawn.set_duration(seconds)
            self._index.set_meta("tombstones", seconds)
            self._index.feeds.mark_dirty(None)
        if expired := self._index.withdrawn.remove_expired(self._now):
            rows = self._index.feeds.by_slug()
            self._index.feeds.mark_dirty(row.feed for slug, row in rows.items() if slug in expired)

    def _forget_paths(self) -> None:
        """Forget what story a file told that is held back now where another tells it: there it was moved to."""
        self._index.stories.delete_keys(
            [at for at, story in self._held.items() if any(self._index.files.where("story=?", (story,)))]
        )

    def _settle_deferred(self) -> None:
        deferred, self._deferred = self._deferred, []
        # Of several that leave one link, the one that readers saw comes last, when no other tells its story any more.
        for outcome, row, story in sorted(deferred, key=lambda one: one[1] is not None and self._keeps(one[1])):
            assert outcome.draft is not None
            new = self._row(outcome, row, self._story_by_path(outcome.path, outcome.draft, story))
            self._put([new], [outcome], {row.path: row} if row else {})

    # -- what a file says now

    def _stored(self, row: FileRow, seed: bytes) -> Outcome:
        key = (row.dev, row.ino, row.size, row.mtime, row.ctime)
        whole(seed, row.content or b"")
        again = decided(row.path, key, row.digest, unpack_seed(seed), self._policy, self._now, packed=seed)
        return msgspec.structs.replace(again, stale=bool(row.stale), same=True)

    def _with_last_good(self, batch: Sequence[Outcome], rows: dict[str, FileRow]) -> list[Outcome]:
        """Let a broken file that is shown keep its last good version (guarantee G4)."""
        broken = [outcome.path for outcome in batch if outcome.seed is None and not outcome.withdrawn]
        shown = {rows[path].file: path for path in broken if path in rows and self._keeps(rows[path])}
        good = {shown[file]: seed for file, seed in self._index.files.seeds(list(shown)).items()}
        good |= self._index.files.last_good([path for path in broken if path not in rows])
        self._index.files.put_last_good(good.items())
        return [self._stale(outcome, good[outcome.path]) if outcome.path in good else outcome for outcome in batch]

    def _keeps(self, row: FileRow) -> bool:
        windows = unpack_entries(row.shown)[3] if row.shown else ()
        return bool(row.stale) or any(starts <= self._now < ends for _, starts, ends in windows)

    def _stale(self, outcome: Outcome, seed: bytes) -> Outcome:
        again = decided(
            outcome.path, outcome.key, outcome.digest, unpack_seed(seed), self._policy, self._now,
            warnings=outcome.problems, packed=seed,
        )  # fmt: skip
        return msgspec.structs.replace(again, stale=True)

    # -- which story it tells

    def _take(self, batch: Sequence[Outcome], rows: dict[str, FileRow], *, again: bool = False) -> None:
        """Put a batch of files into the index; `again` where only the decision may differ."""
        self._flush()
        drafts = [one.draft for one in batch if one.draft is not None]
        known = self._index.stories.by_key([number for draft in drafts for number in (*draft.numbers, draft.path)])
        self._held |= self._index.stories.by_key([identity.path_number(one.path) for one in batch if one.draft is None])
        own_ids = self._own_ids(known.values()) if any(draft.own for draft in drafts) else {}
        placed: list[FileRow] = []
        for outcome in batch:
            row = rows.get(outcome.path)
            if not again:
                self.added += row is None
                self.changed += row is not None and not (row.rule == outcome.rule == "readable")
            story, way = self._story(outcome.draft, known, own_ids)
            if way == "by path" and story is not None:
                self._deferred.append((outcome, row, story))
            elif way == "new" and row is None and outcome.draft is not None:
                placed.append(self._first_row(outcome, outcome.draft, story))
            else:
                placed.append(self._row(outcome, row, story))
        self._put(placed, batch, rows)

    def _story(
        self, draft: Draft | None, known: dict[int, int], own_ids: dict[int, str]
    ) -> tuple[int | None, Literal["held back", "known", "by path", "new"]]:
        """Give the story an accepted file tells, and how it was found."""
        if draft is None:
            return None, "held back"
        own_id = draft.id if draft.own else ""
        way: Literal["known", "new"] = "known"
        story = identity.recognise(draft.numbers, known, own_ids, own_id)
        if story is None:
            by_path = identity.recognise([draft.path], known, own_ids, own_id)
            if by_path is not None:
                return by_path, "by path"
            story, way = self._new_story(draft), "new"
        elif own_id and own_ids.get(story) != own_id:
            self._choose_id(story, own_id)
        if own_id:
            own_ids[story] = own_id
        known[draft.path] = story
        for number in draft.numbers:
            known.setdefault(number, story)
        return story, way

    def _story_by_path(self, path: str, draft: Draft, story: int) -> int:
        """Give the story of a file whose link is new, now that every other file has its story.

        It is the one that the file told before, unless another file tells that one now.
        """
        self._flush()
        known = self._index.stories.by_key(draft.numbers)
        own_id = draft.id if draft.own else ""
        by_link = identity.recognise(draft.numbers, known, self._own_ids(known.values()), own_id)
        if by_link is None and any(one.path != path for one in self._index.files.where("story=?", (story,))):
            return self._new_story(draft)
        story = story if by_link is None else by_link
        if own_id:
            self._choose_id(story, own_id)
        return story

    def _choose_id(self, story: int, own_id: str) -> None:
        """Give a story the id that its seed chose; whether readers have seen the story stays as it was."""
        self._flush()
        before, _, sealed = self._index.stories.get([story])[story]
        self._seen_as.setdefault(story, before)
        self._index.stories.put([(story, own_id, 1, sealed)])

    def _own_ids(self, stories: Iterable[int]) -> dict[int, str]:
        return {story: id for story, (id, own, _) in self._index.stories.get(list(set(stories))).items() if own}  # noqa: A001

    def _new_story(self, draft: Draft) -> int:
        story, self._next_story = self._next_story, self._next_story + 1
        visible = draft.starts <= self._now < draft.ends
        self._new_stories.append((story, draft.id, int(draft.own), int(visible)))
        return story

    # -- rows

    def _first_row(self, outcome: Outcome, draft: Draft, story: int | None) -> FileRow:
        """Make the row of a file that was not known, with its entries, since nothing else tells its story."""
        file, self._next_file = self._next_file, self._next_file + 1
        windows = [(self._feed(slug), starts, ends) for slug, starts, ends in draft.windows]
        shown = None
        if windows:
            sort, worst, tie = order = -draft.published, -draft.quality, draft.tie
            shown = pack((*order, windows))
            entries = [(feed, sort, worst, tie, file, starts, ends) for feed, starts, ends in windows]
            self._new_entries += entries
            self._note(entries)
        for name in draft.topics:
            self._names[name] += 1
        return FileRow(
            file, outcome.path, *outcome.key, outcome.digest, outcome.content, outcome.rule, outcome.detail,
            int(outcome.stale), story, draft.newest, draft.quality, draft.starts, draft.ends, draft.since, draft.until,
            outcome.verdict, shown,
        )  # fmt: skip

    def _row(self, outcome: Outcome, row: FileRow | None, story: int | None) -> FileRow:
        """Make the row of a file; its entries follow when its story is settled."""
        if row is None:
            number, self._next_file = self._next_file, self._next_file + 1
        else:
            number = row.file
        draft = outcome.draft
        new = FileRow(
            number, outcome.path, *outcome.key, outcome.digest, outcome.content, outcome.rule, outcome.detail,
            int(outcome.stale), story, verdict=outcome.verdict, shown=row.shown if row else None,
        )  # fmt: skip
        if draft is not None:
            new = new._replace(newest=draft.newest, starts=draft.starts, ends=draft.ends, quality=draft.quality)
        self._count_names(row.verdict if row else None, new.verdict)
        self._note_change(row, new)
        return new

    def _note_change(self, row: FileRow | None, new: FileRow) -> None:
        """See to it that what this change touches is looked at: its story, and the one it leaves."""
        if row is not None:
            self._see(row)
        self._touched.update(one.story for one in (row, new) if one is not None and one.story is not None)
        if row is None or row.content != new.content or row.verdict != new.verdict:
            self._changed_content.add(new.file)

    def _put(self, placed: Sequence[FileRow], batch: Sequence[Outcome], rows: dict[str, FileRow]) -> None:
        by_path = {outcome.path: outcome for outcome in batch}
        for row in placed:
            old = rows.get(row.path)
            if row.story is None and old is not None and old.shown:
                self._take_out(old)
        self._index.files.put(
            (row._replace(shown=None) if row.story is None and row.shown else row for row in placed), new=not rows
        )
        contents = {path: row.content for path, row in rows.items()}
        self._index.files.put_seeds(
            (row.file, seed)
            for row in placed
            if (seed := by_path[row.path].seed) is not None and contents.get(row.path) != row.content
        )
        self._index.files.delete_seeds([row.file for row in placed if row.content is None])
        self._index.files.put_problems(
            (row.file, pack(problems) if problems else None)
            for row in placed
            if not by_path[row.path].same and ((problems := by_path[row.path].problems) or row.path in rows)
        )
        told = [(row.story, draft) for row in placed if row.story is not None and (draft := by_path[row.path].draft)]
        self._index.stories.put_keys((number, story) for story, draft in told for number in draft.numbers)
        self._index.stories.put_keys(((draft.path, story) for story, draft in told), replace=True)

    def _take_out(self, row: FileRow) -> None:
        """Take a file out of every feed it is in."""
        self._see(row)
        if row.shown:
            entries = entries_of(row.shown, row.file)
            self._index.feeds.delete_entries(entries)
            self._note(entries)
        if row.story is not None:
            self._touched.add(row.story)

    def _count_names(self, old: bytes | None, new: bytes | None) -> None:
        for packed, step in ((old, -1), (new, 1)):
            if packed is not None:
                for topic in unpack_verdict(packed).topics:
                    self._names[topic] += step

    # -- who stands for a story, in which feeds

    def _flush(self) -> None:
        self._index.stories.put(self._new_stories)
        self._index.feeds.delete_entries(self._old_entries)
        self._index.feeds.add_entries(self._new_entries)
        self._new_stories, self._old_entries, self._new_entries = [], [], []

    def _settle_touched(self) -> None:
        touched, self._touched = sorted(self._touched), set()
        for chunk in chunks(touched):
            self._keepalive()
            self._settle(chunk)
        self._flush()

    def _settle(self, stories: Sequence[int]) -> None:
        self._flush()
        known = self._index.stories.get(stories)
        rows = list(self._index.files.where(f"story IN ({','.join('?' * len(stories))}) ORDER BY story, path", stories))
        self._back.difference_update(stories)
        settled: list[FileRow] = []
        for story, group in groupby(rows, key=lambda row: row.story):
            assert story is not None
            if self._settle_one(story, list(group), known[story], settled):
                self._back.add(story)
        self._index.files.put(settled)
        self._flush()
        self._index.withdrawn.add(
            row for story in stories if story not in self._back for row in self._withdrawals(story)
        )

    def _withdrawals(self, story: int) -> Iterator[tuple[int, str, int, int, str | None]]:
        """Give what the feeds in which readers saw a story must say now that it is gone: by the id that they saw."""
        seen = self._seen.pop(story, {})
        if self._tombstones and seen:
            slugs = {number: slug for slug, number in self._feeds.items()}
            at = min(self._now, max(seen.values()))
            yield from ((story, slugs[feed], at, self._tombstones, self._seen_as.get(story)) for feed in seen)

    def _settle_one(
        self, story: int, rows: list[FileRow], stored: tuple[str, int, int], settled: list[FileRow]
    ) -> bool:
        """Divide the time among the files of one story; those whose entries are now others go to `settled`.

        `stored` is what the index says of the story. Says whether that is the end of it: the story is shown, or left
        its feeds by its age alone.
        """
        for row in rows:
            self._see(row)
        verdicts = {row.file: unpack_verdict(row.verdict or b"") for row in rows}
        shares = identity.shares(
            identity.Candidate(row.file, row.path, row.newest or 0, row.quality or 0, row.starts or 0, row.ends or 0)
            for row in rows
        )
        id, own, sealed = stored  # noqa: A001
        if not sealed and shares:
            id = self._seal(story, id if own else "", shares, verdicts)  # noqa: A001
        quiet = False
        for row in rows:
            mine = [share for share in shares if share.file == row.file]
            new = self._shown(row, verdicts[row.file], mine, id)
            if new != row:
                settled.append(new)
            quiet |= bool(feeds_showing(new.shown, new.since)) or self._is_too_old(verdicts[row.file])
        return quiet

    def _is_too_old(self, verdict: Verdict) -> bool:
        """Say whether a seed left its feeds by `max_age`: that takes back nothing."""
        max_age = self._policy.rules.max_age
        return max_age is not None and verdict.published + max_age == verdict.ends <= self._now

    def _see(self, row: FileRow) -> None:
        """Remember in which feeds readers saw a story until now, and until when at most; by its row, as of then."""
        if row.story is not None and not self._doubted and (feeds := feeds_showing(row.shown, row.since)):
            self._seen.setdefault(row.story, {}).update(feeds)

    def _note(self, entries: Sequence[Entry]) -> None:
        """Have the feeds and the pages of these entries looked at."""
        self.dirty.update(entry[0] for entry in entries)
        for feed, sort, *_ in entries:
            self.touched.add(feed, -sort // DAY)

    def _seal(self, story: int, own_before: str, shares: Sequence[identity.Share], verdicts: dict[int, Verdict]) -> str:
        """Give a story that no reader has seen an id; once seen, the id stays.

        It is the one that a seed of the story chose, else the link of the seed that stands for it. The one that a seed
        chose before and took back is free for another story, unless another one chose that link for its id.
        """
        seen = [share for share in shares if share.starts <= self._now]
        current = [share for share in seen if self._now < share.ends]
        verdict = verdicts[min(current or shares, key=lambda share: share.starts).file]
        own_id = verdict.id or next((one.id for one in verdicts.values() if one.id), "")
        if own_before and not own_id and self._is_anothers(verdict.link, story):
            own_id = own_before
        chosen = own_id or verdict.link
        if own_before not in {"", chosen}:
            kept = [one.link for one in verdicts.values()]
            known = self._index.stories.by_key(identity.numbers_taken_back(own_before, kept))
            self._index.stories.delete_keys([number for number, led_to in known.items() if led_to == story])
        self._new_stories.append((story, chosen, int(bool(own_id)), int(bool(current))))
        return chosen

    def _is_anothers(self, link: str, story: int) -> bool:
        """Say whether a link is the id that a seed of another story chose."""
        return not {story}.issuperset(self._index.stories.by_key([identity.id_number(link)]).values())

    def _shown(self, row: FileRow, verdict: Verdict, shares: Sequence[identity.Share], id: str) -> FileRow:  # noqa: A002
        """Give the row with its entries as they must be now, and bring the feeds in line."""
        windows = tuple(
            (self._feed(slug), max(share.starts, verdict.starts), min(share.ends, ends))
            for slug, ends in verdict.feeds
            for share in shares
            if max(share.starts, verdict.starts) < min(share.ends, ends)
        )
        shown = pack((-verdict.published, -(row.quality or 0), identity.key_number(id), windows)) if windows else None
        if shown != row.shown:
            before = entries_of(row.shown, row.file) if row.shown else []
            after = entries_of(shown, row.file) if shown else []
            self._old_entries += before
            self._new_entries += after
            self._note([*before, *after])
        elif shown and row.file in self._changed_content:
            self._note(entries_of(shown, row.file))
        since, until = validity(windows, verdict.updated, self._now)
        return row._replace(shown=shown, since=since, until=until)

    def _feed(self, slug: str) -> int:
        if slug not in self._feeds:
            self._feeds[slug] = self._index.feeds.add(slug)
        return self._feeds[slug]
