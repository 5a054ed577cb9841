"""Takes turns for the daemon: over which paths, who is informed afterwards, and what happens if one fails."""

from __future__ import annotations

import logging
import sqlite3
import time

import msgspec

from aggregator.index.database import DAMAGED
from aggregator.model.errors import NO_MEMORY, AggregatorError, FolderError, PublishError, reason_with_path
from aggregator.model.reports import Turn
from aggregator.model.slugs import SLUG
from aggregator.model.sqlite_errors import is_damage, with_advice
from aggregator.service.control import Reply
from aggregator.service.inbox import Work
from aggregator.service.logs import LOGGER, log, log_turn
from aggregator.service.parts import CannotGoOnError, Parts
from aggregator.service.people_log import turn_line
from aggregator.service.scan_timing import PendingScan, ScanBudget
from aggregator.site.memory import release_memory
from aggregator.site.status import reason_not_shown
from aggregator.watcher import folder

QUIET_AFTER_DELETIONS = 1.0
"""How long, in seconds, events must pause after many deletions before a full scan confirms them."""

RETRY = 5.0
"""How long, in seconds, to wait before a failed turn is retried."""

MANY_HINTS = 500
"""From so many hints on, walking the whole folder is cheaper than checking each path."""

MOST_INDEX_FAILURES = 2
"""How often in a row a damaged index is replaced before the daemon gives up."""

STOPPING = Reply(error="the daemon is stopping")


class TurnInterrupted(AggregatorError):  # noqa: N818 - not an error: the turn is undone
    """The turn took too long for a daemon that has to stop."""


