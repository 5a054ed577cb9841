"""A site at work: its folders, its index and the lock on its state folder. Touches all of them."""

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
from aggregator.model.errors import AggregatorError, LockedError, reason_of
from aggregator.model.reports import Turn
from aggregator.model.sqlite_errors import is_damage, with_advice
from aggregator.model.words import no_such_feeds
from aggregator.publisher.destination import open_destination
from aggregator.site.catalog import Catalog
from aggregator.site.history import History
from aggregator.site.item_cache import ItemCache
from aggregator.site.lock import acquire_lock, is_held, make_state_folder, release_lock
from aggregator.site.progress import Progress
from aggregator.site.publishing import adopt_published, is_last_published
from aggregator.site.scanning import Changes, Scanner, missing_seeds
from aggregator.site.stopwatch import Stopwatch
from aggregator.site.turn import full_report, prune, roots_to_reread, start_over, take_turn
from aggregator.site.verification import Verification
from aggregator.site.workers import Workers, jobs_for
from aggregator.watcher.folder import problems_of
from aggregator.watcher.path_list import PathList
from aggregator.watcher.seeds import read_on_worker, seeds_in

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from aggregator.model.seed_files import ReadSeeds
    from aggregator.publisher.destination import Destination
    from aggregator.publisher.hub.notifier import Note
    from aggregator.site.sources_page import SourcesPage
    from aggregator.site.static_search import StaticSearch
    from aggregator.watcher.folder import Difference, FolderKey

SEARCH_STATE = "search.json"
"""The file in the state folder that tells which files of a static search are ours."""

HUB_TIMEOUT = 15.0
"""How long, in seconds, a build may take to notify the hub; what is left is sent by the next build."""


def _no_log(event: str, level: int = 0, **values: object) -> None:
    pass


