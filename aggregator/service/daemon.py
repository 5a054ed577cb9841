"""The daemon: one thread that waits for reasons to look, takes a turn for all of them at once, and never two at a time.

    events ─ hint ──┐
            doubt ──┤
    clock ── due ───┼──►  inbox  ──►  gather  ──►  one turn  ──►  set the next due moment
            scan ───┤               (settle)
    control trigger ┤
    signals ────────┘

Other threads only put messages into the inbox. What a turn does is decided in the pipeline; here it is decided when one
is taken and over what: the places that events named, or everything.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import msgspec

from aggregator.config.settings import Config
from aggregator.index.database import DAMAGED, advised, is_damage
from aggregator.model.errors import AggregatorError, ConfigError, FolderError, LockedError, PublishError, worded
from aggregator.model.reports import Turn
from aggregator.model.slugs import SLUG
from aggregator.model.store import is_url
from aggregator.model.words import counted
from aggregator.publisher.hub.documents import documents_in
from aggregator.publisher.hub.notifier import WebSub
from aggregator.service import signals
from aggregator.service.config_files import ConfigFiles
from aggregator.service.control import ControlServer, Reply, Request
from aggregator.service.health import DaemonStatus, Health
from aggregator.service.http.listening import CannotListenError
from aggregator.service.inbox import TICK, Inbox, Trigger, Work
from aggregator.service.logs import LOGGER, log, log_turn
from aggregator.service.problem_log import Complaints
from aggregator.service.scan_timing import NextLook, ScanBudget
from aggregator.service.server_process import ServerProcess
from aggregator.service.systemd import Supervisor
from aggregator.service.watch_backend import Watching
from aggregator.site.memory import give_back
from aggregator.site.progress import Progress
from aggregator.site.site import Site
from aggregator.watcher import folder
from aggregator.watcher.schedule import Scheduler

QUIET_AFTER_DELETIONS = 1.0
"""How long, in seconds, events must pause after many deletions before the whole folder is asked whether it is so."""

RETRY = 5.0
"""How long, in seconds, to wait before a turn that failed is taken again."""

MANY_HINTS = 500
"""From so many hints on, walking the whole folder is cheaper than looking at each."""

LAST_ANSWERS = 3.0
"""How long, in seconds, the server of a daemon that died may still hold its address."""

CLOCK_STEP = 0.5
LONGEST_STOP = 3.0
"""How long, in seconds, a turn may still take once we are to stop; then it is undone, and the next start takes it."""


class CannotGoOnError(AggregatorError):
    """Nothing the daemon can do helps; its supervisor may start it again."""


class _Interrupted(AggregatorError):  # noqa: N818 - not an error: the turn is undone
    """The turn took too long for a daemon that is to stop."""


class Daemon:
    """Keeps a site's feeds true until it is told to stop: `run` does all."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float],
        supervisor: Supervisor | None = None,
        server: ServerProcess | None = None,
        lock: int | None = None,
    ) -> None:
        """Take `config`; `clock` gives seconds since 1970, `server` serves what is published (None: nobody does).

        `lock` is the open lock on the state folder, for who stood by until it was free (`standby`).
        """
        self.config = config
        self._stood_by = lock is not None
        self._server = server
        self._clock = clock
        self._supervisor = supervisor or Supervisor("")
        self._inbox = Inbox(self._supervisor.watchdog_seconds)
        self._site = Site(
            config, progress=Progress(tick=self._go_on, may_stop=self._inbox.presses), lock=lock, note=log
        )
        self._files = ConfigFiles(config)
        self._watching = Watching(self._inbox)
        self._scheduler = Scheduler(
            due=lambda: self._inbox.put("due"),
            scan=lambda: self._inbox.put("scan"),
            regenerate=lambda: self._inbox.put("regenerate"),
        )
        self._control = ControlServer(config.state, self._answer)
        draw = random.Random().uniform  # noqa: S311 - waits, no secret
        self._websub = WebSub(clock=clock, draw=draw, note=log, documents=documents_in)
        self.health = Health(started=clock(), pid=os.getpid())
        self._complaints = Complaints()
        self._next_look = NextLook()
        self._scans = ScanBudget()
        self._drift = 0.0
        self._worked = False
        self._due: int | None = None
        self._told = 0.0
        self._stop_asked: float | None = None
        self._ended = threading.Event()

    # -- life

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or `stop`; gives the exit code.

        Raises:
            LockedError: where another process holds the state folder.
            ConfigError: where a folder cannot be used.
        """
        with self._site:
            try:
                self._begin()
                while self._once():
                    pass
            except CannotGoOnError as error:
                log("cannot go on", logging.CRITICAL, reason=str(error))
                return 1
            except AggregatorError:
                raise
            except Exception:
                LOGGER.critical("ended by a bug in this program", exc_info=True)
                raise
            finally:
                self._end()
        log("stopped")
        return 0

    def stop(self) -> None:
        """Ask it to stop after the current turn; from any thread or signal handler."""
        self._stop_asked = self._stop_asked or time.monotonic()
        self._inbox.put("stop")

    def _begin(self) -> None:
        self._drift = self._clock() - time.monotonic()
        self._watching.begin(self.config)
        self._control.start()
        self._begin_to_serve()
        self._schedule()
        self._note_threads()
        log("started", pid=os.getpid(), seeds=self.config.seeds, feeds=self.config.feeds, watcher=self.health.backend)
        self.health.feeds = frozenset(self._site.index.feeds())
        self._turn(Work(everything=True))
        self._websub.begin(self.config)
        self._supervisor.tell(READY="1", STATUS=self._status_line())

    def _begin_to_serve(self) -> None:
        """Serve what is there while the first turn is taken.

        Raises:
            ConfigError: where the address of the config is taken.
        """
        if self._server is None:
            return
        try:
            self._server.begin(self.config, patience=LAST_ANSWERS if self._stood_by else 0.0)
        except CannotListenError as error:
            if not self._stood_by:  # else it is tried again at times
                raise ConfigError([f"{self.config.path}: server: {error}"]) from error
        self._note_server()

    def _note_server(self) -> None:
        assert self._server is not None
        if self.health.serving != self._server.address:
            self.health.serving = self._server.address
            elsewhere = f"served by {self.config.feeds}, not here" if is_url(self.config.feeds) else ""
            log("serving", address=self._server.address or "nowhere", documents=elsewhere)

    def _end(self) -> None:
        self._supervisor.tell(STOPPING="1")
        self._complaints.say(self._site.index, float("inf"))
        self._ended.set()
        self._inbox.refuse(_STOPPING)
        self._scheduler.stop()
        self._control.stop()
        self._websub.stop()
        self._watching.stop()
        if self._server is not None:
            self._server.stop()

    def _once(self) -> bool:
        """Wait for work and do it; says whether to go on."""
        work = self._inbox.gather(self._files.patience)
        if work.stop:
            self._finish(work)
            return False
        self._look_after(work)
        if work.reload and self._reload():
            work.everything = True
        if work:
            self._turn(work)
        return True

    def _finish(self, work: Work) -> None:
        """Do what is quickly done; nothing else is lost, as the next start looks at everything."""
        work.reply(_STOPPING)
        if work.hints and len(work.hints) <= MANY_HINTS and not self._site.index.filling:
            self._turn(Work(hints=work.hints))

    def _schedule(self) -> None:
        period = self._watching.scan_period()
        self._scheduler.start(self.config.schedule, scan=period, zone=self.config.timezone)

    # -- looking after things

    def _look_after(self, work: Work) -> None:
        """What is done twice a second, and before each turn: notice what no event tells."""
        self._look_at_clock(work)
        self._look_at_state()
        now = time.monotonic()
        self._complaints.say(self._site.index, now)
        if work.hints:
            self._next_look.put_off(QUIET_AFTER_DELETIONS, now)
        work.everything |= self._next_look.has_come(now)
        if work.hints and "folder" in self.health.problems:
            self._look_again(QUIET_AFTER_DELETIONS)  # what was missing may be coming back
        self._look_after_threads(work)
        work.reload = work.reload or self._files.have_changed()

    def _look_at_state(self) -> None:
        """Notice what somebody removed of the state folder: the index is written again, without its lock we end."""
        try:
            if self._site.keep_state():
                log("the index was removed", logging.ERROR, action="written again")
        except LockedError as error:
            raise CannotGoOnError(f"{error.path}: its lock was removed or replaced (start again)") from error
        except (OSError, sqlite3.Error) as error:
            self._set("state", f"{self.config.state}: {advised(error)}")
        else:
            self._set("state", "")

    def _look_at_clock(self, work: Work) -> None:
        drift = self._clock() - time.monotonic()
        if abs(drift - self._drift) > CLOCK_STEP:
            log("the clock was set", seconds=drift - self._drift)
            self._scheduler.begin_anew()
            # A regeneration may lie in the time that was skipped, and items on both sides of it.
            work.everything = True
        self._drift = drift
        if self._due is not None and self._due <= self._clock() and "turn" not in self.health.problems:
            work.due = True

    def _look_after_threads(self, work: Work) -> None:
        backend = self.health.backend
        self._set("watcher", self._watching.check(), "not watched")
        if backend != self._watching.backend:
            self._schedule()
        if not self._scheduler.check():
            log("thread died", logging.ERROR, thread="scheduler", action="started again")
            work.everything = True
        if not self._control.is_alive():
            log("thread died", logging.ERROR, thread="control", action="started again")
            self._serve_control()
        self._look_after_server()
        if self._websub.check():
            log("thread died", logging.ERROR, thread="websub", action="started again")
        self._note_threads()
        self._tell_watchdog()

    def _look_after_server(self) -> None:
        if self._server is None:
            return
        self._set("server", self._server.check(), "not served")
        self._note_server()

    def _note_threads(self) -> None:
        own = {"scheduler": self._scheduler.is_alive(), "control": self._control.is_alive()}
        self.health.threads = {**own, **self._watching.threads(), **self._websub.threads()}
        self._set("websub", self._websub.problem, "pings are not stored")
        self._set("backend", self._watching.problem)
        self.health.backend, self.health.overflows = self._watching.backend, self._watching.overflows

    def _serve_control(self) -> None:
        """Listen anew; where that fails it is tried again at the next look."""
        self._control.stop()
        self._control = ControlServer(self.config.state, self._answer)
        try:
            self._control.start()
        except OSError as error:
            self._set("control", f"the control socket cannot be opened: {error.strerror}")
        else:
            self._set("control", "")

    def _tell_watchdog(self) -> None:
        interval = self._supervisor.watchdog_seconds / 2
        if interval and time.monotonic() - self._told > interval - TICK and all(self.health.threads.values()):
            self._told = time.monotonic()
            self._supervisor.tell(WATCHDOG="1")

    def _set(self, concern: str, problem: str, event: str = "") -> None:
        """Note how a concern does, "" for well; a change for the worse is logged as `event`."""
        if self.health.set(concern, problem, now=self._clock()) and problem and event:
            log(event, logging.ERROR, reason=problem)

    def _look_again(self, seconds: float) -> None:
        self._next_look.wait(seconds, time.monotonic())

    # -- turns

    def _turn(self, work: Work) -> None:
        """Take one turn and answer those who asked for it; whatever goes wrong, the daemon lives."""
        try:
            self._done(work, self._taken(work))
        except _Interrupted:
            work.reply(_STOPPING)
        except (FolderError, PublishError) as error:  # the latter where it cannot be seen what is published
            self._not_believed(work, error)
        except DAMAGED as error:
            work.reply(Reply(error=f"the index failed: {error}"))
            self._mend(error)
        except Exception as error:  # noqa: BLE001 - the boundary: one bad turn must not end the daemon
            LOGGER.exception("turn failed")
            bug = f"{type(error).__name__} in a turn: a bug in this program (the log says where)"
            self._set("turn", worded(error) if isinstance(error, OSError) else bug)
            self._look_again(RETRY)
            work.reply(Reply(error=f"the turn failed: {self.health.problems['turn']}"))

    def _taken(self, work: Work) -> Turn:
        now = int(self._clock())
        hints = {path for path in work.hints if not folder.is_hidden(path)}
        # An index that is still empty knows nothing: what few places hold would pass for all there is.
        work.everything |= self._site.index.filling
        if work.scan and not work.everything:
            work.everything = self._must_walk()
        if work.scan and not work.everything:
            hints |= set(folder.changed_folders(self.config.seeds, self._site.folders, now=now))
        if not work.everything and len(hints) <= MANY_HINTS:
            return self._site.look_at(hints, now=now)
        for request, _ in work.triggers:
            self._site.force(request.feeds)
        began = time.monotonic()
        accept = any(request.accept_deletions for request, _ in work.triggers)
        turn = self._site.look_everywhere(now=now, accept_deletions=accept)
        self._scans.looked(turn, began, time.monotonic())
        self.health.scanned = self._clock()
        self._set("folder", "")
        self._watching.expect(self._site.folders)
        return turn

    def _must_walk(self) -> bool:
        """Say whether a scan must walk the whole folder, not look at its folders' lists of names alone."""
        spent = self._scans.is_spent(self._watching.backend, self.config, time.monotonic())
        return not spent or "folder" in self.health.problems

    def _go_on(self) -> None:
        """Within a long turn: tell the supervisor that we live, and stop when it has to be.

        Raises:
            _Interrupted: to undo the turn.
        """
        self._tell_watchdog()
        if self._stop_asked is not None and time.monotonic() - self._stop_asked > LONGEST_STOP:
            raise _Interrupted

    def _done(self, work: Work, turn: Turn) -> None:
        if turn.doubt:
            log("doubt", logging.WARNING, reason=turn.doubt)
            self._look_again(QUIET_AFTER_DELETIONS)
        self._due = self._site.index.next_due_moment(turn.now)
        self._scheduler.set_due(self._due)
        if self._server is not None and turn.written:
            # Pages of archives are many at a time, and nobody watches them: the server sees them within a second.
            folders = {name.partition("/")[0] for name in turn.written if name.count("/") == 1}
            self._server.tell(filter(SLUG.fullmatch, folders))
        self._worked = self._worked or turn.unfinished or turn.read > MANY_HINTS
        if turn.unfinished:
            self._inbox.put("due")
        elif self._worked:
            self._worked = False
            give_back()
        self.health.took(turn.seconds)
        self.health.index_failures = 0
        for concern in ("turn", "index"):
            self._set(concern, "")
        self._set("writing", "; ".join(turn.failed[:3]))
        self._websub.look(None if work.everything else turn.written)
        log_turn(turn, was_asked_for=bool(work.triggers))
        self._complaints.hear(turn.problems, time.monotonic())
        status = self._status_line()
        if work.triggers:
            work.reply(Reply(value=msgspec.to_builtins(self._site.full_report(turn))))
        self._supervisor.tell(STATUS=status)

    def _not_believed(self, work: Work, error: AggregatorError) -> None:
        """Withdraw nothing, say why, and go on with what needs no look at the whole folder, unless that failed."""
        self._set("folder", str(error), "not believed")
        work.reply(Reply(error=str(error)))
        if work.everything and not self._site.index.filling:
            self._inbox.put_back(work, most=MANY_HINTS)
        else:
            self._look_again(RETRY)

    def _mend(self, error: Exception) -> None:
        """Begin a new index in place of a damaged one, the third time in a row give up; a full disk may pass."""
        self._set("index", str(error), "index failed")
        if not is_damage(error):
            self._look_again(RETRY)
            return
        self.health.index_failures += 1
        if self.health.index_failures > 2:
            raise CannotGoOnError(f"the index fails again and again: {error}") from error
        try:
            self._site.mend(error)
        except (OSError, sqlite3.Error) as failed:
            self._set("index", f"{error}, and no other can be made: {advised(failed)}")
            self.health.index_failures -= 1
            self._look_again(RETRY)
        else:
            self._inbox.put("doubt")

    # -- config

    def _reload(self) -> bool:
        """Take a changed config if it is right; else the old one stays, and everyone can see why."""
        try:
            config = self._files.load()
            self._site.reconfigure(config)
        except (AggregatorError, OSError, sqlite3.Error) as error:
            problems = list(map(str, error.problems)) if isinstance(error, ConfigError) else [str(error)]
            for line in problems:
                log("config refused", logging.ERROR, problem=line)
            self._set("config", "; ".join(problems))
            return False
        self._set("config", "")
        old, self.config = self.config, config
        log("config taken", path=config.path)
        # Where the system could not watch, its limits may have been raised meanwhile.
        wants_events = self._watching.backend == "polling" and config.watch.backend != "polling"
        if (old.seeds, old.watch) != (config.seeds, config.watch) or wants_events:
            self._watching.begin(config)
        if old.state != config.state:
            self._serve_control()
        if self._server is not None:
            with suppress(CannotListenError):  # named at the next look, and tried again
                self._server.begin(config)
        self._schedule()
        self._websub.begin(config)
        return True

    # -- answers

    def _answer(self, request: Request) -> Reply:
        """Answer a client of the control socket; runs on its thread."""
        if request.do == "status":
            return Reply(value=msgspec.to_builtins(self.status()))
        if request.do == "notify":
            for path in request.paths:
                self._inbox.put("hint", path)
            return Reply(value=len(request.paths))
        unknown = [slug for slug in request.feeds if slug not in self.health.feeds]
        if unknown:
            return Reply(error=f"no such feed: {', '.join(unknown)} (`aggregator status` lists them)")
        answer: Future[Reply] = Future()
        self._inbox.put("trigger", Trigger(request, answer))
        while not self._ended.is_set():
            try:
                return answer.result(timeout=TICK)
            except TimeoutError:
                continue
        return answer.result() if answer.done() else _STOPPING

    def status(self) -> DaemonStatus:
        """Say how the daemon does; from any thread."""
        self.health.websub = self._websub.status
        return self.health.status(self._clock(), due=self._due, regenerate=self._scheduler.next_regeneration())

    def _status_line(self) -> str:
        self.health.feeds = frozenset(self._site.index.feeds())
        state = "; ".join(self.health.problems.values()) or "well"
        return f"{counted(len(self.health.feeds), 'feed')}, {counted(self.health.turns, 'turn')}, {state}"

    def handle_signals(self) -> None:
        """Stop, reload and regenerate as signals say (`signals`)."""
        put = self._inbox.put
        again = Trigger(Request(do="trigger"), None)
        signals.handle(stop=self.stop, reload=partial(put, "reload"), regenerate=partial(put, "trigger", again))


_STOPPING = Reply(error="the daemon is stopping")