class TurnRunner:
    """Takes turns, one at a time, on the daemon's thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pending_scan = PendingScan()
        self._scan_budget = ScanBudget()
        self._has_garbage = False
        self._verified = time.monotonic()
        self._broken: set[str] = set()
        self._due_path = ""
        self.due: int | None = None
        """The next due moment, in seconds since 1970."""

    def add_pending(self, work: Work) -> None:
        """Add to `work` what is due by now: embargoes and expiries, and full scans after a doubt or a failure."""
        now, problems = time.monotonic(), self._parts.health.problems
        if self.due is not None and self.due <= self._parts.clock() and "turn" not in problems:
            work.due = True
        if work.hints:
            self._pending_scan.postpone(QUIET_AFTER_DELETIONS, now)
        work.everything |= self._pending_scan.pop_if_due(now)
        if work.hints and "folder" in problems:
            self._scan_in(QUIET_AFTER_DELETIONS)  # what was missing may be coming back

    def run(self, work: Work) -> None:
        """Take one turn and answer those who asked for it; a turn that fails is retried later.

        Raises:
            CannotGoOnError: if the index is damaged again and again.
        """
        try:
            self._after_turn(work, self._take_turn(work))
        except TurnInterrupted:
            work.reply(STOPPING)
        except (FolderError, PublishError) as error:  # the latter if published feeds cannot be listed
            self._on_rejected_scan(work, error)
        except DAMAGED as error:
            work.reply(Reply(error=f"the index failed: {with_advice(error)}"))
            self._on_index_failure(error)
        except Exception as error:  # noqa: BLE001 - the boundary: one bad turn must not end the daemon
            self._on_failure(work, error)

    # -- one turn

    def _take_turn(self, work: Work) -> Turn:
        now = int(self._parts.clock())
        due = self._parts.site.index.next_due() if work.due else None
        self._due_path = due[1] if due is not None and due[0] <= now else ""
        hints = {path for path in work.hints if not folder.is_hidden(path)}
        if work.scan:
            self._verify_documents()
        self._choose_scan(work, hints, now)
        if work.everything or len(hints) > MANY_HINTS:
            return self._scan_everything(work, now)
        turn = self._parts.site.take_partial_turn(hints, now=now)
        if self._parts.site.scanner.links:
            self._parts.watcher.note_links(self._parts.site.scanner.links)
        return turn

    def _choose_scan(self, work: Work, hints: set[str], now: int) -> None:
        """Decide whether to scan everything; if a scheduled scan need not, add the changed folders to `hints`."""
        # While the index is still empty, a few paths would be taken for the whole site.
        work.everything |= self._parts.site.index.filling
        if work.scan and not work.everything:
            work.everything = self._needs_full_scan()
        if work.scan and not work.everything:
            site = self._parts.site
            hints |= set(site.scanner.seeds.changed_folders(site.folders, now=now))

    def _verify_documents(self) -> None:
        """Verify some of the published documents; the turn that follows writes damaged ones again."""
        now = time.monotonic()
        elapsed, self._verified = now - self._verified, now
        if damaged := self._parts.site.verification.run(elapsed):
            log("published documents are damaged", logging.ERROR, documents=damaged, action="written again")

    def _needs_full_scan(self) -> bool:
        """Return whether a scheduled scan must walk everything instead of comparing the folders' lists of names."""
        spent = self._scan_budget.is_spent(self._parts.watcher.backend, self._parts.config, time.monotonic())
        return not spent or "folder" in self._parts.health.problems

    def _scan_everything(self, work: Work, now: int) -> Turn:
        for request, _ in work.triggers:
            self._parts.site.mark_stale(request.feeds)
        began = time.monotonic()
        accept = any(request.accept_deletions for request, _ in work.triggers)
        turn = self._parts.site.take_full_turn(now=now, accept_deletions=accept)
        self._scan_budget.note_scan(turn, began, time.monotonic())
        self._parts.health.scanned = self._parts.clock()
        self._parts.report("folder", "; ".join(turn.doubted), "not believed")
        self._parts.watcher.note_folders(self._parts.site.folders, self._parts.site.scanner.links)
        return turn

    # -- after it

    def _after_turn(self, work: Work, turn: Turn) -> None:
        """Plan what follows, and inform the server, the hub, the log, systemd and those who asked."""
        self._plan_next(turn)
        self._notify_server(turn)
        self._note_search(turn)
        self._record_success(turn)
        self._parts.websub.submit(None if work.everything else turn.written)
        log_turn(turn, was_asked_for=bool(work.triggers), people=self._line_for_people(work, turn))
        self._parts.problem_log.add(turn.problems, time.monotonic())
        self._parts.health.feeds = frozenset(self._parts.site.index.feeds.by_slug())
        if work.triggers:
            work.reply(Reply(value=msgspec.to_builtins(self._parts.site.full_report(turn))))
        self._parts.systemd.notify(STATUS=self._parts.health.summary())

    def _line_for_people(self, work: Work, turn: Turn) -> str | None:
        # An empty hint concerns a whole root, and has no name.
        hints = () if work.everything else tuple(path for path in work.hints if path and not folder.is_hidden(path))
        broken = {problem.path for problem in turn.problems if not problem.warning}
        mended = {path for path in self._broken if path in hints and path not in broken}
        self._broken = (self._broken - mended) | broken
        due = self._due_path if work.due and not hints and not work.everything else ""
        reason = self._not_shown(*hints) if len(hints) == 1 and not turn.written else ""
        return turn_line(turn, paths=hints, due=due, mended=mended, broken=broken, reason=reason)

    def _not_shown(self, path: str) -> str:
        try:
            return reason_not_shown(self._parts.site.index, path, now=int(self._parts.clock()))
        except DAMAGED:
            return ""  # the next turn handles it

    def _plan_next(self, turn: Turn) -> None:
        if turn.doubt:
            log("doubt", logging.WARNING, reason=turn.doubt)
            self._scan_in(QUIET_AFTER_DELETIONS)
        self.due = self._parts.site.index.next_due_moment(turn.now)
        self._parts.scheduler.set_due(self.due)
        self._has_garbage |= turn.unfinished or turn.read > MANY_HINTS
        if turn.unfinished:
            self._parts.inbox.put("due")
        elif self._has_garbage:
            self._has_garbage = False
            release_memory()

    def _notify_server(self, turn: Turn) -> None:
        if self._parts.server is not None and turn.written:
            # Archive pages are many and nobody waits for them: the server notices them within a second.
            folders = {name.partition("/")[0] for name in turn.written if name.count("/") == 1}
            self._parts.server.notify_changed(filter(SLUG.fullmatch, folders))

    def _note_search(self, turn: Turn) -> None:
        found = self._parts.site.search
        if turn.read or turn.removed or turn.written or (found is not None and found.needs_update):
            self._parts.search.want()

    def _record_success(self, turn: Turn) -> None:
        self._parts.health.count_turn(turn.seconds)
        self._parts.health.index_failures = 0
        for concern in ("turn", "index"):
            self._parts.report(concern, "")
        self._parts.report("writing", "; ".join(turn.failed[:3]))

    # -- if it fails

    def _on_rejected_scan(self, work: Work, error: AggregatorError) -> None:
        """Withdraw nothing and report why; do what needs no full scan, unless that is what failed."""
        self._parts.report("folder", str(error), "not believed")
        work.reply(Reply(error=str(error)))
        if work.everything and not self._parts.site.index.filling:
            self._parts.inbox.put_back(work, most=MANY_HINTS)
        else:
            self._scan_in(RETRY)

    def _on_index_failure(self, error: Exception) -> None:
        """Replace a damaged index, but not for ever; other failures, such as a full disk, may pass."""
        self._parts.report("index", with_advice(error), "index failed")
        if not is_damage(error):
            self._scan_in(RETRY)
            return
        health = self._parts.health
        health.index_failures += 1
        if health.index_failures > MOST_INDEX_FAILURES:
            raise CannotGoOnError(f"the index fails again and again: {with_advice(error)}") from error
        try:
            self._parts.site.replace_index(error)
        except (OSError, sqlite3.Error) as failed:
            self._parts.report("index", f"{with_advice(error)}, and a new one cannot be created: {with_advice(failed)}")
            health.index_failures -= 1
            self._scan_in(RETRY)
        else:
            self._parts.inbox.put("doubt")

    def _on_failure(self, work: Work, error: Exception) -> None:
        LOGGER.exception("turn failed")
        problem = _reason(error)
        self._parts.report("turn", problem)
        self._scan_in(RETRY)
        work.reply(Reply(error=f"the turn failed: {problem}"))

    def _scan_in(self, seconds: float) -> None:
        self._pending_scan.schedule(seconds, time.monotonic())


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return reason_with_path(error)
    if isinstance(error, MemoryError):
        return NO_MEMORY
    return f"{type(error).__name__} in a turn: a bug in this program (the log says where)"
