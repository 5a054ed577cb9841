"""Regenerations, scans and the next due moment, on time, by APScheduler. Starts one thread.

Each job only calls back, on the scheduler's one thread. A job that is late, because the machine slept or was busy,
runs once and is never dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.config.settings import Schedule

Call = Callable[[], object]

_DUE, _SCAN, _REGENERATE = "due", "scan", "regenerate"

_LAST_MOMENT = 253_402_300_799
"""The end of the year 9999, the last that `datetime` supports."""


class Once(BaseTrigger):  # type: ignore[misc]  # the library is not typed
    """Fires once however often `trigger` was missed.

    The library lists all missed moments before it drops all but one; after a clock jumps from 1970 to the present that
    would take hours.
    """

    def __init__(self, trigger: BaseTrigger) -> None:
        self._trigger = trigger

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first moment from `now` on and after the previous one."""
        now = now.astimezone(UTC)  # in local time an hour may occur twice, which breaks arithmetic
        if previous_fire_time is not None:
            now = max(now, previous_fire_time.astimezone(UTC) + timedelta(microseconds=1))
        found: datetime | None = self._trigger.get_next_fire_time(None, now)
        return found


def by_cron(lines: str, zone: str) -> Once:
    """Return a trigger for cron lines, one per line of text, in the time zone `zone` (an IANA name)."""
    return Once(OrTrigger([CronTrigger.from_crontab(line, timezone=zone) for line in lines.splitlines()]))


class Scheduler:
    """Calls `due` at the moment that was set, and `scan` and `regenerate` as the config says."""

    def __init__(self, *, due: Call, scan: Call, regenerate: Call) -> None:
        self._calls: dict[str, Call] = {_DUE: due, _SCAN: scan, _REGENERATE: regenerate}
        self._scheduler: Any = None
        self._settings: tuple[Schedule, int, str] | None = None
        self._due: int | None = None

    def start(self, schedule: Schedule, *, scan: int, zone: str) -> None:
        """Start, or start again: `scan` is in seconds, cron lines are in the time zone `zone` (an IANA name)."""
        self.stop()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._settings = schedule, scan, zone
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # The scheduler's thread calls back itself, as a pool would not notice that its only thread died.
            executors={"default": DebugExecutor()},
            # A late job is never dropped; by default it is after one second (guarantee G10).
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._add(_SCAN, Once(IntervalTrigger(seconds=scan, timezone=UTC)))
        if isinstance(schedule.regenerate, int):
            self._add(_REGENERATE, Once(IntervalTrigger(seconds=schedule.regenerate, timezone=UTC)))
        elif schedule.regenerate:
            self._add(_REGENERATE, by_cron(schedule.regenerate, zone))
        self._scheduler.start()
        if self._due is not None:
            self.set_due(self._due)

    def stop(self) -> None:
        """End the thread; may be called twice."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            # Waits for a job that runs: after `shutdown` its thread would look for that job among those of a scheduler
            # that was never started, and end with a JobLookupError.
            scheduler.remove_all_jobs()
            scheduler.shutdown(wait=False)

    def set_due(self, moment: int | None) -> None:
        """Set the moment (seconds since 1970) at which `due` is called next, or None."""
        self._due = moment
        if self._scheduler is None:
            return
        if moment is None or moment > _LAST_MOMENT:
            with suppress(JobLookupError):  # none is set, or it has just run
                self._scheduler.remove_job(_DUE)
        else:
            self._add(_DUE, DateTrigger(run_date=datetime.fromtimestamp(moment, UTC)))

    def next_regeneration(self) -> float | None:
        """Return the time of the next regeneration in seconds since 1970, None if there is none."""
        scheduler = self._scheduler  # other threads call this too, and it may be restarted meanwhile
        job = scheduler and scheduler.get_job(_REGENERATE)
        moment = getattr(job, "next_run_time", None)  # a job has none until its scheduler runs
        return moment and moment.timestamp()

    def restart(self) -> None:
        """Schedule everything again from now: after the clock was set, what was planned may be years away."""
        if self._settings is not None:
            schedule, scan, zone = self._settings
            self.start(schedule, scan=scan, zone=zone)

    def check(self) -> bool:
        """Restart if the thread died (an exception in a trigger does that); return whether it was alive."""
        if self.is_alive() or self._settings is None:
            return True
        self._scheduler = None  # without its thread it cannot be shut down
        self.restart()
        return False

    def is_alive(self) -> bool:
        """Return whether the thread is alive."""
        thread = getattr(self._scheduler, "_thread", None)
        return thread is not None and thread.is_alive()

    def _add(self, name: str, trigger: Any) -> None:
        self._scheduler.add_job(self._calls[name], trigger, id=name, replace_existing=True)
