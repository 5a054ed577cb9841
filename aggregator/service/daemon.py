"""The daemon: one thread that waits for messages and takes one turn at a time for all that have come.

    events ─ hint ──┐
            doubt ──┤
    clock ── due ───┼──►  inbox  ──►  gather  ──►  one turn  ──►  set the next due moment
            scan ───┤               (settle)
    control trigger ┤
    signals ────────┘

Other threads only put messages into the inbox. `turns` decides over which paths a turn is taken, `site` what it does.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import msgspec

import aggregator.normalizer.reading  # noqa: F401 - else the first edit would wait until it is loaded
from aggregator.config.settings import Config
from aggregator.model.errors import NO_MEMORY, AggregatorError, ConfigError
from aggregator.model.words import no_such_feeds
from aggregator.publisher.hub.documents import documents_in
from aggregator.publisher.hub.notifier import WebSub
from aggregator.service.collector_process import CollectorProcess
from aggregator.service.config_files import ConfigFiles
from aggregator.service.control import ControlServer, Reply, Request
from aggregator.service.health import DaemonStatus, Health
from aggregator.service.heartbeat import Heartbeat
from aggregator.service.http.listening import CannotListenError
from aggregator.service.inbox import CHECK_INTERVAL, Inbox, Trigger, Work
from aggregator.service.logs import LOGGER, log
from aggregator.service.one_time_tokens import OneTimeTokens
from aggregator.service.parts import CannotGoOnError, Parts
from aggregator.service.search_process import SearchProcess
from aggregator.service.self_check import SelfCheck
from aggregator.service.server_process import ServerProcess
from aggregator.service.stop_signals import STOP_SIGNALS
from aggregator.service.systemd import SystemdNotifier
from aggregator.service.turns import MANY_HINTS, STOPPING, TurnInterrupted, TurnRunner
from aggregator.service.watch_backend import WatchBackend
from aggregator.service.watchdog import Watchdog
from aggregator.site.progress import Progress
from aggregator.site.site import Site
from aggregator.watcher.schedule import Scheduler

PREDECESSOR = 3.0
"""How long, in seconds, the server of a daemon that died may still hold its address."""

LONGEST_STOP = 3.0
"""How long, in seconds, a turn may go on after `stop`; then it is undone, and the next start takes it."""


class Daemon:
    """Keeps the feeds of a site up to date: `run` returns when it was stopped."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float],
        systemd: SystemdNotifier | None = None,
        server: ServerProcess | None = None,
        collector: CollectorProcess | None = None,
        search: SearchProcess | None = None,
        lock: int | None = None,
        adopt: bool = False,
        adjust: Callable[[Config], Config] = lambda config: config,
    ) -> None:
        """Take `config`; `clock` returns seconds since 1970, `server` serves the feeds (None: nobody does).

        `collector` asks the sources, if the config has any (None: nobody does), `search` makes the files of a static
        search, if there is one. `lock` is the open lock on the state
        folder, if `standby` waited for it; with `adopt`, the first turn replaces files of somebody else in the feeds
        folder. `adjust` changes each config that is loaded again.
        """
        self._stood_by = lock is not None
        self._stop_asked: float | None = None
        self._ended = threading.Event()
        self._files = ConfigFiles(config, adjust)
        self._tokens = OneTimeTokens()
        systemd = systemd or SystemdNotifier("")
        inbox, heartbeat = Inbox(systemd.watchdog_seconds), Heartbeat()
        draw = random.Random().uniform  # noqa: S311 - waits, no secret
        search = search or SearchProcess(adopt=adopt)
        self._parts = Parts(
            clock=clock,
            inbox=inbox,
            site=Site(
                config,
                progress=Progress(tick=self._keepalive, on_wait=self._while_waiting, may_stop=inbox.is_urgent),
                lock=lock,
                note=log,
                adopt=adopt,
                before_withdrawal=search.stop,
            ),
            watcher=WatchBackend(inbox),
            scheduler=Scheduler(
                due=lambda: inbox.put("due"),
                scan=lambda: inbox.put("scan"),
                regenerate=lambda: inbox.put("regenerate"),
            ),
            control=ControlServer(config.state, self._answer),
            websub=WebSub(clock=clock, draw=draw, note=log, documents=documents_in),
            server=server,
            collector=collector,
            search=search,
            systemd=systemd,
            health=Health(started=clock(), pid=os.getpid()),
            heartbeat=heartbeat,
            watchdog=Watchdog(heartbeat, self._notify_stuck),
        )
        self._self_check = SelfCheck(self._parts)
        self._turns = TurnRunner(self._parts)

    # -- life

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or `stop`, and return the exit code.

        Raises:
            LockedError: if another process holds the state folder.
            ConfigError: if a folder cannot be used.
        """
        with self._parts.site:
            try:
                self._begin()
                while self._step():
                    pass
            except CannotGoOnError as error:
                log("cannot go on", logging.CRITICAL, reason=str(error))
                return 1
            except AggregatorError:
                raise
            except MemoryError:
                log("cannot go on", logging.CRITICAL, reason=NO_MEMORY)
                return 1
            except Exception:
                LOGGER.critical("ended by a bug in this program", exc_info=True)
                raise
            finally:
                self._end()
        log("stopped")
        return 0

    def stop(self) -> None:
        """Stop after the current turn; may be called from any thread or signal handler."""
        self._stop_asked = self._stop_asked or time.monotonic()
        if self._parts.collector is not None:
            self._parts.collector.end()  # while the turn under way ends
        self._parts.inbox.put("stop")

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, reload on SIGHUP, regenerate on SIGUSR1.

        At the second signal to stop, `StopSignals` ends the process.
        """
        put, regenerate = self._parts.inbox.put, Trigger(Request(do="trigger"), None)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGHUP, lambda *_: put("reload"))
        signal.signal(signal.SIGUSR1, lambda *_: put("trigger", regenerate))

    def _begin(self) -> None:
        parts, config = self._parts, self._parts.config
        parts.watchdog.start()
        parts.watcher.start(config)
        parts.control.start()
        self._serve()
        parts.schedule()
        self._self_check.begin()
        people = f"· started: process {os.getpid()}, watcher {parts.health.backend}"  # the banner names the folders
        log(
            "started",
            people=people,
            pid=os.getpid(),
            seeds=", ".join(root.folder for root in config.seeds),
            feeds=config.feeds,
            watcher=parts.health.backend,
        )
        parts.health.feeds = frozenset(parts.site.index.feeds.by_slug())
        self._run_turn(Work(everything=True))
        parts.websub.begin(config)
        if parts.collector is not None:
            parts.collector.collect(config)
        parts.systemd.notify(READY="1", STATUS=parts.health.summary())

    def _serve(self) -> None:
        """Serve what is already published during the first turn.

        Raises:
            ConfigError: if the address in the config is taken.
        """
        parts = self._parts
        if parts.server is None:
            return
        try:
            parts.server.serve(parts.config, patience=PREDECESSOR if self._stood_by else 0.0)
        except CannotListenError as error:
            if not self._stood_by:  # otherwise self-checks retry it
                raise ConfigError([f"{parts.config.path}: server: {error}"]) from error

    def _step(self) -> bool:
        """Wait for work and do it; return whether to go on."""
        heartbeat = self._parts.heartbeat
        heartbeat.beat("waiting for work")
        work = self._parts.inbox.gather(self._files.patience)
        heartbeat.beat("checking itself")
        if work.stop:
            self._finish(work)
            return False
        work.everything |= self._self_check.run()
        self._parts.report("search", self._parts.search.check(self._parts.config, is_idle=not work), "not searchable")
        self._parts.problem_log.flush(self._parts.site.index, time.monotonic())
        self._turns.add_pending(work)
        work.reload |= self._files.have_changed()
        heartbeat.beat("reading its config")
        if work.reload and self._reload():
            work.everything = True
        if work:
            self._run_turn(work)
        return True

    def _run_turn(self, work: Work) -> None:
        self._parts.heartbeat.beat("taking a turn")
        self._turns.run(work)

    def _keepalive(self) -> None:
        """Called during a turn that makes progress."""
        self._parts.heartbeat.beat()
        self._while_waiting()

    def _while_waiting(self) -> None:
        """Called during a turn: notify systemd, and interrupt a turn that delays stopping for too long."""
        self._self_check.notify_watchdog()
        if self._stop_asked is not None and time.monotonic() - self._stop_asked > LONGEST_STOP:
            raise TurnInterrupted

    def _finish(self, work: Work) -> None:
        """Do what is done quickly; the rest is not lost, since the next start scans everything."""
        work.reply(STOPPING)
        if work.hints and len(work.hints) <= MANY_HINTS and not self._parts.site.index.filling:
            self._run_turn(Work(hints=work.hints))

    def _end(self) -> None:
        parts = self._parts
        parts.heartbeat.beat("stopping")
        parts.systemd.notify(STOPPING="1")
        parts.problem_log.flush(parts.site.index, float("inf"))
        self._ended.set()
        parts.inbox.refuse(STOPPING)
        parts.scheduler.stop()
        parts.control.stop()
        parts.websub.stop()
        parts.watcher.stop()
        parts.search.stop()
        for process in (parts.collector, parts.server):
            if process is not None:
                process.stop()
        parts.watchdog.stop()

    def _notify_stuck(self, problem: str) -> None:
        """Show in systemd's status what no main thread can say now; called on the watchdog's thread."""
        self._parts.systemd.notify(STATUS=problem or self._parts.health.summary())

    # -- config

    def _reload(self) -> bool:
        """Apply a changed config and return whether it was valid; an invalid one is reported and the old one stays."""
        parts, old = self._parts, self._parts.config
        try:
            config = self._files.load()
            parts.search.stop()  # the site takes temporary files for those that a crash left
            parts.site.reconfigure(config)
        except (AggregatorError, OSError, sqlite3.Error) as error:
            problems = list(map(str, error.problems)) if isinstance(error, ConfigError) else [str(error)]
            for line in problems:
                log("config rejected", logging.ERROR, problem=line)
            parts.report("config", "; ".join(problems))
            return False
        parts.report("config", "")
        log("config reloaded", path=config.path)
        self._apply(old, config)
        return True

    def _apply(self, old: Config, config: Config) -> None:
        parts = self._parts
        # If the system could not watch the folder, its limits may have been raised meanwhile.
        wants_events = parts.watcher.backend == "polling" and config.watch.backend != "polling"
        if (old.seeds, old.watch) != (config.seeds, config.watch) or wants_events:
            parts.watcher.start(config)
        if old.state != config.state:
            parts.reopen_control()
        if parts.server is not None:
            with suppress(CannotListenError):  # the next self-check reports and retries it
                parts.server.serve(config)
        if parts.collector is not None:
            parts.collector.collect(config)
        parts.schedule()
        parts.websub.begin(config)

    # -- clients

    def _answer(self, request: Request) -> Reply:
        """Answer a client of the control socket; runs on the client's thread."""
        if request.do == "status":
            return Reply(value=msgspec.to_builtins(self.status()))
        if request.do == "issue":
            return Reply(value=self._tokens.issue())
        if request.do == "redeem":
            return Reply(value=self._tokens.redeem(request.token))
        if request.do == "notify":
            for path in request.paths:
                self._parts.inbox.put("hint", path)
            return Reply(value=len(request.paths))
        unknown = [slug for slug in request.feeds if slug not in self._parts.health.feeds]
        if unknown:
            return Reply(error=no_such_feeds(unknown, self._parts.health.feeds))
        return self._regenerate(request)

    def _regenerate(self, request: Request) -> Reply:
        """Wait for the turn that `request` asks for, and return its report."""
        answer: Future[Reply] = Future()
        self._parts.inbox.put("trigger", Trigger(request, answer))
        while not self._ended.is_set():
            try:
                return answer.result(timeout=CHECK_INTERVAL)
            except TimeoutError:
                continue
        return answer.result() if answer.done() else STOPPING

    def status(self) -> DaemonStatus:
        """Return the daemon's status; may be called from any thread."""
        parts = self._parts
        parts.health.websub = parts.websub.status
        return parts.health.status(
            parts.clock(),
            due=self._turns.due,
            regenerate=parts.scheduler.next_regeneration(),
            heartbeat=parts.heartbeat,
        )
