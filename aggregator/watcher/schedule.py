"""When to look, from the clock: regenerations, scans and the next due moment, by APScheduler. Starts one thread.

Each job only calls back, from the scheduler's thread. A job that comes late, because the machine slept or was busy,
comes once and is never dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.config import Schedule

Call = Callable[[], object]

_DUE, _SCAN, _REGENERATE = "due", "scan", "regenerate"


class Scheduler:
    """Calls `due` at the moment set, `scan` and `regenerate` as the config says."""

    def __init__(self, *, due: Call, scan: Call, regenerate: Call) -> None:
        self._calls: dict[str, Call] = {_DUE: due, _SCAN: scan, _REGENERATE: regenerate}
        self._scheduler: Any = None
        self._settings: tuple[Schedule, int, str] | None = None
        self._due: int | None = None

    def start(self, schedule: Schedule, *, scan: int, zone: str) -> None:
        """Begin, or begin anew: `scan` in seconds, cron lines in the time zone `zone` (an IANA name)."""
        self.stop()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._settings = schedule, scan, zone
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            # Late is late, never lost: the default drops what is a second late (guarantee G10).
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._add(_SCAN, IntervalTrigger(seconds=scan, timezone=UTC))
        if isinstance(schedule.regenerate, int):
            self._add(_REGENERATE, IntervalTrigger(seconds=schedule.regenerate, timezone=UTC))
        elif schedule.regenerate:
            self._add(_REGENERATE, CronTrigger.from_crontab(schedule.regenerate, timezone=zone))
        self._scheduler.start()
        if self._due is not None:
            self.set_due(self._due)

    def stop(self) -> None:
        """End the thread; it may be called twice."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def set_due(self, moment: int | None) -> None:
        """Set the one moment (seconds since 1970) at which `due` is called next, None for none."""
        self._due = moment
        if self._scheduler is None:
            return
        if self._scheduler.get_job(_DUE) is not None:
            self._scheduler.remove_job(_DUE)
        if moment is not None:
            self._add(_DUE, DateTrigger(run_date=datetime.fromtimestamp(moment, UTC)))

    def next_regeneration(self) -> float | None:
        """Give when the next regeneration comes, in seconds since 1970, None for never."""
        job = self._scheduler and self._scheduler.get_job(_REGENERATE)
        return job.next_run_time.timestamp() if job and job.next_run_time else None

    def wake(self) -> None:
        """Look at the clock again: it was set, or the machine slept."""
        if self._scheduler is not None:
            self._scheduler.wakeup()

    def check(self) -> bool:
        """Begin anew if the thread died (an exception in a trigger does that); says whether it lived."""
        if self.is_alive() or self._settings is None:
            return True
        schedule, scan, zone = self._settings
        self._scheduler = None  # its own shutdown would wait for the thread that is gone
        self.start(schedule, scan=scan, zone=zone)
        return False

    def is_alive(self) -> bool:
        """Say whether the thread lives."""
        thread = getattr(self._scheduler, "_thread", None)
        return thread is not None and thread.is_alive()

    def _add(self, name: str, trigger: Any) -> None:
        self._scheduler.add_job(self._calls[name], trigger, id=name, replace_existing=True)
