"""One site at work: its folders, its index and the lock on its state folder, wired into turns.

The shell around the pipeline: scans, reads, writes and locks. What is decided is decided elsewhere, but for one thing:
whether a scan can be believed (`vanished`).
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Self

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED
from aggregator.index.index import Index
from aggregator.index.intake import Intake
from aggregator.model.document_names import FEED_DOCUMENTS, RSS
from aggregator.model.errors import AggregatorError, ConfigError, FolderError, LockedError, reason_of
from aggregator.model.feeds import SITE_FEED
from aggregator.model.reports import FeedReport, PastTurn, Turn
from aggregator.model.sqlite_errors import is_damage, with_advice
from aggregator.model.store import is_url
from aggregator.model.version import VERSION
from aggregator.normalizer.reading import unknown_key_warnings
from aggregator.normalizer.stored import is_in_feeds, unpack_problems
from aggregator.publisher.destination import writer_to
from aggregator.site.archiving import Archiver
from aggregator.site.feeds import Changes, Pipeline
from aggregator.site.lock import is_held, let_go, locked, made
from aggregator.site.publishing import Publishing
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.workers import Workers, jobs_for
from aggregator.watcher import folder
from aggregator.watcher.path_list import Paths
from aggregator.watcher.seeds import read_elsewhere, seeds_in

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.publisher.hub.notifier import Note


MASS_DELETION = 20
"""So many files (and a twentieth of all) gone at once are believed only by a look at the whole folder."""

AT_ONCE = 2
"""What is gone within so many seconds is gone at once, in however many looks it is noticed."""

_GUARDED = 20

TELLING = 15.0
"""How long, in seconds, a build may take to tell the hub; what is not told then is told by the next."""


def vanished(known: int, seen: int) -> bool:
    """Say whether a folder lost so many seeds at once that it is to be doubted, not believed (guarantee G5).

    It is the balance that counts: seeds that were moved or replaced are gone at one path and seen at another.
    """
    return known >= _GUARDED and seen * 2 < known


def _no_log(event: str, level: int = 0, **values: object) -> None:
    pass


class Site:
    """A site whose state folder is held: open it with `with`, then let it take turns."""

    def __init__(
        self, config: Config, *, jobs: int | None = None, hurry: Callable[[float], bool] | None = None,
        cluster: Executor | None = None, lock: int | None = None, alive: Callable[[], object] = bool,
        note: Note | None = None,
    ) -> None:  # fmt: skip
        """Take `config`; `jobs` is how many processes may parse (None: as many as there are processors, if it pays).

        Where there is a `cluster` it does that. `hurry` is asked now and then, with the seconds for which a turn has
        written pages of archives, whether it leaves the others to the turns that follow; without it it writes all.
        `lock` is the open lock on the state folder, where it is held already. `alive` is called now and then in a turn,
        and what it raises ends that. `note` is called with what the log should say.
        """
        self.config = config
        self._lock = lock
        self._alive = alive
        self._note = note or _no_log
        self._cluster = cluster
        self._jobs = jobs_for(config.seeds, jobs)
        self._seeds = seeds_in(config.seeds)
        self._known = 0
        self._gone: list[tuple[int, int]] = []
        self._hurry = hurry
        self._watch = Stopwatch()
        self.folders: dict[str, folder.FolderKey] = {}
        """The folders that the last look everywhere walked."""

    def __enter__(self) -> Self:
        """Lock the state folder and open what is in it.

        Raises:
            LockedError: where another process holds it.
            ConfigError: where a folder cannot be used.

        """
        if not self._seeds.is_there():
            raise self._no_seeds()
        made(self.config.state)
        with ExitStack() as held:
            try:
                self._held_lock = locked(self.config.state) if self._lock is None else self._lock
                held.callback(let_go, self._held_lock)
                self.index = Index(os.path.join(self.config.state, "index.db"))
            except sqlite3.Error as error:
                raise AggregatorError(
                    f"{self.config.state}: the index cannot be opened: {with_advice(error)}"
                ) from error
            except OSError as error:
                raise AggregatorError(f"{error.filename or self.config.state}: {reason_of(error)}") from error
            held.callback(self.index.close)
            self.writer = writer_to(self.config.feeds)
            self.writer.prepare()
            self._held = held.pop_all()
        self.pipeline = self._pipeline()
        return self

    def _no_seeds(self) -> AggregatorError:
        """A place that was never there is a mistake in the config, one that was is gone for now."""
        what = "bucket" if is_url(self.config.seeds) else "seeds folder"
        message = f"{self.config.seeds}: the {what} is not there"
        if os.path.exists(os.path.join(self.config.state, "index.db")):
            return FolderError(f"{message}; nothing was withdrawn (bring it back)")
        return ConfigError([f"{message} (make it, or correct `seeds` in {self.config.path})"])

    def __exit__(self, *_: object) -> None:
        """Close and unlock."""
        self._held.close()

    def keep_state(self) -> bool:
        """Write the index again if somebody removed it; says whether that had to be.

        Raises:
            LockedError: where the lock itself is gone: somebody else may work there.
            OSError: where the system does not say or let us.
            sqlite3.Error: likewise.
        """
        if not is_held(self._held_lock, self.config.state):
            raise LockedError(self.config.state, "nobody: its lock was removed or replaced")
        if self.index.is_there():
            return False
        self.index.write_again()
        return True

    def mend(self, error: BaseException) -> None:
        """Set an index aside that turned out to be damaged and begin a new one; the next turn fills it."""
        self.index.set_aside(f"{type(error).__name__}: {error}")
        self.pipeline = self._pipeline()

    def reconfigure(self, config: Config) -> None:
        """Go on with another config; where it cannot be used the old one stays.

        Raises:
            AggregatorError: where its folders cannot be used, or its state folder is held by another process.
        """
        if config.state != self.config.state:
            other = Site(config, jobs=self._jobs, hurry=self._hurry, alive=self._alive, note=self._note).__enter__()
            self.__exit__()
            self.__dict__.update(other.__dict__)
            return
        writer = writer_to(config.feeds)
        writer.prepare()
        self.config, self.writer, self._seeds = config, writer, seeds_in(config.seeds)
        self.pipeline = self._pipeline()

    def force(self, feeds: Iterable[str]) -> None:
        """Have feeds rendered again at the next turn, whether anything changed or not."""
        wanted, rows = list(feeds), self.index.feeds.by_slug()
        if rows and (unknown := [slug for slug in wanted if slug not in rows]):
            raise AggregatorError(f"no such feed: {', '.join(unknown)} (`aggregator status` lists them)")
        self.index.feeds.forget_documents(rows[slug].feed for slug in wanted if slug in rows)

    def _pipeline(self) -> Pipeline:
        reader = self._seeds.reader
        if self._cluster is not None:
            reader = partial(read_elsewhere, reader)
        return Pipeline(self.config, self.index, reader, version=VERSION)

    def build(
        self,
        *,
        now: int,
        fresh: bool = False,
        prune: bool = False,
        accept_deletions: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> Turn:
        """Take one turn over the whole folder: walk, take in what changed, publish what it touches, report on it all.

        `now` is in seconds since 1970; `fresh` reads and renders everything anew (remembered ids and last good versions
        stay), `prune` removes feeds without items, `accept_deletions` believes a folder that lost most of its seeds.
        `progress` is told how many of how many files were read. Last, the hub, where there is one, is told.

        Raises:
            FolderError: where the seeds folder cannot be believed; then nothing was withdrawn.
        """
        began = time.monotonic()
        turn = self._built(now=now, fresh=fresh, prune=prune, accept_deletions=accept_deletions, progress=progress)
        if not self.config.site.hub:
            return turn
        from aggregator.publisher.hub.documents import documents_in  # noqa: PLC0415 - few builds have a hub to tell
        from aggregator.publisher.hub.notifier import tell_once  # noqa: PLC0415

        draw = random.Random().uniform  # noqa: S311 - waits, no secret
        notes = tell_once(
            self.config, clock=lambda: now + time.monotonic() - began, draw=draw, note=self._note, seconds=TELLING,
            documents=documents_in,
        )  # fmt: skip
        return msgspec.structs.replace(turn, notes=(*turn.notes, *notes))

    def _built(
        self,
        *,
        now: int,
        fresh: bool,
        prune: bool,
        accept_deletions: bool,
        progress: Callable[[int, int], object] | None,
    ) -> Turn:
        look = partial(self.look_everywhere, now=now, accept_deletions=accept_deletions, progress=progress)
        try:
            return self._whole(look(fresh=fresh), prune=prune)
        except DAMAGED as error:
            if not is_damage(error):
                raise AggregatorError(f"{self.config.state}: the index cannot be used: {with_advice(error)}") from error
            try:
                self.mend(error)
            except (OSError, sqlite3.Error) as failed:
                why = f"the index is damaged ({error}), and no other can be made: {with_advice(failed)}"
                raise AggregatorError(f"{self.config.state}: {why}") from failed
            return self._whole(look(), prune=prune)

    def _whole(self, turn: Turn, *, prune: bool) -> Turn:
        return self.full_report(self._prune(turn) if prune else turn)

    def look_everywhere(
        self,
        *,
        now: int,
        fresh: bool = False,
        accept_deletions: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> Turn:
        """Take one turn over the whole folder, as `build` does, with a report of this turn alone."""
        began = self._begin()
        rebuilt = self.index.why_rebuilt()
        notes = [f"the index was made anew: {rebuilt}"] if rebuilt else []
        # Of what was published since an older copy of the index was made, as of anything without one, it knows nothing.
        if self.index.filling or not self.index.is_last or not self._publishing().was_the_last():
            self._adopt()
            self.index.is_last = True
        every = fresh or self.pipeline.must_reread()
        with self._watch.of("scan"):
            found = self._seeds.compare_all(self.index.files.stat_keys, every=every, keepalive=self._alive)
        if vanished(found.known, found.known - len(found.gone) + found.added) and not accept_deletions:
            raise FolderError(
                f"{self.config.seeds}: {len(found.gone)} of {found.known} known seeds are gone at once; nothing was"
                " withdrawn (bring them back, or run `aggregator trigger --accept-deletions`)"
            )
        self._known = found.seen
        if fresh:
            self.pipeline.start_over(now)
            self._adopt()
        kept = "this folder cannot be read, its seeds stay as they were"
        notes += [
            f"{path}: {kept}: {reason}" + f" ({hint})" * bool(hint) for path, (reason, hint) in found.unreadable.items()
        ]
        # A fresh build forgets what it does not read; what it cannot read keeps its last good version.
        read = Paths(chain(found.read, found.kept)) if fresh and found.kept else found.read
        turn = self._turn(Changes(read, found.gone), began, now, progress=progress)
        self.folders = found.folders
        return msgspec.structs.replace(turn, seeds=found.seen, notes=(*notes, *turn.notes))

    def look_at(self, paths: Iterable[str], *, now: int) -> Turn:
        """Take one turn over the places that events pointed to, and over what is due; without paths over that alone.

        Where so much is gone that the whole folder must be looked at first, nothing is withdrawn and the turn's `doubt`
        says so.
        """
        began = self._begin()
        read, gone, doubt = self._seeds.compare_some(paths, self.index.files.stat_keys)
        self._gone = [(at, count) for at, count in self._gone if 0 <= now - at < AT_ONCE] + [(now, len(gone))]
        together = sum(count for _, count in self._gone)
        if gone and together >= max(MASS_DELETION, self._known // 20):
            doubt, gone = f"{together} seeds are gone at once", set()
        elif gone and not self._seeds.is_there():
            doubt, gone = f"{self.config.seeds}: the seeds folder is not there", set()
        changes = Changes(tuple(sorted(read)), tuple(sorted(gone)), whole=False)
        turn = self._turn(changes, began, now, trust_disk=True)
        return msgspec.structs.replace(turn, doubt=doubt or turn.doubt)

    def _begin(self) -> float:
        self._watch = Stopwatch()
        return time.perf_counter()

    def _turn(
        self,
        changes: Changes,
        began: float,
        now: int,
        *,
        trust_disk: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> Turn:
        with Workers(self._jobs, cluster=self._cluster) as workers:
            intake = self._take(changes, workers, now=now, progress=progress)
            out = self._publish(workers, now, trust_disk=trust_disk)
        due = self.index.next_due()
        turn = Turn(
            now=now,
            seconds=time.perf_counter() - began,
            read=len(changes.read),
            added=intake.added,
            changed=intake.changed,
            removed=intake.removed,
            rendered=len(out.rendered),
            written=tuple(out.written),
            failed=tuple(out.failed),
            doubt="somebody else changed what was published" * (trust_disk and out.touched),
            notes=(*self.pipeline.items.notes, *(self._clashes() if intake.added or intake.changed else ())),
            problems=(*intake.problems, *unknown_key_warnings(intake.unknown)),
            due=due and due[0],
            unfinished=out.unfinished,
            stages=self._watch.seconds,
        )
        if turn.read or turn.removed or turn.written or turn.failed:
            self.pipeline.remember_turn(
                PastTurn(now=now, seconds=turn.seconds, read=turn.read, written=len(out.written))
            )
        return turn

    def _take(
        self, changes: Changes, workers: Workers, *, now: int, progress: Callable[[int, int], object] | None
    ) -> Intake:
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            self._alive()
            if progress is not None and count:
                progress(done, len(changes.read))

        with self._watch.of("intake"):
            return self.pipeline.take(changes, now=now, workers=workers, progress=tell, watch=self._watch)

    def _publish(self, workers: Workers, now: int, *, trust_disk: bool = False) -> Publishing:
        publishing = self._publishing()
        publishing.publish(workers, now, trust_disk=trust_disk)
        return publishing

    def _publishing(self) -> Publishing:
        return Publishing(self.pipeline, self.writer, self._watch, hurry=self._hurry, alive=self._alive)

    def _adopt(self) -> None:
        """Know again the feeds that lie in the feeds folder, so that none of them is left behind without items."""
        archiver = Archiver(self.index, self.writer)
        with self.index.transaction(filled=False):
            for slug in self.writer.feeds():
                if self.writer.has(f"{slug}/{RSS}"):
                    self.index.feeds.adopt(slug)
                archiver.adopt(slug)

    def _prune(self, turn: Turn) -> Turn:
        """Remove the feeds that hold no item and that the config does not ask for."""
        wanted = {SITE_FEED, *(query.slug for query in self.config.feeds_by_query)}
        removed = []
        for row in self.index.feeds.by_slug().values():
            if row.slug not in wanted and self.index.feeds.is_empty(row.feed):
                self.writer.remove(f"{row.slug}/{name}" for name in FEED_DOCUMENTS)
                self.index.feeds.delete(row.feed)
                removed.append(row.slug)
        if not removed:
            return turn
        with Workers(self._jobs, cluster=self._cluster) as workers:
            out = self._publish(workers, turn.now)
        return msgspec.structs.replace(
            turn, pruned=tuple(removed), written=(*turn.written, *out.written), failed=(*turn.failed, *out.failed)
        )

    def _clashes(self) -> list[str]:
        return [f"{clash_message(slug, names)} ({CLASH_HINT})" for slug, names in self.pipeline.clashes()]

    def full_report(self, turn: Turn) -> Turn:
        """Add to a turn's report how the whole site stands after it."""
        rows = self.index.files.problems()
        # Each once: what this turn found is stored by now, but for what concerns no single file.
        problems = dict.fromkeys(problem for _, _, packed in rows for problem in unpack_problems(packed))
        problems.update(dict.fromkeys(turn.problems))
        changed = {name.partition("/")[0] for name in turn.written}
        feeds = tuple(
            FeedReport(slug=one.spec.slug, title=one.spec.title, items=one.count, changed=one.spec.slug in changed)
            for one in self.pipeline.summaries()
        )
        return msgspec.structs.replace(
            turn,
            items=self.index.overview.count_items(turn.now),
            feeds=feeds,
            held={**self.index.overview.held(), **self.index.overview.waiting(turn.now)},
            stale=tuple(path for path, shown in self.index.overview.stale() if is_in_feeds(shown, turn.now)),
            problems=tuple(problems),
            notes=(*turn.notes, *(note for note in self._clashes() if note not in turn.notes)),
        )


CLASH_HINT = "rename one, or give it its own `_id` in a topic file"


def clash_message(slug: str, names: tuple[str, ...]) -> str:
    """Say which topic names share a slug."""
    return f"topics {' and '.join(map(repr, names))} share the slug {slug!r} and so one feed"
