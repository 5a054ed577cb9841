"""The daemon: one thread that waits for reasons to look, takes a turn for all of them at once, and never two at a time.

    events ─ hint ──┐
            doubt ──┤
    clock ── due ───┼──►  queue  ──►  gather  ──►  one turn  ──►  set the next due moment
            scan ───┤               (settle)
    control trigger ┤
    signals ────────┘

Other threads only put messages into the queue. What a turn does is decided in the pipeline; here it is decided when one
is taken and over what: the places that events named, or everything.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from aggregator.config import Config
from aggregator.control import ControlServer, Reply, Request
from aggregator.errors import AggregatorError, ConfigError, FolderError
from aggregator.health import DaemonStatus, Health
from aggregator.index import DAMAGED, is_damage
from aggregator.logs import log
from aggregator.model import Problem, Turn
from aggregator.site import Site, load_config
from aggregator.supervisor import Supervisor
from aggregator.watcher import folder
from aggregator.watcher.events import SYSCTL, EventWatcher, NotWatchableError, remote_filesystem
from aggregator.watcher.schedule import Scheduler

TICK = 0.5
"""How often, in seconds, everything is looked after when nothing happens."""

SETTLE = 0.02
"""How long, in seconds, events must pause before they are acted on."""

LONGEST_SETTLE = 0.5
QUIET_AFTER_DELETIONS = 1.0
"""How long, in seconds, events must pause after many deletions before the whole folder is asked whether it is so."""

LONGEST_QUIET = 10.0
RETRY = 5.0
MANY_HINTS = 500
"""From so many hints on, walking the whole folder is cheaper than looking at each."""

DEFAULT_SCAN = 30
SCAN_SHARE = 0.0005
"""The share of a processor that walking a watched folder may cost."""

CLOCK_STEP = 0.5


class Message(NamedTuple):
    """A reason to look, from another thread or a signal."""

    kind: str
    value: Any = None


@dataclass
class Work:
    """What the next turn is taken for."""

    hints: set[str] = field(default_factory=set)
    everything: bool = False
    scan: bool = False
    due: bool = False
    reload: bool = False
    stop: bool = False
    triggers: list[tuple[Request, Future[Reply] | None]] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Take in one more reason."""
        match message.kind:
            case "hint":
                self.hints.add(message.value)
            case "trigger":
                self.triggers.append(message.value)
                self.everything = True
            case "doubt" | "regenerate":
                self.everything = True
            case kind:
                setattr(self, kind, True)

    def __bool__(self) -> bool:
        return bool(self.hints or self.everything or self.scan or self.due or self.reload or self.triggers)


class CannotGoOnError(AggregatorError):
    """Nothing the daemon can do helps; its supervisor may start it again."""