class Site:
    """A site whose state folder is held: open it with `with`, then let it take turns.

    Only inside the `with` statement it has `index`, `writer`, `catalog`, `history`, `items`, `scanner`, `verification`
    `sources_page`, which is None if it has no sources, and `search`, which is None if it has no files of a search.
    """

    index: Index
    writer: Destination
    catalog: Catalog
    history: History
    items: ItemCache
    scanner: Scanner
    verification: Verification
    sources_page: SourcesPage | None
    search: StaticSearch | None

    def __init__(
        self, config: Config, *, jobs: int | None = None, progress: Progress | None = None,
        cluster: Executor | None = None, lock: int | None = None, note: Note | None = None, adopt: bool = False,
        before_withdrawal: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """Take what the site needs; nothing is opened yet.

        Args:
            config: the site's config.
            jobs: how many processes read and render; None: as many as there are processors, if the work is large.
            progress: the caller's side of its turns.
            cluster: reads and renders instead of processes.
            lock: the open lock on the state folder, if it is held already.
            note: called with what the log should say.
            adopt: replace somebody else's files where documents are published, until a full turn has published all.
            before_withdrawal: called before files of a static search are removed: who makes others must end.
        """
        self.config = config
        self.progress = progress or Progress()
        self.adopt = self._adopts = adopt
        self.folders: dict[str, FolderKey] = {}
        """The folders that the last full scan walked."""
        self._jobs = jobs
        self._cluster = cluster
        self._lock = lock
        self._note = note or _no_log
        self._before_withdrawal = before_withdrawal
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Lock the state folder and open what is in it.

        Raises:
            LockedError: if another process holds it.
            ConfigError: if a folder cannot be used.

        """
        self._open(self.config, self._lock)
        return self

    def __exit__(self, *_: object) -> None:
        """Close and unlock."""
        self._held.close()

    def _open(self, config: Config, lock: int | None) -> None:
        """Hold the state folder of `config` in place of the one held so far, which stays if this fails."""
        with ExitStack() as held:
            index, lock = _opened(config, lock, held)
            writer = open_destination(config.feeds, keep_threads=self.progress.is_time_limited)
            writer.prepare()
            held.callback(writer.close)
            before, self._held = self._held, held.pop_all()
        before.close()
        self._lock, self.index = lock, index
        self.scanner = Scanner(config.seeds, index, self.progress)
        self.folders = {}
        self._use(config, writer)

    def _use(self, config: Config, writer: Destination) -> None:
        self.config, self.writer = config, writer
        self.catalog = Catalog(config, self.index)
        self.history = History(config.state)
        self.items = ItemCache(self.index, self.catalog.settings)
        self.verification = Verification(self.index, writer)
        self.sources_page = None
        if config.sources is not None:
            from aggregator.site.sources_page import SourcesPage  # noqa: PLC0415 - most sites collect nothing

            self.sources_page = SourcesPage(config, self.index, writer)
        self.search = self._static_search(config, writer)

    def _static_search(self, config: Config, writer: Destination) -> StaticSearch | None:
        if config.pages.search != "static" and not os.path.lexists(os.path.join(config.state, SEARCH_STATE)):
            return None
        from aggregator.site.static_search import StaticSearch  # noqa: PLC0415 - few sites are searched so

        return StaticSearch(self.catalog, writer, before_withdrawal=self._before_withdrawal)

    def reconfigure(self, config: Config) -> None:
        """Go on with another config; if it cannot be used the old one stays.

        Raises:
            AggregatorError: if its folders cannot be used, or its state folder is held by another process.
        """
        if config.state != self.config.state:
            self._open(config, None)
            return
        writer = open_destination(config.feeds, keep_threads=self.progress.is_time_limited)
        writer.prepare()
        self._held.callback(writer.close)
        self.writer.close()
        self.scanner.use(config.seeds)
        self._use(config, writer)

    def restore_removed_index(self) -> bool:
        """Write the index again if somebody removed it; returns whether that was needed.

        Raises:
            LockedError: if the lock itself is gone: somebody else may work there.
            OSError: if the state folder cannot be read or written.
            sqlite3.Error: likewise.
        """
        assert self._lock is not None
        if not is_held(self._lock, self.config.state):
            raise LockedError(self.config.state, "nobody: its lock was removed or replaced")
        if self.index.is_there():
            return False
        self.index.write_again()
        return True

    def replace_index(self, error: BaseException) -> None:
        """Set a damaged index aside and begin a new one, which the next turn fills."""
        self._before_withdrawal()  # who reads the old one would not see what is withdrawn
        self.index.set_aside(f"{type(error).__name__}: {with_advice(error)}")
        self._use(self.config, self.writer)

    @property
    def knows_feeds(self) -> bool:
        """Whether any feed was ever built."""
        return bool(self.index.feeds.by_slug())

    def mark_stale(self, feeds: Iterable[str]) -> None:
        """Mark feeds stale: the next turn renders them, whether anything changed or not.

        Raises:
            AggregatorError: if one of them does not exist.
        """
        wanted, rows = list(feeds), self.index.feeds.by_slug()
        if rows and (unknown := [slug for slug in wanted if slug not in rows]):
            raise AggregatorError(no_such_feeds(unknown, rows))
        self.index.feeds.forget_documents(rows[slug].feed for slug in wanted if slug in rows)

    def workers(self) -> Workers:
        """Return the processes or the cluster for one turn; nothing is started yet."""
        return Workers(jobs_for(self.config.seeds, self._jobs), cluster=self._cluster)

    def reader(self) -> ReadSeeds:
        """Return the function that reads seeds, here or in another process."""
        reader = self.scanner.seeds.reader
        return reader if self._cluster is None else partial(read_on_worker, reader)

    # -- turns

    def build(
        self, *, now: int, fresh: bool = False, prune: bool = False, accept_deletions: bool = False
    ) -> Turn:  # fmt: skip
        """Take one turn over the whole folder, notify the hub (if there is one), and report on the whole site.

        Args:
            now: seconds since 1970.
            fresh: read and render everything again; remembered ids and last good versions stay.
            prune: remove feeds without items.
            accept_deletions: believe it if most seeds are gone.

        Raises:
            FolderError: if the seeds folder cannot be believed; then nothing was withdrawn.
        """
        began = time.monotonic()
        turn = self._with_search_updated(self._built(now=now, fresh=fresh, wanted=prune, accept=accept_deletions), now)
        if not self.config.site.hub:
            return turn
        return self._with_hub_notified(turn, lambda: now + time.monotonic() - began)

    def _built(self, *, now: int, fresh: bool, wanted: bool, accept: bool) -> Turn:
        scan = partial(self.take_full_turn, now=now, accept_deletions=accept)
        try:
            return self._pruned(scan(fresh=fresh), wanted=wanted)
        except DAMAGED as error:
            self._replace_damaged_index(error)
            return self._pruned(scan(), wanted=wanted)

    def _with_search_updated(self, turn: Turn, now: int) -> Turn:
        """Bring the files of a static search up to date, and return the report with what that took."""
        if self.search is None or self.config.pages.search != "static":
            return turn
        began = time.monotonic()
        update = self.search.update(moment=lambda: now, adopt=self._adopts, tick=self.progress.tick)
        seconds = time.monotonic() - began
        return msgspec.structs.replace(
            turn, failed=(*turn.failed, *update.failed), notes=(*turn.notes, *update.notes),
            seconds=turn.seconds + seconds, stages={**turn.stages, "search": seconds},
        )  # fmt: skip

    def _pruned(self, turn: Turn, *, wanted: bool) -> Turn:
        return self.full_report(prune(self, turn) if wanted else turn)

    def _replace_damaged_index(self, error: Exception) -> None:
        state = self.config.state
        if not is_damage(error):
            raise AggregatorError(f"{state}: the index cannot be used: {with_advice(error)}") from error
        try:
            self.replace_index(error)
        except (OSError, sqlite3.Error) as failed:
            why = f"the index is damaged ({with_advice(error)}), and no other can be made: {with_advice(failed)}"
            raise AggregatorError(f"{state}: {why}") from failed

    def _with_hub_notified(self, turn: Turn, clock: Callable[[], float]) -> Turn:
        from aggregator.publisher.hub.documents import documents_in  # noqa: PLC0415 - few sites have a hub
        from aggregator.publisher.hub.notifier import notify_once  # noqa: PLC0415

        draw = random.Random().uniform  # noqa: S311 - waits, no secret
        notes = notify_once(
            self.config, clock=clock, draw=draw, note=self._note, seconds=HUB_TIMEOUT, documents=documents_in
        )  # fmt: skip
        return msgspec.structs.replace(turn, notes=(*turn.notes, *notes))

    def take_full_turn(self, *, now: int, fresh: bool = False, accept_deletions: bool = False) -> Turn:
        """Take one turn over the whole folder, as `build` does, with a report of this turn alone."""
        watch = Stopwatch()
        rebuilt = self.index.pop_rebuild_reason()
        self._adopt_what_is_unknown()
        with watch.of("scan"):
            self.scanner.look_for_held_folders()
            reread = self.scanner.seeds.parts.keys() if fresh else roots_to_reread(self)
            found = self.scanner.scan_everything(reread=reread, accept_deletions=accept_deletions)
        if fresh:
            start_over(self, now)
            adopt_published(self.index, self.writer)
        problems = problems_of(found.unreadable)
        self.scanner.store_problems(problems)
        turn = self._take_turn(_changes(found, fresh=fresh), now=now, watch=watch)
        self.folders = found.folders
        self.adopt = self.adopt and bool(turn.failed)
        notes = ([f"the index was rebuilt: {rebuilt}"] if rebuilt else []) + list(map(str, problems))
        return msgspec.structs.replace(turn, seeds=found.seen, notes=(*notes, *turn.notes))

    def take_partial_turn(self, paths: Iterable[str], *, now: int) -> Turn:
        """Take one turn over the places that events pointed to, and over what is due; without paths only over that.

        If so much is gone that the whole folder must be scanned first, nothing is withdrawn and the turn's `doubt` says
        why.
        """
        watch = Stopwatch()
        changes, doubt, unreadable = self.scanner.scan_paths(paths, now)
        turn = self._take_turn(changes, now=now, watch=watch)
        notes = tuple(map(str, problems_of(unreadable)))
        return msgspec.structs.replace(turn, doubt=doubt or turn.doubt, notes=(*notes, *turn.notes))

    def full_report(self, turn: Turn) -> Turn:
        """Return a turn's report with the state of the whole site after it."""
        return full_report(self, turn)

    def _take_turn(self, changes: Changes, *, now: int, watch: Stopwatch) -> Turn:
        return take_turn(self, changes, now=now, watch=watch)

    def _adopt_what_is_unknown(self) -> None:
        # An index that is empty, or an older copy, does not know of what was published since.
        if self.index.filling or not self.index.is_last or not is_last_published(self.index, self.writer):
            adopt_published(self.index, self.writer)
            self.index.is_last = True


def _opened(config: Config, lock: int | None, held: ExitStack) -> tuple[Index, int]:
    """Lock the state folder, if it is not locked already, and open the index; `held` closes both."""
    if missing := missing_seeds(config, seeds_in(config.seeds).missing()):
        raise missing
    make_state_folder(config.state)
    try:
        lock = acquire_lock(config.state) if lock is None else lock
        held.callback(release_lock, lock)
        index = Index(os.path.join(config.state, "index.db"))
    except sqlite3.Error as error:
        raise AggregatorError(f"{config.state}: the index cannot be opened: {with_advice(error)}") from error
    except OSError as error:
        raise AggregatorError(f"{error.filename or config.state}: {reason_of(error)}") from error
    held.callback(index.close)
    return index, lock


def _changes(found: Difference, *, fresh: bool) -> Changes:
    # A fresh build forgets what it does not read; what it cannot read keeps its last good version.
    read = PathList(chain(found.read, found.kept)) if fresh and found.kept else found.read
    return Changes(read, found.gone)
