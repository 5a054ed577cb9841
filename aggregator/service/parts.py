"""The parts of a daemon, shared by its loop, its turns and its self-check."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.config.settings import Config
from aggregator.model.errors import AggregatorError
from aggregator.publisher.hub.notifier import WebSub
from aggregator.service.collector_process import CollectorProcess
from aggregator.service.control import ControlServer
from aggregator.service.health import Health
from aggregator.service.heartbeat import Heartbeat
from aggregator.service.inbox import Inbox
from aggregator.service.logs import log
from aggregator.service.problem_log import ProblemLog
from aggregator.service.search_process import SearchProcess
from aggregator.service.server_process import ServerProcess
from aggregator.service.systemd import SystemdNotifier
from aggregator.service.watch_backend import WatchBackend
from aggregator.service.watchdog import Watchdog
from aggregator.site.site import Site
from aggregator.watcher.schedule import Scheduler


class CannotGoOnError(AggregatorError):
    """The daemon cannot recover by itself; its supervisor may start it again."""


@dataclass(kw_only=True)
class Parts:
    """What `Daemon` wires together; `server` is None if it does not serve, `collector` if it does not collect."""

    clock: Callable[[], float]
    inbox: Inbox
    site: Site
    watcher: WatchBackend
    scheduler: Scheduler
    control: ControlServer
    websub: WebSub
    server: ServerProcess | None
    collector: CollectorProcess | None
    search: SearchProcess
    systemd: SystemdNotifier
    health: Health
    heartbeat: Heartbeat
    watchdog: Watchdog
    problem_log: ProblemLog = field(default_factory=ProblemLog)

    @property
    def config(self) -> Config:
        """The current config, which a reload replaces."""
        return self.site.config

    def report(self, concern: str, problem: str, event: str = "") -> None:
        """Set the problem of `concern`, "" for none; log a new one as `event`, if one is given, and its end."""
        if not self.health.set_problem(concern, problem, now=self.clock()):
            return
        if not problem:
            log("recovered", people=f"✓ {concern}: the problem is gone", concern=concern)
        elif event:
            log(event, logging.ERROR, reason=problem)

    def schedule(self) -> None:
        """Schedule regenerations and scans as the config and the watch backend require."""
        self.scheduler.start(self.config.schedule, scan=self.watcher.scan_period(), zone=self.config.timezone)

    def reopen_control(self) -> None:
        """Open the control socket again, in the current state folder; if that fails, the next self-check retries."""
        try:
            self.control.restart(self.config.state)
        except OSError as error:
            self.report("control", f"the control socket cannot be opened: {error.strerror}")
        else:
            self.report("control", "")