class Daemon:
    """Keeps a site's feeds true until it is told to stop: `run` does all."""

    def __init__(self, config: Config, *, clock: Callable[[], float], supervisor: Supervisor | None = None) -> None:
        self.config = config
        self._clock = clock
        self._supervisor = supervisor or Supervisor("")
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._site = Site(config)
        self._watcher: EventWatcher | None = None
        self._scheduler = Scheduler(
            due=lambda: self._put("due"), scan=lambda: self._put("scan"), regenerate=lambda: self._put("regenerate")
        )
        self._control = ControlServer(config.state, self._answer)
        self.health = Health(started=clock())
        self._full_at: float | None = None
        self._full_by: float | None = None
        self._scanned = 0.0
        self._scan_seconds = 0.0
        self._drift = 0.0
        self._due: int | None = None
        self._config_stamp: tuple[Any, ...] = ()
        self._told = 0.0
        self._backend_problem = ""

    # -- life

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or `stop`; gives the exit code.

        Raises:
            LockedError: where another process holds the state folder.
            ConfigError: where a folder cannot be used.
        """
        with self._site:
            self._begin()
            try:
                while self._once():
                    pass
            except CannotGoOnError as error:
                log("cannot go on", logging.CRITICAL, reason=str(error))
                return 1
            finally:
                self._end()
        log("stopped")
        return 0

    def stop(self) -> None:
        """Ask it to stop after the current turn; from any thread."""
        self._put("stop")

    def _begin(self) -> None:
        self._config_stamp = config_stamp(self.config)
        self._drift = self._clock() - time.monotonic()
        self._watch()
        self._control.start()
        self._scheduler.start(self.config.schedule, scan=self._scan_period(), zone=self.config.timezone)
        log("started", pid=os.getpid(), seeds=self.config.seeds, feeds=self.config.feeds, watcher=self.health.backend)
        self._turn(Work(everything=True))
        self._supervisor.tell(READY="1", STATUS=self._status_line())

    def _end(self) -> None:
        self._supervisor.tell(STOPPING="1")
        self._scheduler.stop()
        self._control.stop()
        if self._watcher is not None:
            self._watcher.stop()

    def _once(self) -> bool:
        """Wait for work and do it; says whether to go on."""
        work = self._gather()
        self._look_after(work)
        if work.reload:
            self._reload()
        if work:
            self._turn(work)
        return not work.stop

    def _put(self, kind: str, value: Any = None) -> None:
        self._queue.put(Message(kind, value))

    def _gather(self) -> Work:
        """Wait at most a tick for a reason to look, then for events to settle; anything else is acted on at once."""
        work = Work()
        try:
            work.add(self._queue.get(timeout=TICK))
            ends = time.monotonic() + LONGEST_SETTLE
            while work.hints and not (work.everything or work.scan or work.due or work.stop) and time.monotonic() < ends:
                work.add(self._queue.get(timeout=SETTLE))
            while True:
                work.add(self._queue.get_nowait())
        except queue.Empty:
            return work

    # -- looking after things

    def _look_after(self, work: Work) -> None:
        """What is done twice a second, and before each turn: notice what no event tells."""
        drift = self._clock() - time.monotonic()
        if abs(drift - self._drift) > CLOCK_STEP:
            log("the clock was set", seconds=drift - self._drift)
            self._scheduler.wake()
            work.due = True
        self._drift = drift
        if self._due is not None and self._due <= self._clock():
            work.due = True
        if work.hints and self._full_at is not None:
            self._full_at = time.monotonic() + QUIET_AFTER_DELETIONS
        if self._full_at is not None and time.monotonic() >= min(self._full_at, self._full_by or self._full_at):
            self._full_at = self._full_by = None
            work.everything = True
        self._look_after_threads(work)
        if config_stamp(self.config) != self._config_stamp:
            work.reload = True

    def _look_after_threads(self, work: Work) -> None:
        if self._watcher is not None:
            problem = self._watcher.check()
            if problem and not self.health.problems.get("watcher"):
                log("not watched", logging.ERROR, reason=problem)
            self.health.set("watcher", problem)
            self.health.overflows = self._watcher.overflows
        if not self._scheduler.check():
            log("thread died", logging.ERROR, thread="scheduler", action="started again")
            work.due = work.everything = True
        if not self._control.is_alive():
            log("thread died", logging.ERROR, thread="control", action="started again")
            self._control.stop()
            self._control = ControlServer(self.config.state, self._answer)
            self._control.start()
        self.health.threads = {"scheduler": self._scheduler.is_alive(), "control": self._control.is_alive()}
        self.health.threads |= self._watcher.threads() if self._watcher is not None else {}
        interval = self._supervisor.watchdog_seconds / 2
        if interval and time.monotonic() - self._told > interval and all(self.health.threads.values()):
            self._told = time.monotonic()
            self._supervisor.tell(WATCHDOG="1")

    def _watch(self) -> None:
        """Start the watcher that the config asks for; where the system cannot, walk instead and say why."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        wanted, reason = self.config.watch.backend, ""
        if wanted == "auto" and (kind := remote_filesystem(self.config.seeds)):
            wanted, reason = "polling", f"the seeds lie on {kind}, where changes cause no events"
        if wanted != "polling":
            watcher = EventWatcher(
                self.config.seeds,
                hint=lambda path: self._put("hint", path),
                doubt=lambda reason: self._put("doubt", reason),
            )
            try:
                watcher.start()
                self._watcher = watcher
            except NotWatchableError as error:
                reason = str(error)
        self._walk_instead(reason) if self._watcher is None else self.health.set("backend", "")
        self.health.backend = "native" if self._watcher is not None else "polling"

    def _walk_instead(self, reason: str) -> None:
        if reason:
            log("polling", logging.WARNING, reason=reason, every=self.config.watch.poll)
        wanted = self.config.watch.backend
        self.health.set("backend", reason if wanted == "native" else "")

    def _scan_period(self) -> int:
        """Give how often the scheduler asks for a scan, in seconds."""
        if self._watcher is None:
            return min(self.config.watch.poll, self.config.schedule.scan or DEFAULT_SCAN)
        return self.config.schedule.scan or DEFAULT_SCAN

    def _is_scan_enough(self) -> bool:
        """Say whether a scan may look at the folders' lists of names alone: walking a watched folder is bounded."""
        if self._watcher is None or self.config.schedule.scan is not None:
            return False
        return time.monotonic() - self._scanned < self._scan_seconds / SCAN_SHARE

    # -- turns

    def _turn(self, work: Work) -> None:
        """Take one turn and answer those who asked for it; whatever goes wrong, the daemon lives."""
        try:
            turn = self._taken(work)
        except FolderError as error:
            if self.health.problems.get("folder") != str(error):
                log("not believed", logging.ERROR, reason=str(error))
            self.health.set("folder", str(error))
            self._reply(work, Reply(error=str(error)))
            self._due = self._site.index.next_due_moment(int(self._clock()))
            return
        except DAMAGED as error:
            self._mend(error)
            self._reply(work, Reply(error=f"the index failed: {error}"))
            return
        except Exception as error:  # noqa: BLE001 - the boundary: one bad turn must not end the daemon
            logging.getLogger("aggregator").exception("turn failed")
            self.health.set("turn", f"{type(error).__name__} in a turn")
            self._reply(work, Reply(error=f"the turn failed: {type(error).__name__}"))
            return
        self.health.set("turn", "")
        self._done(work, turn)

    def _taken(self, work: Work) -> Turn:
        now = int(self._clock())
        hints = {path for path in work.hints if not folder.is_hidden(path)}
        if work.scan and not work.everything and self._is_scan_enough():
            hints |= set(folder.changed_folders(self.config.seeds, self._site.folders, now=now))
        elif work.scan:
            work.everything = True
        if not work.everything and len(hints) <= MANY_HINTS:
            return self._site.look_at(hints, now=now)
        for request, _ in work.triggers:
            self._site.force(request.feeds)
        began = time.monotonic()
        accept = any(request.accept_deletions for request, _ in work.triggers)
        turn = self._site.look_everywhere(now=now, accept_deletions=accept)
        if not turn.read:
            self._scan_seconds = time.monotonic() - began
        self._scanned = time.monotonic()
        self.health.scanned = self._clock()
        self.health.set("folder", "")
        self._check_watches()
        return turn

    def _check_watches(self) -> None:
        """A folder that is not watched, because the system's limit is reached, says nothing: count them."""
        watched = self._watcher.watches() if self._watcher is not None else None
        if watched is None or watched >= len(self._site.folders) or self._watcher is None:
            return
        missing = len(self._site.folders) - watched
        if self.config.watch.backend == "auto":
            self._watcher.stop()
            self._watcher = None
            self._walk_instead(f"{missing} folders cannot be watched (raise the sysctl {SYSCTL})")
            self.health.backend = "polling"
            self._scheduler.start(self.config.schedule, scan=self._scan_period(), zone=self.config.timezone)
        else:
            self.health.set("backend", f"{missing} folders cannot be watched (raise the sysctl {SYSCTL})")

    def _done(self, work: Work, turn: Turn) -> None:
        if turn.doubt:
            log("doubt", logging.WARNING, reason=turn.doubt)
            self._full_by = self._full_by or time.monotonic() + LONGEST_QUIET
            self._full_at = time.monotonic() + QUIET_AFTER_DELETIONS
        self._due = self._site.index.next_due_moment(turn.now)
        self._scheduler.set_due(self._due)
        self.health.turns += 1
        self.health.index_failures = 0
        self.health.set("index", "")
        self.health.set("writing", "; ".join(turn.failed[:3]))
        if turn.read or turn.removed or turn.written or turn.failed or work.triggers:
            log(
                "turn", read=turn.read, added=turn.added, changed=turn.changed, removed=turn.removed,
                rendered=turn.rendered, written=len(turn.written), seconds=turn.seconds, failed=len(turn.failed),
            )  # fmt: skip
        for line in (*turn.failed, *turn.notes):
            log("trouble", logging.ERROR, what=line)
        for problem in turn.problems:
            _log_problem(problem)
        if work.triggers:
            self._reply(work, Reply(value=msgspec.to_builtins(self._site.full_report(turn))))
        self._supervisor.tell(STATUS=self._status_line())

    def _reply(self, work: Work, reply: Reply) -> None:
        for _, answer in work.triggers:
            if answer is not None:
                answer.set_result(reply)

    def _mend(self, error: Exception) -> None:
        """Begin a new index in place of a damaged one, the third time in a row give up; a full disk may pass."""
        log("index failed", logging.ERROR, reason=str(error))
        self.health.set("index", str(error))
        if not is_damage(error):
            self._full_at = time.monotonic() + RETRY
            return
        self.health.index_failures += 1
        if self.health.index_failures > 2:
            raise CannotGoOnError(f"the index fails again and again: {error}") from error
        self._site.mend(error)
        self._put("doubt", "the index was made anew")

    # -- config

    def _reload(self) -> None:
        """Take a changed config if it is right; else the old one stays, and everyone can see why."""
        self._config_stamp = config_stamp(self.config)
        try:
            config = load_config(self.config.path)
            self._site.reconfigure(config)
        except (ConfigError, AggregatorError) as error:
            problems = list(map(str, error.problems)) if isinstance(error, ConfigError) else [str(error)]
            for line in problems:
                log("config refused", logging.ERROR, problem=line)
            self.health.set("config", "; ".join(problems))
            return
        self.health.set("config", "")
        old, self.config = self.config, config
        self._config_stamp = config_stamp(config)
        log("config taken", path=config.path)
        if (old.seeds, old.watch) != (config.seeds, config.watch):
            self._watch()
        if old.state != config.state:
            self._control.stop()
            self._control = ControlServer(config.state, self._answer)
            self._control.start()
        self._scheduler.start(config.schedule, scan=self._scan_period(), zone=config.timezone)
        self._put("doubt", "the config changed")

    # -- answers

    def _answer(self, request: Request) -> Reply:
        """Answer a client of the control socket; runs on its thread."""
        if request.do == "status":
            return Reply(value=msgspec.to_builtins(self.status()))
        unknown = [slug for slug in request.feeds if slug not in self.health.feeds]
        if unknown:
            return Reply(error=f"no such feed: {', '.join(unknown)}")
        answer: Future[Reply] = Future()
        self._put("trigger", (request, answer))
        return answer.result()

    def status(self) -> DaemonStatus:
        """Say how the daemon does; from any thread."""
        return self.health.status(self._clock(), due=self._due, regenerate=self._scheduler.next_regeneration())

    def _status_line(self) -> str:
        self.health.feeds = frozenset(self._site.index.feeds())
        state = "; ".join(self.health.problems.values()) or "well"
        return f"{len(self.health.feeds)} feeds, {self.health.turns} turns, {state}"

    # -- signals

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT (at once on the second), reload on SIGHUP, regenerate on SIGUSR1."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, lambda *_: self._put("reload"))
        signal.signal(signal.SIGUSR1, lambda *_: self._put("trigger", (Request(do="trigger"), None)))

    def _on_stop(self, number: int, _frame: object) -> None:
        for again in (signal.SIGTERM, signal.SIGINT):
            signal.signal(again, signal.SIG_DFL)
        self._put("stop")


def config_stamp(config: Config) -> tuple[Any, ...]:
    """Give what tells that the config file and its topic files have not changed."""
    topics = config.topic_settings.folder
    try:
        names = sorted(entry.path for entry in os.scandir(topics) if entry.name.endswith((".yaml", ".yml")))
    except OSError:
        names = []
    return tuple((path, _stamp(path)) for path in (config.path, *names))


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _log_problem(problem: Problem) -> None:
    log(
        "problem", logging.WARNING, path=problem.path, line=problem.line, column=problem.column, what=problem.message,
        hint=problem.hint,
    )  # fmt: skip
